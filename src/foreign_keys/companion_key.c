/*-------------------------------------------------------------------------
 *
 * companion_key.c
 *	  Companions: foreign keys that carry the tenant, beside one whose columns
 *	  must not change.
 *
 * Django and Rails put a hash into the names of foreign keys, and find a key by
 * its columns when they drop or redirect it.  They would not find a key to which
 * the tenant column was added: Django then leaves the key to the old table and
 * makes none to the new one.  So a key that has such a name keeps its columns,
 * and gets a companion that carries the tenant.
 *
 * The companion is dropped with its key, and a key of theirs with a companion that
 * ALTER TABLE drops by its name.  A companion that is dropped otherwise, such as
 * with an index that it needs, is made again.
 *
 * The companion must be checked before its key: otherwise the name in the error
 * would reveal whether the referenced row does not exist or is another tenant's.
 * Triggers fire in the order of their names, and those of foreign keys are
 * numbered, so the companion is made first and the key is made again after it.
 * Where the order is lost (foreign_key.c), both are made again.
 *
 * Its name sorts before the key's, too: pg_dump, pg_upgrade and CREATE TABLE ...
 * PARTITION OF make keys in the order of their names.  That cannot be left to the
 * event triggers, since none runs during pg_upgrade, and to make the keys of a
 * large table again for each new partition would lock and read all of it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_inherits.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "catalog.h"
#include "companion_key.h"
#include "compat.h"
#include "foreign_key.h"
#include "framework_key.h"
#include "install_guard.h"
#include "key_hierarchy.h"
#include "keys_of_everyone.h"
#include "own_sql.h"
#include "reference_trigger.h"
#include "refusal.h"
#include "settings.h"

/* Drops the companion, if there is one, of a foreign key that the running command has dropped. */
void
drop_companion(Oid dropped)
{
	ForeignKey *key = foreign_key_of_command(dropped);
	ForeignKey *companion = key ? companion_of(key, foreign_keys_from(key->child)) : NULL;

	if (companion == NULL)
		return;
	run_ddl(key->child, psprintf("ALTER TABLE %s DROP CONSTRAINT %s", relation_name(key->child),
								 quote_identifier(companion->name)));
	ereport(NOTICE,
			(errmsg("foreign key \"%s\" of table %s is dropped with \"%s\", which it accompanied",
					companion->name, relation_name(key->child), key->name)));
}

/* Does ALTER TABLE drop or add a constraint of this name? */
static bool
names_constraint(const AlterTableStmt *stmt, const char *name)
{
	ListCell   *lc;

	foreach(lc, stmt->cmds)
	{
		const AlterTableCmd *cmd = lfirst_node(AlterTableCmd, lc);

		if (cmd->subtype == AT_DropConstraint && strcmp(cmd->name, name) == 0)
			return true;
		if (cmd->def != NULL && IsA(cmd->def, Constraint) && ((Constraint *) cmd->def)->conname != NULL &&
			strcmp(((Constraint *) cmd->def)->conname, name) == 0)
			return true;
	}
	return false;
}

/*
 * Drops the key, of Django or Rails, of a companion that ALTER TABLE has dropped
 * by its name, unless the statement also drops or adds the key, or has made the
 * companion again.  Rails looks for any key to the other table, finds the
 * companion first, and means its key.  Tools that know other keys by their names
 * drop a companion because their schema does not have it, and mean to keep the key.
 */
void
drop_accompanied(Oid dropped, const AlterTableStmt *stmt)
{
	ForeignKey *companion = foreign_key_of_command(dropped);
	List	   *keys = companion ? foreign_keys_from(companion->child) : NIL;
	ListCell   *lc;

	if (companion == NULL || setting_foreign_keys == FOREIGN_KEYS_OFF || !names_constraint(stmt, companion->name))
		return;
	foreach(lc, keys)
	{
		const ForeignKey *key = lfirst(lc);

		if (!is_framework_name(key->name) || companion_of(key, list_make1(companion)) == NULL ||
			companion_of(key, keys) != NULL || names_constraint(stmt, key->name))
			continue;
		run_ddl(key->child, psprintf("ALTER TABLE %s DROP CONSTRAINT %s", relation_name(key->child),
									 quote_identifier(key->name)));
		ereport(NOTICE,
				(errmsg("foreign key \"%s\" of table %s is dropped with \"%s\", its companion",
						key->name, relation_name(key->child), companion->name),
				 errhint("To keep the key, leave its companion out of what is dropped." SEE_SCHEMA_TOOLS)));
	}
}

/*
 * Does for a companion by ALTER TABLE what a statement has done for its key.
 * "done" is the participle for the NOTICE.
 */
