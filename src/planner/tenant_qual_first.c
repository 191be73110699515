/*-------------------------------------------------------------------------
 *
 * tenant_qual_first.c
 *	  Evaluates the tenant's qual of each scan before its other filters.
 *
 * PostgreSQL's security barrier delays a function that is not LEAKPROOF only if
 * a column of the row is among its arguments (contain_leaked_vars in clauses.c).
 * Other functions are ordered by cost together with the policies' quals, and the
 * author of a function declares its cost:
 *
 *		WHERE CASE WHEN body = 'a secret' THEN talk() END
 *
 * calls talk() for another tenant's row if talk() is declared to cost less than
 * the comparison of tenants.  A sub-select that is evaluated once costs nothing.
 *
 * So in a finished plan, wherever the barrier stays, the tenant's qual is moved
 * before the other filters of its scan.  The executor evaluates filters in the
 * order of the list.
 *
 * Where filters are trusted, it is moved if one of them reads values that may be
 * long.  (The planner puts it behind filters that cost the same, since it has gone
 * through an equivalence class.)  Otherwise another tenant's long values would take
 * time, or exceed the limit of an allocation, which is an error that depends on the
 * row.  Other trusted filters stay in the planner's order.
 *
 * If the query itself compares the tenant column with a value, the planner
 * replaces the tenant's qual of the scan by that comparison, and compares the
 * value with the tenant once, when the scan starts (equivclass.c).  A value that
 * is declared STABLE but is not, or that reads a setting, may be another for the
 * next row:
 *
 *		WHERE tenant_id = current_setting('app.tenant')::uuid
 *
 * So the tenant's qual is added to each scan that does not compare the tenant
 * column with the tenant, a constant or a parameter.
 *
 * This includes tables of SQL functions in FROM, which the planner inlines after
 * the planner hook has seen the query (inline_set_returning_function).
 *
 * Index conditions are evaluated before filters nevertheless, and once more if the
 * index is lossy: a function in one is called for each row that is rechecked.  Not
 * so in the heap scan of a bitmap: the tenant's qual is rechecked first.
 *
 * The conflicting row of ON CONFLICT comes from no scan (conflict_filter.c).
 * MERGE fetches the new version of a row that another transaction has updated,
 * from 17 on even if that version fails the scan's filters: the row is then NOT
 * MATCHED BY SOURCE.  So the tenant's qual is also added before the conditions of
 * MERGE's actions.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "nodes/extensible.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parsetree.h"
#include "rewrite/rowsecurity.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/rls.h"

#include "call_condition.h"
#include "catalog.h"
#include "compat.h"
#include "conflict_filter.h"
#include "guard.h"
#include "guard_policy.h"
#include "plan_refusals.h"
#include "plan_walk.h"
#include "security_barrier.h"
#include "tenant_qual_first.h"
#include "tenant_type.h"

/* Returns the columns to which a scan's Vars with INDEX_VAR refer; NIL if its Vars refer to the table itself. */
static List *
columns_of_scan(const Plan *scan)
{
	if (IsA(scan, IndexOnlyScan))
		return ((const IndexOnlyScan *) scan)->indextlist;
	if (IsA(scan, CustomScan))
		return ((const CustomScan *) scan)->custom_scan_tlist;
	return NIL;
}

/*
 * If a node in a scan's filter is a column of the scanned table, below any
 * RelabelTypes, returns its Var; otherwise NULL.
 */
static const Var *
column_of(const Plan *scan, Node *node)
{
	const Var  *var = (const Var *) strip_relabel(node);
	List	   *columns = columns_of_scan(scan);

	if (var == NULL || !IsA(var, Var))
		return NULL;
	if (var->varno == INDEX_VAR && columns != NIL)
	{
		if (var->varattno <= 0 || var->varattno > list_length(columns))
			return NULL;
		var = (const Var *) list_nth_node(TargetEntry, columns, var->varattno - 1)->expr;
	}
	return IsA(var, Var) ? var : NULL;
}

/*
 * Is this a value that cannot change during a scan: the tenant, a constant or a
 * parameter?
 */
