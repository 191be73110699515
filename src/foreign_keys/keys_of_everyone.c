/*-------------------------------------------------------------------------
 *
 * keys_of_everyone.c
 *	  Foreign keys from and to tables with rows of everyone.
 *
 * A key from such a table carries the tenant, and a CHECK keeps rows of everyone
 * from referencing anything by it (everyones_rows.c).  A key to such a table carries
 * the tenant, too, and then references the tenant's own rows alone; one that does
 * not would reach every tenant's rows, and is refused: PostgreSQL checks keys
 * without row-level security.  A key whose action sets the tenant column of such a
 * table is refused: with a tenant, say, its rows would not be deleted but shown to all.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"

#include "catalog.h"
#include "everyones_rows.h"
#include "foreign_key.h"
#include "guard.h"
#include "install_guard.h"
#include "key_refusals.h"
#include "keys_of_everyone.h"
#include "own_sql.h"
#include "pair_keys.h"

/* The CHECK that a key from a table with rows of everyone needs (everyones_rows.c). */
static char *
check_for_key(const ForeignKey *key)
{
	return everyones_check(key->child, key->tenant, key->columns, key->ncolumns);
}

/* Adds the CHECKs for these keys, as far as their tables have rows of everyone and do not have them. */
void
forbid_references_of_everyone(List *keys)
{
	ListCell   *lc;

	foreach(lc, keys)
	{
		const ForeignKey *key = lfirst(lc);
		char	   *check;

		if (!has_rows_of_everyone(key->child) ||
			everyones_rows_do_not_reference(key->child, key->tenant, key->columns, key->ncolumns))
			continue;
		check = check_for_key(key);
		check_owns_key(key);
		run_ddl(key->child, psprintf("ALTER TABLE %s ADD %s", relation_name(key->child), check));
		CommandCounterIncrement();
		ereport(routine_notice,
				(errmsg("rows of everyone in table %s cannot have a reference by foreign key \"%s\"",
						relation_name(key->child), key->name),
				 errdetail("PostgreSQL does not check it where the tenant is null, so a constraint is added: %s.", check)));
	}
}

/* What is wrong with a key because of a null tenant, on either side. */
static Refusal
key_of_everyone(const ForeignKey *key)
{
	if (key->kind == KEY_GIVES_TO_EVERYONE)
		return key_gives_to_everyone(key);
	return key->kind == KEY_TO_ROWS_OF_EVERYONE ? key_to_rows_of_everyone(key) :
		key_leaves_rows_of_everyone(key, check_for_key(key));
}

/* Refuses the first of these keys or, with "warns", reports each. */
void
judge_keys_of_everyone(List *keys, bool warns)
{
	ListCell   *lc;

	foreach(lc, keys)
	{
		if (!warns)
			raise_refusal(key_of_everyone(lfirst(lc)));
		report_refusal(WARNING, key_of_everyone(lfirst(lc)), 0);
	}
}
