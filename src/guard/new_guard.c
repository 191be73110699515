/*-------------------------------------------------------------------------
 *
 * new_guard.c
 *	  Writes the guard of a new table into the catalogs.
 *
 * A statement that creates a table takes longer by half if the guard is made by
 * statements: each is parsed, passed to hooks and event triggers, and followed by
 * a rebuild of what the session has cached of the table.  For a table that this
 * transaction has created, which nobody else sees, all of a guard is written in
 * one command.  What is in the catalogs then is what the statements would leave,
 * dependencies included, and object_access_hook is called as for them.  Hooks of
 * utility statements are not called; where event triggers of others would be
 * fired (ddl_watch.c), and for all other tables, the statements are run
 * (install_guard.c).
 *
 * This follows CreatePolicy in policy.c, StoreAttrDefault in pg_attrdef.c, and
 * ATExecSetNotNull and ATExecSetRowSecurity in tablecmds.c.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/catalog.h"
#include "catalog/dependency.h"
#include "catalog/heap.h"
#include "catalog/indexing.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_attrdef.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_class.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_policy.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "executor/tuptable.h"
#include "nodes/nodeFuncs.h"
#include "parser/parse_clause.h"
#include "parser/parse_collate.h"
#include "parser/parse_relation.h"
#include "parser/parser.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "catalog.h"
#include "compat.h"
#include "ddl_watch.h"
#include "guard_policy.h"
#include "new_guard.h"
#include "own_sql.h"

/* A row of pg_depend */
typedef struct Dependency
{
	ObjectAddress object;
	ObjectAddress referenced;
	DependencyType type;
} Dependency;

/* A guard that is being written. */
typedef struct GuardWriter
{
	const NewGuard *guard;
	Relation	rel;
	ParseState *parse_state;	/* of expressions of the table */
	List	   *dependencies;	/* Dependencies, which are written last */
} GuardWriter;

/*
 * Is the column neither inherited, nor generated, nor an identity, and of a type
 * that came with the server?  Then the expressions of a guard depend on the column and on our
 * functions, and on nothing else.
 */
static bool
is_plain_column(Form_pg_attribute column)
{
	return column->attinhcount == 0 && column->attislocal && column->attgenerated == '\0' && column->attidentity == '\0' &&
		IsPinnedObject(TypeRelationId, column->atttypid) &&
		(!OidIsValid(column->attcollation) || IsPinnedObject(CollationRelationId, column->attcollation));
}

/*
 * Can the guard of a table be written?  True if this transaction has created it,
 * it is neither a part nor a whole of others, and its tenant column is a plain
 * one that has a default, or has none.  Nor may anything be running on it that was
 * planned without the guard, such as a cursor: ALTER TABLE refuses that.
 */
