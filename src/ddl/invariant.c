/*-------------------------------------------------------------------------
 *
 * invariant.c
 *	  The invariants of guarded tables, which hold after every statement.
 *
 * event_triggers.c checks them for the tables that a statement has changed, and
 * the SQL function broken_invariants for all tables, for audit() and the tests.
 * Nothing in this file changes or refuses anything.  Callers need no lock on a
 * table: a table that has been dropped breaks no invariant.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_class.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "catalog.h"
#include "compat.h"
#include "foreign_key.h"
#include "guard.h"
#include "invariant.h"

PG_FUNCTION_INFO_V1(tenant_guard_broken_invariants);

static List *
add_broken(List *found, Invariant invariant, Oid relid, Oid other, const char *key, char *detail)
{
	BrokenInvariant *broken = palloc(sizeof(BrokenInvariant));

	Assert(OidIsValid(relid) && (relid != other || invariant == INVARIANT_KEYS_CARRY_TENANT));
	Assert(detail != NULL);
	Assert((invariant & (invariant - 1)) == 0); /* one bit */

	*broken = (BrokenInvariant) {
		invariant, relid, other, detail, key
	};
	return lappend(found, broken);
}

/* Are two tables guarded by columns of the same name?  True if either has no tenant column. */
static bool
have_same_column(Oid relid, AttrNumber attnum, Oid other, AttrNumber other_attnum)
{
	char	   *column = attnum ? get_attname(relid, attnum, true) : NULL;
	char	   *other_column = other_attnum ? get_attname(other, other_attnum, true) : NULL;

	return column == NULL || other_column == NULL || strcmp(column, other_column) == 0;
}

/*
 * Adds broken invariants between a table and its ancestors.  An unguarded table is
 * reported as a descendant of its topmost guarded ancestor.
 */
static List *
broken_with_ancestors(List *found, Oid relid, int which)
{
	Guard		guard = guard_of(relid);
	Oid			root = InvalidOid;
	Oid			other = InvalidOid;
	Oid			unlike = InvalidOid;
	ListCell   *lc;

	foreach(lc, ancestors_of(relid))
	{
		Oid			ancestor = lfirst_oid(lc);
		Guard		above = guard_of(ancestor);

		if (above.status == GUARD_NONE && guard.status != GUARD_NONE && (which & INVARIANT_ANCESTORS_GUARDED))
			found = add_broken(found, INVARIANT_ANCESTORS_GUARDED, relid, ancestor, NULL,
							   psprintf("a query on table %s, which is not guarded, shows its rows to every tenant",
										relation_name(ancestor)));
		if (above.status != GUARD_NONE)
			root = ancestor;
		if (above.status != GUARD_NONE && !have_same_column(relid, guard.attnum, ancestor, above.attnum))
			other = ancestor;
		if (above.status == GUARD_WHOLE && guard.status == GUARD_WHOLE && above.shape != guard.shape)
			unlike = ancestor;
	}
	if (OidIsValid(root) && guard.status == GUARD_NONE && (which & INVARIANT_DESCENDANTS_GUARDED))
		found = add_broken(found, INVARIANT_DESCENDANTS_GUARDED, relid, root, NULL,
						   psprintf("it is a partition or child of guarded table %s and is not guarded", relation_name(root)));
	else if (OidIsValid(other) && (which & INVARIANT_DESCENDANTS_GUARDED))
		found = add_broken(found, INVARIANT_DESCENDANTS_GUARDED, relid, other, NULL,
						   psprintf("it is guarded by another column than table %s, of which it is a partition or child", relation_name(other)));
	else if (OidIsValid(unlike) && (which & INVARIANT_DESCENDANTS_GUARDED))
		found = add_broken(found, INVARIANT_DESCENDANTS_GUARDED, relid, unlike, NULL,
						   psprintf("only one of it and table %s, of which it is a partition or child, has rows of everyone", relation_name(unlike)));
	return found;
}

