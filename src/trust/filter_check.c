/*-------------------------------------------------------------------------
 *
 * filter_check.c
 *	  Whether the filters of a query may be evaluated for every tenant's rows.
 *
 * If the tenant's qual is lifted out of the security barrier, filters that are
 * evaluated in the same scan may be evaluated for other tenants' rows.  The check
 * finds out whether such an evaluation can have any effect: each function that
 * the filters call must be trusted (trusted_function.c) in the way it is called
 * (call_condition.c).
 *
 * Filters are WHERE and ON of the query and of all queries in it, and HAVING.  If
 * a filter refers to an output column of a view, a sub-select in FROM or a WITH
 * query, or to a merged join column, the expression of that column is a filter
 * too, since the planner substitutes it.  So is the argument of an aggregate that
 * an index may answer, such as min() and max(): the planner adds the filter
 * "argument IS NOT NULL".
 *
 * Values are all other expressions: select lists, SET, RETURNING, GROUP BY,
 * ORDER BY, other aggregates, window functions.  The executor computes them from
 * rows that have passed every filter of their scans, the tenant's qual included,
 * so they may call any function.  (An exception is the distance of ORDER BY
 * p <-> q where an index computes it; the security barrier does not prevent that
 * either.)
 *
 * A sub-select in a filter is executed only if there is a row to filter.  So
 * anything that shows that it was executed reveals the row: its locks, its
 * statistics, what it logs.  A sub-select is trusted only if the planner makes a
 * join of it (sublink_pullup.c).
 *
 * A function that makes a new value of its arguments, such as ||, raises an error
 * if the result is too long.  A query could concatenate a value of its own that
 * has almost the maximal length with a column, and learn from the error how long
 * another tenant's value is.  So new values may only be made of columns of one
 * table, that is, of one row, and of short constants, and only of few of them
 * (MAX_COPIES, MAX_COPIED_CONSTANT).
 *
 * The executor recurses for each level of a plan, and raises an error where the
 * stack ends.  So the number of a query's parts is limited (stack_reserve.c).
 *
 * While a query is planned, functions of its author may run and change objects
 * that the author owns.  So the functions that filters call and the types that
 * they use must be built in or belong to a superuser.
 *
 * Whatever is not listed here is not trusted.  The query is not modified.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/detoast.h"
#include "access/transam.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
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
#include "catalog.h"
#include "compat.h"
#include "filter_check.h"
#include "sublink_pullup.h"
#include "trusted_function.h"

/* Limits the number of queries, tables and windows, each of which makes one level of the plan or a few. */
#define MAX_PARTS		100

/* Limits the work: the expression that a column stands for is checked each time a filter refers to the column. */
#define MAX_VISITS		20000

/* A new value may be made of this many columns and constants, each constant of at most this many bytes. */
#define MAX_COPIES		16
#define MAX_COPIED_CONSTANT	10000

/* A table or other source of rows that a clause refers to */
typedef struct Source
{
	const Query *query;			/* in whose range table it is */
	const RangeTblEntry *rte;
} Source;

/* What was found in one clause of a filter */
typedef struct Clause
{
	List	   *sources;		/* of the Sources in each query's range table, the first that it refers to */
	bool		joins;			/* it refers to several sources of one query, or to an outer query's */
	bool		copies_column;	/* it makes a new value of a column */
} Clause;

/* The state of the check of a query's filters */
typedef struct FilterCheck
{
	const Query *query;			/* the outermost one */
	Constants	constants;
	List	   *enclosing;		/* queries that the current node is in, innermost first */
	bool		copied;			/* the current node is an argument of a call or constructor that makes a new value */
	int			copies;			/* columns and constants in that call or constructor */
	Clause		clause;			/* the current clause */
	bool		direct;			/* the current node is in WHERE or ON itself, not in what a column stands for */
	bool		tried_pullup;
	bool		all_pulled_up;	/* if tried_pullup: all sub-selects in filters become joins */
	int			parts;			/* limited by MAX_PARTS */
	int			visits;			/* of nodes; limited by MAX_VISITS */
	List	   *queries;		/* all queries that were checked */
	List	   *types;			/* OIDs of the user-defined types that filters use */
	const char *reason;			/* why the filters are not trusted, or NULL */
} FilterCheck;

