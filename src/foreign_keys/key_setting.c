/*-------------------------------------------------------------------------
 *
 * key_setting.c
 *	  Applies the setting tenant_guard.foreign_keys to the foreign keys of
 *	  guarded tables.
 *
 * When a table becomes guarded or gains a foreign key, there may be a foreign key
 * between two guarded tables that does not carry the tenant: an unpaired key.
 * Depending on tenant_guard.foreign_keys it is paired, that is, changed so that it
 * carries the tenant (pair_keys.c), reported or refused.  The result does not
 * depend on the order in which tables and keys are created.
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
#include "guard_census.h"
#include "key_hierarchy.h"
#include "key_refusals.h"
#include "key_setting.h"
#include "keys_of_everyone.h"
#include "own_sql.h"
#include "pair_keys.h"
#include "relation_argument.h"

PG_FUNCTION_INFO_V1(tenant_guard_pair_foreign_keys);

/*
 * Locks these tables and their partitions as ALTER TABLE ... DROP CONSTRAINT does
 * with both tables of a key.  The tables must be in the order of their OIDs, so
 * that two sessions that do this do not deadlock.
 */
static void
lock_tables(List *tables)
{
	ListCell   *lc;

	foreach(lc, tables)
	{
		Assert(foreach_current_index(lc) == 0 || list_nth_oid(tables, foreach_current_index(lc) - 1) < lfirst_oid(lc));
		LockRelationOid(lfirst_oid(lc), AccessExclusiveLock);
		keep_name(lfirst_oid(lc));
		if (get_rel_relkind(lfirst_oid(lc)) == RELKIND_PARTITIONED_TABLE)
			(void) find_all_inheritors(lfirst_oid(lc), AccessExclusiveLock, NULL);
	}
}

/* The keys of a table, its partitions and children that reference any tenant's rows (crossing_key.c). */
static List *
cross_tenant_keys(Oid root, KeyDirection direction)
{
	return keys_of_hierarchy(root, KEY_CROSSES_TENANTS, direction);
}

/* Warns of keys of one column, not the tenant column, that reference the tenant column of another table. */
static void
warn_of_keys_to_tenant_column(Oid root, KeyDirection direction)
{
	ListCell   *lc;

	foreach(lc, keys_of_hierarchy(root, KEY_TO_TENANT_COLUMN, direction))
	{
		ForeignKey *key = lfirst(lc);

		ereport(WARNING,
				(errmsg("foreign key \"%s\" of table %s references the tenant column of table %s",
						key->name, relation_name(key->child), relation_name(key->parent)),
				 errdetail("The referencing column is not the tenant column: it names another tenant, reveals whether that tenant exists, and cannot be made to carry the tenant of the row."),
				 errhint("If that is not meant, run ALTER TABLE %s DROP CONSTRAINT %s;",
						 relation_name(key->child), quote_identifier(key->name))));
	}
}

/* The privileges on a key's parent with which the key's actions write to the child: "DELETE", "UPDATE" or both. */
static const char *
privileges_for_actions(const ForeignKey *key)
{
	if (!acts_on_child(key->on_update))
		return "DELETE";
	return acts_on_child(key->on_delete) ? "DELETE, UPDATE" : "UPDATE";
}

/* Is one of a key's actions CASCADE or, with "sets", SET NULL or SET DEFAULT? */
static bool
has_action(const ForeignKey *key, bool sets)
{
	return (acts_on_child(key->on_delete) && (key->on_delete != FKCONSTR_ACTION_CASCADE) == sets) ||
		(acts_on_child(key->on_update) && (key->on_update != FKCONSTR_ACTION_CASCADE) == sets);
}

#define REFUSED_WHERE_LOADED "CASCADE is refused where it meets another tenant's row, but in a session that has not loaded the library whoever may change a row of that table changes every tenant's rows that reference it."

