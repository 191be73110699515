/*-------------------------------------------------------------------------
 *
 * protect_tables.c
 *	  Guards every table of a schema that has the tenant column, each in a
 *	  transaction of its own.
 *
 * What protect_schema does in one transaction, with all of its locks at once.
 * Here no lock is waited for longer than a timeout, and none is held longer than
 * one table takes; a table whose locks others hold is tried again.  What is done
 * stays done if the procedure is ended, and a second call goes on from there.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/spi.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "tcop/pquery.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "auto_protect.h"
#include "catalog.h"
#include "compat.h"
#include "extension_version.h"
#include "guard.h"
#include "guard_report.h"
#include "key_setting.h"

PG_FUNCTION_INFO_V1(tenant_guard_protect_tables);

/* Between two tries of one table, in seconds: what blocks is often a transaction of the application. */
#define PAUSE 1.0

/* A call of the procedure. */
typedef struct Call
{
	Oid			schema;
	const char *column;
	bool		replace_policies;	/* as protect() is told */
	const char *lock_timeout;	/* as the setting of that name takes it */
	int			retries;		/* of each table */
	int			left;			/* tables that are not guarded, or whose keys do not carry the tenant */
} Call;

/* Is a table to be tried again, of which so many tries have failed, the last with this error, or 0? */
static bool
is_to_retry(const Call *call, int sqlerrcode, int tries)
{
	return tries <= call->retries &&
		(sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE || sqlerrcode == ERRCODE_T_R_DEADLOCK_DETECTED ||
		 sqlerrcode == ERRCODE_OUT_OF_MEMORY);
}

/* Tables may be dropped while the procedure runs, also while it waits for a lock on one. */
static bool
is_gone(Oid relid)
{
	return get_rel_relkind(relid) == '\0';
}

static void
begin_step(const Call *call)
{
	EnsurePortalSnapshotExists();
	(void) set_config_option("lock_timeout", call->lock_timeout, PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_LOCAL, true, 0, false);
}

/* Ends the transaction of one try, and waits if there is to be another. */
static void
end_step(bool again)
{
	SPI_commit();
	if (again)
		(void) DirectFunctionCall1(pg_sleep, Float8GetDatum(PAUSE));
}

/* Guards one table, if it is there; warns and returns false if that failed. */
static bool
guard_in_transaction(const Call *call, Oid relid)
{
	bool		refused = false;
	bool		again = false;
	int			tries = 0;

	do
	{
		Report		report = {relid, .replace_policies = call->replace_policies};

		begin_step(call);
		if (is_gone(relid))
			return true;
		guard_and_report(&report, call->column);
		refused = strcmp(report.status, "refused") == 0 && !is_gone(relid);
		again = refused && is_to_retry(call, report.sqlerrcode, ++tries);
		if (refused && !again)
			ereport(WARNING,
					(errcode(report.sqlerrcode ? report.sqlerrcode : ERRCODE_INSUFFICIENT_PRIVILEGE),
					 errmsg("table %s is not guarded: %s", relation_name(relid), report.detail)));
		end_step(again);
	} while (again);
	return !refused;
}

/* Applies the setting foreign_keys to the keys from one table, if it is there; warns and returns false if that failed. */
static bool
pair_in_transaction(const Call *call, Oid relid)
{
	ErrorData  *error = NULL;
	bool		again = false;
	int			tries = 0;

	do
	{
		begin_step(call);
		if (is_gone(relid))
			return true;
		error = try_keys(relid).error;
		if (is_gone(relid))
			error = NULL;
		again = is_to_retry(call, error ? error->sqlerrcode : 0, ++tries);
		if (error != NULL && !again)
			warn_of_keys(relid, error);
		end_step(again);
	} while (again);
	return error == NULL;
}

/* The keys from a table and to it, table by table. */
static bool
pair_all_in_transactions(const Call *call, Oid relid)
{
	List	   *referencing;
	bool		done = true;
	ListCell   *lc;

	begin_step(call);
	referencing = !is_gone(relid) && guard_of(relid).status == GUARD_WHOLE ? tables_with_unpaired_keys(relid) : NIL;
	SPI_commit();
	foreach(lc, referencing)
		done &= pair_in_transaction(call, lfirst_oid(lc));
	return done;
}

static bool
is_below_one_of(Oid relid, List *tables)
{
	ListCell   *lc;

	foreach(lc, ancestors_of(relid))
		if (list_member_oid(tables, lfirst_oid(lc)))
			return true;
	return false;
}

/* The tables of which none is below another: partitions and children are guarded with theirs.  Ends the transaction. */
static List *
roots_with_column(const Call *call)
{
	List	   *tables;
	List	   *roots = NIL;
	ListCell   *lc;

	begin_step(call);
	tables = tables_with_column(call->schema, call->column);
	foreach(lc, tables)
		if (!is_below_one_of(lfirst_oid(lc), tables))
			roots = lappend_oid(roots, lfirst_oid(lc));
	SPI_commit();
	return roots;
}

static void
protect_all(Call *call)
{
	List	   *roots = roots_with_column(call);
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext, "protect_tables table", ALLOCSET_DEFAULT_SIZES);
	int			done = 0;
	ListCell   *lc;

	foreach(lc, roots)
	{
		MemoryContext oldcontext = MemoryContextSwitchTo(scratch);
		bool		guarded = guard_in_transaction(call, lfirst_oid(lc));

		if (!guarded || !pair_all_in_transactions(call, lfirst_oid(lc)))
			call->left++;
		note_progress(++done, list_length(roots), call->schema);
		MemoryContextSwitchTo(oldcontext);
		MemoryContextReset(scratch);
	}
	ereport(NOTICE,
			(errmsg("%d of %d tables of schema \"%s\" are guarded, with their foreign keys", list_length(roots) - call->left,
					list_length(roots), get_namespace_name(call->schema)),
			 call->left ? errhint("What stands in the way of the others is in the warnings. When it is removed, call the procedure again.") : 0));
}

Datum
tenant_guard_protect_tables(PG_FUNCTION_ARGS)
{
	Call		call = {0};

	if (PG_ARGISNULL(0) || PG_ARGISNULL(3) || PG_ARGISNULL(4))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("schema, lock_timeout and retries must not be null")));
	call.schema = schema_argument(fcinfo);
	call.column = PG_ARGISNULL(1) ? NULL : NameStr(*PG_GETARG_NAME(1));
	call.replace_policies = !PG_ARGISNULL(2) && PG_GETARG_BOOL(2);
	PreventCommandDuringRecovery("tenant_guard.protect_tables()");
	check_library_fits();
	if (fcinfo->context == NULL || !IsA(fcinfo->context, CallContext) || ((CallContext *) fcinfo->context)->atomic)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TRANSACTION_TERMINATION),
				 errmsg("tenant_guard.protect_tables cannot be called inside a transaction block"),
				 errdetail("It guards each table in a transaction of its own."),
				 errhint("Call it outside of one, or guard the tables in one transaction by SELECT * FROM tenant_guard.protect_schema(%s);",
						 arguments_of_call(call.schema, call.column, call.replace_policies))));
	SPI_connect_ext(SPI_OPT_NONATOMIC);
	if (call.column != NULL)
		call.column = pstrdup(call.column);
	call.lock_timeout = text_to_cstring(PG_GETARG_TEXT_PP(3));
	call.retries = PG_GETARG_INT32(4);
	protect_all(&call);
	SPI_finish();
	PG_RETURN_VOID();
}