static bool
is_constant_during_scan(Node *value)
{
	value = strip_relabel(value);
	return value != NULL &&
		(IsA(value, Const) || IsA(value, Param) || is_getter(value));
}

/* Are these the tenant column and a value that cannot change during the scan? */
static bool
are_tenant_and_value(Node *column, Node *value, const Plan *scan, AttrNumber attnum)
{
	const Var  *var = column_of(scan, column);

	return var != NULL && var->varattno == attnum && is_constant_during_scan(value);
}

/* Is a filter of a scan a comparison of the tenant column with the tenant, or one that the planner has replaced that by? */
static bool
is_tenant_comparison(Node *filter, const Plan *scan, AttrNumber attnum)
{
	const OpExpr *op = (const OpExpr *) filter;

	if (!IsA(op, OpExpr) || list_length(op->args) != 2 || !is_tenant_equality(op->opno))
		return false;
	return are_tenant_and_value(linitial(op->args), lsecond(op->args), scan, attnum) ||
		are_tenant_and_value(lsecond(op->args), linitial(op->args), scan, attnum);
}

/* Is it one with the tenant itself, as the policy has it? */
static bool
is_policy_comparison(Node *filter, const Plan *scan, AttrNumber attnum)
{
	return is_tenant_comparison(filter, scan, attnum) && is_getter(lsecond(((const OpExpr *) filter)->args));
}

/* Is a filter of a scan the qual for reading a table with rows of everyone, as the policy has it? */
static bool
is_shared_filter(Node *filter, const Plan *scan, AttrNumber attnum)
{
	const BoolExpr *either = (const BoolExpr *) filter;
	const NullTest *test;
	const Var  *var;

	if (!IsA(filter, BoolExpr) || either->boolop != OR_EXPR || list_length(either->args) != 2)
		return false;
	test = lsecond(either->args);
	if (!IsA(test, NullTest) || test->nulltesttype != IS_NULL)
		return false;
	var = column_of(scan, (Node *) test->arg);
	return var != NULL && var->varattno == attnum && is_policy_comparison(linitial(either->args), scan, attnum);
}

/*
 * Is a filter of a scan the tenant's qual, or a comparison of the tenant column that
 * the planner has replaced it by?  With "shared", the table has rows of everyone: its
 * qual for reading has an OR, which the planner does not replace.
 */
static bool
is_tenant_filter(Node *filter, const Plan *scan, AttrNumber attnum, bool shared)
{
	if (!shared)
		return is_tenant_comparison(filter, scan, attnum);
	return is_shared_filter(filter, scan, attnum) || is_policy_comparison(filter, scan, attnum);
}

/* Is one of these a tenant filter?  The list may contain lists, as custom_exprs may. */
static bool
has_tenant_filter(const List *filters, const Plan *scan, AttrNumber attnum, bool shared)
{
	ListCell   *lc;

	foreach(lc, filters)
	{
		Node	   *filter = lfirst(lc);

		if (filter != NULL && IsA(filter, List) ? has_tenant_filter((List *) filter, scan, attnum, shared) :
			filter != NULL && is_tenant_filter(filter, scan, attnum, shared))
			return true;
	}
	return false;
}

/* Returns the index conditions of a scan in the form that filters have. */
static const List *
index_conditions(const Plan *scan)
{
	switch (nodeTag(scan))
	{
		case T_IndexScan:
			return ((const IndexScan *) scan)->indexqualorig;
		case T_IndexOnlyScan:
			return ((const IndexOnlyScan *) scan)->indexqual;
		case T_BitmapHeapScan:
			return ((const BitmapHeapScan *) scan)->bitmapqualorig;
		default:
			return NIL;
	}
}

/*
 * Returns a copy of the tenant's qual for reading a guarded table, from its policy, in
 * which the table is range-table entry 1; NULL if the policy does not exist.  The query
 * has locked the table, for itself or for a partition or child.
 */
