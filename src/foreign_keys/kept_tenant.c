/*-------------------------------------------------------------------------
 *
 * kept_tenant.c
 *	  Checks that BEFORE triggers keep the tenant of a row that a foreign key's
 *	  action changes.
 *
 * No policy checks the rows that a foreign key's action stores.  A BEFORE trigger
 * that sets the tenant column to the tenant of the transaction would give that
 * tenant the rows of all others that SET NULL changes.  So key_action.c puts two
 * calls of check_tenant_kept into the plan: the first remembers the tenant of
 * each row that is found, the second compares it after the triggers.
 *
 * An action's statement finds one row at a time.  Its triggers may cause other
 * actions meanwhile, so the tenant is remembered for each query.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"

#include "bypass.h"
#include "catalog.h"
#include "guard.h"
#include "key_refusals.h"

PG_FUNCTION_INFO_V1(tenant_guard_check_tenant_kept);

/* Arguments of the function. */
#define ARG_TABLE	0
#define ARG_CHANGED	1			/* BEFORE triggers have run */
#define ARG_TENANT	2

/* The tenant of the row that a query has found most recently. */
typedef struct NotedTenant
{
	struct NotedTenant *next;
	MemoryContext query;		/* holds this struct, and identifies the query */
	Oid			type;			/* InvalidOid: no row was found yet */
	bool		isnull;
	Datum		value;
} NotedTenant;

static NotedTenant *noted = NULL;

/* A MemoryContextCallback: the query has ended. */
static void
forget_noted(void *arg)
{
	NotedTenant **link = &noted;

	while (*link != NULL && *link != arg)
		link = &(*link)->next;
	Assert(*link != NULL);
	if (*link != NULL)
		*link = (*link)->next;
}

/* The NotedTenant of the query whose expressions are in this context; made if there is none. */
static NotedTenant *
noted_of_query(MemoryContext query)
{
	NotedTenant *tenant = noted;
	MemoryContextCallback *callback;

	while (tenant != NULL && tenant->query != query)
		tenant = tenant->next;
	if (tenant != NULL)
		return tenant;
	tenant = MemoryContextAllocZero(query, sizeof(NotedTenant));
	callback = MemoryContextAllocZero(query, sizeof(MemoryContextCallback));
	callback->func = forget_noted;
	callback->arg = tenant;
	MemoryContextRegisterResetCallback(query, callback);
	tenant->query = query;
	tenant->next = noted;
	noted = tenant;
	return tenant;
}

/* Remembers the tenant of the row that was found. */
static void
note_tenant(NotedTenant *tenant, FunctionCallInfo fcinfo)
{
	Oid			type = get_fn_expr_argtype(fcinfo->flinfo, ARG_TENANT);
	MemoryContext oldcontext;
	int16		typlen;
	bool		typbyval;

	if (OidIsValid(tenant->type) && !tenant->isnull && !get_typbyval(tenant->type))
		pfree(DatumGetPointer(tenant->value));
	tenant->type = InvalidOid;
	tenant->isnull = PG_ARGISNULL(ARG_TENANT);
	if (!tenant->isnull)
	{
		get_typlenbyval(type, &typlen, &typbyval);
		oldcontext = MemoryContextSwitchTo(tenant->query);
		tenant->value = datumCopy(PG_GETARG_DATUM(ARG_TENANT), typbyval, typlen);
		MemoryContextSwitchTo(oldcontext);
	}
	tenant->type = type;
}

/* Is the tenant of the changed row the one that is remembered? */
static bool
is_noted(const NotedTenant *tenant, FunctionCallInfo fcinfo)
{
	int16		typlen;
	bool		typbyval;

	if (tenant->type != get_fn_expr_argtype(fcinfo->flinfo, ARG_TENANT))
		return false;
	if (tenant->isnull || PG_ARGISNULL(ARG_TENANT))
		return tenant->isnull && PG_ARGISNULL(ARG_TENANT);
	get_typlenbyval(tenant->type, &typlen, &typbyval);
	return datum_image_eq(tenant->value, PG_GETARG_DATUM(ARG_TENANT), typbyval, typlen);
}

/* Is the tenant column of a table, a partition on PostgreSQL 15, generated? */
static bool
generates_tenant(Oid table)
{
	AttrNumber	attnum = guard_of(table).attnum;

	return attnum > 0 && get_attgenerated(table, attnum) != '\0';
}

/* Refuses, reports or logs a BEFORE trigger, or a generated column, that changes the tenant of a row. */
static void
refuse_trigger(Oid table)
{
	const char *reason = bypass_reason_outside();
	Refusal		refusal;

	if (reason != NULL)
	{
		log_bypass_outside(psprintf("a trigger on a foreign key's action on %s", relation_name(table)), reason);
		return;
	}
	refusal = generates_tenant(table) ? action_changes_tenant(NULL, table) : trigger_changes_tenant(table);
	if (setting_foreign_key_actions == ACTIONS_ARE_ERRORS)
		raise_refusal(refusal);
	report_refusal(WARNING, refusal, 0);
}

/*
 * check_tenant_kept(relation oid, changed boolean, tenant "any")
 *
 * Returns true or raises an error.  A user who calls it compares values of his own.
 */
Datum
tenant_guard_check_tenant_kept(PG_FUNCTION_ARGS)
{
	NotedTenant *tenant = fcinfo->flinfo->fn_extra;

	if (tenant == NULL)
		tenant = fcinfo->flinfo->fn_extra = noted_of_query(fcinfo->flinfo->fn_mcxt);
	if (PG_ARGISNULL(ARG_CHANGED) || !PG_GETARG_BOOL(ARG_CHANGED))
		note_tenant(tenant, fcinfo);
	else if (!is_noted(tenant, fcinfo) && setting_foreign_key_actions != ACTIONS_ARE_IGNORED && !IsBinaryUpgrade)
		refuse_trigger(PG_ARGISNULL(ARG_TABLE) ? InvalidOid : PG_GETARG_OID(ARG_TABLE));
	PG_RETURN_BOOL(true);
}