static bool check_filter(Node *node, void *context);
static bool check_clause(Node *node, FilterCheck *check);
static bool check_value(Node *node, void *context);
static bool check_query_filters(Query *query, FilterCheck *check);

/* Records why the filters are not trusted.  Returns true, which ends a tree walk. */
static bool
distrust(FilterCheck *check, const char *reason)
{
	Assert(reason != NULL);
	check->reason = reason;
	return true;
}

/* ----------------------------------------------------------------
 *		Clauses, and the sources that they refer to
 * ----------------------------------------------------------------
 */

/* Distrusts a clause that makes a new value of a column and refers to another table's rows. */
static bool
copies_across_tables(FilterCheck *check)
{
	return check->clause.joins && check->clause.copies_column &&
		distrust(check, "a filter on several tables makes a new value of a column");
}

/* Records that the clause refers to a source; "outer" says that it is one of an outer query. */
static void
add_source(FilterCheck *check, const Query *query, const RangeTblEntry *rte, bool outer)
{
	Source	   *source;
	ListCell   *lc;

	check->clause.joins |= outer;
	foreach(lc, check->clause.sources)
	{
		source = lfirst(lc);
		if (source->query == query)
		{
			check->clause.joins |= source->rte != rte;
			return;
		}
	}
	source = palloc(sizeof(Source));
	source->query = query;
	source->rte = rte;
	check->clause.sources = lappend(check->clause.sources, source);
}

/* ----------------------------------------------------------------
 *		New values
 * ----------------------------------------------------------------
 */

/* Records that a filter contains a value of this type. */
static void
add_type(FilterCheck *check, Oid type)
{
	if (type >= FirstGenbkiObjectId)
		check->types = list_append_unique_oid(check->types, type);
}

/* Is this a constant expression, and short enough for where it is? */
static bool
is_usable_constant(Node *node, FilterCheck *check)
{
	const Const *known;

	if (!is_folded(node, check->constants.params))
		return false;
	add_type(check, exprType(node));
	if (!check->copied)
		return true;
	known = constant_value(node, &check->constants);
	return known != NULL && (known->constisnull || known->constlen > 0 ||
							 (known->constlen == -1 && toast_raw_datum_size(known->constvalue) <= MAX_COPIED_CONSTANT));
}

/* Distrusts a node that a new value is made of, unless it is of a fixed length or a usable constant. */
static bool
copies_unbounded_value(FilterCheck *check, Node *node)
{
	return check->copied && get_typlen(exprType(node)) <= 0 && !is_usable_constant(node, check) &&
		distrust(check, "a value of unknown length is copied in a filter");
}

/* Counts a node that a new value is made of; distrusts it if there are too many. */
static bool
exceeds_copies(FilterCheck *check)
{
	return check->copied && ++check->copies > MAX_COPIES &&
		distrust(check, "a filter makes a value of too many others");
}

/* ----------------------------------------------------------------
 *		Types
 * ----------------------------------------------------------------
 */

/* Does the role own a table of the query that has security quals? */
static bool
owns_guarded_table(Oid role, const FilterCheck *check)
{
	ListCell   *lq;
	ListCell   *lc;

	foreach(lq, check->queries)
		foreach(lc, ((const Query *) lfirst(lq))->rtable)
		{
			const RangeTblEntry *rte = lfirst(lc);

			if (rte->rtekind == RTE_RELATION && rte->securityQuals != NIL &&
				object_owner(RelationRelationId, rte->relid) == role)
				return true;
		}
	return false;
}

/*
 * Distrusts a type that its owner could drop while the query is planned or its
 * plan is cached: trusted functions look types up, and raise an error if one does
 * not exist.  Trusted are types of superusers, and those of an owner of one of the
 * query's guarded tables, whose DDL can read every tenant's rows anyway.
 */
