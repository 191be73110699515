/*-------------------------------------------------------------------------
 *
 * column_origin.c
 *	  Whether a guarded table's tenant column stands behind a Var.
 *
 * A Var is of a table, or of something that gives columns: a sub-select, a
 * CTE, a join, a view, VALUES, a function in FROM, GROUP BY.  Of these the
 * expression behind the column is followed (expression_origin.c, by way of
 * Tracing.follow), in the scope of the query that it stands in.
 *
 * Materialized views are tables here: what they hold is no longer a column of
 * the guarded table.
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

/* A column of a subquery: whether the tenant reaches it by this path. */
typedef struct QueryColumn
{
	const Query *query;
	AttrNumber	attnum;
	List	   *path;
	bool		known;
	bool		reached;
	Origin		origin;
} QueryColumn;

/*
 * A recursive CTE can make its paths longer each time (j -> 'a'): so deep is it
 * followed, and of so many of its paths.
 */
#define MAX_RECURSION 8
#define MAX_RECURSIVE_PATHS 500

/* Is a uuid of this type a string?  Arrays of strings, domains and JSON too. */
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

/* A path that begins with this key, or NULL; lcons would change the one given. */
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

/* Does the tenant reach column "attnum" of one of a set operation's arms? */
static bool
follow_arms(Tracing *tracing, Node *node, AttrNumber attnum, List *path,
			const Scope *scope, Origin *origin)
{
	Var			column = {.xpr.type = T_Var};

	check_stack_depth();
	if (node != NULL && IsA(node, SetOperationStmt))
		return follow_arms(tracing, ((SetOperationStmt *) node)->larg, attnum, path, scope, origin) ||
			follow_arms(tracing, ((SetOperationStmt *) node)->rarg, attnum, path, scope, origin);
	if (node == NULL || !IsA(node, RangeTblRef))
		return false;
	column.varno = ((RangeTblRef *) node)->rtindex;
	column.varattno = attnum;
	return tracing->follow(tracing, (Node *) &column, path, scope, origin);
}

/*
 * Column "attnum" of a subquery.  What was found is kept, or columns that
 * double at each level of nesting would take for ever.  It is entered before
 * it is known: a recursive CTE adds nothing to itself.
 */
bool
follow_query_column(Tracing *tracing, const Query *query, AttrNumber attnum, List *path,
					const Scope *outer, bool stored, Origin *origin)
{
	Scope		scope = {query, outer, stored};
	QueryColumn *column;
	int			paths = 0;
	int			depth = 0;
	ListCell   *lc;

	foreach(lc, tracing->columns)
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
	tracing->columns = lappend(tracing->columns, column);

	if (query->setOperations != NULL)
		column->reached = follow_arms(tracing, query->setOperations, attnum, path, &scope, origin);
	else
	{
		List	   *targets = query->commandType == CMD_SELECT ? query->targetList : query->returningList;
		TargetEntry *target = get_tle_by_resno(targets, attnum);

		column->reached = target != NULL &&
			tracing->follow(tracing, (Node *) target->expr, path, &scope, origin);
	}
	column->known = true;
	column->origin = *origin;
	return column->reached;
}

/*
 * The query of a view, or NULL.  The relation stays open until end_tracing, so
 * that the query stays there.  System views read no guarded table.
 */
static const Query *
query_of_view(Tracing *tracing, Oid relid)
{
	Relation	view;
	ListCell   *lc;

	if (relid < FirstNormalObjectId)
		return NULL;
	foreach(lc, tracing->views)
		if (RelationGetRelid((Relation) lfirst(lc)) == relid)
			return get_view_query((Relation) lfirst(lc));

	view = try_relation_open(relid, AccessShareLock);
	if (view == NULL)
		return NULL;
	tracing->views = lappend(tracing->views, view);
	if (view->rd_rel->relkind != RELKIND_VIEW || view->rd_rules == NULL)
		return NULL;
	return get_view_query(view);
}

