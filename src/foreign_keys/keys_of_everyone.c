/*-------------------------------------------------------------------------
 *
 * keys_of_everyone.c
 *	  Foreign keys from and to tables with rows of everyone.
 *
 * A key from such a table to one without carries the tenant, and a CHECK keeps rows
 * of everyone from referencing anything by it (everyones_rows.c).  A key to such a
 * table stays as it is, since one that carries the tenant references the tenant's own
 * rows alone; PostgreSQL checks it without row-level security, so triggers beside it
 * keep its references inside the tenant (reference_trigger.c).  A key whose action
 * sets the tenant column of such a table is refused: with a tenant, say, its rows
 * would not be deleted but shown to all.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "access/xact.h"
#include "catalog/indexing.h"
#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_inherits.h"
#include "lib/stringinfo.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "catalog.h"
#include "everyones_rows.h"
#include "foreign_key.h"
#include "guard.h"
#include "install_guard.h"
#include "key_hierarchy.h"
#include "key_owners.h"
#include "key_refusals.h"
#include "keys_of_everyone.h"
#include "noforce.h"
#include "own_sql.h"
#include "pair_keys.h"
#include "settings.h"

/* The CHECK that a key from a table with rows of everyone needs (everyones_rows.c). */
static char *
check_for_key(const ForeignKey *key)
{
	return everyones_check(key->child, key->tenant, key->columns, key->ncolumns);
}

/* Refuses rows of everyone that have a reference by a key; the CHECK that forbids them would fail with another error. */
static void
check_no_rows_reference(const ForeignKey *key)
{
	StringInfoData where;
	int64		ignored;
	int64		rows;

	initStringInfo(&where);
	appendStringInfo(&where, "%s IS NULL", quote_identifier(get_attname(key->child, key->tenant, false)));
	for (int i = 0; i < key->ncolumns; i++)
		if (key->columns[i] != key->tenant)
			appendStringInfo(&where, " AND %s IS NOT NULL", quote_identifier(get_attname(key->child, key->columns[i], false)));
	rows = query_noforce(object_owner(RelationRelationId, key->child),
						 psprintf("SELECT pg_catalog.count(*), 0::pg_catalog.int8 FROM %s WHERE %s", relation_name(key->child), where.data),
						 NULL, &ignored);
	if (rows > 0)
		raise_refusal(everyones_rows_reference(key, rows, psprintf("SELECT * FROM %s WHERE %s;", relation_name(key->child), where.data)));
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
		check_no_rows_reference(key);
		run_ddl(key->child, psprintf("ALTER TABLE %s ADD %s", relation_name(key->child), check));
		CommandCounterIncrement();
		ereport(routine_notice,
				(errmsg("rows of everyone in table %s cannot have a reference by foreign key \"%s\"",
						relation_name(key->child), key->name),
				 errdetail("PostgreSQL does not check it where the tenant is null, so a constraint is added: %s.", check)));
	}
}

/* ----------------------------------------------------------------
 *		Triggers beside keys
 * ----------------------------------------------------------------
 */

/* When a key is checked. */
CheckTime
check_time(const ForeignKey *key)
{
	return (CheckTime) {key->deferrable, key->deferred};
}

/* The statements that make the triggers which a key lacks, or NULL if none can check it. */
static char *
missing_triggers(const ForeignKey *key)
{
	StringInfoData sql;

	if (!reaches_rows_of_everyone(key))
		return NULL;
	initStringInfo(&sql);
	for (int side = REFERENCING; side <= REFERENCED; side++)
	{
		Oid			relid = side == REFERENCING ? key->child : key->parent;

		if (!reference_trigger_is_whole(relid, side, check_time(key)))
			appendStringInfo(&sql, "%s%s;", sql.len > 0 ? " " : "",
							 reference_trigger_definition(relid, side, check_time(key), reference_trigger_name(relid, side, check_time(key))));
	}
	return sql.data;
}

/*
 * Refuses a key if the user does not own both tables, before rows are counted: the
 * count would tell who owns the referencing table alone which rows other tenants have.
 */
static void
check_may_add_triggers(const ForeignKey *key)
{
	check_owns_key(key);
	if (!user_owns_relation(key->parent))
		raise_refusal(key_cannot_be_checked(key));
}

/* Enables the triggers of a table and its partitions that are disabled; returns false if the table has none. */
static bool
enable_triggers(Oid relid, ReferenceSide side, CheckTime time)
{
	ListCell   *lc;

	foreach(lc, find_all_inheritors(relid, NoLock, NULL))
	{
		char	   *idle = idle_reference_trigger(lfirst_oid(lc), side, time);

		if (idle != NULL)
			run_ddl(lfirst_oid(lc), psprintf("ALTER TABLE ONLY %s ENABLE TRIGGER %s", relation_name(lfirst_oid(lc)), quote_identifier(idle)));
	}
	CommandCounterIncrement();
	return reference_trigger_is_whole(relid, side, time);
}

