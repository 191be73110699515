/*-------------------------------------------------------------------------
 *
 * unenforced_key.c
 *	  Refuses to make foreign keys that carry the tenant NOT ENFORCED.
 *
 * Since PostgreSQL 18 ALTER CONSTRAINT ... NOT ENFORCED keeps a key in the
 * catalogs and lets rows reference anything.
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
 * Refuses a statement that has made constraints of these names NOT ENFORCED, if
 * one is a key that carries the tenant, unless the user opted in to that.
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
			if (strcmp(key->name, lfirst(ln)) == 0 && !weakening_is_allowed(relid))
				raise_refusal(key_not_enforced(key));
	}
}
