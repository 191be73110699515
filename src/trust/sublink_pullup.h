/*-------------------------------------------------------------------------
 *
 * sublink_pullup.h
 *	  Sub-selects of filters: will the planner make joins of them?
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_SUBLINK_PULLUP_H
#define TENANT_GUARD_SUBLINK_PULLUP_H

#include "nodes/params.h"
#include "nodes/parsenodes.h"

extern bool sub_selects_become_joins(const Query *query, ParamListInfo params);

#endif							/* TENANT_GUARD_SUBLINK_PULLUP_H */
