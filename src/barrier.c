/*-------------------------------------------------------------------------
 *
 * barrier.c
 *	  The tenant's qual in a query: behind the security barrier, or beside it.
 *
 * The rewriter puts the quals of policies into the securityQuals of a table's
 * range-table entry.  The planner evaluates those before any filter of the
 * query that is not leakproof, and keeps the table's statistics from it.
 *
 * Lowering the barrier moves the tenant's qual into the join tree, where one
 * that is written by hand would stand: into the WHERE that the table is under,
 * or into the ON of a join that needs no row of the table that fails it.  An
 * outer join keeps all rows of one side: what filters those goes above it, and
 * what filters the other's into ON.  Only below FULL JOIN, which keeps all rows
 * of both, the qual gets a place that no parser makes: a FromExpr over the table
 * alone, as the planner makes of a sub-select.  An extension that turns queries
 * into text, or walks through their joins, may not know that.
 *
 * Query.hasRowSecurity stays, so that a cached plan depends on the role as
 * before.
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

/* What has become of a qual in a part of a join tree. */
typedef enum Placement
{
	NOT_HERE,					/* its table is elsewhere */
	ABOVE,						/* the part's rows are to be filtered by what is above it */
	PLACED
} Placement;

static void
add_qual(Node **quals, Node *qual)
{
	*quals = make_and_qual(qual, *quals);
}

/* Places a qual on the rows of an arm of a join, if the join itself can have it. */
static Placement
place_on_join(JoinExpr *join, Node **arm, Node *qual)
{
	bool		left = arm == &join->larg;

	switch (join->jointype)
	{
		case JOIN_INNER:
			add_qual(&join->quals, qual);
			return PLACED;
		case JOIN_LEFT:
		case JOIN_RIGHT:
			if (left == (join->jointype == JOIN_LEFT))
				return ABOVE;
			add_qual(&join->quals, qual);
			return PLACED;
		default:
			*arm = (Node *) makeFromExpr(list_make1(*arm), qual);
			return PLACED;
	}
}

/* Places a qual on the rows of a table, wherever in the join tree that is. */
static Placement
place_qual(Node *tree, Index rti, Node *qual)
{
	Placement	placement = NOT_HERE;
	ListCell   *lc;

	check_stack_depth();
	if (tree == NULL)
		return NOT_HERE;
	if (IsA(tree, RangeTblRef))
		return ((RangeTblRef *) tree)->rtindex == rti ? ABOVE : NOT_HERE;
	if (IsA(tree, FromExpr))
	{
		foreach(lc, ((FromExpr *) tree)->fromlist)
			if ((placement = place_qual(lfirst(lc), rti, qual)) != NOT_HERE)
				break;
		if (placement == ABOVE)
			add_qual(&((FromExpr *) tree)->quals, qual);
		return placement == NOT_HERE ? NOT_HERE : PLACED;
	}
	if (IsA(tree, JoinExpr))
	{
		JoinExpr   *join = (JoinExpr *) tree;
		Node	  **arm = &join->larg;

		if ((placement = place_qual(*arm, rti, qual)) == NOT_HERE)
			placement = place_qual(*(arm = &join->rarg), rti, qual);
		return placement == ABOVE ? place_on_join(join, arm, qual) : placement;
	}
	return NOT_HERE;
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

	if (place_qual((Node *) query->jointree, rti, qual) != PLACED)
		return false;
	rte->securityQuals = NIL;
	return true;
}
