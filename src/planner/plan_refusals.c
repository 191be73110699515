/*-------------------------------------------------------------------------
 *
 * plan_refusals.c
 *	  Refusals of plans that must not run where they are about to.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"


#include "plan_refusals.h"

Refusal
no_stack_for_filters(void)
{
	return (Refusal) {
		ERRCODE_STATEMENT_TOO_COMPLEX,
			"not enough stack is left for a query on guarded tables",
			"Its filters are evaluated beside the tenant's, where they must not fail for want of stack.",
			"Call it from fewer levels of functions, or increase max_stack_depth."
	};
}

Refusal
trigger_is_new(const char *relation)
{
	return (Refusal) {
		ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
			psprintf("table %s has got a trigger since this statement was planned", relation),
			"The plan does not check the rows that it makes, since without a BEFORE trigger they are known to be the tenant's.",
			"Run the statement again."
	};
}
