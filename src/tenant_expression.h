/*-------------------------------------------------------------------------
 *
 * tenant_expression.h
 *	  Whether a guarded table's tenant column reaches an expression's value.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_TENANT_EXPRESSION_H
#define TENANT_GUARD_TENANT_EXPRESSION_H

#include "nodes/parsenodes.h"

/* The query whose range table an expression's Vars are of. */
typedef struct Scope
{
	const Query *query;
	const struct Scope *outer;	/* what varlevelsup counts, or NULL */
	bool		stored;			/* of a view: locations are of another text */
} Scope;

/* The tenant column that reaches a value, and how. */
typedef struct Origin
{
	Oid			relid;
	AttrNumber	attnum;
	Oid			type;			/* of the column */
	const char *alias;			/* what the query calls its table, or a subquery */
	const char *column;			/* and the column */
	const char *via;			/* subquery, CTE or view that gives it as text, or NULL */
	int			location;		/* where it became another type, or -1 */
} Origin;

/* What tracing keeps for one tree that is looked at. */
typedef struct Tracing
{
	List	   *columns;		/* of subqueries, looked at before */
	List	   *views;			/* open relations */
	Node	   *case_arg;		/* of the CASE x WHEN that is walked, or NULL */
	const SubLink *sublink;		/* whose test is walked, or NULL */
} Tracing;

extern bool is_text_like(Oid type);
extern bool is_known_function(Oid funcid);
extern bool tenant_reaches(Tracing *tracing, Node *node, const Scope *scope, Origin *origin);
extern bool tenant_is_text(Tracing *tracing, Node *node, const Scope *scope, Origin *origin);
extern void end_tracing(Tracing *tracing);

#endif							/* TENANT_GUARD_TENANT_EXPRESSION_H */
