/*-------------------------------------------------------------------------
 *
 * self_join.c
 *	  Joins of a guarded table with itself that the planner must not take for one scan.
 *
 * From 18 on the planner replaces the join of a table with itself by a key by one
 * scan, and moves the filters of the entry that goes to the one that stays.  Row-level
 * security may bind who reads the one and not who reads the other, through a view
 * that bypasses on purpose:
 *
 *		SELECT p.body FROM ids_of_all_tenants s JOIN notes p USING (id) WHERE p.tenant_id = ...
 *
 * Where the view's entry stays, nothing says any more that the scan is a tenant's,
 * and tenant_qual_first.c does not put the tenant's qual into it.  So the planner is not
 * told there that the table has a key: it looks for one last before it drops the join.
 * (enable_self_join_elimination is no help: functions that the query's writer wrote
 * run while a query is planned, and may set it.)
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"

#include "compat.h"
#include "guard.h"
#include "security_barrier.h"
#include "self_join.h"

/* Does the entry of a guarded table have the tenant's qual?  One of a function in SQL has no note. */
static bool
is_read_as_tenant(const RangeTblEntry *rte)
{
	return has_filter_note(rte) || rte->securityQuals != NIL;
}

/* Is the same table read by another entry of the query, and only one of them as the tenant's?  What is written stays. */
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

/* For a table of a query, of which the planner has just learned what there is to know. */
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
	/* what is not enforced at once proves nothing */
	foreach(lc, rel->indexlist)
		((IndexOptInfo *) lfirst(lc))->immediate = false;
}