/* The DETAIL that says whose rows a key's actions change, unless key_action.c refuses them. */
static const char *
reach_of_actions(const ForeignKey *key)
{
	if (setting_foreign_key_actions != ACTIONS_ARE_ERRORS)
		return "Whoever may change a row of that table changes every tenant's rows that reference it.";
	if (!has_action(key, true))
		return REFUSED_WHERE_LOADED;
	return has_action(key, false) ?
		"Whoever may change a row of that table sets columns of every tenant's rows that reference it. " REFUSED_WHERE_LOADED :
		"Whoever may change a row of that table sets columns of every tenant's rows that reference it.";
}

/* Warns of keys from unguarded parents, whose actions may change rows of all tenants. */
static void
warn_of_keys_cascading_from_unguarded(Oid root)
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
				 errdetail("%s", reach_of_actions(key)),
				 errhint("Let no role of an application do so: REVOKE %s ON %s FROM ...; or let the key refuse it: ALTER TABLE %s DROP CONSTRAINT %s, ADD CONSTRAINT %s FOREIGN KEY %s;",
						 privileges_for_actions(key), parent, child, quote_identifier(key->name),
						 quote_identifier(key->name), key_references(key, false))));
	}
}

/*
 * The column of the child that tells the tenant: if the child is the tenants' own
 * table, what guarded tables reference; else what references the parent's tenant
 * column or, if nothing does, has its name.  The name says nothing where the parent
 * is the tenants' own table.
 */
static AttrNumber
column_to_guard_by(const ForeignKey *key)
{
	ForeignKey *to_tenants = key_to_tenants(key->child);
	AttrNumber	column = to_tenants != NULL ? to_tenants->referenced[0] : naming_column(key);

	if (column == InvalidAttrNumber && !is_key_alone(key->parent, key->parent_tenant))
		column = get_attnum(key->child, get_attname(key->parent, key->parent_tenant, false));
	return column;
}

/*
 * Warns of keys from a table that is not guarded to a guarded one.  Such a table
 * mostly has rows of tenants, and shows them to every tenant.
 */
