/*-------------------------------------------------------------------------
 *
 * key_setting.c
 *	  What becomes of the foreign keys of a guarded table.
 *
 * A table that has become guarded, and a table that has got a foreign key, may
 * each complete a pair of guarded tables with a key between them that does not
 * carry the tenant.  tenant_guard.foreign_keys says what is done then, in
 * whatever order tables and keys are made: pair_keys.c pairs the key, or it is
 * reported, or refused.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rls.h"

#include "catalog.h"
#include "compat.h"
#include "crossing_key.h"
#include "foreign_key.h"
#include "framework_key.h"
#include "guard.h"
#include "key_refusals.h"
#include "key_setting.h"
#include "own_sql.h"
#include "pair_keys.h"
#include "relation_argument.h"

PG_FUNCTION_INFO_V1(tenant_guard_pair_foreign_keys);

/* Which keys of a table are meant. */
typedef enum KeyDirection
{
	KEYS_FROM,					/* by which it references others */
	KEYS_FROM_AND_TO
} KeyDirection;

/* The keys from a table and its parts, or from and to them. */
static List *
all_keys_of_hierarchy(Oid root, KeyDirection direction)
{
	List	   *found = NIL;
	List	   *seen = NIL;
	ListCell   *lc;
	ListCell   *lk;

	/* not everyone who asks holds a lock */
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

/* Has a table or a part of it a key, or is it referenced by one?  Most tables that are made are not. */
static bool
has_keys(Oid root)
{
	ListCell   *lc;

	if (get_rel_relkind(root) == '\0')
		return false;
	foreach(lc, find_all_inheritors(root, NoLock, NULL))
		if (foreign_keys_of(lfirst_oid(lc)) != NIL)
			return true;
	return false;
}

/* Those of them that are of this kind. */
static List *
keys_of_hierarchy(Oid root, KeyKind kind, KeyDirection direction)
{
	List	   *found = NIL;
	ListCell   *lc;

	foreach(lc, all_keys_of_hierarchy(root, direction))
		if (((ForeignKey *) lfirst(lc))->kind == kind)
			found = lappend(found, lfirst(lc));
	return found;
}

/* The tables of these keys, each once, in the order of their OIDs. */
static List *
tables_of(List *keys)
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

/*
 * Locks these tables with all their parts, in the order of their OIDs, so that
 * two who do this do not wait for each other.  As ALTER TABLE ... DROP
 * CONSTRAINT will: it takes both exclusively.
 */
static void
lock_tables(List *tables)
{
	ListCell   *lc;

	foreach(lc, tables)
	{
		LockRelationOid(lfirst_oid(lc), AccessExclusiveLock);
		keep_name(lfirst_oid(lc));
		if (get_rel_relkind(lfirst_oid(lc)) == RELKIND_PARTITIONED_TABLE)
			(void) find_all_inheritors(lfirst_oid(lc), AccessExclusiveLock, NULL);
	}
}

/* The keys of a table and its parts by which any tenant's rows can be referenced. */
static List *
cross_tenant_keys(Oid root, KeyDirection direction)
{
	return keys_of_hierarchy(root, KEY_CROSSES_TENANTS, direction);
}

/* A tenant that is referenced by another column is not the row's own. */
static void
warn_of_named_tenants(Oid root, KeyDirection direction)
{
	ListCell   *lc;

	foreach(lc, keys_of_hierarchy(root, KEY_TO_TENANT_COLUMN, direction))
	{
		ForeignKey *key = lfirst(lc);

		ereport(WARNING,
				(errmsg("foreign key \"%s\" of table %s references the tenant column of table %s",
						key->name, relation_name(key->child), relation_name(key->parent)),
				 errdetail("It does so by a column that is not the tenant of the row: it names another tenant, tells whether one exists, and cannot be made to carry the row's own."),
				 errhint("If that is not meant, run ALTER TABLE %s DROP CONSTRAINT %s;",
						 relation_name(key->child), quote_identifier(key->name))));
	}
}

/* "DELETE", "UPDATE" or both, of a key's parent: what writes the key's child. */
static const char *
statements_obeyed(const ForeignKey *key)
{
	if (!acts_on_child(key->on_update))
		return "DELETE";
	return acts_on_child(key->on_delete) ? "DELETE, UPDATE" : "UPDATE";
}

/* Is one of a key's actions CASCADE, or with "sets" one that sets columns? */
static bool
has_action(const ForeignKey *key, bool sets)
{
	return (acts_on_child(key->on_delete) && (key->on_delete != FKCONSTR_ACTION_CASCADE) == sets) ||
		(acts_on_child(key->on_update) && (key->on_update != FKCONSTR_ACTION_CASCADE) == sets);
}

#define REFUSED_WHERE_LOADED "CASCADE is refused where it meets another tenant's row, but in a session that has not loaded the library whoever may change a row of that table changes every tenant's rows that reference it."

/* Whose rows then change, as far as key_action.c does not refuse it. */
static const char *
what_key_obeys(const ForeignKey *key)
{
	if (setting_foreign_key_actions != ACTIONS_ARE_ERRORS)
		return "Whoever may change a row of that table changes every tenant's rows that reference it.";
	if (!has_action(key, true))
		return REFUSED_WHERE_LOADED;
	return has_action(key, false) ?
		"Whoever may change a row of that table sets columns of every tenant's rows that reference it. " REFUSED_WHERE_LOADED :
		"Whoever may change a row of that table sets columns of every tenant's rows that reference it.";
}

/*
 * What a key does to rows it may do to those of all tenants, whoever changes
 * the parent's.
 */
static void
warn_of_keys_that_obey_outside(Oid root)
{
	ListCell   *lc;

	foreach(lc, keys_of_hierarchy(root, KEY_CASCADES_FROM_UNGUARDED, KEYS_FROM))
	{
		ForeignKey *key = lfirst(lc);
		char	   *child = relation_name(key->child);
		char	   *parent = relation_name(key->parent);

		ereport(WARNING,
				(errmsg("foreign key \"%s\" changes rows of guarded table %s with those of table %s, which is not guarded",
						key->name, child, parent),
				 errdetail("%s", what_key_obeys(key)),
				 errhint("Let no role of an application do so: REVOKE %s ON %s FROM ...; or let the key refuse it: ALTER TABLE %s DROP CONSTRAINT %s, ADD CONSTRAINT %s FOREIGN KEY %s;",
						 statements_obeyed(key), parent, child, quote_identifier(key->name),
						 quote_identifier(key->name), key_references(key, false))));
	}
}

/*
 * A table that references a guarded one and is not guarded itself holds
 * tenants' rows most often, and tells each tenant of the others'.
 */
static void
warn_of_keys_from_outside(Oid root)
{
	ListCell   *lc;

	foreach(lc, keys_of_hierarchy(root, KEY_FROM_UNGUARDED, KEYS_FROM))
	{
		ForeignKey *key = lfirst(lc);
		char	   *child = quote_literal_cstr(relation_name(key->child));
		AttrNumber	column = get_attnum(key->child, get_attname(key->parent, key->parent_tenant, false));

		if (column <= 0)
			column = naming_column(key);
		ereport(WARNING,
				(errmsg("foreign key \"%s\" references guarded table %s, and its own table %s is not guarded",
						key->name, relation_name(key->parent), relation_name(key->child)),
				 errdetail("Every tenant sees its rows, can reference other tenants' rows by it, and so keep those from being deleted."),
				 column > 0 ?
				 errhint("Run SELECT tenant_guard.protect(%s, %s);", child,
						 quote_literal_cstr(get_attname(key->child, column, false))) :
				 errhint("Run SELECT tenant_guard.derive_tenant_column(%s, %s); or, if that is meant, SELECT tenant_guard.share(%s);",
						 child, quote_literal_cstr(key->name), child)));
	}
}

/*
 * Whoever owns the table of a key may lock both tables, as DROP CONSTRAINT does
 * it; others may not make anybody wait.
 */
static void
check_may_lock(List *keys)
{
	ListCell   *lc;

	foreach(lc, keys)
		check_owns_key(lfirst(lc));
}

/*
 * Keeps the tables at both ends of the keys of a table, other than those that
 * are locked, from being guarded until this transaction ends, which may have
 * guarded the table itself: two sessions that guard one end each would see the
 * other's unguarded, and nobody the key between them.  The weakest lock does,
 * which no reader or writer meets: who guards a table takes the strongest.
 * Returns the tables that it has locked.
 */
static List *
hold_ends(Oid root, KeyDirection direction, List *locked)
{
	List	   *held = NIL;

	/* a role that owns nothing makes nobody wait */
	while (get_rel_relkind(root) != '\0' && user_owns_relation(root))
	{
		List	   *known = list_concat_copy(locked, held);
		List	   *tables = list_difference_oid(tables_of(all_keys_of_hierarchy(root, direction)), known);
		ListCell   *lc;

		if (tables == NIL)
			break;
		foreach(lc, tables)
			LockRelationOid(lfirst_oid(lc), AccessShareLock);
		held = list_concat(held, tables);
	}
	return held;
}

/* The same of all keys from and to a table that has become guarded. */
void
hold_ends_of_keys(Oid root)
{
	if (setting_foreign_keys != FOREIGN_KEYS_OFF)
		(void) hold_ends(root, KEYS_FROM_AND_TO, NIL);
}

/* Gives up what hold_ends has locked of these tables, for a stronger lock. */
static void
let_go(List *tables, List *held)
{
	ListCell   *lc;

	foreach(lc, tables)
		if (list_member_oid(held, lfirst_oid(lc)))
			UnlockRelationOid(lfirst_oid(lc), AccessShareLock);
}

/*
 * Returns the unpaired keys with their tables locked, and those of all others
 * held.  While we wait for a lock keys may go, and new ones come, to tables that
 * are not locked yet; or the other end of one has become guarded.  That one is
 * not locked while it is held: two who do that would wait for each other.
 */
static List *
lock_keys(Oid root, KeyDirection direction)
{
	List	   *locked = NIL;
	List	   *held = NIL;

	for (;;)
	{
		List	   *keys = keys_of_hierarchy(root, KEY_UNPAIRED, direction);
		List	   *tables = list_difference_oid(tables_of(keys), locked);

		if (tables != NIL)
		{
			check_may_lock(keys);
			let_go(tables, held);
			held = list_difference_oid(held, tables);
			lock_tables(tables);
			locked = list_concat(locked, tables);
		}
		else
		{
			List	   *more = hold_ends(root, direction, list_concat_copy(locked, held));

			if (more == NIL)
				return keys;
			held = list_concat(held, more);
		}
	}
}

/*
 * Makes the foreign keys from and to a table and its parts carry the tenant.
 * Returns the number of keys changed.
 */
int
pair_keys_of(Oid root, bool validate)
{
	List	   *keys = lock_keys(root, KEYS_FROM_AND_TO);

	refuse_crossing_keys(cross_tenant_keys(root, KEYS_FROM_AND_TO));
	pair_keys(keys, validate);
	warn_of_named_tenants(root, KEYS_FROM_AND_TO);
	return list_length(keys);
}

/*
 * The tables that such keys belong to, from and to a table and its parts, or
 * keys that name another tenant.
 */
List *
tables_with_unpaired_keys(Oid root)
{
	static const KeyKind kinds[] = {KEY_UNPAIRED, KEY_CROSSES_TENANTS, KEY_TO_TENANT_COLUMN};
	List	   *tables = NIL;
	ListCell   *lc;

	for (int i = 0; i < lengthof(kinds); i++)
		foreach(lc, keys_of_hierarchy(root, kinds[i], KEYS_FROM_AND_TO))
			tables = list_append_unique_oid(tables, ((ForeignKey *) lfirst(lc))->child);
	return tables;
}

/* ----------------------------------------------------------------
 *		What tenant_guard.foreign_keys says
 * ----------------------------------------------------------------
 */

static Refusal
unpaired_key(const ForeignKey *key)
{
	return key_without_tenant(key->name, relation_name(key->child),
							  psprintf("DROP CONSTRAINT %s", quote_identifier(key->name)),
							  key_references(key, true));
}

static void
warn_of_key(const ForeignKey *key)
{
	Refusal		refusal = unpaired_key(key);

	ereport(WARNING,
			(errcode(refusal.sqlstate),
			 errmsg("%s", refusal.message),
			 errdetail("%s", refusal.detail),
			 errhint("Run SELECT tenant_guard.pair_foreign_keys(%s);",
					 quote_literal_cstr(relation_name(key->child)))));
}

static void
warn_of_keys(List *keys)
{
	ListCell   *lc;

	foreach(lc, keys)
		warn_of_key(lfirst(lc));
}

static void
settle(Oid root, KeyDirection direction)
{
	List	   *keys;

	switch ((ForeignKeys) setting_foreign_keys)
	{
		case FOREIGN_KEYS_PAIR:
			keys = lock_keys(root, direction);
			refuse_crossing_keys(cross_tenant_keys(root, direction));
			pair_keys(keys, true);
			break;
		case FOREIGN_KEYS_ERROR:
			(void) hold_ends(root, direction, NIL);
			refuse_crossing_keys(cross_tenant_keys(root, direction));
			keys = keys_of_hierarchy(root, KEY_UNPAIRED, direction);
			if (keys != NIL)
				raise_refusal(unpaired_key(linitial(keys)));
			break;
		case FOREIGN_KEYS_WARNING:
			(void) hold_ends(root, direction, NIL);
			warn_of_crossing_keys(cross_tenant_keys(root, direction));
			warn_of_keys(keys_of_hierarchy(root, KEY_UNPAIRED, direction));
			break;
		case FOREIGN_KEYS_OFF:
			return;
	}
	warn_of_named_tenants(root, direction);
	warn_of_keys_that_obey_outside(root);
}

/*
 * Does what tenant_guard.foreign_keys says about the keys from and to a table
 * that has become guarded or has got a key.  In the script of a dump no table
 * is guarded yet when its keys come, and there is nothing to settle.  Returns
 * false where there are none.
 */
bool
apply_key_setting(Oid root, KeyOccasion occasion)
{
	if (setting_foreign_keys == FOREIGN_KEYS_OFF || !has_keys(root))
		return false;
	settle(root, KEYS_FROM_AND_TO);
	if (occasion == KEYS_OF_DDL && row_security)
		warn_of_keys_from_outside(root);
	return true;
}

/*
 * Settled keys carry the tenant, or are left on purpose: refuses a table of
 * which that does not hold, "detail" being what does.
 */
void
check_key_setting_applied(Oid relid, const char *detail)
{
	if (setting_foreign_keys == FOREIGN_KEYS_PAIR || setting_foreign_keys == FOREIGN_KEYS_ERROR)
		raise_refusal(key_setting_not_applied(relation_name(relid), detail));
}

/*
 * The same, if a key of a framework's has no companion any more that stands
 * before it: such as were never paired are not this statement's.
 */
void
apply_key_setting_to_companions(Oid root)
{
	ListCell   *lc;

	foreach(lc, keys_of_hierarchy(root, KEY_UNPAIRED, KEYS_FROM_AND_TO))
		if (companion_name(((ForeignKey *) lfirst(lc))->name) != NULL)
		{
			(void) apply_key_setting(root, KEYS_OF_DDL);
			return;
		}
}

/* The same for the keys from one table of many that were guarded together. */
void
apply_key_setting_from(Oid root)
{
	settle(root, KEYS_FROM);
}

/* ----------------------------------------------------------------
 *		pair_foreign_keys
 * ----------------------------------------------------------------
 */

Datum
tenant_guard_pair_foreign_keys(PG_FUNCTION_ARGS)
{
	Oid			relid = relation_argument(fcinfo);
	bool		validate = PG_ARGISNULL(1) || PG_GETARG_BOOL(1);

	lock_relation(relid);
	if (guard_of(relid).status != GUARD_WHOLE)
		raise_refusal(pairs_of_unguarded_table(relation_name(relid)));
	if (pair_keys_of(relid, validate) == 0)
		ereport(NOTICE,
				(errmsg("table %s has no foreign key from or to a guarded table that does not carry the tenant",
						relation_name(relid))));
	PG_RETURN_VOID();
}
