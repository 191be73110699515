/*-------------------------------------------------------------------------
 *
 * index_code.c
 *	  Finds out whether maintenance of a table calls user-defined functions.
 *
 * VACUUM, ANALYZE, CLUSTER and REINDEX evaluate the expressions of indexes and of
 * extended statistics for all rows.  A role that can replace a function in them,
 * or choose by search_path what that calls, can see the rows.  The expressions
 * are examined as they are stored, before functions are inlined, since an inlined
 * one can be replaced later.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/relation.h"
#include "access/transam.h"
#include "catalog/pg_index.h"
#include "catalog/pg_statistic_ext.h"
#include "catalog/pg_type.h"
#include "nodes/nodeFuncs.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "index_code.h"

static bool
is_made_by_role(Oid funcid, void *context)
{
	return funcid >= FirstNormalObjectId;
}

/* Does an expression call a user-defined function?  Coercion to a domain counts, since a constraint can be added later. */
static bool
calls_code(Node *node, void *context)
{
	if (node == NULL)
		return false;
	return IsA(node, CoerceToDomain) || check_functions_in_node(node, is_made_by_role, context) ||
		expression_tree_walker(node, calls_code, context);
}

/* Does an expression, or a list of them, that is stored in an attribute of a catalog's row? */
static bool
stored_calls_code(int cache, HeapTuple tuple, AttrNumber attnum)
{
	bool		isnull;
	Datum		stored = SysCacheGetAttr(cache, tuple, attnum, &isnull);

	return !isnull && calls_code(stringToNode(TextDatumGetCString(stored)), NULL);
}

static bool
index_calls_code(Oid index)
{
	HeapTuple	tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(index));
	bool		calls = HeapTupleIsValid(tuple) &&
		(stored_calls_code(INDEXRELID, tuple, Anum_pg_index_indexprs) ||
		 stored_calls_code(INDEXRELID, tuple, Anum_pg_index_indpred));

	if (HeapTupleIsValid(tuple))
		ReleaseSysCache(tuple);
	return calls;
}

static bool
statistics_call_code(Oid statistics)
{
	HeapTuple	tuple = SearchSysCache1(STATEXTOID, ObjectIdGetDatum(statistics));
	bool		calls = HeapTupleIsValid(tuple) &&
		stored_calls_code(STATEXTOID, tuple, Anum_pg_statistic_ext_stxexprs);

	if (HeapTupleIsValid(tuple))
		ReleaseSysCache(tuple);
	return calls;
}

/* Is it a user-defined range or multirange type?  ANALYZE calls its subtype_diff function. */
static bool
is_made_range(Oid type)
{
	char		typtype = get_typtype(getBaseType(type));

	return getBaseType(type) >= FirstNormalObjectId && (typtype == TYPTYPE_RANGE || typtype == TYPTYPE_MULTIRANGE);
}

static bool
has_made_range(Relation table)
{
	for (int i = 0; i < RelationGetNumberOfAttributes(table); i++)
		if (!TupleDescAttr(RelationGetDescr(table), i)->attisdropped &&
			is_made_range(TupleDescAttr(RelationGetDescr(table), i)->atttypid))
			return true;
	return false;
}

/* Do VACUUM, ANALYZE, CLUSTER or REINDEX of the table call user-defined functions? */
bool
maintenance_calls_code(Oid relid)
{
	Relation	table = try_relation_open(relid, AccessShareLock);
	bool		calls;
	ListCell   *lc;

	if (table == NULL)
		return false;
	calls = has_made_range(table);
	foreach(lc, RelationGetIndexList(table))
		calls = calls || index_calls_code(lfirst_oid(lc));
	foreach(lc, RelationGetStatExtList(table))
		calls = calls || statistics_call_code(lfirst_oid(lc));
	relation_close(table, AccessShareLock);
	return calls;
}
