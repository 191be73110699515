/*-------------------------------------------------------------------------
 *
 * tenant_settings.c
 *	  What audit() asks about tenant columns and the type of tenants.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/tuplestore.h"

#include "compat.h"
#include "guard_census.h"
#include "settings.h"
#include "tenant_column.h"
#include "tenant_type.h"

PG_FUNCTION_INFO_V1(tenant_guard_tenant_columns);
PG_FUNCTION_INFO_V1(tenant_guard_tenant_settings);
PG_FUNCTION_INFO_V1(tenant_guard_guard_counts);

static ArrayType *
array_of_names(List *names)
{
	Datum	   *elements = palloc(list_length(names) * sizeof(Datum));
	int			n = 0;
	ListCell   *lc;

	foreach(lc, names)
		elements[n++] = DirectFunctionCall1(namein, CStringGetDatum(lfirst(lc)));
	return construct_array(elements, n, NAMEOID, NAMEDATALEN, false, TYPALIGN_CHAR);
}

/* tenant_columns(relation oid): the names of tenant columns, of which the table's is the first that it has. */
Datum
tenant_guard_tenant_columns(PG_FUNCTION_ARGS)
{
	PG_RETURN_ARRAYTYPE_P(array_of_names(tenant_columns_of(PG_GETARG_OID(0))));
}

/* tenant_settings(): the settings, null where they have their defaults, and the type of tenants. */
Datum
tenant_guard_tenant_settings(PG_FUNCTION_ARGS)
{
	const char *type = tenant_type_name(type_of_tenants());
	TupleDesc	desc;
	Datum		values[3];
	bool		nulls[3] = {!setting_tenant_columns->are_set, !tenant_type_is_set(), false};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	values[0] = nulls[0] ? (Datum) 0 : PointerGetDatum(array_of_names(tenant_columns_of(InvalidOid)));
	values[1] = CStringGetTextDatum(type);
	values[2] = CStringGetTextDatum(type);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}

/* guard_counts(): how many tables there are of each kind, and whether these count for tables of every owner. */
Datum
tenant_guard_guard_counts(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	ListCell   *lc;

	InitMaterializedSRF(fcinfo, 0);
	foreach(lc, guard_counts())
	{
		GuardCount *count = lfirst(lc);
		Datum		values[5];
		bool		nulls[5] = {false};

		values[0] = ObjectIdGetDatum(count->kind.owner);
		values[1] = NameGetDatum(&count->kind.column);
		values[2] = CStringGetTextDatum(tenant_type_name(count->kind.type));
		values[3] = Int64GetDatum(count->tables);
		values[4] = BoolGetDatum(owner_decides(count->kind.owner, InvalidOid));
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	PG_RETURN_VOID();
}