/* Adds the foreign keys of a table that may reference another tenant's row. */
static List *
broken_keys(List *found, Oid relid)
{
	ListCell   *lc;

	foreach(lc, foreign_keys_from(relid))
	{
		ForeignKey *key = lfirst(lc);

		if (may_cross_tenants(key))
			found = add_broken(found, INVARIANT_KEYS_CARRY_TENANT, relid, key->parent, key->name,
							   psprintf("its foreign key %s may reference rows of another tenant in table %s",
										quote_identifier(key->name), relation_name(key->parent)));
	}
	return found;
}

/*
 * The invariants among "which" that do not hold for a table: a palloc'd list of
 * BrokenInvariant.  Only foreign keys from the table are checked, not those that
 * reference it.
 */
List *
broken_invariants(Oid relid, int which)
{
	List	   *found = NIL;
	Guard		guard = guard_of(relid);

	if ((which & INVARIANT_GUARD_COMPLETE) && guard.status == GUARD_DAMAGED)
		found = add_broken(found, INVARIANT_GUARD_COMPLETE, relid, InvalidOid, NULL, pstrdup(guard.damage));
	if (which & INVARIANTS_OF_HIERARCHY)
		found = broken_with_ancestors(found, relid, which);
	if ((which & INVARIANT_KEYS_CARRY_TENANT) && guard.status == GUARD_WHOLE)
		found = broken_keys(found, relid);
	return found;
}

/* ----------------------------------------------------------------
 *		For SQL
 * ----------------------------------------------------------------
 */

static const char *
invariant_name(Invariant invariant)
{
	switch (invariant)
	{
		case INVARIANT_GUARD_COMPLETE:
			return "guard_damaged";
		case INVARIANT_DESCENDANTS_GUARDED:
			return "part_unguarded";
		case INVARIANT_ANCESTORS_GUARDED:
			return "parent_unguarded";
		case INVARIANT_KEYS_CARRY_TENANT:
			return "key_unpaired";
	}
	return NULL;				/* keep the compiler quiet */
}

static void
return_broken(ReturnSetInfo *result, Oid relid)
{
	ListCell   *lc;

	foreach(lc, broken_invariants(relid, ALL_INVARIANTS))
	{
		const BrokenInvariant *broken = lfirst(lc);
		NameData	key;
		Datum		values[5] = {ObjectIdGetDatum(broken->relid),
			CStringGetTextDatum(invariant_name(broken->invariant)),
		ObjectIdGetDatum(broken->other), NameGetDatum(&key), CStringGetTextDatum(broken->detail)};
		bool		nulls[5] = {false, false, !OidIsValid(broken->other), broken->key == NULL, false};

		namestrcpy(&key, broken->key ? broken->key : "");

		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
}

static List *
all_tables(void)
{
	CatalogScan scan = begin_catalog_scan(RelationRelationId, InvalidOid, InvalidAttrNumber, InvalidOid, NULL);
	List	   *tables = NIL;
	HeapTuple	tuple;

	while (HeapTupleIsValid(tuple = next_catalog_row(&scan)))
	{
		Form_pg_class class = (Form_pg_class) GETSTRUCT(tuple);

		if (class->relkind == RELKIND_RELATION || class->relkind == RELKIND_PARTITIONED_TABLE ||
			class->relkind == RELKIND_FOREIGN_TABLE)
			tables = lappend_oid(tables, class->oid);
	}
	end_catalog_scan(&scan);
	return tables;
}

/* broken_invariants(relation): the broken invariants of a table, or of all tables if it is null */
Datum
tenant_guard_broken_invariants(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	ListCell   *lc;

	InitMaterializedSRF(fcinfo, 0);
	if (!PG_ARGISNULL(0))
	{
		return_broken(result, PG_GETARG_OID(0));
		return (Datum) 0;
	}
	foreach(lc, all_tables())
		return_broken(result, lfirst_oid(lc));
	return (Datum) 0;
}
