/*-------------------------------------------------------------------------
 *
 * first_check.c
 *	  A check of the tenant that no filter can come before.
 *
 * PostgreSQL's security barrier keeps back functions that are not LEAKPROOF
 * only if they are given a column of the row (contain_leaked_vars in clauses.c).
 * Others are ordered by cost with the policies' quals, and who writes a function
 * says what it costs:
 *
 *		WHERE CASE WHEN body = 'a secret' THEN talk() END
 *
 * calls talk() for another tenant's row, if talk() is declared to cost less than
 * comparing tenants does.
 *
 * So where the barrier stays, the first of a table's security quals is a call of
 * is_current_tenant(), which says what the policy's qual does, costs nothing
 * and lets every row through as far as estimates are concerned.  What costs as
 * little stands behind it (order_qual_clauses in createplan.c keeps the order,
 * and security quals come first), and the planner cannot take it for an
 * equivalence, which it would move to the end.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "nodes/supportnodes.h"
#include "nodes/value.h"
#include "parser/parse_func.h"

#include "context.h"
#include "first_check.h"
#include "guard.h"
#include "own_function.h"

PG_FUNCTION_INFO_V1(is_current_tenant);
PG_FUNCTION_INFO_V1(is_current_tenant_support);

/* The tenant column, as the policy's own qual has it: of no domain, varchar as text. */
static Node *
tenant_column_of(const RangeTblEntry *rte, Index rti)
{
	AttrNumber	attnum = guard_of(rte->relid).attnum;
	ListCell   *lc;

	foreach(lc, rte->securityQuals)
		if (attnum > 0 && tenant_qual_column(lfirst(lc), rti) == attnum)
			return copyObject(linitial(((OpExpr *) lfirst(lc))->args));
	return NULL;
}

static Node *
call_is_current_tenant(Node *column)
{
	Oid			any = ANYOID;
	Oid			funcid = LookupFuncName(list_make2(makeString(EXTENSION_NAME), makeString("is_current_tenant")),
										1, &any, false);

	return (Node *) makeFuncExpr(funcid, BOOLOID, list_make1(column), InvalidOid,
								 exprCollation(column), COERCE_EXPLICIT_CALL);
}

/* Puts the check before the security quals of a guarded table. */
void
check_tenant_first(RangeTblEntry *rte, Index rti)
{
	Node	   *column = tenant_column_of(rte, rti);
	ListCell   *first = list_head(rte->securityQuals);

	if (column != NULL)
		lfirst(first) = make_and_qual(call_is_current_tenant(column), lfirst(first));
}

/*
 * Is the argument, a value of a tenant column, the transaction's tenant?  Raises
 * as the getters do.
 */
Datum
is_current_tenant(PG_FUNCTION_ARGS)
{
	Oid			type = get_fn_expr_argtype(fcinfo->flinfo, 0);
	const TenantValue *tenant = tenant_in_use();
	Datum		value;

	if (tenant == NULL || PG_ARGISNULL(0))
		PG_RETURN_NULL();
	value = PG_GETARG_DATUM(0);
	if (type == TEXTOID)
		value = PointerGetDatum(PG_DETOAST_DATUM_PACKED(value));
	PG_RETURN_BOOL(tenant_is(tenant, value, type));
}

/* What the planner is told of it. */
Datum
is_current_tenant_support(PG_FUNCTION_ARGS)
{
	Node	   *request = (Node *) PG_GETARG_POINTER(0);

	switch (nodeTag(request))
	{
		case T_SupportRequestCost:
			((SupportRequestCost *) request)->startup = 0;
			((SupportRequestCost *) request)->per_tuple = 0;
			PG_RETURN_POINTER(request);
		case T_SupportRequestSelectivity:
			((SupportRequestSelectivity *) request)->selectivity = 1.0;
			PG_RETURN_POINTER(request);
		default:
			PG_RETURN_POINTER(NULL);
	}
}
