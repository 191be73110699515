/*-------------------------------------------------------------------------
 *
 * column_change.c
 *	  Refuses changes of columns that a guard does not show.
 *
 * A new generation expression, or an identity, of the tenant column gives rows to
 * other tenants, and the guard is whole.  A column that gets a name of tenant
 * columns, in a table that is guarded by another column or is shared, looks as if
 * it guarded the table.  A statement may do either to a guarded table by
 * changing a parent that is not guarded.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_attribute.h"
#include "catalog/pg_inherits.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "bypass.h"
#include "catalog.h"
#include "column_change.h"
#include "compat.h"
#include "guard.h"
#include "guard_refusals.h"
#include "table_label.h"
#include "tenant_column.h"

/* These tables and all that inherit from them. */
static List *
with_parts(List *tables)
{
	List	   *parts = NIL;
	ListCell   *lc;

	foreach(lc, tables)
		parts = list_concat_unique_oid(parts, find_all_inheritors(lfirst_oid(lc), NoLock, NULL));
	return parts;
}

static bool
is_identity(Oid relid, AttrNumber attnum)
{
	HeapTuple	tuple = SearchSysCache2(ATTNUM, ObjectIdGetDatum(relid), Int16GetDatum(attnum));
	bool		identity;

	if (!HeapTupleIsValid(tuple))
		return false;
	identity = ((Form_pg_attribute) GETSTRUCT(tuple))->attidentity != '\0';
	ReleaseSysCache(tuple);
	return identity;
}

static bool
names_column(List *columns, const char *name)
{
	ListCell   *lc;

	foreach(lc, columns)
		if (strcmp(lfirst(lc), name) == 0)
			return true;
	return false;
}

/*
 * Refuses a statement that has changed the generation expression, or added an
 * identity, of columns with these names, if one is the tenant column of a table or
 * of what inherits from it, unless the user opted in to that.
 */
void
check_renewed_columns(List *tables, List *columns)
{
	ListCell   *lc;

	if (columns == NIL)
		return;
	foreach(lc, with_parts(tables))
	{
		Oid			relid = lfirst_oid(lc);
		AttrNumber	attnum = guard_of(relid).attnum;
		char	   *column = attnum ? get_attname(relid, attnum, true) : NULL;

		if (column == NULL || !names_column(columns, column) ||
			(get_attgenerated(relid, attnum) == '\0' && !is_identity(relid, attnum)) ||
			weakening_is_allowed(relid))
			continue;
		raise_refusal(column_renewed(relid, column));
	}
}

/*
 * Checks one table that has gained a column with a name of tenant columns: refuses
 * it if a column guards the table over which this one takes precedence, and
 * reports it if the table is shared.
 */
static void
check_gained(Oid relid, const char *gained)
{
	AttrNumber	attnum = guard_of(relid).attnum;
	char	   *column = attnum ? get_attname(relid, attnum, true) : NULL;

	if (column != NULL && is_taken_for_tenant_column(relid, gained, column) && !weakening_is_allowed(relid))
		raise_refusal(column_does_not_guard(relid, gained, column));
	if (guard_of(relid).status == GUARD_NONE && inherited_declaration(relid).kind == LABEL_SHARED)
		ereport(NOTICE,
				(errmsg("table %s has column \"%s\" now, and is not guarded: it is declared as shared by all tenants",
						relation_name(relid), gained),
				 errhint("If its rows are tenants' own, run SELECT tenant_guard.unshare(%s); SELECT tenant_guard.protect(%s);",
						 quote_literal_cstr(relation_name(relid)), quote_literal_cstr(relation_name(relid)))));
}

/* Does that for these tables and what inherits from them, which may have gained columns with these names. */
void
check_gained_columns(List *tables, List *columns)
{
	ListCell   *lc;
	ListCell   *column;

	foreach(lc, with_parts(tables))
		foreach(column, columns)
			if (has_column(lfirst_oid(lc), lfirst(column)))
				check_gained(lfirst_oid(lc), lfirst(column));
}

/*
 * Refuses a statement on another object that has dropped a column of this guarded
 * table by CASCADE, if the user does not own the table, unless the user opted in to that.
 */
void
check_lost_column(Oid relid)
{
	if (get_rel_relkind(relid) == '\0' || guard_of(relid).status == GUARD_NONE ||
		user_owns_relation(relid) || weakening_is_allowed(relid))
		return;
	raise_refusal(column_lost(relid));
}
