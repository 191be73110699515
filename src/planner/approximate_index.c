/*-------------------------------------------------------------------------
 *
 * approximate_index.c
 *	  Reads a tenant's rows where an approximate index would return too few.
 *
 * An index for nearest neighbours, such as pgvector's HNSW and IVFFlat, does not
 * return all rows in the order of their distance, but a number of candidates, 40 by
 * default.  The filter of the tenant then removes those of other tenants: of a tenant
 * that has one row in a hundred, a query with LIMIT 10 returns none, or one.
 *
 * The tenant's share of the table times the number of candidates says how many rows to
 * expect.  Where they are too few, the access paths by such an index are dropped: the
 * tenant's rows are read by an index that begins with the tenant column, and sorted.
 *
 * PostgreSQL has no property that says "approximate".  What these access methods have in
 * common is that their operators serve ORDER BY alone: there is no condition for which
 * they find all rows.  So they have no bitmap scan, while GiST and SP-GiST, whose order
 * is exact, have one.  How many candidates there are is read from settings whose names
 * begin with that of the access method, as pgvector's do.  Without such a setting nothing
 * is known of a limit, and nothing is changed.
 *
 * A cached plan with such a choice depends on the tenant's share (tenant_kind.c) and on
 * these settings.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "access/reloptions.h"
#include "catalog/pg_class.h"
#include "commands/defrem.h"
#include "nodes/parsenodes.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "utils/syscache.h"

#include "approximate_index.h"
#include "compat.h"
#include "current_tenant.h"
#include "method_settings.h"
#include "security_barrier.h"
#include "tenant_plan.h"
#include "tenant_rows.h"

/* A tenant with this share of a table has the plan of the hand-written query: at most one candidate in ten is another's. */
#define NEARLY_ALL			0.9

/* So many standard deviations below the expected number of rows there must still be enough. */
#define DEVIATIONS			3.0

/* The number of lists of an IVFFlat index whose definition does not have it */
#define DEFAULT_LISTS		100.0

bool
is_approximate(const IndexOptInfo *index)
{
	return index->amcanorderbyop && index->sortopfamily == NULL && index->amoptionalkey && index->amhasgettuple && !index->amhasgetbitmap;
}

/* ----------------------------------------------------------------
 *		How many rows such an index returns
 * ----------------------------------------------------------------
 */

/* Does the index go on until the query has its rows? */
static bool
scan_is_iterative(const char *method)
{
	const char *value = method_setting(method, "iterative_scan");

	return value != NULL && strcmp(value, "off") != 0;
}

/* Returns the number of lists of an index, by its definition. */
static double
number_of_lists(Oid index)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(index));
	double		lists = DEFAULT_LISTS;
	bool		isnull;
	Datum		options;
	ListCell   *lc;

	if (!HeapTupleIsValid(tuple))
		return lists;
	options = SysCacheGetAttr(RELOID, tuple, Anum_pg_class_reloptions, &isnull);
	foreach(lc, isnull ? NIL : untransformRelOptions(options))
	{
		DefElem    *option = lfirst(lc);

		if (strcmp(option->defname, "lists") == 0)
			lists = Max(strtod(defGetString(option), NULL), 1);
	}
	ReleaseSysCache(tuple);
	return lists;
}

/* Returns how many rows, of all tenants, an index returns at most; 0 if it is not known to return less than all. */
static double
candidates_of(const IndexOptInfo *index)
{
	const char *method = get_am_name(index->relam);
	bool		iterative = scan_is_iterative(method);
	double		rows = Max(method_number(method, "ef_search"), iterative ? method_number(method, "max_scan_tuples") : 0);
	double		probes = Max(method_number(method, "probes"), iterative ? method_number(method, "max_probes") : 0);

	if (rows == 0 && probes > 0)
		rows = index->tuples * probes / number_of_lists(index->indexoid);
	return rows < index->tuples ? rows : 0;
}

/*
 * Returns the share of a table that a tenant must have to find "rows" rows, almost
 * surely, among so many candidates: the upper bound of Wilson's interval.
 */
static double
share_to_find(double rows, double candidates)
{
	double		square = DEVIATIONS * DEVIATIONS;

	rows = Min(rows, candidates);
	return (rows + square / 2 + DEVIATIONS * sqrt(rows * (1 - rows / candidates) + square / 4)) / (candidates + square);
}

/* Does an index have the rows of some tenants only, by its predicate? */
static bool
is_of_some_tenants(const IndexOptInfo *index, AttrNumber attnum)
{
	ListCell   *lc;

	foreach(lc, index->indpred == NIL ? NIL : pull_var_clause((Node *) index->indpred, 0))
		if (lfirst_node(Var, lc)->varattno == attnum)
			return true;
	return false;
}

