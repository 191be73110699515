/*-------------------------------------------------------------------------
 *
 * sublink_pullup.c
 *	  Whether the planner makes joins of the sub-selects in filters.
 *
 * The planner makes joins of most x IN (SELECT ...) and EXISTS (SELECT ...), and
 * from PostgreSQL 19 on of x NOT IN (SELECT ...) where nothing can be null.  A
 * sub-select that became a join reads the same rows whatever rows the scan of the
 * outer table returns.  Any other is evaluated for a row, which reveals that there
 * was one.  To find out which the planner makes joins of, its own
 * pull_up_sublinks() is run on a copy of the query.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "rewrite/rewriteManip.h"

#include "compat.h"
#include "sublink_pullup.h"

/* Pulls up the sub-selects of a query, and returns it or the Query that replaces it.  The query is modified. */
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
 * An expression_tree_walker over all queries of a tree: true if a sub-select is
 * left in a filter of one of them.  A sub-select that became a join is walked as a
 * subquery in FROM.
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
	/* pull_up_sublinks() needs something in FROM to join with */
	if (query->hasSubLinks && query->jointree != NULL && query->jointree->fromlist != NIL)
		query = pull_up(query, params);
	return checkExprHasSubLink((Node *) query->jointree) ||
		query_tree_walker(query, leaves_sub_select, params, 0);
}

/* Does the planner make joins of all sub-selects in WHERE and ON of the query and of the queries in it? */
bool
sublinks_become_joins(const Query *query, ParamListInfo params)
{
	return !leaves_sub_select(copyObject((Node *) query), params);
}
