/*-------------------------------------------------------------------------
 *
 * conflict_filter.h
 *	  Evaluates the tenant's qual before the WHERE of ON CONFLICT.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_CONFLICT_FILTER_H
#define TENANT_GUARD_CONFLICT_FILTER_H

#include "nodes/plannodes.h"

extern void put_tenant_before_conflict(ModifyTable *plan);

#endif							/* TENANT_GUARD_CONFLICT_FILTER_H */
