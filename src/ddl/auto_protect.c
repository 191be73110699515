/*-------------------------------------------------------------------------
 *
 * auto_protect.c
 *	  Guards tables that a statement has given the tenant column.
 *
 * Left alone are tables of extensions, excluded schemas, labelled tables,
 * temporary ones that end with their transaction, and all where auto_protect or
 * row_security is off; but a part of a guarded table is guarded all the same,
 * since it can be queried by its own name.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "commands/extension.h"
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

/* The nearest guarded table that this one is a part of, or InvalidOid. */
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
 * The column by which a table is to be guarded automatically, or NULL if it
 * is not.  A part of a guarded table always is, by that table's column: a
 * label or an excluded schema must not open it by its own name.
 */
static char *
automatic_column(Oid relid, Oid whole)
{
	AttrNumber	attnum = OidIsValid(whole) ? guard_of(whole).attnum : 0;
	char	   *schema;

	if (attnum != 0)
		return get_attname(whole, attnum, false);
	if (!has_column(relid, setting_tenant_column))
		return NULL;
	schema = get_namespace_name(get_rel_namespace(relid));
	if (schema == NULL || schema_is_excluded(schema) ||
		is_dropped_on_commit(relid) ||
		inherited_label(relid) != NULL)
		return NULL;
	return pstrdup(setting_tenant_column);
}

/* A part must be guarded by the column that guards the whole. */
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
			raise_refusal(guarded_by_other_column(relation_name(relid), column, wanted));
	}
}

/* Says of a table that has the column, and no whole, why it is left alone. */
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

/*
 * Are tables of their own left alone?  Those that an extension's script makes
 * are the extension's.
 */
static bool
is_left_alone(Oid relid)
{
	return !setting_auto_protect || creating_extension ||
		OidIsValid(getExtensionOfObject(RelationRelationId, relid));
}

/*
 * Guards one table if it is to be guarded, with its parts; true if it was.  In
 * a script of pg_dump no whole is guarded yet when its parts come to it.
 */
static bool
auto_protect_table(Oid relid)
{
	char		relkind = get_rel_relkind(relid);
	Oid			whole;
	char	   *column;

	if (relkind != RELKIND_RELATION && relkind != RELKIND_PARTITIONED_TABLE &&
		relkind != RELKIND_FOREIGN_TABLE)
		return false;
	whole = nearest_guarded_ancestor(relid);
	check_same_column(relid);
	if (guard_of(relid).status == GUARD_WHOLE)
		return false;
	column = automatic_column(relid, whole);
	if (column == NULL || (!OidIsValid(whole) && is_left_alone(relid)))
		return false;
	if (relkind == RELKIND_FOREIGN_TABLE || (!row_security && !OidIsValid(whole)))
	{
		if (!OidIsValid(whole))
			warn_of_table_left(relid);
		return false;			/* as a part foreign_part.c looks at it */
	}
	check_relation(relid);
	(void) guard_hierarchy(relid, column, NULL_ROWS_TOLERATED);
	if (label_of(relid) != NULL)
		set_label(relid, NULL);
	return true;
}

/*
 * Guards a table and its parts, as far as they are to be guarded: called when
 * the table may have come by the tenant column.  Raises where one cannot be.
 * Returns the tables that were: their foreign keys are still to be settled.
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

/* The same of several tables. */
List *
auto_protect_all(List *tables)
{
	List	   *guarded = NIL;
	ListCell   *lc;

	foreach(lc, tables)
		guarded = list_concat_unique_oid(guarded, auto_protect(lfirst_oid(lc)));
	return guarded;
}

static List *
query_tables(const char *sql)
{
	List	   *tables = NIL;
	ListCell   *lc;

	foreach(lc, query_datums(sql))
		tables = lappend_oid(tables, DatumGetObjectId(PointerGetDatum(lfirst(lc))));
	return tables;
}

/*
 * The tables OF a composite type, which ALTER TYPE ... CASCADE reaches: they
 * may have been given the column by it.
 */
List *
typed_tables(Oid composite)
{
	return query_tables(psprintf("SELECT oid FROM pg_catalog.pg_class"
								 " WHERE reloftype OPERATOR(pg_catalog.=) %u",
								 get_rel_type_id(composite)));
}

/* A schema may have left tenant_guard.excluded_schemas by its new name. */
List *
auto_protect_schema(const RenameStmt *stmt)
{
	if (!schema_is_excluded(stmt->subname) || schema_is_excluded(stmt->newname))
		return NIL;
	return auto_protect_all(query_tables(psprintf("SELECT oid FROM pg_catalog.pg_class"
												  " WHERE relnamespace OPERATOR(pg_catalog.=) %u",
												  get_namespace_oid(stmt->newname, false))));
}
