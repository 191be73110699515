/*-------------------------------------------------------------------------
 *
 * fold_constants.h
 *	  Makes constants of what will be one, before the planner does.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_FOLD_CONSTANTS_H
#define TENANT_GUARD_FOLD_CONSTANTS_H

#include "nodes/params.h"
#include "nodes/parsenodes.h"

extern Node *fold_constants(Node *node, ParamListInfo params);
extern void fold_query(Query *query, ParamListInfo params);

#endif							/* TENANT_GUARD_FOLD_CONSTANTS_H */
