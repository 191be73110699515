/*-------------------------------------------------------------------------
 *
 * plan_refusals.h
 *	  Refusals of plans that must not be executed in the present state.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_PLAN_REFUSALS_H
#define TENANT_GUARD_PLAN_REFUSALS_H

#include "refusal.h"

extern Refusal no_stack_for_filters(void);
extern Refusal trigger_is_new(Oid relid);
extern Refusal custom_scan_is_opaque(const char *scan, Oid relid);

#endif							/* TENANT_GUARD_PLAN_REFUSALS_H */
