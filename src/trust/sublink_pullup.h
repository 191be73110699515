/*-------------------------------------------------------------------------
 *
 * sublink_pullup.h
 *	  Whether the planner makes joins of the sub-selects in filters.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_SUBLINK_PULLUP_H
#define TENANT_GUARD_SUBLINK_PULLUP_H

#include "nodes/params.h"
#include "nodes/parsenodes.h"

extern bool sublinks_become_joins(const Query *query, ParamListInfo params);

#endif							/* TENANT_GUARD_SUBLINK_PULLUP_H */
