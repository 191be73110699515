/*-------------------------------------------------------------------------
 *
 * pending_trigger.c
 *	  Tables with pending triggers.
 *
 * Deferred triggers: PostgreSQL can be asked whether events of one table are
 * queued (AfterTriggerPendingOnRel).  We ask for each table that has a
 * deferrable user trigger; there are few, and the list of them is cached until
 * some relation changes.  The triggers of foreign keys and unique constraints
 * can be deferred, too, but check the same rows whatever tenant is set; so do the
 * extension's own, beside foreign keys.  The others run for
 * the tenant for which they were queued (tenant_source.c remembers it), or, if they
 * were queued without a tenant, for that of the transaction.
 *
 * Other AFTER triggers run at the end of the statement.  While one runs, its
 * EState has the tables and partitions that it has written so far.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_trigger.h"
#include "commands/extension.h"
#include "commands/trigger.h"
#include "utils/fmgrprotos.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "catalog.h"
#include "library.h"
#include "pending_trigger.h"
#include "tenant_source.h"

/* OIDs of the tables with deferrable user triggers, in TopMemoryContext; valid if tables_are_known. */
static List *deferring_tables = NIL;
static bool tables_are_known = false;

/* Counts relcache invalidations. */
static uint64 changes = 0;

/* The statements that are running, innermost first. */
static Writing *running = NULL;

static void
forget_tables(Datum arg, Oid relid)
{
	tables_are_known = false;
	changes++;
}

/* Does a trigger that is not internal call a function for which it matters what tenant is set: one that is not this extension's? */
static bool
depends_on_tenant(Oid function)
{
	Oid			extension = get_extension_oid(EXTENSION_NAME, true);

	return !OidIsValid(extension) || getExtensionOfObject(ProcedureRelationId, function) != extension;
}

/* Fills deferring_tables.  It stays invalid if an error ends the scan, or an invalidation arrives meanwhile. */
static void
find_deferring_tables(void)
{
	CatalogScan scan;
	uint64		before = changes;
	HeapTuple	tuple;

	list_free(deferring_tables);
	deferring_tables = NIL;
	scan = begin_catalog_scan(TriggerRelationId, InvalidOid, InvalidAttrNumber, InvalidOid, NULL);
	while (HeapTupleIsValid(tuple = next_catalog_row(&scan)))
	{
		Form_pg_trigger trigger = (Form_pg_trigger) GETSTRUCT(tuple);
		MemoryContext oldcontext;

		if (!trigger->tgdeferrable || trigger->tgisinternal || !depends_on_tenant(trigger->tgfoid))
			continue;
		oldcontext = MemoryContextSwitchTo(TopMemoryContext);
		deferring_tables = list_append_unique_oid(deferring_tables, trigger->tgrelid);
		MemoryContextSwitchTo(oldcontext);
	}
	end_catalog_scan(&scan);
	tables_are_known = (before == changes);
}

static bool
has_after_trigger(const TriggerDesc *triggers)
{
	for (int i = 0; triggers != NULL && i < triggers->numtriggers; i++)
		if (TRIGGER_FOR_AFTER(triggers->triggers[i].tgtype) && !triggers->triggers[i].tgisinternal &&
			depends_on_tenant(triggers->triggers[i].tgfoid))
			return true;
	return false;
}

/*
 * Must be called before a query is run or finished.  "writing" is memory of the
 * caller's, which must be passed to leave_writing() afterwards, with or without
 * an error.
 */
void
enter_writing(Writing *writing, const QueryDesc *query_desc)
{
	writing->estate = query_desc->estate;
	writing->copied = InvalidOid;
	writing->outer = running;
	running = writing;
}

static int
trigger_depth(void)
{
	return DatumGetInt32(DirectFunctionCall1(pg_trigger_depth, (Datum) 0));
}

/* Returns the table of COPY FROM, or InvalidOid for other statements. */
Oid
table_of_copy(const Node *stmt)
{
	const CopyStmt *copy = IsA(stmt, CopyStmt) ? (const CopyStmt *) stmt : NULL;

	if (copy == NULL || !copy->is_from || copy->relation == NULL)
		return InvalidOid;
	return RangeVarGetRelid(copy->relation, NoLock, true);
}

/* Must be called before a utility statement is run; "copied" is what table_of_copy returns. */
void
enter_copying(Writing *writing, Oid copied)
{
	writing->estate = NULL;
	writing->copied = copied;
	writing->depth = trigger_depth();
	writing->outer = running;
	running = writing;
}

