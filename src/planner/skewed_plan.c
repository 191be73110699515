/*-------------------------------------------------------------------------
 *
 * skewed_plan.c
 *	  Plans that were made for a skewed tenant.
 *
 * A tenant is skewed in a table if it has many more rows there than the average
 * tenant, or many fewer.  The planner scans a table sequentially for a tenant who
 * has half of it; cached and executed for a tenant with fifty rows, that plan
 * takes a thousand times too long.  For a new tenant, who has no rows, it nests
 * loops that are not parameterized, which take too long for ten thousand rows in
 * each table.  (PostgreSQL plans a generic "tenant_id = $1" for the average tenant.)
 *
 * So two kinds of plans are marked as good for their tenant only (tenant_plan.c):
 * those for a tenant with more rows than the average, if the plan is expensive
 * enough for replanning not to matter; and those for a tenant with fewer rows, if
 * they contain a nested loop whose inner side is not parameterized.
 * All others stay in the cache: once a statement has been planned for an ordinary
 * tenant, it is not planned again.
 *
 * Reading the statistics of a column takes as long as planning a short query,
 * since the most common values are compressed.  So a hash of each most common
 * tenant of a table and its relative frequency are cached until any statistics
 * change.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_class.h"
#include "catalog/pg_statistic.h"
#include "nodes/parsenodes.h"
#include "optimizer/optimizer.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#include "compat.h"
#include "current_tenant.h"
#include "guard.h"
#include "plan_walk.h"
#include "skewed_plan.h"
#include "tenant_plan.h"
#include "tenant_type.h"

/* A plan is expensive if a node of it costs this many times what planning costs. */
#define EXPENSIVE		100.0

/* A tenant is skewed if it has this many times as many rows as the average, or this many times fewer. */
#define SKEWED			2.0

/* A most common value of a tenant column.  Frequencies are relative here: the average tenant's is 1. */
typedef struct CommonTenant
{
	uint64		hash;
	double		frequency;
} CommonTenant;

/* A hash key without padding, since the hash table compares bytes */
typedef struct FrequenciesKey
{
	Oid			relid;
	int16		attnum;
	int16		inherited;
} FrequenciesKey;

/* The frequencies of tenants in a table */
typedef struct Frequencies
{
	FrequenciesKey key;
	double		uncommon;		/* of each tenant that is not among the most common ones */
	int			ncommon;
	CommonTenant *common;
} Frequencies;

static MemoryContext cache_context = NULL;	/* holds "cached" and its entries, and nothing else */
static HTAB *cached = NULL;		/* of Frequencies */
static bool outdated = false;	/* statistics changed since */

/* ----------------------------------------------------------------
 *		Reading frequencies from pg_statistic
 * ----------------------------------------------------------------
 */

/* Returns the hash of the tenant that a value of a tenant column identifies; 0 if its type serves no tenants. */
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

/*
 * Reads the most common values.  The average frequency is (1 - nulls) / tenants, as
 * in an estimate for an unknown tenant (var_eq_non_const in selfuncs.c).
 */
static void
read_common(Frequencies *frequencies, HeapTuple tuple, double tenants)
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
	frequencies->common = MemoryContextAlloc(cache_context, Max(n, 1) * sizeof(CommonTenant));
	for (int i = 0; i < n; i++)
	{
		frequencies->common[i].hash = hash_of_value(slot.values[i], slot.valuetype);
		frequencies->common[i].frequency = slot.numbers[i] / average;
		others -= slot.numbers[i];
	}
	frequencies->ncommon = n;
	frequencies->uncommon = Max(others, 0) / Max(tenants - n, 1) / average;
	free_attstatsslot(&slot);
}

/* Reads the frequencies of tenants in a table.  Without statistics every tenant is average. */
static void
read_frequencies(Frequencies *frequencies)
{
	HeapTuple	tuple;
	double		tenants;

	frequencies->uncommon = 1.0;
	frequencies->ncommon = 0;
	frequencies->common = NULL;
	tuple = SearchSysCache3(STATRELATTINH, ObjectIdGetDatum(frequencies->key.relid),
							Int16GetDatum(frequencies->key.attnum), BoolGetDatum(frequencies->key.inherited != 0));
	if (!HeapTupleIsValid(tuple))
		return;
	tenants = count_tenants((Form_pg_statistic) GETSTRUCT(tuple));
	if (tenants >= 1 && ((Form_pg_statistic) GETSTRUCT(tuple))->stanullfrac < 1)
		read_common(frequencies, tuple, tenants);
	ReleaseSysCache(tuple);
}

