/*-------------------------------------------------------------------------
 *
 * constant.c
 *	  Folds constant expressions of a query before the planner does.
 *
 * Expressions are folded by eval_const_expressions() and in the planner's order,
 * outer queries before the queries in them.  What the planner drops unevaluated,
 * such as a branch that is never taken or a subquery's column that is not read, is
 * not folded.  So nothing raises an error here that would not raise it in the
 * planner, and the planner finds the same constants that filter_check.c judged.
 *
 * The planner records what a plan depends on while it folds: functions that were
 * inlined, and domains without constraints.  These PlanInvalItems are returned to
 * be added to the plan, so that a cached plan is invalidated when one of them
 * changes.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "nodes/pathnodes.h"
#include "optimizer/optimizer.h"

#include "constant.h"

/* Makes as much of a PlannerInfo as eval_const_expressions() reads.  "query" and "params" may be NULL. */
static PlannerInfo *
make_root(Query *query, ParamListInfo params)
{
	PlannerInfo *root = makeNode(PlannerInfo);

	root->parse = query;
	root->glob = makeNode(PlannerGlobal);
	root->glob->boundParams = params;
	return root;
}

/* Does the planner replace this parameter by a Const? */
bool
param_is_known(Node *param, ParamListInfo params)
{
	Assert(IsA(param, Param));
	return IsA(eval_const_expressions(make_root(NULL, params), copyObject(param)), Const);
}

/* The output columns of a query that are read by the query around it. */
typedef struct ReadColumns
{
	Index		rti;			/* of the query in the range table of the other, */
	int			level;			/* which is this many queries above what is walked */
	bool		all;
	Bitmapset  *columns;
} ReadColumns;

static const ReadColumns every_column = {.all = true};
static const ReadColumns no_column = {.all = false};

/* A query_tree_walker: notes the columns that are read. */
static bool
note_read_columns(Node *node, void *context)
{
	ReadColumns *read = context;

	if (node == NULL)
		return false;
	if (IsA(node, Var))
	{
		const Var  *var = (Var *) node;

		if (var->varno == read->rti && var->varlevelsup == read->level && var->varattno > 0)
			read->columns = bms_add_member(read->columns, var->varattno);
		else if (var->varno == read->rti && var->varlevelsup == read->level)
			read->all = true;
		return false;
	}
	if (IsA(node, Query))
	{
		read->level++;
		(void) query_tree_walker((Query *) node, note_read_columns, read, QTW_IGNORE_JOINALIASES);
		read->level--;
		return false;
	}
	return expression_tree_walker(node, note_read_columns, read);
}

/* Is this output column read, or needed to sort, group or lock the rows? */
static bool
is_read(const TargetEntry *entry, const ReadColumns *read)
{
	return read->all || entry->resjunk || entry->ressortgroupref != 0 || bms_is_member(entry->resno, read->columns);
}

/* The columns of a subquery that a query reads, of which "outer" are read.  Those of the branches of UNION are. */
static ReadColumns
columns_read(const Query *query, Index rti, const ReadColumns *outer)
{
	ReadColumns read = {rti, 0, query->setOperations != NULL, NULL};
	Query		reader = *query;
	ListCell   *lc;

	reader.targetList = NIL;
	foreach(lc, query->targetList)
		if (is_read(lfirst_node(TargetEntry, lc), outer))
			reader.targetList = lappend(reader.targetList, lfirst(lc));
	(void) query_tree_walker(&reader, note_read_columns, &read, QTW_IGNORE_JOINALIASES);
	return read;
}

static void fold_parts(Query *query, const ReadColumns *read, PlannerInfo *root);

