/*-------------------------------------------------------------------------
 *
 * key_action.c
 *	  Restricts the actions of foreign keys to rows of the transaction's tenant.
 *
 * ON DELETE and ON UPDATE CASCADE, SET NULL and SET DEFAULT are statements that
 * PostgreSQL runs with row-level security off, as the owner of the referencing
 * table (ri_triggers.c).  Where the referenced table is guarded and the key
 * carries the tenant, they reach rows of one tenant only.  Where it is not
 * guarded, as the table of tenants usually is not, a role that may delete a row
 * of it could delete any tenant's rows, and a role that may update its key could
 * give them to another tenant.
 *
 * So a filter is added to such a statement on a guarded table: a call of
 * tenant_guard_internal.check_key_action for each row that it is about to change, which
 * raises an error if the row is another tenant's (key_action_row.c).  The planner
 * hook adds it to the finished plan after the key's own comparison, so that only
 * rows are checked that reference the deleted or updated row.  PostgreSQL caches
 * the plan, so it must not depend on a tenant.
 *
 * SET NULL and SET DEFAULT of columns other than the tenant column are not
 * checked: the rows keep their tenant.
 *
 * These statements are recognized by their form: they compare columns with
 * parameters.  The extension's own statements (noforce.c) do not.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "access/transam.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteHandler.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/plancache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "access_check.h"
#include "catalog.h"
#include "compat.h"
#include "extension_function.h"
#include "foreign_key.h"
#include "guard.h"
#include "key_action.h"
#include "library.h"
#include "plan_walk.h"

/* An action's statement: DELETE FROM table, or UPDATE table SET ..., WHERE $1 = column AND ... */
struct KeyAction
{
	Oid			table;
	CmdType		command;
	bool		cascades;		/* DELETE, or UPDATE that sets columns to parameters */
	int			ncolumns;
	AttrNumber	columns[INDEX_MAX_KEYS];
	List	   *targets;		/* the target list of an UPDATE, copied */
};

/* The foreign keys whose action a statement may be: several keys may have the same columns. */
typedef struct ActingKey
{
	Oid			oid;			/* the only one that does not carry the tenant, or InvalidOid */
	bool		carries_tenant; /* all of them carry the tenant, to guarded tables */
	List	   *parents;		/* OIDs of the referenced tables */
} ActingKey;

/* The context of adding checks to a plan. */
typedef struct Checking
{
	PlannedStmt *plan;
	const KeyAction *action;
	bool		triggered;		/* BEFORE triggers may change the tenant of rows that it stores (kept_tenant.c) */
	bool		key_is_known;	/* "key" is filled in */
	ActingKey	key;
} Checking;

/* ----------------------------------------------------------------
 *		Reading the statement
 * ----------------------------------------------------------------
 */

/* An expression_tree_walker: is there an external parameter? */
static bool
has_parameter(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Param))
		return ((Param *) node)->paramkind == PARAM_EXTERN;
	return expression_tree_walker(node, has_parameter, context);
}

/* The column of "table" that a condition compares with a parameter, or InvalidAttrNumber. */
static AttrNumber
column_compared(Node *condition, Index table)
{
	List	   *vars;
	const Var  *var;

	if (!IsA(condition, OpExpr) || !has_parameter(condition, NULL))
		return 0;
	vars = pull_var_clause(condition, 0);
	var = list_length(vars) == 1 ? linitial(vars) : NULL;
	return var != NULL && IsA(var, Var) && var->varno == table && var->varlevelsup == 0 ? var->varattno : 0;
}

static void
read_columns(KeyAction *action, const Query *query)
{
	List	   *conditions = make_ands_implicit((Expr *) query->jointree->quals);
	ListCell   *lc;

	foreach(lc, conditions)
	{
		AttrNumber	column = column_compared(lfirst(lc), query->resultRelation);

		if (column > 0 && action->ncolumns < INDEX_MAX_KEYS)
			action->columns[action->ncolumns++] = column;
	}
}

/*
 * Reads a query that is about to be planned; returns a palloc'd KeyAction if it
 * is a foreign key's action, else NULL.  Planning scribbles on the query, so the
 * KeyAction holds copies.
 */
KeyAction *
read_key_action(const Query *query)
{
	KeyAction  *action;

	if ((query->commandType != CMD_DELETE && query->commandType != CMD_UPDATE) ||
		!is_foreign_key_statement(query_permission_infos(query)))
		return NULL;
	action = palloc0(sizeof(KeyAction));
	action->table = rt_fetch(query->resultRelation, query->rtable)->relid;
	action->command = query->commandType;
	read_columns(action, query);
	if (action->ncolumns == 0)
		return NULL;
	if (action->command == CMD_UPDATE)
		action->targets = copyObject(query->targetList);
	action->cascades = action->command == CMD_DELETE || has_parameter((Node *) action->targets, NULL);
	return action;
}

