/*-------------------------------------------------------------------------
 *
 * table_label.c
 *	  Security labels that say that a table is not to be guarded.
 *
 * The label 'shared' declares a table as shared by all tenants (share, unshare);
 * 'unprotected' records that unprotect() removed a guard.  Later DDL guards
 * neither automatically.  Labels are dumped by pg_dump.  A table's label applies
 * to its partitions and children, too.
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

/* Returns the label of a table itself, or NULL; palloc'd. */
char *
label_of(Oid relid)
{
	ObjectAddress object;

	ObjectAddressSet(object, RelationRelationId, relid);
	return GetSecurityLabel(&object, EXTENSION_NAME);
}

/* Returns the label of a table, or else of the nearest ancestor that has one, or NULL; palloc'd. */
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

/* Sets a table's label; NULL removes it. */
void
set_label(Oid relid, const char *label)
{
	ObjectAddress object;

	ObjectAddressSet(object, RelationRelationId, relid);
	SetSecurityLabel(&object, EXTENSION_NAME, label);
	CommandCounterIncrement();
}
