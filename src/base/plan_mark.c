/*-------------------------------------------------------------------------
 *
 * plan_mark.c
 *	  Marks on plans, and the plan cache told to drop those that carry one.
 *
 * A mark by which plans are dropped is an item of the plan's invalidation list
 * that stands for no type: copies of the plan keep it, and it is what the plan
 * cache looks for when it is told that a type has changed (plancache.c,
 * PlanCacheObjectCallback).  A mark that is only looked for is one too, unless
 * the server has a list for what extensions note.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "nodes/makefuncs.h"
#include "utils/inval.h"
#include "utils/syscache.h"

#include "compat.h"
#include "plan_mark.h"

/* A type whose hash value is a mark, should there be one, costs a plan too many. */
#define MARK_CACHE	TYPEOID

/* Whose notes these are, in the list that the extensions share. */
#define NOTED_BY	"tenant_guard"

static void
add_item(PlannedStmt *plan, PlanMark mark)
{
	PlanInvalItem *item = makeNode(PlanInvalItem);

	item->cacheId = MARK_CACHE;
	item->hashValue = mark;
	plan->invalItems = lappend(plan->invalItems, item);
}

/* Both for a plan that was just made, in the memory context that it is in. */
void
mark_plan_to_drop(PlannedStmt *plan, PlanMark mark)
{
	add_item(plan, mark);
}

void
mark_plan(PlannedStmt *plan, PlanMark mark)
{
#ifdef PLAN_HAS_EXTENSION_STATE
	plan->extension_state = lappend(plan->extension_state, makeDefElem(pstrdup(NOTED_BY), (Node *) makeInteger(mark), -1));
#else
	add_item(plan, mark);
#endif
}

bool
plan_is_marked(const PlannedStmt *plan, PlanMark mark)
{
	ListCell   *lc;

#ifdef PLAN_HAS_EXTENSION_STATE
	foreach(lc, plan->extension_state)
	{
		const DefElem *item = lfirst(lc);

		if (strcmp(item->defname, NOTED_BY) == 0 && intVal(item->arg) == mark)
			return true;
	}
#else
	foreach(lc, plan->invalItems)
	{
		const PlanInvalItem *item = lfirst(lc);

		if (item->cacheId == MARK_CACHE && item->hashValue == mark)
			return true;
	}
#endif
	return false;
}

/* Raises nothing and allocates nothing: a GUC assign hook may call it. */
void
drop_marked_plans(PlanMark mark)
{
	CallSyscacheCallbacks(MARK_CACHE, mark);
}