static bool
types_could_be_dropped(FilterCheck *check)
{
	ListCell   *lc;

	foreach(lc, check->types)
	{
		Oid			owner = object_owner(TypeRelationId, lfirst_oid(lc));

		if (!OidIsValid(owner) || (!superuser_arg(owner) && !owns_guarded_table(owner, check)))
			return distrust(check, psprintf("type %s belongs to a role that could drop it",
											format_type_be(lfirst_oid(lc))));
	}
	return false;
}

/* ----------------------------------------------------------------
 *		Calls
 * ----------------------------------------------------------------
 */

/* Checks the arguments of a call, or the elements of an array or row, that a new value is made of. */
static bool
check_copied_arguments(Node *node, FilterCheck *check)
{
	bool		outer = check->copied;
	bool		distrusted;

	if (!outer)
		check->copies = 0;
	check->copied = true;
	distrusted = check_filter(node, check);
	check->copied = outer;
	return distrusted;
}

/* Checks a node that calls a function, and the function's arguments. */
static bool
check_call(Node *node, Oid funcid, List *args, Oid collation, FilterCheck *check)
{
	TrustCondition condition = trust_in(funcid);

	if (collation_could_fail(args, collation))
		return distrust(check, psprintf("the collation for function %s is not determined, or not trusted",
										format_procedure(funcid)));
	if (condition_holds(condition, funcid, args, collation, &check->constants))
		return call_copies(condition, funcid) ? check_copied_arguments((Node *) args, check) :
			check_filter((Node *) args, check);
	if (is_usable_constant(node, check))
		return exceeds_copies(check);
	return distrust(check, reason_against_call(condition, funcid));
}

/* Checks a node that applies an operator, which the planner may replace by its negator or commutator. */
static bool
check_operator_call(Node *node, Oid opno, List *args, Oid collation, FilterCheck *check)
{
	if (!operator_is_trusted(opno))
		return distrust(check, psprintf("operator %s, its negator or its commutator is not trusted",
										format_operator(opno)));
	return check_call(node, get_opcode(opno), args, collation, check);
}

/* ----------------------------------------------------------------
 *		What a filter refers to
 * ----------------------------------------------------------------
 */

/* Checks a node as a filter of the query that is first in "enclosing". */
static bool
check_filter_within(Node *node, List *enclosing, FilterCheck *check)
{
	List	   *outer = check->enclosing;
	bool		direct = check->direct;
	bool		distrusted;

	Assert(enclosing != NIL);
	check->enclosing = enclosing;
	check->direct = false;
	distrusted = check_filter(node, check);
	check->direct = direct;
	check->enclosing = outer;
	return distrusted;
}

/* Checks a column of a query's output; for a set operation, that column of all its members. */
static bool
check_output(Query *query, AttrNumber attnum, List *enclosing, FilterCheck *check)
{
	List	   *output = query->returningList ? query->returningList : query->targetList;
	ListCell   *lc;

	check_stack_depth();
	enclosing = lcons(query, list_copy(enclosing));
	if (attnum <= 0 || attnum > list_length(output))
		return distrust(check, "a filter refers to a whole row");
	if (query->setOperations == NULL)
		return check_filter_within((Node *) list_nth_node(TargetEntry, output, attnum - 1)->expr,
								   enclosing, check);
	foreach(lc, query->rtable)
	{
		RangeTblEntry *rte = lfirst(lc);

		if (rte->rtekind == RTE_SUBQUERY &&
			check_output(rte->subquery, attnum, enclosing, check))
			return true;
	}
	return false;
}

/* Checks a column of a WITH query.  A recursive reference adds nothing: the query itself is checked once. */
static bool
check_cte_output(const RangeTblEntry *rte, AttrNumber attnum, List *enclosing, FilterCheck *check)
{
	ListCell   *lc;

	if (rte->self_reference)
		return check->copied && distrust(check, "a value of unknown length is copied in a filter");
	enclosing = list_copy_tail(enclosing, rte->ctelevelsup);
	if (enclosing == NIL)
		return distrust(check, "a filter refers to a WITH query that was not found");
	foreach(lc, ((Query *) linitial(enclosing))->cteList)
	{
		CommonTableExpr *cte = lfirst(lc);

		if (strcmp(cte->ctename, rte->ctename) == 0)
			return check_output((Query *) cte->ctequery, attnum, enclosing, check);
	}
	return distrust(check, "a filter refers to a WITH query that was not found");
}

