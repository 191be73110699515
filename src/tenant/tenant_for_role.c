/*-------------------------------------------------------------------------
 *
 * tenant_for_role.c
 *	  What is set for a role or a database, and who may store a tenant there.
 *
 * tenant_guard.tenant_id is anyone's to set in a session, and so PostgreSQL
 * would let a role ALTER ROLE CURRENT_USER SET it: one injected statement, and
 * every later connection of the pool comes up as another tenant.
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

#include "tenant_for_role.h"

#define TENANT_ID "tenant_guard.tenant_id"

/* The value of an entry "name=value" of a row, or NULL. */
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
 * What a setting is for a database and role (either may be InvalidOid, for all), as
 * the snapshot sees it (NULL: the catalogs'); NULL if they have no value of their own.  Palloc'd.
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
 * Does the command that has just changed this row of pg_db_role_setting store
 * a tenant in it?  Taking one out stores none.  What the command did is not
 * visible yet but to SnapshotSelf.
 */
bool
stores_tenant(Oid database, Oid role)
{
	char	   *before = stored_setting(TENANT_ID, database, role, NULL);
	char	   *after = stored_setting(TENANT_ID, database, role, SnapshotSelf);

	return after != NULL && (before == NULL || strcmp(before, after) != 0);
}