static bool
follow_relation_column(Tracing *tracing, const RangeTblEntry *rte, const Var *var, List *path,
					   const Scope *scope, Origin *origin)
{
	Guard		guard;
	Oid			type;

	if (rte->relkind == RELKIND_VIEW)
	{
		const Query *query = query_of_view(tracing, rte->relid);

		return query != NULL &&
			follow_query_column(tracing, query, var->varattno, path, NULL, true, origin);
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
follow_cte_column(Tracing *tracing, const RangeTblEntry *rte, const Var *var, List *path,
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
				follow_query_column(tracing, (Query *) cte->ctequery, var->varattno, path,
									scope, scope->stored, origin);
	}
	return false;
}

/*
 * Column "attnum" of one function.  All its columns are alike, but for those of
 * functions that take JSON apart: keys are no values, and columns that the
 * query defines are keys' values.
 */
static bool
follow_result_column(Tracing *tracing, const RangeTblFunction *function, AttrNumber attnum, List *path,
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
				return tracing->follow(tracing, linitial(func->args),
									   below_key(strVal(list_nth(function->funccolnames, attnum - 1)), path),
									   scope, origin);
			default:
				break;
		}
	return tracing->follow(tracing, function->funcexpr, path, scope, origin);
}

/* The function in FROM that a column comes from. */
static bool
follow_function_column(Tracing *tracing, const RangeTblEntry *rte, const Var *var, List *path,
					   const Scope *scope, Origin *origin)
{
	int			before = 0;
	ListCell   *lc;

	foreach(lc, rte->functions)
	{
		RangeTblFunction *function = lfirst_node(RangeTblFunction, lc);

		if (var->varattno <= before + function->funccolcount)
			return follow_result_column(tracing, function, var->varattno - before, path, scope, origin);
		before += function->funccolcount;
	}
	return false;
}

static bool
follow_values_column(Tracing *tracing, const RangeTblEntry *rte, const Var *var, List *path,
					 const Scope *scope, Origin *origin)
{
	ListCell   *lc;

	foreach(lc, rte->values_lists)
	{
		List	   *row = lfirst(lc);

		if (var->varattno <= list_length(row) &&
			tracing->follow(tracing, list_nth(row, var->varattno - 1), path, scope, origin))
			return true;
	}
	return false;
}

/* An element of a list that a column number counts, as joins and GROUP have. */
static bool
follow_listed_column(Tracing *tracing, List *columns, const Var *var, List *path,
					 const Scope *scope, Origin *origin)
{
	return var->varattno <= list_length(columns) &&
		tracing->follow(tracing, list_nth(columns, var->varattno - 1), path, scope, origin);
}

/* A whole row, of which a key takes the column of that name. */
static bool
follow_row(Tracing *tracing, const RangeTblEntry *rte, const Var *row, List *path,
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
			return tracing->follow(tracing, (Node *) &column, list_copy_tail(path, 1), scope, origin);
		}
	return false;
}

/* What the query in which this Var stands can call the tenant column. */
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

bool
follow_var(Tracing *tracing, const Var *var, List *path, const Scope *scope, Origin *origin)
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
		return follow_row(tracing, rte, var, path, scope, origin);

	switch (rte->rtekind)
	{
		case RTE_RELATION:
			reached = follow_relation_column(tracing, rte, var, path, scope, origin);
			break;
		case RTE_SUBQUERY:
			reached = rte->subquery != NULL &&
				follow_query_column(tracing, rte->subquery, var->varattno, path, scope,
									scope->stored, origin);
			break;
		case RTE_CTE:
			reached = follow_cte_column(tracing, rte, var, path, scope, origin);
			break;
		case RTE_JOIN:
			return follow_listed_column(tracing, rte->joinaliasvars, var, path, scope, origin);
		case RTE_FUNCTION:
			return follow_function_column(tracing, rte, var, path, scope, origin);
		case RTE_VALUES:
			return follow_values_column(tracing, rte, var, path, scope, origin);
		case RTE_TABLEFUNC:
			return tracing->follow(tracing, rte->tablefunc->docexpr, NIL, scope, origin);
		default:
			return follow_listed_column(tracing, grouping_expressions(rte), var, path, scope, origin);
	}
	if (reached)
		name_origin(rte, var, origin);
	return reached;
}

/* Locks on views are kept, as the parser's are. */
void
end_tracing(Tracing *tracing)
{
	ListCell   *lc;

	foreach(lc, tracing->views)
		relation_close((Relation) lfirst(lc), NoLock);
	tracing->views = NIL;
}
