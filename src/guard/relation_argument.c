/*-------------------------------------------------------------------------
 *
 * relation_argument.c
 *	  May the caller change this table?
 *
 * What a DBA calls changes tables as ALTER TABLE does, and asks for the same:
 * that the caller owns the table.  That is checked before a lock is asked for,
 * since whoever waits for one makes others wait; and again with the lock held:
 * the table may have another owner by then, or be gone.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/transam.h"
#include "catalog/catalog.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"

#include "catalog.h"
#include "compat.h"
#include "guard_refusals.h"
#include "own_sql.h"
#include "relation_argument.h"

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

/* The same of a table with all its parts, which it returns, the table first. */
List *
lock_hierarchy(Oid relid)
{
	List	   *parts;
	ListCell   *lc;

	check_relation(relid);
	foreach(lc, find_all_inheritors(relid, NoLock, NULL))
		if (get_rel_relkind(lfirst_oid(lc)) != '\0')
			check_relation(lfirst_oid(lc));
	lock_relation(relid);
	parts = find_all_inheritors(relid, AccessExclusiveLock, NULL);
	foreach(lc, parts)
	{
		check_relation(lfirst_oid(lc));
		keep_name(lfirst_oid(lc));
	}
	return parts;
}

/*
 * A partition or child of a table that another role owns, or InvalidOid.  With
 * "trusts_superusers" a superuser's does not count: to run what a superuser
 * wrote as someone else gives nobody anything.
 */
static Oid
part_of_other_owner(Oid relid, bool trusts_superusers)
{
	Oid			owner = object_owner(RelationRelationId, relid);
	ListCell   *lc;

	foreach(lc, find_all_inheritors(relid, NoLock, NULL))
	{
		Oid			other = object_owner(RelationRelationId, lfirst_oid(lc));

		if (OidIsValid(other) && other != owner && !(trusts_superusers && superuser_arg(other)))
			return lfirst_oid(lc);
	}
	return InvalidOid;
}

bool
parts_have_owner(Oid relid, bool trusts_superusers)
{
	return !OidIsValid(part_of_other_owner(relid, trusts_superusers));
}

/*
 * Refuses a table some part of which another role owns, since what is done to
 * the table is done to its parts as the same role.
 */
void
check_parts_have_owner(Oid relid, bool trusts_superusers)
{
	Oid			part = part_of_other_owner(relid, trusts_superusers);

	if (OidIsValid(part))
		raise_refusal(parts_of_two_owners(relation_name(relid), relation_name(part),
										  GetUserNameFromId(object_owner(RelationRelationId, relid), true)));
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
