/*-------------------------------------------------------------------------
 *
 * large_tenant.h
 *	  Plans of a tenant who has more rows than others do not serve others.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_LARGE_TENANT_H
#define TENANT_GUARD_LARGE_TENANT_H

#include "nodes/plannodes.h"

extern void mark_plan_of_large_tenant(PlannedStmt *plan);

#endif							/* TENANT_GUARD_LARGE_TENANT_H */