/* Checks what the planner substitutes for a column, or computes for it. */
static bool
check_column(const Var *var, FilterCheck *check)
{
	List	   *enclosing = list_copy_tail(check->enclosing, var->varlevelsup);
	Query	   *query = enclosing ? linitial(enclosing) : NULL;
	RangeTblEntry *rte;
	ListCell   *lc;

	if (query == NULL || var->varno <= 0 || var->varno > list_length(query->rtable))
		return distrust(check, "a filter refers to a column that was not found");
	rte = rt_fetch(var->varno, query->rtable);
	if (rte->rtekind != RTE_JOIN)
		add_source(check, query, rte, var->varlevelsup > 0);
	switch (rte->rtekind)
	{
		case RTE_RELATION:
			if (var->varattno == 0)
				return distrust(check, "a filter refers to a whole row");
			if (var->varattno > 0 && column_is_virtual(rte->relid, var->varattno))
				return distrust(check, "a filter refers to a virtual generated column");
			check->clause.copies_column |= check->copied;
			return exceeds_copies(check);
		case RTE_SUBQUERY:
			return check_output(rte->subquery, var->varattno, enclosing, check);
		case RTE_CTE:
			return check_cte_output(rte, var->varattno, enclosing, check);
		case RTE_JOIN:
			if (var->varattno <= 0)
				return distrust(check, "a filter refers to a whole row");
			return check_filter_within(list_nth(rte->joinaliasvars, var->varattno - 1),
									   enclosing, check);
		case RTE_VALUES:
			foreach(lc, rte->values_lists)
				if (var->varattno <= 0 ||
					check_filter_within(list_nth(lfirst(lc), var->varattno - 1), enclosing, check))
					return check->reason ? true : distrust(check, "a filter refers to a whole row");
			return false;
		case RTE_NAMEDTUPLESTORE:
			check->clause.copies_column |= check->copied;
			return exceeds_copies(check);
		default:
			if (grouping_expressions(rte) != NIL && var->varattno > 0)
				return check_filter_within(list_nth(grouping_expressions(rte), var->varattno - 1),
										   enclosing, check);
			return distrust(check, "a filter refers to what a function returns");
	}
}

/* ----------------------------------------------------------------
 *		Sub-selects and aggregates
 * ----------------------------------------------------------------
 */

/*
 * Checks a sub-select, which is trusted only if the planner makes a join of it.
 * The target list of an ANY sub-select is a part of the join's condition.
 */
static bool
check_sublink(SubLink *sublink, FilterCheck *check)
{
	Query	   *query = castNode(Query, sublink->subselect);
	List	   *enclosing = lcons(query, list_copy(check->enclosing));
	ListCell   *lc;

	if (!check->tried_pullup)
	{
		check->all_pulled_up = sublinks_become_joins(check->query, check->constants.params);
		check->tried_pullup = true;
	}
	if (!check->direct || check->copied || !check->all_pulled_up)
		return distrust(check, "a filter has a sub-select that is evaluated for a row");
	/* the planner evaluates LIMIT once more, and the value may differ by then */
	if (query->limitCount != NULL && constant_value(query->limitCount, &check->constants) == NULL)
		return distrust(check, "a sub-select in a filter has a LIMIT that is computed");
	if (sublink->subLinkType == ANY_SUBLINK)
	{
		check->clause.joins = true;
		foreach(lc, query->targetList)
			if (check_filter_within((Node *) lfirst_node(TargetEntry, lc)->expr, enclosing, check))
				return true;
	}
	return check_filter(sublink->testexpr, check) || check_query_filters(query, check);
}

/* Checks an aggregate or window function in a filter, which is computed above the scans. */
static bool
check_computed(Node *node, FilterCheck *check)
{
	return copies_unbounded_value(check, node) || check_value(node, check);
}

/* ----------------------------------------------------------------
 *		Expressions
 * ----------------------------------------------------------------
 */

