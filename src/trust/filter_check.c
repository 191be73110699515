/*-------------------------------------------------------------------------
 *
 * filter_check.c
 *	  May the filters of a query be trusted with every tenant's rows?
 *
 * Where the tenant's qual stands beside a query's own filters and not before
 * them, those that can be evaluated where the table is scanned may meet other
 * tenants' rows.  This says whether all of them keep silent about it: whether
 * each function that they call is trusted (trusted_function.c) in the way it is called.
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
 * tenant's included, so any function may be called there.  (But the distance of
 * ORDER BY p <-> q, where an index computes it: behind the barrier, too.)
 *
 * A sub-select in a filter is evaluated on occasion of a row, and whatever it
 * does tells that there was one: its locks, its statistics, what it logs.  Only
 * those are let pass of which the planner makes joins (sublink_pullup.c).
 *
 * What is made of another value fails if it gets too long.  A query could bring
 * that about by a value of its own that is just short enough, where another
 * tenant's row decides whether it is made.  So new values are made of columns
 * and short constants only, of few, and of columns of one table: the row's own.
 *
 * The executor goes down the plan's levels, and fails where the stack ends.  So
 * a query may not have too many parts (stack_reserve.c).
 *
 * While a query is planned, functions of its writer's may run, and change what
 * its writer owns.  So what filters call is built in or a superuser's, and so are
 * the types that they use.
 *
 * What is not known here is not trusted.  Nothing is changed here.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/transam.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "nodes/subscripting.h"
#include "parser/parsetree.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/typcache.h"

#include "call_condition.h"
#include "compat.h"
#include "examination.h"
#include "filter_check.h"
#include "sublink_pullup.h"
#include "trusted_function.h"

/* Queries, tables and windows: a level of the plan each, or a few. */
#define MAX_PARTS		100

/* What a column stands for is looked at each time that a filter refers to it. */
#define MAX_VISITS		20000

static bool check_filter(Node *node, void *context);
static bool check_clause(Node *node, FilterCheck *exam);
static bool check_value(Node *node, void *context);
static bool check_query_filters(Query *query, FilterCheck *exam);

/* ----------------------------------------------------------------
 *		Calls
 * ----------------------------------------------------------------
 */

/* Arguments of a call that makes a value of them, elements of an array or a row. */
static bool
check_copied(Node *node, FilterCheck *exam)
{
	bool		outer = exam->copied;
	bool		objected;

	if (!outer)
		exam->copies = 0;
	exam->copied = true;
	objected = check_filter(node, exam);
	exam->copied = outer;
	return objected;
}

/* A node that calls a function: it, its arguments. */
static bool
check_call(Node *node, Oid funcid, List *args, Oid collation, FilterCheck *exam)
{
	TrustCondition condition = trust_in(funcid);

	if (collation_could_fail(args, collation))
		return object(exam, psprintf("the collation for function %s is not determined, or not trusted",
									 format_procedure(funcid)));
	if (condition_holds(condition, funcid, args, collation, &exam->constants))
		return call_copies(condition, funcid) ? check_copied((Node *) args, exam) :
			check_filter((Node *) args, exam);
	if (is_known(node, exam))
		return count_copy(exam);
	return object(exam, reason_against_call(condition, funcid));
}

/* A node that applies an operator, or another in its place. */
static bool
check_operator_call(Node *node, Oid opno, List *args, Oid collation, FilterCheck *exam)
{
	if (!operator_is_trusted(opno))
		return object(exam, psprintf("operator %s, its negator or its commutator is not trusted",
									 format_operator(opno)));
	return check_call(node, get_opcode(opno), args, collation, exam);
}

/* ----------------------------------------------------------------
 *		What a filter refers to
 * ----------------------------------------------------------------
 */

/* Examines a node as a filter of the query that is first in "around". */
static bool
check_filter_within(Node *node, List *around, FilterCheck *exam)
{
	List	   *outer = exam->around;
	bool		direct = exam->direct;
	bool		objected;

	exam->around = around;
	exam->direct = false;
	objected = check_filter(node, exam);
	exam->direct = direct;
	exam->around = outer;
	return objected;
}

