/*-------------------------------------------------------------------------
 *
 * catalog.h
 *	  What the catalogs say of a relation: its name, owner, ancestors, columns.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_CATALOG_H
#define TENANT_GUARD_CATALOG_H

#include "nodes/pg_list.h"

extern char *relation_name(Oid relid);
extern Oid	object_owner(Oid catalog, Oid object);
extern List *ancestors_of(Oid relid);
extern bool has_column(Oid relid, const char *name);

#endif							/* TENANT_GUARD_CATALOG_H */