/* ----------------------------------------------------------------
 *		Which key it is
 * ----------------------------------------------------------------
 */

/* Are the referencing columns of a key just those that the statement compares? */
static bool
has_columns(const ForeignKeyCacheInfo *key, const KeyAction *action)
{
	if (key->nkeys != action->ncolumns)
		return false;
	for (int i = 0; i < action->ncolumns; i++)
	{
		bool		found = false;

		for (int j = 0; j < key->nkeys; j++)
			found |= key->conkey[j] == action->columns[i];
		if (!found)
			return false;
	}
	return true;
}

static bool
carries_tenant(const ForeignKeyCacheInfo *key)
{
	Guard		child = guard_of(key->conrelid);
	Guard		parent = guard_of(key->confrelid);

	if (child.status != GUARD_WHOLE || parent.status != GUARD_WHOLE)
		return false;
	for (int i = 0; i < key->nkeys; i++)
		if (key->conkey[i] == child.attnum && key->confkey[i] == parent.attnum)
			return true;
	return false;
}

/* Has a key an action that could have this statement? */
static bool
has_action(Oid constraint, const KeyAction *action)
{
	HeapTuple	tuple = SearchSysCache1(CONSTROID, ObjectIdGetDatum(constraint));
	Form_pg_constraint con;
	bool		found;

	if (!HeapTupleIsValid(tuple))
		return false;
	con = (Form_pg_constraint) GETSTRUCT(tuple);
	if (action->command == CMD_DELETE)
		found = con->confdeltype == FKCONSTR_ACTION_CASCADE;
	else if (action->cascades)
		found = con->confupdtype == FKCONSTR_ACTION_CASCADE;
	else
		found = acts_on_child(con->confupdtype) || acts_on_child(con->confdeltype);
	ReleaseSysCache(tuple);
	return found;
}

/* The keys of the table on these columns: a list of copies of ForeignKeyCacheInfo, since the relcache entry may be rebuilt. */
static List *
keys_by_columns(const KeyAction *action)
{
	Relation	table = table_open(action->table, NoLock);
	List	   *keys = NIL;
	ListCell   *lc;

	foreach(lc, RelationGetFKeyList(table))
		if (has_columns(lfirst(lc), action))
			keys = lappend(keys, copyObject(lfirst(lc)));
	table_close(table, NoLock);
	return keys;
}

/*
 * Finds the keys whose action this may be.  Constraints that PostgreSQL derives
 * from a key for each partition of the referenced table count as that key, but
 * each is judged by the guard of the partition that it references.
 */
static ActingKey
find_key(const KeyAction *action)
{
	ActingKey	found = {InvalidOid, true, NIL};
	List	   *names = NIL;
	bool		any = false;
	ListCell   *lc;

	foreach(lc, keys_by_columns(action))
	{
		const ForeignKeyCacheInfo *key = lfirst(lc);

		if (!has_action(key->conoid, action))
			continue;
		any = true;
		found.parents = list_append_unique_oid(found.parents, key->confrelid);
		if (carries_tenant(key))
			continue;
		found.carries_tenant = false;
		names = list_append_unique_oid(names, root_constraint(key->conoid));
	}
	if (!any)
		found.carries_tenant = false;
	if (list_length(names) == 1)
		found.oid = linitial_oid(names);
	return found;
}

/* ----------------------------------------------------------------
 *		The check in the plan
 * ----------------------------------------------------------------
 */

/*
 * A function of ours that checks a row.  Whoever runs the action has no USAGE
 * of its schema, so it is not looked up as a name in a query is.
 */
static Oid
check_function(char *name, int nargs, Oid *types)
{
	Oid			funcid = internal_function(name, nargs, types, EXTENSION_KEY_CHECK);

	if (!OidIsValid(funcid))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FUNCTION),
				 errmsg("function tenant_guard_internal.%s is not the extension's", name),
				 errdetail("Without it the actions of foreign keys cannot be kept to one tenant."),
				 errhint("Drop and create extension \"tenant_guard\".")));
	return funcid;
}

/* check_key_action, with four arguments if the statement changes rows, else with three. */
static Oid
tenant_check_function(bool changes)
{
	Oid			types[] = {OIDOID, OIDOID, ANYOID, ANYOID};

	return check_function("check_key_action", changes ? 4 : 3, types);
}

/* The column of "table" that has the name of column "attnum" of "part", or InvalidAttrNumber. */
static AttrNumber
same_column(Oid table, Oid part, AttrNumber attnum)
{
	char	   *name = attnum > 0 ? get_attname(part, attnum, true) : NULL;

	return table == part ? attnum : name ? get_attnum(table, name) : 0;
}

