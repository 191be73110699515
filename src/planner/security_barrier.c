/*-------------------------------------------------------------------------
 *
 * security_barrier.c
 *	  Lifts the tenant's qual out of the security barrier where that is safe.
 *
 * The rewriter puts the quals of policies into the securityQuals of a table's
 * range-table entry.  The planner evaluates those before any filter of the query
 * that is not leakproof, and does not let the latter use the table's statistics.
 *
 * If all filters of a query may be evaluated for every tenant's rows
 * (filter_check.c), the tenant's qual is moved from the securityQuals into the
 * join tree before the query is planned.  Filters may then use indexes and
 * statistics as in a query with a hand-written tenant_id = '...'.  Otherwise the
 * query is planned as PostgreSQL would plan it.  Either way the range-table entry
 * of each guarded table gets a note for EXPLAIN.
 *
 * The qual is added to the WHERE of the query level that the table is in, or to
 * the ON of a join that needs no row of the table that fails the qual.  An outer
 * join keeps all rows of one side: a qual on that side goes above the join, one on
 * the other side into ON.  Below FULL JOIN, which keeps all rows of both sides,
 * there is no such place.  A FromExpr over the table alone would do for the
 * planner, which makes such of sub-selects, but no parser makes one, and
 * extensions that plan a query from its text, or walk through its joins, do not
 * expect it.  There the barrier stays.  That costs little: no filter of the query
 * is pushed below a FULL JOIN that stays one.
 *
 * Query.hasRowSecurity stays set, so that a cached plan depends on the role as
 * before.
 *
 * The query is modified in place, as the planner itself does: callers that need
 * the query later plan a copy (plancache.c, explain.c).  Another copy would cost a
 * short statement more than all the rest of this module.
 *
 * The verdict depends on no value of a tenant or of a row, so the plan is good for
 * every tenant.  It depends on a parameter only if the planner has its value, and
 * then the plan is for that execution alone.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/string.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"

#include "catalog.h"
#include "constant.h"
#include "filter_check.h"
#include "guard.h"
#include "plan_refusals.h"
#include "security_barrier.h"
#include "settings.h"
#include "stack_reserve.h"
#include "tenant_qual.h"

#define TRUSTED	"trusted"

/* Follow the note of a table whose access path few_rows.c or approximate_index.c has chosen */
#define FEW_ROWS	"; the tenant's few rows are read"
#define EXACT_ROWS	"; the tenant's rows are read: an approximate index would return too few"

/*
 * The note is kept in ctename, which is not used for a table, which the planner
 * neither reads nor clears, and which copies of a plan preserve.
 */
#define NOTE_OF(rte)	((rte)->ctename)

/* ----------------------------------------------------------------
 *		Lifting the tenant's qual out of the security barrier
 * ----------------------------------------------------------------
 */

/* The outcome of placing a qual in a part of a join tree */
typedef enum Placement
{
	NOT_HERE,					/* the table is not in this part */
	ABOVE,						/* the qual must be placed above this part */
	NOWHERE,					/* the table is in this part, and there is no place for the qual */
	PLACED
} Placement;

static void
add_qual(Node **quals, Node *qual)
{
	*quals = make_and_qual(qual, *quals);
}

/* Places a qual on the rows of one side of a join in the join's ON, if that is possible. */
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

/* Places a qual on the rows of a table in the part of a join tree that contains the table. */
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
 * Lifts "qual", the tenant_qual() of table "rti", out of the security barrier.  The
 * folded constant of tenant_access is removed: any security qual would keep the
 * planner from using statistics.  Returns NULL, or what prevents it, to follow the
 * name of the table; nothing is changed then.
 */
