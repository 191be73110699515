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
 * of both, there is no such place.  The planner would take a FromExpr over the
 * table alone, which it makes of a sub-select itself; but no parser makes one, and
 * extensions that plan a query from its text, or walk through its joins, do not
 * know it.  There the barrier stays.  It costs little: no filter of the query's gets
 * below a FULL JOIN that stays one.
 *
 * Query.hasRowSecurity stays, so that a cached plan depends on the role as
 * before.
 *
 * Whether it may be lowered is filter_check.c's verdict.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"

#include "barrier.h"
#include "guard.h"
#include "guard_policy.h"
#include "tenant_qual.h"

/* What has become of a qual in a part of a join tree. */
typedef enum Placement
{
	NOT_HERE,					/* its table is elsewhere */
	ABOVE,						/* the part's rows are to be filtered by what is above it */
	NOWHERE,					/* the table is here, and there is no place */
	PLACED
} Placement;

static void
add_qual(Node **quals, Node *qual)
{
	*quals = make_and_qual(qual, *quals);
}

/* Places a qual on the rows of an arm of a join, if the join itself can have it. */
static Placement
place_on_join(JoinExpr *join, bool left, Node *qual)
{
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
			return NOWHERE;
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
		if (placement != ABOVE)
			return placement;
		add_qual(&((FromExpr *) tree)->quals, qual);
		return PLACED;
	}
	if (IsA(tree, JoinExpr))
	{
		JoinExpr   *join = (JoinExpr *) tree;
		bool		left = (placement = place_qual(join->larg, rti, qual)) != NOT_HERE;

		if (!left)
			placement = place_qual(join->rarg, rti, qual);
		return placement == ABOVE ? place_on_join(join, left, qual) : placement;
	}
	return NOT_HERE;
}

/*
 * Lowers the barrier of one table, of which this is the tenant_qual.  The folded constant of tenant_access goes
 * too: any security qual would keep the statistics closed.  Returns NULL, or what of the table is in the way:
 * nothing is changed then.
 */
const char *
lift_out_of_barrier(Query *query, Index rti, Node *qual)
{
	RangeTblEntry *rte = list_nth(query->rtable, rti - 1);

	switch (place_qual((Node *) query->jointree, rti, qual))
	{
		case PLACED:
			rte->securityQuals = NIL;
			return NULL;
		case NOWHERE:
			return "is below FULL JOIN";
		default:
			return "is no part of a join";
	}
}
