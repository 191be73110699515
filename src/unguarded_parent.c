/*-------------------------------------------------------------------------
 *
 * unguarded_parent.c
 *	  Guarded tables below a parent that is not guarded.
 *
 * Row-level security is that of the table which a query names: through such a
 * parent everyone sees the rows of what inherits from it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "executor/tuptable.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "access.h"
#include "compat.h"
#include "guard.h"
#include "refuse_table.h"
#include "settings.h"
#include "unguarded_parent.h"

/*
 * The tables that this transaction has put below a table, by what the catalogs
 * hold: a name in the statement may mean another table when it is over.
 */
List *
parts_joined_now(Oid relid)
{
	Relation	inherits = table_open(InheritsRelationId, AccessShareLock);
	List	   *parts = NIL;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&key, Anum_pg_inherits_inhparent, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(relid));
	scan = systable_beginscan(inherits, InheritsParentIndexId, true, NULL, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
		if (TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetXmin(tuple->t_data)))
			parts = lappend_oid(parts, ((Form_pg_inherits) GETSTRUCT(tuple))->inhrelid);
	systable_endscan(scan);
	table_close(inherits, AccessShareLock);
	return parts;
}

/* Says that a guarded table can be read through one that is not. */
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

/* Looks at the table itself: nobody's privileges and policies matter. */
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
 * Does it open what was closed to put a guarded table below this parent?  Not
 * where a partition that is empty comes to a table of tenants' rows, which is
 * open anyway: so partitions are made while an application adopts guards.
 */
static bool
is_opened_by(Oid relid, Oid parent)
{
	return get_rel_relkind(parent) != RELKIND_PARTITIONED_TABLE ||
		get_attnum(parent, setting_tenant_column) <= 0 ||
		holds_rows_of_its_own(relid);
}

/*
 * A guarded table below one that is not guarded shows its rows to everyone who
 * queries that one.  What would be opened by that is refused; of a table that
 * is new, and has no rows to open, it is said.
 */
void
check_parents(Oid relid, bool made)
{
	ListCell   *lc;

	foreach(lc, find_all_inheritors(relid, NoLock, NULL))
	{
		ListCell   *above;

		if (guard_of(lfirst_oid(lc)).status == GUARD_NONE)
			continue;
		foreach(above, ancestors_of(lfirst_oid(lc)))
		{
			Oid			parent = lfirst_oid(above);

			if (guard_of(parent).status != GUARD_NONE)
				continue;
			if (!made && is_opened_by(lfirst_oid(lc), parent) &&
				!weakening_is_meant(lfirst_oid(lc)))
				raise_refusal(guarded_below_unguarded(relation_name(lfirst_oid(lc)),
													  relation_name(parent)));
			warn_of_unguarded_parent(lfirst_oid(lc), parent);
		}
	}
}
