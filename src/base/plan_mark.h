/*-------------------------------------------------------------------------
 *
 * plan_mark.h
 *	  Marks on plans, and the plan cache told to drop those that carry one.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_PLAN_MARK_H
#define TENANT_GUARD_PLAN_MARK_H

#include "nodes/plannodes.h"

typedef enum PlanMark
{
	/* such plans are dropped */
	MARK_SKEWED = 0x74670001,	/* good for one tenant only */
	MARK_OF_ONE_TRANSACTION = 0x74670004,	/* holds what was read of its tenant's rows */

	/* such are asked for */
	MARK_LACKS_CHECKS = 0x74670002,	/* does not check the rows that it makes */
	MARK_OURS = 0x74670003		/* made with the library, in a session that did not preload it */
} PlanMark;

extern void mark_plan_to_drop(PlannedStmt *plan, PlanMark mark);
extern void mark_plan(PlannedStmt *plan, PlanMark mark);
extern bool plan_is_marked(const PlannedStmt *plan, PlanMark mark);
extern void drop_marked_plans(PlanMark mark);

#endif							/* TENANT_GUARD_PLAN_MARK_H */
