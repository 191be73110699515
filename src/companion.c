/*-------------------------------------------------------------------------
 *
 * companion.c
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
 * the name in the error would tell another tenant's row from none.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/pg_constraint.h"
#include "nodes/makefuncs.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"

#include "companion.h"
#include "companion_name.h"
#include "foreign_key.h"
#include "guard.h"
#include "policy.h"

/* A foreign key has been dropped: its companion, if it has one, goes with it. */
void
drop_companion(Oid dropped)
{
	ForeignKey *key = dropped_foreign_key(dropped);
	ForeignKey *companion = key ? companion_of(key, foreign_keys_from(key->child)) : NULL;

	if (companion == NULL)
		return;
	run_ddl(key->child, psprintf("ALTER TABLE %s DROP CONSTRAINT %s", relation_name(key->child),
								 quote_identifier(companion->name)));
	ereport(NOTICE,
			(errmsg("foreign key \"%s\" of table %s is dropped with \"%s\", which it accompanied",
					companion->name, relation_name(key->child), key->name)));
}

/* Is there a constraint of this name, in this schema or in any? */
static bool
constraint_exists(const char *schema, const char *name)
{
	Relation	constraints = table_open(ConstraintRelationId, AccessShareLock);
	ScanKeyData key[2];
	SysScanDesc scan;
	bool		found;

	ScanKeyInit(&key[0], Anum_pg_constraint_conname, BTEqualStrategyNumber,
				F_NAMEEQ, CStringGetDatum(name));
	if (schema != NULL)
		ScanKeyInit(&key[1], Anum_pg_constraint_connamespace, BTEqualStrategyNumber,
					F_OIDEQ, ObjectIdGetDatum(get_namespace_oid(schema, true)));
	scan = systable_beginscan(constraints, ConstraintNameNspIndexId, true, NULL,
							  schema ? 2 : 1, key);
	found = HeapTupleIsValid(systable_getnext(scan));
	systable_endscan(scan);
	table_close(constraints, AccessShareLock);
	return found;
}

/*
 * SET CONSTRAINTS of a key goes for its companion too: frameworks run it before
 * they drop a key, or ALTER TABLE would find checks pending; and a key that is
 * checked while its companion waits would tell another tenant's row from none.
 * Returns the statement, or a copy that names the companions.
 */
Node *
with_companions(Node *stmt)
{
	List	   *companions = NIL;
	ConstraintsSetStmt *copy;
	ListCell   *lc;

	if (!IsA(stmt, ConstraintsSetStmt))
		return stmt;
	foreach(lc, ((ConstraintsSetStmt *) stmt)->constraints)
	{
		RangeVar   *constraint = lfirst_node(RangeVar, lc);
		char	   *name = companion_name(constraint->relname);

		if (name != NULL && constraint_exists(constraint->schemaname, name))
			companions = lappend(companions, makeRangeVar(constraint->schemaname, name, -1));
	}
	if (companions == NIL)
		return stmt;
	copy = copyObject((ConstraintsSetStmt *) stmt);
	copy->constraints = list_concat(companions, copy->constraints);
	return (Node *) copy;
}