static void
alter_companion(const ForeignKey *key, const ForeignKey *companion, const char *done, char *action)
{
	run_ddl(key->child, psprintf("ALTER TABLE %s %s", relation_name(key->child), action));
	ereport(NOTICE,
			(errmsg("foreign key \"%s\" of table %s is %s with \"%s\", which it accompanies",
					companion->name, relation_name(key->child), done, key->name)));
}

/*
 * Makes the companions of a table's keys deferrable, deferred and validated as
 * their keys are now.
 */
void
keep_companions_alike(Oid relid)
{
	List	   *keys = foreign_keys_from(relid);
	ListCell   *lc;

	foreach(lc, keys)
	{
		const ForeignKey *key = lfirst(lc);
		const ForeignKey *companion = key->kind == KEY_HAS_COMPANION ? companion_of(key, keys) : NULL;

		if (companion == NULL)
			continue;
		if (companion->deferrable != key->deferrable || companion->deferred != key->deferred)
			alter_companion(key, companion, "altered",
							psprintf("ALTER CONSTRAINT %s %s", quote_identifier(companion->name),
									 !key->deferrable ? "NOT DEFERRABLE" :
									 key->deferred ? "DEFERRABLE INITIALLY DEFERRED" : "DEFERRABLE INITIALLY IMMEDIATE"));
		if (key->validated && !companion->validated && companion->enforced)
			alter_companion(key, companion, "validated",
							psprintf("VALIDATE CONSTRAINT %s", quote_identifier(companion->name)));
	}
}

/* The constraints of this name in a schema. */
static List *
constraints_in(Oid schema, const char *name)
{
	Relation	constraints = table_open(ConstraintRelationId, AccessShareLock);
	List	   *found = NIL;
	ScanKeyData key[2];
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&key[0], Anum_pg_constraint_conname, BTEqualStrategyNumber,
				F_NAMEEQ, CStringGetDatum(name));
	ScanKeyInit(&key[1], Anum_pg_constraint_connamespace, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(schema));
	scan = systable_beginscan(constraints, ConstraintNameNspIndexId, true, NULL, 2, key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
		found = lappend_oid(found, ((Form_pg_constraint) GETSTRUCT(tuple))->oid);
	systable_endscan(scan);
	table_close(constraints, AccessShareLock);
	return found;
}

/* The constraints that a name in SET CONSTRAINTS means: those of the first schema in search_path that has one. */
static List *
constraints_meant(const RangeVar *name)
{
	List	   *schemas = name->schemaname ?
		list_make1_oid(LookupExplicitNamespace(name->schemaname, true)) : fetch_search_path(true);
	ListCell   *lc;

	foreach(lc, schemas)
	{
		List	   *found = constraints_in(lfirst_oid(lc), name->relname);

		if (found != NIL)
			return found;
	}
	return NIL;
}

/* The name of a constraint of a table. */
static RangeVar *
name_in_schema_of(Oid relid, char *name)
{
	return makeRangeVar(get_namespace_name(get_rel_namespace(relid)), name, -1);
}

static RangeVar *
name_of_key(const ForeignKey *key)
{
	return name_in_schema_of(key->child, key->name);
}

/* Is this the name of a constraint among these? */
static bool
is_named(const RangeVar *name, List *names)
{
	ListCell   *lc;

	foreach(lc, names)
		if (equal(name, lfirst(lc)))
			return true;
	return false;
}

/* May the user name what is in this schema? */
static bool
may_use(Oid schema)
{
	return schema_is_usable(schema, GetUserId());
}

/*
 * Appends the names of the triggers, of a table and of its partitions, that check
 * keys of this time.  A partition's trigger has the same name, but SET CONSTRAINTS
 * does not know that it is a part of another one, as it knows of foreign keys.  Where
 * the user may not use the schema of a referenced table, its trigger is left out: when
 * that is checked matters only to who changes the table.
 */
static List *
append_triggers(List *names, Oid relid, ReferenceSide side, CheckTime time)
{
	List	   *tables = get_rel_relkind(relid) == RELKIND_PARTITIONED_TABLE ? find_all_inheritors(relid, NoLock, NULL) :
		list_make1_oid(relid);
	ListCell   *lc;
	ListCell   *ln;

	foreach(lc, tables)
		foreach(ln, reference_constraints_at(lfirst_oid(lc), side, time))
		{
			RangeVar   *name = name_in_schema_of(lfirst_oid(lc), lfirst(ln));

			if (!is_named(name, names) && (side == REFERENCING || may_use(get_rel_namespace(lfirst_oid(lc)))))
				names = lappend(names, name);
		}
	return names;
}

