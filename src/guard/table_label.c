/*-------------------------------------------------------------------------
 *
 * table_label.c
 *	  Security labels of tables, by which they are declared to be no one tenant's.
 *
 * 'shared' declares a table as shared by all tenants (share, unshare);
 * 'unprotected' remembers that unprotect() took a guard off.  Neither is
 * guarded by later DDL.  Labels are ordinary catalog rows: pg_dump carries
 * them, and a table's partitions and children follow its label.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_class.h"
#include "commands/seclabel.h"

#include "catalog.h"
#include "library.h"
#include "table_label.h"

/* Our label on a table itself, or NULL. */
char *
label_of(Oid relid)
{
	ObjectAddress object;

	ObjectAddressSet(object, RelationRelationId, relid);
	return GetSecurityLabel(&object, EXTENSION_NAME);
}

/* The label of a table, or of the nearest ancestor that has one, or NULL. */
char *
inherited_label(Oid relid)
{
	char	   *label = label_of(relid);
	ListCell   *lc;

	if (label != NULL)
		return label;
	foreach(lc, ancestors_of(relid))
	{
		label = label_of(lfirst_oid(lc));
		if (label != NULL)
			return label;
	}
	return NULL;
}

/* Sets a table's label, or with NULL removes it. */
void
set_label(Oid relid, const char *label)
{
	ObjectAddress object;

	ObjectAddressSet(object, RelationRelationId, relid);
	SetSecurityLabel(&object, EXTENSION_NAME, label);
	CommandCounterIncrement();
}
