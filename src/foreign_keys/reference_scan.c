/*-------------------------------------------------------------------------
 *
 * reference_scan.c
 *	  Looks a row up by a foreign key without a query.
 *
 * A query for each row that is written costs as much as the key itself does.  Where
 * the columns of a key are compared as its unique index compares them, which is so
 * for most keys, the index is read directly, and the row is locked.
 *
 * Nothing but operators of the index and the tenant's own comparison is evaluated:
 * no cast, no expression of a role.  So this runs as whoever writes the row, and
 * needs no privilege on the table, as PostgreSQL's own check of the key, which follows,
 * needs that of the table's owner.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_am.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "executor/tuptable.h"
#include "parser/parse_coerce.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "guard.h"
#include "reference_scan.h"
#include "scan_compat.h"

/* ----------------------------------------------------------------
 *		Which scan it is
 * ----------------------------------------------------------------
 */

static bool
read_tenant_column(TenantColumn *column, Oid relid, AttrNumber attnum)
{
	column->attnum = attnum;
	column->column_type = getBaseType(get_atttype(relid, attnum));
	return type_serves(column->column_type, &column->type);
}

/* The unique index that a key needs on its parent. */
static Oid
index_of_key(Oid constraint)
{
	HeapTuple	tuple = SearchSysCache1(CONSTROID, ObjectIdGetDatum(constraint));
	Oid			index = InvalidOid;

	if (HeapTupleIsValid(tuple))
	{
		index = ((Form_pg_constraint) GETSTRUCT(tuple))->conindid;
		ReleaseSysCache(tuple);
	}
	return index;
}

/* Reads how column "i" of the key is compared by a column of the index; false if the index cannot compare it as the key does. */
static bool
read_scan_key(ParentScan *scan, int position, const ForeignKey *key, int i, Relation index)
{
	int			strategy;
	Oid			left;
	Oid			right;
	Oid			type;
	int32		typmod;
	Oid			collation;

	if (!op_in_opfamily(key->operators[i], index->rd_opfamily[position]))
		return false;
	get_op_opfamily_properties(key->operators[i], index->rd_opfamily[position], false, &strategy, &left, &right);
	get_atttypetypmodcoll(key->parent, key->referenced[i], &type, &typmod, &collation);
	if (!IsBinaryCoercible(get_atttype(key->child, key->columns[i]), right) || collation != index->rd_indcollation[position])
		return false;
	ScanKeyEntryInitialize(&scan->keys[position], 0, position + 1, strategy, right, collation,
						   get_opcode(key->operators[i]), (Datum) 0);
	scan->arguments[position] = i;
	return true;
}

static bool
read_scan_keys(ParentScan *scan, const ForeignKey *key, Relation index)
{
	int			found = 0;

	if (index->rd_rel->relam != BTREE_AM_OID || IndexRelationGetNumberOfKeyAttributes(index) != key->ncolumns)
		return false;
	for (int position = 0; position < key->ncolumns; position++)
		for (int i = 0; i < key->ncolumns; i++)
			if (key->referenced[i] == index->rd_index->indkey.values[position] && read_scan_key(scan, position, key, i, index))
				found++;
	return found == key->ncolumns;
}

/* Reads the scan by which rows of a key's child find their parent, into the current memory context. */
void
read_parent_scan(ParentScan *scan, const ForeignKey *key)
{
	Relation	index;

	scan->invalidations = guard_invalidations();
	scan->parent = key->parent;
	scan->index = index_of_key(key->oid);
	scan->ncolumns = key->ncolumns;
	if (get_rel_relkind(key->parent) != RELKIND_RELATION || get_rel_relkind(scan->index) != RELKIND_INDEX ||
		!read_tenant_column(&scan->parent_tenant, key->parent, key->parent_tenant) ||
		!read_tenant_column(&scan->child_tenant, key->child, key->tenant) ||
		scan->parent_tenant.type != scan->child_tenant.type)
		return;
	index = index_open(scan->index, AccessShareLock);
	scan->usable = read_scan_keys(scan, key, index);
	index_close(index, AccessShareLock);
}