/* Appends the names of the triggers that check what a key references. */
static List *
append_triggers_of(List *names, const ForeignKey *key)
{
	if (key->kind != KEY_IS_CHECKED)
		return names;
	names = append_triggers(names, key->child, REFERENCING, check_time(key));
	return append_triggers(names, key->parent, REFERENCED, check_time(key));
}

/*
 * The names of the triggers that check what a key references, and of all keys of its
 * table and of partitions that the same trigger checks: one that is checked while the
 * trigger is deferred would reveal whether the referenced row is another tenant's.
 */
static List *
checked_together(const ForeignKey *key)
{
	List	   *names = NIL;
	Oid			root = key->child;
	ListCell   *lc;

	if (key->kind != KEY_IS_CHECKED)
		return NIL;
	while (get_rel_relispartition(root))
		root = get_partition_parent(root, true);
	foreach(lc, keys_of_hierarchy(root, KEY_IS_CHECKED, KEYS_FROM))
	{
		const ForeignKey *other = lfirst(lc);

		if (other->deferrable == key->deferrable && other->deferred == key->deferred)
			names = lappend(append_triggers_of(names, other), name_of_key(other));
	}
	return names;
}

/*
 * If a constraint is a trigger, of a table or of a partition, that checks what keys
 * reference, the names of these keys and of their triggers.
 */
static List *
keys_of_trigger(Oid constraint)
{
	HeapTuple	tuple = SearchSysCache1(CONSTROID, ObjectIdGetDatum(constraint));
	Form_pg_constraint con = HeapTupleIsValid(tuple) ? (Form_pg_constraint) GETSTRUCT(tuple) : NULL;
	List	   *names = NIL;
	ListCell   *lc;
	ListCell   *lk;

	if (con != NULL && con->contype == CONSTRAINT_TRIGGER)
		foreach(lc, lcons_oid(con->conrelid, ancestors_of(con->conrelid)))
			foreach(lk, foreign_keys_of(lfirst_oid(lc)))
				if (is_named(name_in_schema_of(con->conrelid, NameStr(con->conname)), append_triggers_of(NIL, lfirst(lk))))
					names = list_concat(names, checked_together(lfirst(lk)));
	if (HeapTupleIsValid(tuple))
		ReleaseSysCache(tuple);
	return names;
}

/* The names of the companion of a key, or of the key of a companion, and of the triggers that check it: a list of RangeVars. */
static List *
counterparts(Oid constraint)
{
	Oid			relid = table_of_key(constraint);
	List	   *keys = OidIsValid(relid) ? foreign_keys_from(relid) : NIL;
	List	   *names = NIL;
	ListCell   *lc;

	foreach(lc, keys)
	{
		ForeignKey *key = lfirst(lc);
		ForeignKey *companion = companion_of(key, keys);

		if (key->oid == constraint)
			names = list_concat(names, checked_together(key));
		if (companion != NULL && key->oid == constraint)
			names = lappend(names, name_of_key(companion));
		else if (companion != NULL && companion->oid == constraint)
			names = lappend(names, name_of_key(key));
	}
	return names;
}

/* May the user name all of these constraints? */
static bool
may_name(List *names)
{
	ListCell   *lc;

	foreach(lc, names)
		if (!may_use(get_namespace_oid(lfirst_node(RangeVar, lc)->schemaname, false)))
			return false;
	return true;
}

/*
 * Applies SET CONSTRAINTS of a key to its companion too, and conversely.
 * Frameworks run it before they drop a key, since ALTER TABLE fails while checks
 * are pending; and a key that is checked while its companion is deferred would
 * reveal whether the referenced row does not exist or is another tenant's.
 * Returns the statement, or a copy that names both.  So it is for the triggers that
 * check what a key references.  Where the user may not name one of them, as in the
 * schema of a partition, the copy sets all constraints.
 */
Node *
with_companions(Node *stmt)
{
	List	   *names = NIL;
	ConstraintsSetStmt *copy;
	ListCell   *lc;
	ListCell   *lk;

	if (!IsA(stmt, ConstraintsSetStmt))
		return stmt;
	foreach(lc, ((ConstraintsSetStmt *) stmt)->constraints)
		foreach(lk, constraints_meant(lfirst_node(RangeVar, lc)))
			names = list_concat(list_concat(names, counterparts(root_constraint(lfirst_oid(lk)))), keys_of_trigger(lfirst_oid(lk)));
	if (names == NIL)
		return stmt;
	copy = copyObject((ConstraintsSetStmt *) stmt);
	copy->constraints = may_name(names) ? list_concat(copy->constraints, names) : NIL;
	return (Node *) copy;
}
