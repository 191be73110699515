/*-------------------------------------------------------------------------
 *
 * explain_filters.h
 *	  Shows in EXPLAIN whether filters are evaluated outside the security barrier.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_EXPLAIN_FILTERS_H
#define TENANT_GUARD_EXPLAIN_FILTERS_H

#include "nodes/plannodes.h"
#include "tcop/dest.h"

#include "compat.h"

/* The state of an EXPLAIN, and the lines to add to its output */
typedef struct Explained
{
	const Query *query;			/* the query that it is about to plan, or NULL */
	const char *source;			/* the text of the prepared statement that it is about to start, or NULL */
	bool		verbose;
	MemoryContext context;		/* holds the lines */
	List	   *lines;			/* of String */
} Explained;

#ifdef EXPLAIN_HAS_NODE_HOOK
extern void explain_scan(const Plan *plan, ExplainState *es);
#define note_planned(query, plan) ((void) 0)
#define note_started(query_desc) ((void) 0)
#else
extern Explained *enter_explain(Explained *inner);
extern void leave_explain(Explained *outer);
extern void note_planned(const Query *query, const PlannedStmt *plan);
extern void note_started(const QueryDesc *query_desc);
extern void explain_lines(const List *lines, ExplainState *es);
extern bool explains_prepared(const Node *stmt, Explained *explained);
extern DestReceiver *add_lines_to(DestReceiver *dest, const Explained *explained);
#endif

#endif							/* TENANT_GUARD_EXPLAIN_FILTERS_H */
