/*-------------------------------------------------------------------------
 *
 * companion_key.c
 *	  Foreign keys that stay as their framework knows them, beside one that
 *	  carries the tenant.
 *
 * Django and Rails make the names of foreign keys of a hash, and look a key up
 * by its columns when they drop or redirect it.  One that has got the tenant
 * column they do not find: Django then leaves the key to the old table and
 * makes none to the new.  So a key that has such a name keeps its columns, and
 * gets a companion that carries the tenant.
 *
 * The companion goes when its key goes.  It is made before its key is made
 * anew, so that it is checked first: triggers fire in the order of their
 * names, and those of foreign keys are numbered.  Were its key checked first,
 * the name in the error would tell another tenant's row from none; a companion
 * of which that is no longer true (foreign_key.c) is made anew.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/pg_constraint.h"
#include "nodes/makefuncs.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"

#include "catalog.h"
#include "companion_key.h"
#include "foreign_key.h"
#include "install_guard.h"
#include "own_sql.h"

/* A foreign key has been dropped: its companion, if it has one, goes with it. */
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

/* Does a statement for a companion, which has been one for its key. */
static void
follow(const ForeignKey *key, const ForeignKey *companion, const char *done, char *action)
{
	run_ddl(key->child, psprintf("ALTER TABLE %s %s", relation_name(key->child), action));
	ereport(NOTICE,
			(errmsg("foreign key \"%s\" of table %s is %s with \"%s\", which it accompanies",
					companion->name, relation_name(key->child), done, key->name)));
}

/*
 * What has been said of a key since its companion was made goes for that too:
 * when it is checked, and that its rows have been.
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
			follow(key, companion, "altered",
				   psprintf("ALTER CONSTRAINT %s %s", quote_identifier(companion->name),
							!key->deferrable ? "NOT DEFERRABLE" :
							key->deferred ? "DEFERRABLE INITIALLY DEFERRED" : "DEFERRABLE INITIALLY IMMEDIATE"));
		if (key->validated && !companion->validated && companion->enforced)
			follow(key, companion, "validated",
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

/* Those that SET CONSTRAINTS means: of the first schema that has one. */
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

static RangeVar *
name_of_key(const ForeignKey *key)
{
	return makeRangeVar(get_namespace_name(get_rel_namespace(key->child)), key->name, -1);
}

/* The companion of a key, and the key of a companion, as names. */
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

		if (companion != NULL && key->oid == constraint)
			names = lappend(names, name_of_key(companion));
		else if (companion != NULL && companion->oid == constraint)
			names = lappend(names, name_of_key(key));
	}
	return names;
}

/*
 * SET CONSTRAINTS of a key goes for its companion too: frameworks run it before
 * they drop a key, or ALTER TABLE would find checks pending; and a key that is
 * checked while its companion waits would tell another tenant's row from none.
 * For that SET CONSTRAINTS of a companion goes for its key.
 * Returns the statement, or a copy that names both.
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
			names = list_concat(names, counterparts(root_constraint(lfirst_oid(lk))));
	if (names == NIL)
		return stmt;
	copy = copyObject((ConstraintsSetStmt *) stmt);
	copy->constraints = list_concat(copy->constraints, names);
	return (Node *) copy;
}
