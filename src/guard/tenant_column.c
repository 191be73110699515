/*-------------------------------------------------------------------------
 *
 * tenant_column.c
 *	  By which column a table is to be guarded, and of which type tenants are.
 *
 * These are what tenant_guard.tenant_column and tenant_guard.tenant_type say.  A
 * dump of a database does not have its settings, though.  So where a setting has
 * its default, it is what guarded tables say (guard_census.c): the columns by
 * which they are guarded, the one that most have first, and the type that their
 * policies' getters return.
 *
 * An ordinary role must not change that for others by tables of its own.  So the
 * tables that count are those of superusers and of the database's owner and, for
 * a table of another role, those of that role.  Only the type of tenants for the
 * database may be what other roles' tables say: as long as there is none that
 * counts, and they agree.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/indexing.h"
#include "catalog/pg_class.h"
#include "catalog/pg_database.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_policy.h"
#include "catalog/pg_proc.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "catalog.h"
#include "extension_function.h"
#include "guard.h"
#include "guard_census.h"
#include "settings.h"
#include "tenant_column.h"

/* Do the guarded tables of this owner count for tables of the role "of_table", or, if that is InvalidOid, for the database? */
bool
owner_decides(Oid owner, Oid of_table)
{
	return owner == of_table || superuser_arg(owner) ||
		owner == object_owner(DatabaseRelationId, MyDatabaseId);
}

/* ----------------------------------------------------------------
 *		Columns
 * ----------------------------------------------------------------
 */

/* A column, and how many tables are guarded by it. */
typedef struct ColumnCount
{
	const char *name;
	int64		tables;
} ColumnCount;

/* Orders the columns of most tables first, and of two the default after the other. */
static int
compare_columns(const ListCell *a, const ListCell *b)
{
	const ColumnCount *one = lfirst(a);
	const ColumnCount *other = lfirst(b);
	bool		one_is_default = strcmp(one->name, DEFAULT_TENANT_COLUMN) == 0;
	bool		other_is_default = strcmp(other->name, DEFAULT_TENANT_COLUMN) == 0;

	if (one->tables != other->tables)
		return one->tables > other->tables ? -1 : 1;
	if (one_is_default != other_is_default)
		return one_is_default ? 1 : -1;
	return strcmp(one->name, other->name);
}

static List *
add_to_column(List *columns, const char *name, int64 tables)
{
	ColumnCount *count;
	ListCell   *lc;

	foreach(lc, columns)
	{
		count = lfirst(lc);
		if (strcmp(count->name, name) != 0)
			continue;
		count->tables += tables;
		return columns;
	}
	count = palloc(sizeof(ColumnCount));
	*count = (ColumnCount) {name, tables};
	return lappend(columns, count);
}

/* What guarded tables say of the tables of a role. */
static List *
columns_of_guards(Oid owner)
{
	List	   *columns = NIL;
	List	   *names = NIL;
	ListCell   *lc;

	foreach(lc, guard_counts())
	{
		GuardCount *count = lfirst(lc);

		if (owner_decides(count->kind.owner, owner))
			columns = add_to_column(columns, NameStr(count->kind.column), count->tables);
	}
	columns = add_to_column(columns, DEFAULT_TENANT_COLUMN, 0);
	list_sort(columns, compare_columns);
	foreach(lc, columns)
		names = lappend(names, pstrdup(((ColumnCount *) lfirst(lc))->name));
	return names;
}

/* The names of tenant columns, of which a table's is the first that it has; palloc'd. */
List *
tenant_columns_of(Oid relid)
{
	const TenantColumns *setting = setting_tenant_columns;
	List	   *names = NIL;

	if (!setting->are_set)
		return columns_of_guards(object_owner(RelationRelationId, relid));
	for (int i = 0; i < setting->count; i++)
		names = lappend(names, pstrdup(NameStr(setting->names[i])));
	return names;
}

/* The column by which a table is to be guarded, palloc'd, or NULL if it has none. */
char *
tenant_column_of(Oid relid)
{
	ListCell   *lc;

	foreach(lc, tenant_columns_of(relid))
		if (has_column(relid, lfirst(lc)))
			return lfirst(lc);
	return NULL;
}

/* Can a column of this name be the tenant column of a table of any owner? */
bool
may_be_tenant_column(const char *name)
{
	const TenantColumns *setting = setting_tenant_columns;
	ListCell   *lc;

	for (int i = 0; i < setting->count; i++)
		if (strcmp(NameStr(setting->names[i]), name) == 0)
			return true;
	if (!setting->are_set)
		foreach(lc, guard_counts())
			if (strcmp(NameStr(((GuardCount *) lfirst(lc))->kind.column), name) == 0)
				return true;
	return false;
}