static const char *
lift_out_of_barrier(Query *query, Index rti, Node *qual)
{
	RangeTblEntry *rte = list_nth(query->rtable, rti - 1);

	Assert(rte->rtekind == RTE_RELATION && rte->securityQuals != NIL && qual != NULL);
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

/* ----------------------------------------------------------------
 *		Before a query is planned
 * ----------------------------------------------------------------
 */

/* Lifts one table's qual, unless "reason" says why not.  Returns the note for EXPLAIN. */
static const char *
lift_table(Query *query, Index rti, const char *reason)
{
	RangeTblEntry *rte = list_nth(query->rtable, rti - 1);
	Node	   *qual = tenant_qual(rte, rti);
	const char *obstacle;

	if (qual == NULL && has_rows_of_everyone(rte->relid) && rti == query->resultRelation)
		return psprintf("behind the barrier: table %s has rows of everyone, which are not written",
						relation_name(rte->relid));
	if (qual == NULL)
		return psprintf("behind the barrier: table %s has policies of its own",
						relation_name(rte->relid));
	if (reason != NULL)
		return psprintf("behind the barrier: %s", reason);
	obstacle = lift_out_of_barrier(query, rti, qual);
	return obstacle == NULL ? TRUSTED :
		psprintf("behind the barrier: table %s %s", relation_name(rte->relid), obstacle);
}

/* Lifts the quals of all guarded tables of one query, unless "reason" says why not; sets the notes. */
static void
lift_query(Query *query, const char *reason)
{
	ListCell   *lc;
	Index		rti = 0;

	foreach(lc, query->rtable)
	{
		RangeTblEntry *rte = lfirst(lc);

		rti++;
		if (rte->rtekind == RTE_RELATION && rte->securityQuals != NIL &&
			guard_of(rte->relid).status == GUARD_WHOLE)
			NOTE_OF(rte) = pstrdup(lift_table(query, rti, reason));
	}
}

/* A tree walker: sets the notes in all queries of a tree, with the reason why no qual is lifted. */
static bool
note_reason(Node *node, void *reason)
{
	if (node == NULL)
		return false;
	if (IsA(node, Query))
	{
		lift_query((Query *) node, reason);
		return query_tree_walker((Query *) node, note_reason, reason, 0);
	}
	return expression_tree_walker(node, note_reason, reason);
}

/* Is this a statement without sub-selects and security quals, as most INSERTs are? */
static bool
has_no_barrier(const Query *query)
{
	ListCell   *lc;

	if (query->hasSubLinks || query->cteList != NIL)
		return false;
	foreach(lc, query->rtable)
	{
		const RangeTblEntry *rte = lfirst(lc);

		if (rte->securityQuals != NIL || rte->rtekind == RTE_SUBQUERY)
			return false;
	}
	return true;
}

/*
 * Lifts the tenant's quals of a query that is about to be planned, if its filters
 * are trusted.  "params" may be NULL.  Estimates call trusted filters with values
 * of all tenants from the statistics, so planning needs the stack reserve just as
 * execution does; without it an error is raised.  Returns PlanInvalItems for what
 * the plan depends on beyond what the planner finds in the modified query.
 */
List *
trust_filters(Query *query, ParamListInfo params)
{
	List	   *dependencies = NIL;
	FilterVerdict verdict;
	ListCell   *lc;

	if (!query->hasRowSecurity || query->commandType == CMD_UTILITY || has_no_barrier(query))
		return NIL;
	if (!setting_trusted_filters)
		verdict.reason = "tenant_guard.trusted_filters is off";
	else if (!stack_can_have_reserve())
		verdict.reason = "max_stack_depth is too low";
	else
	{
		verdict = check_filters(query, params);
		if (verdict.reason != NULL && verdict.unfolded)
		{
			dependencies = fold_query(query, params);
			verdict = check_filters(query, params);
		}
	}
	if (verdict.reason == NULL && !stack_has_reserve())
		raise_refusal(no_stack_for_filters());
	if (verdict.reason != NULL)
		(void) note_reason((Node *) query, unconstify(char *, verdict.reason));
	else
		foreach(lc, verdict.queries)
			lift_query(lfirst(lc), NULL);
	return dependencies;
}

/*
 * Returns the note of a guarded table, or of a partition or child that the planner
 * expanded it to; NULL for any other range-table entry.
 */
const char *
filter_note(const RangeTblEntry *rte)
{
	return rte->rtekind == RTE_RELATION ? NOTE_OF(rte) : NULL;
}

bool
has_filter_note(const RangeTblEntry *rte)
{
	return filter_note(rte) != NULL;
}

/* Was the tenant's qual of this table lifted out of the security barrier? */
bool
filters_are_trusted(const RangeTblEntry *rte)
{
	return has_filter_note(rte) && strncmp(NOTE_OF(rte), TRUSTED, strlen(TRUSTED)) == 0;
}

static void
append_to_note(RangeTblEntry *rte, const char *what)
{
	Assert(has_filter_note(rte));
	if (!pg_str_endswith(NOTE_OF(rte), what))
		NOTE_OF(rte) = psprintf("%s%s", NOTE_OF(rte), what);
}

/* Adds to the note of a table that its access path is our choice, because the tenant's rows are few. */
void
note_few_rows(RangeTblEntry *rte)
{
	append_to_note(rte, FEW_ROWS);
}

/* The same, because an approximate index would return too few of them. */
void
note_exact_rows(RangeTblEntry *rte)
{
	append_to_note(rte, EXACT_ROWS);
}

static bool
has_trusted_filters(const PlannedStmt *plan)
{
	ListCell   *lc;

	foreach(lc, plan->rtable)
		if (filters_are_trusted(lfirst(lc)))
			return true;
	return false;
}

/*
 * Raises an error if a plan with trusted filters is about to run where the stack
 * reserve is missing, perhaps because its caller nested functions deeply: an
 * error of a filter would depend on other tenants' rows.
 */
void
check_stack_for_trusted(const PlannedStmt *plan)
{
	if (!stack_has_reserve() && has_trusted_filters(plan))
		raise_refusal(no_stack_for_filters());
}
