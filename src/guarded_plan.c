/*-------------------------------------------------------------------------
 *
 * guarded_plan.c
 *	  Plans with guarded tables: the tenant's qual before all filters.
 *
 * PostgreSQL's security barrier keeps back functions that are not LEAKPROOF
 * only if they are given a column of the row (contain_leaked_vars in clauses.c).
 * Others are ordered by cost with the policies' quals, and who writes a function
 * says what it costs:
 *
 *		WHERE CASE WHEN body = 'a secret' THEN talk() END
 *
 * calls talk() for another tenant's row, if talk() is declared to cost less than
 * comparing tenants does.  A sub-select that is evaluated once costs nothing.
 *
 * So in a finished plan, wherever the barrier stays, the tenant's qual is put
 * before the other filters of its scan; the executor evaluates them in this
 * order.  Tables that a function in SQL brings along are among them, which the
 * planner inlines after it has asked us (inline_set_returning_function).
 *
 * Conditions of an index come before filters all the same, and are evaluated
 * once more where an index is lossy: a function in one is called as often as
 * there are such rows.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parsetree.h"

#include "guard.h"
#include "guarded_plan.h"
#include "plan_walk.h"
#include "trusted_filters.h"

/* The table's column that stands in a scan's filter, or NULL for anything else. */
static const Var *
column_of(const Plan *scan, Node *node)
{
	const Var  *var = (const Var *) strip_relabel(node);

	if (var == NULL || !IsA(var, Var))
		return NULL;
	if (var->varno == INDEX_VAR && IsA(scan, IndexOnlyScan))
	{
		List	   *columns = ((const IndexOnlyScan *) scan)->indextlist;

		if (var->varattno <= 0 || var->varattno > list_length(columns))
			return NULL;
		var = (const Var *) list_nth_node(TargetEntry, columns, var->varattno - 1)->expr;
	}
	return IsA(var, Var) ? var : NULL;
}

/* Are these the tenant column and what is no column? */
static bool
are_tenant_and_value(Node *column, Node *value, const Plan *scan, AttrNumber attnum)
{
	const Var  *var = column_of(scan, column);

	return var != NULL && var->varattno == attnum && !contain_var_clause(value);
}

/*
 * Does a filter compare them?  Where the query does so too, the planner compares
 * the column with the query's value and that value with the tenant, once.
 */
static bool
is_tenants(Node *filter, const Plan *scan, AttrNumber attnum)
{
	const OpExpr *op = (const OpExpr *) filter;

	if (!IsA(op, OpExpr) || list_length(op->args) != 2 || !is_tenant_equality(op->opno))
		return false;
	return are_tenant_and_value(linitial(op->args), lsecond(op->args), scan, attnum) ||
		are_tenant_and_value(lsecond(op->args), linitial(op->args), scan, attnum);
}

static bool
scans_table(const Plan *plan)
{
	switch (nodeTag(plan))
	{
		case T_SeqScan:
		case T_SampleScan:
		case T_IndexScan:
		case T_IndexOnlyScan:
		case T_BitmapHeapScan:
		case T_TidScan:
		case T_TidRangeScan:
			return true;
		case T_CustomScan:
			return ((const Scan *) plan)->scanrelid > 0;
		default:
			return false;
	}
}

/* A PlanVisitor. */
static void
order_filters(Plan *plan, void *context)
{
	const List *range_table = context;
	const RangeTblEntry *rte;
	Guard		guard;
	List	   *first = NIL;
	List	   *others = NIL;
	ListCell   *lc;

	if (list_length(plan->qual) < 2 || !scans_table(plan))
		return;
	rte = rt_fetch(((Scan *) plan)->scanrelid, range_table);
	if (filters_are_trusted(rte))
		return;
	guard = guard_of(rte->relid);
	if (guard.status != GUARD_WHOLE)
		return;
	foreach(lc, plan->qual)
	{
		Node	   *filter = lfirst(lc);

		if (is_tenants(filter, plan, guard.attnum))
			first = lappend(first, filter);
		else
			others = lappend(others, filter);
	}
	plan->qual = list_concat(first, others);
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

/*
 * For a plan that was just made; "row_security" says whether the query had
 * policies' quals.  A plan with guarded tables is known by dependsOnRole, which
 * PostgreSQL sets for what it has inlined, and the plan cache adds for the rest.
 */
void
put_tenant_first(PlannedStmt *plan, bool row_security)
{
	if (!row_security && !plan->dependsOnRole)
		return;
	if (!has_guarded_table(plan))
		return;
	plan->dependsOnRole = true;
	visit_plan_nodes(plan, order_filters, plan->rtable);
}
