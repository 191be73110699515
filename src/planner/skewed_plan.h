/*-------------------------------------------------------------------------
 *
 * skewed_plan.h
 *	  Plans that were made for a skewed tenant.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_SKEWED_PLAN_H
#define TENANT_GUARD_SKEWED_PLAN_H

#include "nodes/plannodes.h"

extern void mark_skewed_plan(PlannedStmt *plan);

#endif							/* TENANT_GUARD_SKEWED_PLAN_H */
