/*-------------------------------------------------------------------------
 *
 * filter.c
 *	  May the filters of a query be trusted with every tenant's rows?
 *
 * Where the tenant's qual stands beside a query's own filters and not before
 * them, those that can be evaluated where the table is scanned may meet other
 * tenants' rows.  This says whether all of them keep silent about it: whether
 * each function that they call is trusted (trusted.c) in the way it is called.
 *
 * Filters are: WHERE and ON of the query and all queries in it, HAVING, and
 * whatever of another query's output such a filter refers to, since the planner
 * substitutes it (views, sub-selects in FROM, WITH, merged join columns).  The
 * argument of an aggregate that an index may answer, as min and max, is one
 * too: the planner makes "argument IS NOT NULL" of it.
 *
 * Values are what else a query computes: select lists, SET, RETURNING,
 * GROUP BY, ORDER BY, other aggregates, window functions.  The executor
 * computes them from rows that have passed every filter of their scans, the
 * tenant's included, so any function may be called there.
 *
 * A sub-select in a filter is evaluated on occasion of a row, and so tells by
 * whatever it does that there was one: all in it is a filter ("conditional").
 *
 * What is made of another value fails if it gets too long, which a query could
 * bring about by a value of its own that is just short enough.  So only columns
 * and short constants are copied in a filter, and not too often.
 *
 * The executor goes down the plan's levels, and down again for a sub-select of
 * a filter, and fails where the stack ends.  So a query may not have too many
 * parts (stack_room.c).
 *
 * What is not known here is not trusted.  Nothing is changed here.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/detoast.h"
#include "access/transam.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "nodes/subscripting.h"
#include "parser/parsetree.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/typcache.h"

#include "barrier.h"
#include "compat.h"
#include "condition.h"
#include "filter.h"
#include "sub_select.h"
#include "trusted.h"

/* Columns may be copied this often in one query, beside constants as long as this. */
#define MAX_COPIES		100
#define MAX_COPIED_CONSTANT	10000

/* Queries, tables and windows: a level of the plan each, or a few. */
#define MAX_PARTS		200

typedef struct Examination
{
	ParamListInfo params;
	List	   *around;			/* the queries around a node, innermost first */
	bool		conditional;	/* in a sub-select of a filter */
	bool		copied;			/* in what a call or a constructor makes a new value of */
	int			copies;			/* how many of those there are */
	int			parts;			/* as of MAX_PARTS */
	List	   *examined;		/* all queries that were examined */
	const char *objection;
} Examination;

static bool examine_filter(Node *node, void *context);
static bool examine_value(Node *node, void *context);
static bool examine_query(Query *query, Examination *exam);

/* Notes why the filters are not trusted; true, which ends a walk. */
static bool
object(Examination *exam, const char *objection)
{
	exam->objection = objection;
	return true;
}

/* The same, if there is an objection. */
static bool
note(Examination *exam, const char *objection)
{
	return objection != NULL && object(exam, objection);
}

/* ----------------------------------------------------------------
 *		Copies
 * ----------------------------------------------------------------
 */

/* Is this a constant, and one that may be where it is? */
static bool
is_known(Node *node, const Examination *exam)
{
	const Const *known;

	if (!exam->copied || !is_folded(node, exam->params))
		return is_folded(node, exam->params);
	known = constant_value(node, exam->params);
	return known != NULL && (known->constisnull || known->constlen > 0 ||
							 (known->constlen == -1 && toast_raw_datum_size(known->constvalue) <= MAX_COPIED_CONSTANT));
}

/* What is computed elsewhere, of any length. */
static bool
examine_foreign_value(Node *node, Examination *exam)
{
	return exam->copied && get_typlen(exprType(node)) <= 0 && !is_known(node, exam) &&
		object(exam, "a value of unknown length is copied in a filter");
}

/* Arguments of a call that makes a value of them, elements of an array or a row. */
static bool
examine_copied(Node *node, Examination *exam)
{
	bool		outer = exam->copied;
	bool		objected;

	if (++exam->copies > MAX_COPIES)
		return object(exam, "filters copy too many values");
	exam->copied = true;
	objected = examine_filter(node, exam);
	exam->copied = outer;
	return objected;
}

