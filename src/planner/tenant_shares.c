/*-------------------------------------------------------------------------
 *
 * tenant_shares.c
 *	  How large a tenant's share of a table is, as far as ANALYZE knows.
 *
 * Reading the statistics of a column takes as long as planning a short query,
 * since its common values are compressed.  So the common tenants of a table are
 * kept, until any statistics change: a hash of each and its share.
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
#include "utils/syscache.h"

#include "compat.h"
#include "tenant_shares.h"

/* Shares here are relative: 1 is the average tenant's. */
typedef struct CommonTenant
{
	uint64		hash;
	double		share;
} CommonTenant;

/* No padding: the hash table compares bytes. */
typedef struct SharesKey
{
	Oid			relid;
	int16		attnum;
	int16		inherited;
} SharesKey;

typedef struct Shares
{
	SharesKey	key;
	double		rare;			/* of a tenant who is not common */
	int			ncommon;
	CommonTenant *common;
} Shares;

static MemoryContext context = NULL;	/* of what is known, and of nothing else */
static HTAB *known = NULL;
static bool outdated = false;

/* ----------------------------------------------------------------
 *		Reading
 * ----------------------------------------------------------------
 */

/* The hash of the tenant that a tenant column's value names. */
static uint64
hash_of_value(Datum value, Oid type)
{
	TenantType	tenant_type;
	TenantValue tenant;

	if (!type_serves(type, &tenant_type))
		return 0;
	view_tenant(tenant_type, value, getBaseType(type), &tenant);
	return tenant_hash(&tenant);
}

/* How many tenants are in a table, as far as ANALYZE knows; 0 where it does not. */
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

/*
 * The average is (1 - nulls) / tenants, as for a plan that knows no tenant
 * (var_eq_non_const in selfuncs.c).
 */
static void
read_common(Shares *shares, HeapTuple tuple, double tenants)
{
	Form_pg_statistic stats = (Form_pg_statistic) GETSTRUCT(tuple);
	double		average = (1.0 - stats->stanullfrac) / tenants;
	double		others = 1.0 - stats->stanullfrac;
	AttStatsSlot slot;
	int			n;

	if (!get_attstatsslot(&slot, tuple, STATISTIC_KIND_MCV, InvalidOid,
						  ATTSTATSSLOT_VALUES | ATTSTATSSLOT_NUMBERS))
		return;
	n = Min(slot.nvalues, slot.nnumbers);
	shares->common = MemoryContextAlloc(context, Max(n, 1) * sizeof(CommonTenant));
	for (int i = 0; i < n; i++)
	{
		shares->common[i].hash = hash_of_value(slot.values[i], slot.valuetype);
		shares->common[i].share = slot.numbers[i] / average;
		others -= slot.numbers[i];
	}
	shares->ncommon = n;
	shares->rare = Max(others, 0) / Max(tenants - n, 1) / average;
	free_attstatsslot(&slot);
}

/* All are average where nothing is known. */
static void
read_shares(Shares *shares)
{
	HeapTuple	tuple;
	double		tenants;

	shares->rare = 1.0;
	shares->ncommon = 0;
	shares->common = NULL;
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
 *		Keeping
 * ----------------------------------------------------------------
 */

static void
statistics_changed(Datum arg, int cacheid, uint32 hashvalue)
{
	outdated = true;
}

static void
prepare_known(void)
{
	HASHCTL		ctl = {.keysize = sizeof(SharesKey),.entrysize = sizeof(Shares)};

	if (outdated)
	{
		outdated = false;
		known = NULL;
		MemoryContextReset(context);
	}
	if (known != NULL)
		return;
	ctl.hcxt = context;
	known = hash_create("tenant_guard tenants' shares", 64, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

/*
 * How many times the average the tenant's share of a table is; 1 where nothing
 * is known.
 */
double
relative_share(Oid relid, bool inherited, AttrNumber attnum, const TenantValue *tenant)
{
	SharesKey	key = {relid, attnum, inherited};
	Shares	   *shares;
	uint64		hash = tenant_hash(tenant);

	prepare_known();
	shares = hash_search(known, &key, HASH_FIND, NULL);
	if (shares == NULL)
	{
		Shares		made = {.key = key};

		read_shares(&made);
		shares = hash_search(known, &key, HASH_ENTER, NULL);
		*shares = made;
	}
	for (int i = 0; i < shares->ncommon; i++)
		if (shares->common[i].hash == hash)
			return shares->common[i].share;
	return shares->rare;
}

void
init_tenant_shares(void)
{
	context = AllocSetContextCreate(TopMemoryContext, "tenant_guard tenants' shares", ALLOCSET_SMALL_SIZES);
	CacheRegisterSyscacheCallback(STATRELATTINH, statistics_changed, (Datum) 0);
}