/* Adds the triggers that a key lacks. */
static void
add_triggers(const ForeignKey *key)
{
	for (int side = REFERENCING; side <= REFERENCED; side++)
	{
		Oid			relid = side == REFERENCING ? key->child : key->parent;
		CheckTime	time = check_time(key);

		if (reference_trigger_is_whole(relid, side, time) || enable_triggers(relid, side, time))
			continue;
		run_ddl(relid, reference_trigger_definition(relid, side, time, reference_trigger_name(relid, side, time)));
		CommandCounterIncrement();
	}
	ereport(routine_notice,
			(errmsg("triggers check what foreign key \"%s\" of table %s references", key->name, relation_name(key->child)),
			 errdetail("Rows of it may reference rows of their own tenant and of everyone in table %s.", relation_name(key->parent))));
}

/*
 * Adds the triggers for these keys to tables with rows of everyone, which must be
 * locked.  Raises an error if rows cross tenants, unless "validate" is false.
 */
void
check_references(List *keys, bool validate)
{
	ListCell   *lc;

	foreach(lc, keys)
	{
		check_may_add_triggers(lfirst(lc));
		check_two_owners(lfirst(lc));
	}
	if (validate)
		check_no_reference_crosses(keys);
	foreach(lc, keys)
		add_triggers(lfirst(lc));
}

/* A key of a table, as one of a partition of it. */
static ForeignKey *
key_of_part(const ForeignKey *key, Oid part)
{
	ForeignKey *copy = palloc(sizeof(ForeignKey));

	*copy = *key;
	for (int i = 0; i < key->ncolumns; i++)
		copy->columns[i] = get_attnum(part, get_attname(key->child, key->columns[i], false));
	copy->tenant = get_attnum(part, get_attname(key->child, key->tenant, false));
	copy->child = part;
	return copy;
}

/* The name of the constraint that PostgreSQL has derived from a key for this table; palloc'd. */
static char *
derived_name(const ForeignKey *key, Oid relid)
{
	CatalogScan scan = begin_catalog_scan(ConstraintRelationId, ConstraintRelidTypidNameIndexId, Anum_pg_constraint_conrelid, relid, NULL);
	char	   *name = key->name;
	HeapTuple	tuple;

	while (HeapTupleIsValid(tuple = next_catalog_row(&scan)))
		if (root_constraint(((Form_pg_constraint) GETSTRUCT(tuple))->oid) == key->oid)
			name = pstrdup(NameStr(((Form_pg_constraint) GETSTRUCT(tuple))->conname));
	end_catalog_scan(&scan);
	return name;
}

/*
 * Refuses rows of a key's table, or of a new partition of it, that reference other
 * tenants' rows, with the error that PostgreSQL has raised if they do not exist: the
 * user does not own the referenced table, and must not learn which rows others have.
 */
static void
refuse_as_absent(const ForeignKey *key, Oid part)
{
	List	   *parts = get_rel_relkind(part) == RELKIND_PARTITIONED_TABLE ? find_all_inheritors(part, NoLock, NULL) :
		list_make1_oid(part);
	ListCell   *lc;

	foreach(lc, parts)
	{
		Relation	leaf;

		if (get_rel_relkind(lfirst_oid(lc)) != RELKIND_RELATION || !references_cross(key_of_part(key, lfirst_oid(lc))))
			continue;
		leaf = table_open(lfirst_oid(lc), NoLock);
		ereport(ERROR,
				(errcode(ERRCODE_FOREIGN_KEY_VIOLATION),
				 errmsg("insert or update on table \"%s\" violates foreign key constraint \"%s\"",
						RelationGetRelationName(leaf), derived_name(key, lfirst_oid(lc))),
				 errdetail("Key is not present in table \"%s\".", get_rel_name(key->parent)),
				 errtableconstraint(leaf, derived_name(key, lfirst_oid(lc)))));
	}
}

/* Does that for the rows of a partition that a statement has attached: core has checked just that what they reference exists. */
void
check_references_of_part(Oid part)
{
	List	   *keys = NIL;
	Oid			whole = part;
	ListCell   *lc;

	while (get_rel_relispartition(whole))
	{
		whole = get_partition_parent(whole, true);
		foreach(lc, foreign_keys_from(whole))
		{
			const ForeignKey *key = lfirst(lc);

			if (key->kind != KEY_IS_CHECKED)
				continue;
			if (user_owns_relation(key->parent))
				keys = lappend(keys, key_of_part(key, part));
			else
				refuse_as_absent(key, part);
		}
	}
	if (keys != NIL)
		check_no_reference_crosses(keys);
}

