/*-------------------------------------------------------------------------
 *
 * tenant_plan.h
 *	  Cached plans that are good for one tenant only.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_TENANT_PLAN_H
#define TENANT_GUARD_TENANT_PLAN_H

#include "nodes/pathnodes.h"
#include "nodes/plannodes.h"

/* What had happened in the session before a statement was planned. */
typedef struct Planning
{
	uint64		rows_read;
	uint64		immutable_functions;
	bool		outer;			/* another statement's planning called for it */
} Planning;

/* Called with a tenant, in canonical form, that is set.  It must neither raise nor allocate. */
typedef void (*TenantCallback) (const char *tenant);

extern void call_when_tenant_is_set(TenantCallback callback);
extern void mark_plan_of_tenant(PlannedStmt *plan, const char *tenant);
extern void note_plan_of_tenant(PlannerGlobal *glob, const char *tenant);
extern void drop_plans_of_others(const char *tenant);

extern void init_tenant_plans(void);
extern void note_tenants_rows(void);
extern uint64 times_tenants_rows_read(void);
extern Planning enter_planning(void);
extern bool leave_planning(const Planning *start);
extern bool is_planning(void);
extern void note_immutable_function(void);
extern void note_function_of_types(void);
extern bool types_have_functions(void);
extern void note_function_of_domains(void);
extern bool domains_have_functions(void);
extern bool is_forgetting_domains(void);
extern void mark_plan_of_transaction(PlannedStmt *plan);

#endif							/* TENANT_GUARD_TENANT_PLAN_H */
