/*-------------------------------------------------------------------------
 *
 * reference_owner.c
 *	  Who may make foreign keys to a guarded table.
 *
 * REFERENCES is among GRANT ALL.  A role that has it could make a table of its
 * own, which is not guarded, reference a guarded one, and ask of every
 * tenant's row whether it is there, and keep it from being deleted.  And a
 * column of a type of its own, with a cast that is its function, has that
 * function called as the owner of the table that it references, be that one
 * guarded or another of the same owner's.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/transam.h"
#include "catalog/pg_cast.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_proc.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"

#include "bypass.h"
#include "catalog.h"
#include "compat.h"
#include "foreign_key.h"
#include "guard.h"
#include "key_owners.h"
#include "key_refusals.h"
#include "own_sql.h"
#include "reference_owner.h"
#include "relation_argument.h"
#include "settings.h"

/* Can rows of the key's table reference other tenants' rows of a guarded one? */
static bool
reaches_tenants(const ForeignKey *key)
{
	return guard_of(key->parent).status != GUARD_NONE && key->kind != KEY_CARRIES_TENANT &&
		key->kind != KEY_HAS_COMPANION && key->kind != KEY_TO_TENANT_COLUMN;
}

static char *
owner_name(Oid relid)
{
	return GetUserNameFromId(object_owner(RelationRelationId, relid), true);
}

static void
check_reference(const ForeignKey *key)
{
	if (reaches_tenants(key) && !user_owns_relation(key->parent) && !weakening_is_meant(key->parent))
		raise_refusal(key_of_other(key->name, relation_name(key->child), relation_name(key->parent),
								   owner_name(key->parent)));
}

/* The function of neither a superuser nor that owner that a key to another owner's table calls, or InvalidOid. */
static Oid
function_as_owner(const ForeignKey *key, Oid owner)
{
	return object_owner(RelationRelationId, key->child) == owner ? InvalidOid : function_of_key(key, owner);
}

static void
refuse_function(const ForeignKey *key, Oid function, bool stands)
{
	if (!weakening_is_meant(key->parent))
		raise_refusal(key_calls_function(key->name, relation_name(key->child), relation_name(key->parent),
										 owner_name(key->parent), format_procedure_qualified(function), stands));
}

/*
 * Refuses a key to another owner's table if that has rights over guarded ones,
 * and a function of neither a superuser nor that owner is called to compare its
 * columns: any, or with "only" that one.
 */
static void
check_functions(const ForeignKey *key, Oid only)
{
	Oid			owner;
	Oid			function;

	if (key == NULL)
		return;
	owner = object_owner(RelationRelationId, key->parent);
	function = function_as_owner(key, owner);
	if (OidIsValid(function) && (!OidIsValid(only) || function == only) && has_rights_over_tenants(owner))
		refuse_function(key, function, false);
}

/*
 * The same of a constraint that has just been made, whoever makes it.  The rows
 * that are there have not been checked yet.
 */
void
check_functions_of_reference(Oid constraint)
{
	if (!IsBinaryUpgrade)
		check_functions(foreign_key_of_command(constraint), InvalidOid);
}

/* The function of a cast, or InvalidOid. */
static Oid
function_of_cast(Oid castid)
{
	Oid			function = InvalidOid;
	CatalogScan scan;
	HeapTuple	tuple;

	scan = begin_catalog_scan(CastRelationId, CastOidIndexId, Anum_pg_cast_oid, castid, NULL);
	tuple = next_catalog_row(&scan);
	if (HeapTupleIsValid(tuple))
		function = ((Form_pg_cast) GETSTRUCT(tuple))->castfunc;
	end_catalog_scan(&scan);
	return function;
}

/* The same of all keys that are there. */
static void
check_functions_of_all_keys(Oid only)
{
	CatalogScan scan = begin_catalog_scan(ConstraintRelationId, InvalidOid, InvalidAttrNumber, InvalidOid, NULL);
	HeapTuple	tuple;

	while (HeapTupleIsValid(tuple = next_catalog_row(&scan)))
		if (((Form_pg_constraint) GETSTRUCT(tuple))->contype == CONSTRAINT_FOREIGN)
			check_functions(foreign_key_of_command(((Form_pg_constraint) GETSTRUCT(tuple))->oid), only);
	end_catalog_scan(&scan);
}

/*
 * The same of a cast that has just been made, and of all keys that are there:
 * none depends on a cast, and each calls the one that it finds.
 */