/* ----------------------------------------------------------------
 *		The scan
 * ----------------------------------------------------------------
 */

/* May a row with this tenant, NULL for everyone's, reference the parent in the slot? */
static bool
tenant_fits(const ParentScan *scan, TupleTableSlot *slot, const Datum *tenant)
{
	bool		isnull;
	Datum		datum = slot_getattr(slot, scan->parent_tenant.attnum, &isnull);
	TenantValue parents;
	TenantValue childs;

	if (isnull || tenant == NULL)
		return isnull;
	view_tenant(scan->parent_tenant.type, datum, scan->parent_tenant.column_type, &parents);
	view_tenant(scan->child_tenant.type, *tenant, scan->child_tenant.column_type, &childs);
	return tenant_equal(&parents, &childs);
}

/* Locks the parent in the slot FOR KEY SHARE; false if it is there no longer. */
static bool
lock_parent(Relation parent, Snapshot snapshot, TupleTableSlot *slot)
{
	ItemPointerData tid = slot->tts_tid;
	TM_FailureData failure;
	uint8		flags = TUPLE_LOCK_FLAG_LOCK_UPDATE_IN_PROGRESS;

	if (!IsolationUsesXactSnapshot())
		flags |= TUPLE_LOCK_FLAG_FIND_LAST_VERSION;
	switch (table_tuple_lock(parent, &tid, snapshot, slot, GetCurrentCommandId(false), LockTupleKeyShare,
							 LockWaitBlock, flags, &failure))
	{
		case TM_Ok:
			return true;
		case TM_Updated:
		case TM_Deleted:
			if (IsolationUsesXactSnapshot())
				ereport(ERROR,
						(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
						 errmsg("could not serialize access due to concurrent update")));
			return false;
		default:
			return false;
	}
}

/* Reads the index of the parent, and locks the row that it finds if its tenant fits. */
static bool
find_parent(const ParentScan *scan, Relation parent, Snapshot snapshot, ScanKey keys, const Datum *tenant)
{
	Relation	index = index_open(scan->index, RowShareLock);
	TupleTableSlot *slot = table_slot_create(parent, NULL);
	IndexScanDesc index_scan = begin_index_scan(parent, index, snapshot, scan->ncolumns);
	bool		found;

	index_rescan(index_scan, keys, scan->ncolumns, NULL, 0);
	found = index_getnext_slot(index_scan, ForwardScanDirection, slot) && tenant_fits(scan, slot, tenant) &&
		lock_parent(parent, snapshot, slot);
	index_endscan(index_scan);
	ExecDropSingleTupleTableSlot(slot);
	index_close(index, NoLock);
	return found;
}

/*
 * Looks up the parent with these values of the key's columns that a row with this
 * tenant, NULL for everyone's, may reference, and locks it.  Returns false, and has
 * done nothing, if a query must do so.  *ended is a count of the transactions that
 * had ended when the snapshot was taken by which it has looked.
 */
bool
scan_for_parent(const ParentScan *scan, const Datum *values, const Datum *tenant, bool *found, uint64 *ended)
{
	ScanKeyData keys[INDEX_MAX_KEYS];
	Relation	parent;
	Snapshot	snapshot;
	bool		usable;

	if (!scan->usable)
		return false;
	CommandCounterIncrement();
	parent = table_open(scan->parent, RowShareLock);
	/* the index may be another since this was read */
	usable = scan->invalidations == guard_invalidations();
	if (usable)
	{
		for (int i = 0; i < scan->ncolumns; i++)
		{
			keys[i] = scan->keys[i];
			keys[i].sk_func.fn_mcxt = CurrentMemoryContext; /* what a comparison keeps goes with the copy */
			keys[i].sk_argument = values[scan->arguments[i]];
		}
		snapshot = GetLatestSnapshot();
		*ended = snapshot->snapXactCompletionCount; /* a copy has none */
		snapshot = RegisterSnapshot(snapshot);
		*found = find_parent(scan, parent, snapshot, keys, tenant);
		UnregisterSnapshot(snapshot);
	}
	table_close(parent, NoLock);
	return usable;
}