/* ----------------------------------------------------------------
 *		Caching frequencies
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
	HASHCTL		ctl = {.keysize = sizeof(FrequenciesKey), .entrysize = sizeof(Frequencies)};

	if (outdated)
	{
		outdated = false;
		cached = NULL;
		MemoryContextReset(cache_context);
	}
	if (cached != NULL)
		return;
	ctl.hcxt = cache_context;
	cached = hash_create("tenant_guard tenants' frequencies", 64, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

/*
 * Returns how many times as frequent the tenant is in a table as the average
 * tenant; 1 without statistics.  "inherited" says that the table's children count.
 */
static double
relative_frequency(Oid relid, bool inherited, AttrNumber attnum, const TenantValue *tenant)
{
	FrequenciesKey key = {relid, attnum, inherited};
	Frequencies *frequencies;
	uint64		hash = tenant_hash(tenant);

	Assert(OidIsValid(relid) && attnum > 0);
	prepare_cache();
	frequencies = hash_search(cached, &key, HASH_FIND, NULL);
	if (frequencies == NULL)
	{
		Frequencies made = {.key = key};

		read_frequencies(&made);
		frequencies = hash_search(cached, &key, HASH_ENTER, NULL);
		*frequencies = made;
		Assert(frequencies->ncommon >= 0 && (frequencies->ncommon == 0 || frequencies->common != NULL));
	}
	for (int i = 0; i < frequencies->ncommon; i++)
		if (frequencies->common[i].hash == hash)
			return frequencies->common[i].frequency;
	return frequencies->uncommon;
}

/* ----------------------------------------------------------------
 *		Plans
 * ----------------------------------------------------------------
 */

/* Returns the relative frequency of a tenant in a table of a plan; 1 if it is not guarded. */
static double
frequency_in_table(const RangeTblEntry *rte, const TenantValue *tenant)
{
	Guard		guard = guard_of(rte->relid);

	return guard.status == GUARD_WHOLE ? relative_frequency(rte->relid, rte->inh, guard.attnum, tenant) : 1.0;
}

/* What the nodes of a plan have in common */
typedef struct PlanSummary
{
	Cost		highest_cost;	/* of a node */
	bool		loops;			/* there is a nested loop whose inner side is not parameterized */
} PlanSummary;

/* A PlanVisitor.  LIMIT makes nodes above it cheaper than those below, so the cost of each node counts. */
static void
summarize_node(Plan *plan, void *context)
{
	PlanSummary *summary = context;

	summary->highest_cost = Max(summary->highest_cost, plan->total_cost);
	summary->loops |= IsA(plan, NestLoop) && ((NestLoop *) plan)->nestParams == NIL;
}

/* The cost of planning, as cached_plan_cost() in plancache.c estimates it. */
static Cost
cost_of_planning(const PlannedStmt *plan)
{
	return 1000.0 * cpu_operator_cost * (list_length(plan->rtable) + 1);
}

/* Marks a plan that was just made as good for the transaction's tenant only, if that is skewed and it matters. */
void
mark_skewed_plan(PlannedStmt *plan)
{
	const TenantValue *tenant = sealed_tenant();
	PlanSummary summary = {0};
	bool		expensive;
	char		buf[TENANT_CANONICAL_SIZE];
	ListCell   *lc;

	if (tenant == NULL || plan->commandType == CMD_UTILITY)
		return;
	visit_plan_nodes(plan, summarize_node, &summary);
	expensive = summary.highest_cost > EXPENSIVE * cost_of_planning(plan);
	if (!expensive && !summary.loops)
		return;
	foreach(lc, plan->rtable)
	{
		const RangeTblEntry *rte = lfirst(lc);
		double		frequency = rte->rtekind == RTE_RELATION ? frequency_in_table(rte, tenant) : 1.0;

		if ((expensive && frequency > SKEWED) || (summary.loops && frequency < 1.0 / SKEWED))
		{
			mark_plan_of_tenant(plan, tenant_canonical(tenant, buf));
			return;
		}
	}
}

void
init_skewed_plans(void)
{
	StaticAssertStmt(sizeof(FrequenciesKey) == sizeof(Oid) + 2 * sizeof(int16), "FrequenciesKey has no padding");
	Assert(cache_context == NULL);
	cache_context = AllocSetContextCreate(TopMemoryContext, "tenant_guard tenants' frequencies", ALLOCSET_SMALL_SIZES);
	CacheRegisterSyscacheCallback(STATRELATTINH, statistics_changed, (Datum) 0);
}