/* Checks a cast.  Trusted are casts to text that cannot fail (is_plain_output), and casts of constant expressions. */
static bool
check_cast(Node *node, Node *arg, FilterCheck *check)
{
	if (IsA(node, CoerceViaIO) && is_plain_output((CoerceViaIO *) node))
		return check_filter(arg, check);
	if (is_usable_constant(node, check))
		return exceeds_copies(check);
	return distrust(check, psprintf("a cast from %s to %s could fail",
									format_type_be(exprType(arg)), format_type_be(exprType(node))));
}

/* Checks (a, b) < (c, d) and the like.  The comparison functions are those of the operators' families. */
static bool
check_row_comparison(RowCompareExpr *comparison, FilterCheck *check)
{
	ListCell   *op;
	ListCell   *family;
	ListCell   *arg;
	ListCell   *collation;

	forboth(arg, comparison->largs, collation, comparison->inputcollids)
		if (collation_could_fail(list_make1(lfirst(arg)), lfirst_oid(collation)))
			return distrust(check, "the collation for a comparison of rows is not determined, or not trusted");
	forboth(op, comparison->opnos, family, comparison->opfamilies)
		if (lfirst_oid(family) >= FirstGenbkiObjectId ||
			!is_always_trusted(get_opcode(lfirst_oid(op))))
			return distrust(check, reason_against_call(TRUST_NONE, get_opcode(lfirst_oid(op))));
	return check_filter((Node *) comparison->largs, check) ||
		check_filter((Node *) comparison->rargs, check);
}

/*
 * Checks a subscript.  Fetching an element of an array or a jsonb cannot fail.
 * Fetching a slice of a fixed-length array, such as a name or a point, does.
 */
static bool
check_subscript(SubscriptingRef *subscript, FilterCheck *check)
{
	const SubscriptRoutines *routines = NULL;

	if (get_typsubscript(subscript->refcontainertype, NULL) < FirstGenbkiObjectId)
		routines = getSubscriptingRoutines(subscript->refcontainertype, NULL);
	if (routines == NULL || !routines->fetch_leakproof || subscript->refassgnexpr != NULL ||
		(subscript->reflowerindexpr != NIL && get_typlen(subscript->refcontainertype) != -1))
		return distrust(check, "a subscript is not trusted with this type");
	return expression_tree_walker((Node *) subscript, check_filter, check);
}

