/*-------------------------------------------------------------------------
 *
 * large_tenant.c
 *	  Plans of a tenant who has more rows than others do not serve others.
 *
 * A tenant with half of a table reads it from end to end; kept and executed for
 * one with fifty rows, that plan takes a thousand times too long.  The other
 * way round less is lost: the plan of an ordinary tenant is what PostgreSQL
 * itself makes of "tenant_id = $1" once it plans without the value.
 *
 * So a plan is marked (tenant_plan.c) if it is dear enough for planning again
 * not to matter, and if its tenant has a larger share of one of its tables than
 * the average.  Plans of ordinary tenants are not marked: once one of them has
 * come by, a statement is planned no more.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_statistic.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "nodes/parsenodes.h"
#include "optimizer/optimizer.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "context.h"
#include "guard.h"
#include "large_tenant.h"
#include "tenant_plan.h"
#include "value.h"

/* A plan is dear if it costs this many times what planning it does. */
#define DEAR			100.0

/* A share is large if it is this many times the average. */
#define LARGE			2.0

/* What the plan cache takes planning for: cached_plan_cost in plancache.c. */
static bool
plan_is_dear(const PlannedStmt *plan)
{
	Cost		planning = 1000.0 * cpu_operator_cost * (list_length(plan->rtable) + 1);

	return plan->planTree->total_cost > DEAR * planning;
}

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

/*
 * The average is (1 - nulls) / tenants, as for a plan that knows no tenant
 * (var_eq_non_const in selfuncs.c).  Where the number of tenants grows with the
 * table, or is unknown (stadistinct <= 0), nobody's share is large.
 */
static bool
share_is_large(const AttStatsSlot *common, Form_pg_statistic stats, const TenantValue *tenant)
{
	for (int i = 0; i < Min(common->nvalues, common->nnumbers); i++)
		if (is_tenant(common->values[i], common->valuetype, tenant))
			return stats->stadistinct > 0 &&
				common->numbers[i] > LARGE * (1.0 - stats->stanullfrac) / stats->stadistinct;
	return false;
}

/* Has the tenant a large share of this table, as far as ANALYZE knows? */
static bool
has_large_share(const RangeTblEntry *rte, const TenantValue *tenant)
{
	Guard		guard = guard_of(rte->relid);
	HeapTuple	tuple;
	AttStatsSlot common;
	bool		large = false;

	if (guard.status != GUARD_WHOLE)
		return false;
	tuple = SearchSysCache3(STATRELATTINH, ObjectIdGetDatum(rte->relid),
							Int16GetDatum(guard.attnum), BoolGetDatum(rte->inh));
	if (!HeapTupleIsValid(tuple))
		return false;
	if (get_attstatsslot(&common, tuple, STATISTIC_KIND_MCV, InvalidOid,
						 ATTSTATSSLOT_VALUES | ATTSTATSSLOT_NUMBERS))
	{
		large = share_is_large(&common, (Form_pg_statistic) GETSTRUCT(tuple), tenant);
		free_attstatsslot(&common);
	}
	ReleaseSysCache(tuple);
	return large;
}

/* For a plan that was just made in a transaction of some tenant. */
void
mark_plan_of_large_tenant(PlannedStmt *plan)
{
	const TenantValue *tenant = sealed_tenant();
	char		buf[TENANT_CANONICAL_SIZE];
	ListCell   *lc;

	if (tenant == NULL || plan->commandType == CMD_UTILITY || !plan_is_dear(plan))
		return;
	foreach(lc, plan->rtable)
	{
		const RangeTblEntry *rte = lfirst(lc);

		if (rte->rtekind == RTE_RELATION && has_large_share(rte, tenant))
		{
			keep_plan_for(tenant_canonical(tenant, buf), plan);
			return;
		}
	}
}
