/*-------------------------------------------------------------------------
 *
 * protect_schema.c
 *	  Guards every table of a schema that has the tenant column, or takes the
 *	  guards off, and reports on each.
 *
 * To guard them, first the tables are guarded, roots of hierarchies before their partitions and
 * children; then the setting foreign_keys is applied to the foreign keys between
 * them.  Keys stay as they are when guards are taken off.  All is done in a
 * subtransaction for each table (guard_report.c), and ends early when the transaction's locks leave little room for those of other
 * sessions: protect_tables.c commits table by table instead.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/tuplestore.h"

#include "auto_protect.h"
#include "catalog.h"
#include "compat.h"
#include "current_tenant.h"
#include "guard.h"
#include "guard_refusals.h"
#include "guard_report.h"
#include "key_setting.h"
#include "lock_table.h"
#include "protect.h"
#include "relation_argument.h"

PG_FUNCTION_INFO_V1(tenant_guard_protect_schema);
PG_FUNCTION_INFO_V1(tenant_guard_unprotect_schema);

/* The number of tables after which the room for locks is looked at. */
#define TABLES_BETWEEN_LOOKS 10

/* A call of protect_schema or unprotect_schema. */
typedef struct Call
{
	Oid			schema;
	void		(*report_one) (Report *report, const char *argument);
	const char *argument;		/* the column, or the reason; or NULL */
	bool		replace_policies;	/* as protect() is told */
	char	   *call_for_rest;	/* what is to be run for tables that this call does not come to */
	List	   *reports;
	bool		stopped;		/* for want of room in the lock table */
	int			looks;
} Call;

/* Is the call to be ended?  "sqlerrcode": how its last table failed, or 0. */
static bool
is_to_stop(Call *call, int sqlerrcode)
{
	if (sqlerrcode == ERRCODE_OUT_OF_MEMORY ||
		(++call->looks % TABLES_BETWEEN_LOOKS == 0 && lock_table_is_nearly_full()))
		call->stopped = true;
	return call->stopped;
}

/* ----------------------------------------------------------------
 *		Guards
 * ----------------------------------------------------------------
 */

/* Reports a table that the call does not come to.  One that has the state already was changed with the table it is a part of. */
static void
leave_table(const Call *call, Report *report)
{
	GuardStatus status = guard_of(report->relid).status;

	report->status = "left";
	report->detail = psprintf("run %s", call->call_for_rest);
	if (status == GUARD_WHOLE && call->report_one == guard_and_report && !call->replace_policies)
	{
		report->status = "guarded";
		report->detail = "was guarded already";
	}
	if (status == GUARD_NONE && call->report_one == unguard_and_report)
		unguard_and_report(report, call->argument);
}

static void
change_or_leave(Call *call, Report *report)
{
	if (!call->stopped)
		call->report_one(report, call->argument);
	if (call->stopped || report->sqlerrcode == ERRCODE_OUT_OF_MEMORY)
		leave_table(call, report);
	(void) is_to_stop(call, report->sqlerrcode);
}

/* A palloc'd copy of a report. */
static Report *
copy_report(const Report *report)
{
	Report	   *copy = palloc(sizeof(Report));

	Assert(report->status != NULL && report->detail != NULL);
	*copy = *report;
	copy->status = pstrdup(report->status);
	copy->detail = pstrdup(report->detail);
	return copy;
}

/* Roots first, then what inherits from them. */
static void
change_tables(Call *call, List *tables)
{
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext, "protect_schema table",
												  ALLOCSET_DEFAULT_SIZES);

	for (int round = 0; round < 2; round++)
	{
		ListCell   *lc;

		foreach(lc, tables)
		{
			Oid			relid = lfirst_oid(lc);
			MemoryContext oldcontext = MemoryContextSwitchTo(scratch);
			Report		report = {relid, .replace_policies = call->replace_policies};
			bool		due = (ancestors_of(relid) == NIL) == (round == 0) &&
				get_rel_relkind(relid) != '\0';

			if (due)
				change_or_leave(call, &report);
			MemoryContextSwitchTo(oldcontext);
			if (due)
			{
				call->reports = lappend(call->reports, copy_report(&report));
				if (!call->stopped)
					note_progress(list_length(call->reports), list_length(tables), call->schema);
			}
			MemoryContextReset(scratch);
		}
	}
	MemoryContextDelete(scratch);
}

/* ----------------------------------------------------------------
 *		Foreign keys
 * ----------------------------------------------------------------
 */

static Report *
report_of(List *reports, Oid relid)
{
	ListCell   *lc;

	foreach(lc, reports)
		if (((Report *) lfirst(lc))->relid == relid)
			return lfirst(lc);
	return NULL;
}

