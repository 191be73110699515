/*-------------------------------------------------------------------------
 *
 * plan_mark.h
 *	  Marks on plans, and dropping the cached plans that have a mark.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_PLAN_MARK_H
#define TENANT_GUARD_PLAN_MARK_H

#include "nodes/plannodes.h"

typedef enum PlanMark
{
	/* marks by which plans are dropped */
	MARK_SKEWED = 0x74670001,	/* good for one tenant only */
	MARK_OF_ONE_TRANSACTION = 0x74670004,	/* may have constants that were read from its tenant's rows */
	MARK_OF_SETTINGS = 0x74670005,	/* depends on settings of access methods */
	MARK_OF_KIND = 0x74670100,	/* and as many numbers after it as tenant_kind.c has boundaries: good for tenants of one side */

	/* marks that are tested for */
	MARK_LACKS_CHECKS = 0x74670002, /* lacks the policy's check of new rows */
	MARK_OURS = 0x74670003		/* made with our hooks, in a session that did not preload the library */
} PlanMark;

extern PlanInvalItem *item_of_mark(uint32 mark);
extern void mark_plan_to_drop(PlannedStmt *plan, PlanMark mark);
extern void mark_plan(PlannedStmt *plan, PlanMark mark);
extern bool plan_is_marked(const PlannedStmt *plan, PlanMark mark);
extern void drop_marked_plans(uint32 mark);

#endif							/* TENANT_GUARD_PLAN_MARK_H */
