/*-------------------------------------------------------------------------
 *
 * pending_trigger.c
 *	  Tables whose triggers have yet to run.
 *
 * Of deferred triggers PostgreSQL tells for one table whether events are
 * queued.  Asked for are tables with a deferrable trigger that somebody wrote:
 * they are few, and are kept until a table changes.  Foreign keys and unique
 * constraints may be deferred too, but check the same rows under any tenant.
 * Other AFTER triggers wait for the end of the statement, which is known while it
 * runs, with the partitions that it has reached so far.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_trigger.h"
#include "commands/trigger.h"
#include "utils/fmgrprotos.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "pending_trigger.h"

static List *deferring_tables = NIL;	/* of OIDs, in TopMemoryContext */
static bool tables_are_known = false;
static uint64 changes = 0;		/* of tables, as far as we were told */

/* The statements that run now, the innermost first. */
static Writing *running = NULL;

static void
forget_tables(Datum arg, Oid relid)
{
	tables_are_known = false;
	changes++;
}

/* What is found counts as known if the scan was not cut off, nor told of a change. */
static void
find_deferring_tables(void)
{
	Relation	triggers = table_open(TriggerRelationId, AccessShareLock);
	uint64		before = changes;
	SysScanDesc scan;
	HeapTuple	tuple;

	list_free(deferring_tables);
	deferring_tables = NIL;
	scan = systable_beginscan(triggers, InvalidOid, false, NULL, 0, NULL);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_trigger trigger = (Form_pg_trigger) GETSTRUCT(tuple);
		MemoryContext oldcontext;

		if (!trigger->tgdeferrable || trigger->tgisinternal)
			continue;
		oldcontext = MemoryContextSwitchTo(TopMemoryContext);
		deferring_tables = list_append_unique_oid(deferring_tables, trigger->tgrelid);
		MemoryContextSwitchTo(oldcontext);
	}
	systable_endscan(scan);
	table_close(triggers, AccessShareLock);
	tables_are_known = (before == changes);
}

static bool
has_after_trigger(const TriggerDesc *triggers)
{
	for (int i = 0; triggers != NULL && i < triggers->numtriggers; i++)
		if (TRIGGER_FOR_AFTER(triggers->triggers[i].tgtype) && !triggers->triggers[i].tgisinternal)
			return true;
	return false;
}

/*
 * A statement is run, or finished.  "writing" is the caller's, to be handed to
 * leave_writing() when that is done, also by an error.
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

/* The table into which a utility statement copies, or InvalidOid. */
Oid
table_of_copy(const Node *stmt)
{
	const CopyStmt *copy = IsA(stmt, CopyStmt) ? (const CopyStmt *) stmt : NULL;

	if (copy == NULL || !copy->is_from || copy->relation == NULL)
		return InvalidOid;
	return RangeVarGetRelid(copy->relation, NoLock, true);
}

/* The same of a utility statement; "copied" may be InvalidOid. */
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
	running = writing->outer;
}

/* Runs a query that writes, and has no guarded tables; other queries are entered beside what else is done for them. */
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

/* The last of the tables that has AFTER triggers which somebody wrote, or InvalidOid. */
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
 * Of the table of COPY and its parts: the first that has such triggers, or
 * InvalidOid.  COPY fires them before it ends; what is called by one of its
 * triggers is taken for called then.
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

/* The table of a statement that is running whose AFTER triggers wait for its end, or InvalidOid. */
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
 * A table of which events are queued, with triggers that somebody
 * wrote; InvalidOid if there is none.  Reads pg_trigger, so raises what that
 * may.
 */
Oid
table_with_pending_triggers(void)
{
	ListCell   *lc;

	if (!IsTransactionState())
		return InvalidOid;
	if (OidIsValid(table_being_written()))
		return table_being_written();
	if (!tables_are_known)
		find_deferring_tables();
	foreach(lc, deferring_tables)
		if (AfterTriggerPendingOnRel(lfirst_oid(lc)))
			return lfirst_oid(lc);
	return InvalidOid;
}

void
init_pending_triggers(void)
{
	CacheRegisterRelcacheCallback(forget_tables, (Datum) 0);
}
