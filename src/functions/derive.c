/*-------------------------------------------------------------------------
 *
 * derive.c
 *	  Adds the tenant column to a table whose rows have a tenant only through a
 *	  foreign key, such as order lines through their orders.
 *
 * The column gets the type of the parent's tenant column and is filled from the
 * parent by one UPDATE; then the table is guarded and its foreign keys are paired.
 * As with ADD COLUMN ... DEFAULT, triggers and rules do not fire for the UPDATE,
 * except those that are ENABLE ALWAYS or REPLICA.
 *
 * A row without a parent would have no tenant; if there is one an error is raised.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "lib/stringinfo.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/ruleutils.h"

#include "access_refusals.h"
#include "catalog.h"
#include "compat.h"
#include "foreign_key.h"
#include "guard.h"
#include "guard_census.h"
#include "install_guard.h"
#include "key_owners.h"
#include "key_refusals.h"
#include "key_setting.h"
#include "noforce.h"
#include "own_sql.h"
#include "pair_keys.h"
#include "protect.h"
#include "relation_argument.h"
#include "tenant_column.h"

PG_FUNCTION_INFO_V1(tenant_guard_derive_tenant_column);

/* ----------------------------------------------------------------
 *		The foreign key
 * ----------------------------------------------------------------
 */

/* The key of this name; an error if there is none, or if it references a table that is not guarded. */
static ForeignKey *
key_of_name(Oid relid, const char *name)
{
	List	   *keys = foreign_keys_from(relid);
	ListCell   *lc;

	foreach(lc, keys)
	{
		ForeignKey *key = lfirst(lc);

		if (strcmp(key->name, name) != 0)
			continue;
		if (guard_of(key->parent).status != GUARD_WHOLE)
			raise_refusal(key_of_unguarded_parent(key, tenant_column_of(key->parent) != NULL));
		return key;
	}
	raise_refusal(no_such_key(name, relid, keys));
}

/* The only key from a table to another, guarded table; an error if there is none or several. */
static ForeignKey *
only_key(Oid relid)
{
	List	   *keys = foreign_keys_from(relid);
	List	   *guarded = NIL;
	ListCell   *lc;

	foreach(lc, keys)
	{
		ForeignKey *key = lfirst(lc);

		if (guard_of(key->parent).status == GUARD_WHOLE && key->parent != relid)
			guarded = lappend(guarded, key);
	}
	if (guarded == NIL)
		raise_refusal(derives_by_no_key(relid, keys));
	if (list_length(guarded) > 1)
		raise_refusal(derives_by_several_keys(relid, guarded));
	return linitial(guarded);
}

/* Refuses the tenants' own table: its rows have no tenant but themselves. */
static void
check_is_not_tenants(Oid relid)
{
	ForeignKey *key = key_to_tenants(relid);

	if (key != NULL)
		raise_refusal(derives_for_tenants(key));
}

/* Refuses partitions, and tables in an inheritance hierarchy. */
static void
check_is_root(Oid relid)
{
	List	   *ancestors = ancestors_of(relid);

	if (ancestors != NIL)
		raise_refusal(derives_for_part(relid, llast_oid(ancestors)));
	if (get_rel_relkind(relid) != RELKIND_PARTITIONED_TABLE &&
		list_length(find_all_inheritors(relid, NoLock, NULL)) > 1)
		raise_refusal(derives_for_parent(relid));
}

/* ----------------------------------------------------------------
 *		Adding and filling the column
 * ----------------------------------------------------------------
 */

/*
 * The name that the column gets, palloc'd: that of the parent's, unless it is the
 * key of the tenants' own table, whose name says nothing elsewhere.
 */
static char *
name_for_column(const ForeignKey *key)
{
	if (is_key_alone(key->parent, key->parent_tenant))
		return pstrdup(linitial(tenant_columns_of(key->child)));
	return get_attname(key->parent, key->parent_tenant, false);
}

/*
 * Adds the column with the type of the parent's tenant column or, if that is a
 * domain, its base type: the domain's CHECK may call another role's function, and
 * the values have passed it.
 */
static void
add_column(const ForeignKey *key, const char *column)
{
	Oid			type;
	int32		typmod;
	Oid			collation;

	get_atttypetypmodcoll(key->parent, key->parent_tenant, &type, &typmod, &collation);
	type = getBaseTypeAndTypmod(type, &typmod);
	Assert(relation_is_locked(key->child, AccessExclusiveLock));
	run_ddl(key->child, psprintf("ALTER TABLE %s ADD COLUMN %s %s%s", relation_name(key->child),
								 quote_identifier(column),
								 format_type_extended(type, typmod, FORMAT_TYPE_TYPEMOD_GIVEN | FORMAT_TYPE_FORCE_QUALIFY),
								 OidIsValid(collation) ?
								 psprintf(" COLLATE %s", collation_name(collation)) : ""));
	CommandCounterIncrement();
}

