/*-------------------------------------------------------------------------
 *
 * self_join.c
 *	  Keeps the planner from removing some self-joins of guarded tables.
 *
 * From 18 on the planner replaces a self-join on a unique key by one scan, and moves
 * the filters of the range-table entry that it removes to the one that stays.
 * Row-level security may apply to one of the two and not to the other, if that is read
 * through a view that bypasses on purpose:
 *
 *		SELECT p.body FROM ids_of_all_tenants s JOIN notes p USING (id) WHERE p.tenant_id = ...
 *
 * If the view's entry stays, the scan is no longer known to be a tenant's, and
 * tenant_qual_first.c does not put the tenant's qual into it.  So for such entries the
 * table's indexes are hidden from the proof of uniqueness, without which the planner
 * keeps the join.  (Setting enable_self_join_elimination would not do: functions of the
 * query's author run while a query is planned, and may set it.)
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"

#include "compat.h"
#include "guard.h"
#include "security_barrier.h"
#include "self_join.h"

/* Does row-level security apply to the entry of a guarded table?  An entry of an inlined SQL function has no note. */
static bool
is_read_as_tenant(const RangeTblEntry *rte)
{
	return has_filter_note(rte) || rte->securityQuals != NIL;
}

/*
 * Does another entry of the query read the same guarded table, with row-level
 * security applied to only one of the two?  The planner never removes the result
 * relation.
 */
static bool
is_also_read_otherwise(const Query *query, const RangeTblEntry *rte)
{
	Index		rti = 0;
	ListCell   *lc;

	foreach(lc, query->rtable)
	{
		const RangeTblEntry *other = lfirst(lc);

		rti++;
		if (rti != query->resultRelation && other->rtekind == RTE_RELATION && other->relkind == RELKIND_RELATION &&
			other->relid == rte->relid && is_read_as_tenant(other) != is_read_as_tenant(rte))
			return guard_of(rte->relid).status != GUARD_NONE;
	}
	return false;
}

/* Called for a RelOptInfo that get_relation_info() has just filled. */
void
keep_self_joins(const Query *query, RelOptInfo *rel)
{
	const RangeTblEntry *rte;
	ListCell   *lc;

	if (rel->reloptkind != RELOPT_BASEREL || rel->indexlist == NIL || list_length(query->rtable) < 2 ||
		rel->relid == query->resultRelation)
		return;
	rte = list_nth(query->rtable, rel->relid - 1);
	if (rte->rtekind != RTE_RELATION || !is_also_read_otherwise(query, rte))
		return;
	/* an index that is not enforced immediately proves no uniqueness */
	foreach(lc, rel->indexlist)
		((IndexOptInfo *) lfirst(lc))->immediate = false;
}