bool
is_new_and_alone(Oid relid, AttrNumber attnum, bool has_default)
{
	Relation	rel = table_open(relid, NoLock);
	Form_pg_attribute column = TupleDescAttr(RelationGetDescr(rel), attnum - 1);
	bool		alone;

	alone = rel->rd_createSubid != InvalidSubTransactionId && rel->rd_refcnt == 1 &&
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

/* What SET DEFAULT and SET NOT NULL leave in the column's row. */
static void
alter_column(const NewGuard *guard)
{
	Relation	attributes = table_open(AttributeRelationId, RowExclusiveLock);
	HeapTuple	tuple = SearchSysCacheCopy2(ATTNUM, ObjectIdGetDatum(guard->relid), Int16GetDatum(guard->attnum));

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for attribute %d of relation %u", guard->attnum, guard->relid);
	((Form_pg_attribute) GETSTRUCT(tuple))->attnotnull |= guard->not_null;
	((Form_pg_attribute) GETSTRUCT(tuple))->atthasdef |= guard->default_value != NULL;
	CatalogTupleUpdate(attributes, &tuple->t_self, tuple);
	if (guard->not_null)
		InvokeObjectPostAlterHook(RelationRelationId, guard->relid, guard->attnum);
	heap_freetuple(tuple);
	table_close(attributes, RowExclusiveLock);
}

/* ----------------------------------------------------------------
 *		Dependencies
 * ----------------------------------------------------------------
 */

static void
add_dependency(GuardWriter *writer, ObjectAddress object, Oid catalog, Oid referenced, int subid, DependencyType type)
{
	Dependency *dependency = palloc(sizeof(Dependency));

	dependency->object = object;
	ObjectAddressSubSet(dependency->referenced, catalog, referenced, subid);
	dependency->type = type;
	writer->dependencies = lappend(writer->dependencies, dependency);
}

/* Adds to a list what an expression names; what came with the server is pinned, and nothing depends on it. */
static bool
add_named(Node *node, List **named)
{
	if (node == NULL)
		return false;
	if (IsA(node, Var))
		*named = list_append_unique(*named, node);
	else if (IsA(node, FuncExpr) && !IsPinnedObject(ProcedureRelationId, ((FuncExpr *) node)->funcid))
		*named = list_append_unique(*named, node);
	else if (IsA(node, OpExpr) && !IsPinnedObject(OperatorRelationId, ((OpExpr *) node)->opno))
		elog(ERROR, "operator %u is not pinned", ((OpExpr *) node)->opno);
	return expression_tree_walker(node, add_named, named);
}

/*
 * Prevents a function from being dropped before the transaction ends, as newer releases
 * do where they record a dependency: DROP EXTENSION does not see the new guard,
 * and would leave a table whose policies call functions that are gone.
 */
static void
keep_function(Oid funcid)
{
	LockDatabaseObject(ProcedureRelationId, funcid, 0, AccessShareLock);
	if (!SearchSysCacheExists1(PROCOID, ObjectIdGetDatum(funcid)))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FUNCTION),
				 errmsg("a function that guards call was dropped meanwhile"),
				 errhint("Run the statement again.")));
}

static void
add_dependencies_of(GuardWriter *writer, ObjectAddress object, Node *expression)
{
	List	   *named = NIL;
	ListCell   *lc;

	(void) add_named(expression, &named);
	foreach(lc, named)
	{
		if (IsA(lfirst(lc), Var))
			add_dependency(writer, object, RelationRelationId, writer->guard->relid, ((Var *) lfirst(lc))->varattno, DEPENDENCY_NORMAL);
		else
		{
			keep_function(((FuncExpr *) lfirst(lc))->funcid);
			add_dependency(writer, object, ProcedureRelationId, ((FuncExpr *) lfirst(lc))->funcid, 0, DEPENDENCY_NORMAL);
		}
	}
}

/* Fills in a slot of pg_depend. */
static void
store_dependency(TupleTableSlot *slot, const Dependency *dependency)
{
	Datum	   *values = slot->tts_values;

	ExecClearTuple(slot);
	memset(slot->tts_isnull, false, slot->tts_tupleDescriptor->natts * sizeof(bool));
	values[Anum_pg_depend_classid - 1] = ObjectIdGetDatum(dependency->object.classId);
	values[Anum_pg_depend_objid - 1] = ObjectIdGetDatum(dependency->object.objectId);
	values[Anum_pg_depend_objsubid - 1] = Int32GetDatum(dependency->object.objectSubId);
	values[Anum_pg_depend_refclassid - 1] = ObjectIdGetDatum(dependency->referenced.classId);
	values[Anum_pg_depend_refobjid - 1] = ObjectIdGetDatum(dependency->referenced.objectId);
	values[Anum_pg_depend_refobjsubid - 1] = Int32GetDatum(dependency->referenced.objectSubId);
	values[Anum_pg_depend_deptype - 1] = CharGetDatum((char) dependency->type);
	ExecStoreVirtualTuple(slot);
}

