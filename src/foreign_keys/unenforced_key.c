/*-------------------------------------------------------------------------
 *
 * unenforced_key.c
 *	  Foreign keys that are not to be taken out of force.
 *
 * From 18 on ALTER CONSTRAINT ... NOT ENFORCED leaves a key where it is and
 * lets rows reference whatever they like.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "bypass.h"
#include "catalog.h"
#include "compat.h"
#include "foreign_key.h"
#include "key_refusals.h"
#include "unenforced_key.h"

/*
 * Refuses that a key which carries the tenant is one of those, by name, that a
 * statement has made NOT ENFORCED, unless that is meant.
 */
void
check_keys_enforced(Oid relid, List *names)
{
	ListCell   *lc;
	ListCell   *ln;

	if (names == NIL)
		return;
	foreach(lc, foreign_keys_from(relid))
	{
		ForeignKey *key = lfirst(lc);

		if (key->kind != KEY_CARRIES_TENANT || key->enforced)
			continue;
		foreach(ln, names)
			if (strcmp(key->name, lfirst(ln)) == 0 && !weakening_is_meant(relid))
				raise_refusal(key_not_enforced(key->name, relation_name(key->child), relation_name(key->parent)));
	}
}