/* Applies the setting to the keys from a table.  Returns what came of it for the table's report, palloc'd. */
static char *
pair_and_describe(Call *call, Oid relid)
{
	KeyReport	keys = {0};

	if (call->stopped)
		keys.left = count_keys(relid).unpaired;
	else
		keys = try_keys(relid);
	if (!is_to_stop(call, keys.error ? keys.error->sqlerrcode : 0) && keys.error != NULL)
		warn_of_keys(relid, keys.error);
	return describe_keys(&keys);
}

/* Applies the setting to the keys of all tables that are guarded now, table by table. */
static void
apply_key_setting_to_all(Call *call)
{
	List	   *referencing = NIL;
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext, "protect_schema keys",
												  ALLOCSET_DEFAULT_SIZES);
	ListCell   *lc;

	/* tables that were refused are not locked and may have been dropped */
	foreach(lc, call->reports)
		if (guard_of(((Report *) lfirst(lc))->relid).status == GUARD_WHOLE)
			referencing = list_concat_unique_oid(referencing,
												 tables_with_unpaired_keys(((Report *) lfirst(lc))->relid));
	foreach(lc, referencing)
	{
		MemoryContext oldcontext = MemoryContextSwitchTo(scratch);
		Report	   *report = report_of(call->reports, lfirst_oid(lc));
		char	   *keys = get_rel_relkind(lfirst_oid(lc)) != '\0' ? pair_and_describe(call, lfirst_oid(lc)) : "";

		MemoryContextSwitchTo(oldcontext);
		if (report != NULL)
			report->detail = psprintf("%s%s", report->detail, keys);
		MemoryContextReset(scratch);
	}
	MemoryContextDelete(scratch);
}

/* ----------------------------------------------------------------
 *		The functions
 * ----------------------------------------------------------------
 */

static void
put_report(ReturnSetInfo *result, const Report *report)
{
	Datum		values[3] = {ObjectIdGetDatum(report->relid), CStringGetTextDatum(report->status),
		CStringGetTextDatum(report->detail)};
	bool		nulls[3] = {false, false, false};

	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/* Puts the reports into the result, and warns if there was no room for all.  Returns a table that was changed, or InvalidOid. */
static Oid
finish_call(const Call *call, FunctionCallInfo fcinfo)
{
	Oid			changed = InvalidOid;
	ListCell   *lc;

	foreach(lc, call->reports)
	{
		put_report((ReturnSetInfo *) fcinfo->resultinfo, lfirst(lc));
		if (((Report *) lfirst(lc))->changed)
			changed = ((Report *) lfirst(lc))->relid;
	}
	if (call->stopped)
		ereport(WARNING,
				(errmsg("some tables of schema \"%s\" are left as they were", get_namespace_name(call->schema)),
				 errdetail("The locks of one transaction for all of them would leave other sessions no room in the server's lock table."),
				 errhint("When this transaction has ended, run %s", call->call_for_rest)));
	return changed;
}

Datum
tenant_guard_protect_schema(PG_FUNCTION_ARGS)
{
	Call		call = {.schema = schema_argument(fcinfo), .report_one = guard_and_report};
	Oid			changed;
	ErrorContextCallback callback;

	begin_change(fcinfo, &callback);
	call.argument = PG_ARGISNULL(1) ? NULL : NameStr(*PG_GETARG_NAME(1));
	call.replace_policies = !PG_ARGISNULL(2) && PG_GETARG_BOOL(2);
	call.call_for_rest = psprintf("CALL tenant_guard.protect_tables(%s);", arguments_of_call(call.schema, call.argument, call.replace_policies));
	InitMaterializedSRF(fcinfo, 0);
	change_tables(&call, tables_with_column(call.schema, call.argument));
	apply_key_setting_to_all(&call);
	changed = finish_call(&call, fcinfo);
	if (OidIsValid(changed))
		note_bound_owner(changed);
	end_change(&callback);
	PG_RETURN_VOID();
}

Datum
tenant_guard_unprotect_schema(PG_FUNCTION_ARGS)
{
	Call		call = {.schema = schema_argument(fcinfo), .report_one = unguard_and_report};
	ErrorContextCallback callback;

	begin_change(fcinfo, &callback);
	call.argument = reason_argument(fcinfo);
	call.call_for_rest = psprintf("SELECT * FROM tenant_guard.unprotect_schema(%s%s);", arguments_of_call(call.schema, NULL, false),
								  call.argument ? psprintf(", %s", quote_literal_cstr(call.argument)) : "");
	if (transaction_has_tenant())
		raise_refusal(unprotect_schema_under_tenant(get_namespace_name(call.schema), call.call_for_rest));
	InitMaterializedSRF(fcinfo, 0);
	change_tables(&call, guarded_tables(call.schema));
	(void) finish_call(&call, fcinfo);
	end_change(&callback);
	PG_RETURN_VOID();
}
