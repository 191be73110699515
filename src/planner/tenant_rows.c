/*-------------------------------------------------------------------------
 *
 * tenant_rows.c
 *	  How many rows of a table the tenant has, and which access paths read only those.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_am.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "optimizer/paths.h"
#include "parser/parsetree.h"
#include "utils/lsyscache.h"

#include "compat.h"
#include "current_tenant.h"
#include "guard.h"
#include "security_barrier.h"
#include "settings.h"
#include "tenant_kind.h"
#include "tenant_rows.h"
#include "tenant_type.h"

/* Returns the range-table index of the table in FROM that the planner has expanded to this partition or child. */
static Index
table_in_from(const PlannerInfo *root, Index rti)
{
	const AppendRelInfo *child = root->append_rel_array == NULL ? NULL : root->append_rel_array[rti];

	if (child == NULL || planner_rt_fetch(child->parent_relid, root)->rtekind != RTE_RELATION)
		return rti;
	return table_in_from(root, child->parent_relid);
}

/* Returns the table of a range-table entry, or NULL. */
RelOptInfo *
table_of_entry(const PlannerInfo *root, const RangeTblEntry *rte)
{
	for (int i = 1; i < root->simple_rel_array_size; i++)
		if (root->simple_rte_array[i] == rte)
			return root->simple_rel_array[i];
	return NULL;
}

/*
 * Finds out how many rows of a table the transaction's tenant has.  Returns false if
 * that is not known, or the policies' quals are none that an index can serve.
 */
bool
find_tenant_rows(const PlannerInfo *root, const RelOptInfo *rel, TenantRows *found)
{
	const RangeTblEntry *rte = planner_rt_fetch(rel->relid, root);
	const RangeTblEntry *whole = planner_rt_fetch(table_in_from(root, rel->relid), root);
	Guard		guard = guard_of(whole->relid);
	const TenantValue *tenant;
	ShareKey	part;
	double		share;

	if (guard.status != GUARD_WHOLE || guard.shape != SHAPE_TENANT_COLUMN || rel->tuples <= 0 ||
		(tenant = tenant_of_transaction()) == NULL)
		return false;
	found->whole = (ShareKey) {whole->relid, guard.attnum, whole->inh};
	found->attnum = whole == rte ? guard.attnum : get_attnum(rte->relid, get_attname(whole->relid, guard.attnum, false));
	part = (ShareKey) {rte->relid, found->attnum, false};
	share = tenant_share(&part, tenant);
	found->share = whole == rte ? share : tenant_share(&found->whole, tenant);
	found->total = rel->tuples;
	found->rows = share * rel->tuples;
	return share >= 0;
}

/* Is the relation one whose access paths may be ours to choose? */
bool
has_paths_to_choose(const RelOptInfo *rel, const RangeTblEntry *rte)
{
	return setting_small_tenant_paths && rel->rtekind == RTE_RELATION && !rte->inh && rel->indexlist != NIL && has_filter_note(rte);
}

/*
 * Notes in the plan that it is good for tenants on one side of a number of rows: those
 * with fewer, if this one has at most as many, else those with more.
 */
void
note_kind(const PlannerInfo *root, const TenantRows *tenant, double limit)
{
	double		boundary = tenant->share > 0 && tenant->rows > 0 ? tenant->share * limit / tenant->rows : limit / tenant->total;

	note_kind_of_plan(root->glob, &tenant->whole, boundary, tenant->rows <= limit);
}

/* ----------------------------------------------------------------
 *		Which paths read whose rows
 * ----------------------------------------------------------------
 */

/* Is this the tenant column and a value that is no column? */
static bool
is_tenant_and_value(Node *column, Node *value, AttrNumber attnum)
{
	const Var  *var = (const Var *) strip_relabel(column);

	return var != NULL && IsA(var, Var) && var->varattno == attnum && var->varlevelsup == 0 && !contain_var_clause(value);
}

/* Is a condition of an index a comparison of the tenant column with a value? */
static bool
is_of_tenant(const RestrictInfo *condition, AttrNumber attnum)
{
	const OpExpr *op = (const OpExpr *) condition->clause;

	return IsA(op, OpExpr) && list_length(op->args) == 2 && is_tenant_equality(op->opno) &&
		(is_tenant_and_value(linitial(op->args), lsecond(op->args), attnum) ||
		 is_tenant_and_value(lsecond(op->args), linitial(op->args), attnum));
}

/* The columns of a GIN index are searched one by one, in no order. */
bool
has_column_order(const IndexOptInfo *index)
{
	return index->relam != GIN_AM_OID;
}

/* Does an index scan visit the entries of one tenant only? */
static bool
index_begins_with_tenant(const IndexPath *path, AttrNumber attnum)
{
	ListCell   *lc;

	foreach(lc, path->indexclauses)
	{
		const IndexClause *clause = lfirst_node(IndexClause, lc);

		if (clause->indexcol > 0 && has_column_order(path->indexinfo))
			return false;
		if (is_of_tenant(clause->rinfo, attnum))
			return true;
	}
	return false;
}

/* Does the table have an index that begins with the tenant, and all rows? */
bool
has_index_of_tenant(const RelOptInfo *rel, AttrNumber attnum)
{
	ListCell   *lc;

	foreach(lc, rel->indexlist)
	{
		const IndexOptInfo *index = lfirst(lc);

		if (index->relam == BTREE_AM_OID && index->indpred == NIL && index->indexkeys[0] == attnum)
			return true;
	}
	return false;
}

/* Does a path visit the rows of one tenant only? */
bool
begins_with_tenant(const Path *path, AttrNumber attnum)
{
	ListCell   *lc;

	switch (nodeTag(path))
	{
		case T_IndexPath:
			return index_begins_with_tenant((const IndexPath *) path, attnum);
		case T_BitmapHeapPath:
			return begins_with_tenant(((const BitmapHeapPath *) path)->bitmapqual, attnum);
		case T_BitmapAndPath:
			foreach(lc, ((const BitmapAndPath *) path)->bitmapquals)
				if (begins_with_tenant(lfirst(lc), attnum))
					return true;
			return false;
		case T_BitmapOrPath:
			foreach(lc, ((const BitmapOrPath *) path)->bitmapquals)
				if (!begins_with_tenant(lfirst(lc), attnum))
					return false;
			return true;
		default:
			return false;
	}
}

/* Makes the access paths of a table from some of its indexes, as set_plain_rel_pathlist() in allpaths.c does. */
void
make_paths(PlannerInfo *root, RelOptInfo *rel, List *indexes)
{
	List	   *all = rel->indexlist;
	int			workers;

	rel->pathlist = rel->partial_pathlist = NIL;
	add_path(rel, create_seqscan_path(root, rel, rel->lateral_relids, 0));
	if (rel->consider_parallel && rel->lateral_relids == NULL &&
		(workers = compute_parallel_worker(rel, rel->pages, -1, max_parallel_workers_per_gather)) > 0)
		add_partial_path(rel, create_seqscan_path(root, rel, NULL, workers));
	rel->indexlist = indexes;
	create_index_paths(root, rel);
	rel->indexlist = all;
}
