/*-------------------------------------------------------------------------
 *
 * few_rows.h
 *	  Reads a tenant's rows where they are few, rather than an index over all.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_FEW_ROWS_H
#define TENANT_GUARD_FEW_ROWS_H

#include "nodes/pathnodes.h"

extern void hide_indexes_of_all(const PlannerInfo *root, const RelOptInfo *rel);
extern bool ignores_statistics(const PlannerInfo *root, const RangeTblEntry *rte, AttrNumber attnum);
extern void prefer_few_rows(PlannerInfo *root, RelOptInfo *rel, RangeTblEntry *rte);

#endif							/* TENANT_GUARD_FEW_ROWS_H */
