/*-------------------------------------------------------------------------
 *
 * remove_guard.c
 *	  Removes the guards of tables.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/pg_inherits.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "catalog.h"
#include "guard_policy.h"
#include "install_guard.h"
#include "not_null.h"
#include "own_sql.h"
#include "remove_guard.h"

/* Is the column's default a getter? */
static bool
has_own_default(Relation rel, AttrNumber attnum)
{
	Node	   *present = column_default(rel, attnum);

	return present != NULL && calls_getter(present);
}

/*
 * Returns the column whose default is a getter, or 0: the tenant column, or, if
 * that is not known, the first such column.
 */
static AttrNumber
own_default_column(Oid relid, AttrNumber tenant_column)
{
	Relation	rel = table_open(relid, NoLock);
	AttrNumber	last = tenant_column ? tenant_column : RelationGetNumberOfAttributes(rel);
	AttrNumber	found = 0;

	for (AttrNumber attnum = tenant_column ? tenant_column : 1; found == 0 && attnum <= last; attnum++)
		if (has_own_default(rel, attnum))
			found = attnum;
	table_close(rel, NoLock);
	return found;
}

/*
 * Removes the guard of one table, or what is left of it.  NOT NULL stays, since
 * the application may rely on it.  If the application has policies of its own,
 * row-level security stays enabled and forced.
 */
static void
unguard_table(Oid relid)
{
	char	   *name = relation_name(relid);
	PolicyFacts facts = policies_of(relid);
	AttrNumber	attnum = own_default_column(relid, facts.column);
	ListCell   *lc;

	foreach(lc, facts.own)
		run_ddl(relid, psprintf("DROP POLICY %s ON %s", quote_identifier(lfirst(lc)), name));
	if (attnum != 0)
		run_ddl(relid, psprintf("ALTER TABLE ONLY %s ALTER COLUMN %s DROP DEFAULT", name,
								quote_identifier(get_attname(relid, attnum, false))));
	if (facts.column != 0 && has_not_null_check(relid, facts.column))
		run_ddl(relid, psprintf("ALTER TABLE %s DROP CONSTRAINT " NOT_NULL_CHECK, name));

	if (!policies_of(relid).any)
		run_ddl(relid, psprintf("ALTER TABLE %s DISABLE ROW LEVEL SECURITY, NO FORCE ROW LEVEL SECURITY", name));
	else
		ereport(routine_notice,
				(errmsg("row-level security stays enabled on table %s", name),
				 errdetail("The table has policies that tenant_guard did not make.")));
}

/* Removes the guards of a table and all its partitions and children. */
void
unguard_hierarchy(Oid root)
{
	ListCell   *lc;

	foreach(lc, find_all_inheritors(root, AccessExclusiveLock, NULL))
	{
		Oid			relid = lfirst_oid(lc);

		if (policies_of(relid).shape != SHAPE_NONE)
			unguard_table(relid);
	}
}
