/*-------------------------------------------------------------------------
 *
 * column_origin.c
 *	  Whether the value of a Var comes from a guarded table's tenant column.
 *
 * A Var refers to a column of a table, or of a sub-select, a CTE, a join, a view,
 * VALUES, a function in FROM, or GROUP BY.  For all but tables, the search goes on
 * in the expression that the column stands for (expression_origin.c, called
 * through OriginSearch.find_origin), in the scope of the query that contains it.
 *
 * A materialized view is a table here: its columns no longer come from the guarded
 * table.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/relation.h"
#include "access/transam.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "parser/parse_coerce.h"
#include "parser/parse_relation.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteHandler.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "column_origin.h"
#include "compat.h"
#include "guard.h"

/* The result of a search for the origin of a subquery's column, with a path */
typedef struct QueryColumn
{
	const Query *query;
	AttrNumber	attnum;
	List	   *path;
	bool		known;			/* the search is finished */
	bool		reached;		/* it comes from a tenant column: */
	Origin		origin;
} QueryColumn;

/*
 * A recursive CTE can make its paths longer in each round (j -> 'a').  These limit
 * the depth of the recursion and the number of paths.
 */
#define MAX_RECURSION 8
#define MAX_RECURSIVE_PATHS 500

/* Is this a type in which a tenant is a string?  Arrays of strings, domains and JSON are. */
bool
is_text_like(Oid type)
{
	Oid			element;

	switch (type)
	{
		case TEXTOID:
		case VARCHAROID:
		case BPCHAROID:
		case NAMEOID:
		case CHAROID:
		case JSONOID:
		case JSONBOID:
		case XMLOID:
			return true;
		case INT4OID:
		case INT8OID:
		case BOOLOID:
		case UUIDOID:
		case NUMERICOID:
		case TIMESTAMPTZOID:
		case DATEOID:
		case InvalidOid:
			return false;
		default:
			element = get_base_element_type(type);
			if (OidIsValid(element))
				return is_text_like(element);
			if (getBaseType(type) != type)
				return is_text_like(getBaseType(type));
			return TypeCategory(type) == TYPCATEGORY_STRING;
	}
}

/* Returns a new path of a key, which may be NULL, and the keys of "path".  (lcons would modify "path".) */
List *
below_key(char *key, List *path)
{
	return list_concat(list_make1(key), path);
}

static bool
same_path(List *a, List *b)
{
	ListCell   *la;
	ListCell   *lb;

	if (list_length(a) != list_length(b))
		return false;
	forboth(la, a, lb, b)
	{
		const char *ka = lfirst(la);
		const char *kb = lfirst(lb);

		if ((ka == NULL) != (kb == NULL) || (ka != NULL && strcmp(ka, kb) != 0))
			return false;
	}
	return true;
}

/* Finds the origin of column "attnum" in one of a set operation's inputs. */
static bool
find_set_operation_origin(OriginSearch *search, Node *node, AttrNumber attnum, List *path,
						  const Scope *scope, Origin *origin)
{
	Var			column = {.xpr.type = T_Var};

	check_stack_depth();
	if (node != NULL && IsA(node, SetOperationStmt))
		return find_set_operation_origin(search, ((SetOperationStmt *) node)->larg, attnum, path, scope, origin) ||
			find_set_operation_origin(search, ((SetOperationStmt *) node)->rarg, attnum, path, scope, origin);
	if (node == NULL || !IsA(node, RangeTblRef))
		return false;
	column.varno = ((RangeTblRef *) node)->rtindex;
	column.varattno = attnum;
	return search->find_origin(search, (Node *) &column, path, scope, origin);
}

/*
 * Finds the origin of column "attnum" of a subquery.  The result is cached:
 * otherwise columns that are used twice at each level of nesting would take
 * exponential time.  The entry is made before the result is known, so a recursive
 * reference finds no origin.
 */
bool
find_query_column_origin(OriginSearch *search, const Query *query, AttrNumber attnum, List *path,
						 const Scope *outer, bool stored, Origin *origin)
{
	Scope		scope = {query, outer, stored};
	QueryColumn *column;
	int			paths = 0;
	int			depth = 0;
	ListCell   *lc;

	Assert(search->find_origin != NULL && attnum > 0);
	foreach(lc, search->columns)
	{
		column = lfirst(lc);
		if (column->query != query || column->attnum != attnum)
			continue;
		if (same_path(column->path, path))
		{
			if (column->reached)
				*origin = column->origin;
			return column->reached;
		}
		paths++;
		depth += !column->known;
	}
	if (depth > MAX_RECURSION || (depth > 0 && paths > MAX_RECURSIVE_PATHS))
		return false;
	column = palloc0(sizeof(QueryColumn));
	column->query = query;
	column->attnum = attnum;
	column->path = path;
	search->columns = lappend(search->columns, column);

	if (query->setOperations != NULL)
		column->reached = find_set_operation_origin(search, query->setOperations, attnum, path, &scope, origin);
	else
	{
		List	   *targets = query->commandType == CMD_SELECT ? query->targetList : query->returningList;
		TargetEntry *target = get_tle_by_resno(targets, attnum);

		column->reached = target != NULL &&
			search->find_origin(search, (Node *) target->expr, path, &scope, origin);
	}
	column->known = true;
	column->origin = *origin;
	return column->reached;
}