/* Does the statement set a column that a generated one is computed from? */
static bool
sets_base_of(const KeyAction *action, AttrNumber generated)
{
	Relation	table;
	Node	   *expression;
	Bitmapset  *columns = NULL;
	bool		found = false;
	ListCell   *lc;

	if (get_attgenerated(action->table, generated) == '\0')
		return false;
	table = table_open(action->table, NoLock);
	expression = build_column_default(table, generated);
	pull_varattnos(expression, 1, &columns);
	table_close(table, NoLock);
	foreach(lc, action->targets)
		found |= bms_is_member(lfirst_node(TargetEntry, lc)->resno - FirstLowInvalidHeapAttributeNumber, columns);
	return found;
}

/* A check_function_callback: was the function made by a user? */
static bool
is_users_function(Oid funcid, void *context)
{
	return funcid >= FirstNormalObjectId && extension_function(funcid) != EXTENSION_GETTER;
}

/* An expression_tree_walker: is such a function called? */
static bool
calls_users_function(Node *node, void *context)
{
	if (node == NULL)
		return false;
	return check_functions_in_node(node, is_users_function, context) ||
		expression_tree_walker(node, calls_users_function, context);
}

static Expr *
null_tenant(void)
{
	return (Expr *) makeNullConst(UUIDOID, -1, InvalidOid);
}

/*
 * The expression that the statement assigns to the tenant column, or NULL if it
 * does not change it.  The expression is evaluated twice, for the check and for
 * the row.  If the two results could differ, or the column is generated from one
 * that changes, a null constant is returned, which is no tenant.
 */
static Expr *
new_tenant(const KeyAction *action, AttrNumber attnum)
{
	ListCell   *lc;

	if (action->command != CMD_UPDATE || attnum <= 0)
		return NULL;
	foreach(lc, action->targets)
	{
		const TargetEntry *target = lfirst(lc);

		if (target->resjunk || target->resno != attnum || get_attgenerated(action->table, attnum) != '\0')
			continue;
		if (contain_volatile_functions((Node *) target->expr) || calls_users_function((Node *) target->expr, NULL))
			return null_tenant();
		return expression_planner(copyObject(target->expr));
	}
	return sets_base_of(action, attnum) ? null_tenant() : NULL;
}

static Const *
oid_constant(Oid value)
{
	return makeConst(OIDOID, -1, InvalidOid, sizeof(Oid), ObjectIdGetDatum(value), false, true);
}

/* A Var of the tenant column of a scan's table, or a null constant if the guard does not tell the column. */
static Expr *
tenant_of_row(Index varno, Oid relid, AttrNumber attnum)
{
	Oid			type;
	int32		typmod;
	Oid			collation;

	if (attnum <= 0)
		return null_tenant();
	get_atttypetypmodcoll(relid, attnum, &type, &typmod, &collation);
	return (Expr *) makeVar(varno, attnum, type, typmod, collation, 0);
}

/*
 * A call of check_key_action for the rows of a scan.  "becomes" is the new value
 * of the tenant column, or NULL if it does not change.
 */
static FuncExpr *
make_check(const Checking *checking, Index varno, Oid relid, AttrNumber attnum, Expr *becomes)
{
	const KeyAction *action = checking->action;
	Expr	   *tenant = tenant_of_row(varno, relid, attnum);
	List	   *args = list_make3(oid_constant(action->table), oid_constant(checking->key.oid), tenant);
	FuncExpr   *check;

	if (action->command == CMD_UPDATE)
		args = lappend(args, becomes != NULL ? becomes : copyObject(tenant));
	check = makeFuncExpr(tenant_check_function(action->command == CMD_UPDATE), BOOLOID, args,
						 InvalidOid, exprCollation((Node *) tenant), COERCE_EXPLICIT_CALL);
	return check;
}

/* The guard of a table or, for an unguarded partition, of the nearest guarded ancestor; and its column in this table. */
static Guard
guard_of_part(Oid relid, AttrNumber *attnum)
{
	Guard		guard = guard_of(relid);
	ListCell   *lc;

	*attnum = guard.attnum;
	if (guard.status != GUARD_NONE || !get_rel_relispartition(relid))
		return guard;
	foreach(lc, ancestors_of(relid))
	{
		guard = guard_of(lfirst_oid(lc));
		*attnum = same_column(relid, lfirst_oid(lc), guard.attnum);
		if (guard.status != GUARD_NONE)
			break;
	}
	return guard;
}

/*
 * A call of check_tenant_kept, for the row as it was found or, with "changed",
 * as BEFORE triggers have left it.
 */
