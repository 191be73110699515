/*-------------------------------------------------------------------------
 *
 * key_action_row.c
 *	  Checks that a row which a foreign key's action is about to change belongs
 *	  to the tenant of the transaction.
 *
 * key_action.c adds calls of this function to the plans of such statements.  The
 * tenant is looked up once a statement; each row costs a comparison.
 *
 * Whether the user has opted in to bypassing is decided for the outer user: the
 * action itself runs as the owner of the table.
 *
 * A user who calls the function compares values of his own with his tenant, and
 * learns the names of a key and its tables.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_constraint.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "bypass.h"
#include "catalog.h"
#include "current_tenant.h"
#include "guard.h"
#include "key_refusals.h"
#include "refusal.h"
#include "tenant_type.h"

PG_FUNCTION_INFO_V1(tenant_guard_check_key_action);

/* Arguments of the function. */
#define ARG_TABLE	0
#define ARG_KEY		1
#define ARG_TENANT	2
#define ARG_BECOMES	3			/* UPDATE only: the new tenant; null for a value that is to be refused */

/* The state of one statement, in fn_extra. */
typedef struct RowCheck
{
	bool		ignored;		/* nothing is checked */
	const char *bypass_reason;	/* how the user opted in to bypassing, or NULL */
	bool		reported;		/* a bypass was logged, or a warning raised, already */
	Oid			type;			/* of the column; InvalidOid if it cannot hold this tenant */
	const TenantValue *tenant;	/* NULL if the transaction has none */
} RowCheck;

/* The type of an argument, or a domain's base type; InvalidOid if it is not known. */
static Oid
argument_type(FunctionCallInfo fcinfo, int argument)
{
	Oid			type = get_fn_expr_argtype(fcinfo->flinfo, argument);

	return OidIsValid(type) ? getBaseType(type) : InvalidOid;
}

/* Are the row's tenant and its new tenant of one type? */
static bool
types_agree(FunctionCallInfo fcinfo)
{
	return PG_NARGS() <= ARG_BECOMES ||
		argument_type(fcinfo, ARG_TENANT) == argument_type(fcinfo, ARG_BECOMES);
}

/* The type of the tenant column if it can hold this type of tenants, else InvalidOid. */
static Oid
column_type(FunctionCallInfo fcinfo, TenantType tenant_type)
{
	Oid			type = argument_type(fcinfo, ARG_TENANT);
	TenantType	serves;

	if (!OidIsValid(type) || !type_serves(type, &serves) || serves != tenant_type || !types_agree(fcinfo))
		return InvalidOid;
	return type;
}

static RowCheck *
begin_check(FunctionCallInfo fcinfo)
{
	RowCheck   *check = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(RowCheck));

	check->ignored = setting_foreign_key_actions == ACTIONS_ARE_IGNORED || IsBinaryUpgrade;
	check->bypass_reason = bypass_reason_outside();
	if (!check->ignored)
		check->tenant = find_tenant(check->bypass_reason == NULL && setting_foreign_key_actions == ACTIONS_ARE_ERRORS);
	if (check->tenant != NULL)
		check->type = column_type(fcinfo, check->tenant->type);
	fcinfo->flinfo->fn_extra = check;
	return check;
}

/* Is an argument the tenant of the transaction? */
static inline bool
is_tenant(FunctionCallInfo fcinfo, int argument, const RowCheck *check)
{
	TenantValue value;

	if (PG_ARGISNULL(argument) || !OidIsValid(check->type))
		return false;
	Assert(check->tenant != NULL);
	view_tenant(check->tenant->type, PG_GETARG_DATUM(argument), check->type, &value);
	return tenant_equal(&value, check->tenant);
}

