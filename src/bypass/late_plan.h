/*-------------------------------------------------------------------------
 *
 * late_plan.h
 *	  Refuses plans that were made before the library was loaded.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_LATE_PLAN_H
#define TENANT_GUARD_LATE_PLAN_H

#include "nodes/plannodes.h"

extern void mark_plan_as_ours(PlannedStmt *plan);
extern void check_planned_with_library(const PlannedStmt *plan);

#endif							/* TENANT_GUARD_LATE_PLAN_H */
