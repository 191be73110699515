/*-------------------------------------------------------------------------
 *
 * plan_mark.c
 *	  Marks on plans, and dropping the cached plans that have a mark.
 *
 * A mark by which plans are dropped is an item of PlannedStmt.invalItems whose
 * hash value is that of no type.  copyObject() keeps it, and a syscache
 * callback for that hash value makes the plan cache drop the plan
 * (PlanCacheObjectCallback in plancache.c).  A mark that is only tested for
 * goes to PlannedStmt.extension_state where the server has that, and to
 * invalItems otherwise.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "nodes/makefuncs.h"
#include "utils/inval.h"
#include "utils/syscache.h"

#include "compat.h"
#include "library.h"
#include "plan_mark.h"

/* If a real type's hash value ever equals a mark, a plan is dropped needlessly. */
#define MARK_CACHE	TYPEOID

/* Returns an item that marks the plan whose invalItems have it, for drop_marked_plans to find. */
PlanInvalItem *
item_of_mark(uint32 mark)
{
	PlanInvalItem *item = makeNode(PlanInvalItem);

	item->cacheId = MARK_CACHE;
	item->hashValue = mark;
	return item;
}

static void
add_item(PlannedStmt *plan, PlanMark mark)
{
	plan->invalItems = lappend(plan->invalItems, item_of_mark(mark));
}

/*
 * Puts a mark on a plan by which drop_marked_plans drops it.  The plan must be
 * new, and the current memory context that in which it was made; so for
 * mark_plan.
 */
void
mark_plan_to_drop(PlannedStmt *plan, PlanMark mark)
{
	add_item(plan, mark);
}

/* Puts a mark on a plan for plan_is_marked to find. */
void
mark_plan(PlannedStmt *plan, PlanMark mark)
{
#ifdef PLAN_HAS_EXTENSION_STATE
	plan->extension_state = lappend(plan->extension_state, makeDefElem(pstrdup(EXTENSION_NAME), (Node *) makeInteger(mark), -1));
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

		if (strcmp(item->defname, EXTENSION_NAME) == 0 && intVal(item->arg) == mark)
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

/* Drops the cached plans with this mark.  Neither raises nor allocates: a GUC assign hook calls it. */
void
drop_marked_plans(uint32 mark)
{
	CallSyscacheCallbacks(MARK_CACHE, mark);
}
