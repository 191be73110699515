/*-------------------------------------------------------------------------
 *
 * purge.c
 *	  Counts and deletes the rows of one tenant: for tenant_inventory() and
 *	  purge_tenant().
 *
 * Each statement runs as the owner of its tables, with FORCE ROW LEVEL SECURITY
 * suspended (noforce.c), and names the tenant itself.  So it reads and deletes
 * every row of that tenant, also in a table whose guard is damaged, or which has
 * none.  Triggers and foreign keys work as ever, and row-level security applies
 * to what they do.  The callers must have the rights of the owners.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "action_code.h"
#include "bypass.h"
#include "catalog.h"
#include "compat.h"
#include "guard_refusals.h"
#include "noforce.h"
#include "own_sql.h"
#include "refusal.h"
#include "relation_argument.h"
#include "tenant_refusals.h"
#include "tenant_type.h"

PG_FUNCTION_INFO_V1(tenant_guard_canonical_tenant);
PG_FUNCTION_INFO_V1(tenant_guard_count_tenant_rows);
PG_FUNCTION_INFO_V1(tenant_guard_delete_tenant_rows);

/* A table, and the column that names the tenant. */
typedef struct TenantTable
{
	Oid			relid;
	Oid			owner;
	char	   *name;			/* qualified and quoted */
	AttrNumber	attnum;
	char	   *column;			/* quoted */
	TenantType	type;
} TenantTable;

/* Reads a tenant in canonical form, palloc'd, or raises an error. */
static char *
read_tenant(text * argument)
{
	char	   *given = text_to_cstring(argument);
	char		buf[TENANT_CANONICAL_SIZE];
	TenantValue value;

	if (!parse_tenant(type_of_tenants(), given, &value))
		raise_refusal(invalid_tenant(type_of_tenants(), given));
	return pstrdup(tenant_canonical(&value, buf));
}

/* canonical_tenant(tenant text): the tenant in canonical form. */
Datum
tenant_guard_canonical_tenant(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(read_tenant(PG_GETARG_TEXT_PP(0))));
}

/* Locks a table with its parts and fills in "table".  Raises an error as lock_for_owner does, and if the column cannot name a tenant. */
static void
open_tenant_table(Oid relid, const char *column, LOCKMODE lock, TenantTable *table)
{
	(void) lock_for_owner(relid, lock);
	table->relid = relid;
	table->owner = object_owner(RelationRelationId, relid);
	table->name = relation_name(relid);
	table->attnum = get_attnum(relid, column);
	if (table->attnum == InvalidAttrNumber || !type_serves(get_atttype(relid, table->attnum), &table->type) ||
		table->type != type_of_tenants())
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("table %s has no column %s that holds a tenant of type %s",
						table->name, quote_identifier(column), tenant_type_name(type_of_tenants()))));
	table->column = pstrdup(quote_identifier(column));
}

/* Does the column's collation call the identifiers of two tenants equal?  A column that guards has no such collation, but not every table is guarded. */
static bool
confuses_tenants(const TenantTable *table)
{
	Oid			type;
	int32		typmod;
	Oid			collation;

	get_atttypetypmodcoll(table->relid, table->attnum, &type, &typmod, &collation);
	return OidIsValid(collation) && !get_collation_isdeterministic(collation);
}

/* The SQL condition that a row is the tenant's. */
static char *
is_of_tenant(const TenantTable *table, const char *tenant)
{
	return psprintf("%s%s OPERATOR(pg_catalog.=) %s::%s", table->column, confuses_tenants(table) ? " COLLATE pg_catalog.\"C\"" : "",
					quote_literal_cstr(tenant), tenant_type_name(table->type));
}

/* ----------------------------------------------------------------
 *		Counting and deleting
 * ----------------------------------------------------------------
 */

/* count_tenant_rows(relation oid, tenant_column name, tenant text): how many rows of the tenant a table has. */
Datum
tenant_guard_count_tenant_rows(PG_FUNCTION_ARGS)
{
	char	   *tenant = read_tenant(PG_GETARG_TEXT_PP(2));
	TenantTable table;
	int64		second;

	open_tenant_table(PG_GETARG_OID(0), NameStr(*PG_GETARG_NAME(1)), AccessShareLock, &table);
	PG_RETURN_INT64(query_noforce(table.owner,
								  psprintf("SELECT pg_catalog.count(*), 0::pg_catalog.int8 FROM %s WHERE %s", table.name, is_of_tenant(&table, tenant)),
								  NULL, &second));
}