/*
 * Would a column of this name be taken for the tenant column of a table that the
 * other one guards?  It would if it came first, and by the default's name always,
 * where none is set.
 */
bool
is_taken_for_tenant_column(Oid relid, const char *name, const char *other)
{
	ListCell   *lc;

	if (!setting_tenant_columns->are_set && strcmp(name, DEFAULT_TENANT_COLUMN) == 0)
		return strcmp(other, DEFAULT_TENANT_COLUMN) != 0;
	foreach(lc, tenant_columns_of(relid))
	{
		if (strcmp(lfirst(lc), other) == 0)
			return false;
		if (strcmp(lfirst(lc), name) == 0)
			return true;
	}
	return false;
}

/* ----------------------------------------------------------------
 *		Types
 * ----------------------------------------------------------------
 */

/* The type of the one bit in "found", a set of 1 << TenantType; uuid if there is none or several. */
static TenantType
only_type(int found)
{
	for (TenantType type = TENANT_UUID; type <= TENANT_TEXT; type++)
		if (found == 1 << type)
			return type;
	return TENANT_UUID;
}

/* The type of tenants for a table. */
TenantType
type_for_table(Oid relid)
{
	Oid			owner = object_owner(RelationRelationId, relid);
	int			found = 0;
	ListCell   *lc;

	if (tenant_type_is_set())
		return type_of_tenants();
	foreach(lc, guard_counts())
	{
		GuardCount *count = lfirst(lc);

		if (owner_decides(count->kind.owner, owner))
			found |= 1 << count->kind.type;
	}
	return only_type(found);
}

static Oid
table_of(Oid policyid)
{
	return oid_in_catalog(PolicyRelationId, PolicyOidIndexId, Anum_pg_policy_oid, policyid, Anum_pg_policy_polrelid);
}

/* Is a table guarded by tenants of this type, with "decides" one that counts for the database? */
static bool
guards_are_of(TenantType type, bool decides)
{
	CatalogScan scan;
	HeapTuple	tuple;
	bool		found = false;
	GuardKind	kind;

	scan = begin_dependents_scan(ProcedureRelationId, getter_function(type));
	while (!found && HeapTupleIsValid(tuple = next_catalog_row(&scan)))
	{
		Form_pg_depend depend = (Form_pg_depend) GETSTRUCT(tuple);

		found = depend->classid == PolicyRelationId && counted_as(table_of(depend->objid), &kind) &&
			kind.type == type && (!decides || owner_decides(kind.owner, InvalidOid));
	}
	end_catalog_scan(&scan);
	return found;
}

static TenantType known_type;
static bool type_is_known = false;
static uint64 known_since;		/* guard_invalidations() before it was found out */

/*
 * The types of these tables, as a set of 1 << TenantType.  If there is none but
 * uuid, it may be missing: that is what only_type() returns for no type.
 */
static int
types_of_guards(bool decides)
{
	int			found = 0;

	for (TenantType type = TENANT_BIGINT; type <= TENANT_TEXT; type++)
		found |= guards_are_of(type, decides) ? 1 << type : 0;
	if (found != 0 && guards_are_of(TENANT_UUID, decides))
		found |= 1 << TENANT_UUID;
	return found;
}

/*
 * What guarded tables say of the type of tenants, for type_of_tenants().  If none
 * counts for the database, those of other roles say it, if they agree.
 *
 * Every session asks.  So this does not take the census, but reads by pg_depend
 * which getters are called: mostly only that for uuid, and nothing depends on the
 * others.  As in the census, what changes during a second round is left to the
 * next call.
 */
static TenantType
type_of_guards(void)
{
	for (int round = 0; round < 2 && (!type_is_known || known_since != guard_invalidations()); round++)
	{
		int			found;

		known_since = guard_invalidations();
		type_is_known = true;	/* unless an invalidation comes meanwhile */
		found = types_of_guards(false);
		if (found != 0 && (types_of_guards(true) != 0 || guards_are_of(TENANT_UUID, true)))
			found = types_of_guards(true);
		known_type = only_type(found);
	}
	return known_type;
}

/* Another role may be a superuser, or the owner of the database. */
static void
forget_type(Datum arg, int cacheid, uint32 hashvalue)
{
	type_is_known = false;
}

/* Must be called once, by _PG_init, before the tenant's setting is defined. */
void
init_tenant_column(void)
{
	init_guard_census();
	CacheRegisterSyscacheCallback(AUTHOID, forget_type, (Datum) 0);
	CacheRegisterSyscacheCallback(DATABASEOID, forget_type, (Datum) 0);
	read_tenant_type_from(type_of_guards);
}
