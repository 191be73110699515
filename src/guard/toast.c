/*-------------------------------------------------------------------------
 *
 * toast.c
 *	  Finds the table to which a TOAST table belongs.
 *
 * A TOAST table has the long values of its table's rows, and no policies.  Its
 * name contains the OID of the table for which it was created, but CLUSTER and
 * other rewrites swap TOAST tables.  pg_class.reltoastrelid is authoritative,
 * and has no index.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_class.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "toast.h"

bool
is_toast_table(Oid relid)
{
	return get_rel_relkind(relid) == RELKIND_TOASTVALUE;
}

static bool
has_toast(Oid relid, Oid toast)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	bool		has = false;

	if (HeapTupleIsValid(tuple))
	{
		has = ((Form_pg_class) GETSTRUCT(tuple))->reltoastrelid == toast;
		ReleaseSysCache(tuple);
	}
	return has;
}

/* Finds the table by a scan of pg_class; InvalidOid if there is none. */
static Oid
find_table(Oid toast)
{
	Relation	pg_class = table_open(RelationRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	Oid			table = InvalidOid;

	ScanKeyInit(&key, Anum_pg_class_reltoastrelid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(toast));
	scan = systable_beginscan(pg_class, InvalidOid, false, NULL, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
		table = ((Form_pg_class) GETSTRUCT(tuple))->oid;
	systable_endscan(scan);
	table_close(pg_class, AccessShareLock);
	return table;
}

/* Returns the table, or InvalidOid if it was dropped or rewritten concurrently. */
Oid
table_of_toast(Oid toast)
{
	char	   *name = get_rel_name(toast);
	Oid			table;

	if (name != NULL && sscanf(name, "pg_toast_%u", &table) == 1 && has_toast(table, toast))
		return table;
	return find_table(toast);
}
