/*-------------------------------------------------------------------------
 *
 * late_plan.c
 *	  Refuses plans that were made before the library was loaded.
 *
 * If a query compares the tenant column with a value, PostgreSQL's planner makes
 * an equivalence class of column, value and current tenant: the scan compares
 * the column with the value, and the value is compared with the tenant once,
 * before the scan (tenant_qual_first.c).  So
 *
 *		WHERE tenant_id = current_setting('my.x')::uuid AND set_config('my.x', ..., true) IS NOT NULL
 *
 * reads another tenant's rows.  Our planner hook prevents that, and a plan that
 * was made without it does not run on a guarded table.
 *
 * If a policy's function loads the library, its query has such a plan.  The
 * function is looked up when the executor starts that plan, at the latest, so
 * that the plan is then run through our ExecutorRun hook.  If another function or
 * LOAD loads the library, such plans are those of open cursors, and of the query
 * that called the function.  Cached plans are dropped (library.c).
 *
 * Only sessions that did not preload the library have such plans.  In these, the
 * plans that are made with our hook get a mark.
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

/* Marks a new plan, in a session that did not preload the library. */
void
mark_plan_as_ours(PlannedStmt *plan)
{
	note_hook_call();
	if (library_came_late())
		mark_plan(plan, MARK_OURS);
}

/* Returns the first guarded table of a plan, or InvalidOid. */
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
 * Raises an error if a plan that is about to run has guarded tables and was made
 * without the library.  Calls check_access before that, since the plan may have
 * been started without our hooks.
 */
void
check_planned_with_library(const PlannedStmt *plan)
{
	Oid			relid;

	note_hook_call();
	if (!library_came_late() || setting_late_loading == LATE_IS_ALLOWED || plan_is_marked(plan, MARK_OURS))
		return;
	relid = guarded_table(plan);
	if (!OidIsValid(relid))
		return;
	(void) check_access(plan_permission_infos(plan), true);
	if (bypass_reason(InvalidOid) == NULL)
		raise_refusal(planned_without_library(relid, how_to_preload()));
}