static Node *
policy_qual(Oid relid)
{
	Relation	relation = table_open(relid, NoLock);
	Node	   *qual = NULL;
	ListCell   *lc;

	if (relation->rd_rsdesc != NULL)
		foreach(lc, relation->rd_rsdesc->policies)
		{
			const RowSecurityPolicy *policy = lfirst(lc);

			if (strcmp(policy->policy_name, ISOLATION_POLICY) == 0 &&
				(tenant_qual_column((Node *) policy->qual, 1) > 0 || shared_qual_column((Node *) policy->qual, 1) > 0))
				qual = copyObject((Node *) policy->qual);
		}
	table_close(relation, NoLock);
	if (qual != NULL)
		fix_opfuncids(qual);
	return qual;
}

/* Changes a Var of the tenant column into one that the scan can evaluate; false if the scan does not have the column. */
static bool
refer_to_scan(Var *var, const Plan *scan)
{
	List	   *columns = columns_of_scan(scan);
	ListCell   *lc;

	var->varno = ((const Scan *) scan)->scanrelid;
	if (columns == NIL)
		return true;
	foreach(lc, columns)
	{
		const TargetEntry *column = lfirst(lc);

		if (IsA(column->expr, Var) && ((const Var *) column->expr)->varattno == var->varattno)
		{
			var->varno = INDEX_VAR;
			var->varattno = column->resno;
			return true;
		}
	}
	return false;
}

/*
 * Adds the tenant's qual to a scan, before its other filters.  "guarded" is the
 * table's guarded_ancestor(), "attnum" the tenant column of the scanned table.
 * Returns false, and adds nothing, if the scan does not have the column.
 */
static bool
add_tenant_filter(Plan *scan, Oid guarded, AttrNumber attnum)
{
	Node	   *qual = policy_qual(guarded);
	ListCell   *lc;

	if (qual == NULL)
		return false;
	foreach(lc, pull_var_clause(qual, 0))
	{
		lfirst_node(Var, lc)->varattno = attnum;
		if (!refer_to_scan(lfirst(lc), scan))
			return false;
	}
	scan->qual = lcons(qual, scan->qual);
	return true;
}

/*
 * Adds the tenant's qual to a scan that has no tenant filter.  An index-only scan
 * may lack the tenant column: that is only in the predicate of the index then, where
 * it is compared with a constant.
 *
 * An extension's custom scan may evaluate filters by itself, and not those of the
 * plan.  If it has some in the plan, it evaluates those; if it scans nothing itself,
 * the scans below it have the tenant's qual; and what it has in custom_exprs can be
 * read.  Otherwise an error is raised.
 */
static void
supply_tenant_filter(Plan *scan, Oid guarded, AttrNumber attnum, Oid relid)
{
	const CustomScan *custom = IsA(scan, CustomScan) ? (const CustomScan *) scan : NULL;
	bool		evaluates_filters = scan->qual != NIL;
	bool		added = add_tenant_filter(scan, guarded, attnum);

	if (custom == NULL || (added && evaluates_filters) || custom->custom_plans != NIL ||
		has_tenant_filter(custom->custom_exprs, scan, attnum, has_rows_of_everyone(guarded)))
		return;
	raise_refusal(custom_scan_is_opaque(custom->methods->CustomName, relid));
}

/* Does one of the filters of a scan, which are trusted, read long values? */
static bool
filters_read_long_values(const Plan *scan)
{
	ListCell   *lc;

	foreach(lc, scan->qual)
		if (reads_long_values(lfirst(lc)))
			return true;
	return false;
}

/* Moves the tenant's qual of a scan before its other filters. */
static void
order_filters(Plan *scan, AttrNumber attnum, bool shared)
{
	List	   *first = NIL;
	List	   *others = NIL;
	ListCell   *lc;

	foreach(lc, scan->qual)
	{
		Node	   *filter = lfirst(lc);

		if (is_tenant_filter(filter, scan, attnum, shared))
			first = lappend(first, filter);
		else
			others = lappend(others, filter);
	}
	scan->qual = list_concat(first, others);
}

