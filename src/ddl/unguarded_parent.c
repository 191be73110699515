/*-------------------------------------------------------------------------
 *
 * unguarded_parent.c
 *	  Guarded tables below a parent that is not guarded.
 *
 * PostgreSQL applies the policies of the table that a query names: through an
 * unguarded parent everyone sees the rows of its partitions and children.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "executor/tuptable.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "access_refusals.h"
#include "bypass.h"
#include "catalog.h"
#include "compat.h"
#include "guard_refusals.h"
#include "scan_compat.h"
#include "tenant_column.h"
#include "unguarded_parent.h"

/* Has this transaction inserted a row of pg_inherits or, with "left", deleted it? */
static bool
was_changed_now(HeapTuple tuple, bool left)
{
	HeapTupleHeader header = tuple->t_data;

	if (!left)
		return TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetXmin(header));
	return (header->t_infomask & HEAP_XMAX_INVALID) == 0 &&
		!HEAP_XMAX_IS_LOCKED_ONLY(header->t_infomask) &&
		TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetUpdateXid(header));
}

/* The partitions and children that this transaction has put below a table or, with "left", taken away from it. */
static List *
parts_changed_now(Oid relid, bool left)
{
	List	   *parts = NIL;
	CatalogScan scan;
	HeapTuple	tuple;

	scan = begin_catalog_scan(InheritsRelationId, InheritsParentIndexId, Anum_pg_inherits_inhparent, relid, left ? SnapshotAny : NULL);
	while (HeapTupleIsValid(tuple = next_catalog_row(&scan)))
		if (was_changed_now(tuple, left))
			parts = list_append_unique_oid(parts, ((Form_pg_inherits) GETSTRUCT(tuple))->inhrelid);
	end_catalog_scan(&scan);
	return parts;
}

/*
 * The tables that this transaction has put below a table.  They are read from the
 * catalogs, since a name in the statement may mean another table after it.
 */
List *
parts_joined_now(Oid relid)
{
	return parts_changed_now(relid, false);
}

/* The tables that this transaction has taken away from below a table, and not put back. */
List *
parts_left_now(Oid relid)
{
	return list_difference_oid(parts_changed_now(relid, true), find_inheritance_children(relid, NoLock));
}

/* Warns that a guarded table can be read through a parent that is not guarded. */
void
warn_of_unguarded_parent(Oid relid, Oid parent)
{
	ereport(WARNING,
			(errmsg("table %s inherits from table %s, which is not guarded",
					relation_name(relid), relation_name(parent)),
			 errdetail("A query on that table shows the rows of this one to every tenant."),
			 errhint("Run SELECT tenant_guard.protect(%s);",
					 quote_literal_cstr(relation_name(parent)))));
}

/* Has a table any rows, whatever privileges and policies the user has?  Inheritance children are not counted. */
static bool
holds_rows_of_its_own(Oid relid)
{
	Relation	rel;
	Snapshot	snapshot;
	TupleTableSlot *slot;
	TableScanDesc scan;
	bool		found;

	if (get_rel_relkind(relid) != RELKIND_RELATION)
		return false;
	rel = table_open(relid, AccessShareLock);
	snapshot = RegisterSnapshot(GetLatestSnapshot());
	slot = table_slot_create(rel, NULL);
	scan = begin_table_scan(rel, snapshot);
	found = table_scan_getnextslot(scan, ForwardScanDirection, slot);
	table_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
	UnregisterSnapshot(snapshot);
	table_close(rel, AccessShareLock);
	return found;
}

/*
 * Does it expose rows to put a guarded table below this parent?  It does not if an
 * empty partition is added to a table that has the tenant column and is not
 * guarded yet: partitions must be possible while an application adopts guards.
 */
static bool
is_opened_by(Oid relid, Oid parent)
{
	return get_rel_relkind(parent) != RELKIND_PARTITIONED_TABLE ||
		tenant_column_of(parent) == NULL ||
		holds_rows_of_its_own(relid);
}

/*
 * Refuses a guarded table below a parent that is not guarded, if that exposes
 * rows.  Only warns if "made": the table is new, or was guarded only now.
 */
void
check_parent(Oid relid, Oid parent, bool made)
{
	Assert(OidIsValid(parent) && relid != parent);
	if (!made && is_opened_by(relid, parent) && !weakening_is_allowed(relid))
		raise_refusal(guarded_below_unguarded(relid, parent));
	warn_of_unguarded_parent(relid, parent);
}
