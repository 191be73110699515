/*-------------------------------------------------------------------------
 *
 * stat_tenants.c
 *	  SQL functions that show and reset what tenants have used.
 *
 * A role that may read all statistics sees all tenants.  Any other role sees the
 * tenant of its transaction only, of which it sees the rows as well.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_authid.h"
#include "fmgr.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"

#include "current_tenant.h"
#include "refusal.h"
#include "shared_memory.h"
#include "tenant_refusals.h"
#include "tenant_usage.h"

PG_FUNCTION_INFO_V1(tenant_guard_tenant_usage);
PG_FUNCTION_INFO_V1(tenant_guard_tenant_usage_info);
PG_FUNCTION_INFO_V1(tenant_guard_stat_tenants_reset);

/* What there is none of without shared memory. */
#define STATISTICS "statistics of tenants"

/* The columns of tenant_usage() behind the tenant. */
#define COLUMN_REFUSED			COUNT_REFUSALS
#define COLUMN_REFUSED_BY_STATE	(COUNT_REFUSALS + 1)
#define COLUMN_LAST_ACTIVE		(COUNT_REFUSALS + 2)
#define COLUMN_SINCE			(COUNT_REFUSALS + 3)
#define USAGE_COLUMNS			(COUNT_REFUSALS + 4)

static bool
is_time(TenantCounter counter)
{
	return counter >= COUNT_TOTAL_TIME && counter <= COUNT_SYSTEM_TIME;
}

/* Returns a jsonb with the number of refusals of each SQLSTATE, but those of which there are none; sets *sum. */
static Datum
refusals_as_jsonb(const int64 *refusals, int64 *sum)
{
	StringInfoData text;

	initStringInfo(&text);
	*sum = 0;
	for (int i = 0; i < COUNTED_REFUSALS; i++)
	{
		if (refusals[i] == 0)
			continue;
		appendStringInfo(&text, "%s\"%s\": " INT64_FORMAT, *sum == 0 ? "" : ", ", refusal_states[i], refusals[i]);
		*sum += refusals[i];
	}
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(psprintf("{%s}", text.data)));
}

/* Fills in the columns behind the tenant.  Times are in milliseconds, as in PostgreSQL's views. */
static void
fill_usage(Datum *values, const TenantUsage *usage)
{
	int64		refused;

	for (int i = 0; i < COUNT_REFUSALS; i++)
		values[i] = is_time(i) ? Float8GetDatum(usage->counters[i] / 1000.0) : Int64GetDatum(usage->counters[i]);
	values[COLUMN_REFUSED_BY_STATE] = refusals_as_jsonb(&usage->counters[COUNT_REFUSALS], &refused);
	values[COLUMN_REFUSED] = Int64GetDatum(refused);
	values[COLUMN_LAST_ACTIVE] = TimestampTzGetDatum(usage->last_active);
	values[COLUMN_SINCE] = TimestampTzGetDatum(usage->since);
}

static void
put_row(ReturnSetInfo *result, const SharedTenant *tenant, const TenantUsage *usage)
{
	Datum		values[2 + USAGE_COLUMNS];
	bool		nulls[2 + USAGE_COLUMNS] = {false};

	values[0] = ObjectIdGetDatum(tenant->database);
	nulls[1] = tenant->length == 0;
	values[1] = nulls[1] ? (Datum) 0 : CStringGetTextDatum(tenant->name);
	fill_usage(&values[2], usage);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

static void
put_all_tenants(ReturnSetInfo *result)
{
	SharedCopy	copy = copy_shared_table(&tenant_usage);

	for (int i = 0; i < copy.count; i++)
		put_row(result, copied_key(&copy, i), copied_value(&copy, i));
}

/* Puts the tenant of the transaction alone, which must have one. */
static void
put_own_tenant(ReturnSetInfo *result)
{
	SharedTenant tenant;
	TenantUsage usage;

	require_tenant();
	if (sealed_tenant() == NULL)
		return;
	make_shared_tenant(&tenant, sealed_tenant());
	if (copy_shared_entry(&tenant_usage, &tenant, &usage))
		put_row(result, &tenant, &usage);
}

/* tenant_usage(): for the view stat_tenants. */
Datum
tenant_guard_tenant_usage(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;

	InitMaterializedSRF(fcinfo, 0);
	require_shared_memory(STATISTICS);
	if (has_privs_of_role(GetUserId(), ROLE_PG_READ_ALL_STATS))
		put_all_tenants(result);
	else
		put_own_tenant(result);
	return (Datum) 0;
}

/* tenant_usage_info(): for the view stat_tenants_info. */
Datum
tenant_guard_tenant_usage_info(PG_FUNCTION_ARGS)
{
	TupleDesc	desc;
	uint64		evicted;
	TimestampTz emptied_at;
	Datum		values[2];
	bool		nulls[2] = {false, false};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	require_shared_memory(STATISTICS);
	shared_table_info(&tenant_usage, &evicted, &emptied_at);
	values[0] = Int64GetDatum((int64) evicted);
	values[1] = TimestampTzGetDatum(emptied_at);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(desc, values, nulls)));
}

/* stat_tenants_reset(tenant text): one tenant of this database, or with null all of the server. */
Datum
tenant_guard_stat_tenants_reset(PG_FUNCTION_ARGS)
{
	TenantValue value;
	SharedTenant tenant;

	require_shared_memory(STATISTICS);
	if (PG_ARGISNULL(0))
	{
		empty_shared_table(&tenant_usage);
		PG_RETURN_VOID();
	}
	if (!parse_tenant(type_of_tenants(), text_to_cstring(PG_GETARG_TEXT_PP(0)), &value))
		raise_refusal(invalid_tenant(type_of_tenants(), text_to_cstring(PG_GETARG_TEXT_PP(0))));
	make_shared_tenant(&tenant, &value);
	(void) remove_shared_entry(&tenant_usage, &tenant);
	PG_RETURN_VOID();
}
