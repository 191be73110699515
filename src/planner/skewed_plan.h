/*-------------------------------------------------------------------------
 *
 * skewed_plan.h
 *	  Plans of a tenant who has many more rows than others, or hardly any.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_SKEWED_PLAN_H
#define TENANT_GUARD_SKEWED_PLAN_H

#include "nodes/plannodes.h"

extern void mark_skewed_plan(PlannedStmt *plan);

#endif							/* TENANT_GUARD_SKEWED_PLAN_H */
