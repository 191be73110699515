/*-------------------------------------------------------------------------
 *
 * skewed_plan.c
 *	  Plans of a tenant who has many more rows than others, or hardly any.
 *
 * A tenant with half of a table reads it from end to end; kept and executed for
 * one with fifty rows, that plan takes a thousand times too long.  A new tenant
 * has no rows, and for none a loop over a loop is good; for ten thousand in each
 * it is no plan.  PostgreSQL itself plans "tenant_id = $1" for an average
 * tenant, once it plans without the value.
 *
 * So two kinds of plans are marked (tenant_plan.c): those of a tenant whose
 * share of a table is larger than the average, if a part of the plan is dear
 * enough for planning again not to matter; and those of one whose share is
 * smaller, if they loop over what no join condition limits.  All others are
 * kept: once an ordinary tenant has come by, a statement is planned no more.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "nodes/parsenodes.h"
#include "optimizer/optimizer.h"

#include "current_tenant.h"
#include "guard.h"
#include "plan_walk.h"
#include "skewed_plan.h"
#include "tenant_plan.h"
#include "tenant_shares.h"
#include "tenant_type.h"

/* A plan is dear if a part of it costs this many times what planning it does. */
#define DEAR			100.0

/* A share is unlike the average if it is so many times larger, or smaller. */
#define UNLIKE			2.0

/* How many times the average the tenant's share of a table is. */
static double
relative_size(const RangeTblEntry *rte, const TenantValue *tenant)
{
	Guard		guard = guard_of(rte->relid);

	return guard.status == GUARD_WHOLE ? relative_share(rte->relid, rte->inh, guard.attnum, tenant) : 1.0;
}

/* What a plan is made of. */
typedef struct Parts
{
	Cost		dearest;
	bool		loops;			/* over what no join condition limits */
} Parts;

/* A PlanVisitor.  LIMIT and the like make what is below them look cheap, so each node counts. */
static void
look_at_node(Plan *plan, void *context)
{
	Parts	   *parts = context;

	parts->dearest = Max(parts->dearest, plan->total_cost);
	parts->loops |= IsA(plan, NestLoop) && ((NestLoop *) plan)->nestParams == NIL;
}

/* What the plan cache takes planning for: cached_plan_cost in plancache.c. */
static Cost
cost_of_planning(const PlannedStmt *plan)
{
	return 1000.0 * cpu_operator_cost * (list_length(plan->rtable) + 1);
}

/* For a plan that was just made in a transaction of some tenant. */
void
mark_skewed_plan(PlannedStmt *plan)
{
	const TenantValue *tenant = sealed_tenant();
	Parts		parts = {0};
	bool		dear;
	char		buf[TENANT_CANONICAL_SIZE];
	ListCell   *lc;

	if (tenant == NULL || plan->commandType == CMD_UTILITY)
		return;
	visit_plan_nodes(plan, look_at_node, &parts);
	dear = parts.dearest > DEAR * cost_of_planning(plan);
	if (!dear && !parts.loops)
		return;
	foreach(lc, plan->rtable)
	{
		const RangeTblEntry *rte = lfirst(lc);
		double		size = rte->rtekind == RTE_RELATION ? relative_size(rte, tenant) : 1.0;

		if ((dear && size > UNLIKE) || (parts.loops && size < 1.0 / UNLIKE))
		{
			keep_plan_for(tenant_canonical(tenant, buf), plan);
			return;
		}
	}
}
