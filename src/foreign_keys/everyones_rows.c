/*-------------------------------------------------------------------------
 *
 * everyones_rows.c
 *	  Keeps rows of everyone from referencing a tenant's rows.
 *
 * PostgreSQL does not check a foreign key in which a column is null.  A key that
 * carries the tenant is so not checked in a row of everyone, whose tenant is null:
 * the row could name a row of any tenant, or one that does not exist.  A CHECK
 * constraint forbids it to name any:
 *
 *		CHECK (tenant_id IS NOT NULL OR note_id IS NULL)
 *
 * The constraint is recognised by its expression; its name does not matter.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/indexing.h"
#include "catalog/pg_constraint.h"
#include "lib/stringinfo.h"
#include "nodes/primnodes.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "catalog.h"
#include "compat.h"
#include "everyones_rows.h"

/* Is this one of the conditions of which one holds: the tenant is not null, or another column of the key is? */
static bool
is_condition_of(AttrNumber tenant, const AttrNumber *columns, int ncolumns, const NullTest *test)
{
	AttrNumber	column;

	if (!IsA(test, NullTest) || test->argisrow || !IsA(test->arg, Var))
		return false;
	column = ((const Var *) test->arg)->varattno;
	if (test->nulltesttype == IS_NOT_NULL)
		return column == tenant;
	for (int i = 0; i < ncolumns; i++)
		if (columns[i] == column && column != tenant)
			return true;
	return false;
}

/* Is this constraint a CHECK, enforced for all rows, that lets rows without a tenant reference nothing by the key? */
static bool
constraint_forbids_references(HeapTuple tuple, TupleDesc desc, AttrNumber tenant, const AttrNumber *columns, int ncolumns)
{
	Form_pg_constraint con = (Form_pg_constraint) GETSTRUCT(tuple);
	bool		isnull;
	Datum		bin;
	const BoolExpr *either;
	ListCell   *lc;

	if (con->contype != CONSTRAINT_CHECK || !con->convalidated || !constraint_is_enforced(con))
		return false;
	bin = heap_getattr(tuple, Anum_pg_constraint_conbin, desc, &isnull);
	if (isnull)
		return false;
	either = (const BoolExpr *) stringToNode(TextDatumGetCString(bin));
	if (!IsA(either, BoolExpr) || either->boolop != OR_EXPR)
		return false;
	foreach(lc, either->args)
		if (!is_condition_of(tenant, columns, ncolumns, lfirst(lc)))
			return false;
	return true;
}

/* Do the rows of everyone in the child of a key with these columns reference nothing by it, once it carries the tenant? */
bool
everyones_rows_do_not_reference(Oid child, AttrNumber tenant, const AttrNumber *columns, int ncolumns)
{
	CatalogScan scan;
	HeapTuple	tuple;
	bool		found = ncolumns == 1 && columns[0] == tenant;

	scan = begin_catalog_scan(ConstraintRelationId, ConstraintRelidTypidNameIndexId, Anum_pg_constraint_conrelid, child, NULL);
	while (!found && HeapTupleIsValid(tuple = next_catalog_row(&scan)))
		found = constraint_forbids_references(tuple, RelationGetDescr(scan.catalog), tenant, columns, ncolumns);
	end_catalog_scan(&scan);
	return found;
}

/* The CHECK for such a key, as a clause of ALTER TABLE. */
char *
everyones_check(Oid child, AttrNumber tenant, const AttrNumber *columns, int ncolumns)
{
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfo(&sql, "CHECK (%s IS NOT NULL", quote_identifier(get_attname(child, tenant, false)));
	for (int i = 0; i < ncolumns; i++)
		if (columns[i] != tenant)
			appendStringInfo(&sql, " OR %s IS NULL", quote_identifier(get_attname(child, columns[i], false)));
	appendStringInfoChar(&sql, ')');
	return sql.data;
}
