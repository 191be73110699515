/*-------------------------------------------------------------------------
 *
 * kept_tenant.c
 *	  A row that a foreign key's action changes stays its tenant's, whatever
 *	  triggers make of it.
 *
 * A BEFORE trigger may put another tenant into the row that is about to be
 * stored, and no policy checks it in a foreign key's action: one that sets the
 * tenant column to the tenant of the transaction would so give that tenant the
 * rows of all others that SET NULL meets.  So key_action.c has the tenant of each
 * row noted when the row is found, and compared when triggers are through.
 *
 * The machinery's statement finds one row at a time.  Triggers may run others of
 * its statements meanwhile, so what is noted is kept for each query.
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
#define ARG_CHANGED	1			/* triggers are through */
#define ARG_TENANT	2

/* The tenant of the row that a query has found last. */
typedef struct NotedTenant
{
	struct NotedTenant *next;
	MemoryContext query;		/* in which it is, and by which it is known */
	Oid			type;			/* InvalidOid: none yet */
	bool		isnull;
	Datum		value;
} NotedTenant;

static NotedTenant *noted = NULL;

/* A MemoryContextCallback: the query is over. */
static void
forget_noted(void *arg)
{
	NotedTenant **link = &noted;

	while (*link != NULL && *link != arg)
		link = &(*link)->next;
	if (*link != NULL)
		*link = (*link)->next;
}

/* What is noted of the query whose expressions are in this context. */
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

static bool
is_noted(const NotedTenant *tenant, FunctionCallInfo fcinfo)
{
	int16		typlen;
	bool		typbyval;

	if (!OidIsValid(tenant->type) || tenant->type != get_fn_expr_argtype(fcinfo->flinfo, ARG_TENANT))
		return false;
	if (tenant->isnull || PG_ARGISNULL(ARG_TENANT))
		return tenant->isnull && PG_ARGISNULL(ARG_TENANT);
	get_typlenbyval(tenant->type, &typlen, &typbyval);
	return datum_image_eq(tenant->value, PG_GETARG_DATUM(ARG_TENANT), typbyval, typlen);
}

static void
object_to_trigger(Oid table)
{
	const char *means = bypass_reason_outside();
	Refusal		refusal;

	if (means != NULL)
	{
		log_bypass_outside(psprintf("a trigger on a foreign key's action on %s", relation_name(table)), means);
		return;
	}
	refusal = trigger_changes_tenant(relation_name(table));
	if (setting_foreign_key_actions == ACTIONS_ARE_ERRORS)
		raise_refusal(refusal);
	report_refusal(WARNING, refusal, 0);
}

/*
 * check_tenant_kept(relation oid, changed boolean, tenant "any")
 *
 * True, or an error.  Whoever calls it by hand compares values of his own.
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
		object_to_trigger(PG_ARGISNULL(ARG_TABLE) ? InvalidOid : PG_GETARG_OID(ARG_TABLE));
	PG_RETURN_BOOL(true);
}