void
leave_writing(const Writing *writing)
{
	Assert(running == writing);
	running = writing->outer;
}

/* Runs a plan, with ExecutorRun's arguments, between enter_writing and leave_writing. */
void
run_as_writing(ExecutorRun_hook_type run, EXECUTOR_RUN_PARAMETERS)
{
	Writing		writing;

	enter_writing(&writing, query_desc);
	PG_TRY();
	{
		run(EXECUTOR_RUN_ARGUMENTS);
	}
	PG_FINALLY();
	{
		leave_writing(&writing);
	}
	PG_END_TRY();
}

/* Returns the last of the ResultRelInfos' tables that has AFTER user triggers, or InvalidOid. */
static Oid
table_with_after_triggers(List *result_relations)
{
	Oid			found = InvalidOid;
	ListCell   *lc;

	foreach(lc, result_relations)
	{
		const ResultRelInfo *result = lfirst(lc);

		if (has_after_trigger(result->ri_TrigDesc))
			found = RelationGetRelid(result->ri_RelationDesc);
	}
	return found;
}

/*
 * Returns the first of COPY's table and its partitions that has AFTER user
 * triggers, or InvalidOid.  COPY fires them before it ends, so this must be
 * called only at the trigger depth at which COPY began.
 */
static Oid
copied_with_after_triggers(Oid copied)
{
	ListCell   *lc;

	foreach(lc, find_all_inheritors(copied, AccessShareLock, NULL))
	{
		Relation	part = table_open(lfirst_oid(lc), NoLock);
		bool		found = has_after_trigger(part->trigdesc);

		table_close(part, NoLock);
		if (found)
			return lfirst_oid(lc);
	}
	return InvalidOid;
}

/* Returns a table that a running statement writes and that has AFTER user triggers, or InvalidOid. */
static Oid
table_being_written(void)
{
	Oid			found = InvalidOid;

	for (const Writing *writing = running; writing != NULL && !OidIsValid(found); writing = writing->outer)
	{
		if (OidIsValid(writing->copied) && trigger_depth() == writing->depth)
			found = copied_with_after_triggers(writing->copied);
		if (writing->estate == NULL)
			continue;
		found = table_with_after_triggers(writing->estate->es_opened_result_relations);
		if (!OidIsValid(found))
			found = table_with_after_triggers(writing->estate->es_tuple_routing_result_relations);
	}
	return found;
}

/*
 * Returns a table for which events of deferred user triggers are queued, or
 * InvalidOid.  Scans pg_trigger if the list of tables is not cached, so it can raise
 * errors.
 */
static Oid
table_with_deferred_triggers(void)
{
	ListCell   *lc;

	if (!tables_are_known)
		find_deferring_tables();
	foreach(lc, deferring_tables)
		if (AfterTriggerPendingOnRel(lfirst_oid(lc)))
			return lfirst_oid(lc);
	return InvalidOid;
}

/*
 * Returns a table whose queued user triggers must not run for this tenant, or
 * InvalidOid.  "replaces" says that it replaces another tenant.
 */
Oid
table_waiting_for_other(const TenantValue *value, bool replaces)
{
	Oid			written;

	if (!IsTransactionState())
		return InvalidOid;
	written = replaces ? table_being_written() : InvalidOid;
	if (OidIsValid(written))
		return written;
	if (queueing_tenant_is_known() ? !is_queueing_tenant(value) : replaces)
		return table_with_deferred_triggers();
	return InvalidOid;
}

/* Can note_queueing() have something to note?  Not if no table has deferrable user triggers, which the cached list tells. */
bool
may_queue_triggers(void)
{
	return !tables_are_known || deferring_tables != NIL || queueing_tenant_is_known();
}

/*
 * Must be called before a statement that writes, and after it: remembers the tenant
 * for which it may queue deferred triggers, until they have run.  "value" is NULL
 * if there is none.
 */
void
note_queueing(const TenantValue *value)
{
	if (value == NULL && !queueing_tenant_is_known())
		return;
	if (!OidIsValid(table_with_deferred_triggers()))
		forget_queueing_tenant();
	if (value != NULL && deferring_tables != NIL)
		remember_queueing_tenant(value);
}

/* Must be called once, by _PG_init. */
void
init_pending_triggers(void)
{
	CacheRegisterRelcacheCallback(forget_tables, (Datum) 0);
}
