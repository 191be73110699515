/*-------------------------------------------------------------------------
 *
 * protect_schema.c
 *	  Guards every table of a schema that has the tenant column, and reports
 *	  on each.
 *
 * First the tables are guarded, roots of hierarchies before their partitions and
 * children; then the setting foreign_keys is applied to the foreign keys between
 * them.  Both are done in a subtransaction for each table (guard_report.c), and
 * both end early when the transaction's locks leave little room for those of other
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
#include "guard.h"
#include "guard_report.h"
#include "key_setting.h"
#include "lock_table.h"
#include "protect.h"

PG_FUNCTION_INFO_V1(tenant_guard_protect_schema);

/* The number of tables after which the room for locks is looked at. */
#define TABLES_BETWEEN_LOOKS 10

/* A call of protect_schema. */
typedef struct Call
{
	Oid			schema;
	const char *column;
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

static char *
call_of_protect_tables(Oid schema)
{
	return psprintf("CALL tenant_guard.protect_tables(%s);",
					quote_literal_cstr(quote_identifier(get_namespace_name(schema))));
}

/* ----------------------------------------------------------------
 *		Guards
 * ----------------------------------------------------------------
 */

/* Reports a table that the call does not come to. */
static void
leave_table(Report *report, Oid schema)
{
	bool		whole = guard_of(report->relid).status == GUARD_WHOLE;

	report->status = whole ? "guarded" : "left";
	report->detail = whole ? "was guarded already" : psprintf("run %s", call_of_protect_tables(schema));
}

static void
guard_or_leave(Call *call, Report *report)
{
	if (!call->stopped)
		guard_and_report(report, call->column);
	if (call->stopped || report->sqlerrcode == ERRCODE_OUT_OF_MEMORY)
		leave_table(report, call->schema);
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

/* Guards roots first, then what inherits from them. */
static void
guard_tables(Call *call, List *tables)
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
			Report		report = {relid};
			bool		due = (ancestors_of(relid) == NIL) == (round == 0) &&
				get_rel_relkind(relid) != '\0';

			if (due)
				guard_or_leave(call, &report);
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
 *		The function
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

Datum
tenant_guard_protect_schema(PG_FUNCTION_ARGS)
{
	Call		call = {PG_GETARG_OID(0)};
	Oid			changed = InvalidOid;
	ListCell   *lc;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("schema must not be null")));
	call.column = PG_ARGISNULL(1) ? NULL : NameStr(*PG_GETARG_NAME(1));
	InitMaterializedSRF(fcinfo, 0);
	guard_tables(&call, tables_with_column(call.schema, call.column));
	apply_key_setting_to_all(&call);

	foreach(lc, call.reports)
	{
		put_report((ReturnSetInfo *) fcinfo->resultinfo, lfirst(lc));
		if (((Report *) lfirst(lc))->changed)
			changed = ((Report *) lfirst(lc))->relid;
	}
	if (call.stopped)
		ereport(WARNING,
				(errmsg("some tables of schema \"%s\" are left as they were", get_namespace_name(call.schema)),
				 errdetail("The locks of one transaction that guards them all would leave other sessions no room in the server's lock table."),
				 errhint("When this transaction has ended, run %s", call_of_protect_tables(call.schema))));
	if (OidIsValid(changed))
		note_bound_owner(changed);
	PG_RETURN_VOID();
}