/* An expression_tree_walker over a filter: true if it is not trusted. */
static bool
check_filter(Node *node, void *context)
{
	FilterCheck *check = context;

	if (node == NULL)
		return false;
	check_stack_depth();
	CHECK_FOR_INTERRUPTS();
	if (++check->visits > MAX_VISITS)
		return distrust(check, "the filters are too large");
	switch (nodeTag(node))
	{
		case T_Const:
			add_type(check, ((Const *) node)->consttype);
			return exceeds_copies(check) || copies_unbounded_value(check, node);
		case T_CaseTestExpr:
		case T_GroupingFunc:
			return false;
		case T_SQLValueFunction:
			/* creates the session's temporary schema if that is first in search_path */
			return ((SQLValueFunction *) node)->op == SVFOP_CURRENT_SCHEMA &&
				distrust(check, "CURRENT_SCHEMA may make a schema");
		case T_Param:
			add_type(check, ((Param *) node)->paramtype);
			if (((Param *) node)->paramkind == PARAM_EXTERN ||
				((Param *) node)->paramkind == PARAM_SUBLINK)
				return exceeds_copies(check) || copies_unbounded_value(check, node);
			return distrust(check, "a filter has a parameter of an unknown kind");
		case T_Var:
			return check_column((Var *) node, check);
		case T_ArrayExpr:
			add_type(check, ((ArrayExpr *) node)->array_typeid);
			add_type(check, ((ArrayExpr *) node)->element_typeid);
			if (is_folded(node, check->constants.params))
				return exceeds_copies(check) || copies_unbounded_value(check, node);
			if (((ArrayExpr *) node)->multidims)
				return distrust(check, "an array of arrays could fail");
			return check_copied_arguments((Node *) ((ArrayExpr *) node)->elements, check);
		case T_RowExpr:
			add_type(check, ((RowExpr *) node)->row_typeid);
			return check_copied_arguments((Node *) ((RowExpr *) node)->args, check);
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
							  ((FuncExpr *) node)->inputcollid, check);
		case T_OpExpr:
		case T_DistinctExpr:
		case T_NullIfExpr:
			return check_operator_call(node, ((OpExpr *) node)->opno, ((OpExpr *) node)->args,
									   ((OpExpr *) node)->inputcollid, check);
		case T_ScalarArrayOpExpr:
			return check_operator_call(node, ((ScalarArrayOpExpr *) node)->opno,
									   ((ScalarArrayOpExpr *) node)->args,
									   ((ScalarArrayOpExpr *) node)->inputcollid, check);
		case T_MinMaxExpr:
			if (!is_always_trusted(lookup_type_cache(((MinMaxExpr *) node)->minmaxtype,
													 TYPECACHE_CMP_PROC)->cmp_proc) ||
				collation_could_fail(((MinMaxExpr *) node)->args,
									 ((MinMaxExpr *) node)->inputcollid))
				return distrust(check, "GREATEST or LEAST is not trusted with this type");
			break;
		case T_RowCompareExpr:
			return check_row_comparison((RowCompareExpr *) node, check);
		case T_SubscriptingRef:
			return check_subscript((SubscriptingRef *) node, check);
		case T_CoerceViaIO:
			return check_cast(node, (Node *) ((CoerceViaIO *) node)->arg, check);
		case T_ArrayCoerceExpr:
			return check_cast(node, (Node *) ((ArrayCoerceExpr *) node)->arg, check);
		case T_CoerceToDomain:
			return check_cast(node, (Node *) ((CoerceToDomain *) node)->arg, check);
		case T_SubLink:
			return check_sublink((SubLink *) node, check);
		case T_Aggref:
		case T_WindowFunc:
			return check_computed(node, check);
		default:
			return distrust(check, "a filter has an expression that is not known to be safe");
	}
	return expression_tree_walker(node, check_filter, check);
}

/* Checks each clause of a filter by itself: the planner evaluates a clause as soon as it has the tables that it refers to. */
static bool
check_clause(Node *node, FilterCheck *check)
{
	List	   *clauses = node != NULL && is_andclause(node) ? ((BoolExpr *) node)->args : NIL;
	Clause		outer = check->clause;
	bool		distrusted;
	ListCell   *lc;

	check_stack_depth();
	foreach(lc, clauses)
		if (check_clause(lfirst(lc), check))
			return true;
	if (node == NULL || clauses != NIL)
		return false;
	check->clause = (Clause) {0};
	distrusted = check_filter(node, check) || copies_across_tables(check);
	check->clause = outer;
	return distrusted;
}

/* Checks the clauses of WHERE or ON, in which sub-selects may become joins. */
static bool
check_quals(Node *node, FilterCheck *check)
{
	bool		distrusted;

	check->direct = true;
	distrusted = check_clause(node, check);
	check->direct = false;
	return distrusted;
}

/* Checks WHERE and ON of a join tree. */
static bool
check_join_tree(Node *node, FilterCheck *check)
{
	ListCell   *lc;

	check_stack_depth();
	if (node == NULL || IsA(node, RangeTblRef))
		return false;
	if (IsA(node, JoinExpr))
		return check_join_tree(((JoinExpr *) node)->larg, check) ||
			check_join_tree(((JoinExpr *) node)->rarg, check) ||
			check_quals(((JoinExpr *) node)->quals, check);
	foreach(lc, castNode(FromExpr, node)->fromlist)
		if (check_join_tree(lfirst(lc), check))
			return true;
	return check_quals(((FromExpr *) node)->quals, check);
}

/* An expression_tree_walker over a value: true if a filter in it is not trusted. */
static bool
check_value(Node *node, void *context)
{
	FilterCheck *check = context;

	if (node == NULL)
		return false;
	check_stack_depth();
	if (IsA(node, SubLink))
		return check_value(((SubLink *) node)->testexpr, check) ||
			check_query_filters(castNode(Query, ((SubLink *) node)->subselect), check);
	if (IsA(node, Aggref) && aggregate_sorts(((Aggref *) node)->aggfnoid) &&
		check_clause((Node *) ((Aggref *) node)->args, check))
		return true;
	return expression_tree_walker(node, check_value, check);
}