static FuncExpr *
make_kept_check(Index varno, Oid relid, AttrNumber attnum, bool changed)
{
	Oid			types[] = {OIDOID, BOOLOID, ANYOID};
	Expr	   *tenant = tenant_of_row(varno, relid, attnum);

	return makeFuncExpr(check_function("check_tenant_kept", 3, types), BOOLOID,
						list_make3(oid_constant(relid), makeBoolConst(changed, false), tenant),
						InvalidOid, exprCollation((Node *) tenant), COERCE_EXPLICIT_CALL);
}

/* Is the tenant column of a partition generated, where that of the whole table is not?  PostgreSQL 15 allows it. */
static bool
part_generates_tenant(const KeyAction *action, Oid relid)
{
	AttrNumber	attnum;

	(void) guard_of_part(relid, &attnum);
	return relid != action->table && attnum > 0 && get_attgenerated(relid, attnum) != '\0';
}

/* Can the tenant of the row that is stored be another: by BEFORE triggers of the statement's table or of a partition, or by one's generated column? */
static bool
stored_tenant_may_differ(const KeyAction *action)
{
	List	   *parts = list_make1_oid(action->table);
	bool		found = false;
	ListCell   *lc;

	if (action->command != CMD_UPDATE)
		return false;
	if (get_rel_relkind(action->table) == RELKIND_PARTITIONED_TABLE)
		parts = find_all_inheritors(action->table, AccessShareLock, NULL);
	foreach(lc, parts)
	{
		Relation	part = table_open(lfirst_oid(lc), NoLock);

		found |= part->trigdesc != NULL &&
			(part->trigdesc->trig_update_before_row || part->trigdesc->trig_insert_before_row);
		table_close(part, NoLock);
		found |= part_generates_tenant(action, lfirst_oid(lc));
	}
	return found;
}

/*
 * Adds a check, as a WITH CHECK OPTION, of the rows that BEFORE triggers have
 * left, for each table that the plan writes to.
 */
static void
check_rows_to_store(Checking *checking)
{
	ModifyTable *modify = (ModifyTable *) checking->plan->planTree;
	List	   *lists = NIL;
	ListCell   *lc;

	if (!checking->triggered || !IsA(modify, ModifyTable) || modify->withCheckOptionLists != NIL)
		return;
	foreach(lc, modify->resultRelations)
	{
		Oid			relid = rt_fetch(lfirst_int(lc), checking->plan->rtable)->relid;
		WithCheckOption *check = makeNode(WithCheckOption);
		AttrNumber	attnum;

		if (guard_of_part(relid, &attnum).status == GUARD_NONE)
			return;
		check->kind = WCO_RLS_UPDATE_CHECK;
		check->relname = get_rel_name(relid);
		check->qual = (Node *) list_make1(make_kept_check(lfirst_int(lc), relid, attnum, true));
		lists = lappend(lists, list_make1(check));
	}
	modify->withCheckOptionLists = lists;
}

/* A PlanVisitor: adds checks to a scan of a guarded table that the plan writes to. */
static void
check_scan(Plan *plan, void *context)
{
	Checking   *checking = context;
	Index		varno = scanned_relation(plan);
	Oid			relid;
	AttrNumber	attnum;
	Expr	   *becomes;

	Assert(varno <= list_length(checking->plan->rtable));
	if (varno == 0 || !plan_writes_to(checking->plan, varno))
		return;
	relid = rt_fetch(varno, checking->plan->rtable)->relid;
	if (guard_of_part(relid, &attnum).status == GUARD_NONE)
		return;
	if (!checking->key_is_known)
		checking->key = find_key(checking->action);
	checking->key_is_known = true;

	becomes = new_tenant(checking->action, same_column(checking->action->table, relid, attnum));
	if (!checking->action->cascades ? becomes != NULL : !checking->key.carries_tenant)
		plan->qual = lappend(plan->qual, make_check(checking, varno, relid, attnum, becomes));
	if (checking->triggered)
		plan->qual = lappend(plan->qual, make_kept_check(varno, relid, attnum, false));
}

/*
 * Adds the checks to a finished plan, allocated in the current memory context.
 * "action" may be NULL.  The plan is made to depend on the referenced tables,
 * whose guards decide whether checks are needed.
 */
void
check_key_action(PlannedStmt *plan, const KeyAction *action)
{
	Checking	checking = {.plan = plan, .action = action};

	if (action == NULL)
		return;
	Assert(action->ncolumns > 0 && OidIsValid(action->table));
	Assert(action->command == CMD_UPDATE || action->targets == NIL);
	checking.triggered = stored_tenant_may_differ(action);
	visit_plan_nodes(plan, check_scan, &checking);
	check_rows_to_store(&checking);
	plan->relationOids = list_concat(plan->relationOids, checking.key.parents);
}

/* Plans that were cached before the library was loaded have no checks. */
void
init_key_actions(void)
{
	ResetPlanCache();
}
