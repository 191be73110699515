/*-------------------------------------------------------------------------
 *
 * fold_constants.c
 *	  Makes constants of what will be one, before the planner does.
 *
 * By the planner's own means, in the order in which it does: from the outside
 * in, and not within what it drops unseen, a branch that is never taken among
 * that.  So nothing fails here that would not fail there; and the planner finds
 * the constants that were judged.
 *
 * An expression with a function in another language than C is left as it is:
 * it might be inlined, which a cached plan must know of, or do what should be
 * done once.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_language.h"
#include "catalog/pg_proc.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "nodes/pathnodes.h"
#include "optimizer/optimizer.h"
#include "utils/syscache.h"

#include "fold_constants.h"

/* What the planner will make of an expression; a copy.  "params" may be NULL. */
Node *
fold_constants(Node *node, ParamListInfo params)
{
	PlannerInfo *root = makeNode(PlannerInfo);

	root->glob = makeNode(PlannerGlobal);
	root->glob->boundParams = params;
	return eval_const_expressions(root, copyObject(node));
}

/* A check_functions_in_node callback. */
static bool
is_not_in_c(Oid funcid, void *context)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(funcid));
	bool		in_c = false;

	if (HeapTupleIsValid(tuple))
	{
		Oid			language = ((Form_pg_proc) GETSTRUCT(tuple))->prolang;

		in_c = language == INTERNALlanguageId || language == ClanguageId;
		ReleaseSysCache(tuple);
	}
	return !in_c;
}

/* An expression_tree_walker; sub-selects are looked at by themselves. */
static bool
calls_other_than_c(Node *node, void *context)
{
	if (node == NULL || IsA(node, Query))
		return false;
	return check_functions_in_node(node, is_not_in_c, NULL) ||
		expression_tree_walker(node, calls_other_than_c, NULL);
}

/* An expression_tree_walker over the sub-selects that are left in an expression. */
static bool
fold_sub_selects(Node *node, void *params)
{
	if (node == NULL)
		return false;
	if (IsA(node, Query))
	{
		fold_query((Query *) node, params);
		return false;
	}
	return expression_tree_walker(node, fold_sub_selects, params);
}

static void
fold_expression(Node **expression, ParamListInfo params)
{
	if (*expression == NULL || calls_other_than_c(*expression, NULL))
		return;
	*expression = fold_constants(*expression, params);
	(void) fold_sub_selects(*expression, params);
}

static void
fold_join_tree(Node *node, ParamListInfo params)
{
	ListCell   *lc;

	check_stack_depth();
	if (node == NULL)
		return;
	if (IsA(node, JoinExpr))
	{
		fold_join_tree(((JoinExpr *) node)->larg, params);
		fold_join_tree(((JoinExpr *) node)->rarg, params);
		fold_expression(&((JoinExpr *) node)->quals, params);
	}
	else if (IsA(node, FromExpr))
	{
		foreach(lc, ((FromExpr *) node)->fromlist)
			fold_join_tree(lfirst(lc), params);
		fold_expression(&((FromExpr *) node)->quals, params);
	}
}

/* Is no row ever let through?  Then what is in FROM may never be planned. */
static bool
lets_nothing_through(const Query *query)
{
	Node	   *quals = query->jointree ? query->jointree->quals : NULL;

	return quals != NULL && IsA(quals, Const) &&
		(((Const *) quals)->constisnull || !DatumGetBool(((Const *) quals)->constvalue));
}

/*
 * Folds, in place, the filters of a query and of those in it, their limits and
 * what they put out, which filters may refer to.
 */
void
fold_query(Query *query, ParamListInfo params)
{
	ListCell   *lc;

	check_stack_depth();
	fold_join_tree((Node *) query->jointree, params);
	fold_expression(&query->havingQual, params);
	fold_expression(&query->limitOffset, params);
	fold_expression(&query->limitCount, params);
	foreach(lc, query->targetList)
		fold_expression((Node **) &lfirst_node(TargetEntry, lc)->expr, params);
	if (lets_nothing_through(query))
		return;
	foreach(lc, query->rtable)
		if (lfirst_node(RangeTblEntry, lc)->rtekind == RTE_SUBQUERY)
			fold_query(lfirst_node(RangeTblEntry, lc)->subquery, params);
	foreach(lc, query->cteList)
	{
		const CommonTableExpr *cte = lfirst(lc);
		Query	   *with = castNode(Query, cte->ctequery);

		if (cte->cterefcount > 0 || with->commandType != CMD_SELECT)
			fold_query(with, params);
	}
}
