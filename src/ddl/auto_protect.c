/*-------------------------------------------------------------------------
 *
 * auto_protect.c
 *	  Guards tables that a statement has given the tenant column.
 *
 * Tables of extensions, in excluded schemas, with a security label, and temporary
 * tables that are dropped on commit are not guarded, nor is any table where
 * auto_protect or row_security is off.  Partitions and children of a guarded table
 * are guarded in all these cases, since they can be queried by their own names.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_namespace.h"
#include "commands/extension.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rls.h"

#include "auto_protect.h"
#include "catalog.h"
#include "compat.h"
#include "drop_on_commit.h"
#include "guard.h"
#include "guard_refusals.h"
#include "install_guard.h"
#include "own_sql.h"
#include "relation_argument.h"
#include "table_label.h"
#include "tenant_column.h"

/* The nearest guarded ancestor of a table, or InvalidOid. */
Oid
nearest_guarded_ancestor(Oid relid)
{
	ListCell   *lc;

	foreach(lc, ancestors_of(relid))
		if (guard_of(lfirst_oid(lc)).status != GUARD_NONE)
			return lfirst_oid(lc);
	return InvalidOid;
}

/*
 * The column by which a table is to be guarded automatically, or NULL if it is
 * not to be guarded.  With a guarded ancestor, or else InvalidOid, it is always
 * that table's column: neither a label nor an excluded schema may leave the table
 * open under its own name.
 */
static char *
automatic_column(Oid relid, Oid ancestor)
{
	AttrNumber	attnum = OidIsValid(ancestor) ? guard_of(ancestor).attnum : 0;
	char	   *column;
	char	   *schema;

	if (attnum != 0)
		return get_attname(ancestor, attnum, false);
	column = tenant_column_of(relid);
	if (column == NULL)
		return NULL;
	schema = get_namespace_name(get_rel_namespace(relid));
	if (schema == NULL || schema_is_excluded(schema) ||
		is_dropped_on_commit(relid) ||
		inherited_declaration(relid).kind != LABEL_NONE)
		return NULL;
	return column;
}

/* Refuses a guarded table that is guarded by another column than one of its guarded ancestors. */
static void
check_same_column(Oid relid)
{
	Guard		guard = guard_of(relid);
	char	   *column = guard.attnum ? get_attname(relid, guard.attnum, true) : NULL;
	ListCell   *lc;

	if (column == NULL)
		return;
	foreach(lc, ancestors_of(relid))
	{
		Guard		above = guard_of(lfirst_oid(lc));
		char	   *wanted = above.attnum ? get_attname(lfirst_oid(lc), above.attnum, true) : NULL;

		if (wanted != NULL && strcmp(column, wanted) != 0)
			raise_refusal(guarded_by_other_column(relid, column, wanted));
	}
}

/* Warns of a table that has the tenant column, and no guarded ancestor, and is not guarded. */
static void
warn_of_table_left(Oid relid)
{
	if (get_rel_relkind(relid) == RELKIND_FOREIGN_TABLE)
		ereport(WARNING,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("foreign table %s is not guarded", relation_name(relid)),
				 errdetail("PostgreSQL has no row-level security for foreign tables."),
				 errhint("Guard the table on the foreign server.")));
	else
		ereport(WARNING,
				(errmsg("table %s is not guarded automatically", relation_name(relid)),
				 errdetail("Parameter \"row_security\" is off, as in a script made by pg_dump."),
				 errhint("If the script does not guard it, run SELECT tenant_guard.protect(%s).",
						 quote_literal_cstr(relation_name(relid)))));
}

/* Is a table without guarded ancestors exempt?  Tables that an extension's script makes belong to the extension. */
static bool
is_exempt(Oid relid)
{
	return !setting_auto_protect || creating_extension ||
		OidIsValid(getExtensionOfObject(RelationRelationId, relid));
}

/*
 * Guards one table, with its partitions and children, if it is to be guarded;
 * returns true if it was.  In a script of pg_dump no parent is guarded yet when
 * partitions are attached to it.  A guarded part whose rows without a tenant are
 * everyone's, and those of the table above are not, or the other way round, becomes
 * as that table is.
 */
