/*-------------------------------------------------------------------------
 *
 * tenant_statistics.c
 *	  Statistics of a tenant column that are about the transaction's tenant alone.
 *
 * To estimate how many rows a tenant has, the planner decompresses the list of the
 * most common tenants and compares the tenant with one after the other, for each
 * table and condition.  With a list of a thousand tenants that takes longer than
 * the rest of the planning of a short query.
 *
 * So the planner is given statistics with one common tenant, that of the
 * transaction, and the frequency that it would have estimated.  Its estimates for
 * the tenant's qual remain the same.  Which other tenants there are, and how many
 * rows these have, is not in such statistics: estimates for other conditions on the
 * tenant column depend on them no more.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "optimizer/plancat.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#include "current_tenant.h"
#include "guard.h"
#include "security_barrier.h"
#include "settings.h"
#include "statistics_tuple.h"
#include "tenant_rows.h"
#include "tenant_share.h"
#include "tenant_statistics.h"

/* Statistics of a tenant column, without a tenant */
typedef struct ColumnStatistics
{
	ShareKey	key;
	HeapTuple	tuple;			/* NULL if the column has no statistics */
	Size		frequency;		/* where in the tuple's data the frequency of the tenant is to be */
	Size		values;			/* where the array with the tenant is to be */
	Oid			type;			/* of the column, or the type below its domain */
	TenantType	tenant_type;
} ColumnStatistics;

static MemoryContext cache_context = NULL;	/* holds "cached" and its entries, and nothing else */
static HTAB *cached = NULL;		/* of ColumnStatistics */
static bool outdated = false;	/* statistics changed since */

/* A syscache callback for pg_statistic.  The cache is reset later, since it may be in use now. */
static void
statistics_changed(Datum arg, int cacheid, uint32 hashvalue)
{
	outdated = true;
}

/* Empties the cache if it is outdated, and creates it if it does not exist. */
static void
prepare_cache(void)
{
	HASHCTL		ctl = {.keysize = sizeof(ShareKey), .entrysize = sizeof(ColumnStatistics)};

	if (outdated)
	{
		outdated = false;
		cached = NULL;
		MemoryContextReset(cache_context);
	}
	if (cached != NULL)
		return;
	ctl.hcxt = cache_context;
	cached = hash_create("tenant_guard tenants' statistics", 64, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

/* Makes the statistics of a column, without a tuple if it has none. */
static void
read_statistics(ColumnStatistics *made)
{
	HeapTuple	statistics = SearchSysCache3(STATRELATTINH, ObjectIdGetDatum(made->key.relid),
											 Int16GetDatum(made->key.attnum), BoolGetDatum(made->key.inherited != 0));
	MemoryContext outer;
	HeapTuple	tuple;

	if (!HeapTupleIsValid(statistics))
		return;
	made->type = getBaseType(get_atttype(made->key.relid, made->key.attnum));
	if (type_serves(made->type, &made->tenant_type))
	{
		tuple = make_tenant_tuple(statistics, made->type, &made->frequency, &made->values);
		outer = MemoryContextSwitchTo(cache_context);
		made->tuple = heap_copytuple(tuple);
		MemoryContextSwitchTo(outer);
	}
	ReleaseSysCache(statistics);
}

/* Returns the statistics of a column; makes them if they are not there. */
static const ColumnStatistics *
statistics_of(const ShareKey *key)
{
	ColumnStatistics made = {.key = *key};
	ColumnStatistics *entry;

	prepare_cache();
	entry = hash_search(cached, key, HASH_FIND, NULL);
	if (entry != NULL)
		return entry;
	read_statistics(&made);
	entry = hash_search(cached, key, HASH_ENTER, NULL);
	*entry = made;
	return entry;
}

static bool
is_tenant_column(Oid relid, AttrNumber attnum)
{
	Guard		guard = guard_of(relid);

	return guard.status == GUARD_WHOLE && guard.attnum == attnum;
}

/*
 * Returns the statistics of a column for a tenant; NULL if there are none, or the column
 * cannot have this tenant.  "rel" may be NULL.
 */
static HeapTuple
statistics_for(const ShareKey *key, TenantValue tenant, RelOptInfo *rel)
{
	const ColumnStatistics *statistics = statistics_of(key);
	VariableStatData known = {.rel = rel, .isunique = rel != NULL && has_unique_index(rel, key->attnum)};
	double		share;
	Datum		value;

	if (statistics->tuple == NULL || statistics->tenant_type != tenant.type || !datum_for_column(&tenant, statistics->type, &value))
		return NULL;
	known.statsTuple = statistics->tuple;
	share = estimated_share(key, &tenant, &known);
	return share < 0 ? NULL : copy_tenant_tuple(statistics->tuple, statistics->frequency, statistics->values, share, value, statistics->type);
}

/*
 * A get_relation_stats_hook, which gives the planner such statistics of a tenant column.
 * Returns false for any other column, if no tenant is set, and where there are none.
 * What "column" contains is not read: brincostestimate() does not initialize it.
 */
bool
give_tenant_statistics(const PlannerInfo *root, const RangeTblEntry *rte, AttrNumber attnum, VariableStatData *column)
{
	const TenantValue *tenant;
	HeapTuple	statistics;

	if (!setting_small_tenant_paths || !has_filter_note(rte) || !is_tenant_column(rte->relid, attnum) ||
		(tenant = tenant_of_transaction()) == NULL ||
		(statistics = statistics_for(&(ShareKey) {rte->relid, attnum, rte->inh}, *tenant, table_of_entry(root, rte))) == NULL)
		return false;
	column->statsTuple = statistics;
	column->freefunc = heap_freetuple;
	/* functions that are called with these statistics see no other tenant */
	column->acl_ok = true;
	return true;
}

/* Called once, by _PG_init. */
void
init_tenant_statistics(void)
{
	Assert(cache_context == NULL);
	cache_context = AllocSetContextCreate(TopMemoryContext, "tenant_guard tenants' statistics", ALLOCSET_SMALL_SIZES);
	CacheRegisterSyscacheCallback(STATRELATTINH, statistics_changed, (Datum) 0);
}
