/*-------------------------------------------------------------------------
 *
 * approximate_index.h
 *	  Reads a tenant's rows where an approximate index would return too few.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_APPROXIMATE_INDEX_H
#define TENANT_GUARD_APPROXIMATE_INDEX_H

#include "nodes/pathnodes.h"

extern bool is_approximate(const IndexOptInfo *index);
extern void prefer_exact_rows(PlannerInfo *root, RelOptInfo *rel, RangeTblEntry *rte);

#endif							/* TENANT_GUARD_APPROXIMATE_INDEX_H */
