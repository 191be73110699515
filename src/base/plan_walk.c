/*-------------------------------------------------------------------------
 *
 * plan_walk.c
 *	  Visits every node of a finished plan.
 *
 * PostgreSQL has a walker for PlanState trees (planstate_tree_walker in
 * nodeFuncs.c), but none for Plan trees.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"

#include "plan_walk.h"

static void visit_node(Plan *plan, PlanVisitor visit, void *context);

static void
visit_nodes(const List *plans, PlanVisitor visit, void *context)
{
	ListCell   *lc;

	foreach(lc, plans)
		visit_node(lfirst(lc), visit, context);
}

static void
visit_node(Plan *plan, PlanVisitor visit, void *context)
{
	if (plan == NULL)
		return;
	check_stack_depth();
	visit(plan, context);
	switch (nodeTag(plan))
	{
		case T_Append:
			visit_nodes(((Append *) plan)->appendplans, visit, context);
			break;
		case T_MergeAppend:
			visit_nodes(((MergeAppend *) plan)->mergeplans, visit, context);
			break;
		case T_BitmapAnd:
			visit_nodes(((BitmapAnd *) plan)->bitmapplans, visit, context);
			break;
		case T_BitmapOr:
			visit_nodes(((BitmapOr *) plan)->bitmapplans, visit, context);
			break;
		case T_SubqueryScan:
			visit_node(((SubqueryScan *) plan)->subplan, visit, context);
			break;
		case T_CustomScan:
			visit_nodes(((CustomScan *) plan)->custom_plans, visit, context);
			break;
		default:
			break;
	}
	visit_node(plan->lefttree, visit, context);
	visit_node(plan->righttree, visit, context);
}

/* Visits every node of the plan and of each subplan once. */
void
visit_plan_nodes(const PlannedStmt *plan, PlanVisitor visit, void *context)
{
	visit_node(plan->planTree, visit, context);
	visit_nodes(plan->subplans, visit, context);
}

/* Returns the range-table index of the table that a node scans, or 0 if it scans none. */
Index
scanned_relation(const Plan *plan)
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
		case T_ForeignScan:
		case T_CustomScan:
			return ((const Scan *) plan)->scanrelid;
		default:
			return 0;
	}
}
