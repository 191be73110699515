/*-------------------------------------------------------------------------
 *
 * few_rows.c
 *	  Reads a tenant's rows where they are few, rather than an index over all.
 *
 * Two guesses of the planner can be wrong by far.  A GIN, GiST or other index whose
 * keys are parts of values contains the rows of all tenants, and a search in it takes
 * much longer than the pages that it reads make it look.  And a query with ORDER BY and
 * LIMIT may follow an index in that order until enough rows of the tenant were found:
 * they may all be at its end.
 *
 * What the tenant's rows cost is bounded by their number, which ANALYZE has found.  So
 * where the tenant has few rows in a table, and an index that begins with the tenant
 * column finds them, the other access paths are dropped: they can lose much and win
 * little.  For a tenant with many rows the planner decides.
 *
 * The plan then depends on the share of the tenant, and is marked (tenant_kind.c).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_am.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "optimizer/paths.h"
#include "parser/parsetree.h"
#include "utils/lsyscache.h"
#include "utils/spccache.h"

#include "approximate_index.h"
#include "compat.h"
#include "few_rows.h"
#include "guard_policy.h"
#include "security_barrier.h"
#include "tenant_rows.h"

/* A tenant with at most so many rows in a table: statistics about the rows of all tenants say little about these. */
#define FEW				2000.0

/*
 * Does an index contain rows of all tenants in no order of theirs, and is it of a kind
 * for which the planner's estimate can be wrong by far?  A tree of ordered keys, or a hash
 * index, has statistics for its estimates.
 */
static inline bool
is_index_of_all(const IndexOptInfo *index, AttrNumber attnum)
{
	int			n;

	if (index->relam == BTREE_AM_OID || index->relam == HASH_AM_OID)
		return false;
	if (attnum == 0)
		return true;
	n = has_column_order(index) ? 1 : index->nkeycolumns;
	for (int i = 0; i < n; i++)
		if (index->indexkeys[i] == attnum)
			return false;
	return true;
}

static bool
has_index_of_all(const RelOptInfo *rel, AttrNumber attnum)
{
	ListCell   *lc;

	foreach(lc, rel->indexlist)
		if (is_index_of_all(lfirst(lc), attnum))
			return true;
	return false;
}

/* ----------------------------------------------------------------
 *		What reading them costs
 * ----------------------------------------------------------------
 */

/*
 * Returns how many rows of a tenant are read in the time of a search for some keys in
 * an index of all.
 *
 * The planner estimates such a search by the pages that it reads.  What takes the time
 * is the postings, the lists of rows that have a key: the lists are merged, and for each
 * row on any of them all keys are looked at.  Nothing says how long they are, from one row
 * to all: the geometric mean of these is assumed, which errs by the same factor either way.
 *
 * The constants are measured: to begin a search takes as long as to read 25 rows, and 20
 * postings as long as one row.
 */
static double
rows_for_search(double keys, double total)
{
	return 25 * keys + keys * keys * sqrt(total) / 20;
}

/*
 * Returns how many keys a scan looks up in an index.  GIN's cost to begin the scan is
 * that of the pages from the root to each key, three or four.
 */
static double
keys_of_scan(const IndexPath *path)
{
	double		page_cost;

	if (path->indexinfo->relam != GIN_AM_OID)
		return 1;
	get_tablespace_page_costs(path->indexinfo->reltablespace, &page_cost, NULL);
	return page_cost > 0 ? Max(rint(path->path.startup_cost / page_cost / 3), 1) : 1;
}

static void
count_keys(const Path *path, AttrNumber attnum, double *keys)
{
	ListCell   *lc;

	switch (nodeTag(path))
	{
		case T_IndexPath:
			if (is_index_of_all(((const IndexPath *) path)->indexinfo, attnum))
				*keys += keys_of_scan((const IndexPath *) path);
			break;
		case T_BitmapHeapPath:
			count_keys(((const BitmapHeapPath *) path)->bitmapqual, attnum, keys);
			break;
		case T_BitmapAndPath:
			foreach(lc, ((const BitmapAndPath *) path)->bitmapquals)
				count_keys(lfirst(lc), attnum, keys);
			break;
		case T_BitmapOrPath:
			foreach(lc, ((const BitmapOrPath *) path)->bitmapquals)
				count_keys(lfirst(lc), attnum, keys);
			break;
		default:
			break;
	}
}

/* Returns how many keys of indexes of all a path looks up; 0 if it uses none. */
static double
keys_of_path(const Path *path, AttrNumber attnum)
{
	double		keys = 0;

	count_keys(path, attnum, &keys);
	return keys;
}

/* ----------------------------------------------------------------
 *		Indexes over the rows of all tenants
 * ----------------------------------------------------------------
 */

