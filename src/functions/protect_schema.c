/*-------------------------------------------------------------------------
 *
 * protect_schema.c
 *	  Guards every table of a schema that has the tenant column, and reports
 *	  on each.
 *
 * First the tables are guarded, roots of hierarchies before their partitions and
 * children; then the setting foreign_keys is applied to the foreign keys between
 * them.  Both are done in a subtransaction for each table (guard_report.c).
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
#include "protect.h"

PG_FUNCTION_INFO_V1(tenant_guard_protect_schema);

/* The number of tables after which a NOTICE reports progress. */
#define TABLES_BETWEEN_NOTICES 100

/* ----------------------------------------------------------------
 *		Guards
 * ----------------------------------------------------------------
 */

static void
note_progress(int done, int tables, Oid schema)
{
	if (done % TABLES_BETWEEN_NOTICES == 0)
		ereport(NOTICE,
				(errmsg("%d of %d tables of schema \"%s\" are done", done, tables,
						get_namespace_name(schema))));
}

/* Guards roots first, then what inherits from them; returns a palloc'd list of Reports. */
static List *
guard_tables(List *tables, Oid schema, const char *column)
{
	List	   *reports = NIL;
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext, "protect_schema table",
												  ALLOCSET_DEFAULT_SIZES);

	for (int round = 0; round < 2; round++)
	{
		ListCell   *lc;

		foreach(lc, tables)
		{
			Oid			relid = DatumGetObjectId(PointerGetDatum(lfirst(lc)));
			MemoryContext oldcontext = MemoryContextSwitchTo(scratch);
			Report		report = {relid};
			bool		due = (ancestors_of(relid) == NIL) == (round == 0) &&
				get_rel_relkind(relid) != '\0';

			if (due)
				guard_and_report(&report, column);
			MemoryContextSwitchTo(oldcontext);
			if (due)
			{
				Report	   *kept = palloc(sizeof(Report));

				Assert(report.status != NULL && report.detail != NULL);

				*kept = report;
				kept->status = pstrdup(report.status);
				kept->detail = pstrdup(report.detail);
				reports = lappend(reports, kept);
				note_progress(list_length(reports), list_length(tables), schema);
			}
			MemoryContextReset(scratch);
		}
	}
	MemoryContextDelete(scratch);
	return reports;
}

/* ----------------------------------------------------------------
 *		Foreign keys
 * ----------------------------------------------------------------
 */

/* A TableAction: applies the setting foreign_keys to the keys from a table. */
static void
apply_key_setting_to_one(Report *report, const char *column)
{
	apply_key_setting_from(report->relid);
}

static Report *
report_of(List *reports, Oid relid)
{
	ListCell   *lc;

	foreach(lc, reports)
		if (((Report *) lfirst(lc))->relid == relid)
			return lfirst(lc);
	return NULL;
}

/* Applies the setting to the keys from a table; warns and returns true if that failed. */
static bool
apply_key_setting_or_warn(Oid relid)
{
	Report		subject = {relid};
	ErrorData  *error = try_table(apply_key_setting_to_one, &subject, NULL);

	if (error != NULL)
		ereport(WARNING,
				(errcode(error->sqlerrcode),
				 errmsg("foreign keys of table %s do not carry the tenant: %s", relation_name(relid), error->message),
				 error->detail ? errdetail("%s", error->detail) : 0,
				 error->hint ? errhint("%s", error->hint) : 0));
	return error != NULL;
}

/* Applies the setting to the keys of all tables that are guarded now, table by table. */
static void
apply_key_setting_to_all(List *reports)
{
	List	   *referencing = NIL;
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext, "protect_schema keys",
												  ALLOCSET_DEFAULT_SIZES);
	ListCell   *lc;

	/* tables that were refused are not locked and may have been dropped */
	foreach(lc, reports)
		if (guard_of(((Report *) lfirst(lc))->relid).status == GUARD_WHOLE)
			referencing = list_concat_unique_oid(referencing,
											 tables_with_unpaired_keys(((Report *) lfirst(lc))->relid));
	foreach(lc, referencing)
	{
		MemoryContext oldcontext = MemoryContextSwitchTo(scratch);
		bool		left = get_rel_relkind(lfirst_oid(lc)) != '\0' && apply_key_setting_or_warn(lfirst_oid(lc));
		Report	   *report = left ? report_of(reports, lfirst_oid(lc)) : NULL;

		MemoryContextSwitchTo(oldcontext);
		if (report != NULL)
			report->detail = psprintf("%s; its foreign keys do not carry the tenant", report->detail);
		MemoryContextReset(scratch);
	}
	MemoryContextDelete(scratch);
}

Datum
tenant_guard_protect_schema(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	const char *column = PG_ARGISNULL(1) ? pstrdup(setting_tenant_column) :
		NameStr(*PG_GETARG_NAME(1));
	List	   *reports;
	Oid			changed = InvalidOid;
	ListCell   *lc;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("schema must not be null")));
	InitMaterializedSRF(fcinfo, 0);
	reports = guard_tables(tables_with_column(PG_GETARG_OID(0), column),
						   PG_GETARG_OID(0), column);
	apply_key_setting_to_all(reports);

	foreach(lc, reports)
	{
		Report	   *report = lfirst(lc);
		Datum		values[3];
		bool		nulls[3] = {false, false, false};

		values[0] = ObjectIdGetDatum(report->relid);
		values[1] = CStringGetTextDatum(report->status);
		values[2] = CStringGetTextDatum(report->detail);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
		if (report->changed)
			changed = report->relid;
	}
	if (OidIsValid(changed))
		note_bound_owner(changed);
	PG_RETURN_VOID();
}
