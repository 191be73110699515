/*-------------------------------------------------------------------------
 *
 * column_origin.h
 *	  Whether the value of a Var comes from a guarded table's tenant column.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_COLUMN_ORIGIN_H
#define TENANT_GUARD_COLUMN_ORIGIN_H

#include "nodes/parsenodes.h"

/* A query level: the query whose range table the Vars of an expression refer to */
typedef struct Scope
{
	const Query *query;
	const struct Scope *outer;	/* the next level for varlevelsup, or NULL */
	bool		stored;			/* in a view: locations refer to another text */
} Scope;

/* The tenant column that a value comes from */
typedef struct Origin
{
	Oid			relid;
	AttrNumber	attnum;
	Oid			type;			/* of the column */
	const char *alias;			/* of the table, or of the subquery that has the column */
	const char *column;			/* name of the column there */
	const char *via;			/* name of the subquery, CTE or view that returns the column as text, or NULL */
	int			location;		/* where it was converted, or -1 */
} Origin;

/* The state of the search for origins in one tree */
typedef struct OriginSearch OriginSearch;

/*
 * Does the value of an expression come from a tenant column?  If so, sets
 * *origin.  "path" has the keys by which the value is then extracted from a row or
 * from JSON, outermost first; a key that is not constant is NULL.
 */
typedef bool (*FindOrigin) (OriginSearch *search, Node *node, List *path, const Scope *scope, Origin *origin);

struct OriginSearch
{
	FindOrigin	find_origin;	/* for the expression that a column stands for */
	List	   *columns;		/* of QueryColumn: columns of subqueries that were searched */
	List	   *views;			/* open relations */
	Node	   *case_arg;		/* x of the current CASE x WHEN, or NULL */
	const SubLink *sublink;		/* whose test is the current expression, or NULL */
};

extern bool is_text_like(Oid type);
extern List *below_key(char *key, List *path);
extern bool find_var_origin(OriginSearch *search, const Var *var, List *path, const Scope *scope, Origin *origin);
extern bool find_query_column_origin(OriginSearch *search, const Query *query, AttrNumber attnum, List *path,
									 const Scope *outer, bool stored, Origin *origin);
extern void end_origin_search(OriginSearch *search);

#endif							/* TENANT_GUARD_COLUMN_ORIGIN_H */
