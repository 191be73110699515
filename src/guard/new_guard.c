/*-------------------------------------------------------------------------
 *
 * new_guard.c
 *	  Writes the guard of a new table into the catalogs.
 *
 * A statement that creates a table takes longer by half if the guard is made by
 * statements: each is parsed, passed to hooks and event triggers, and followed by
 * a rebuild of what the session has cached of the table.  For a table that this
 * transaction has created, which nobody else sees, all of a guard is written at
 * once.  What is in the catalogs then is what the statements would leave, and
 * object_access_hook is called as for them.  Hooks of utility statements are not
 * called; where event triggers of others would be fired (ddl_watch.c), and for all
 * other tables, the statements are run (install_guard.c).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/heap.h"
#include "catalog/indexing.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_class.h"
#include "commands/policy.h"
#include "parser/parser.h"
#include "storage/lmgr.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "catalog.h"
#include "compat.h"
#include "ddl_watch.h"
#include "new_guard.h"
#include "own_sql.h"

/* Is the column neither inherited, nor generated, nor an identity? */
static bool
is_plain_column(Form_pg_attribute column)
{
	return column->attinhcount == 0 && column->attislocal && column->attgenerated == '\0' && column->attidentity == '\0';
}

/*
 * Can the guard of a table be written?  True if this transaction has created it,
 * it is neither a part nor a whole of others, and its tenant column is a plain
 * one that has a default, or has none.
 */
bool
is_new_and_alone(Oid relid, AttrNumber attnum, bool has_default)
{
	Relation	rel = table_open(relid, NoLock);
	Form_pg_attribute column = TupleDescAttr(RelationGetDescr(rel), attnum - 1);
	bool		alone;

	alone = rel->rd_createSubid != InvalidSubTransactionId &&
		rel->rd_rel->relkind == RELKIND_RELATION && !rel->rd_rel->relispartition &&
		!rel->rd_rel->relhassubclass && !OidIsValid(rel->rd_rel->reloftype) &&
		is_plain_column(column) && column->atthasdef == has_default;
	table_close(rel, NoLock);
	return alone && !ddl_is_watched();
}

/* ENABLE ROW LEVEL SECURITY and FORCE ROW LEVEL SECURITY */
static void
set_row_security(Oid relid)
{
	Relation	classes = table_open(RelationRelationId, RowExclusiveLock);
	HeapTuple	tuple = SearchSysCacheCopy1(RELOID, ObjectIdGetDatum(relid));

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for relation %u", relid);
	((Form_pg_class) GETSTRUCT(tuple))->relrowsecurity = true;
	((Form_pg_class) GETSTRUCT(tuple))->relforcerowsecurity = true;
	CatalogTupleUpdate(classes, &tuple->t_self, tuple);
	InvokeObjectPostAlterHook(RelationRelationId, relid, 0);
	heap_freetuple(tuple);
	table_close(classes, RowExclusiveLock);
}

/* SET NOT NULL, apart from the constraint that it is from 18 on */
static void
set_not_null(Oid relid, AttrNumber attnum)
{
	Relation	attributes = table_open(AttributeRelationId, RowExclusiveLock);
	HeapTuple	tuple = SearchSysCacheCopy2(ATTNUM, ObjectIdGetDatum(relid), Int16GetDatum(attnum));

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for attribute %d of relation %u", attnum, relid);
	((Form_pg_attribute) GETSTRUCT(tuple))->attnotnull = true;
	CatalogTupleUpdate(attributes, &tuple->t_self, tuple);
	InvokeObjectPostAlterHook(RelationRelationId, relid, attnum);
	heap_freetuple(tuple);
	table_close(attributes, RowExclusiveLock);
}

/* An expression as PostgreSQL's parser returns it. */
static Node *
parsed_expression(const char *expression)
{
	RawStmt    *parsed = linitial_node(RawStmt, raw_parser(expression, RAW_PARSE_PLPGSQL_EXPR));

	return linitial_node(ResTarget, castNode(SelectStmt, parsed->stmt)->targetList)->val;
}

/* SET DEFAULT, and from 18 on the constraint that NOT NULL is */
static void
add_constraints(const NewGuard *guard)
{
	Relation	rel = table_open(guard->relid, NoLock);
	List	   *defaults = NIL;

	if (guard->default_value != NULL)
	{
		RawColumnDefault *column = palloc0(sizeof(RawColumnDefault));

		column->attnum = guard->attnum;
		column->raw_default = parsed_expression(guard->default_value);
		defaults = list_make1(column);
	}
	(void) AddRelationNewConstraints(rel, defaults, guard->not_null ? not_null_constraints(guard->column) : NIL,
									 false, true, false, NULL);
	table_close(rel, NoLock);
}

/* CREATE POLICY */
static void
create_policy(Oid relid, const char *sql)
{
	RawStmt    *parsed = linitial_node(RawStmt, raw_parser(sql, RAW_PARSE_DEFAULT));

	check_table_of_statement(parsed->stmt, relid);
	(void) CreatePolicy(castNode(CreatePolicyStmt, parsed->stmt));
}

/* An OwnerAction: writes a NewGuard. */
static void
write_parts(void *argument)
{
	const NewGuard *guard = argument;
	ListCell   *lc;

	set_row_security(guard->relid);
	if (guard->default_value != NULL || guard->not_null)
		add_constraints(guard);
	foreach(lc, guard->policies)
		create_policy(guard->relid, lfirst(lc));
	CommandCounterIncrement();
	if (guard->not_null)
	{
		/* a row of a catalog can be changed only once in a command */
		set_not_null(guard->relid, guard->attnum);
		CommandCounterIncrement();
	}
}

/* Writes the guard of a table that is_new_and_alone, as its owner.  The caller has locked it, and has called keep_name. */
void
write_guard(const NewGuard *guard)
{
	Oid			owner = object_owner(RelationRelationId, guard->relid);

	Assert(relation_is_locked(guard->relid, AccessExclusiveLock));
	check_owner_reaches(guard->relid, owner);
	run_as_owner(owner, false, write_parts, unconstify(NewGuard *, guard));
}
