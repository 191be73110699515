/*-------------------------------------------------------------------------
 *
 * catalog.c
 *	  Looks up a relation's name, owner, ancestors and columns in the catalogs, and
 *	  scans a catalog by one key.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_class.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_inherits.h"
#include "miscadmin.h"
#include "nodes/nodes.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "catalog.h"

/* Returns the qualified and quoted name of a relation, or its OID if it was dropped; palloc'd. */
char *
relation_name(Oid relid)
{
	char	   *name = get_rel_name(relid);
	char	   *schema = name ? get_namespace_name_or_temp(get_rel_namespace(relid)) : NULL;

	if (schema == NULL)
		return psprintf("%u", relid);
	return quote_qualified_identifier(schema, name);
}

/* Returns the owner of an object, or InvalidOid if it was dropped.  "catalog" is the OID of the catalog that has its row. */
Oid
object_owner(Oid catalog, Oid object)
{
	int			cache = get_object_catcache_oid(catalog);
	HeapTuple	tuple = SearchSysCache1(cache, ObjectIdGetDatum(object));
	Oid			owner;
	bool		isnull;

	if (!HeapTupleIsValid(tuple))
		return InvalidOid;
	owner = DatumGetObjectId(SysCacheGetAttr(cache, tuple, get_object_attnum_owner(catalog), &isnull));
	ReleaseSysCache(tuple);
	return owner;
}

/* Returns the name of the role that owns a relation; palloc'd. */
char *
owner_name(Oid relid)
{
	return GetUserNameFromId(object_owner(RelationRelationId, relid), true);
}

/*
 * Returns the OIDs of all tables that a table inherits from, directly or
 * indirectly, nearest parents first.  Inheritance has no cycles, but a table
 * can reach an ancestor by several paths; each is listed once.
 */
List *
ancestors_of(Oid relid)
{
	List	   *found = list_make1_oid(relid);
	Relation	inherits = table_open(InheritsRelationId, AccessShareLock);

	for (int i = 0; i < list_length(found); i++)
	{
		ScanKeyData key;
		SysScanDesc scan;
		HeapTuple	tuple;

		ScanKeyInit(&key, Anum_pg_inherits_inhrelid, BTEqualStrategyNumber,
					F_OIDEQ, ObjectIdGetDatum(list_nth_oid(found, i)));
		scan = systable_beginscan(inherits, InheritsRelidSeqnoIndexId, true,
								  NULL, 1, &key);
		while (HeapTupleIsValid(tuple = systable_getnext(scan)))
			found = list_append_unique_oid(found,
										   ((Form_pg_inherits) GETSTRUCT(tuple))->inhparent);
		systable_endscan(scan);
	}
	table_close(inherits, AccessShareLock);
	return list_delete_first(found);
}

/*
 * Does the table have a column of this name?  Scans pg_attribute instead of
 * using get_attnum(), since most tables have none: the syscache would keep a
 * negative entry for each table that was ever created.
 */
bool
has_column(Oid relid, const char *name)
{
	Relation	attributes = table_open(AttributeRelationId, AccessShareLock);
	ScanKeyData key[2];
	SysScanDesc scan;
	bool		found;

	ScanKeyInit(&key[0], Anum_pg_attribute_attrelid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(relid));
	ScanKeyInit(&key[1], Anum_pg_attribute_attname, BTEqualStrategyNumber,
				F_NAMEEQ, CStringGetDatum(name));
	scan = systable_beginscan(attributes, AttributeRelidNameIndexId, true, NULL, 2, key);
	found = HeapTupleIsValid(systable_getnext(scan));
	systable_endscan(scan);
	table_close(attributes, AccessShareLock);
	return found;
}