static void
write_dependencies(List *dependencies)
{
	Relation	depend = table_open(DependRelationId, RowExclusiveLock);
	CatalogIndexState indexes = CatalogOpenIndexes(depend);
	TupleTableSlot **slots = palloc(list_length(dependencies) * sizeof(TupleTableSlot *));
	ListCell   *lc;

	foreach(lc, dependencies)
	{
		TupleTableSlot *slot = MakeSingleTupleTableSlot(RelationGetDescr(depend), &TTSOpsHeapTuple);

		store_dependency(slot, lfirst(lc));
		slots[foreach_current_index(lc)] = slot;
	}
	CatalogTuplesMultiInsertWithInfo(depend, slots, list_length(dependencies), indexes);
	for (int i = 0; i < list_length(dependencies); i++)
		ExecDropSingleTupleTableSlot(slots[i]);
	CatalogCloseIndexes(indexes);
	table_close(depend, RowExclusiveLock);
}

/* ----------------------------------------------------------------
 *		Expressions
 * ----------------------------------------------------------------
 */

/* A parse state in which expressions of the table can be analysed. */
static ParseState *
parse_state_of(Relation rel)
{
	ParseState *state = make_parsestate(NULL);

	addNSItemToQuery(state, addRangeTableEntryForRelation(state, rel, AccessShareLock, NULL, false, false), false, true, true);
	return state;
}

/* An expression as PostgreSQL's parser returns it. */
static Node *
parsed_expression(const char *expression)
{
	RawStmt    *parsed = linitial_node(RawStmt, raw_parser(expression, RAW_PARSE_PLPGSQL_EXPR));

	return linitial_node(ResTarget, castNode(SelectStmt, parsed->stmt)->targetList)->val;
}

/* An expression of a policy, or NULL. */
static Node *
policy_expression_of(GuardWriter *writer, const char *expression)
{
	Node	   *node;

	if (expression == NULL)
		return NULL;
	node = transformWhereClause(writer->parse_state, parsed_expression(expression), EXPR_KIND_POLICY, "POLICY");
	assign_expr_collations(writer->parse_state, node);
	return node;
}

static Datum
text_of_node(Node *node)
{
	return CStringGetTextDatum(nodeToString(node));
}

/* ----------------------------------------------------------------
 *		The parts
 * ----------------------------------------------------------------
 */

/* The row in pg_attrdef that SET DEFAULT makes. */
static void
write_default(GuardWriter *writer)
{
	const NewGuard *guard = writer->guard;
	Form_pg_attribute column = TupleDescAttr(RelationGetDescr(writer->rel), guard->attnum - 1);
	Node	   *value = cookDefault(writer->parse_state, parsed_expression(guard->default_value), column->atttypid,
									column->atttypmod, NameStr(column->attname), '\0');
	Relation	defaults = table_open(AttrDefaultRelationId, RowExclusiveLock);
	Oid			oid = GetNewOidWithIndex(defaults, AttrDefaultOidIndexId, Anum_pg_attrdef_oid);
	Datum		values[Natts_pg_attrdef];
	bool		nulls[Natts_pg_attrdef] = {0};
	ObjectAddress object;

	values[Anum_pg_attrdef_oid - 1] = ObjectIdGetDatum(oid);
	values[Anum_pg_attrdef_adrelid - 1] = ObjectIdGetDatum(guard->relid);
	values[Anum_pg_attrdef_adnum - 1] = Int16GetDatum(guard->attnum);
	values[Anum_pg_attrdef_adbin - 1] = text_of_node(value);
	CatalogTupleInsert(defaults, heap_form_tuple(RelationGetDescr(defaults), values, nulls));
	table_close(defaults, RowExclusiveLock);

	ObjectAddressSet(object, AttrDefaultRelationId, oid);
	add_dependency(writer, object, RelationRelationId, guard->relid, guard->attnum, DEPENDENCY_AUTO);
	add_dependencies_of(writer, object, value);
	InvokeObjectPostCreateHookArg(AttrDefaultRelationId, guard->relid, guard->attnum, false);
}