/* The keys that have triggers already, but are new, as all are with "all". */
static List *
keys_to_count(Oid root, KeyDirection direction, bool all)
{
	List	   *keys = NIL;
	ListCell   *lc;

	foreach(lc, keys_of_hierarchy(root, KEY_IS_CHECKED, direction))
		/* one that is to another role's table is refused soon (reference_owner.c), and the count would tell of its rows */
		if ((all || ((ForeignKey *) lfirst(lc))->made_now) && user_owns_relation(((ForeignKey *) lfirst(lc))->parent))
			keys = lappend(keys, lfirst(lc));
	return keys;
}

/* Refuses rows that cross tenants by these keys.  Nobody writes their tables meanwhile: the triggers may have seen no guard. */
void
check_checked_keys(Oid root, KeyDirection direction, bool all)
{
	ListCell   *lc;

	foreach(lc, tables_of_keys(keys_to_count(root, direction, all)))
		LockRelationOid(lfirst_oid(lc), ShareRowExclusiveLock);
	check_no_reference_crosses(keys_to_count(root, direction, all));
}

/*
 * Refuses them by the keys that a statement has made anew, as it does where it changes
 * the type of a column: the values that it computes pass no trigger, and PostgreSQL
 * checks just that what they reference exists.  So it does for a key that is
 * validated: what a row referenced may have come later, and be another tenant's.
 * Others may write the tables meanwhile, as the triggers are there.
 */
void
check_remade_keys(Oid root)
{
	ListCell   *lc;

	if (setting_foreign_keys != FOREIGN_KEYS_PAIR && setting_foreign_keys != FOREIGN_KEYS_ERROR)
		return;
	foreach(lc, keys_of_hierarchy(root, KEY_IS_CHECKED, KEYS_FROM_AND_TO))
		if (((ForeignKey *) lfirst(lc))->made_now && !user_owns_relation(((ForeignKey *) lfirst(lc))->parent))
			refuse_as_absent(lfirst(lc), ((ForeignKey *) lfirst(lc))->child);
	check_no_reference_crosses(keys_to_count(root, KEYS_FROM_AND_TO, false));
}

/*
 * Has a table, one that it is a part of, or a part of it a key, from or to it, that may
 * reference rows of everyone and is not checked by triggers, where the setting does
 * not allow that?
 */
bool
has_unchecked_keys(Oid relid)
{
	ListCell   *lc;

	if (setting_foreign_keys != FOREIGN_KEYS_PAIR && setting_foreign_keys != FOREIGN_KEYS_ERROR)
		return false;
	foreach(lc, lcons_oid(relid, ancestors_of(relid)))
		if (keys_of_hierarchy(lfirst_oid(lc), KEY_TO_ROWS_OF_EVERYONE, KEYS_FROM_AND_TO) != NIL)
			return true;
	return false;
}

/* Drops the triggers of a table that is no longer to be guarded. */
void
drop_reference_triggers(Oid relid)
{
	ListCell   *lc;

	if (get_rel_relispartition(relid))
		return;
	foreach(lc, reference_triggers(relid))
		run_ddl(relid, psprintf("DROP TRIGGER %s ON %s", quote_identifier(lfirst(lc)), relation_name(relid)));
}

/* ----------------------------------------------------------------
 *		Refusals
 * ----------------------------------------------------------------
 */

/* What is wrong with a key because of a null tenant, on either side. */
static Refusal
key_of_everyone(const ForeignKey *key)
{
	if (key->kind == KEY_GIVES_TO_EVERYONE)
		return key_gives_to_everyone(key);
	return key->kind == KEY_TO_ROWS_OF_EVERYONE ? key_to_rows_of_everyone(key, missing_triggers(key)) :
		key_leaves_rows_of_everyone(key, check_for_key(key));
}

/* Refuses the first of these keys or, with "warns", reports each: then the key is there, and can get its triggers. */
void
judge_keys_of_everyone(List *keys, bool warns)
{
	ListCell   *lc;

	foreach(lc, keys)
	{
		const ForeignKey *key = lfirst(lc);
		Refusal		refusal = key_of_everyone(key);

		if (!warns)
			raise_refusal(refusal);
		if (key->kind == KEY_TO_ROWS_OF_EVERYONE && reaches_rows_of_everyone(key))
			refusal.hint = psprintf("Run SELECT tenant_guard.pair_foreign_keys(%s);", quote_literal_cstr(relation_name(key->child)));
		report_refusal(WARNING, refusal, 0);
	}
}