/*
 * Returns the query of a view, or NULL.  The relation stays open until
 * end_origin_search(), so that the relcache keeps the query.  System views read no
 * guarded table.
 */
static const Query *
query_of_view(OriginSearch *search, Oid relid)
{
	Relation	view;
	ListCell   *lc;

	if (relid < FirstNormalObjectId)
		return NULL;
	foreach(lc, search->views)
		if (RelationGetRelid((Relation) lfirst(lc)) == relid)
			return get_view_query((Relation) lfirst(lc));

	view = try_relation_open(relid, AccessShareLock);
	if (view == NULL)
		return NULL;
	search->views = lappend(search->views, view);
	if (view->rd_rel->relkind != RELKIND_VIEW || view->rd_rules == NULL)
		return NULL;
	return get_view_query(view);
}

static bool
find_relation_column_origin(OriginSearch *search, const RangeTblEntry *rte, const Var *var, List *path,
							const Scope *scope, Origin *origin)
{
	Guard		guard;
	Oid			type;

	if (rte->relkind == RELKIND_VIEW)
	{
		const Query *query = query_of_view(search, rte->relid);

		return query != NULL &&
			find_query_column_origin(search, query, var->varattno, path, NULL, true, origin);
	}
	if (rte->relid < FirstNormalObjectId)
		return false;
	guard = guard_of(rte->relid);
	if (guard.status == GUARD_NONE || guard.attnum <= 0 || guard.attnum != var->varattno)
		return false;
	type = get_atttype(rte->relid, guard.attnum);
	if (!OidIsValid(type) || is_text_like(type))
		return false;
	*origin = (Origin) {.relid = rte->relid,.attnum = guard.attnum,.type = type,.location = -1};
	return true;
}

static bool
find_cte_column_origin(OriginSearch *search, const RangeTblEntry *rte, const Var *var, List *path,
					   const Scope *scope, Origin *origin)
{
	ListCell   *lc;

	for (Index up = rte->ctelevelsup; up > 0 && scope != NULL; up--)
		scope = scope->outer;
	if (scope == NULL)
		return false;
	foreach(lc, scope->query->cteList)
	{
		CommonTableExpr *cte = lfirst_node(CommonTableExpr, lc);

		if (strcmp(cte->ctename, rte->ctename) == 0)
			return IsA(cte->ctequery, Query) &&
				find_query_column_origin(search, (Query *) cte->ctequery, var->varattno, path,
										 scope, scope->stored, origin);
	}
	return false;
}

/*
 * Finds the origin of column "attnum" of one function.  Every column comes from
 * all arguments, except for functions that expand JSON: a key is not a value, and a
 * column that the query defines is the value of the key with its name.
 */
static bool
find_result_column_origin(OriginSearch *search, const RangeTblFunction *function, AttrNumber attnum, List *path,
						  const Scope *scope, Origin *origin)
{
	const FuncExpr *func = (const FuncExpr *) function->funcexpr;

	if (func != NULL && IsA(func, FuncExpr))
		switch (func->funcid)
		{
			case F_JSON_EACH:
			case F_JSON_EACH_TEXT:
			case F_JSONB_EACH:
			case F_JSONB_EACH_TEXT:
				if (attnum == 1)
					return false;
				break;
			case F_JSON_TO_RECORD:
			case F_JSON_TO_RECORDSET:
			case F_JSONB_TO_RECORD:
			case F_JSONB_TO_RECORDSET:
				if (attnum > list_length(function->funccolnames))
					return false;
				return search->find_origin(search, linitial(func->args),
										   below_key(strVal(list_nth(function->funccolnames, attnum - 1)), path),
										   scope, origin);
			default:
				break;
		}
	return search->find_origin(search, function->funcexpr, path, scope, origin);
}