/* Is this column among a key's referencing columns?  If it is the tenant column, each referenced row is one tenant's. */
static bool
key_has_column(HeapTuple constraint, AttrNumber attnum)
{
	int			ncolumns;
	AttrNumber	columns[INDEX_MAX_KEYS];
	AttrNumber	referenced[INDEX_MAX_KEYS];
	Oid			operators[INDEX_MAX_KEYS];

	DeconstructFkConstraintRow(constraint, &ncolumns, columns, referenced, operators, NULL, NULL, NULL, NULL);
	for (int i = 0; i < ncolumns; i++)
		if (columns[i] == attnum)
			return true;
	return false;
}

/* The refusal to raise.  Names are looked up now: the plan may be older than they are. */
static Refusal
refusal_of_action(Oid table, Oid key, bool deletes, bool changes)
{
	HeapTuple	tuple = SearchSysCache1(CONSTROID, ObjectIdGetDatum(key));
	char	   *name = NULL;
	Oid			parent = InvalidOid;
	bool		by_tenant = false;

	if (HeapTupleIsValid(tuple))
	{
		Form_pg_constraint con = (Form_pg_constraint) GETSTRUCT(tuple);

		if (con->contype == CONSTRAINT_FOREIGN && con->conrelid == table)
		{
			name = pstrdup(NameStr(con->conname));
			parent = con->confrelid;
			by_tenant = key_has_column(tuple, guard_of(table).attnum);
		}
		ReleaseSysCache(tuple);
	}
	return changes ? action_changes_tenant(name, table) :
		action_on_other_tenant(name, table, parent, deletes, by_tenant);
}

/* Would the action change the tenant of the row? */
static bool
changes_tenant(FunctionCallInfo fcinfo)
{
	int16		typlen;
	bool		typbyval;

	if (PG_NARGS() <= ARG_BECOMES)
		return false;
	if (PG_ARGISNULL(ARG_BECOMES) || PG_ARGISNULL(ARG_TENANT) || !types_agree(fcinfo))
		return true;
	get_typlenbyval(argument_type(fcinfo, ARG_TENANT), &typlen, &typbyval);
	return !datum_image_eq(PG_GETARG_DATUM(ARG_TENANT), PG_GETARG_DATUM(ARG_BECOMES), typbyval, typlen);
}

/* Refuses, reports or logs an action on another tenant's row, or one that changes the tenant of a row. */
static void
refuse_action(FunctionCallInfo fcinfo, RowCheck *check)
{
	Oid			table = PG_ARGISNULL(ARG_TABLE) ? InvalidOid : PG_GETARG_OID(ARG_TABLE);
	Oid			key = PG_ARGISNULL(ARG_KEY) ? InvalidOid : PG_GETARG_OID(ARG_KEY);
	Refusal		refusal;

	if (check->reported)
		return;
	check->reported = true;
	if (check->bypass_reason != NULL)
	{
		log_bypass_outside(psprintf("a foreign key's action on %s", relation_name(table)), check->bypass_reason);
		return;
	}
	refusal = refusal_of_action(table, key, PG_NARGS() <= ARG_BECOMES, changes_tenant(fcinfo));
	if (setting_foreign_key_actions == ACTIONS_ARE_ERRORS)
		raise_refusal(refusal);
	report_refusal(WARNING, refusal, 0);
}

/*
 * check_key_action(relation oid, foreign_key oid, tenant "any" [, becomes "any"])
 *
 * Returns true or raises an error.
 */
Datum
tenant_guard_check_key_action(PG_FUNCTION_ARGS)
{
	RowCheck   *check = fcinfo->flinfo->fn_extra;

	Assert(PG_NARGS() == ARG_BECOMES || PG_NARGS() == ARG_BECOMES + 1);
	if (check == NULL)
		check = begin_check(fcinfo);
	if (!check->ignored &&
		!(is_tenant(fcinfo, ARG_TENANT, check) &&
		  (PG_NARGS() <= ARG_BECOMES || is_tenant(fcinfo, ARG_BECOMES, check))))
		refuse_action(fcinfo, check);
	PG_RETURN_BOOL(true);
}
