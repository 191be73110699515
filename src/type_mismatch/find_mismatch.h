/*-------------------------------------------------------------------------
 *
 * find_mismatch.h
 *	  Finds the comparisons of a query that compare a tenant as text.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_FIND_MISMATCH_H
#define TENANT_GUARD_FIND_MISMATCH_H

#include "nodes/parsenodes.h"

#include "refusal.h"

/* A place where a tenant column is compared, indexed or stored as text */
typedef struct Mismatch
{
	Oid			relid;			/* the guarded table */
	AttrNumber	attnum;			/* its tenant column */
	Oid			column_type;
	Oid			text_type;		/* the type as which it is compared */
	const char *via;			/* subquery, CTE or view that returns it as text, or NULL */
	const char *rewritten;		/* the comparison as it should be written, or NULL */
	bool		pattern;		/* a pattern match or search, not a comparison of whole identifiers */
	int			location;		/* in the query's text, or -1 */
} Mismatch;

extern List *mismatches_in_query(const Query *query, const char *source);
extern List *mismatches_in_expression(Node *expression, const Query *query);
extern List *mismatches_as_value(Node *expression, const Query *query);
extern List *mismatches_in_queries(List *queries);
extern const Query *query_of_utility(const Node *stmt);
extern Refusal compares_tenant(const Mismatch *mismatch);
extern List *refusals_of_mismatches(List *found);
extern int	mismatch_level(void);

#endif							/* TENANT_GUARD_FIND_MISMATCH_H */
