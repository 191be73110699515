/*-------------------------------------------------------------------------
 *
 * sub_select.c
 *	  What a sub-select or an aggregate in a filter does, beside computing
 *	  expressions.
 *
 * It is evaluated on occasion of a row, and so whatever it does that can be
 * noticed, a mere error included, tells that there was one.  What is said here
 * is of the sub-select alone; its expressions are filter.c's.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/transam.h"
#include "catalog/pg_aggregate.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "optimizer/tlist.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "barrier.h"
#include "condition.h"
#include "guard.h"
#include "sub_select.h"
#include "trusted.h"

/* Can an expression's sub-select return no second row, which is an error? */
bool
returns_one_row(const Query *query, ParamListInfo params)
{
	const Const *limit;

	if (query->hasAggs && query->groupClause == NIL && query->groupingSets == NIL)
		return true;
	limit = query->limitCount ? constant_value(query->limitCount, params) : NULL;
	return limit != NULL && limit->consttype == INT8OID && !limit->constisnull &&
		query->limitOption == LIMIT_OPTION_COUNT && DatumGetInt64(limit->constvalue) <= 1;
}

/*
 * A built-in one, whose state is trusted and starts where it should, with
 * nothing called at the end.
 */
bool
aggregate_is_trusted(const Aggref *aggref)
{
	HeapTuple	tuple;
	Form_pg_aggregate agg;
	bool		trusted;
	ListCell   *lc;

	if (aggref->aggfnoid >= FirstGenbkiObjectId)
		return false;
	foreach(lc, aggref->aggargtypes)
		if (type_is_collatable(lfirst_oid(lc)) && !OidIsValid(aggref->inputcollid))
			return false;
	tuple = SearchSysCache1(AGGFNOID, ObjectIdGetDatum(aggref->aggfnoid));
	if (!HeapTupleIsValid(tuple))
		return false;
	agg = (Form_pg_aggregate) GETSTRUCT(tuple);
	trusted = agg->aggkind == AGGKIND_NORMAL && !OidIsValid(agg->aggfinalfn) &&
		(is_always_trusted(agg->aggtransfn) || trust_in(agg->aggtransfn) == TRUST_STATE);
	ReleaseSysCache(tuple);
	return trusted;
}

/* May the planner answer it by an index, as it does min and max? */
bool
aggregate_sorts(Oid aggregate)
{
	HeapTuple	tuple = SearchSysCache1(AGGFNOID, ObjectIdGetDatum(aggregate));
	bool		sorts = true;

	if (HeapTupleIsValid(tuple))
	{
		sorts = OidIsValid(((Form_pg_aggregate) GETSTRUCT(tuple))->aggsortop);
		ReleaseSysCache(tuple);
	}
	return sorts;
}

/* Why the table may not be read, or NULL. */
const char *
objection_to_table(const RangeTblEntry *rte, Index rti)
{
	ListCell   *lc;

	if (rte->securityQuals != NIL && tenant_qual(rte, rti) == NULL)
		return psprintf("table %s, in a sub-select of a filter, has policies of its own",
						relation_name(rte->relid));
	foreach(lc, rte->inh ? find_all_inheritors(rte->relid, NoLock, NULL) : list_make1_oid(rte->relid))
		if (get_rel_relkind(lfirst_oid(lc)) == RELKIND_FOREIGN_TABLE)
			return "a sub-select of a filter reads a foreign table";
	return NULL;
}

/* The comparisons of ORDER BY, DISTINCT or GROUP BY. */
static bool
comparisons_are_trusted(List *clauses, List *targets)
{
	ListCell   *lc;

	foreach(lc, clauses)
	{
		SortGroupClause *clause = lfirst(lc);
		Node	   *key = get_sortgroupclause_expr(clause, targets);

		if (type_is_collatable(exprType(key)) && !OidIsValid(exprCollation(key)))
			return false;
		if (!is_always_trusted(get_opcode(clause->eqop)) ||
			(OidIsValid(clause->sortop) && !is_always_trusted(get_opcode(clause->sortop))))
			return false;
	}
	return true;
}

/* LIMIT or OFFSET: a negative one is an error, once the sub-select is evaluated. */
static bool
limit_is_safe(Node *limit, ParamListInfo params)
{
	const Const *known = limit ? constant_value(limit, params) : NULL;

	return limit == NULL ||
		(known != NULL && known->consttype == INT8OID && !known->constisnull &&
		 DatumGetInt64(known->constvalue) >= 0);
}

/* Why what it does beside computing expressions is not trusted, or NULL. */
const char *
objection_to_sub_select(const Query *query, ParamListInfo params)
{
	if (!limit_is_safe(query->limitCount, params) || !limit_is_safe(query->limitOffset, params))
		return "LIMIT or OFFSET of a sub-select of a filter could fail";
	if (query->rowMarks != NIL)
		return "a sub-select of a filter locks rows";
	if (query->setOperations != NULL || query->windowClause != NIL || query->cteList != NIL)
		return "a sub-select of a filter is not a simple one";
	if (!comparisons_are_trusted(query->sortClause, query->targetList) ||
		!comparisons_are_trusted(query->distinctClause, query->targetList) ||
		!comparisons_are_trusted(query->groupClause, query->targetList))
		return "a sub-select of a filter sorts what is not trusted";
	return NULL;
}
