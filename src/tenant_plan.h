/*-------------------------------------------------------------------------
 *
 * tenant_plan.h
 *	  Plans that are kept, and are good for one tenant only.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_TENANT_PLAN_H
#define TENANT_GUARD_TENANT_PLAN_H

#include "nodes/plannodes.h"

extern void keep_plan_for(const char *tenant, PlannedStmt *plan);
extern void drop_plans_of_others(const char *tenant);

#endif							/* TENANT_GUARD_TENANT_PLAN_H */
