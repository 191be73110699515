/*-------------------------------------------------------------------------
 *
 * domain_constraint.c
 *	  Who may change the domain of a guarded table's column.
 *
 * ALTER DOMAIN ... ADD CHECK and VALIDATE CONSTRAINT evaluate the constraint on
 * every row of every table that has a column of the domain, without row-level
 * security.  The domain's owner may run them, who need not own those tables nor
 * have the privilege to read them.  So a function in the constraint would be
 * called with every tenant's values.
 *
 * Constraints and defaults of a domain are also evaluated as the table's owner,
 * in what a foreign key's action or a SECURITY DEFINER function writes.
 *
 * A CHECK that the domain already has when a column gets that domain is not
 * refused: the owner of the table has chosen it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/dependency.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "parser/parse_type.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "bypass.h"
#include "catalog.h"
#include "compat.h"
#include "domain_constraint.h"
#include "guard.h"
#include "guard_refusals.h"
#include "relation_argument.h"
#include "trigger_owner.h"

/* Adds the types that depend on a type to *types, and the tables that have a column of it to *tables. */
static void
add_dependents(Oid type, List **types, List **tables)
{
	CatalogScan scan = begin_dependents_scan(TypeRelationId, type);
	HeapTuple	tuple;

	while (HeapTupleIsValid(tuple = next_catalog_row(&scan)))
	{
		Form_pg_depend depend = (Form_pg_depend) GETSTRUCT(tuple);

		if (depend->classid == TypeRelationId)
			*types = list_append_unique_oid(*types, depend->objid);
		else if (depend->classid == RelationRelationId && depend->objsubid > 0)
		{
			*tables = list_append_unique_oid(*tables, depend->objid);
			/* a column may be of the relation's row type */
			if (OidIsValid(get_rel_type_id(depend->objid)))
				*types = list_append_unique_oid(*types, get_rel_type_id(depend->objid));
		}
	}
	end_catalog_scan(&scan);
}

/* The tables that have a column of this type, or of a type that depends on it, such as a domain over it. */
static List *
tables_with(Oid type)
{
	List	   *types = list_make1_oid(type);
	List	   *tables = NIL;

	for (int i = 0; i < list_length(types); i++)
		add_dependents(list_nth_oid(types, i), &types, &tables);
	return tables;
}

/*
 * Refuses to change a domain if a table of another owner has a column of it, and
 * that table is guarded or its owner has rights over guarded tables.  "what" is
 * the property that is changed: "constraints" or "default".
 */
static void
check_domain(Oid domain, const char *what)
{
	ListCell   *lc;

	foreach(lc, tables_with(domain))
		if (!user_owns_relation(lfirst_oid(lc)) && has_rights_of_owner(lfirst_oid(lc)) && !weakening_is_allowed(lfirst_oid(lc)))
			raise_refusal(domain_of_other(what, domain, lfirst_oid(lc)));
}

/*
 * Checks a constraint that has just been made, if it is a CHECK of a domain.  No
 * rows have been checked by it yet.
 */
void
check_domain_constraint(Oid constraint)
{
	Oid			domain = InvalidOid;
	CatalogScan scan;
	HeapTuple	tuple;

	scan = begin_catalog_scan(ConstraintRelationId, ConstraintOidIndexId, Anum_pg_constraint_oid, constraint, SnapshotSelf);
	while (HeapTupleIsValid(tuple = next_catalog_row(&scan)))
	{
		Form_pg_constraint con = (Form_pg_constraint) GETSTRUCT(tuple);

		if (con->contype == CONSTRAINT_CHECK)
			domain = con->contypid;
	}
	end_catalog_scan(&scan);
	if (OidIsValid(domain))
		check_domain(domain, "constraints");
}

/*
 * Checks VALIDATE CONSTRAINT, which makes no constraint and also checks the rows
 * of one that is valid, and SET DEFAULT of something other than a constant.
 */
void
check_alter_domain(const AlterDomainStmt *stmt)
{
	bool		validates = stmt->subtype == 'V';
	Type		type;
	Oid			domain;

	if (!validates && (stmt->subtype != 'T' || stmt->def == NULL || IsA(stmt->def, A_Const)))
		return;
	type = LookupTypeName(NULL, makeTypeNameFromNameList(stmt->typeName), NULL, true);
	if (type == NULL)
		return;
	domain = typeTypeId(type);
	ReleaseSysCache(type);
	check_domain(domain, validates ? "constraints" : "default");
}
