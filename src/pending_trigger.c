/*-------------------------------------------------------------------------
 *
 * pending_trigger.c
 *	  Tables whose deferred triggers have yet to run.
 *
 * PostgreSQL tells of one table whether events of it are queued.  Asked for are
 * those with a deferrable trigger that somebody wrote: they are few, and are
 * kept until a table changes.  Foreign keys and unique constraints may be
 * deferred too, but check the same rows under any tenant.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_trigger.h"
#include "commands/trigger.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "pending_trigger.h"

static List *deferring_tables = NIL;	/* of OIDs, in TopMemoryContext */
static bool tables_are_known = false;

static void
forget_tables(Datum arg, Oid relid)
{
	tables_are_known = false;
}

/* The scan of pg_trigger may itself be told of changes: what it has found is forgotten then. */
static void
find_deferring_tables(void)
{
	Relation	triggers = table_open(TriggerRelationId, AccessShareLock);
	SysScanDesc scan;
	HeapTuple	tuple;

	list_free(deferring_tables);
	deferring_tables = NIL;
	tables_are_known = true;
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
}

/*
 * A table of which deferred events are queued, with triggers that somebody
 * wrote; InvalidOid if there is none.  Reads pg_trigger, so raises what that
 * may.
 */
Oid
table_with_pending_triggers(void)
{
	ListCell   *lc;

	if (!IsTransactionState())
		return InvalidOid;
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
