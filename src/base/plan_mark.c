/*-------------------------------------------------------------------------
 *
 * plan_mark.c
 *	  Marks on plans, and the plan cache told to drop those that carry one.
 *
 * A mark is an item of the plan's invalidation list that stands for no type:
 * copies of the plan keep it, and it is what the plan cache looks for when it is
 * told that a type has changed (plancache.c, PlanCacheObjectCallback).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/inval.h"
#include "utils/syscache.h"

#include "plan_mark.h"

/* A type whose hash value is a mark, should there be one, costs a plan too many. */
#define MARK_CACHE	TYPEOID

/* For a plan that was just made, in the memory context that it is in. */
void
mark_plan(PlannedStmt *plan, PlanMark mark)
{
	PlanInvalItem *item = makeNode(PlanInvalItem);

	item->cacheId = MARK_CACHE;
	item->hashValue = mark;
	plan->invalItems = lappend(plan->invalItems, item);
}

bool
plan_is_marked(const PlannedStmt *plan, PlanMark mark)
{
	ListCell   *lc;

	foreach(lc, plan->invalItems)
	{
		const PlanInvalItem *item = lfirst(lc);

		if (item->cacheId == MARK_CACHE && item->hashValue == mark)
			return true;
	}
	return false;
}

/* Raises nothing and allocates nothing: a GUC assign hook may call it. */
void
drop_marked_plans(PlanMark mark)
{
	CallSyscacheCallbacks(MARK_CACHE, mark);
}
