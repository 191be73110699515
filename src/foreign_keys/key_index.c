/*-------------------------------------------------------------------------
 *
 * key_index.c
 *	  The unique index that foreign keys that carry the tenant need on the
 *	  referenced table.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_index.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "catalog.h"
#include "compat.h"
#include "install_guard.h"
#include "key_index.h"
#include "key_refusals.h"
#include "own_sql.h"
#include "refusal.h"

/* Is this a unique index that a key can reference, on just these columns and the tenant column, in any order? */
static bool
index_serves(HeapTuple tuple, AttrNumber tenant, const AttrNumber *columns, int ncolumns)
{
	Form_pg_index index = (Form_pg_index) GETSTRUCT(tuple);

	if (!index->indisunique || !index->indisvalid || !index->indimmediate ||
		index->indnkeyatts != ncolumns + 1 ||
		!heap_attisnull(tuple, Anum_pg_index_indpred, NULL) ||
		!heap_attisnull(tuple, Anum_pg_index_indexprs, NULL))
		return false;
	for (int i = -1; i < ncolumns; i++)
	{
		AttrNumber	wanted = i < 0 ? tenant : columns[i];
		bool		found = false;

		for (int j = 0; j < index->indnkeyatts; j++)
			found |= index->indkey.values[j] == wanted;
		if (!found)
			return false;
	}
	return true;
}

/* Is this index that of a constraint WITHOUT OVERLAPS? */
static bool
index_has_period(Oid indexid)
{
	HeapTuple	tuple = SearchSysCache1(CONSTROID, ObjectIdGetDatum(get_index_constraint(indexid)));
	bool		found;

	if (!HeapTupleIsValid(tuple))
		return false;
	found = constraint_has_period((Form_pg_constraint) GETSTRUCT(tuple));
	ReleaseSysCache(tuple);
	return found;
}

/* The unique index that a paired key needs on its parent, or InvalidOid. */
Oid
unique_index_for(const ForeignKey *key)
{
	Relation	parent = table_open(key->parent, NoLock);
	List	   *indexes = RelationGetIndexList(parent);
	Oid			found = InvalidOid;
	ListCell   *lc;

	foreach(lc, indexes)
	{
		HeapTuple	tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(lfirst_oid(lc)));

		if (!HeapTupleIsValid(tuple))
			continue;
		if (!OidIsValid(found) &&
			index_serves(tuple, key->parent_tenant, key->referenced, key->ncolumns) &&
			index_has_period(lfirst_oid(lc)) == key->temporal)
			found = lfirst_oid(lc);
		ReleaseSysCache(tuple);
	}
	table_close(parent, NoLock);
	return found;
}

/* The columns of that index, as a list in SQL. */
char *
index_columns(const ForeignKey *key)
{
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfoString(&sql, quote_identifier(get_attname(key->parent, key->parent_tenant, false)));
	for (int i = 0; i < key->ncolumns; i++)
		appendStringInfo(&sql, ", %s", quote_identifier(get_attname(key->parent, key->referenced[i], false)));
	return sql.data;
}

/*
 * Makes that index, unless there is one.  Its comment says what it is for, to whoever
 * finds an index that the application's schema does not have.
 */
void
make_unique_index(const ForeignKey *key)
{
	Oid			index = unique_index_for(key);

	if (OidIsValid(index))
		return;
	run_ddl_as_caller(key->parent, psprintf("CREATE UNIQUE INDEX ON %s (%s)", relation_name(key->parent), index_columns(key)));
	CommandCounterIncrement();
	index = unique_index_for(key);
	if (!OidIsValid(index))
		elog(ERROR, "could not make a unique index on table %s", relation_name(key->parent));
	run_ddl_as_caller(key->parent, psprintf("COMMENT ON INDEX %s IS 'made by tenant_guard for foreign keys that carry the tenant'",
											relation_name(index)));
	ereport(routine_notice,
			(errmsg("unique index %s is made on table %s, for foreign keys that carry the tenant",
					quote_identifier(get_rel_name(index)), relation_name(key->parent))));
}

/* A foreign key that carries the tenant and that depends on the index, or NULL. */
static const ForeignKey *
key_that_needs(Oid index)
{
	CatalogScan scan = begin_dependents_scan(RelationRelationId, index);
	List	   *constraints = NIL;
	HeapTuple	tuple;
	ListCell   *lc;
	ListCell   *k;

	while (HeapTupleIsValid(tuple = next_catalog_row(&scan)))
		if (((Form_pg_depend) GETSTRUCT(tuple))->classid == ConstraintRelationId)
			constraints = lappend_oid(constraints, ((Form_pg_depend) GETSTRUCT(tuple))->objid);
	end_catalog_scan(&scan);
	foreach(lc, constraints)
		foreach(k, foreign_keys_from(table_of_key(lfirst_oid(lc))))
			if (((const ForeignKey *) lfirst(k))->oid == lfirst_oid(lc) && ((const ForeignKey *) lfirst(k))->kind == KEY_CARRIES_TENANT)
				return lfirst(k);
	return NULL;
}

/*
 * To be called before DROP INDEX runs, which PostgreSQL would refuse with the
 * advice to add CASCADE: refuses it with other advice, if foreign keys that carry
 * the tenant need the index.
 */
void
check_indexes_not_needed(const DropStmt *stmt)
{
	ListCell   *lc;

	if (stmt->removeType != OBJECT_INDEX || stmt->behavior == DROP_CASCADE)
		return;
	foreach(lc, stmt->objects)
	{
		Oid			index = RangeVarGetRelid(makeRangeVarFromNameList(lfirst(lc)), NoLock, true);
		const ForeignKey *key = OidIsValid(index) && user_owns_relation(index) ? key_that_needs(index) : NULL;

		if (key != NULL)
			raise_refusal(index_is_needed(index, key));
	}
}