/* ----------------------------------------------------------------
 *		Calls
 * ----------------------------------------------------------------
 */

/* A node that calls a function: it, its arguments. */
static bool
examine_call(Node *node, Oid funcid, List *args, Oid collation, Examination *exam)
{
	TrustCondition condition = trust_in(funcid);

	if (collation_could_fail(funcid, args, collation))
		return object(exam, psprintf("the collation for function %s is not determined",
									 format_procedure(funcid)));
	if (condition_holds(condition, args, collation, exam->params))
		return call_copies(condition, funcid) ? examine_copied((Node *) args, exam) :
			examine_filter((Node *) args, exam);
	if (is_known(node, exam))
		return false;
	return object(exam, objection_to_call(condition, funcid));
}

/* A node that applies an operator, or another in its place. */
static bool
examine_operator(Node *node, Oid opno, List *args, Oid collation, Examination *exam)
{
	if (!replacements_are_trusted(opno))
		return object(exam, psprintf("the negator or commutator of operator %s is not trusted",
									 format_operator(opno)));
	return examine_call(node, get_opcode(opno), args, collation, exam);
}

/* ----------------------------------------------------------------
 *		What a filter refers to
 * ----------------------------------------------------------------
 */

/* Examines a node as a filter of the query that is first in "around". */
static bool
examine_filter_within(Node *node, List *around, Examination *exam)
{
	List	   *outer = exam->around;
	bool		objected;

	exam->around = around;
	objected = examine_filter(node, exam);
	exam->around = outer;
	return objected;
}

/* A column of a query's output; those of all members of a set operation. */
static bool
examine_output(Query *query, AttrNumber attnum, List *around, Examination *exam)
{
	List	   *output = query->returningList ? query->returningList : query->targetList;
	ListCell   *lc;

	check_stack_depth();
	around = lcons(query, list_copy(around));
	if (attnum <= 0 || attnum > list_length(output))
		return object(exam, "a filter refers to a whole row");
	if (query->setOperations == NULL)
		return examine_filter_within((Node *) list_nth_node(TargetEntry, output, attnum - 1)->expr,
									 around, exam);
	foreach(lc, query->rtable)
	{
		RangeTblEntry *rte = lfirst(lc);

		if (rte->rtekind == RTE_SUBQUERY &&
			examine_output(rte->subquery, attnum, around, exam))
			return true;
	}
	return false;
}

/* A column of a WITH query; of a recursive one, all columns are examined once. */
static bool
examine_cte_output(const RangeTblEntry *rte, AttrNumber attnum, List *around, Examination *exam)
{
	ListCell   *lc;

	if (rte->self_reference)
		return exam->copied && object(exam, "a value of unknown length is copied in a filter");
	around = list_copy_tail(around, rte->ctelevelsup);
	if (around == NIL)
		return object(exam, "a filter refers to a WITH query that was not found");
	foreach(lc, ((Query *) linitial(around))->cteList)
	{
		CommonTableExpr *cte = lfirst(lc);

		if (strcmp(cte->ctename, rte->ctename) == 0)
			return examine_output((Query *) cte->ctequery, attnum, around, exam);
	}
	return object(exam, "a filter refers to a WITH query that was not found");
}

