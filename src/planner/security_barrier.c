/*-------------------------------------------------------------------------
 *
 * security_barrier.c
 *	  Lets trusted filters of a query be as fast as without a guard.
 *
 * Before a query is planned: where all its filters may be trusted with every
 * tenant's rows (filter_check.c), the tenant's qual leaves the security barrier
 * (barrier.c) and stands beside them, so that they may use indexes and
 * statistics as in a query with a hand-written tenant_id = '...'.  Otherwise
 * the query is planned as PostgreSQL would.  Either way each guarded table's
 * range-table entry carries a note for EXPLAIN.
 *
 * The query is changed as the planner itself changes it: whoever wants to keep
 * one plans a copy (plancache.c, explain.c).  A copy of our own would cost a
 * short statement more than all the rest of this.
 *
 * No value of a tenant or of a row takes part in the verdict: a plan made
 * after it serves every tenant.  A parameter takes part only if the planner
 * has its value, and then the plan is for that execution alone.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "nodes/nodeFuncs.h"

#include "barrier.h"
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

/*
 * The note goes into a field that says nothing of a table, that the planner
 * neither reads nor clears, and that copies of a plan keep.
 */
#define NOTE_OF(rte)	((rte)->ctename)

static const char *
note_of_table(Query *query, Index rti, const char *objection)
{
	RangeTblEntry *rte = list_nth(query->rtable, rti - 1);
	Node	   *qual = tenant_qual(rte, rti);
	const char *in_the_way;

	if (qual == NULL)
		return psprintf("behind the barrier: table %s has policies of its own",
						relation_name(rte->relid));
	if (objection != NULL)
		return psprintf("behind the barrier: %s", objection);
	in_the_way = lift_out_of_barrier(query, rti, qual);
	return in_the_way == NULL ? TRUSTED :
		psprintf("behind the barrier: table %s %s", relation_name(rte->relid), in_the_way);
}

/* Lowers the barriers of one query, unless there is an objection; notes which. */
static void
treat_query(Query *query, const char *objection)
{
	ListCell   *lc;
	Index		rti = 0;

	foreach(lc, query->rtable)
	{
		RangeTblEntry *rte = lfirst(lc);

		rti++;
		if (rte->rtekind == RTE_RELATION && rte->securityQuals != NIL &&
			guard_of(rte->relid).status == GUARD_WHOLE)
			NOTE_OF(rte) = pstrdup(note_of_table(query, rti, objection));
	}
}

/* Notes an objection in all queries of a tree. */
static bool
treat_all(Node *node, void *objection)
{
	if (node == NULL)
		return false;
	if (IsA(node, Query))
	{
		treat_query((Query *) node, objection);
		return query_tree_walker((Query *) node, treat_all, objection, 0);
	}
	return expression_tree_walker(node, treat_all, objection);
}

/* Is this a statement on one table that has no barrier, as most INSERTs are? */
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
 * Makes of a query that is about to be planned one that can be planned better.
 * Estimates call trusted filters with what the statistics hold of all tenants,
 * so planning needs the room that running does.  Returns what the plan depends
 * on beside what the planner finds in the changed query, as PlanInvalItems.
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
		(void) treat_all((Node *) query, unconstify(char *, verdict.reason));
	else
		foreach(lc, verdict.queries)
			treat_query(lfirst(lc), NULL);
	return dependencies;
}

/*
 * What was noted of a table that had the tenant's qual, or of a part of one; NULL for any other entry of a range
 * table.
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

/* Do the filters of this table of a plan stand beside the tenant's? */
bool
filters_are_trusted(const RangeTblEntry *rte)
{
	return has_filter_note(rte) && strcmp(NOTE_OF(rte), TRUSTED) == 0;
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
 * A plan is about to run, perhaps deep in functions of its caller's: its
 * trusted filters must not fail there for a row's sake.
 */
void
check_stack_for_trusted(const PlannedStmt *plan)
{
	if (!stack_has_reserve() && has_trusted_filters(plan))
		raise_refusal(no_stack_for_filters());
}