/* Returns the first tenant filter of a scan that the executor evaluates for each row, or NULL. */
static Node *
first_tenant_filter(const Plan *scan, AttrNumber attnum, bool shared)
{
	ListCell   *lc;

	foreach(lc, scan->qual)
		if (is_tenant_filter(lfirst(lc), scan, attnum, shared))
			return lfirst(lc);
	return NULL;
}

/*
 * Puts the tenant's qual before the conditions of a bitmap's indexes, where none of
 * these compares the tenant.  They are evaluated for rows of which the bitmap says
 * that they may match: of pages with many of them, or of a lossy index.
 */
static void
put_tenant_before_recheck(BitmapHeapScan *scan, AttrNumber attnum, bool shared)
{
	Plan	   *plan = &scan->scan.plan;
	Node	   *filter = first_tenant_filter(plan, attnum, shared);

	if (filter != NULL && !has_tenant_filter(scan->bitmapqualorig, plan, attnum, shared))
		scan->bitmapqualorig = lcons(copyObject(filter), scan->bitmapqualorig);
}

/*
 * Returns the range-table index of the table that the planner has expanded to this
 * partition or child, or 0.  (A query in FROM is no table.)
 */
static Index
expanded_from(const PlannedStmt *plan, Index rti)
{
	ListCell   *lc;

	foreach(lc, plan->appendRelations)
	{
		const AppendRelInfo *child = lfirst(lc);

		if (child->child_relid == rti && rt_fetch(child->parent_relid, plan->rtable)->rtekind == RTE_RELATION)
			return child->parent_relid;
	}
	return 0;
}

/*
 * Returns the table itself if it is guarded.  A partition or child may have no
 * guard of its own: if the planner has added it to a query on its parent, returns
 * that of the parent.  Otherwise returns InvalidOid.
 */
static Oid
guarded_ancestor(const PlannedStmt *plan, Index rti)
{
	Oid			relid = rt_fetch(rti, plan->rtable)->relid;
	Index		parent;

	if (guard_of(relid).status == GUARD_WHOLE)
		return relid;
	parent = expanded_from(plan, rti);
	return parent == 0 ? InvalidOid : guarded_ancestor(plan, parent);
}

/* Does row-level security apply to this table of the plan, or to the one that the planner has expanded to it? */
static bool
row_security_applies(const PlannedStmt *plan, Index rti)
{
	const RangeTblEntry *rte = rt_fetch(rti, plan->rtable);
	Index		parent;

	if (has_filter_note(rte) || check_enable_rls(rte->relid, check_as_user(plan, rti), true) == RLS_ENABLED)
		return true;
	parent = expanded_from(plan, rti);
	return parent != 0 && row_security_applies(plan, parent);
}

/*
 * Returns the attribute number in a partition or child of a column of an ancestor;
 * both may be the same table.  InvalidAttrNumber if it does not exist.
 */
static AttrNumber
column_of_child(Oid child, Oid ancestor, AttrNumber attnum)
{
	Assert(attnum > 0);
	return child == ancestor ? attnum : get_attnum(child, get_attname(ancestor, attnum, false));
}

/* Adds the tenant's qual to the conditions of MERGE's actions on one table of the plan. */
static void
put_tenant_before_actions(const List *actions, const PlannedStmt *plan, Index rti)
{
	const RangeTblEntry *rte = rt_fetch(rti, plan->rtable);
	Oid			guarded = guarded_ancestor(plan, rti);
	Node	   *qual;
	ListCell   *lc;

	if (!OidIsValid(guarded) || !row_security_applies(plan, rti) || (qual = policy_qual(guarded)) == NULL)
		return;
	foreach(lc, pull_var_clause(qual, 0))
	{
		lfirst_node(Var, lc)->varno = rti;
		lfirst_node(Var, lc)->varattno = column_of_child(rte->relid, guarded, guard_of(guarded).attnum);
	}
	foreach(lc, actions)
	{
		MergeAction *action = lfirst_node(MergeAction, lc);

		if (action_has_old_row(action) && action->qual != NULL)
			action->qual = (Node *) lcons(copyObject(qual), (List *) action->qual);
	}
}

