/*-------------------------------------------------------------------------
 *
 * column_for_tenant.c
 *	  Whether a column can be the tenant column of its table.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "catalog.h"
#include "column_for_tenant.h"
#include "compat.h"
#include "guard_refusals.h"
#include "tenant_column.h"

PG_FUNCTION_INFO_V1(tenant_guard_column_obstacle);

/* Can the hint suggest a cast from this type to the wanted type of tenants? */
static bool
converts_to(TenantType wanted, Oid type)
{
	char		category;
	bool		preferred;

	get_type_category_preferred(getBaseType(type), &category, &preferred);
	return wanted == TENANT_TEXT || category == TYPCATEGORY_STRING;
}

static bool
column_is_identity(Oid relid, AttrNumber attnum)
{
	HeapTuple	tuple = SearchSysCache2(ATTNUM, ObjectIdGetDatum(relid), Int16GetDatum(attnum));
	bool		identity;

	if (!HeapTupleIsValid(tuple))
		return false;
	identity = ((Form_pg_attribute) GETSTRUCT(tuple))->attidentity != '\0';
	ReleaseSysCache(tuple);
	return identity;
}

/*
 * Can the column be a tenant column?  Sets *type to the type of tenants that it
 * holds or, if it cannot, *why.  "made_now": the running statement has created
 * the table, and hints cannot name an ALTER TABLE.
 */
bool
column_can_hold_tenant(Oid relid, AttrNumber attnum, bool made_now, TenantType *type, Refusal *why)
{
	char	   *column = get_attname(relid, attnum, false);
	Oid			typid;
	int32		typmod;
	Oid			collation;
	TenantType	wanted = type_for_table(relid);
	bool		served;

	Assert(attnum > 0);
	get_atttypetypmodcoll(relid, attnum, &typid, &typmod, &collation);
	served = type_serves(typid, type);
	if (!served || *type != wanted)
	{
		char	   *type_name = format_type_with_typemod(typid, typmod);

		*why = made_now ?
			new_column_type_differs(relid, column, type_name, wanted, served ? type : NULL) :
			column_type_differs(relid, column, type_name, wanted, served ? type : NULL, converts_to(wanted, typid));
		return false;
	}
	if (column_is_virtual(relid, attnum))
		*why = virtual_column(relid, column);
	else if (column_is_identity(relid, attnum))
		*why = identity_column(relid, column, made_now);
	else if (OidIsValid(collation) && !get_collation_isdeterministic(collation))
		*why = column_collation(relid, column);
	else
		return true;
	return false;
}

/*
 * column_obstacle(relation oid, tenant_column name): why a table cannot be guarded
 * by a column that it has, or null.  For plan().
 */
Datum
tenant_guard_column_obstacle(PG_FUNCTION_ARGS)
{
	Oid			relid = PG_GETARG_OID(0);
	AttrNumber	attnum = get_attnum(relid, NameStr(*PG_GETARG_NAME(1)));
	TenantType	type;
	Refusal		why;

	if (attnum <= 0)
		PG_RETURN_NULL();
	if (get_rel_relkind(relid) == RELKIND_FOREIGN_TABLE)
		why = foreign_table(relid);
	else if (column_can_hold_tenant(relid, attnum, false, &type, &why))
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(psprintf("%s. %s", why.message, why.hint ? why.hint : why.detail ? why.detail : "")));
}