/* A column of a query's output; those of all members of a set operation. */
static bool
check_output(Query *query, AttrNumber attnum, List *around, FilterCheck *exam)
{
	List	   *output = query->returningList ? query->returningList : query->targetList;
	ListCell   *lc;

	check_stack_depth();
	around = lcons(query, list_copy(around));
	if (attnum <= 0 || attnum > list_length(output))
		return object(exam, "a filter refers to a whole row");
	if (query->setOperations == NULL)
		return check_filter_within((Node *) list_nth_node(TargetEntry, output, attnum - 1)->expr,
								   around, exam);
	foreach(lc, query->rtable)
	{
		RangeTblEntry *rte = lfirst(lc);

		if (rte->rtekind == RTE_SUBQUERY &&
			check_output(rte->subquery, attnum, around, exam))
			return true;
	}
	return false;
}

/* A column of a WITH query; of a recursive one, all columns are examined once. */
static bool
check_cte_output(const RangeTblEntry *rte, AttrNumber attnum, List *around, FilterCheck *exam)
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
			return check_output((Query *) cte->ctequery, attnum, around, exam);
	}
	return object(exam, "a filter refers to a WITH query that was not found");
}

/* What the planner puts in a column's place, or computes for it. */
static bool
check_column(const Var *var, FilterCheck *exam)
{
	List	   *around = list_copy_tail(exam->around, var->varlevelsup);
	Query	   *query = around ? linitial(around) : NULL;
	RangeTblEntry *rte;
	ListCell   *lc;

	if (query == NULL || var->varno <= 0 || var->varno > list_length(query->rtable))
		return object(exam, "a filter refers to a column that was not found");
	rte = rt_fetch(var->varno, query->rtable);
	if (rte->rtekind != RTE_JOIN)
		note_source(exam, query, rte, var->varlevelsup > 0);
	switch (rte->rtekind)
	{
		case RTE_RELATION:
			if (var->varattno == 0)
				return object(exam, "a filter refers to a whole row");
			if (var->varattno > 0 && column_is_virtual(rte->relid, var->varattno))
				return object(exam, "a filter refers to a virtual generated column");
			exam->clause.copies_column |= exam->copied;
			return count_copy(exam);
		case RTE_SUBQUERY:
			return check_output(rte->subquery, var->varattno, around, exam);
		case RTE_CTE:
			return check_cte_output(rte, var->varattno, around, exam);
		case RTE_JOIN:
			if (var->varattno <= 0)
				return object(exam, "a filter refers to a whole row");
			return check_filter_within(list_nth(rte->joinaliasvars, var->varattno - 1),
									   around, exam);
		case RTE_VALUES:
			foreach(lc, rte->values_lists)
				if (var->varattno <= 0 ||
					check_filter_within(list_nth(lfirst(lc), var->varattno - 1), around, exam))
					return exam->objection ? true : object(exam, "a filter refers to a whole row");
			return false;
		case RTE_NAMEDTUPLESTORE:
			exam->clause.copies_column |= exam->copied;
			return count_copy(exam);
		default:
			if (grouping_expressions(rte) != NIL && var->varattno > 0)
				return check_filter_within(list_nth(grouping_expressions(rte), var->varattno - 1),
										   around, exam);
			return object(exam, "a filter refers to what a function returns");
	}
}

/* ----------------------------------------------------------------
 *		Sub-selects and aggregates
 * ----------------------------------------------------------------
 */

/*
 * A sub-select of which the planner makes a join.  What ANY compares with is a
 * part of the join's condition.
 */
static bool
check_sublink(SubLink *sublink, FilterCheck *exam)
{
	Query	   *query = castNode(Query, sublink->subselect);
	List	   *around = lcons(query, list_copy(exam->around));
	ListCell   *lc;

	if (!exam->tried)
	{
		exam->joined = sublinks_become_joins(exam->whole, exam->constants.params);
		exam->tried = true;
	}
	if (!exam->direct || exam->copied || !exam->joined)
		return object(exam, "a filter has a sub-select that is evaluated for a row");
	/* the planner looks at its value once more, when it may be another */
	if (query->limitCount != NULL && constant_value(query->limitCount, &exam->constants) == NULL)
		return object(exam, "a sub-select in a filter has a LIMIT that is computed");
	if (sublink->subLinkType == ANY_SUBLINK)
	{
		exam->clause.joins = true;
		foreach(lc, query->targetList)
			if (check_filter_within((Node *) lfirst_node(TargetEntry, lc)->expr, around, exam))
				return true;
	}
	return check_filter(sublink->testexpr, exam) || check_query_filters(query, exam);
}