static void
put_tenant_before_merge(const ModifyTable *merge, const PlannedStmt *plan)
{
	ListCell   *actions;
	ListCell   *rti;

	Assert(merge->mergeActionLists == NIL ||
		   list_length(merge->mergeActionLists) == list_length(merge->resultRelations));
	forboth(actions, merge->mergeActionLists, rti, merge->resultRelations)
		put_tenant_before_actions(lfirst(actions), plan, lfirst_int(rti));
}

/* A PlanVisitor: puts the tenant's qual first in one node of a plan. */
static void
put_first_in_node(Plan *scan, void *context)
{
	const PlannedStmt *plan = context;
	const RangeTblEntry *rte;
	Oid			guarded;
	AttrNumber	attnum;
	bool		shared;

	if (IsA(scan, ModifyTable))
	{
		put_tenant_before_conflict((ModifyTable *) scan);
		put_tenant_before_merge((ModifyTable *) scan, plan);
	}
	/* the foreign-data wrapper decides where the filters of a foreign scan are evaluated */
	if (scanned_relation(scan) == 0 || IsA(scan, ForeignScan))
		return;
	rte = rt_fetch(((Scan *) scan)->scanrelid, plan->rtable);
	guarded = guarded_ancestor(plan, ((Scan *) scan)->scanrelid);
	if (!OidIsValid(guarded))
		return;
	attnum = column_of_child(rte->relid, guarded, guard_of(guarded).attnum);
	shared = has_rows_of_everyone(guarded);
	if (!has_tenant_filter(scan->qual, scan, attnum, shared) &&
		!has_tenant_filter(index_conditions(scan), scan, attnum, shared) && row_security_applies(plan, ((Scan *) scan)->scanrelid))
		supply_tenant_filter(scan, guarded, attnum, rte->relid);
	else if (list_length(scan->qual) > 1 && (!filters_are_trusted(rte) || filters_read_long_values(scan)))
		order_filters(scan, attnum, shared);
	if (IsA(scan, BitmapHeapScan))
		put_tenant_before_recheck((BitmapHeapScan *) scan, attnum, shared);
}

static bool
has_guarded_table(const PlannedStmt *plan)
{
	ListCell   *lc;

	foreach(lc, plan->rtable)
	{
		const RangeTblEntry *rte = lfirst(lc);

		if (rte->rtekind == RTE_RELATION && guard_of(rte->relid).status == GUARD_WHOLE)
			return true;
	}
	return false;
}

static bool
mark_row_security_walker(Node *node, void *found)
{
	if (node == NULL)
		return false;
	if (IsA(node, Query))
	{
		Query	   *query = (Query *) node;
		bool		below = false;

		(void) query_tree_walker(query, mark_row_security_walker, &below, 0);
		query->hasRowSecurity |= below;
		*(bool *) found |= query->hasRowSecurity;
		return false;
	}
	return expression_tree_walker(node, mark_row_security_walker, found);
}

/*
 * Sets hasRowSecurity of a query that is about to be planned, and of its
 * subqueries, where row-level security applies to a subquery or CTE.  Does nothing
 * on servers that do so themselves.
 */
void
mark_row_security_of_subqueries(Query *query)
{
	bool		found = false;

	if (!row_security_of_subqueries_is_known())
		(void) mark_row_security_walker((Node *) query, &found);
}

/*
 * Puts the tenant's qual first in all nodes of a plan that was just made.
 * "row_security" is the query's hasRowSecurity; if it is false, the plan can still
 * contain a query with row-level security, of a function that the planner has
 * inlined, and then has dependsOnRole.  Sets dependsOnRole for every plan with a
 * guarded table to which row-level security may apply, so that the plan is not
 * reused for another role.
 */
void
put_tenant_first(PlannedStmt *plan, bool row_security)
{
	if (!row_security && !plan->dependsOnRole)
		return;
	if (!has_guarded_table(plan))
		return;
	plan->dependsOnRole = true;
	visit_plan_nodes(plan, put_first_in_node, plan);
}
