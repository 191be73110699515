/*-------------------------------------------------------------------------
 *
 * skewed_plan.c
 *	  Plans that were made for a skewed tenant.
 *
 * A tenant is skewed in a table if it has many more rows there than the average
 * tenant, or many fewer.  The planner scans a table sequentially for a tenant who
 * has half of it; cached and executed for a tenant with fifty rows, that plan
 * takes a thousand times too long.  For a new tenant, who has no rows, it nests
 * loops that are not parameterized, which take too long for ten thousand rows in
 * each table.  (PostgreSQL plans a generic "tenant_id = $1" for the average tenant.)
 *
 * So two kinds of plans are marked as good for their tenant only (tenant_plan.c):
 * those for a tenant with more rows than the average, if the plan is expensive
 * enough for replanning not to matter; and those for a tenant with fewer rows, if
 * they contain a nested loop whose inner side is not parameterized.
 * All others stay in the cache: once a statement has been planned for an ordinary
 * tenant, it is not planned again.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "nodes/parsenodes.h"
#include "optimizer/optimizer.h"

#include "compat.h"
#include "current_tenant.h"
#include "guard.h"
#include "plan_walk.h"
#include "skewed_plan.h"
#include "tenant_plan.h"
#include "tenant_share.h"

/* A plan is expensive if a node of it costs this many times what planning costs. */
#define EXPENSIVE		100.0

/* A tenant is skewed if it has this many times as many rows as the average, or this many times fewer. */
#define SKEWED			2.0

/* Returns the relative_share() of a tenant in a table of a plan; 1 if it is not guarded. */
static double
share_in_table(const RangeTblEntry *rte, const TenantValue *tenant)
{
	Guard		guard = guard_of(rte->relid);
	ShareKey	key = {rte->relid, guard.attnum, rte->inh};

	return guard.status == GUARD_WHOLE ? relative_share(&key, tenant) : 1.0;
}

/* What the nodes of a plan have in common */
typedef struct PlanSummary
{
	Cost		highest_cost;	/* of a node */
	bool		loops;			/* there is a nested loop whose inner side is not parameterized */
} PlanSummary;

/* A PlanVisitor.  LIMIT makes nodes above it cheaper than those below, so the cost of each node counts. */
static void
summarize_node(Plan *plan, void *context)
{
	PlanSummary *summary = context;

	summary->highest_cost = Max(summary->highest_cost, plan->total_cost);
	summary->loops |= IsA(plan, NestLoop) && ((NestLoop *) plan)->nestParams == NIL;
}

/* The cost of planning, as cached_plan_cost() in plancache.c estimates it. */
static Cost
cost_of_planning(const PlannedStmt *plan)
{
	return 1000.0 * cpu_operator_cost * (list_length(plan->rtable) + 1);
}

/* Marks a plan that was just made as good for the transaction's tenant only, if that is skewed and it matters. */
void
mark_skewed_plan(PlannedStmt *plan)
{
	const TenantValue *tenant = sealed_tenant();
	PlanSummary summary = {0};
	bool		expensive;
	char		buf[TENANT_CANONICAL_SIZE];
	ListCell   *lc;

	if (tenant == NULL || plan->commandType == CMD_UTILITY)
		return;
	visit_plan_nodes(plan, summarize_node, &summary);
	expensive = summary.highest_cost > EXPENSIVE * cost_of_planning(plan);
	if (!expensive && !summary.loops)
		return;
	foreach(lc, plan->rtable)
	{
		const RangeTblEntry *rte = lfirst(lc);
		double		share = rte->rtekind == RTE_RELATION ? share_in_table(rte, tenant) : 1.0;

		if ((expensive && share > SKEWED) || (summary.loops && share < 1.0 / SKEWED))
		{
			mark_plan_of_tenant(plan, tenant_canonical(tenant, buf));
			return;
		}
	}
}
