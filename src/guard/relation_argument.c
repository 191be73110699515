/*-------------------------------------------------------------------------
 *
 * relation_argument.c
 *	  Checks and locks the table that is the argument of a SQL function.
 *
 * The functions that a DBA calls change tables as ALTER TABLE does, and require
 * the same: that the caller owns the table.  This is checked before locking, so
 * that a role without the right cannot make others wait behind its lock request,
 * and again with the lock held, since the table may have been dropped or given
 * to another owner meanwhile.
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
#include "extension_version.h"
#include "foreign_code.h"
#include "guard_refusals.h"
#include "library.h"
#include "own_sql.h"
#include "relation_argument.h"

/*
 * Raises an error if the relation does not exist, belongs to another role, is a
 * system catalog, or is no table.
 */
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
		raise_refusal(system_table(relid));
	if (relkind != RELKIND_RELATION && relkind != RELKIND_PARTITIONED_TABLE &&
		relkind != RELKIND_FOREIGN_TABLE)
		raise_refusal(not_a_table(relid));
}

/* Checks and locks a table, in ACCESS EXCLUSIVE mode. */
void
lock_relation(Oid relid)
{
	check_relation(relid);
	LockRelationOid(relid, AccessExclusiveLock);
	check_relation(relid);
}

/*
 * Checks and locks a table and all its partitions and children, in ACCESS
 * EXCLUSIVE mode, and keeps their schemas from being renamed.  Returns their
 * OIDs, the table first.
 */
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
	Assert(linitial_oid(parts) == relid);
	foreach(lc, parts)
	{
		check_relation(lfirst_oid(lc));
		keep_name(lfirst_oid(lc));
	}
	return parts;
}

/*
 * Returns a partition or child of a table that another role than the table's
 * owner owns, or InvalidOid.  With "trusts_superusers" those of superusers do
 * not count: a superuser gains nothing if their code runs as another role.
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

/* Does the owner of a table own all its partitions and children? */
bool
parts_have_owner(Oid relid, bool trusts_superusers)
{
	return !OidIsValid(part_of_other_owner(relid, trusts_superusers));
}

/*
 * Raises an error if another role owns a partition or child of the table, since
 * a statement that runs as the table's owner is also run on its parts.
 */
void
check_parts_have_owner(Oid relid, bool trusts_superusers)
{
	Oid			part = part_of_other_owner(relid, trusts_superusers);

	if (OidIsValid(part))
		raise_refusal(parts_of_two_owners(relid, part));
}

/*
 * Locks a table with its partitions and children for a statement that runs as its
 * owner, and keeps their schemas from being renamed.  Returns their OIDs, the table
 * first.  Raises an error if one has been dropped, the user lacks the rights of its
 * owner, they have several owners, the owner cannot use the schema, or a superuser
 * would run code of others.
 */
List *
lock_for_owner(Oid relid, LOCKMODE lock)
{
	List	   *parts;
	ListCell   *lc;

	check_relation(relid);
	LockRelationOid(relid, lock);
	check_relation(relid);
	parts = find_all_inheritors(relid, lock, NULL);
	foreach(lc, parts)
	{
		check_relation(lfirst_oid(lc));
		check_no_foreign_code(lfirst_oid(lc));
		keep_name(lfirst_oid(lc));
	}
	check_parts_have_owner(relid, false);
	check_owner_reaches(relid, object_owner(RelationRelationId, relid));
	return parts;
}

/* An error context callback: what to do if a lock was not to be had. */
static void
hint_to_call_again(void *arg)
{
	if (geterrcode() == ERRCODE_LOCK_NOT_AVAILABLE)
		errhint("Nothing was changed. Call the function again; other transactions have used the table for longer than lock_timeout.");
}

/*
 * To be called first by a SQL function that changes tables, which must call
 * end_change last.  Raises an error on a standby, and in a session whose library
 * does not fit.
 */
void
begin_change(FunctionCallInfo fcinfo, ErrorContextCallback *callback)
{
	PreventCommandDuringRecovery(psprintf(EXTENSION_NAME ".%s()", get_func_name(fcinfo->flinfo->fn_oid)));
	check_library_fits();
	callback->callback = hint_to_call_again;
	callback->arg = NULL;
	callback->previous = error_context_stack;
	error_context_stack = callback;
}

void
end_change(ErrorContextCallback *callback)
{
	Assert(error_context_stack == callback);
	error_context_stack = callback->previous;
}

/* Returns the first argument of a SQL function, a regclass; raises an error if it is null. */
Oid
relation_argument(FunctionCallInfo fcinfo)
{
	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("relation must not be null")));
	return PG_GETARG_OID(0);
}