/* The predicate of an index that is hidden from the planner */
static bool
is_hidden(const IndexOptInfo *index)
{
	const Const *predicate = index->indpred == NIL ? NULL : linitial(index->indpred);

	return predicate != NULL && IsA(predicate, Const) && !predicate->constisnull && !DatumGetBool(predicate->constvalue);
}

/* Are the tenant's rows read for less than the table's pages, by the planner's costs of pages? */
static bool
are_cheaper_than_table(const RelOptInfo *rel, const TenantRows *tenant)
{
	double		random_page,
				seq_page;

	get_tablespace_page_costs(rel->reltablespace, &random_page, &seq_page);
	return Max(tenant->rows, 1) * random_page <= rel->pages * seq_page;
}

/*
 * Called for a RelOptInfo that get_relation_info() has just filled.  If the tenant has so
 * few rows that no search in an index of all is worth it, hides such indexes: the planner
 * uses no index whose predicate the query does not imply.  What it then need not estimate
 * takes longer than to read the rows.
 */
void
hide_indexes_of_all(const PlannerInfo *root, const RelOptInfo *rel)
{
	const RangeTblEntry *rte = planner_rt_fetch(rel->relid, root);
	TenantRows	tenant;
	ListCell   *lc;

	if (!has_paths_to_choose(rel, rte) || !filters_are_trusted(rte) || !has_index_of_all(rel, 0) || !find_tenant_rows(root, rel, &tenant) ||
		tenant.rows > rows_for_search(1, tenant.total) || !are_cheaper_than_table(rel, &tenant) ||
		!has_index_of_tenant(rel, tenant.attnum))
		return;
	foreach(lc, rel->indexlist)
	{
		IndexOptInfo *index = lfirst(lc);

		if (is_index_of_all(index, tenant.attnum))
			index->indpred = list_make1(makeBoolConst(false, false));
	}
}

/* Does an operator have a column of an index as an operand, and is it in the column's operator family, for conditions or for ORDER BY? */
static bool
serves_operator(const IndexOptInfo *index, Oid opno, const List *operands, bool order)
{
	ListCell   *lc;

	for (int i = 0; i < index->nkeycolumns; i++)
	{
		if (order ? !OidIsValid(get_op_opfamily_sortfamily(opno, index->opfamily[i])) : !op_in_opfamily(opno, index->opfamily[i]))
			continue;
		foreach(lc, operands)
		{
			const Var  *var = (const Var *) strip_relabel(lfirst(lc));

			if (index->indexkeys[i] == 0 || (IsA(var, Var) && var->varattno == index->indexkeys[i]))
				return true;
		}
	}
	return false;
}

static bool
serves_walker(Node *node, void *index)
{
	if (node == NULL)
		return false;
	if (IsA(node, OpExpr) && serves_operator(index, ((OpExpr *) node)->opno, ((OpExpr *) node)->args, false))
		return true;
	if (IsA(node, ScalarArrayOpExpr) && serves_operator(index, ((ScalarArrayOpExpr *) node)->opno, ((ScalarArrayOpExpr *) node)->args, false))
		return true;
	return expression_tree_walker(node, serves_walker, index);
}

static bool
serves_one_of(const IndexOptInfo *index, const List *conditions)
{
	ListCell   *lc;

	foreach(lc, conditions)
		if (serves_walker((Node *) lfirst_node(RestrictInfo, lc)->clause, unconstify(IndexOptInfo *, index)))
			return true;
	return false;
}

/* Does an index return rows in the order that a query asks for: by a distance? */
static bool
serves_order(const IndexOptInfo *index, const List *pathkeys)
{
	const EquivalenceClass *first = pathkeys == NIL ? NULL : linitial_node(PathKey, pathkeys)->pk_eclass;
	ListCell   *lc;

	if (index->amcanorderbyop && first != NULL)
		foreach(lc, first->ec_members)
		{
			const OpExpr *distance = (const OpExpr *) ((const EquivalenceMember *) lfirst(lc))->em_expr;

			if (IsA(distance, OpExpr) && serves_operator(index, distance->opno, distance->args, true))
				return true;
		}
	return false;
}

/* Would the planner have considered an index that is hidden, for a filter, a join or ORDER BY? */
static bool
misses_hidden_index(const PlannerInfo *root, const RelOptInfo *rel)
{
	ListCell   *lc;

	foreach(lc, rel->indexlist)
		if (is_hidden(lfirst(lc)) &&
			(serves_one_of(lfirst(lc), rel->baserestrictinfo) || serves_one_of(lfirst(lc), rel->joininfo) || serves_order(lfirst(lc), root->query_pathkeys)))
			return true;
	return false;
}

