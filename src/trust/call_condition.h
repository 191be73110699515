/*-------------------------------------------------------------------------
 *
 * call_condition.h
 *	  Whether a call of a function meets the condition on which it is trusted.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_CALL_CONDITION_H
#define TENANT_GUARD_CALL_CONDITION_H

#include "nodes/params.h"
#include "nodes/primnodes.h"

#include "trusted_function.h"

/* What the check of a query's filters knows of constants */
typedef struct Constants
{
	ParamListInfo params;		/* values of external parameters, or NULL */
	bool		unfolded;		/* the value of an expression was needed that would be a Const after fold_query() */
} Constants;

extern bool is_folded(Node *node, ParamListInfo params);
extern const Const *constant_value(Node *node, Constants *constants);
extern bool is_always_trusted(Oid funcid);
extern bool condition_holds(TrustCondition condition, Oid funcid, List *args, Oid collation, Constants *constants);
extern bool operator_is_trusted(Oid opno);
extern bool is_plain_output(const CoerceViaIO *cast);
extern bool aggregate_sorts(Oid aggregate);
extern bool call_copies(TrustCondition condition, Oid funcid);
extern bool reads_long_values(Node *filter);
extern bool collation_could_fail(List *args, Oid collation);
extern const char *reason_against_call(TrustCondition condition, Oid funcid);

#endif							/* TENANT_GUARD_CALL_CONDITION_H */