/* What the planner puts in a column's place, or computes for it. */
static bool
examine_column(const Var *var, Examination *exam)
{
	List	   *around = list_copy_tail(exam->around, var->varlevelsup);
	Query	   *query = around ? linitial(around) : NULL;
	RangeTblEntry *rte;
	ListCell   *lc;

	if (query == NULL || var->varno <= 0 || var->varno > list_length(query->rtable))
		return object(exam, "a filter refers to a column that was not found");
	rte = rt_fetch(var->varno, query->rtable);
	switch (rte->rtekind)
	{
		case RTE_RELATION:
			if (var->varattno == 0)
				return object(exam, "a filter refers to a whole row");
			if (var->varattno > 0 && column_is_virtual(rte->relid, var->varattno))
				return object(exam, "a filter refers to a virtual generated column");
			return false;
		case RTE_SUBQUERY:
			return examine_output(rte->subquery, var->varattno, around, exam);
		case RTE_CTE:
			return examine_cte_output(rte, var->varattno, around, exam);
		case RTE_JOIN:
			if (var->varattno <= 0)
				return object(exam, "a filter refers to a whole row");
			return examine_filter_within(list_nth(rte->joinaliasvars, var->varattno - 1),
										 around, exam);
		case RTE_VALUES:
			foreach(lc, rte->values_lists)
				if (var->varattno <= 0 ||
					examine_filter_within(list_nth(lfirst(lc), var->varattno - 1), around, exam))
					return exam->objection ? true : object(exam, "a filter refers to a whole row");
			return false;
		case RTE_NAMEDTUPLESTORE:
			return false;
		default:
			if (grouping_expressions(rte) != NIL && var->varattno > 0)
				return examine_filter_within(list_nth(grouping_expressions(rte), var->varattno - 1),
											 around, exam);
			return object(exam, "a filter refers to what a function returns");
	}
}

/* ----------------------------------------------------------------
 *		Sub-selects and aggregates
 * ----------------------------------------------------------------
 */

/*
 * A sub-select in a filter: what it does tells that a row was met.  What ANY
 * compares with is a filter even where the planner makes a join of it.
 */
static bool
examine_sublink(SubLink *sublink, Examination *exam)
{
	Query	   *query = castNode(Query, sublink->subselect);
	Examination outer = *exam;
	bool		objected;

	if (examine_foreign_value((Node *) sublink, exam))
		return true;
	exam->copied = false;
	if (sublink->subLinkType == MULTIEXPR_SUBLINK || sublink->subLinkType == CTE_SUBLINK)
		return object(exam, "a filter has a sub-select of an unknown kind");
	if ((sublink->subLinkType == EXPR_SUBLINK || sublink->subLinkType == ROWCOMPARE_SUBLINK) &&
		!returns_one_row(query, exam->params))
		return object(exam, "a sub-select could return more than one row");
	if (examine_filter(sublink->testexpr, exam))
		return true;
	exam->conditional = true;
	objected = examine_query(query, exam);
	exam->conditional = outer.conditional;
	exam->copied = outer.copied;
	return objected;
}

/* An aggregate or window function in a filter is computed above the scans. */
static bool
examine_computed(Node *node, Examination *exam)
{
	if (examine_foreign_value(node, exam))
		return true;
	if (!exam->conditional)
		return examine_value(node, exam);
	if (!IsA(node, Aggref) || !aggregate_is_trusted((Aggref *) node))
		return object(exam, "a sub-select of a filter has an aggregate that is not trusted");
	return expression_tree_walker(node, examine_filter, exam);
}

/* ----------------------------------------------------------------
 *		Expressions
 * ----------------------------------------------------------------
 */

static bool
examine_cast(Node *node, Node *arg, Examination *exam)
{
	if (IsA(node, CoerceViaIO) && is_plain_output((CoerceViaIO *) node))
		return examine_filter(arg, exam);
	if (is_known(node, exam))
		return false;
	return object(exam, psprintf("a cast from %s to %s could fail",
								 format_type_be(exprType(arg)), format_type_be(exprType(node))));
}

static bool
examine_row_comparison(RowCompareExpr *comparison, Examination *exam)
{
	ListCell   *op;
	ListCell   *family;
	ListCell   *arg;
	ListCell   *collation;

	forboth(arg, comparison->largs, collation, comparison->inputcollids)
		if (type_is_collatable(exprType(lfirst(arg))) && !OidIsValid(lfirst_oid(collation)))
			return object(exam, "the collation for a comparison of rows is not determined");
	forboth(op, comparison->opnos, family, comparison->opfamilies)
		if (lfirst_oid(family) >= FirstGenbkiObjectId ||
			!is_always_trusted(get_opcode(lfirst_oid(op))))
			return object(exam, objection_to_call(TRUST_NONE, get_opcode(lfirst_oid(op))));
	return examine_filter((Node *) comparison->largs, exam) ||
		examine_filter((Node *) comparison->rargs, exam);
}

