/*-------------------------------------------------------------------------
 *
 * tenant_share.c
 *	  Which share of a table's rows a tenant has, by ANALYZE's statistics.
 *
 * Reading the statistics of a column takes as long as planning a short query,
 * since the most common values are compressed.  So a hash of each most common
 * tenant of a table and its share are cached until any statistics change.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_class.h"
#include "catalog/pg_statistic.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/selfuncs.h"
#include "utils/syscache.h"

#include "tenant_share.h"

/*
 * A most common value of a tenant column.  There can be thousands for each of
 * thousands of tables: half of the hash, and a share as pg_statistic has it, do.
 */
typedef struct CommonTenant
{
	uint32		hash;
	float4		share;
} CommonTenant;

/* The shares of tenants in a table */
typedef struct Shares
{
	ShareKey	key;
	double		average;		/* of all tenants; 0 without statistics */
	double		uncommon;		/* of each tenant that is not among the most common ones */
	double		nulls;
	double		sum;			/* of the most common tenants */
	double		least;			/* of the least common of these */
	int			ncommon;
	CommonTenant *common;		/* in the order of their hashes */
} Shares;

static MemoryContext cache_context = NULL;	/* holds "cached" and its entries, and nothing else */
static MemoryContext common_context = NULL; /* below that, the entries' arrays: other contexts round up to a power of two */
static HTAB *cached = NULL;		/* of Shares */
static bool outdated = false;	/* statistics changed since */

/* ----------------------------------------------------------------
 *		Reading shares from pg_statistic
 * ----------------------------------------------------------------
 */

/* Returns the hash of the tenant that a value of a tenant column identifies; 0 if its type serves no tenants. */
static uint32
hash_of_value(Datum value, Oid type)
{
	TenantType	tenant_type;
	TenantValue tenant;

	if (!type_serves(type, &tenant_type))
		return 0;
	view_tenant(tenant_type, value, getBaseType(type), &tenant);
	return (uint32) tenant_hash(&tenant);
}

/* Returns ANALYZE's estimate of the number of tenants in a table; 0 if there is none. */
static double
count_tenants(Form_pg_statistic stats)
{
	HeapTuple	tuple;
	double		rows = 0;

	if (stats->stadistinct >= 0)
		return stats->stadistinct;
	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(stats->starelid));
	if (HeapTupleIsValid(tuple))
	{
		rows = ((Form_pg_class) GETSTRUCT(tuple))->reltuples;
		ReleaseSysCache(tuple);
	}
	return Max(rows, 0) * -stats->stadistinct;
}

static int
compare_hashes(const void *a, const void *b)
{
	uint32		left = ((const CommonTenant *) a)->hash;
	uint32		right = ((const CommonTenant *) b)->hash;

	return left < right ? -1 : left > right;
}

/*
 * Reads the most common values.  The average share is (1 - nulls) / tenants, as
 * in an estimate for an unknown tenant (var_eq_non_const in selfuncs.c).
 */
static void
read_common(Shares *shares, HeapTuple tuple, double tenants)
{
	Form_pg_statistic stats = (Form_pg_statistic) GETSTRUCT(tuple);
	double		others = 1.0 - stats->stanullfrac;
	AttStatsSlot slot;
	int			n;

	shares->nulls = stats->stanullfrac;
	shares->average = shares->uncommon = others / tenants;
	if (!get_attstatsslot(&slot, tuple, STATISTIC_KIND_MCV, InvalidOid,
						  ATTSTATSSLOT_VALUES | ATTSTATSSLOT_NUMBERS))
		return;
	n = Min(slot.nvalues, slot.nnumbers);
	shares->common = MemoryContextAlloc(common_context, Max(n, 1) * sizeof(CommonTenant));
	for (int i = 0; i < n; i++)
	{
		shares->common[i].hash = hash_of_value(slot.values[i], slot.valuetype);
		shares->common[i].share = slot.numbers[i];
		others -= slot.numbers[i];
		shares->sum += slot.numbers[i];
		shares->least = slot.numbers[i];
	}
	qsort(shares->common, n, sizeof(CommonTenant), compare_hashes);
	shares->ncommon = n;
	shares->uncommon = Max(others, 0) / Max(tenants - n, 1);
	free_attstatsslot(&slot);
}

/* Reads the shares of tenants in a table. */
static void
read_shares(Shares *shares)
{
	HeapTuple	tuple;
	double		tenants;

	tuple = SearchSysCache3(STATRELATTINH, ObjectIdGetDatum(shares->key.relid),
							Int16GetDatum(shares->key.attnum), BoolGetDatum(shares->key.inherited != 0));
	if (!HeapTupleIsValid(tuple))
		return;
	tenants = count_tenants((Form_pg_statistic) GETSTRUCT(tuple));
	if (tenants >= 1 && ((Form_pg_statistic) GETSTRUCT(tuple))->stanullfrac < 1)
		read_common(shares, tuple, tenants);
	ReleaseSysCache(tuple);
}

