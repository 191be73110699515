/*-------------------------------------------------------------------------
 *
 * constant.h
 *	  Folds constant expressions of a query before the planner does.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_CONSTANT_H
#define TENANT_GUARD_CONSTANT_H

#include "nodes/params.h"
#include "nodes/parsenodes.h"

extern bool param_is_known(Node *param, ParamListInfo params);
extern List *fold_query(Query *query, ParamListInfo params);

#endif							/* TENANT_GUARD_CONSTANT_H */
