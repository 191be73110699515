/*-------------------------------------------------------------------------
 *
 * tenant_for_role.c
 *	  Settings stored for a role or a database; refuses commands of roles that
 *	  store a tenant there.
 *
 * Everyone can set the tenant in a session, by tenant_guard.tenant_id or by a
 * setting that tenant_guard.setting_names names, and so PostgreSQL allows a role
 * to run ALTER ROLE CURRENT_USER SET tenant_guard.tenant_id.  By one
 * injected statement every later connection of a pool would start as another
 * tenant.  So only superusers may (object_access in hooks.c).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/pg_db_role_setting.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "named_tenant.h"
#include "tenant_for_role.h"
#include "tenant_refusals.h"

/* Returns the value of the entry "name=value" of a row of pg_db_role_setting, or NULL; palloc'd. */
static char *
value_in_row(HeapTuple tuple, TupleDesc desc, const char *name)
{
	bool		isnull;
	Datum		config = heap_getattr(tuple, Anum_pg_db_role_setting_setconfig, desc, &isnull);
	ArrayIterator iterator;
	Datum		element;
	size_t		len = strlen(name);

	if (isnull)
		return NULL;
	iterator = array_create_iterator(DatumGetArrayTypeP(config), 0, NULL);
	while (array_iterate(iterator, &element, &isnull))
		if (!isnull)
		{
			char	   *entry = TextDatumGetCString(element);

			if (pg_strncasecmp(entry, name, len) == 0 && entry[len] == '=')
				return entry + len + 1;
		}
	return NULL;
}

/*
 * Returns the value that is stored for a database and role, or NULL; palloc'd.
 * InvalidOid stands for all databases, or all roles.  With a NULL snapshot a
 * catalog snapshot is used.
 */
char *
stored_setting(const char *name, Oid database, Oid role, Snapshot snapshot)
{
	Relation	settings = table_open(DbRoleSettingRelationId, AccessShareLock);
	ScanKeyData keys[2];
	SysScanDesc scan;
	HeapTuple	tuple;
	char	   *value = NULL;

	ScanKeyInit(&keys[0], Anum_pg_db_role_setting_setdatabase, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(database));
	ScanKeyInit(&keys[1], Anum_pg_db_role_setting_setrole, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(role));
	scan = systable_beginscan(settings, DbRoleSettingDatidRolidIndexId, true,
							  snapshot, 2, keys);
	if (HeapTupleIsValid(tuple = systable_getnext(scan)))
		value = value_in_row(tuple, RelationGetDescr(settings), name);
	systable_endscan(scan);
	table_close(settings, AccessShareLock);
	return value;
}

/*
 * Has the running command stored a value of this setting for this database and
 * role?  RESET does not count.  Until the next command begins, only SnapshotSelf
 * sees what the command has changed.
 */
static bool
stores_setting(const char *name, Oid database, Oid role)
{
	char	   *before = stored_setting(name, database, role, NULL);
	char	   *after = stored_setting(name, database, role, SnapshotSelf);

	return after != NULL && (before == NULL || strcmp(before, after) != 0);
}

/* Raises an error if the running command has stored a tenant for this database and role; to be called unless a superuser runs it. */
void
check_stored_tenant(Oid database, Oid role)
{
	for (int i = 0; i < count_of_sources(); i++)
		if (stores_setting(nth_source(i)->name, database, role))
			raise_refusal(role_sets_own_tenant(nth_source(i)->name));
}
