/*-------------------------------------------------------------------------
 *
 * key_hierarchy.h
 *	  The foreign keys of a table with its partitions and children.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_KEY_HIERARCHY_H
#define TENANT_GUARD_KEY_HIERARCHY_H

#include "foreign_key.h"

/* A selection of the keys of a table. */
typedef enum KeyDirection
{
	KEYS_FROM,					/* by which it references other tables or itself */
	KEYS_FROM_AND_TO			/* and those that reference it */
} KeyDirection;

extern List *all_keys_of_hierarchy(Oid root, KeyDirection direction);
extern bool may_have_keys(Oid relid);
extern bool has_keys(Oid root);
extern List *keys_of_hierarchy(Oid root, KeyKind kind, KeyDirection direction);
extern List *tables_of_keys(List *keys);

#endif							/* TENANT_GUARD_KEY_HIERARCHY_H */
