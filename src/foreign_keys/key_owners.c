/*-------------------------------------------------------------------------
 *
 * key_owners.c
 *	  Foreign keys between tables of two owners.
 *
 * Keys are paired, and tenant columns derived, as the owner of the referencing
 * table.  If another role owns the referenced table, its rows are read as that
 * role, and no code that one of the two roles wrote may run as the other.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "catalog/pg_proc.h"
#include "miscadmin.h"
#include "parser/parse_coerce.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"

#include "catalog.h"
#include "foreign_code.h"
#include "key_owners.h"
#include "key_refusals.h"
#include "noforce.h"
#include "own_sql.h"
#include "relation_argument.h"

/* The name by which the extension's statements read the rows of the referenced table. */
#define PARENT_ROWS "tenant_guard_parents"

static Oid
owner_of(Oid relid)
{
	return object_owner(RelationRelationId, relid);
}

/* Has this role the REFERENCES privilege that ADD FOREIGN KEY needs for the paired key? */
static bool
may_reference(const ForeignKey *key, Oid role)
{
	bool		may;

	if (pg_class_aclcheck(key->parent, role, ACL_REFERENCES) == ACLCHECK_OK)
		return true;
	may = pg_attribute_aclcheck(key->parent, key->parent_tenant, role, ACL_REFERENCES) == ACLCHECK_OK;
	for (int i = 0; may && i < key->ncolumns; i++)
		may = pg_attribute_aclcheck(key->parent, key->referenced[i], role, ACL_REFERENCES) == ACLCHECK_OK;
	return may;
}

/*
 * The function that casts a column of this type to the input type of an operator,
 * unless a superuser or the role "trusted" owns it; else InvalidOid.  A key can be
 * made only with an implicit cast, but once it exists PostgreSQL writes the cast
 * explicitly, so any kind of cast is looked up.
 */
static Oid
cast_function(Oid type, Oid wanted, Oid trusted)
{
	Oid			function = InvalidOid;
	Oid			owner;

	if (IsBinaryCoercible(type, wanted) ||
		find_coercion_pathway(wanted, getBaseType(type), COERCION_EXPLICIT, &function) != COERCION_PATH_FUNC)
		return InvalidOid;
	owner = object_owner(ProcedureRelationId, function);
	return owner == trusted || superuser_arg(owner) ? InvalidOid : function;
}

/*
 * A function that is called to compare the columns of the key and that neither a
 * superuser nor the role "trusted", which may be InvalidOid, owns; or InvalidOid.
 */
Oid
function_of_key(const ForeignKey *key, Oid trusted)
{
	Oid			function = InvalidOid;

	for (int i = 0; i < key->ncolumns && !OidIsValid(function); i++)
	{
		Oid			parent_type;
		Oid			child_type;

		op_input_types(key->operators[i], &parent_type, &child_type);
		function = cast_function(get_atttype(key->parent, key->referenced[i]), parent_type, trusted);
		if (!OidIsValid(function))
			function = cast_function(get_atttype(key->child, key->columns[i]), child_type, trusted);
	}
	return function;
}

/* The columns that the paired key will reference, as a list in SQL. */
static char *
referenced_columns(const ForeignKey *key)
{
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfoString(&sql, quote_identifier(get_attname(key->parent, key->parent_tenant, false)));
	for (int i = 0; i < key->ncolumns; i++)
		if (key->referenced[i] != key->parent_tenant)
			appendStringInfo(&sql, ", %s", quote_identifier(get_attname(key->parent, key->referenced[i], false)));
	return sql.data;
}

/* May the owners of a key's two tables have it with the tenant?  Otherwise sets *why. */
bool
owners_may_pair(const ForeignKey *key, Refusal *why)
{
	Oid			owner = owner_of(key->child);
	char	   *role = GetUserNameFromId(owner, true);
	Oid			function;

	if (owner == owner_of(key->parent))
		return true;
	function = function_of_key(key, InvalidOid);
	/* a key to rows of everyone is not made anew */
	if (key->kind != KEY_TO_ROWS_OF_EVERYONE && !may_reference(key, owner))
		*why = key_cannot_be_paired(key,
									psprintf("Role \"%s\" owns its table, and may not reference columns (%s) of table %s, which belongs to another role.",
											 role, referenced_columns(key), relation_name(key->parent)),
									psprintf("Run GRANT REFERENCES (%s) ON %s TO %s;", referenced_columns(key),
											 relation_name(key->parent), quote_identifier(role)));
	else if (OidIsValid(function))
		*why = key_cannot_be_paired(key,
									psprintf("Its tables belong to two roles, and function %s, which is called to compare their columns, would run as either.",
											 format_procedure_qualified(function)),
									"Let one role own both tables, or make the key anew with columns of the same type.");
	else
		return true;
	return false;
}

/*
 * Refuses a key if its tables cannot be changed and read, each as its owner.  The
 * tenant column of the referencing table need not exist yet.
 */
void
check_two_owners(const ForeignKey *key)
{
	Refusal		why;

	check_parts_have_owner(key->child, true);
	check_parts_have_owner(key->parent, true);
	check_no_foreign_code(key->child);
	check_no_foreign_code(key->parent);
	if (owner_of(key->child) != owner_of(key->parent))
		check_owner_reaches(key->parent, owner_of(key->child));
	if (!owners_may_pair(key, &why))
		raise_refusal(why);
}

/*
 * Reads the columns of the referenced table that the paired key references, as
 * its owner, if that is not the owner of the referencing table; else returns
 * NULL.  To be freed by forget_rows.
 */
EphemeralNamedRelation
read_parents(const ForeignKey *key)
{
	if (owner_of(key->child) == owner_of(key->parent))
		return NULL;
	return read_noforce(owner_of(key->parent),
						psprintf("SELECT %s FROM %s", referenced_columns(key), only_table(key->parent)),
						PARENT_ROWS);
}

/* The name by which a statement reads those rows: of the EphemeralNamedRelation or, if that is NULL, of the table. */
char *
parents_of(const ForeignKey *key, EphemeralNamedRelation parents)
{
	return parents != NULL ? pstrdup(PARENT_ROWS) : only_table(key->parent);
}