/* Returns the fewest keys of indexes of all that a path looks up, of those that need no other table's rows; 0 if there is none. */
static double
keys_of_paths(const RelOptInfo *rel, AttrNumber attnum)
{
	double		fewest = 0;
	ListCell   *lc;

	foreach(lc, rel->pathlist)
	{
		const Path *path = lfirst(lc);
		double		keys = path->param_info != NULL ? 0 : keys_of_path(path, attnum);

		if (keys > 0 && (fewest == 0 || keys < fewest))
			fewest = keys;
	}
	return fewest;
}

/* Are all access paths of a table of the kinds that make_paths() makes? */
static bool
has_plain_paths_only(const RelOptInfo *rel)
{
	ListCell   *lc;

	foreach(lc, rel->pathlist)
	{
		const Path *path = lfirst(lc);

		if (!IsA(path, IndexPath) && !IsA(path, BitmapHeapPath) && path->pathtype != T_SeqScan)
			return false;
	}
	return true;
}

/* Is the cheapest of the paths that need no other table's rows one that begins with the tenant? */
static bool
path_of_tenant_is_cheapest(const RelOptInfo *rel, AttrNumber attnum)
{
	const Path *cheapest = NULL;
	ListCell   *lc;

	foreach(lc, rel->pathlist)
	{
		const Path *path = lfirst(lc);

		if (path->param_info == NULL && (cheapest == NULL || path->total_cost < cheapest->total_cost))
			cheapest = path;
	}
	return cheapest != NULL && begins_with_tenant(cheapest, attnum);
}

/*
 * Replaces the access paths of a table by those that use no index of all.  Returns false,
 * and changes nothing, if the cheapest of them does not begin with the tenant.  Paths that
 * look up, in an index of all, what another table's row says are kept.
 */
static bool
exchange_paths(PlannerInfo *root, RelOptInfo *rel, AttrNumber attnum)
{
	List	   *paths = rel->pathlist;
	List	   *partial = rel->partial_pathlist;
	List	   *indexes = NIL;
	ListCell   *lc;

	foreach(lc, rel->indexlist)
		if (!is_index_of_all(lfirst(lc), attnum))
			indexes = lappend(indexes, lfirst(lc));
	make_paths(root, rel, indexes);
	if (!path_of_tenant_is_cheapest(rel, attnum))
	{
		rel->pathlist = paths;
		rel->partial_pathlist = partial;
		return false;
	}
	foreach(lc, paths)
	{
		Path	   *path = lfirst(lc);

		if (path->param_info != NULL && keys_of_path(path, attnum) > 0)
			add_path(rel, path);
	}
	return true;
}

/* Reads the tenant's rows if they are read faster than an index of all is searched. */
static void
replace_indexes_of_all(PlannerInfo *root, RelOptInfo *rel, RangeTblEntry *rte, const TenantRows *tenant)
{
	double		keys = keys_of_paths(rel, tenant->attnum);
	double		limit = rows_for_search(Max(keys, 1), tenant->total);

	if (keys > 0 && filters_are_trusted(rte) && has_plain_paths_only(rel) && has_index_of_tenant(rel, tenant->attnum) &&
		(tenant->rows > limit || exchange_paths(root, rel, tenant->attnum)))
	{
		note_kind(root, tenant, limit);
		if (tenant->rows <= limit)
			note_few_rows(rte);
	}
}

/* ----------------------------------------------------------------
 *		Indexes in the order of the result
 * ----------------------------------------------------------------
 */

/* Returns the cost of the cheapest path that begins with the tenant and of sorting its rows; 0 if there is no such path. */
static Cost
cost_of_sorted_rows(const RelOptInfo *rel, AttrNumber attnum)
{
	Cost		cheapest = 0;
	ListCell   *lc;

	foreach(lc, rel->pathlist)
	{
		const Path *path = lfirst(lc);

		if (path->param_info == NULL && begins_with_tenant(path, attnum) && (cheapest == 0 || path->total_cost < cheapest))
			cheapest = path->total_cost;
	}
	return cheapest == 0 ? 0 : cheapest + 2 * cpu_operator_cost * rel->rows * log2(Max(rel->rows, 2));
}

/*
 * Does a path read the rows of all tenants in an order that the query may have asked for?
 * An approximate index reads no more rows than it would for a tenant who has all.
 */
static bool
is_walk(const Path *path, AttrNumber attnum)
{
	return IsA(path, IndexPath) && path->pathkeys != NIL && path->param_info == NULL && !begins_with_tenant(path, attnum) &&
		!is_approximate(((const IndexPath *) path)->indexinfo);
}

/* Returns what such a path costs until LIMIT is reached, if the tenant's rows are spread evenly, as the planner assumes. */
static Cost
guessed_cost_of_walk(const PlannerInfo *root, const Path *path)
{
	return path->startup_cost + Min(root->limit_tuples / Max(path->rows, 1), 1) * (path->total_cost - path->startup_cost);
}

