/*-------------------------------------------------------------------------
 *
 * derive.c
 *	  Gives a table the tenant column that its rows have only through a foreign
 *	  key: order lines, by their orders.
 *
 * The column is added with the type that the parent's has, filled from the
 * parent by one UPDATE, and then the table is guarded and its keys carry the
 * tenant.  As with ADD COLUMN ... DEFAULT, filling is no change of rows that
 * triggers and rules should hear of: they do not fire (but for those that are
 * ENABLE ALWAYS or REPLICA).
 *
 * A row without a parent would have no tenant: such rows stand in the way.
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

#include "catalog.h"
#include "compat.h"
#include "foreign_key.h"
#include "guard.h"
#include "install_guard.h"
#include "key_owners.h"
#include "key_refusals.h"
#include "key_setting.h"
#include "noforce.h"
#include "own_sql.h"
#include "pair_keys.h"
#include "protect.h"
#include "relation_argument.h"

PG_FUNCTION_INFO_V1(tenant_guard_derive_tenant_column);

/* ----------------------------------------------------------------
 *		By which key
 * ----------------------------------------------------------------
 */

/* The names of keys, as a list for a person; NULL for none. */
static char *
names_of_keys(List *keys)
{
	StringInfoData names;
	ListCell   *lc;

	if (keys == NIL)
		return NULL;
	initStringInfo(&names);
	foreach(lc, keys)
	{
		ForeignKey *key = lfirst(lc);

		appendStringInfo(&names, "%s\"%s\" to table %s", names.len > 0 ? ", " : "",
						 key->name, relation_name(key->parent));
	}
	return names.data;
}

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
			raise_refusal(key_of_unguarded_parent(name, relation_name(relid), relation_name(key->parent),
												  get_attnum(key->parent, setting_tenant_column) > 0));
		return key;
	}
	raise_refusal(no_such_key(name, relation_name(relid), names_of_keys(keys)));
}

/* The only key to a guarded table. */
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
		raise_refusal(derives_by_no_key(relation_name(relid),
										keys == NIL ? "It has no foreign keys." :
										psprintf("Its foreign keys are %s.", names_of_keys(keys))));
	if (list_length(guarded) > 1)
		raise_refusal(derives_by_several_keys(relation_name(relid), names_of_keys(guarded),
											  ((ForeignKey *) linitial(guarded))->name));
	return linitial(guarded);
}

/* A table that stands alone or is the whole of its partitions. */
static void
check_is_whole(Oid relid)
{
	List	   *ancestors = ancestors_of(relid);

	if (ancestors != NIL)
		raise_refusal(derives_for_part(relation_name(relid), relation_name(llast_oid(ancestors))));
	if (get_rel_relkind(relid) != RELKIND_PARTITIONED_TABLE &&
		list_length(find_all_inheritors(relid, NoLock, NULL)) > 1)
		raise_refusal(derives_for_parent(relation_name(relid)));
}

/* ----------------------------------------------------------------
 *		Adding and filling the column
 * ----------------------------------------------------------------
 */

/*
 * Of the type that the parent's has; of a domain, of what it is made over: the
 * domain's CHECK is another role's function, and the values have passed it.
 */
static void
add_column(const ForeignKey *key, const char *column)
{
	Oid			type;
	int32		typmod;
	Oid			collation;

	get_atttypetypmodcoll(key->parent, key->parent_tenant, &type, &typmod, &collation);
	type = getBaseTypeAndTypmod(type, &typmod);
	run_ddl(key->child, psprintf("ALTER TABLE %s ADD COLUMN %s %s%s", relation_name(key->child),
								 quote_identifier(column),
								 format_type_extended(type, typmod, FORMAT_TYPE_TYPEMOD_GIVEN | FORMAT_TYPE_FORCE_QUALIFY),
								 OidIsValid(collation) ?
								 psprintf(" COLLATE %s", collation_name(collation)) : ""));
	CommandCounterIncrement();
}

/* Fills the column from the parent, of every tenant, by one statement. */
static uint64
fill_column(const ForeignKey *key, const char *column)
{
	EphemeralNamedRelation parents = read_parents(key);
	uint64		rows;

	rows = update_noforce(object_owner(RelationRelationId, key->child),
						  psprintf("UPDATE %s AS c SET %s = p.%s FROM %s AS p WHERE %s",
								   relation_name(key->child), quote_identifier(column),
								   quote_identifier(get_attname(key->parent, key->parent_tenant, false)),
								   parents_of(key, parents), key_match(key, "c", "p")),
						  parents);
	forget_rows(parents);
	return rows;
}

/* Some column of the key is null: it references nothing. */
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

/* Every row must have got a tenant. */
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
		raise_refusal(rows_without_parent(table, key->name, rows, nulls,
										  readable_sql(psprintf("SELECT c.* FROM %s AS c WHERE NOT EXISTS (SELECT FROM %s AS p WHERE %s);",
																table, only_table(key->parent),
																key_match(key, "c", "p")))));
}

/* The caller's is what is locked; what the key references is read, and gets an index. */
static void
check_parent(const ForeignKey *key)
{
	if (!user_owns_relation(key->parent))
		raise_refusal(key_cannot_be_paired(key->name, relation_name(key->child),
										   psprintf("Table %s, which it references, belongs to another role.",
													relation_name(key->parent)),
										   psprintf("Let a superuser run SELECT tenant_guard.derive_tenant_column(%s, %s);",
													quote_literal_cstr(relation_name(key->child)),
													quote_literal_cstr(key->name))));
}

/* A column that references the parent's tenant column is the one to guard by. */
static void
check_no_column_names_tenant(const ForeignKey *key)
{
	AttrNumber	column = naming_column(key);

	if (column != InvalidAttrNumber)
		raise_refusal(column_names_tenant(relation_name(key->child), get_attname(key->child, column, false),
										  key->name, relation_name(key->parent)));
}

Datum
tenant_guard_derive_tenant_column(PG_FUNCTION_ARGS)
{
	Oid			relid = relation_argument(fcinfo);
	ForeignKey *key;
	char	   *column;
	uint64		rows;

	(void) lock_hierarchy(relid);
	check_is_whole(relid);
	key = PG_ARGISNULL(1) ? only_key(relid) : key_of_name(relid, NameStr(*PG_GETARG_NAME(1)));
	check_parent(key);
	LockRelationOid(key->parent, AccessShareLock);
	keep_name(key->parent);
	column = get_attname(key->parent, key->parent_tenant, false);
	if (get_attnum(relid, column) != InvalidAttrNumber)
		raise_refusal(column_is_there(relation_name(relid), column));
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
	(void) protect_table(relid, column);
	(void) pair_keys_of(relid, true);
	note_bound_owner(relid);
	PG_RETURN_VOID();
}
