/*-------------------------------------------------------------------------
 *
 * barrier.c
 *	  The tenant's qual in a query: behind the security barrier, or beside it.
 *
 * The rewriter puts the quals of policies into the securityQuals of a table's
 * range-table entry.  The planner evaluates those before any filter of the
 * query that is not leakproof, and keeps the table's statistics from it.
 *
 * Lowering the barrier moves the tenant's qual into the join tree, right at
 * the table: its RangeTblRef becomes a FromExpr over it with that qual, which
 * is a sub-select with a WHERE as far as joins are concerned, outer ones and
 * locked, updated and deleted tables included.  Query.hasRowSecurity stays, so
 * that a cached plan depends on the role as before.
 *
 * Whether it may be lowered is filter.c's verdict.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"

#include "barrier.h"
#include "guard.h"

/*
 * The tenant's qual of a table, if the policies that protect() makes are the
 * only security quals, and all of them, else NULL.
 */
Node *
tenant_qual(const RangeTblEntry *rte, Index rti)
{
	Node	   *found = NULL;
	Guard		guard;
	ListCell   *lc;

	if (rte->rtekind != RTE_RELATION || rte->securityQuals == NIL)
		return NULL;
	guard = guard_of(rte->relid);
	if (guard.status != GUARD_WHOLE)
		return NULL;
	foreach(lc, rte->securityQuals)
	{
		Node	   *qual = lfirst(lc);

		if (is_access_qual(qual))
			continue;
		if (found != NULL || tenant_qual_column(qual, rti) != guard.attnum)
			return NULL;
		found = qual;
	}
	return found;
}

/* Puts a qual over a table, wherever in the join tree that is; false if it is not. */
static bool
put_qual(Node **tree, Index rti, Node *qual)
{
	ListCell   *lc;

	check_stack_depth();
	if (*tree == NULL)
		return false;
	switch (nodeTag(*tree))
	{
		case T_RangeTblRef:
			if (((RangeTblRef *) *tree)->rtindex != rti)
				return false;
			*tree = (Node *) makeFromExpr(list_make1(*tree), qual);
			return true;
		case T_FromExpr:
			foreach(lc, ((FromExpr *) *tree)->fromlist)
				if (put_qual((Node **) &lfirst(lc), rti, qual))
					return true;
			return false;
		case T_JoinExpr:
			return put_qual(&((JoinExpr *) *tree)->larg, rti, qual) ||
				put_qual(&((JoinExpr *) *tree)->rarg, rti, qual);
		default:
			return false;
	}
}

/*
 * Lowers the barrier of one table, of which this is the tenant_qual.  The folded constant of tenant_access goes
 * too: any security qual would keep the statistics closed.  False where the
 * table is not in the join tree: nothing is changed then.
 */
bool
lower_barrier(Query *query, Index rti, Node *qual)
{
	RangeTblEntry *rte = list_nth(query->rtable, rti - 1);
	Node	   *tree = (Node *) query->jointree;

	if (!put_qual(&tree, rti, qual))
		return false;
	rte->securityQuals = NIL;
	return true;
}
