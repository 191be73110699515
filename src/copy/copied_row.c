/*-------------------------------------------------------------------------
 *
 * copied_row.c
 *	  Checks that a row which COPY FROM stores belongs to the tenant.
 *
 * A call of this function stands behind the conditions of COPY's WHERE: a row that
 * they leave out is not checked, as INSERT ... SELECT ... WHERE checks no such row.
 * The tenant is looked up once a statement; each row costs a comparison.
 *
 * A user who calls the function compares values of his own with his tenant.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "nodes/makefuncs.h"
#include "utils/lsyscache.h"

#include "copied_row.h"
#include "current_tenant.h"
#include "extension_function.h"
#include "refused_row.h"
#include "tenant_refusals.h"

PG_FUNCTION_INFO_V1(tenant_guard_check_copied_tenant);

/* Arguments of the function. */
#define ARG_TABLE	0
#define ARG_TENANT	1

/* The state of one statement, in fn_extra. */
typedef struct CopyCheck
{
	Oid			type;			/* of the tenant column, or a domain's base type */
	const TenantValue *tenant;	/* NULL if the transaction has none */
} CopyCheck;

static CopyCheck *
begin_check(FunctionCallInfo fcinfo)
{
	CopyCheck  *check = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(CopyCheck));
	TenantType	serves;

	check->type = get_fn_expr_argtype(fcinfo->flinfo, ARG_TENANT);
	if (OidIsValid(check->type))
		check->type = getBaseType(check->type);
	check->tenant = tenant_of_transaction();
	if (check->tenant != NULL && !type_serves(check->type, &serves))
		check->tenant = NULL;
	else if (check->tenant != NULL && serves != check->tenant->type)
		raise_refusal(getter_type_differs(serves, check->tenant->type));
	fcinfo->flinfo->fn_extra = check;
	return check;
}

static inline bool
is_tenant(FunctionCallInfo fcinfo, const CopyCheck *check)
{
	TenantValue value;

	if (check->tenant == NULL || PG_ARGISNULL(ARG_TENANT))
		return false;
	view_tenant(check->tenant->type, PG_GETARG_DATUM(ARG_TENANT), check->type, &value);
	return tenant_equal(&value, check->tenant);
}

/*
 * check_copied_tenant(relation oid, tenant "any")
 *
 * Returns true or raises an error.
 */
Datum
tenant_guard_check_copied_tenant(PG_FUNCTION_ARGS)
{
	CopyCheck  *check = fcinfo->flinfo->fn_extra;

	if (check == NULL)
		check = begin_check(fcinfo);
	if (!is_tenant(fcinfo, check))
		refuse_row(PG_ARGISNULL(ARG_TABLE) ? InvalidOid : PG_GETARG_OID(ARG_TABLE));
	PG_RETURN_BOOL(true);
}

/* A call of the function for the rows of a table that has range-table index 1, or NULL if the function is not the extension's. */
Expr *
check_of_copied_row(Oid relid, AttrNumber attnum)
{
	Oid			types[] = {OIDOID, ANYOID};
	Oid			function = internal_function("check_copied_tenant", lengthof(types), types, EXTENSION_COPY);
	Const	   *table = makeConst(OIDOID, -1, InvalidOid, sizeof(Oid), ObjectIdGetDatum(relid), false, true);
	Var		   *tenant;
	Oid			type;
	int32		typmod;
	Oid			collation;

	if (!OidIsValid(function))
		return NULL;
	get_atttypetypmodcoll(relid, attnum, &type, &typmod, &collation);
	tenant = makeVar(1, attnum, type, typmod, collation, 0);
	return (Expr *) makeFuncExpr(function, BOOLOID, list_make2(table, tenant), InvalidOid, collation, COERCE_EXPLICIT_CALL);
}
