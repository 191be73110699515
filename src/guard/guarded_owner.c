/*-------------------------------------------------------------------------
 *
 * guarded_owner.c
 *	  Which roles have the rights of an owner of guarded tables.
 *
 * Code that runs as such a role can switch a guard off.  So whoever may choose
 * what runs as it, by a trigger or a foreign key, is judged by this.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_class.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "utils/acl.h"

#include "catalog.h"
#include "guard.h"
#include "guarded_owner.h"
#include "library.h"

/*
 * Does the role own a guarded table that is not in "except", or have the
 * privileges of a role that does?  Scans pg_class, so not for each query.
 */
bool
owns_guarded_table(Oid role, List *except)
{
	CatalogScan scan = begin_catalog_scan(RelationRelationId, InvalidOid, InvalidAttrNumber, InvalidOid, NULL);
	bool		found = false;
	HeapTuple	tuple;

	while (!found && HeapTupleIsValid(tuple = next_catalog_row(&scan)))
	{
		Form_pg_class class = (Form_pg_class) GETSTRUCT(tuple);

		found = (class->relkind == RELKIND_RELATION || class->relkind == RELKIND_PARTITIONED_TABLE) &&
			!list_member_oid(except, class->oid) && has_privs_of_role(role, class->relowner) &&
			guard_of(class->oid).status != GUARD_NONE;
	}
	end_catalog_scan(&scan);
	return found;
}

/*
 * Would a statement that runs as this role have rights over guarded tables?
 * False in a database that does not have the extension, even though the server
 * preloads the library.
 */
bool
has_rights_over_tenants(Oid role)
{
	return OidIsValid(get_extension_oid(EXTENSION_NAME, true)) &&
		(superuser_arg(role) || owns_guarded_table(role, NIL));
}
