/*-------------------------------------------------------------------------
 *
 * purge_batches.c
 *	  Deletes all rows of a tenant, a number of rows in each transaction.
 *
 * What purge_tenant() does in one transaction.  What is deleted stays deleted if
 * the procedure is ended, and a second call goes on from there.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "tcop/pquery.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/memutils.h"

#include "compat.h"
#include "extension_version.h"

PG_FUNCTION_INFO_V1(tenant_guard_purge_tenant_in_batches);

/* A trigger may write rows of the tenant to a table whose rows are deleted already: how often all tables are visited. */
#define MAX_PASSES 3

/* A call of the procedure. */
typedef struct Purge
{
	Datum		tenant;
	int64		rows;			/* of a table in a transaction */
	bool		tenants_row;
	Datum		groups;			/* jsonb: the tables in their order; 0 until the first step */
	MemoryContext context;		/* of "groups" */
	int64		total;			/* rows deleted */
} Purge;

/* What a step has done. */
typedef struct Step
{
	char	   *relation;		/* NULL: there is no group at this place */
	int64		deleted;
	bool		done;			/* with the group */
} Step;

static Datum
result_column(int number, bool *isnull)
{
	return SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, number, isnull);
}

/* Deletes a batch from the tables at a place, in a transaction of its own. */
static Step
run_step(Purge *purge, int64 place)
{
	Oid			types[] = {TEXTOID, INT8OID, INT8OID, JSONBOID};
	Datum		values[] = {purge->tenant, Int64GetDatum(place), Int64GetDatum(purge->rows), purge->groups};
	const char	nulls[] = {' ', ' ', ' ', purge->groups == (Datum) 0 ? 'n' : ' ', '\0'};
	Step		step = {NULL};
	MemoryContext oldcontext;
	bool		isnull;
	Datum		value;

	EnsurePortalSnapshotExists();
	if (SPI_execute_with_args("SELECT s.groups, s.relation, s.deleted, s.done FROM tenant_guard_internal.purge_step($1, $2, $3, $4) s",
							  lengthof(types), types, values, nulls, false, 0) != SPI_OK_SELECT || SPI_processed != 1)
		elog(ERROR, "purge_step returned no row");
	oldcontext = MemoryContextSwitchTo(purge->context);
	value = result_column(1, &isnull);
	if (purge->groups == (Datum) 0 && !isnull)
		purge->groups = datumCopy(value, false, -1);
	value = result_column(2, &isnull);
	if (!isnull)
	{
		step.relation = TextDatumGetCString(value);
		step.deleted = DatumGetInt64(result_column(3, &isnull));
		step.done = DatumGetBool(result_column(4, &isnull));
	}
	MemoryContextSwitchTo(oldcontext);
	SPI_freetuptable(SPI_tuptable);
	SPI_commit();
	return step;
}

/* Deletes the rows of all tables, once; returns how many. */
static int64
run_pass(Purge *purge)
{
	int64		of_pass = 0;
	int64		of_group = 0;
	int64		place = 0;

	for (;;)
	{
		Step		step = run_step(purge, place);

		if (step.relation == NULL)
			return of_pass;
		of_group += step.deleted;
		if (!step.done)
			continue;
		if (of_group > 0)
			ereport(NOTICE,
					(errmsg(INT64_FORMAT " rows of table %s deleted", of_group, step.relation)));
		of_pass += of_group;
		of_group = 0;
		place++;
	}
}

/* Warns of what is left; deletes the tenant's own row before, if that is wanted. */
static void
finish_purge(Purge *purge)
{
	Oid			types[] = {TEXTOID, BOOLOID};
	Datum		values[] = {purge->tenant, BoolGetDatum(purge->tenants_row)};

	EnsurePortalSnapshotExists();
	if (SPI_execute_with_args("SELECT r.relation, r.deleted, r.remaining, r.detail FROM tenant_guard_internal.purge_receipt($1, $2) r",
							  lengthof(types), types, values, NULL, false, 0) != SPI_OK_SELECT)
		elog(ERROR, "purge_receipt failed");
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		HeapTuple	row = SPI_tuptable->vals[i];
		TupleDesc	desc = SPI_tuptable->tupdesc;
		bool		isnull;
		int64		deleted = DatumGetInt64(SPI_getbinval(row, desc, 2, &isnull));

		purge->total += isnull ? 0 : deleted;
		if (SPI_getvalue(row, desc, 4) != NULL)
			ereport(WARNING,
					(errmsg("table %s: %s", SPI_getvalue(row, desc, 1), SPI_getvalue(row, desc, 4))));
		else if (DatumGetInt64(SPI_getbinval(row, desc, 3, &isnull)) > 0)
			ereport(WARNING,
					(errmsg("%s rows of table %s are left", SPI_getvalue(row, desc, 3), SPI_getvalue(row, desc, 1))));
	}
}

/* purge_tenant_in_batches(tenant text, rows integer, tenants_row boolean) */
Datum
tenant_guard_purge_tenant_in_batches(PG_FUNCTION_ARGS)
{
	Purge		purge = {0};
	int64		of_pass;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(2) || PG_GETARG_INT32(1) < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("arguments of tenant_guard.purge_tenant_in_batches must not be null, and rows must be positive")));
	PreventCommandDuringRecovery("tenant_guard.purge_tenant_in_batches()");
	check_library_fits();
	if (fcinfo->context == NULL || !IsA(fcinfo->context, CallContext) || ((CallContext *) fcinfo->context)->atomic)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TRANSACTION_TERMINATION),
				 errmsg("tenant_guard.purge_tenant_in_batches cannot be called inside a transaction block"),
				 errdetail("It deletes rows in transactions of its own."),
				 errhint("Call it outside of one, or delete all rows in one transaction by SELECT * FROM tenant_guard.purge_tenant(%s, dry_run => false);",
						 quote_literal_cstr(text_to_cstring(PG_GETARG_TEXT_PP(0))))));
	SPI_connect_ext(SPI_OPT_NONATOMIC);
	purge.context = CurrentMemoryContext;
	purge.tenant = PointerGetDatum(PG_GETARG_TEXT_P_COPY(0));
	purge.rows = PG_GETARG_INT32(1);
	purge.tenants_row = PG_GETARG_BOOL(2);
	for (int pass = 0; pass < MAX_PASSES; pass++)
	{
		of_pass = run_pass(&purge);
		purge.total += of_pass;
		if (of_pass == 0)
			break;
	}
	finish_purge(&purge);
	ereport(NOTICE,
			(errmsg(INT64_FORMAT " rows of the tenant deleted", purge.total)));
	SPI_finish();
	PG_RETURN_VOID();
}