static void
warn_of_keys_from_unguarded(Oid root)
{
	ListCell   *lc;

	foreach(lc, keys_of_hierarchy(root, KEY_FROM_UNGUARDED, KEYS_FROM))
	{
		ForeignKey *key = lfirst(lc);
		char	   *child = quote_literal_cstr(relation_name(key->child));
		AttrNumber	column = column_to_guard_by(key);

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
 * Refuses keys whose table the user does not own.  As for DROP CONSTRAINT, the
 * owner of the referencing table may lock both tables, and nobody else may.
 */
static void
check_may_lock(List *keys)
{
	ListCell   *lc;

	foreach(lc, keys)
		check_owns_key(lfirst(lc));
}

/*
 * Keeps the tables at both ends of the keys of a table, except those in "locked",
 * from becoming guarded until this transaction ends.  Otherwise two sessions that
 * guard one end each would both see the other end unguarded, and neither would
 * pair the key.  AccessShareLock is enough and blocks no reader or writer, since
 * guarding a table takes AccessExclusiveLock.  Returns the tables that it has
 * locked.
 */
static List *
hold_ends(Oid root, KeyDirection direction, List *locked)
{
	List	   *held = NIL;

	/* a role that does not own the table must not block anyone */
	while (get_rel_relkind(root) != '\0' && user_owns_relation(root))
	{
		List	   *known = list_concat_copy(locked, held);
		List	   *tables = list_difference_oid(tables_of_keys(all_keys_of_hierarchy(root, direction)), known);
		ListCell   *lc;

		if (tables == NIL)
			break;
		foreach(lc, tables)
			LockRelationOid(lfirst_oid(lc), AccessShareLock);
		held = list_concat(held, tables);
	}
	return held;
}

/* Does hold_ends for all keys from and to a table that has become guarded. */
void
hold_ends_of_keys(Oid root)
{
	if (setting_foreign_keys != FOREIGN_KEYS_OFF)
		(void) hold_ends(root, KEYS_FROM_AND_TO, NIL);
}

/* Releases the locks that hold_ends took on these tables, before a stronger lock is taken. */
static void
release_ends(List *tables, List *held)
{
	ListCell   *lc;

	foreach(lc, tables)
		if (list_member_oid(held, lfirst_oid(lc)))
			UnlockRelationOid(lfirst_oid(lc), AccessShareLock);
}

/* The keys of a table, its partitions and children that are to be changed: paired, or to get triggers. */
static List *
keys_to_change(Oid root, KeyDirection direction)
{
	List	   *keys = keys_of_hierarchy(root, KEY_UNPAIRED, direction);
	ListCell   *lc;

	foreach(lc, keys_of_hierarchy(root, KEY_TO_ROWS_OF_EVERYONE, direction))
		if (reaches_rows_of_everyone(lfirst(lc)))
			keys = lappend(keys, lfirst(lc));
	return keys;
}

/* Those keys among these that are of this kind. */
static List *
keys_of_kind(List *keys, KeyKind kind)
{
	List	   *found = NIL;
	ListCell   *lc;

	foreach(lc, keys)
		if (((ForeignKey *) lfirst(lc))->kind == kind)
			found = lappend(found, lfirst(lc));
	return found;
}

/*
 * Returns the keys that are to be changed, with their tables locked (lock_tables) and the tables
 * of all other keys held (hold_ends).  While this waits for a lock, keys may be
 * dropped or made, and tables at their other ends may become guarded, so it
 * repeats until nothing is left to lock.  The held lock on a table is released
 * before the table is locked: two sessions that upgrade a lock would deadlock.
 */
static List *
lock_keys(Oid root, KeyDirection direction)
{
	List	   *locked = NIL;
	List	   *held = NIL;

	for (;;)
	{
		List	   *keys = keys_to_change(root, direction);
		List	   *tables = list_difference_oid(tables_of_keys(keys), locked);

		if (tables != NIL)
		{
			check_may_lock(keys);
			release_ends(tables, held);
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

/* Refuses or, with "warns", reports keys that may cross tenants by a null tenant. */
static void
check_keys_of_everyone(Oid root, KeyDirection direction, bool warns)
{
	static const KeyKind kinds[] = {KEY_TO_ROWS_OF_EVERYONE, KEY_LEAVES_ROWS_OF_EVERYONE, KEY_GIVES_TO_EVERYONE};

	for (int i = 0; i < lengthof(kinds); i++)
		judge_keys_of_everyone(keys_of_hierarchy(root, kinds[i], direction), warns);
}

/* Pairs these keys, or adds the triggers that they need, and adds the CHECKs that keys from rows of everyone need. */
static void
pair_and_check(List *keys, Oid root, KeyDirection direction, bool validate)
{
	List	   *unpaired = keys_of_kind(keys, KEY_UNPAIRED);

	refuse_crossing_keys(cross_tenant_keys(root, direction));
	forbid_references_of_everyone(unpaired);
	pair_keys(unpaired, validate);
	check_references(keys_of_kind(keys, KEY_TO_ROWS_OF_EVERYONE), validate);
	forbid_references_of_everyone(keys_of_hierarchy(root, KEY_LEAVES_ROWS_OF_EVERYONE, direction));
	check_keys_of_everyone(root, direction, false);
}

/*
 * Makes the foreign keys from and to a table, its partitions and children carry
 * the tenant.  Returns the number of keys changed.
 */
int
pair_keys_of(Oid root, bool validate)
{
	List	   *keys = lock_keys(root, KEYS_FROM_AND_TO);

	if (validate)
		check_checked_keys(root, KEYS_FROM_AND_TO, true);
	pair_and_check(keys, root, KEYS_FROM_AND_TO, validate);
	warn_of_keys_to_tenant_column(root, KEYS_FROM_AND_TO);
	return list_length(keys);
}

/*
 * Returns the referencing tables of the keys from and to a table, its partitions
 * and its children, as far as the setting is to be applied to those keys.
 */
List *
tables_with_unpaired_keys(Oid root)
{
	static const KeyKind kinds[] = {
		KEY_UNPAIRED, KEY_CROSSES_TENANTS, KEY_TO_TENANT_COLUMN, KEY_TO_ROWS_OF_EVERYONE, KEY_LEAVES_ROWS_OF_EVERYONE,
		KEY_GIVES_TO_EVERYONE
	};
	List	   *tables = NIL;
	ListCell   *lc;

	for (int i = 0; i < lengthof(kinds); i++)
		foreach(lc, keys_of_hierarchy(root, kinds[i], KEYS_FROM_AND_TO))
			tables = list_append_unique_oid(tables, ((ForeignKey *) lfirst(lc))->child);
	return tables;
}

/* ----------------------------------------------------------------
 *		The setting
 * ----------------------------------------------------------------
 */

static void
warn_of_key(const ForeignKey *key)
{
	Refusal		refusal = key_without_tenant(key);

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

/*
 * Applies the setting to the keys from, or from and to, a table, its partitions and
 * children.  "guarded_now": the table may have been guarded only now.
 */
static void
apply_setting(Oid root, KeyDirection direction, bool guarded_now)
{
	List	   *keys;

	if (setting_foreign_keys == FOREIGN_KEYS_PAIR || setting_foreign_keys == FOREIGN_KEYS_ERROR)
		check_checked_keys(root, direction, guarded_now);

	switch ((ForeignKeys) setting_foreign_keys)
	{
		case FOREIGN_KEYS_PAIR:
			keys = lock_keys(root, direction);
			pair_and_check(keys, root, direction, true);
			break;
		case FOREIGN_KEYS_ERROR:
			(void) hold_ends(root, direction, NIL);
			refuse_crossing_keys(cross_tenant_keys(root, direction));
			keys = keys_of_hierarchy(root, KEY_UNPAIRED, direction);
			if (keys != NIL)
				raise_refusal(key_without_tenant(linitial(keys)));
			check_keys_of_everyone(root, direction, false);
			break;
		case FOREIGN_KEYS_WARNING:
			(void) hold_ends(root, direction, NIL);
			warn_of_crossing_keys(cross_tenant_keys(root, direction));
			warn_of_keys(keys_of_hierarchy(root, KEY_UNPAIRED, direction));
			check_keys_of_everyone(root, direction, true);
			break;
		case FOREIGN_KEYS_OFF:
			return;
	}
	warn_of_keys_to_tenant_column(root, direction);
	warn_of_keys_cascading_from_unguarded(root);
}

/*
 * Applies the setting to the keys from and to a table that has become guarded or
 * gained a key.  Returns false if the setting is off or there are no keys.  There
 * is no warning of keys from unguarded tables with row_security = off, as in a
 * script of pg_dump, which may create keys before it guards the tables.
 */
bool
apply_key_setting(Oid root, KeyOccasion occasion)
{
	if (setting_foreign_keys == FOREIGN_KEYS_OFF || !has_keys(root))
		return false;
	apply_setting(root, KEYS_FROM_AND_TO, occasion == KEYS_OF_PROTECT);
	if (occasion == KEYS_OF_DDL && row_security)
		warn_of_keys_from_unguarded(root);
	return true;
}

/*
 * Refuses a table that has a key which does not carry the tenant, if the setting
 * does not allow it.  "detail" is a clause that names the key.
 */
void
check_key_setting_applied(Oid relid, const char *detail)
{
	Assert(detail != NULL);
	if (setting_foreign_keys == FOREIGN_KEYS_PAIR || setting_foreign_keys == FOREIGN_KEYS_ERROR)
		raise_refusal(key_setting_not_applied(relid, detail));
}

/*
 * Is this an unpaired key that has lost its companion or is checked before it: one
 * that gets a companion, has one, or had one until the key "dropped" was dropped?
 */
static bool
is_separated(const ForeignKey *key, ForeignKey *dropped)
{
	if (reaches_rows_of_everyone(key) &&
		(has_reference_trigger(key->child, REFERENCING) || has_reference_trigger(key->parent, REFERENCED)))
		return true;
	return gets_companion(key->name) || has_tenant_beside(key, foreign_keys_from(key->child)) ||
		(dropped != NULL && companion_of(key, list_make1(dropped)) != NULL);
}

/*
 * Applies the setting if a key has been separated from its companion: there is
 * none any more, or it is checked later than the key itself.  For a statement that
 * has made no key unpaired otherwise; "dropped" is a key that it has dropped, or
 * NULL.  So it does if a CHECK that a key needs is enforced no longer.
 */
void
apply_key_setting_to_companions(Oid root, ForeignKey *dropped)
{
	ListCell   *lc;

	if (keys_of_hierarchy(root, KEY_LEAVES_ROWS_OF_EVERYONE, KEYS_FROM) != NIL)
	{
		(void) apply_key_setting(root, KEYS_OF_DDL);
		return;
	}
	foreach(lc, list_concat(keys_of_hierarchy(root, KEY_UNPAIRED, KEYS_FROM_AND_TO),
							keys_of_hierarchy(root, KEY_TO_ROWS_OF_EVERYONE, KEYS_FROM_AND_TO)))
		if (is_separated(lfirst(lc), dropped))
		{
			(void) apply_key_setting(root, KEYS_OF_DDL);
			return;
		}
}

/* Applies the setting to the keys from one of several tables that were guarded together. */
void
apply_key_setting_from(Oid root)
{
	apply_setting(root, KEYS_FROM, true);
}

/* The OIDs of the keys from a table that do not carry the tenant, where the setting is to pair them. */
List *
keys_to_pair(Oid root)
{
	List	   *oids = NIL;
	ListCell   *lc;

	if (setting_foreign_keys == FOREIGN_KEYS_PAIR)
		foreach(lc, keys_to_change(root, KEYS_FROM))
			oids = lappend_oid(oids, ((ForeignKey *) lfirst(lc))->oid);
	return oids;
}

/* Counts the keys from a table, its partitions and children that do not carry the tenant, and those whose companions do. */
KeyCounts
count_keys(Oid root)
{
	int			crossing = 0;
	ListCell   *lc;

	foreach(lc, all_keys_of_hierarchy(root, KEYS_FROM))
		crossing += may_cross_tenants(lfirst(lc));
	return (KeyCounts) {
		crossing, list_length(keys_of_hierarchy(root, KEY_HAS_COMPANION, KEYS_FROM))
	};
}

/* Makes one of these keys carry the tenant, or adds the triggers that it needs, and leaves the others as they are. */
void
pair_key(Oid root, Oid constraint)
{
	ListCell   *lc;

	foreach(lc, lock_keys(root, KEYS_FROM))
		if (((ForeignKey *) lfirst(lc))->oid == constraint && ((ForeignKey *) lfirst(lc))->kind == KEY_TO_ROWS_OF_EVERYONE)
			check_references(list_make1(lfirst(lc)), true);
		else if (((ForeignKey *) lfirst(lc))->oid == constraint)
		{
			forbid_references_of_everyone(list_make1(lfirst(lc)));
			pair_keys(list_make1(lfirst(lc)), true);
		}
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
	ErrorContextCallback callback;

	begin_change(fcinfo, &callback);
	lock_relation(relid);
	if (guard_of(relid).status != GUARD_WHOLE)
		raise_refusal(pairs_of_unguarded_table(relid));
	if (pair_keys_of(relid, validate) == 0)
		ereport(NOTICE,
				(errmsg("table %s has no foreign key from or to a guarded table that does not carry the tenant",
						relation_name(relid))));
	end_change(&callback);
	PG_RETURN_VOID();
}
