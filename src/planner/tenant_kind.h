/*-------------------------------------------------------------------------
 *
 * tenant_kind.h
 *	  Cached plans that are good for tenants with few rows only, or with many.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_TENANT_KIND_H
#define TENANT_GUARD_TENANT_KIND_H

#include "nodes/pathnodes.h"

#include "tenant_share.h"

extern void init_tenant_kinds(void);
extern void note_kind_of_plan(PlannerGlobal *glob, const ShareKey *key, double boundary, bool below);

#endif							/* TENANT_GUARD_TENANT_KIND_H */
