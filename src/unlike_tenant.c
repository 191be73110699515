/*-------------------------------------------------------------------------
 *
 * unlike_tenant.c
 *	  Plans of a tenant who has many more rows than others, or hardly any.
 *
 * A tenant with half of a table reads it from end to end; kept and executed for
 * one with fifty rows, that plan takes a thousand times too long.  A new tenant
 * has no rows, and for none a loop over a loop is good; for ten thousand in each
 * it is no plan.  PostgreSQL itself plans "tenant_id = $1" for an average
 * tenant, once it plans without the value.
 *
 * So two kinds of plans are marked (tenant_plan.c): those of a tenant whose
 * share of a table is larger than the average, if a part of the plan is dear
 * enough for planning again not to matter; and those of one whose share is
 * smaller, if they loop over what no join condition limits.  All others are
 * kept: once an ordinary tenant has come by, a statement is planned no more.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_class.h"
#include "catalog/pg_statistic.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "nodes/parsenodes.h"
#include "optimizer/optimizer.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "context.h"
#include "guard.h"
#include "plan_walk.h"
#include "tenant_plan.h"
#include "unlike_tenant.h"
#include "value.h"

/* A plan is dear if a part of it costs this many times what planning it does. */
#define DEAR			100.0

/* A share is unlike the average if it is so many times larger, or smaller. */
#define UNLIKE			2.0

/* ----------------------------------------------------------------
 *		Tenants
 * ----------------------------------------------------------------
 */

/* Is a tenant column's value this tenant? */
static bool
is_tenant(Datum value, Oid type, const TenantValue *tenant)
{
	text	   *string;

	switch (getBaseType(type))
	{
		case UUIDOID:
			return tenant->type == TENANT_UUID &&
				memcmp(DatumGetUUIDP(value), &tenant->uuid, sizeof(pg_uuid_t)) == 0;
		case INT8OID:
			return tenant->type == TENANT_BIGINT && DatumGetInt64(value) == tenant->number;
		case INT4OID:
			return tenant->type == TENANT_BIGINT && DatumGetInt32(value) == tenant->number;
		case INT2OID:
			return tenant->type == TENANT_BIGINT && DatumGetInt16(value) == tenant->number;
		case TEXTOID:
		case VARCHAROID:
			string = DatumGetTextPP(value);
			return tenant->type == TENANT_TEXT &&
				VARSIZE_ANY_EXHDR(string) == strlen(tenant->text) &&
				memcmp(VARDATA_ANY(string), tenant->text, VARSIZE_ANY_EXHDR(string)) == 0;
		default:
			return false;
	}
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

/* A tenant's estimated share: its own of the common ones, else that of one who is not. */
static double
share_of(const AttStatsSlot *common, Form_pg_statistic stats, double tenants, const TenantValue *tenant)
{
	int			n = Min(common->nvalues, common->nnumbers);
	double		others = 1.0 - stats->stanullfrac;

	for (int i = 0; i < n; i++)
	{
		if (is_tenant(common->values[i], common->valuetype, tenant))
			return common->numbers[i];
		others -= common->numbers[i];
	}
	return Max(others, 0) / Max(tenants - n, 1);
}

/*
 * How many times the average the tenant's share of a table is; 1 where nothing
 * is known.  The average is (1 - nulls) / tenants, as for a plan that knows no
 * tenant (var_eq_non_const in selfuncs.c).
 */
static double
relative_size(const RangeTblEntry *rte, const TenantValue *tenant)
{
	Guard		guard = guard_of(rte->relid);
	HeapTuple	tuple;
	Form_pg_statistic stats;
	AttStatsSlot common;
	double		tenants;
	double		size = 1.0;

	if (guard.status != GUARD_WHOLE)
		return size;
	tuple = SearchSysCache3(STATRELATTINH, ObjectIdGetDatum(rte->relid),
							Int16GetDatum(guard.attnum), BoolGetDatum(rte->inh));
	if (!HeapTupleIsValid(tuple))
		return size;
	stats = (Form_pg_statistic) GETSTRUCT(tuple);
	tenants = count_tenants(stats);
	if (tenants >= 1 && stats->stanullfrac < 1 &&
		get_attstatsslot(&common, tuple, STATISTIC_KIND_MCV, InvalidOid,
						 ATTSTATSSLOT_VALUES | ATTSTATSSLOT_NUMBERS))
	{
		size = share_of(&common, stats, tenants, tenant) * tenants / (1.0 - stats->stanullfrac);
		free_attstatsslot(&common);
	}
	ReleaseSysCache(tuple);
	return size;
}

/* ----------------------------------------------------------------
 *		Plans
 * ----------------------------------------------------------------
 */

/* What a plan is made of. */
typedef struct Parts
{
	Cost		dearest;
	bool		loops;			/* over what no join condition limits */
} Parts;

/* A PlanVisitor.  LIMIT and the like make what is below them look cheap, so each node counts. */
static void
look_at_node(Plan *plan, void *context)
{
	Parts	   *parts = context;

	parts->dearest = Max(parts->dearest, plan->total_cost);
	parts->loops |= IsA(plan, NestLoop) && ((NestLoop *) plan)->nestParams == NIL;
}

/* What the plan cache takes planning for: cached_plan_cost in plancache.c. */
static Cost
cost_of_planning(const PlannedStmt *plan)
{
	return 1000.0 * cpu_operator_cost * (list_length(plan->rtable) + 1);
}

/* For a plan that was just made in a transaction of some tenant. */
void
mark_plan_of_unlike_tenant(PlannedStmt *plan)
{
	const TenantValue *tenant = sealed_tenant();
	Parts		parts = {0};
	bool		dear;
	char		buf[TENANT_CANONICAL_SIZE];
	ListCell   *lc;

	if (tenant == NULL || plan->commandType == CMD_UTILITY)
		return;
	visit_plan_nodes(plan, look_at_node, &parts);
	dear = parts.dearest > DEAR * cost_of_planning(plan);
	if (!dear && !parts.loops)
		return;
	foreach(lc, plan->rtable)
	{
		const RangeTblEntry *rte = lfirst(lc);
		double		size = rte->rtekind == RTE_RELATION ? relative_size(rte, tenant) : 1.0;

		if ((dear && size > UNLIKE) || (parts.loops && size < 1.0 / UNLIKE))
		{
			keep_plan_for(tenant_canonical(tenant, buf), plan);
			return;
		}
	}
}
