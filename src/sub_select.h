/*-------------------------------------------------------------------------
 *
 * sub_select.h
 *	  What a sub-select or an aggregate in a filter does, beside computing
 *	  expressions.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_SUB_SELECT_H
#define TENANT_GUARD_SUB_SELECT_H

#include "nodes/params.h"
#include "nodes/parsenodes.h"

extern bool returns_one_row(const Query *query, ParamListInfo params);
extern bool aggregate_sorts(Oid aggregate);
extern bool aggregate_is_trusted(const Aggref *aggref);
extern const char *objection_to_table(const RangeTblEntry *rte, Index rti);
extern const char *objection_to_sub_select(const Query *query, ParamListInfo params);

#endif							/* TENANT_GUARD_SUB_SELECT_H */