/* An expression_tree_walker: folds the sub-selects that a folded expression still contains.  The planner drops what EXISTS outputs. */
static bool
fold_sub_selects(Node *node, void *root)
{
	if (node == NULL)
		return false;
	if (IsA(node, Query))
	{
		fold_parts((Query *) node, &every_column, root);
		return false;
	}
	if (IsA(node, SubLink) && ((SubLink *) node)->subLinkType == EXISTS_SUBLINK)
	{
		fold_parts(castNode(Query, ((SubLink *) node)->subselect), &no_column, root);
		return false;
	}
	return expression_tree_walker(node, fold_sub_selects, root);
}

/* Folds an expression and the sub-selects in it. */
static void
fold_expression(Node **expression, PlannerInfo *root)
{
	if (*expression == NULL)
		return;
	*expression = eval_const_expressions(root, copyObject(*expression));
	(void) fold_sub_selects(*expression, root);
}

static void
fold_join_tree(Node *node, PlannerInfo *root)
{
	ListCell   *lc;

	check_stack_depth();
	if (node == NULL)
		return;
	if (IsA(node, JoinExpr))
	{
		fold_join_tree(((JoinExpr *) node)->larg, root);
		fold_join_tree(((JoinExpr *) node)->rarg, root);
		fold_expression(&((JoinExpr *) node)->quals, root);
	}
	else if (IsA(node, FromExpr))
	{
		foreach(lc, ((FromExpr *) node)->fromlist)
			fold_join_tree(lfirst(lc), root);
		fold_expression(&((FromExpr *) node)->quals, root);
	}
}

/* Is WHERE false or null?  Then the planner may drop what is in FROM unplanned. */
static bool
lets_nothing_through(const Query *query)
{
	Node	   *quals = query->jointree ? query->jointree->quals : NULL;

	return quals != NULL && IsA(quals, Const) &&
		(((Const *) quals)->constisnull || !DatumGetBool(((Const *) quals)->constvalue));
}

/* Can the planner treat this WITH query, which is referenced, as a subquery? */
static bool
may_be_inlined(const CommonTableExpr *cte)
{
	return cte->cterefcount == 1 && !cte->cterecursive && cte->ctematerialized != CTEMaterializeAlways &&
		castNode(Query, cte->ctequery)->commandType == CMD_SELECT;
}

/* Folds the expressions of a query of which these columns are read. */
static void
fold_parts(Query *query, const ReadColumns *read, PlannerInfo *root)
{
	Index		rti = 0;
	ListCell   *lc;

	check_stack_depth();
	fold_join_tree((Node *) query->jointree, root);
	fold_expression(&query->havingQual, root);
	fold_expression(&query->limitOffset, root);
	fold_expression(&query->limitCount, root);
	foreach(lc, query->targetList)
		if (is_read(lfirst_node(TargetEntry, lc), read))
			fold_expression((Node **) &lfirst_node(TargetEntry, lc)->expr, root);
	if (lets_nothing_through(query))
		return;
	foreach(lc, query->rtable)
	{
		ReadColumns columns;

		rti++;
		if (lfirst_node(RangeTblEntry, lc)->rtekind != RTE_SUBQUERY)
			continue;
		columns = columns_read(query, rti, read);
		fold_parts(lfirst_node(RangeTblEntry, lc)->subquery, &columns, root);
	}
	foreach(lc, query->cteList)
	{
		const CommonTableExpr *cte = lfirst(lc);
		Query	   *with = castNode(Query, cte->ctequery);

		if (cte->cterefcount > 0 || with->commandType != CMD_SELECT)
			fold_parts(with, may_be_inlined(cte) ? &no_column : &every_column, root);
	}
}

/*
 * Folds in place the filters, limits and target lists of a query and of the
 * queries in it; filters may refer to target lists.  "params" may be NULL.
 * Returns PlanInvalItems for what the plan depends on in consequence.
 */
List *
fold_query(Query *query, ParamListInfo params)
{
	PlannerInfo *root = make_root(query, params);

	Assert(query->commandType != CMD_UTILITY);
	fold_parts(query, &every_column, root);
	return root->glob->invalItems;
}