/* Returns the geometric mean of that and of what it costs if the last of the tenant's rows is at the end. */
static Cost
cost_of_walk(const PlannerInfo *root, const Path *path)
{
	return sqrt(guessed_cost_of_walk(root, path) * path->total_cost);
}

/* Returns the paths without those that read all tenants' rows in order and cost more than "cost". */
static List *
without_walks(const PlannerInfo *root, List *paths, AttrNumber attnum, Cost cost)
{
	List	   *others = NIL;
	ListCell   *lc;

	foreach(lc, paths)
		if (!is_walk(lfirst(lc), attnum) || cost_of_walk(root, lfirst(lc)) < cost)
			others = lappend(others, lfirst(lc));
	return others;
}

/* Drops the paths of a query with LIMIT that might read the rows of all tenants, if those of the tenant are few. */
static void
drop_walks(const PlannerInfo *root, RelOptInfo *rel, RangeTblEntry *rte, const TenantRows *tenant)
{
	Cost		cost = root->limit_tuples > 0 ? cost_of_sorted_rows(rel, tenant->attnum) : 0;
	ListCell   *lc;

	if (cost <= 0)
		return;
	foreach(lc, rel->pathlist)
		if (is_walk(lfirst(lc), tenant->attnum))
		{
			double		factor = cost_of_walk(root, lfirst(lc)) / cost;

			note_kind(root, tenant, Max(tenant->rows, 1) * factor);
			if (factor >= 1 && guessed_cost_of_walk(root, lfirst(lc)) < cost)
				note_few_rows(rte);
		}
	rel->pathlist = without_walks(root, rel->pathlist, tenant->attnum, cost);
	rel->partial_pathlist = without_walks(root, rel->partial_pathlist, tenant->attnum, cost);
}

/*
 * Might there be a path to drop?  The statistics of tenants need not be read if not: what
 * is asked here of any column is asked of the tenant's later.
 */
static bool
has_doubtful_paths(const PlannerInfo *root, const RelOptInfo *rel)
{
	ListCell   *lc;

	foreach(lc, rel->indexlist)
		if (is_hidden(lfirst(lc)))
			return true;
	if (keys_of_paths(rel, 0) > 0)
		return true;
	if (root->limit_tuples > 0)
		foreach(lc, rel->pathlist)
			if (is_walk(lfirst(lc), 0))
				return true;
	return false;
}

/* Called for a table when all its access paths have been made. */
void
prefer_few_rows(PlannerInfo *root, RelOptInfo *rel, RangeTblEntry *rte)
{
	TenantRows	tenant;

	if (!has_paths_to_choose(rel, rte) || !has_doubtful_paths(root, rel) || !find_tenant_rows(root, rel, &tenant))
		return;
	if (misses_hidden_index(root, rel))
	{
		note_kind(root, &tenant, rows_for_search(1, tenant.total));
		note_few_rows(rte);
	}
	else
		replace_indexes_of_all(root, rel, rte, &tenant);
	drop_walks(root, rel, rte, &tenant);
}

/* ----------------------------------------------------------------
 *		Statistics
 * ----------------------------------------------------------------
 */

/* Is a column in an index of all? */
static bool
is_in_index_of_all(const RelOptInfo *rel, AttrNumber attnum)
{
	ListCell   *lc;

	foreach(lc, rel->indexlist)
	{
		const IndexOptInfo *index = lfirst(lc);

		if (is_index_of_all(index, 0))
			for (int i = 0; i < index->nkeycolumns; i++)
				if (index->indexkeys[i] == attnum)
					return true;
	}
	return false;
}

/*
 * Are the statistics of a column to be ignored?  Operators that a GIN index serves are
 * estimated by calling them for each value in the statistics: for a similarity and a large
 * statistics target that takes as long as to call them for thousands of rows.  So where the
 * tenant has few rows it is not done.
 */
bool
ignores_statistics(const PlannerInfo *root, const RangeTblEntry *rte, AttrNumber attnum)
{
	const RelOptInfo *rel;
	TenantRows	tenant;

	if (rte->rtekind != RTE_RELATION || !has_filter_note(rte) || (rel = table_of_entry(root, rte)) == NULL ||
		!has_paths_to_choose(rel, rte) || !is_in_index_of_all(rel, attnum) || !filters_are_trusted(rte) ||
		!find_tenant_rows(root, rel, &tenant) || attnum == tenant.attnum || tenant.rows > FEW || !has_index_of_tenant(rel, tenant.attnum))
		return false;
	note_kind(root, &tenant, FEW);
	return true;
}
