/*-------------------------------------------------------------------------
 *
 * not_null.c
 *	  Finds out whether the tenant column can be null.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/pg_constraint.h"
#include "nodes/primnodes.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "catalog.h"
#include "compat.h"
#include "not_null.h"

/* Is the constraint an enforced CHECK (column IS NOT NULL)? */
static bool
constraint_forbids_null(HeapTuple tuple, TupleDesc desc, AttrNumber attnum)
{
	Form_pg_constraint con = (Form_pg_constraint) GETSTRUCT(tuple);
	bool		isnull;
	Datum		bin;
	NullTest   *test;

	if (con->contype != CONSTRAINT_CHECK || !constraint_is_enforced(con))
		return false;
	bin = heap_getattr(tuple, Anum_pg_constraint_conbin, desc, &isnull);
	if (isnull)
		return false;
	test = (NullTest *) stringToNode(TextDatumGetCString(bin));
	return IsA(test, NullTest) && test->nulltesttype == IS_NOT_NULL &&
		IsA(test->arg, Var) && ((Var *) test->arg)->varattno == attnum;
}

/* Does the table have such a CHECK on the column, with "validated" one that is not NOT VALID? */
static bool
check_forbids_null(Oid relid, AttrNumber attnum, bool validated)
{
	CatalogScan scan;
	HeapTuple	tuple;
	bool		found = false;

	if (!parts_of_relation(relid).checks)
		return false;
	scan = begin_catalog_scan(ConstraintRelationId, ConstraintRelidTypidNameIndexId, Anum_pg_constraint_conrelid, relid, NULL);
	while (!found && HeapTupleIsValid(tuple = next_catalog_row(&scan)))
		found = (!validated || ((Form_pg_constraint) GETSTRUCT(tuple))->convalidated) &&
			constraint_forbids_null(tuple, RelationGetDescr(scan.catalog), attnum);
	end_catalog_scan(&scan);
	return found;
}

/*
 * Does the table have the CHECK constraint that a guard adds in place of NOT
 * NULL, not inherited?  A constraint of that name with another expression does
 * not count.
 */
bool
has_not_null_check(Oid relid, AttrNumber attnum)
{
	Relation	constraints;
	Oid			check = get_relation_constraint_oid(relid, NOT_NULL_CHECK, true);
	HeapTuple	tuple;
	bool		found;

	if (!OidIsValid(check))
		return false;
	constraints = table_open(ConstraintRelationId, AccessShareLock);
	tuple = SearchSysCache1(CONSTROID, ObjectIdGetDatum(check));
	found = HeapTupleIsValid(tuple) &&
		((Form_pg_constraint) GETSTRUCT(tuple))->coninhcount == 0 &&
		constraint_forbids_null(tuple, RelationGetDescr(constraints), attnum);
	if (HeapTupleIsValid(tuple))
		ReleaseSysCache(tuple);
	table_close(constraints, AccessShareLock);
	return found;
}

/* Is the column NOT NULL?  With "validated", is that constraint not NOT VALID? */
bool
column_has_not_null(Oid relid, AttrNumber attnum, bool validated)
{
	HeapTuple	tuple = SearchSysCache2(ATTNUM, ObjectIdGetDatum(relid),
										Int16GetDatum(attnum));
	bool		not_null;

	if (!HeapTupleIsValid(tuple))
		return false;
	not_null = ((Form_pg_attribute) GETSTRUCT(tuple))->attnotnull;
	ReleaseSysCache(tuple);
	return not_null && !(validated && not_null_is_unvalidated(relid, attnum));
}

/*
 * Does NOT NULL or a CHECK prevent that new rows have a null in the column?
 * With "validated", is it also known that no existing row has one?
 */
bool
column_is_not_null(Oid relid, AttrNumber attnum, bool validated)
{
	Assert(attnum > 0);
	return column_has_not_null(relid, attnum, validated) ||
		check_forbids_null(relid, attnum, validated);
}