/* ----------------------------------------------------------------
 *		Caching shares
 * ----------------------------------------------------------------
 */

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
	HASHCTL		ctl = {.keysize = sizeof(ShareKey), .entrysize = sizeof(Shares)};

	if (outdated)
	{
		outdated = false;
		cached = NULL;
		MemoryContextReset(cache_context);
	}
	if (cached != NULL)
		return;
	ctl.hcxt = cache_context;
	common_context = GenerationContextCreate(cache_context, "tenant_guard common tenants", ALLOCSET_SMALL_SIZES);
	cached = hash_create("tenant_guard tenants' shares", 64, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

/* Returns the entry of a table; makes it if it does not exist. */
static const Shares *
shares_in(const ShareKey *key)
{
	Shares	   *shares;
	Shares		made = {.key = *key};

	Assert(OidIsValid(key->relid) && key->attnum > 0);
	prepare_cache();
	shares = hash_search(cached, key, HASH_FIND, NULL);
	if (shares != NULL)
		return shares;
	read_shares(&made);
	shares = hash_search(cached, key, HASH_ENTER, NULL);
	*shares = made;
	Assert(shares->ncommon >= 0 && (shares->ncommon == 0 || shares->common != NULL));
	return shares;
}

/* Returns a tenant's entry among the most common ones, or NULL. */
static const CommonTenant *
find_common(const Shares *shares, const TenantValue *tenant)
{
	CommonTenant wanted;

	if (shares->ncommon == 0)
		return NULL;
	wanted.hash = (uint32) tenant_hash(tenant);
	return bsearch(&wanted, shares->common, shares->ncommon, sizeof(CommonTenant), compare_hashes);
}

static double
share_of(const Shares *shares, const TenantValue *tenant)
{
	const CommonTenant *found = find_common(shares, tenant);

	return found != NULL ? found->share : shares->uncommon;
}

/*
 * Returns how many times as many rows of a table the tenant has as the average
 * tenant; 1 without statistics.
 */
double
relative_share(const ShareKey *key, const TenantValue *tenant)
{
	const Shares *shares = shares_in(key);

	return shares->average > 0 ? share_of(shares, tenant) / shares->average : 1.0;
}

/* Returns the tenant's share of the rows of a table, from 0 to 1; -1 without statistics. */
double
tenant_share(const ShareKey *key, const TenantValue *tenant)
{
	const Shares *shares = shares_in(key);

	return shares->average > 0 ? share_of(shares, tenant) : -1;
}

/*
 * Returns the share that the planner would estimate for the condition "column = tenant",
 * as var_eq_const() in selfuncs.c does from all statistics of the column; -1 without
 * statistics.  "column" has a tuple with its number of distinct values.
 */
double
estimated_share(const ShareKey *key, const TenantValue *tenant, VariableStatData *column)
{
	const Shares *shares = shares_in(key);
	const CommonTenant *common;
	double		share;
	double		others;
	bool		isdefault;

	if (shares->average <= 0)
		return -1;
	if ((common = find_common(shares, tenant)) != NULL)
		return common->share;
	share = 1.0 - shares->sum - shares->nulls;
	CLAMP_PROBABILITY(share);
	others = get_variable_numdistinct(column, &isdefault) - shares->ncommon;
	if (others > 1)
		share /= others;
	return shares->ncommon > 0 ? Min(share, shares->least) : share;
}

/* Returns the same as tenant_share() if the statistics of the table were read and have not changed, else -1.  Neither raises nor allocates. */
double
cached_tenant_share(const ShareKey *key, const TenantValue *tenant)
{
	const Shares *shares = cached == NULL || outdated ? NULL : hash_search(cached, key, HASH_FIND, NULL);

	return shares != NULL && shares->average > 0 ? share_of(shares, tenant) : -1;
}

void
init_tenant_shares(void)
{
	StaticAssertStmt(sizeof(ShareKey) == sizeof(Oid) + 2 * sizeof(int16), "ShareKey has no padding");
	Assert(cache_context == NULL);
	cache_context = AllocSetContextCreate(TopMemoryContext, "tenant_guard tenants' shares", ALLOCSET_SMALL_SIZES);
	CacheRegisterSyscacheCallback(STATRELATTINH, statistics_changed, (Datum) 0);
}
