/*-------------------------------------------------------------------------
 *
 * foreign_code.c
 *	  Finds functions of ordinary roles that a superuser's table would call.
 *
 * Our statements run as the owner of their table (own_sql.c).  If that is a
 * superuser, they must not call functions that an ordinary role wrote: in a
 * CHECK that came with LIKE or INHERITS, in a trigger, or in a domain.  The
 * dependencies in pg_depend show whether there is one.  They are read by scans
 * and not by a query, since prove() asks before each of its statements.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_attrdef.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_policy.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_rewrite.h"
#include "catalog/pg_statistic_ext.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/syscache.h"

#include "catalog.h"
#include "foreign_code.h"
#include "guard_refusals.h"
#include "own_sql.h"

PG_FUNCTION_INFO_V1(tenant_guard_foreign_function);

/* Adds the types of a relation's columns to a list. */
static void
add_types_of_columns(Oid relid, List **types)
{
	CatalogScan scan = begin_catalog_scan(AttributeRelationId, AttributeRelidNumIndexId, Anum_pg_attribute_attrelid, relid, NULL);
	HeapTuple	row;

	while (HeapTupleIsValid(row = next_catalog_row(&scan)))
	{
		Form_pg_attribute column = (Form_pg_attribute) GETSTRUCT(row);

		if (column->attnum > 0 && !column->attisdropped)
			*types = list_append_unique_oid(*types, column->atttypid);
	}
	end_catalog_scan(&scan);
}

/* Adds to a list of types, of which the first "done" have been looked into, what values of the others contain. */
static void
add_types_within(List **types, int done)
{
	for (; done < list_length(*types); done++)
	{
		Oid			type = list_nth_oid(*types, done);
		HeapTuple	tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(type));
		Form_pg_type form;

		if (!HeapTupleIsValid(tuple))
			continue;
		form = (Form_pg_type) GETSTRUCT(tuple);
		if (OidIsValid(form->typbasetype))
			*types = list_append_unique_oid(*types, form->typbasetype);
		if (OidIsValid(form->typelem))
			*types = list_append_unique_oid(*types, form->typelem);
		if (form->typtype == TYPTYPE_RANGE)
			*types = list_append_unique_oid(*types, get_range_subtype(type));
		if (form->typtype == TYPTYPE_MULTIRANGE)
			*types = list_append_unique_oid(*types, get_multirange_range(type));
		if (form->typtype == TYPTYPE_COMPOSITE)
			add_types_of_columns(form->typrelid, types);
		ReleaseSysCache(tuple);
	}
}

/* A function that an object calls and an ordinary role owns, or InvalidOid.  Types that the object uses are added to the list. */
static Oid
stranger_called_by(Oid catalog, Oid object, List **types)
{
	CatalogScan scan = begin_dependencies_scan(catalog, object);
	Oid			found = InvalidOid;
	HeapTuple	row;

	while (!OidIsValid(found) && HeapTupleIsValid(row = next_catalog_row(&scan)))
	{
		Form_pg_depend depend = (Form_pg_depend) GETSTRUCT(row);
		Oid			function = InvalidOid;

		if (depend->refclassid == ProcedureRelationId)
			function = depend->refobjid;
		else if (depend->refclassid == OperatorRelationId)
			function = get_opcode(depend->refobjid);
		else if (depend->refclassid == TypeRelationId)
			*types = list_append_unique_oid(*types, depend->refobjid);
		if (OidIsValid(function) && !superuser_arg(object_owner(ProcedureRelationId, function)))
			found = function;
	}
	end_catalog_scan(&scan);
	return found;
}

/* The relation that a rule is of. */
static Oid
rule_relation(Oid rule)
{
	return oid_in_catalog(RewriteRelationId, RewriteOidIndexId, Anum_pg_rewrite_oid, rule, Anum_pg_rewrite_ev_class);
}

/* Is this something of the relation that can call functions when a statement uses the relation? */
static bool
belongs_to_relation(Form_pg_depend depend, Oid relid)
{
	char		kind;

	switch (depend->classid)
	{
		case ConstraintRelationId:
		case AttrDefaultRelationId:
		case TriggerRelationId:
		case PolicyRelationId:
		case StatisticExtRelationId:
			return true;
		case RelationRelationId:
			kind = get_rel_relkind(depend->objid);
			return kind == RELKIND_INDEX || kind == RELKIND_PARTITIONED_INDEX;
		case RewriteRelationId:
			return rule_relation(depend->objid) == relid;
		default:
			return false;
	}
}

/* The same of what belongs to a relation. */
static Oid
stranger_called_by_relation(Oid relid, List **types)
{
	CatalogScan scan = begin_dependents_scan(RelationRelationId, relid);
	Oid			found = InvalidOid;
	HeapTuple	row;

	while (!OidIsValid(found) && HeapTupleIsValid(row = next_catalog_row(&scan)))
	{
		Form_pg_depend depend = (Form_pg_depend) GETSTRUCT(row);

		if (belongs_to_relation(depend, relid))
			found = stranger_called_by(depend->classid, depend->objid, types);
	}
	end_catalog_scan(&scan);
	return found;
}

/* The same of the constraints of a domain. */
static Oid
stranger_called_by_type(Oid type, List **types)
{
	CatalogScan scan = begin_catalog_scan(ConstraintRelationId, ConstraintTypidIndexId, Anum_pg_constraint_contypid, type, NULL);
	Oid			found = InvalidOid;
	HeapTuple	row;

	while (!OidIsValid(found) && HeapTupleIsValid(row = next_catalog_row(&scan)))
		found = stranger_called_by(ConstraintRelationId, ((Form_pg_constraint) GETSTRUCT(row))->oid, types);
	end_catalog_scan(&scan);
	return found;
}

/*
 * Returns a function that an ordinary role owns and that a constraint, default,
 * index, trigger, rule, policy or statistics object of a superuser's table, or
 * a domain in its rows, calls; InvalidOid if there is none, or an ordinary role
 * owns the table.
 */
Oid
function_of_stranger(Oid relid)
{
	List	   *types = NIL;
	Oid			found;

	if (!superuser_arg(object_owner(RelationRelationId, relid)))
		return InvalidOid;
	CommandCounterIncrement();
	add_types_of_columns(relid, &types);
	found = stranger_called_by_relation(relid, &types);
	add_types_within(&types, 0);
	for (int i = 0; !OidIsValid(found) && i < list_length(types); i++)
	{
		found = stranger_called_by_type(list_nth_oid(types, i), &types);
		add_types_within(&types, i);
	}
	return found;
}

/* Raises an error if a statement on the table could run such a function as a superuser. */
void
check_no_foreign_code(Oid relid)
{
	Oid			function = function_of_stranger(relid);

	if (OidIsValid(function))
		raise_refusal(runs_code_of_others(relid, function));
}

/* foreign_function(relation regclass), for prove(): what function_of_stranger returns, or null. */
Datum
tenant_guard_foreign_function(PG_FUNCTION_ARGS)
{
	Oid			function = function_of_stranger(PG_GETARG_OID(0));

	if (!OidIsValid(function))
		PG_RETURN_NULL();
	PG_RETURN_OID(function);
}
