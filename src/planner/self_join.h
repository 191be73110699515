/*-------------------------------------------------------------------------
 *
 * self_join.h
 *	  Keeps the planner from removing some self-joins of guarded tables.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_SELF_JOIN_H
#define TENANT_GUARD_SELF_JOIN_H

#include "nodes/pathnodes.h"

extern void keep_self_joins(const Query *query, RelOptInfo *rel);

#endif							/* TENANT_GUARD_SELF_JOIN_H */