/* Says which catalogs need not be scanned for parts of a relation: a new table has few.  All may be there if it was dropped. */
RelationParts
parts_of_relation(Oid relid)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	RelationParts parts = {true, true, true};

	if (!HeapTupleIsValid(tuple))
		return parts;
	parts.checks = ((Form_pg_class) GETSTRUCT(tuple))->relchecks > 0;
	parts.indexes = ((Form_pg_class) GETSTRUCT(tuple))->relhasindex;
	parts.triggers = ((Form_pg_class) GETSTRUCT(tuple))->relhastriggers;
	ReleaseSysCache(tuple);
	return parts;
}

/* Returns the default or generation expression of a column, or NULL. */
Node *
column_default(Relation rel, AttrNumber attnum)
{
	TupleConstr *constr = RelationGetDescr(rel)->constr;

	for (int i = 0; constr != NULL && i < constr->num_defval; i++)
		if (constr->defval[i].adnum == attnum)
			return stringToNode(constr->defval[i].adbin);
	return NULL;
}

/*
 * Begins a scan of the rows of a catalog whose column "attnum" is "value", by an
 * index of which that is the first column; of all rows where "index" is
 * InvalidOid.  The snapshot NULL is the catalog snapshot.  End it with
 * end_catalog_scan.
 */
CatalogScan
begin_catalog_scan(Oid catalog, Oid index, AttrNumber attnum, Oid value, Snapshot snapshot)
{
	CatalogScan scan = {.catalog = table_open(catalog, AccessShareLock)};
	ScanKeyData key;

	Assert(!OidIsValid(index) || attnum > 0);
	if (OidIsValid(index))
		ScanKeyInit(&key, attnum, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(value));
	scan.scan = systable_beginscan(scan.catalog, index, OidIsValid(index), snapshot,
								   OidIsValid(index) ? 1 : 0, OidIsValid(index) ? &key : NULL);
	return scan;
}

/* Begins a scan of the rows of pg_depend whose columns "attnum" and the next are an object, by an index of which those are the first. */
static CatalogScan
begin_pg_depend_scan(Oid index, AttrNumber attnum, Oid catalog, Oid object)
{
	CatalogScan scan = {.catalog = table_open(DependRelationId, AccessShareLock)};
	ScanKeyData key[2];

	ScanKeyInit(&key[0], attnum, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(catalog));
	ScanKeyInit(&key[1], attnum + 1, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(object));
	scan.scan = systable_beginscan(scan.catalog, index, true, NULL, 2, key);
	return scan;
}

/* Begins a scan of the rows of pg_depend for what depends on an object of a catalog. */
CatalogScan
begin_dependents_scan(Oid catalog, Oid object)
{
	return begin_pg_depend_scan(DependReferenceIndexId, Anum_pg_depend_refclassid, catalog, object);
}

/* Begins a scan of the rows of pg_depend for what an object of a catalog depends on. */
CatalogScan
begin_dependencies_scan(Oid catalog, Oid object)
{
	return begin_pg_depend_scan(DependDependerIndexId, Anum_pg_depend_classid, catalog, object);
}

/* The next row, which is valid up to the next call, or NULL. */
HeapTuple
next_catalog_row(CatalogScan *scan)
{
	Assert(scan->scan != NULL);
	return systable_getnext(scan->scan);
}

/* Also releases the lock on the catalog. */
void
end_catalog_scan(CatalogScan *scan)
{
	Assert(scan->scan != NULL);
	systable_endscan(scan->scan);
	table_close(scan->catalog, AccessShareLock);
	scan->scan = NULL;
}

/* Returns a column, of type oid, of the row that has this OID; InvalidOid where there is no such row. */
Oid
oid_in_catalog(Oid catalog, Oid oid_index, AttrNumber oid_attnum, Oid object, AttrNumber attnum)
{
	CatalogScan scan = begin_catalog_scan(catalog, oid_index, oid_attnum, object, NULL);
	HeapTuple	row = next_catalog_row(&scan);
	bool		isnull;
	Oid			found = HeapTupleIsValid(row) ?
		DatumGetObjectId(heap_getattr(row, attnum, RelationGetDescr(scan.catalog), &isnull)) : InvalidOid;

	end_catalog_scan(&scan);
	return found;
}
