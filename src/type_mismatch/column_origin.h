/*-------------------------------------------------------------------------
 *
 * column_origin.h
 *	  Whether a guarded table's tenant column stands behind a Var.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_COLUMN_ORIGIN_H
#define TENANT_GUARD_COLUMN_ORIGIN_H

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
typedef struct Tracing Tracing;

/*
 * Does the tenant reach this expression?  "path": the keys by which the value
 * is taken out of a row or JSON, from the outside in; NULL for one that only
 * the execution knows, NIL for none.
 */
typedef bool (*Follow) (Tracing *tracing, Node *node, List *path, const Scope *scope, Origin *origin);

struct Tracing
{
	Follow		follow;			/* from a column to the expression behind it */
	List	   *columns;		/* of subqueries, looked at before */
	List	   *views;			/* open relations */
	Node	   *case_arg;		/* of the CASE x WHEN that is walked, or NULL */
	const SubLink *sublink;		/* whose test is walked, or NULL */
};

extern bool is_text_like(Oid type);
extern List *below_key(char *key, List *path);
extern bool follow_var(Tracing *tracing, const Var *var, List *path, const Scope *scope, Origin *origin);
extern bool follow_query_column(Tracing *tracing, const Query *query, AttrNumber attnum, List *path,
								const Scope *outer, bool stored, Origin *origin);
extern void end_tracing(Tracing *tracing);

#endif							/* TENANT_GUARD_COLUMN_ORIGIN_H */
