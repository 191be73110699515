/*-------------------------------------------------------------------------
 *
 * catalog.h
 *	  Looks up a relation's name, owner, ancestors and columns in the catalogs, and
 *	  scans a catalog by one key.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_CATALOG_H
#define TENANT_GUARD_CATALOG_H

#include "access/genam.h"
#include "nodes/pg_list.h"
#include "utils/relcache.h"
#include "utils/snapshot.h"

/* A scan of a system catalog; private to catalog.c */
typedef struct CatalogScan
{
	Relation	catalog;
	SysScanDesc scan;
} CatalogScan;

/* What a relation may have, by its row in pg_class: false where it surely has none. */
typedef struct RelationParts
{
	bool		checks;
	bool		indexes;
	bool		triggers;
} RelationParts;

extern char *relation_name(Oid relid);
extern Oid	object_owner(Oid catalog, Oid object);
extern char *owner_name(Oid relid);
extern List *ancestors_of(Oid relid);
extern bool has_column(Oid relid, const char *name);
extern RelationParts parts_of_relation(Oid relid);
extern Node *column_default(Relation rel, AttrNumber attnum);
extern CatalogScan begin_catalog_scan(Oid catalog, Oid index, AttrNumber attnum, Oid value, Snapshot snapshot);
extern CatalogScan begin_dependents_scan(Oid catalog, Oid object);
extern CatalogScan begin_dependencies_scan(Oid catalog, Oid object);
extern HeapTuple next_catalog_row(CatalogScan *scan);
extern void end_catalog_scan(CatalogScan *scan);
extern Oid	oid_in_catalog(Oid catalog, Oid oid_index, AttrNumber oid_attnum, Oid object, AttrNumber attnum);

#endif							/* TENANT_GUARD_CATALOG_H */
