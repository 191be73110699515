/*-------------------------------------------------------------------------
 *
 * plan_refusals.c
 *	  Refusals of plans that must not be executed in the present state.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog.h"
#include "plan_refusals.h"

Refusal
no_stack_for_filters(void)
{
	return (Refusal) {
		ERRCODE_STATEMENT_TOO_COMPLEX,
			"not enough stack is left for a query on guarded tables",
			"The query's filters may be evaluated for other tenants' rows, and must not fail there for lack of stack.",
			"Call the query from fewer levels of functions, or increase max_stack_depth."
	};
}

Refusal
trigger_is_new(Oid relid)
{
	return (Refusal) {
		ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
			psprintf("table %s gained a BEFORE trigger after this statement was planned", relation_name(relid)),
			"The plan does not check new rows, since without a BEFORE trigger they are known to be the tenant's.",
			"Run the statement again."
	};
}

Refusal
custom_scan_is_opaque(const char *scan, Oid relid)
{
	return (Refusal) {
		ERRCODE_FEATURE_NOT_SUPPORTED,
			psprintf("custom scan \"%s\" does not show that it compares the tenant column of table %s", scan, relation_name(relid)),
			"It evaluates filters by itself, so that tenant_guard cannot add the comparison with the tenant of the transaction.",
			"Run the query without this custom scan: the extension that provides it may have a setting for that."
	};
}