static bool
auto_protect_table(Oid relid)
{
	char		relkind = get_rel_relkind(relid);
	Oid			ancestor;
	char	   *column;

	if (relkind != RELKIND_RELATION && relkind != RELKIND_PARTITIONED_TABLE &&
		relkind != RELKIND_FOREIGN_TABLE)
		return false;
	ancestor = nearest_guarded_ancestor(relid);
	check_same_column(relid);
	if (guard_of(relid).status == GUARD_WHOLE &&
		(!OidIsValid(ancestor) || guard_of(relid).shape == guard_of(ancestor).shape))
		return false;
	column = automatic_column(relid, ancestor);
	if (column == NULL || (!OidIsValid(ancestor) && is_exempt(relid)))
		return false;
	if (relkind == RELKIND_FOREIGN_TABLE || (!row_security && !OidIsValid(ancestor)))
	{
		if (!OidIsValid(ancestor))
			warn_of_table_left(relid);
		return false;			/* foreign_part.c refuses it below a guarded table */
	}
	check_relation(relid);
	(void) guard_hierarchy(relid, column, guard_of(relid).status == GUARD_WHOLE ? NULL_ROWS_AS_BEFORE : NULL_ROWS_TOLERATED);
	undeclare_guarded(relid);
	return true;
}

/*
 * Guards those of a table, its partitions and children that are to be guarded;
 * to be called when the table may have gained the tenant column.  Raises an error
 * if one cannot be guarded.  Returns the tables that were guarded, to whose
 * foreign keys the caller applies the setting foreign_keys.
 */
List *
auto_protect(Oid relid)
{
	List	   *guarded = NIL;
	ListCell   *lc;

	foreach(lc, find_all_inheritors(relid, NoLock, NULL))
		if (auto_protect_table(lfirst_oid(lc)))
			guarded = lappend_oid(guarded, lfirst_oid(lc));
	return guarded;
}

/* Does auto_protect for several tables; each table is returned once. */
List *
auto_protect_all(List *tables)
{
	List	   *guarded = NIL;
	ListCell   *lc;

	foreach(lc, tables)
		guarded = list_concat_unique_oid(guarded, auto_protect(lfirst_oid(lc)));
	return guarded;
}

/* The tables of a query of OIDs, in the order of their OIDs, so that messages come in a stable order. */
static List *
query_tables(const char *sql)
{
	List	   *tables = NIL;
	ListCell   *lc;

	foreach(lc, query_datums(sql))
		tables = lappend_oid(tables, DatumGetObjectId(PointerGetDatum(lfirst(lc))));
	list_sort(tables, list_oid_cmp);
	return tables;
}

/* The tables OF a composite type: ALTER TYPE ... CASCADE may have given them the tenant column. */
List *
typed_tables(Oid composite)
{
	return query_tables(psprintf("SELECT oid FROM pg_catalog.pg_class"
								 " WHERE reloftype OPERATOR(pg_catalog.=) %u",
								 get_rel_type_id(composite)));
}

/*
 * Guards the tables of a schema that was renamed, if tenant_guard.excluded_schemas
 * has its old name and not its new one.  Returns the tables that were guarded.
 * Tables that other transactions are making in it are waited for: CREATE TABLE
 * locks the schema until it commits, and ALTER SCHEMA does so only in some minor
 * releases.
 */
List *
auto_protect_schema(const RenameStmt *stmt)
{
	Oid			schema = get_namespace_oid(stmt->newname, false);

	if (!schema_is_excluded(stmt->subname) || schema_is_excluded(stmt->newname))
		return NIL;
	LockDatabaseObject(NamespaceRelationId, schema, 0, AccessExclusiveLock);
	return auto_protect_all(query_tables(psprintf("SELECT oid FROM pg_catalog.pg_class"
												  " WHERE relnamespace OPERATOR(pg_catalog.=) %u", schema)));
}
