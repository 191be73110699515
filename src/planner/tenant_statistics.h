/*-------------------------------------------------------------------------
 *
 * tenant_statistics.h
 *	  Statistics of a tenant column that are about the transaction's tenant alone.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_TENANT_STATISTICS_H
#define TENANT_GUARD_TENANT_STATISTICS_H

#include "nodes/pathnodes.h"
#include "utils/selfuncs.h"

extern void init_tenant_statistics(void);
extern bool give_tenant_statistics(const PlannerInfo *root, const RangeTblEntry *rte, AttrNumber attnum, VariableStatData *column);

#endif							/* TENANT_GUARD_TENANT_STATISTICS_H */
