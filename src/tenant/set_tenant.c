/*-------------------------------------------------------------------------
 *
 * set_tenant.c
 *	  The SQL functions that set and unset the tenant.
 *
 * They do what SET does, with the same checks (tenant_setting.c), but unlike
 * SET can take the tenant from a bind parameter.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "tcop/pquery.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"

#include "current_tenant.h"
#include "named_tenant.h"
#include "set_tenant.h"
#include "settings.h"
#include "tenant_refusals.h"
#include "tenant_source.h"

/*
 * The transaction, and the start time of the statement, in which set_tenant()
 * was called outside a transaction block.
 */
static LocalTransactionId set_by_itself_in = InvalidLocalTransactionId;
static TimestampTz set_by_itself_at = 0;
static const char *set_by_itself_with = NULL;	/* the function's name */

PG_FUNCTION_INFO_V1(tenant_guard_set_tenant);
PG_FUNCTION_INFO_V1(tenant_guard_clear_tenant);

/* Is "sought", a pointer to a node, part of the tree?  An expression_tree_walker. */
static bool
contains_node(Node *node, void *sought)
{
	if (node == NULL)
		return false;
	return node == sought ||
		expression_tree_walker(node, contains_node, sought);
}

/*
 * Is this call in the select list of the client's own statement, outside a
 * transaction block, so that its effect may end with that statement?  (A call in
 * a function or a DO block can be followed by statements that use the tenant.)
 */
static bool
may_have_no_effect(FunctionCallInfo fcinfo)
{
	PlannedStmt *stmt;

	if (fcinfo->flinfo->fn_expr == NULL || ActivePortal == NULL ||
		list_length(ActivePortal->stmts) != 1 || IsInTransactionBlock(true))
		return false;
	stmt = linitial_node(PlannedStmt, ActivePortal->stmts);
	return stmt->planTree != NULL &&
		contains_node((Node *) stmt->planTree->targetlist, fcinfo->flinfo->fn_expr);
}

/*
 * Warns at the end of the transaction if set_tenant() was called outside a
 * transaction block, no statement followed, and the tenant was not used.  The
 * call itself cannot know: a pipeline, or a background worker that runs several
 * statements, has several in one transaction without a block.
 */
static void
warn_of_no_effect(XactEvent event, void *arg)
{
	if (event != XACT_EVENT_PRE_COMMIT || set_by_itself_in != current_lxid() ||
		set_by_itself_at != GetCurrentStatementStartTimestamp() || sealed_tenant() != NULL)
		return;
	ereport(WARNING,
			(errcode(ERRCODE_NO_ACTIVE_SQL_TRANSACTION),
			 errmsg("%s has no effect outside a transaction block", set_by_itself_with),
			 errdetail("The tenant is unset again at the end of this statement."),
			 errhint("Run BEGIN first.")));
}

/* Must be called once, by _PG_init. */
void
init_set_tenant(void)
{
	RegisterXactCallback(warn_of_no_effect, NULL);
}

static void
assign_tenant(const char *setting, const char *value, bool is_local)
{
	(void) set_config_option(setting, value,
							 superuser() ? PGC_SUSET : PGC_USERSET,
							 PGC_S_SESSION,
							 is_local ? GUC_ACTION_LOCAL : GUC_ACTION_SET,
							 true, 0, false);
}

/* Does what a function is called for: sets a setting that names the tenant; is_local is the second argument. */
void
set_for_caller(FunctionCallInfo fcinfo, const char *setting, const char *value, const char *function)
{
	bool		is_local;

	if (PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("is_local must not be null")));
	is_local = PG_GETARG_BOOL(1);

	if (is_local && may_have_no_effect(fcinfo))
	{
		set_by_itself_in = current_lxid();
		set_by_itself_at = GetCurrentStatementStartTimestamp();
		set_by_itself_with = function;
	}
	assign_tenant(setting, value, is_local);
}

/* Sets the tenant, and returns its canonical form as a text. */
static Datum
set_tenant(FunctionCallInfo fcinfo, const char *value)
{
	if (value[0] == '\0')
		raise_refusal(invalid_tenant(type_of_tenants(), value));
	set_for_caller(fcinfo, TENANT_ID, value, "tenant_guard.set_tenant");
	PG_RETURN_TEXT_P(cstring_to_text(GetConfigOption(TENANT_ID, false, false)));
}

/* Returns the type of the first parameter of the function that is called. */
static Oid
parameter_type(FunctionCallInfo fcinfo)
{
	Oid		   *types;
	int			ntypes;

	(void) get_func_signature(fcinfo->flinfo->fn_oid, &types, &ntypes);
	return ntypes > 0 ? types[0] : InvalidOid;
}

/* Sets a tenant that is given as a uuid or bigint. */
static Datum
set_typed_tenant(FunctionCallInfo fcinfo, Oid type)
{
	TenantValue value;
	TenantType	given;
	char		buf[TENANT_CANONICAL_SIZE];

	if (!type_serves(type, &given))
		elog(ERROR, "type %u is of no tenant", type);
	if (given != type_of_tenants())
		raise_refusal(setter_type_differs(given, type_of_tenants()));
	view_tenant(given, PG_GETARG_DATUM(0), type, &value);
	return set_tenant(fcinfo, tenant_canonical(&value, buf));
}

/*
 * set_tenant(tenant, is_local) of all parameter types.  A text is accepted for
 * every tenant type, since drivers send parameters as text.
 */
Datum
tenant_guard_set_tenant(PG_FUNCTION_ARGS)
{
	Oid			type = parameter_type(fcinfo);

	if (PG_ARGISNULL(0))
		raise_refusal(null_tenant());
	if (type == TEXTOID)
		return set_tenant(fcinfo, text_to_cstring(PG_GETARG_TEXT_PP(0)));
	return set_typed_tenant(fcinfo, type);
}

/* clear_tenant(): unsets the tenant, by whichever setting, for the session too, so that a pooler's next client does not find it. */
Datum
tenant_guard_clear_tenant(PG_FUNCTION_ARGS)
{
	for (int i = 0; i < count_of_sources(); i++)
		assign_tenant(nth_source(i)->name, "", false);
	PG_RETURN_VOID();
}
