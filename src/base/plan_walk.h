/*-------------------------------------------------------------------------
 *
 * plan_walk.h
 *	  Visits every node of a finished plan.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_PLAN_WALK_H
#define TENANT_GUARD_PLAN_WALK_H

#include "nodes/plannodes.h"

typedef void (*PlanVisitor) (Plan *plan, void *context);

extern Index scanned_relation(const Plan *plan);
extern void visit_plan_nodes(const PlannedStmt *plan, PlanVisitor visit, void *context);

#endif							/* TENANT_GUARD_PLAN_WALK_H */