/* An aggregate or window function in a filter is computed above the scans. */
static bool
check_computed(Node *node, FilterCheck *exam)
{
	return copies_foreign_value(exam, node) || check_value(node, exam);
}

/* ----------------------------------------------------------------
 *		Expressions
 * ----------------------------------------------------------------
 */

static bool
check_cast(Node *node, Node *arg, FilterCheck *exam)
{
	if (IsA(node, CoerceViaIO) && is_plain_output((CoerceViaIO *) node))
		return check_filter(arg, exam);
	if (is_known(node, exam))
		return count_copy(exam);
	return object(exam, psprintf("a cast from %s to %s could fail",
								 format_type_be(exprType(arg)), format_type_be(exprType(node))));
}

static bool
check_row_comparison(RowCompareExpr *comparison, FilterCheck *exam)
{
	ListCell   *op;
	ListCell   *family;
	ListCell   *arg;
	ListCell   *collation;

	forboth(arg, comparison->largs, collation, comparison->inputcollids)
		if (collation_could_fail(list_make1(lfirst(arg)), lfirst_oid(collation)))
			return object(exam, "the collation for a comparison of rows is not determined, or not trusted");
	forboth(op, comparison->opnos, family, comparison->opfamilies)
		if (lfirst_oid(family) >= FirstGenbkiObjectId ||
			!is_always_trusted(get_opcode(lfirst_oid(op))))
			return object(exam, reason_against_call(TRUST_NONE, get_opcode(lfirst_oid(op))));
	return check_filter((Node *) comparison->largs, exam) ||
		check_filter((Node *) comparison->rargs, exam);
}

/*
 * A subscript of an array or a jsonb fetches, or is null.  There are no slices
 * of arrays of a fixed length, such as names and points: that is an error.
 */
static bool
check_subscript(SubscriptingRef *subscript, FilterCheck *exam)
{
	const SubscriptRoutines *routines = NULL;

	if (get_typsubscript(subscript->refcontainertype, NULL) < FirstGenbkiObjectId)
		routines = getSubscriptingRoutines(subscript->refcontainertype, NULL);
	if (routines == NULL || !routines->fetch_leakproof || subscript->refassgnexpr != NULL ||
		(subscript->reflowerindexpr != NIL && get_typlen(subscript->refcontainertype) != -1))
		return object(exam, "a subscript is not trusted with this type");
	return expression_tree_walker((Node *) subscript, check_filter, exam);
}

