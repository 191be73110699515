/*-------------------------------------------------------------------------
 *
 * sublink_pullup.c
 *	  Sub-selects of filters: will the planner make joins of them?
 *
 * x IN (SELECT ...) and EXISTS (SELECT ...) are mostly planned as joins, from
 * PostgreSQL 19 on x NOT IN (SELECT ...) too where nothing can be null, and then read what they read whatever rows the table's own scan meets.  Others are
 * evaluated for a row, and tell that there was one.  Which they are is the
 * planner's to say: it is tried by the planner's own step, on a copy.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "rewrite/rewriteManip.h"

#include "compat.h"
#include "sublink_pullup.h"

/* Returns the query with its sub-selects pulled up, which may be another than the one that was given. */
static Query *
pull_up(Query *query, ParamListInfo params)
{
	PlannerInfo *root = makeNode(PlannerInfo);

	root->glob = makeNode(PlannerGlobal);
	root->glob->boundParams = params;
	root->parse = query;
	preprocess_for_pull_up(root);
	pull_up_sublinks(root);
	return root->parse;
}

/*
 * An expression_tree_walker over all queries of a tree: is a sub-select left in
 * a filter of any?  What has become a join is one of the queries in FROM.
 */
static bool
leaves_sub_select(Node *node, void *params)
{
	Query	   *query = (Query *) node;

	if (node == NULL)
		return false;
	if (!IsA(node, Query))
		return expression_tree_walker(node, leaves_sub_select, params);
	check_stack_depth();
	/* without a table there is nothing to join with */
	if (query->hasSubLinks && query->jointree != NULL && query->jointree->fromlist != NIL)
		query = pull_up(query, params);
	return checkExprHasSubLink((Node *) query->jointree) ||
		query_tree_walker(query, leaves_sub_select, params, 0);
}

/* Of all that are in WHERE and ON of the query, and of the queries in it. */
bool
sub_selects_become_joins(const Query *query, ParamListInfo params)
{
	return !leaves_sub_select(copyObject((Node *) query), params);
}
