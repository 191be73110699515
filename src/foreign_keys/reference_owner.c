/*-------------------------------------------------------------------------
 *
 * reference_owner.c
 *	  Who may make foreign keys to a guarded table.
 *
 * GRANT ALL includes REFERENCES.  With it a role could let a table of its own,
 * which is not guarded, reference a guarded table, and so find out which rows
 * every tenant has and keep them from being deleted.
 *
 * Also, if the referencing column has a type with a cast by a function of that
 * role, the foreign key calls the function as the owner of the referenced table.
 * That matters for every table of an owner of guarded tables.  In this file a
 * "stranger's" function is one that neither a superuser nor that owner owns.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/table.h"
#include "access/transam.h"
#include "catalog/indexing.h"
#include "catalog/pg_cast.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_proc.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"

#include "bypass.h"
#include "catalog.h"
#include "compat.h"
#include "foreign_key.h"
#include "guard.h"
#include "guarded_owner.h"
#include "key_hierarchy.h"
#include "key_owners.h"
#include "key_refusals.h"
#include "own_sql.h"
#include "reference_owner.h"
#include "settings.h"

/* Can rows of the key's table reference any tenant's rows of a guarded table? */
static bool
reaches_tenants(const ForeignKey *key)
{
	return guard_of(key->parent).status != GUARD_NONE && key->kind != KEY_CARRIES_TENANT &&
		key->kind != KEY_HAS_COMPANION && key->kind != KEY_TO_TENANT_COLUMN;
}

static void
check_reference(const ForeignKey *key)
{
	if (reaches_tenants(key) && !user_owns_relation(key->parent) && !weakening_is_allowed(key->parent))
		raise_refusal(key_of_other(key));
}

/* A stranger's function that a key calls as this owner of the referenced table, or InvalidOid. */
static Oid
function_as_owner(const ForeignKey *key, Oid owner)
{
	return object_owner(RelationRelationId, key->child) == owner ? InvalidOid : function_of_key(key, owner);
}

static void
refuse_function(const ForeignKey *key, Oid function, bool stands)
{
	if (!weakening_is_allowed(key->parent))
		raise_refusal(key_calls_function(key, function, stands));
}

/*
 * Refuses a key to another owner's table if that owner has rights over guarded
 * tables and the key calls a stranger's function: any function, or if "only" is
 * valid that one.  "key" may be NULL.
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
 * Refuses a constraint that has just been made if it is a foreign key that calls
 * a stranger's function.  Its existing rows have not been checked yet.
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
	return oid_in_catalog(CastRelationId, CastOidIndexId, Anum_pg_cast_oid, castid, Anum_pg_cast_castfunc);
}

/* Does check_functions for all foreign keys. */
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
 * Refuses a cast that has just been made if an existing key would call its
 * function.  Keys do not depend on casts: each looks its cast up when it is used.
 */
void
check_functions_of_cast(Oid castid)
{
	Oid			function = function_of_cast(castid);

	if (OidIsValid(function) && !superuser_arg(object_owner(ProcedureRelationId, function)))
		check_functions_of_all_keys(function);
}

/*
 * Refuses a new owner of a table, or of any table if relid is InvalidOid, as whom
 * a key would call a stranger's function.  The script of a dump sets the owner of
 * each table, so only the keys of that table are read.
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

/* Is there a cast by a function that neither a superuser nor this role owns? */
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
 * Refuses existing keys that call a stranger's function as this role, or as a role
 * that has its privileges.  Superusers are left out: they had rights over guarded
 * tables before.
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
 * Does that for the owners of these tables for whom they are the first guarded
 * tables.  Most databases have no cast by a stranger's function, and then nothing
 * more is read.
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
 * Refuses a key that this transaction has made, from a table or its partitions
 * and children to a guarded table of another owner, if it can reference any
 * tenant's rows.  Does nothing if tenant_guard.foreign_keys refuses no keys.
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
		foreach(lk, may_have_keys(lfirst_oid(lc)) ? foreign_keys_from(lfirst_oid(lc)) : NIL)
			if (((ForeignKey *) lfirst(lk))->made_now)
				check_reference(lfirst(lk));
}

/* Does the same check for all keys from a table that has lost its guard. */
void
check_references_kept(Oid relid)
{
	ListCell   *lc;

	foreach(lc, foreign_keys_from(relid))
		check_reference(lfirst(lc));
}