/* An expression_tree_walker: true where a filter is not to be trusted. */
static bool
check_filter(Node *node, void *context)
{
	FilterCheck *exam = context;

	if (node == NULL)
		return false;
	check_stack_depth();
	CHECK_FOR_INTERRUPTS();
	if (++exam->visits > MAX_VISITS)
		return object(exam, "the filters are too large");
	switch (nodeTag(node))
	{
		case T_Const:
			note_type(exam, ((Const *) node)->consttype);
			return count_copy(exam) || copies_foreign_value(exam, node);
		case T_CaseTestExpr:
		case T_GroupingFunc:
			return false;
		case T_SQLValueFunction:
			/* makes the session's temporary schema, if that is the first of the path */
			return ((SQLValueFunction *) node)->op == SVFOP_CURRENT_SCHEMA &&
				object(exam, "CURRENT_SCHEMA may make a schema");
		case T_Param:
			note_type(exam, ((Param *) node)->paramtype);
			if (((Param *) node)->paramkind == PARAM_EXTERN ||
				((Param *) node)->paramkind == PARAM_SUBLINK)
				return count_copy(exam) || copies_foreign_value(exam, node);
			return object(exam, "a filter has a parameter of an unknown kind");
		case T_Var:
			return check_column((Var *) node, exam);
		case T_ArrayExpr:
			note_type(exam, ((ArrayExpr *) node)->array_typeid);
			note_type(exam, ((ArrayExpr *) node)->element_typeid);
			if (is_folded(node, exam->constants.params))
				return count_copy(exam) || copies_foreign_value(exam, node);
			if (((ArrayExpr *) node)->multidims)
				return object(exam, "an array of arrays could fail");
			return check_copied((Node *) ((ArrayExpr *) node)->elements, exam);
		case T_RowExpr:
			note_type(exam, ((RowExpr *) node)->row_typeid);
			return check_copied((Node *) ((RowExpr *) node)->args, exam);
		case T_List:
		case T_TargetEntry:
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
			return check_call(node, ((FuncExpr *) node)->funcid, ((FuncExpr *) node)->args,
							  ((FuncExpr *) node)->inputcollid, exam);
		case T_OpExpr:
		case T_DistinctExpr:
		case T_NullIfExpr:
			return check_operator_call(node, ((OpExpr *) node)->opno, ((OpExpr *) node)->args,
									   ((OpExpr *) node)->inputcollid, exam);
		case T_ScalarArrayOpExpr:
			return check_operator_call(node, ((ScalarArrayOpExpr *) node)->opno,
									   ((ScalarArrayOpExpr *) node)->args,
									   ((ScalarArrayOpExpr *) node)->inputcollid, exam);
		case T_MinMaxExpr:
			if (!is_always_trusted(lookup_type_cache(((MinMaxExpr *) node)->minmaxtype,
													 TYPECACHE_CMP_PROC)->cmp_proc) ||
				collation_could_fail(((MinMaxExpr *) node)->args,
									 ((MinMaxExpr *) node)->inputcollid))
				return object(exam, "GREATEST or LEAST is not trusted with this type");
			break;
		case T_RowCompareExpr:
			return check_row_comparison((RowCompareExpr *) node, exam);
		case T_SubscriptingRef:
			return check_subscript((SubscriptingRef *) node, exam);
		case T_CoerceViaIO:
			return check_cast(node, (Node *) ((CoerceViaIO *) node)->arg, exam);
		case T_ArrayCoerceExpr:
			return check_cast(node, (Node *) ((ArrayCoerceExpr *) node)->arg, exam);
		case T_CoerceToDomain:
			return check_cast(node, (Node *) ((CoerceToDomain *) node)->arg, exam);
		case T_SubLink:
			return check_sublink((SubLink *) node, exam);
		case T_Aggref:
		case T_WindowFunc:
			return check_computed(node, exam);
		default:
			return object(exam, "a filter has an expression that is not known to be safe");
	}
	return expression_tree_walker(node, check_filter, exam);
}

/* Each clause of a filter by itself: the planner evaluates it where its tables are there. */
static bool
check_clause(Node *node, FilterCheck *exam)
{
	List	   *clauses = node != NULL && is_andclause(node) ? ((BoolExpr *) node)->args : NIL;
	Clause		outer = exam->clause;
	bool		objected;
	ListCell   *lc;

	check_stack_depth();
	foreach(lc, clauses)
		if (check_clause(lfirst(lc), exam))
			return true;
	if (node == NULL || clauses != NIL)
		return false;
	exam->clause = (Clause) {0};
	objected = check_filter(node, exam) || joins_copies(exam);
	exam->clause = outer;
	return objected;
}

/* The clauses of WHERE or ON, as they stand there. */
static bool
check_direct(Node *node, FilterCheck *exam)
{
	bool		objected;

	exam->direct = true;
	objected = check_clause(node, exam);
	exam->direct = false;
	return objected;
}

static bool
check_join_tree(Node *node, FilterCheck *exam)
{
	ListCell   *lc;

	check_stack_depth();
	if (node == NULL || IsA(node, RangeTblRef))
		return false;
	if (IsA(node, JoinExpr))
		return check_join_tree(((JoinExpr *) node)->larg, exam) ||
			check_join_tree(((JoinExpr *) node)->rarg, exam) ||
			check_direct(((JoinExpr *) node)->quals, exam);
	foreach(lc, castNode(FromExpr, node)->fromlist)
		if (check_join_tree(lfirst(lc), exam))
			return true;
	return check_direct(((FromExpr *) node)->quals, exam);
}

