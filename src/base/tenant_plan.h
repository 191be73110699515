/*-------------------------------------------------------------------------
 *
 * tenant_plan.h
 *	  Cached plans that are good for one tenant only.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_TENANT_PLAN_H
#define TENANT_GUARD_TENANT_PLAN_H

#include "nodes/plannodes.h"

extern void keep_plan_for(const char *tenant, PlannedStmt *plan);
extern void drop_plans_of_others(const char *tenant);

extern void init_tenant_plans(void);
extern void note_tenants_rows(void);
extern uint64 times_tenants_rows_read(void);
extern bool plan_may_hold_rows(uint64 before);
extern void keep_plan_for_transaction(PlannedStmt *plan);

#endif							/* TENANT_GUARD_TENANT_PLAN_H */