/* ----------------------------------------------------------------
 *		Queries
 * ----------------------------------------------------------------
 */

/* Checks a range-table entry: the sub-select or VALUES that it contains, or whether it may be in FROM at all. */
static bool
check_range_table_entry(RangeTblEntry *rte, FilterCheck *check)
{
	switch (rte->rtekind)
	{
		case RTE_RELATION:
			return rte->tablesample != NULL &&
				distrust(check, "TABLESAMPLE calls a function for the rows");
		case RTE_SUBQUERY:
			return check_query_filters(rte->subquery, check);
		case RTE_VALUES:
			return check_value((Node *) rte->values_lists, check);
		case RTE_FUNCTION:
		case RTE_TABLEFUNC:
			return distrust(check, "a function in FROM is not trusted");
		case RTE_JOIN:
		case RTE_CTE:
		case RTE_RESULT:
		case RTE_NAMEDTUPLESTORE:
			return false;
		default:
			if (grouping_expressions(rte) != NIL)
				return check_value((Node *) grouping_expressions(rte), check);
			return distrust(check, "the query reads from what is not known to be safe");
	}
}

/*
 * Checks all of a query but its withCheckOptions, which come from policies and are
 * evaluated for new rows only, and the security quals, which keep their place.
 */
static bool
check_query_parts(Query *query, FilterCheck *check)
{
	ListCell   *lc;

	foreach(lc, query->rtable)
		if (check_range_table_entry(lfirst(lc), check))
			return true;
	foreach(lc, query->cteList)
		if (check_query_filters((Query *) lfirst_node(CommonTableExpr, lc)->ctequery, check))
			return true;
	return check_join_tree((Node *) query->jointree, check) ||
		check_clause(query->havingQual, check) ||
		check_value((Node *) query->targetList, check) ||
		check_value((Node *) query->returningList, check) ||
		check_value((Node *) query->onConflict, check) ||
		check_value((Node *) query->windowClause, check) ||
		check_value(query->limitOffset, check) ||
		check_value(query->limitCount, check);
}

/* Checks all filters of a query and of the queries in it. */
static bool
check_query_filters(Query *query, FilterCheck *check)
{
	List	   *outer = check->enclosing;
	bool		direct = check->direct;
	bool		distrusted;
	ListCell   *lc;

	check_stack_depth();
	check->queries = lappend(check->queries, query);
	check->parts += 1 + list_length(query->windowClause);
	foreach(lc, query->rtable)
		if (lfirst_node(RangeTblEntry, lc)->rtekind != RTE_JOIN)
			check->parts++;
	if (check->parts > MAX_PARTS)
		return distrust(check, "the query has too many parts");
	if (query->commandType == CMD_MERGE)
		return distrust(check, "MERGE is not supported");
	if (query->hasTargetSRFs)
		return distrust(check, "a function in the select list returns rows");
	check->enclosing = lcons(query, list_copy(outer));
	check->direct = false;
	distrusted = check_query_parts(query, check);
	check->direct = direct;
	check->enclosing = outer;
	return distrusted;
}

/*
 * Checks the filters of a query that was rewritten.  "params" are the values of
 * external parameters with which it is going to be planned, or NULL.
 */
FilterVerdict
check_filters(Query *query, ParamListInfo params)
{
	FilterCheck check = {.query = query,.constants.params = params};
	FilterVerdict verdict;

	Assert(query->commandType != CMD_UTILITY && query->hasRowSecurity);
	if (!check_query_filters(query, &check))
		(void) types_could_be_dropped(&check);
	/* these are restored after each node, unless the walk ended early */
	Assert(check.reason != NULL || (check.enclosing == NIL && !check.copied && !check.direct));
	verdict.reason = check.reason;
	verdict.unfolded = check.constants.unfolded;
	verdict.queries = check.queries;
	return verdict;
}