void
check_functions_of_cast(Oid castid)
{
	Oid			function = function_of_cast(castid);

	if (OidIsValid(function) && !superuser_arg(object_owner(ProcedureRelationId, function)))
		check_functions_of_all_keys(function);
}

/*
 * The same where a table, or with InvalidOid any, has been given to another
 * owner.  The script of a dump gives each table, so only its own keys are read.
 */
void
check_functions_of_new_owner(Oid relid)
{
	ListCell   *lc;

	if (!OidIsValid(relid))
		check_functions_of_all_keys(InvalidOid);
	else
		foreach(lc, foreign_keys_of(relid))
			check_functions(lfirst(lc), InvalidOid);
}

/* Is there a cast by a function of neither a superuser nor this role? */
static bool
has_cast_of_stranger(Oid role)
{
	Relation	casts = table_open(CastRelationId, AccessShareLock);
	bool		found = false;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	/* initdb's are a superuser's, and each statement that guards a table asks */
	ScanKeyInit(&key, Anum_pg_cast_oid, BTGreaterEqualStrategyNumber,
				F_OIDGE, ObjectIdGetDatum(FirstNormalObjectId));
	scan = systable_beginscan(casts, CastOidIndexId, true, NULL, 1, &key);
	while (!found && HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Oid			function = ((Form_pg_cast) GETSTRUCT(tuple))->castfunc;
		Oid			owner = OidIsValid(function) ? object_owner(ProcedureRelationId, function) : role;

		found = owner != role && !superuser_arg(owner);
	}
	systable_endscan(scan);
	table_close(casts, AccessShareLock);
	return found;
}

/*
 * The same of the keys that are there to all tables of a role, and of those that
 * have its privileges.  A superuser has had rights over guarded tables before.
 */
static void
check_functions_as(Oid role)
{
	CatalogScan scan = begin_catalog_scan(ConstraintRelationId, InvalidOid, InvalidAttrNumber, InvalidOid, NULL);
	HeapTuple	tuple;

	while (HeapTupleIsValid(tuple = next_catalog_row(&scan)))
	{
		Form_pg_constraint con = (Form_pg_constraint) GETSTRUCT(tuple);
		Oid			owner;
		ForeignKey *key;
		Oid			function;

		if (con->contype != CONSTRAINT_FOREIGN)
			continue;
		owner = object_owner(RelationRelationId, con->confrelid);
		if (!OidIsValid(owner) || superuser_arg(owner) || !has_privs_of_role(owner, role))
			continue;
		key = foreign_key_of_command(con->oid);
		function = key ? function_as_owner(key, owner) : InvalidOid;
		if (OidIsValid(function))
			refuse_function(key, function, true);
	}
	end_catalog_scan(&scan);
}

/*
 * The same where these tables have become guarded, the first of their owner: to
 * whom the role's rights mattered little they do now.  Most databases have no
 * cast that a key could call, and nothing more is read.
 */
void
check_functions_of_first_guards(List *guarded)
{
	List	   *owners = NIL;
	ListCell   *lc;

	if (IsBinaryUpgrade)
		return;
	foreach(lc, guarded)
		if (guard_of(lfirst_oid(lc)).status != GUARD_NONE)
			owners = list_append_unique_oid(owners, object_owner(RelationRelationId, lfirst_oid(lc)));
	foreach(lc, owners)
		if (has_cast_of_stranger(lfirst_oid(lc)) && !owns_guarded_table(lfirst_oid(lc), guarded))
			check_functions_as(lfirst_oid(lc));
}

/*
 * Refuses a key that this transaction has made, from a table or a part of it,
 * to a guarded table that is not the caller's, if any tenant's rows can be
 * referenced by it; where tenant_guard.foreign_keys refuses keys at all.
 */
void
check_new_references(Oid relid)
{
	ListCell   *lc;
	ListCell   *lk;

	if (setting_foreign_keys == FOREIGN_KEYS_OFF || setting_foreign_keys == FOREIGN_KEYS_WARNING ||
		get_rel_relkind(relid) == '\0')
		return;
	foreach(lc, find_all_inheritors(relid, NoLock, NULL))
		foreach(lk, foreign_keys_from(lfirst_oid(lc)))
			if (((ForeignKey *) lfirst(lk))->made_now)
				check_reference(lfirst(lk));
}

/* The same of all keys of a table that has lost its guard. */
void
check_references_kept(Oid relid)
{
	ListCell   *lc;

	foreach(lc, foreign_keys_from(relid))
		check_reference(lfirst(lc));
}
