/*-------------------------------------------------------------------------
 *
 * self_join.h
 *	  Joins of a guarded table with itself that the planner must not take for one scan.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_SELF_JOIN_H
#define TENANT_GUARD_SELF_JOIN_H

#include "nodes/pathnodes.h"

extern void keep_self_joins(const Query *query, RelOptInfo *rel);

#endif							/* TENANT_GUARD_SELF_JOIN_H */