/* Fills the column from the parent for the rows of every tenant; returns the number of rows. */
static uint64
fill_column(const ForeignKey *key, const char *column)
{
	EphemeralNamedRelation parents = read_parents(key);
	uint64		rows;

	Assert(relation_is_locked(key->parent, AccessShareLock));
	rows = update_noforce(object_owner(RelationRelationId, key->child),
						  psprintf("UPDATE %s AS c SET %s = p.%s FROM %s AS p WHERE %s",
								   relation_name(key->child), quote_identifier(column),
								   quote_identifier(get_attname(key->parent, key->parent_tenant, false)),
								   parents_of(key, parents), key_match(key, "c", "p")),
						  parents);
	forget_rows(parents);
	return rows;
}

/* The SQL condition that some column of the key is null in a row "c", which then references nothing. */
static char *
key_is_null(const ForeignKey *key)
{
	StringInfoData sql;

	initStringInfo(&sql);
	for (int i = 0; i < key->ncolumns; i++)
		appendStringInfo(&sql, "%sc.%s IS NULL", i > 0 ? " OR " : "",
						 quote_identifier(get_attname(key->child, key->columns[i], false)));
	return sql.data;
}

/* Raises an error if there are rows without a tenant. */
static void
check_all_are_filled(const ForeignKey *key, const char *column)
{
	char	   *table = relation_name(key->child);
	int64		nulls;
	int64		rows = query_noforce(object_owner(RelationRelationId, key->child),
									 psprintf("SELECT pg_catalog.count(*), pg_catalog.count(*) FILTER (WHERE %s)"
											  " FROM %s AS c WHERE c.%s IS NULL",
											  key_is_null(key), table, quote_identifier(column)),
									 NULL, &nulls);

	if (rows > 0)
		raise_refusal(rows_without_parent(key, rows, nulls,
										  readable_sql(psprintf("SELECT c.* FROM %s AS c WHERE NOT EXISTS (SELECT FROM %s AS p WHERE %s);",
																table, only_table(key->parent),
																key_match(key, "c", "p")))));
}

/* Refuses a referenced table that the user does not own: it is read, and gets an index. */
static void
check_parent(const ForeignKey *key)
{
	if (!user_owns_relation(key->parent))
		raise_refusal(key_cannot_be_paired(key,
										   psprintf("Table %s, which it references, belongs to another role.",
													relation_name(key->parent)),
										   psprintf("Let a superuser run SELECT tenant_guard.derive_tenant_column(%s, %s);",
													quote_literal_cstr(relation_name(key->child)),
													quote_literal_cstr(key->name))));
}

/* Refuses a key with a column that references the parent's tenant column: the table can be guarded by that column. */
static void
check_no_column_names_tenant(const ForeignKey *key)
{
	if (naming_column(key) != InvalidAttrNumber)
		raise_refusal(column_names_tenant(key));
}

/* Refuses a table that has a guard: its rows have a tenant. */
static void
check_not_guarded(Oid relid)
{
	Guard		guard = guard_of(relid);

	if (guard.status == GUARD_DAMAGED)
		raise_refusal(damaged_guard(relid, guard.damage));
	if (guard.status == GUARD_WHOLE)
		raise_refusal(derives_for_guarded(relid, get_attname(relid, guard.attnum, false)));
}

Datum
tenant_guard_derive_tenant_column(PG_FUNCTION_ARGS)
{
	Oid			relid = relation_argument(fcinfo);
	ForeignKey *key;
	char	   *column;
	uint64		rows;
	ErrorContextCallback callback;

	begin_change(fcinfo, &callback);
	(void) lock_hierarchy(relid);
	check_not_guarded(relid);
	check_is_root(relid);
	check_is_not_tenants(relid);
	key = PG_ARGISNULL(1) ? only_key(relid) : key_of_name(relid, NameStr(*PG_GETARG_NAME(1)));
	check_parent(key);
	LockRelationOid(key->parent, AccessShareLock);
	keep_name(key->parent);
	column = name_for_column(key);
	if (get_attnum(relid, column) != InvalidAttrNumber)
		raise_refusal(column_is_there(relid, column));
	check_no_column_names_tenant(key);
	check_no_event_pending(relid);
	check_two_owners(key);
	check_parts_have_owner(relid, false);

	add_column(key, column);
	rows = fill_column(key, column);
	check_all_are_filled(key, column);
	ereport(NOTICE,
			(errmsg("column \"%s\" of table %s is derived from table %s, in " UINT64_FORMAT " %s",
					column, relation_name(relid), relation_name(key->parent),
					rows, rows == 1 ? "row" : "rows")));
	(void) protect_table(relid, column, NULL_ROWS_AS_BEFORE, false);
	(void) pair_keys_of(relid, true);
	note_bound_owner(relid);
	end_change(&callback);
	PG_RETURN_VOID();
}
