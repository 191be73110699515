/*-------------------------------------------------------------------------
 *
 * security_barrier.h
 *	  Lifts the tenant's qual out of the security barrier where that is safe.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_SECURITY_BARRIER_H
#define TENANT_GUARD_SECURITY_BARRIER_H

#include "nodes/params.h"
#include "nodes/parsenodes.h"
#include "nodes/plannodes.h"

extern List *trust_filters(Query *query, ParamListInfo params);
extern const char *filter_note(const RangeTblEntry *rte);
extern bool has_filter_note(const RangeTblEntry *rte);
extern bool filters_are_trusted(const RangeTblEntry *rte);
extern void note_few_rows(RangeTblEntry *rte);
extern void note_exact_rows(RangeTblEntry *rte);
extern void check_stack_for_trusted(const PlannedStmt *plan);

#endif							/* TENANT_GUARD_SECURITY_BARRIER_H */