/* Finds the origin of a column of functions in FROM (ROWS FROM may have several). */
static bool
find_function_column_origin(OriginSearch *search, const RangeTblEntry *rte, const Var *var, List *path,
							const Scope *scope, Origin *origin)
{
	int			before = 0;
	ListCell   *lc;

	foreach(lc, rte->functions)
	{
		RangeTblFunction *function = lfirst_node(RangeTblFunction, lc);

		if (var->varattno <= before + function->funccolcount)
			return find_result_column_origin(search, function, var->varattno - before, path, scope, origin);
		before += function->funccolcount;
	}
	return false;
}

static bool
find_values_column_origin(OriginSearch *search, const RangeTblEntry *rte, const Var *var, List *path,
						  const Scope *scope, Origin *origin)
{
	ListCell   *lc;

	foreach(lc, rte->values_lists)
	{
		List	   *row = lfirst(lc);

		if (var->varattno <= list_length(row) &&
			search->find_origin(search, list_nth(row, var->varattno - 1), path, scope, origin))
			return true;
	}
	return false;
}

/* Finds the origin of the expression that a column of a join or of GROUP BY is. */
static bool
find_nth_origin(OriginSearch *search, List *columns, const Var *var, List *path,
				const Scope *scope, Origin *origin)
{
	return var->varattno <= list_length(columns) &&
		search->find_origin(search, list_nth(columns, var->varattno - 1), path, scope, origin);
}

/* Finds the origin of a whole-row Var: a key in "path" selects the column of that name. */
static bool
find_row_origin(OriginSearch *search, const RangeTblEntry *rte, const Var *row, List *path,
				const Scope *scope, Origin *origin)
{
	const char *key = path ? linitial(path) : NULL;
	ListCell   *lc;

	if (key == NULL)
		return false;
	foreach(lc, rte->eref->colnames)
		if (strcmp(strVal(lfirst(lc)), key) == 0)
		{
			Var			column = {.xpr.type = T_Var};

			column.varno = row->varno;
			column.varattno = foreach_current_index(lc) + 1;
			return search->find_origin(search, (Node *) &column, list_copy_tail(path, 1), scope, origin);
		}
	return false;
}

/* Sets the names by which the query that contains this Var can refer to the tenant column. */
static void
name_origin(const RangeTblEntry *rte, const Var *var, Origin *origin)
{
	List	   *names = rte->eref->colnames;

	if (is_text_like(var->vartype))
		origin->via = rte->eref->aliasname;
	origin->alias = rte->eref->aliasname;
	if (origin->via == NULL || origin->column == NULL)
		origin->column = var->varattno <= list_length(names) ? strVal(list_nth(names, var->varattno - 1)) : NULL;
}

/* Finds the origin of a Var, with the keys by which its value is extracted. */
bool
find_var_origin(OriginSearch *search, const Var *var, List *path, const Scope *scope, Origin *origin)
{
	const RangeTblEntry *rte;
	bool		reached;

	for (Index up = var->varlevelsup; up > 0 && scope != NULL; up--)
		scope = scope->outer;
	if (scope == NULL || var->varno < 1 || var->varno > list_length(scope->query->rtable))
		return false;
	rte = rt_fetch(var->varno, scope->query->rtable);
	if (var->varattno < 0)
		return false;
	if (var->varattno == 0)
		return find_row_origin(search, rte, var, path, scope, origin);

	switch (rte->rtekind)
	{
		case RTE_RELATION:
			reached = find_relation_column_origin(search, rte, var, path, scope, origin);
			break;
		case RTE_SUBQUERY:
			reached = rte->subquery != NULL &&
				find_query_column_origin(search, rte->subquery, var->varattno, path, scope,
										 scope->stored, origin);
			break;
		case RTE_CTE:
			reached = find_cte_column_origin(search, rte, var, path, scope, origin);
			break;
		case RTE_JOIN:
			return find_nth_origin(search, rte->joinaliasvars, var, path, scope, origin);
		case RTE_FUNCTION:
			return find_function_column_origin(search, rte, var, path, scope, origin);
		case RTE_VALUES:
			return find_values_column_origin(search, rte, var, path, scope, origin);
		case RTE_TABLEFUNC:
			return search->find_origin(search, rte->tablefunc->docexpr, NIL, scope, origin);
		default:
			return find_nth_origin(search, grouping_expressions(rte), var, path, scope, origin);
	}
	if (reached)
		name_origin(rte, var, origin);
	return reached;
}

/* Closes the views that were opened.  Their locks are kept until the transaction ends, like those of the parser. */
void
end_origin_search(OriginSearch *search)
{
	ListCell   *lc;

	foreach(lc, search->views)
		relation_close((Relation) lfirst(lc), NoLock);
	search->views = NIL;
}