/* A subscript of an array or a jsonb fetches, or is null. */
static bool
examine_subscript(SubscriptingRef *subscript, Examination *exam)
{
	const SubscriptRoutines *routines = NULL;

	if (get_typsubscript(subscript->refcontainertype, NULL) < FirstGenbkiObjectId)
		routines = getSubscriptingRoutines(subscript->refcontainertype, NULL);
	if (routines == NULL || !routines->fetch_leakproof || subscript->refassgnexpr != NULL)
		return object(exam, "a subscript is not trusted with this type");
	return expression_tree_walker((Node *) subscript, examine_filter, exam);
}

/* An expression_tree_walker: true where a filter is not to be trusted. */
static bool
examine_filter(Node *node, void *context)
{
	Examination *exam = context;

	if (node == NULL)
		return false;
	check_stack_depth();
	CHECK_FOR_INTERRUPTS();
	switch (nodeTag(node))
	{
		case T_Const:
			return examine_foreign_value(node, exam);
		case T_CaseTestExpr:
		case T_SQLValueFunction:
		case T_GroupingFunc:
			return false;
		case T_Param:
			if (((Param *) node)->paramkind == PARAM_EXTERN ||
				((Param *) node)->paramkind == PARAM_SUBLINK)
				return examine_foreign_value(node, exam);
			return object(exam, "a filter has a parameter of an unknown kind");
		case T_Var:
			return examine_column((Var *) node, exam);
		case T_ArrayExpr:
			if (is_folded(node, exam->params))
				return examine_foreign_value(node, exam);
			if (((ArrayExpr *) node)->multidims)
				return object(exam, "an array of arrays could fail");
			return examine_copied((Node *) ((ArrayExpr *) node)->elements, exam);
		case T_RowExpr:
			return examine_copied((Node *) ((RowExpr *) node)->args, exam);
		case T_List:
		case T_TargetEntry:
		case T_FromExpr:
		case T_JoinExpr:
		case T_RangeTblRef:
		case T_BoolExpr:
		case T_RelabelType:
		case T_CollateExpr:
		case T_NamedArgExpr:
		case T_CaseExpr:
		case T_CaseWhen:
		case T_CoalesceExpr:
		case T_NullTest:
		case T_BooleanTest:
			break;
		case T_FuncExpr:
			return examine_call(node, ((FuncExpr *) node)->funcid, ((FuncExpr *) node)->args,
								((FuncExpr *) node)->inputcollid, exam);
		case T_OpExpr:
		case T_DistinctExpr:
		case T_NullIfExpr:
			return examine_operator(node, ((OpExpr *) node)->opno, ((OpExpr *) node)->args,
									((OpExpr *) node)->inputcollid, exam);
		case T_ScalarArrayOpExpr:
			return examine_operator(node, ((ScalarArrayOpExpr *) node)->opno,
									((ScalarArrayOpExpr *) node)->args,
									((ScalarArrayOpExpr *) node)->inputcollid, exam);
		case T_MinMaxExpr:
			if (!is_always_trusted(lookup_type_cache(((MinMaxExpr *) node)->minmaxtype,
													 TYPECACHE_CMP_PROC)->cmp_proc) ||
				collation_could_fail(InvalidOid, ((MinMaxExpr *) node)->args,
									 ((MinMaxExpr *) node)->inputcollid))
				return object(exam, "GREATEST or LEAST is not trusted with this type");
			break;
		case T_RowCompareExpr:
			return examine_row_comparison((RowCompareExpr *) node, exam);
		case T_SubscriptingRef:
			return examine_subscript((SubscriptingRef *) node, exam);
		case T_CoerceViaIO:
			return examine_cast(node, (Node *) ((CoerceViaIO *) node)->arg, exam);
		case T_ArrayCoerceExpr:
			return examine_cast(node, (Node *) ((ArrayCoerceExpr *) node)->arg, exam);
		case T_CoerceToDomain:
			return examine_cast(node, (Node *) ((CoerceToDomain *) node)->arg, exam);
		case T_SubLink:
			return examine_sublink((SubLink *) node, exam);
		case T_Aggref:
		case T_WindowFunc:
			return examine_computed(node, exam);
		default:
			return object(exam, "a filter has an expression that is not known to be safe");
	}
	return expression_tree_walker(node, examine_filter, exam);
}