/* An expression_tree_walker: true where what a value contains is not to be trusted. */
static bool
check_value(Node *node, void *context)
{
	FilterCheck *exam = context;

	if (node == NULL)
		return false;
	check_stack_depth();
	if (IsA(node, SubLink))
		return check_value(((SubLink *) node)->testexpr, exam) ||
			check_query_filters(castNode(Query, ((SubLink *) node)->subselect), exam);
	if (IsA(node, Aggref) && aggregate_sorts(((Aggref *) node)->aggfnoid) &&
		check_clause((Node *) ((Aggref *) node)->args, exam))
		return true;
	return expression_tree_walker(node, check_value, exam);
}

/* ----------------------------------------------------------------
 *		Queries
 * ----------------------------------------------------------------
 */

static bool
check_range(RangeTblEntry *rte, FilterCheck *exam)
{
	switch (rte->rtekind)
	{
		case RTE_RELATION:
			return rte->tablesample != NULL &&
				object(exam, "TABLESAMPLE calls a function for the rows");
		case RTE_SUBQUERY:
			return check_query_filters(rte->subquery, exam);
		case RTE_VALUES:
			return check_value((Node *) rte->values_lists, exam);
		case RTE_FUNCTION:
		case RTE_TABLEFUNC:
			return object(exam, "a function in FROM is not trusted");
		case RTE_JOIN:
		case RTE_CTE:
		case RTE_RESULT:
		case RTE_NAMEDTUPLESTORE:
			return false;
		default:
			if (grouping_expressions(rte) != NIL)
				return check_value((Node *) grouping_expressions(rte), exam);
			return object(exam, "the query reads from what is not known to be safe");
	}
}

/*
 * All but the withCheckOptions, which come from policies and see new rows
 * only, and the security quals, which keep their place.
 */
static bool
check_parts(Query *query, FilterCheck *exam)
{
	ListCell   *lc;

	foreach(lc, query->rtable)
		if (check_range(lfirst(lc), exam))
			return true;
	foreach(lc, query->cteList)
		if (check_query_filters((Query *) lfirst_node(CommonTableExpr, lc)->ctequery, exam))
			return true;
	return check_join_tree((Node *) query->jointree, exam) ||
		check_clause(query->havingQual, exam) ||
		check_value((Node *) query->targetList, exam) ||
		check_value((Node *) query->returningList, exam) ||
		check_value((Node *) query->onConflict, exam) ||
		check_value((Node *) query->windowClause, exam) ||
		check_value(query->limitOffset, exam) ||
		check_value(query->limitCount, exam);
}

static bool
check_query_filters(Query *query, FilterCheck *exam)
{
	List	   *outer = exam->around;
	bool		direct = exam->direct;
	bool		objected;
	ListCell   *lc;

	check_stack_depth();
	exam->examined = lappend(exam->examined, query);
	exam->parts += 1 + list_length(query->windowClause);
	foreach(lc, query->rtable)
		if (lfirst_node(RangeTblEntry, lc)->rtekind != RTE_JOIN)
			exam->parts++;
	if (exam->parts > MAX_PARTS)
		return object(exam, "the query has too many parts");
	if (query->commandType == CMD_MERGE)
		return object(exam, "MERGE is not supported");
	if (query->hasTargetSRFs)
		return object(exam, "a function in the select list returns rows");
	exam->around = lcons(query, list_copy(outer));
	exam->direct = false;
	objected = check_parts(query, exam);
	exam->direct = direct;
	exam->around = outer;
	return objected;
}

Filters
check_filters(Query *query, ParamListInfo params)
{
	FilterCheck exam = {.whole = query,.constants.params = params};
	Filters		filters;

	if (!check_query_filters(query, &exam))
		(void) types_could_go(&exam);
	filters.objection = exam.objection;
	filters.unfolded = exam.constants.unfolded;
	filters.queries = exam.examined;
	return filters;
}
