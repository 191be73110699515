/*-------------------------------------------------------------------------
 *
 * key_hierarchy.c
 *	  The foreign keys of a table with its partitions and children.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_inherits.h"
#include "utils/lsyscache.h"

#include "catalog.h"
#include "compat.h"
#include "key_hierarchy.h"

/*
 * Returns the foreign keys of a table, its partitions and its children in this
 * direction: a list of ForeignKeys without duplicates.
 */
List *
all_keys_of_hierarchy(Oid root, KeyDirection direction)
{
	List	   *found = NIL;
	List	   *seen = NIL;
	ListCell   *lc;
	ListCell   *lk;

	/* callers need not hold a lock */
	if (get_rel_relkind(root) == '\0')
		return NIL;
	foreach(lc, find_all_inheritors(root, NoLock, NULL))
		foreach(lk, direction == KEYS_FROM ? foreign_keys_from(lfirst_oid(lc)) : foreign_keys_of(lfirst_oid(lc)))
		{
			ForeignKey *key = lfirst(lk);

			if (list_member_oid(seen, key->oid))
				continue;
			found = lappend(found, key);
			seen = lappend_oid(seen, key->oid);
		}
	return found;
}

/* Can there be foreign keys from or to a table, apart from its parts?  A new table mostly has none, and no triggers. */
bool
may_have_keys(Oid relid)
{
	return KEYS_MAY_LACK_TRIGGERS || get_rel_relkind(relid) != RELKIND_RELATION || parts_of_relation(relid).triggers;
}

/* Is there any foreign key from or to a table, its partitions or children? */
bool
has_keys(Oid root)
{
	ListCell   *lc;

	if (get_rel_relkind(root) == '\0')
		return false;
	foreach(lc, find_all_inheritors(root, NoLock, NULL))
		if (may_have_keys(lfirst_oid(lc)) && foreign_keys_of(lfirst_oid(lc)) != NIL)
			return true;
	return false;
}

/* Returns those keys of a table, its partitions and its children that are of this kind. */
List *
keys_of_hierarchy(Oid root, KeyKind kind, KeyDirection direction)
{
	List	   *found = NIL;
	ListCell   *lc;

	foreach(lc, all_keys_of_hierarchy(root, direction))
		if (((ForeignKey *) lfirst(lc))->kind == kind)
			found = lappend(found, lfirst(lc));
	return found;
}

/* Returns the tables at both ends of these keys, without duplicates, in the order of their OIDs. */
List *
tables_of_keys(List *keys)
{
	List	   *tables = NIL;
	ListCell   *lc;

	foreach(lc, keys)
	{
		ForeignKey *key = lfirst(lc);

		tables = list_append_unique_oid(tables, key->child);
		tables = list_append_unique_oid(tables, key->parent);
	}
	list_sort(tables, list_oid_cmp);
	return tables;
}