/* The row in pg_policy that CREATE POLICY makes. */
static void
write_policy(GuardWriter *writer, const PolicyText *policy, Relation policies, CatalogIndexState indexes)
{
	bool		is_same = policy->qual != NULL && policy->check != NULL && strcmp(policy->qual, policy->check) == 0;
	Node	   *qual = policy_expression_of(writer, policy->qual);
	Node	   *check = is_same ? qual : policy_expression_of(writer, policy->check);
	Oid			oid = GetNewOidWithIndex(policies, PolicyOidIndexId, Anum_pg_policy_oid);
	Datum		to_public = ObjectIdGetDatum(ACL_ID_PUBLIC);
	NameData	name;
	Datum		values[Natts_pg_policy] = {0};
	bool		nulls[Natts_pg_policy] = {0};
	ObjectAddress object;

	namestrcpy(&name, policy->name);
	values[Anum_pg_policy_oid - 1] = ObjectIdGetDatum(oid);
	values[Anum_pg_policy_polname - 1] = NameGetDatum(&name);
	values[Anum_pg_policy_polrelid - 1] = ObjectIdGetDatum(writer->guard->relid);
	values[Anum_pg_policy_polcmd - 1] = CharGetDatum(policy->command);
	values[Anum_pg_policy_polpermissive - 1] = BoolGetDatum(policy->permissive);
	values[Anum_pg_policy_polroles - 1] = PointerGetDatum(construct_array(&to_public, 1, OIDOID, sizeof(Oid), true, TYPALIGN_INT));
	nulls[Anum_pg_policy_polqual - 1] = qual == NULL;
	nulls[Anum_pg_policy_polwithcheck - 1] = check == NULL;
	if (qual != NULL)
		values[Anum_pg_policy_polqual - 1] = text_of_node(qual);
	if (check != NULL)
		values[Anum_pg_policy_polwithcheck - 1] = is_same ? values[Anum_pg_policy_polqual - 1] : text_of_node(check);
	CatalogTupleInsertWithInfo(policies, heap_form_tuple(RelationGetDescr(policies), values, nulls), indexes);

	ObjectAddressSet(object, PolicyRelationId, oid);
	add_dependency(writer, object, RelationRelationId, writer->guard->relid, 0, DEPENDENCY_AUTO);
	add_dependencies_of(writer, object, qual);
	add_dependencies_of(writer, object, check);
	InvokeObjectPostCreateHook(PolicyRelationId, oid, 0);
}

static void
write_policies(GuardWriter *writer)
{
	Relation	policies = table_open(PolicyRelationId, RowExclusiveLock);
	CatalogIndexState indexes = CatalogOpenIndexes(policies);
	ListCell   *lc;

	foreach(lc, writer->guard->policies)
		write_policy(writer, lfirst(lc), policies, indexes);
	CatalogCloseIndexes(indexes);
	table_close(policies, RowExclusiveLock);
}

/* An OwnerAction: writes a NewGuard. */
static void
write_parts(void *argument)
{
	const NewGuard *guard = argument;
	GuardWriter writer = {.guard = guard, .rel = table_open(guard->relid, NoLock)};

	writer.parse_state = parse_state_of(writer.rel);
	if (guard->not_null && not_null_constraints(guard->column) != NIL)
		(void) AddRelationNewConstraints(writer.rel, NIL, not_null_constraints(guard->column), false, true, false, NULL);
	if (guard->default_value != NULL)
		write_default(&writer);
	write_policies(&writer);
	write_dependencies(writer.dependencies);
	if (guard->default_value != NULL || guard->not_null)
		alter_column(guard);
	set_row_security(guard->relid);
	free_parsestate(writer.parse_state);
	table_close(writer.rel, NoLock);
	CommandCounterIncrement();
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
