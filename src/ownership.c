/*-------------------------------------------------------------------------
 *
 * ownership.c
 *	  May the caller change this table?
 *
 * What a DBA calls changes tables as ALTER TABLE does, and asks for the same:
 * that the caller owns the table.  That is checked before a lock is taken, and
 * again with the lock held: the table may have another owner by then, or be
 * gone.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/transam.h"
#include "catalog/catalog.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_class.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"

#include "compat.h"
#include "guard.h"
#include "ownership.h"
#include "refuse_table.h"

/* Refuses what does not exist, is not the caller's, or is the system's. */
void
check_relation(Oid relid)
{
	char		relkind = get_rel_relkind(relid);

	if (relkind == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation with OID %u does not exist", relid)));
	if (!user_owns_relation(relid))
		aclcheck_error(ACLCHECK_NOT_OWNER, get_relkind_objtype(relkind),
					   get_rel_name(relid));
	if (relid < FirstNormalObjectId || IsCatalogNamespace(get_rel_namespace(relid)))
		raise_refusal(system_table(relation_name(relid)));
	if (relkind != RELKIND_RELATION && relkind != RELKIND_PARTITIONED_TABLE &&
		relkind != RELKIND_FOREIGN_TABLE)
		raise_refusal(not_a_table(relation_name(relid)));
}

/* The same with the lock held that the caller's next step needs. */
void
lock_relation(Oid relid)
{
	check_relation(relid);
	LockRelationOid(relid, AccessExclusiveLock);
	check_relation(relid);
}

/* The relation argument of a function; null is no table. */
Oid
relation_argument(FunctionCallInfo fcinfo)
{
	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("relation must not be null")));
	return PG_GETARG_OID(0);
}
