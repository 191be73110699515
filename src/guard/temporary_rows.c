/*-------------------------------------------------------------------------
 *
 * temporary_rows.c
 *	  What rows a temporary table of this session holds, and whose.
 *
 * An index is built of rows, too, that the transaction has deleted: its
 * expressions are evaluated for what no query sees any more.  So statements
 * that look into a table are judged by all rows that VACUUM would not remove.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/relation.h"
#include "access/tableam.h"
#include "executor/tuptable.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "guard.h"
#include "temporary_rows.h"

/* Is a row such as is searched for? */
typedef bool (*RowTest) (Relation table, TupleTableSlot *slot, const void *arg);

static bool
any_row(Relation table, TupleTableSlot *slot, const void *arg)
{
	return true;
}

static bool
has_row(Relation table, Snapshot snapshot, RowTest test, const void *arg)
{
	TableScanDesc scan = begin_table_scan(table, snapshot);
	TupleTableSlot *slot = table_slot_create(table, NULL);
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "temporary row", ALLOCSET_SMALL_SIZES);
	bool		found = false;

	while (!found && table_scan_getnextslot(scan, ForwardScanDirection, slot))
	{
		MemoryContext oldcontext = MemoryContextSwitchTo(context);

		found = test(table, slot, arg);
		MemoryContextSwitchTo(oldcontext);
		MemoryContextReset(context);
	}
	MemoryContextDelete(context);
	ExecDropSingleTupleTableSlot(slot);
	table_endscan(scan);
	return found;
}

/*
 * Is there no row that the snapshot sees, nor, where it is of an earlier
 * command, one that was written since?
 */
bool
is_empty_table(Oid relid)
{
	Relation	table = try_relation_open(relid, AccessShareLock);
	Snapshot	snapshot = ActiveSnapshotSet() ? GetActiveSnapshot() : NULL;
	bool		empty;

	if (table == NULL)
		return true;
	empty = snapshot == NULL || !has_row(table, snapshot, any_row, NULL);
	if (empty && (snapshot == NULL || snapshot->curcid < GetCurrentCommandId(false)))
		empty = !has_row(table, SnapshotSelf, any_row, NULL);
	relation_close(table, AccessShareLock);
	return empty;
}

/* Is there such a row among those that VACUUM would not remove? */
static bool
has_row_left(Oid relid, RowTest test, const void *arg)
{
	Relation	table = try_relation_open(relid, AccessShareLock);
	SnapshotData snapshot;
	bool		found;

	if (table == NULL)
		return false;
	InitNonVacuumableSnapshot(snapshot, GlobalVisTestFor(table));
	found = has_row(table, &snapshot, test, arg);
	relation_close(table, AccessShareLock);
	return found;
}

static bool
is_deleted(Relation table, TupleTableSlot *slot, const void *arg)
{
	return !table_tuple_satisfies_snapshot(table, slot, SnapshotSelf);
}

/* Has the transaction deleted rows whose place is not free yet? */
bool
has_deleted_rows(Oid relid)
{
	return has_row_left(relid, is_deleted, NULL);
}

/* Of a guarded table: whose rows are not searched for, and where it is told. */
typedef struct OwnRows
{
	AttrNumber	attnum;
	TenantType	type;
	const TenantValue *tenant;	/* or NULL: no row is own but */
	bool		nulls;			/* those that have no tenant */
} OwnRows;

static bool
is_of_other(Relation table, TupleTableSlot *slot, const void *arg)
{
	const OwnRows *own = arg;
	TenantValue tenant;
	bool		isnull;
	Datum		value;

	if (own->attnum == InvalidAttrNumber)
		return true;
	value = slot_getattr(slot, own->attnum, &isnull);
	if (isnull || own->tenant == NULL)
		return !isnull || !own->nulls;
	view_tenant(own->type, value, getBaseType(TupleDescAttr(RelationGetDescr(table), own->attnum - 1)->atttypid), &tenant);
	return !tenant_equal(&tenant, own->tenant);
}

/*
 * Does a guarded table hold a row of another tenant than this, or NULL for none?
 * One that has no tenant is not, with "nulls"; where the column does not tell,
 * each row is.
 */
bool
has_rows_of_others(Oid relid, AttrNumber attnum, const TenantValue *tenant, bool nulls)
{
	OwnRows		own = {.attnum = attnum,.tenant = tenant,.nulls = nulls};

	if (attnum != InvalidAttrNumber && !type_serves(get_atttype(relid, attnum), &own.type))
		own.attnum = InvalidAttrNumber;
	return has_row_left(relid, is_of_other, &own);
}