static const IndexOptInfo *
approximate_index_of(const Path *path)
{
	const IndexOptInfo *index = IsA(path, IndexPath) ? ((const IndexPath *) path)->indexinfo : NULL;

	return index != NULL && is_approximate(index) ? index : NULL;
}

/*
 * Returns the share of a table that a tenant must have for the approximate index of an
 * access path to return enough rows; 0 if it does for any.  Without LIMIT, or where the
 * planner does not know it, no number is enough.
 */
static double
share_for_path(const PlannerInfo *root, const Path *path)
{
	const IndexOptInfo *index = approximate_index_of(path);
	double		candidates = index == NULL ? 0 : candidates_of(index);

	return candidates == 0 ? 0 : Min(share_to_find(root->limit_tuples > 0 ? root->limit_tuples : candidates, candidates), NEARLY_ALL);
}

/* ----------------------------------------------------------------
 *		Access paths
 * ----------------------------------------------------------------
 */

static bool
has_approximate_path(const RelOptInfo *rel)
{
	ListCell   *lc;

	foreach(lc, rel->pathlist)
		if (approximate_index_of(lfirst(lc)) != NULL)
			return true;
	return false;
}

/*
 * Returns the share of a table that a tenant must have for all approximate indexes of all
 * tenants among the access paths to return enough rows; 0 if there are none.  Notes on
 * whose settings the plan depends.
 */
static double
share_for_paths(const PlannerInfo *root, const RelOptInfo *rel, AttrNumber attnum)
{
	double		largest = 0;
	ListCell   *lc;

	foreach(lc, rel->pathlist)
	{
		const IndexOptInfo *index = approximate_index_of(lfirst(lc));

		if (index == NULL || is_of_some_tenants(index, attnum))
			continue;
		note_method(root->glob, get_am_name(index->relam));
		largest = Max(largest, share_for_path(root, lfirst(lc)));
	}
	return largest;
}

/* Is this a path that make_paths() does not make: another library's, or by row identifiers? */
static bool
is_other_path(const Path *path)
{
	return !IsA(path, IndexPath) && !IsA(path, BitmapHeapPath) && path->pathtype != T_SeqScan;
}

/* Replaces the access paths of a table by those that use no approximate index of all tenants. */
static void
use_exact_paths(PlannerInfo *root, RelOptInfo *rel, AttrNumber attnum)
{
	List	   *paths = rel->pathlist;
	List	   *partial = rel->partial_pathlist;
	List	   *indexes = NIL;
	ListCell   *lc;

	foreach(lc, rel->indexlist)
		if (!is_approximate(lfirst(lc)) || is_of_some_tenants(lfirst(lc), attnum))
			indexes = lappend(indexes, lfirst(lc));
	make_paths(root, rel, indexes);
	foreach(lc, paths)
		if (is_other_path(lfirst(lc)))
			add_path(rel, lfirst(lc));
	foreach(lc, partial)
		if (is_other_path(lfirst(lc)))
			add_partial_path(rel, lfirst(lc));
}

/* Notes in a plan that is being made that it is good for the transaction's tenant only; if there is none, for none. */
static void
note_tenant(PlannerGlobal *glob)
{
	const TenantValue *tenant = sealed_tenant();
	char		buf[TENANT_CANONICAL_SIZE];

	note_plan_of_tenant(glob, tenant == NULL ? "" : tenant_canonical(tenant, buf));
}

/*
 * Called for a table when all its access paths have been made.  The shares of a tenant in
 * the parts of a table can differ, so a cached plan of a part is good for its tenant only;
 * likewise one that was made without a tenant.
 */
void
prefer_exact_rows(PlannerInfo *root, RelOptInfo *rel, RangeTblEntry *rte)
{
	double		share;
	TenantRows	tenant;
	bool		known;

	if (!has_paths_to_choose(rel, rte) || !has_approximate_path(rel))
		return;
	known = find_tenant_rows(root, rel, &tenant);
	share = share_for_paths(root, rel, known ? tenant.attnum : InvalidAttrNumber);
	if (share <= 0)
		return;
	if (!known || IS_OTHER_REL(rel))
		note_tenant(root->glob);
	if (!known || !has_index_of_tenant(rel, tenant.attnum))
		return;
	if (!IS_OTHER_REL(rel))
		note_kind(root, &tenant, share * tenant.total);
	if (tenant.rows <= share * tenant.total)
	{
		use_exact_paths(root, rel, tenant.attnum);
		note_exact_rows(rte);
	}
}