/* An expression_tree_walker: true where what a value contains is not to be trusted. */
static bool
examine_value(Node *node, void *context)
{
	Examination *exam = context;

	if (node == NULL)
		return false;
	if (exam->conditional)
		return examine_filter(node, exam);
	check_stack_depth();
	if (IsA(node, SubLink))
		return examine_value(((SubLink *) node)->testexpr, exam) ||
			examine_query(castNode(Query, ((SubLink *) node)->subselect), exam);
	if (IsA(node, Aggref) && aggregate_sorts(((Aggref *) node)->aggfnoid) &&
		examine_filter((Node *) ((Aggref *) node)->args, exam))
		return true;
	return expression_tree_walker(node, examine_value, exam);
}

/* ----------------------------------------------------------------
 *		Queries
 * ----------------------------------------------------------------
 */

static bool
examine_range(RangeTblEntry *rte, Index rti, Examination *exam)
{
	switch (rte->rtekind)
	{
		case RTE_RELATION:
			if (rte->tablesample != NULL)
				return object(exam, "TABLESAMPLE calls a function for the rows");
			return exam->conditional && note(exam, objection_to_table(rte, rti));
		case RTE_SUBQUERY:
			return examine_query(rte->subquery, exam);
		case RTE_CTE:
			return exam->conditional &&
				object(exam, "a sub-select of a filter reads a WITH query");
		case RTE_VALUES:
			return examine_value((Node *) rte->values_lists, exam);
		case RTE_FUNCTION:
		case RTE_TABLEFUNC:
			return object(exam, "a function in FROM is not trusted");
		case RTE_JOIN:
		case RTE_RESULT:
		case RTE_NAMEDTUPLESTORE:
			return false;
		default:
			if (grouping_expressions(rte) != NIL)
				return examine_value((Node *) grouping_expressions(rte), exam);
			return object(exam, "the query reads from what is not known to be safe");
	}
}

/*
 * All but the withCheckOptions, which come from policies and see new rows
 * only, and the security quals, which keep their place.
 */
static bool
examine_parts(Query *query, Examination *exam)
{
	ListCell   *lc;
	Index		rti = 0;

	foreach(lc, query->rtable)
		if (examine_range(lfirst(lc), ++rti, exam))
			return true;
	foreach(lc, query->cteList)
		if (examine_query((Query *) lfirst_node(CommonTableExpr, lc)->ctequery, exam))
			return true;
	return examine_filter((Node *) query->jointree, exam) ||
		examine_filter(query->havingQual, exam) ||
		examine_value((Node *) query->targetList, exam) ||
		examine_value((Node *) query->returningList, exam) ||
		examine_value((Node *) query->onConflict, exam) ||
		examine_value((Node *) query->windowClause, exam) ||
		examine_value(query->limitOffset, exam) ||
		examine_value(query->limitCount, exam);
}

static bool
examine_query(Query *query, Examination *exam)
{
	List	   *outer = exam->around;
	bool		objected;

	check_stack_depth();
	exam->examined = lappend(exam->examined, query);
	exam->parts += 1 + list_length(query->rtable) + list_length(query->windowClause);
	if (exam->parts > MAX_PARTS)
		return object(exam, "the query has too many parts");
	if (query->commandType == CMD_MERGE)
		return object(exam, "MERGE is not supported");
	if (query->hasTargetSRFs)
		return object(exam, "a function in the select list returns rows");
	if (exam->conditional && note(exam, objection_to_sub_select(query, exam->params)))
		return true;
	exam->around = lcons(query, list_copy(outer));
	objected = examine_parts(query, exam);
	exam->around = outer;
	return objected;
}

Filters
examine_filters(Query *query, ParamListInfo params)
{
	Examination exam = {.params = params};
	Filters		filters;

	(void) examine_query(query, &exam);
	filters.objection = exam.objection;
	filters.queries = exam.examined;
	return filters;
}
