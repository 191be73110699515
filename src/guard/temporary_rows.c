/*-------------------------------------------------------------------------
 *
 * temporary_rows.c
 *	  Looks for rows, and for other tenants' rows, in a temporary table.
 *
 * Building an index evaluates its expressions also for rows that the transaction
 * has deleted, which queries do not see any more.  So for statements that read a
 * table in such a way, all rows count that VACUUM would not remove.
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
#include "scan_compat.h"
#include "temporary_rows.h"

/* A test for has_row: is the row in the slot one that is searched for? */
typedef bool (*RowTest) (Relation table, TupleTableSlot *slot, const void *arg);

static bool
any_row(Relation table, TupleTableSlot *slot, const void *arg)
{
	return true;
}

/* Does a table have a row that the snapshot sees and that passes the test? */
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
 * Does neither the active snapshot see a row in the table, nor, if that is of an
 * earlier command, SnapshotSelf one that was written since?  True for a table
 * that was dropped.
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

/* Does any row that VACUUM would not remove pass the test? */
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

/* Does the table have deleted rows that VACUUM would not remove? */
bool
has_deleted_rows(Oid relid)
{
	return has_row_left(relid, is_deleted, NULL);
}

/* The argument of is_of_other: which rows of a guarded table are not other tenants'. */
typedef struct OwnRows
{
	AttrNumber	attnum;			/* tenant column, or InvalidAttrNumber if it is not known */
	TenantType	type;			/* the tenant type of that column */
	const TenantValue *tenant;	/* rows of this tenant, or NULL for none */
	bool		nulls;			/* rows whose tenant is null */
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
 * Does a guarded table have a row of another tenant than this one?  NULL stands
 * for no tenant.  With "nulls", rows whose tenant is null do not count.  If the
 * tenant column is not known, or not of a tenant's type, each row counts.
 */
bool
has_rows_of_others(Oid relid, AttrNumber attnum, const TenantValue *tenant, bool nulls)
{
	OwnRows		own = {.attnum = attnum, .tenant = tenant, .nulls = nulls};

	if (attnum != InvalidAttrNumber && !type_serves(get_atttype(relid, attnum), &own.type))
		own.attnum = InvalidAttrNumber;
	return has_row_left(relid, is_of_other, &own);
}
