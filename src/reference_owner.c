/*-------------------------------------------------------------------------
 *
 * reference_owner.c
 *	  Who may make foreign keys to a guarded table.
 *
 * REFERENCES is among GRANT ALL.  A role that has it could make a table of its
 * own, which is not guarded, reference a guarded one, and ask of every
 * tenant's row whether it is there, and keep it from being deleted.  And a
 * column of a type of its own, with a cast that is its function, has that
 * function called as the owner of the table that it references.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_proc.h"
#include "miscadmin.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"

#include "access.h"
#include "compat.h"
#include "foreign_key.h"
#include "guard.h"
#include "key_owners.h"
#include "own_sql.h"
#include "reference_owner.h"
#include "refuse_key.h"
#include "settings.h"

/* Can rows of the key's table reference other tenants' rows of a guarded one? */
static bool
reaches_tenants(const ForeignKey *key)
{
	return guard_of(key->parent).status != GUARD_NONE && key->kind != KEY_CARRIES_TENANT &&
		key->kind != KEY_ACCOMPANIED && key->kind != KEY_NAMES_TENANT;
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

/*
 * Refuses a constraint that has just been made, whoever makes it, if it is a key
 * of another owner to a guarded table and a function of neither a superuser nor
 * that table's owner is called to compare its columns.  The rows that are there
 * have not been checked yet.
 */
void
check_functions_of_reference(Oid constraint)
{
	const ForeignKey *key = IsBinaryUpgrade ? NULL : foreign_key_of_command(constraint);
	Oid			owner;
	Oid			function;

	if (key == NULL || guard_of(key->parent).status == GUARD_NONE)
		return;
	owner = object_owner(RelationRelationId, key->parent);
	if (object_owner(RelationRelationId, key->child) == owner)
		return;
	function = function_of_key(key);
	if (OidIsValid(function) && object_owner(ProcedureRelationId, function) != owner &&
		!weakening_is_meant(key->parent))
		raise_refusal(key_calls_function(key->name, relation_name(key->child), relation_name(key->parent),
										 owner_name(key->parent), format_procedure_qualified(function)));
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