/* The DELETE of a table's rows of the tenant, at most so many if "rows" is not 0. */
static char *
delete_of(const TenantTable *table, const char *tenant, int64 rows)
{
	char	   *condition = is_of_tenant(table, tenant);

	if (rows == 0)
		return psprintf("DELETE FROM %s WHERE %s", table->name, condition);
	if (!has_subclass(table->relid))
		return psprintf("DELETE FROM %s WHERE %s AND ctid = ANY (ARRAY(SELECT ctid FROM %s WHERE %s LIMIT " INT64_FORMAT "))",
						table->name, condition, table->name, condition, rows);
	return psprintf("DELETE FROM %s WHERE %s AND (tableoid, ctid) IN (SELECT tableoid, ctid FROM %s WHERE %s LIMIT " INT64_FORMAT ")",
					table->name, condition, table->name, condition, rows);
}

/* Tables whose rows are deleted by one statement, and how many. */
typedef struct Deletion
{
	const char *sql;
	int			ntables;
	Datum	   *deleted;		/* of each table */
} Deletion;

/* An OwnerAction: runs a statement that deletes rows, and returns their numbers. */
static void
delete_rows(void *argument)
{
	Deletion   *deletion = argument;

	SPI_connect();
	if (SPI_execute(deletion->sql, false, 0) != SPI_OK_SELECT || SPI_processed != 1)
		elog(ERROR, "rows were not deleted: %s", deletion->sql);
	for (int i = 0; i < deletion->ntables; i++)
	{
		bool		isnull;

		deletion->deleted[i] = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, i + 1, &isnull);
	}
	SPI_finish();
}

/*
 * One statement for all tables: a foreign key whose rows are deleted with those that
 * they reference is checked at the end of it.
 */
static char *
delete_of_all(const TenantTable *tables, int ntables, const char *tenant, int64 rows)
{
	StringInfoData sql;

	initStringInfo(&sql);
	for (int i = 0; i < ntables; i++)
		appendStringInfo(&sql, "%sd%d AS (%s RETURNING 1)", i == 0 ? "WITH " : ", ", i, delete_of(&tables[i], tenant, rows));
	for (int i = 0; i < ntables; i++)
		appendStringInfo(&sql, "%s(SELECT pg_catalog.count(*) FROM d%d)", i == 0 ? " SELECT " : ", ", i);
	return sql.data;
}

/*
 * delete_tenant_rows(relations oid[], tenant_columns name[], tenant text, rows int8):
 * deletes the tenant's rows of tables of one owner by one statement, of each at most so
 * many if "rows" is not 0.  Returns how many of each.
 */
Datum
tenant_guard_delete_tenant_rows(PG_FUNCTION_ARGS)
{
	char	   *tenant = read_tenant(PG_GETARG_TEXT_PP(2));
	int64		rows = PG_GETARG_INT64(3);
	Datum	   *relids;
	Datum	   *columns;
	int			ntables;
	int			ncolumns;
	TenantTable *tables;
	Deletion	deletion;
	List	   *deleted_from = NIL;
	ActionWatch watched;

	deconstruct_array(PG_GETARG_ARRAYTYPE_P(0), OIDOID, sizeof(Oid), true, TYPALIGN_INT, &relids, NULL, &ntables);
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(1), NAMEOID, NAMEDATALEN, false, TYPALIGN_CHAR, &columns, NULL, &ncolumns);
	if (ntables == 0 || ntables != ncolumns || rows < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("tables, columns and rows do not match")));
	tables = palloc(ntables * sizeof(TenantTable));
	for (int i = 0; i < ntables; i++)
	{
		open_tenant_table(DatumGetObjectId(relids[i]), NameStr(*DatumGetName(columns[i])), RowExclusiveLock, &tables[i]);
		if (tables[i].owner != tables[0].owner)
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("tables %s and %s reference each other and belong to two roles", tables[0].name, tables[i].name),
					 errdetail("Their rows must be deleted by one statement, which would run code of one role as the other."),
					 errhint("Let both tables belong to one role, or delete the tenant's rows of one of them first.")));
		deleted_from = lappend_oid(deleted_from, tables[i].relid);
	}
	log_bypassed_relations(deleted_from, "tenant_guard.purge_tenant");
	deletion = (Deletion) {delete_of_all(tables, ntables, tenant, rows), ntables, palloc(ntables * sizeof(Datum))};
	watched = watch_actions((ActionWatch) {.role = tables[0].owner});
	PG_TRY();
	{
		run_as_owner(tables[0].owner, true, delete_rows, &deletion);
	}
	PG_FINALLY();
	{
		(void) watch_actions(watched);
	}
	PG_END_TRY();
	PG_RETURN_ARRAYTYPE_P(construct_array(deletion.deleted, ntables, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}
