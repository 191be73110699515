/*-------------------------------------------------------------------------
 *
 * late_plan.c
 *	  Plans that were made before the library was loaded.
 *
 * Where a query compares the tenant column itself, PostgreSQL's planner
 * compares rows with the query's value and that value with the tenant once,
 * before the scan (tenant_qual_first.c):
 *
 *		WHERE tenant_id = current_setting('my.x')::uuid AND set_config('my.x', ..., true) IS NOT NULL
 *
 * reads another tenant's rows.  So a plan that we had no part in does not run
 * on a guarded table.  Where a policy's function is what loads the library, its
 * query has such a plan: it is looked up at the latest when the executor starts
 * that plan, and runs it through our hook.  Others are of a session that loaded
 * the library by a function of ours or by LOAD: a cursor that was open, a
 * query that does both.  Plans that the session keeps are dropped (library.c).
 *
 * Only sessions that did not preload the library have such plans, and marks on
 * the others.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access_check.h"
#include "bypass.h"
#include "catalog.h"
#include "compat.h"
#include "guard.h"
#include "late_plan.h"
#include "library.h"
#include "plan_mark.h"
#include "preloading.h"
#include "tenant_refusals.h"

/* For a plan that was just made. */
void
mark_plan_as_ours(PlannedStmt *plan)
{
	library_is_at_work();
	if (library_came_late())
		mark_plan(plan, MARK_OURS);
}

/* The first table of a plan that is guarded, or InvalidOid. */
static Oid
guarded_table(const PlannedStmt *plan)
{
	ListCell   *lc;

	foreach(lc, plan->rtable)
	{
		const RangeTblEntry *rte = lfirst(lc);

		if (rte->rtekind == RTE_RELATION && guard_of(rte->relid).status != GUARD_NONE)
			return rte->relid;
	}
	return InvalidOid;
}

/*
 * For a plan that is about to run.  What check_access says of it comes first: its
 * tables may not have been checked when it was started.
 */
void
check_planned_with_library(const PlannedStmt *plan)
{
	Oid			relid;

	library_is_at_work();
	if (!library_came_late() || setting_late_loading == LATE_IS_ALLOWED || plan_is_marked(plan, MARK_OURS))
		return;
	relid = guarded_table(plan);
	if (!OidIsValid(relid))
		return;
	(void) check_access(plan_permission_infos(plan), true);
	if (bypass_reason(InvalidOid) == NULL)
		raise_refusal(planned_without_library(relation_name(relid), how_to_preload()));
}
