/*-------------------------------------------------------------------------
 *
 * find_mismatch.c
 *	  Finds the comparisons of a query that compare a tenant as text.
 *
 * PostgreSQL rejects uuid = text, but accepts tenant_id::text = t.  That matches
 * one spelling of the identifier, or nothing, or for NOT IN everything, and needs a
 * sequential scan.  Found are comparisons with a guarded table's tenant column that
 * was converted to a string or to JSON (expression_origin.c): operators that return
 * boolean, IN, ANY and ALL, row comparisons, IS DISTINCT FROM, NULLIF, CASE x WHEN,
 * tests of sub-selects, JOIN conditions, INTERSECT and EXCEPT, and built-in
 * functions that compare or search.
 *
 * Not found are uses that display or sort (the select list, ORDER BY, GROUP BY,
 * DISTINCT, UNION), IS NULL, and tenant columns that are strings themselves.
 * Comparisons inside a view that the query reads were found when the view was
 * created.
 *
 * The walk reads the tree and the catalogs, and raises no errors.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/transam.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "nodes/nodeFuncs.h"
#include "parser/parse_coerce.h"
#include "parser/parsetree.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rls.h"

#include "compat.h"
#include "expression_origin.h"
#include "extension_function.h"
#include "find_mismatch.h"
#include "mismatch_hint.h"
#include "mismatch_refusals.h"
#include "settings.h"

typedef struct Walk
{
	OriginSearch search;
	const Scope *scope;
	const char *source;			/* the query's text, or NULL */
	List	   *found;			/* of Mismatch */
} Walk;

static bool walk_node(Node *node, void *context);

/* ----------------------------------------------------------------
 *		Mismatches
 * ----------------------------------------------------------------
 */

static Wording
wording_of(const Walk *walk)
{
	return (Wording) {walk->source, walk->scope, walk->search.sublink};
}

/* Adds a mismatch to those found, and returns it.  "location" of the comparison may be -1. */
static Mismatch *
add_mismatch(Walk *walk, const Origin *origin, Oid text_type, int location)
{
	Mismatch   *mismatch = palloc0(sizeof(Mismatch));

	Assert(OidIsValid(origin->relid) && origin->attnum > 0 && !is_text_like(origin->type));
	mismatch->relid = origin->relid;
	mismatch->attnum = origin->attnum;
	mismatch->column_type = origin->type;
	mismatch->text_type = text_type;
	mismatch->via = origin->via;
	mismatch->location = location >= 0 ? location : origin->location;
	walk->found = lappend(walk->found, mismatch);
	return mismatch;
}

/*
 * Checks a comparison of two operands, either of which may be the tenant; "right"
 * is NULL for a prefix operator.  "form" is T_OpExpr, T_DistinctExpr or
 * T_NullIfExpr.
 */
static void
check_operands(Walk *walk, Oid operator, Node *left, Node *right, NodeTag form, int location)
{
	Wording		wording = wording_of(walk);
	Origin		origin;
	Mismatch   *mismatch;
	Node	   *tenant = left;
	Node	   *other = right;
	Oid			written = operator; /* the operator with the tenant on its left, or InvalidOid */
	const char *name;

	Assert(form == T_OpExpr || form == T_DistinctExpr || form == T_NullIfExpr);
	if (!tenant_is_text(&walk->search, left, walk->scope, &origin))
	{
		if (right == NULL || !tenant_is_text(&walk->search, right, walk->scope, &origin))
			return;
		tenant = right;
		other = left;
		written = get_commutator(operator);
	}
	mismatch = add_mismatch(walk, &origin, exprType(tenant), location);
	name = OidIsValid(written) ? get_opname(written) : NULL;
	mismatch->pattern = !compares_whole_values(name);
	if (other == NULL || mismatch->pattern)
		mismatch->rewritten = NULL;
	else if (is_of_sublink(other))
		mismatch->rewritten = psprintf("%s %s (SELECT ...::%s ...)", written_column(&wording, &origin),
									   written_test(&wording, name), format_type_be(origin.type));
	else if (is_of_sublink(tenant))
		mismatch->rewritten = psprintf("%s %s (SELECT %s ...)", rewrite_operand(&wording, other, origin.type),
									   written_test(&wording, get_opname(operator)), written_column(&wording, &origin));
	else
	{
		Origin		other_origin;
		bool		other_is_tenant = tenant_is_text(&walk->search, other, walk->scope, &other_origin);

		mismatch->rewritten = write_comparison(form, written_column(&wording, &origin), name,
											   other_is_tenant ? written_column(&wording, &other_origin) :
											   rewrite_operand(&wording, other, origin.type));
	}
	if (mismatch->rewritten == NULL)
		mismatch->rewritten = psprintf("%s = '...'::%s", written_column(&wording, &origin), format_type_be(origin.type));
}

static void
check_operator(Walk *walk, const OpExpr *op)
{
	if (list_length(op->args) == 2)
		check_operands(walk, op->opno, linitial(op->args), lsecond(op->args), nodeTag(op), op->location);
	else if (list_length(op->args) == 1)
		check_operands(walk, op->opno, linitial(op->args), NULL, nodeTag(op), op->location);
}

/* Checks x IN (...), x = ANY (array) and the like. */
static void
check_membership(Walk *walk, const ScalarArrayOpExpr *op)
{
	Node	   *left = linitial(op->args);
	Node	   *array = lsecond(op->args);
	Wording		wording = wording_of(walk);
	Origin		origin;
	Mismatch   *mismatch;

	if (tenant_is_text(&walk->search, left, walk->scope, &origin))
	{
		mismatch = add_mismatch(walk, &origin, exprType(left), op->location);
		mismatch->pattern = !compares_whole_values(get_opname(op->opno));
		mismatch->rewritten = mismatch->pattern ?
			psprintf("%s = '...'::%s", written_column(&wording, &origin), format_type_be(origin.type)) :
			rewrite_membership(&wording, written_column(&wording, &origin), origin.type, op, array);
	}
	else if (tenant_is_text(&walk->search, array, walk->scope, &origin))
	{
		mismatch = add_mismatch(walk, &origin, exprType(array), op->location);
		mismatch->rewritten = psprintf("%s = %s", written_column(&wording, &origin),
									   rewrite_operand(&wording, left, origin.type));
	}
}

/* Checks the pairs of a row comparison. */
static void
check_rows(Walk *walk, const RowCompareExpr *rows)
{
	ListCell   *left;
	ListCell   *right;
	ListCell   *operator;

	forthree(left, rows->largs, right, rows->rargs, operator, rows->opnos)
		check_operands(walk, lfirst_oid(operator), lfirst(left), lfirst(right), T_OpExpr,
					   exprLocation((Node *) rows->largs));
}

/* Is this a built-in function that returns the position or the count of something in a string or an array? */
static bool
searches(Oid funcid)
{
	switch (funcid)
	{
		case F_STRPOS:
		case F_POSITION_TEXT_TEXT:
		case F_ARRAY_POSITION_ANYCOMPATIBLEARRAY_ANYCOMPATIBLE:
		case F_ARRAY_POSITION_ANYCOMPATIBLEARRAY_ANYCOMPATIBLE_INT4:
		case F_ARRAY_POSITIONS:
		case F_REGEXP_COUNT_TEXT_TEXT:
		case F_REGEXP_COUNT_TEXT_TEXT_INT4:
		case F_REGEXP_COUNT_TEXT_TEXT_INT4_TEXT:
		case F_REGEXP_INSTR_TEXT_TEXT:
			return true;
		default:
			return false;
	}
}

/* Is this function, which returns boolean, built in or an extension's, and not one that reads the catalogs? */
static bool
compares(const FuncExpr *func)
{
	const char *name;

	if (!is_known_function(func->funcid))
		return false;
	name = get_func_name(func->funcid);
	return name != NULL && strncmp(name, "pg_", 3) != 0 && strncmp(name, "has_", 4) != 0;
}

/* Checks a call of a function that compares or searches. */
static void
check_function(Walk *walk, const FuncExpr *func)
{
	Wording		wording;
	ListCell   *lc;
	Origin		origin;

	if (func->funcresulttype != BOOLOID && !searches(func->funcid))
		return;
	foreach(lc, func->args)
	{
		Mismatch   *mismatch;

		if (!tenant_is_text(&walk->search, lfirst(lc), walk->scope, &origin))
			continue;
		if (!searches(func->funcid) && !compares(func))
			return;
		wording = wording_of(walk);
		mismatch = add_mismatch(walk, &origin, exprType(lfirst(lc)), func->location);
		mismatch->pattern = true;
		mismatch->rewritten = psprintf("%s = '...'::%s", written_column(&wording, &origin),
									   format_type_be(origin.type));
		return;
	}
}

/* Checks JSON_EXISTS, which compares as its path says. */
static void
check_search(Walk *walk, Node *node)
{
	Wording		wording = wording_of(walk);
	Node	   *searched = searched_by_json_exists(node);
	Origin		origin;
	Mismatch   *mismatch;

	if (searched == NULL || !tenant_is_text(&walk->search, searched, walk->scope, &origin))
		return;
	mismatch = add_mismatch(walk, &origin, exprType(searched), exprLocation(node));
	mismatch->pattern = true;
	mismatch->rewritten = psprintf("%s = '...'::%s", written_column(&wording, &origin), format_type_be(origin.type));
}

/* Checks the columns of all inputs of an INTERSECT or EXCEPT. */
static void
check_input(Walk *walk, const Node *node, const Query *query)
{
	Wording		wording = wording_of(walk);
	const RangeTblEntry *rte;
	ListCell   *lc;

	if (node != NULL && IsA(node, SetOperationStmt))
	{
		check_input(walk, ((const SetOperationStmt *) node)->larg, query);
		check_input(walk, ((const SetOperationStmt *) node)->rarg, query);
		return;
	}
	if (node == NULL || !IsA(node, RangeTblRef))
		return;
	rte = rt_fetch(((const RangeTblRef *) node)->rtindex, query->rtable);
	if (rte->rtekind != RTE_SUBQUERY || rte->subquery == NULL)
		return;
	foreach(lc, rte->subquery->targetList)
	{
		TargetEntry *target = lfirst_node(TargetEntry, lc);
		Scope		scope = {rte->subquery, walk->scope, walk->scope->stored};
		Origin		origin;

		if (target->resjunk || !tenant_is_text(&walk->search, (Node *) target->expr, &scope, &origin))
			continue;
		add_mismatch(walk, &origin, exprType((Node *) target->expr), exprLocation((Node *) target->expr))->rewritten =
			psprintf("%s, and ...::%s in the other query", written_column(&wording, &origin), format_type_be(origin.type));
	}
}

/* Checks the INTERSECTs and EXCEPTs of a tree of set operations; UNION compares nothing. */
static void
check_set_operation(Walk *walk, const Node *node, const Query *query)
{
	const SetOperationStmt *operation = (const SetOperationStmt *) node;

	if (node == NULL || !IsA(node, SetOperationStmt))
		return;
	if (operation->op == SETOP_INTERSECT || operation->op == SETOP_EXCEPT)
		check_input(walk, node, query);
	else
	{
		check_set_operation(walk, operation->larg, query);
		check_set_operation(walk, operation->rarg, query);
	}
}

/* ----------------------------------------------------------------
 *		The walk
 * ----------------------------------------------------------------
 */

static void
walk_query(Walk *walk, const Query *query)
{
	Scope		scope = {query, walk->scope, walk->scope ? walk->scope->stored : false};
	const Scope *outer = walk->scope;

	walk->scope = &scope;
	check_set_operation(walk, query->setOperations, query);
	query_tree_walker(unconstify(Query *, query), walk_node, walk, QTW_IGNORE_JOINALIASES);
	Assert(walk->scope == &scope);
	walk->scope = outer;
}

/* The test of x IN (SELECT ...) refers to the columns of the sub-select by Params. */
static void
walk_sublink(Walk *walk, const SubLink *sublink)
{
	const SubLink *outer = walk->search.sublink;

	walk->search.sublink = sublink;
	walk_node(sublink->testexpr, walk);
	walk->search.sublink = outer;
	walk_node(sublink->subselect, walk);
}

/* The WHENs of CASE x refer to x by a CaseTestExpr. */
static void
walk_case(Walk *walk, CaseExpr *expr)
{
	Node	   *outer = walk->search.case_arg;
	ListCell   *lc;

	walk_node((Node *) expr->arg, walk);
	foreach(lc, expr->args)
	{
		walk->search.case_arg = (Node *) expr->arg;
		walk_node((Node *) lfirst_node(CaseWhen, lc)->expr, walk);
		walk->search.case_arg = outer;
		walk_node((Node *) lfirst_node(CaseWhen, lc)->result, walk);
	}
	walk_node((Node *) expr->defresult, walk);
}

/* An expression_tree_walker: adds the mismatches in an expression; never ends the walk. */
static bool
walk_node(Node *node, void *context)
{
	Walk	   *walk = context;

	if (node == NULL)
		return false;
	switch (nodeTag(node))
	{
		case T_Query:
			walk_query(walk, (Query *) node);
			return false;
		case T_SubLink:
			walk_sublink(walk, (SubLink *) node);
			return false;
		case T_CaseExpr:
			walk_case(walk, (CaseExpr *) node);
			return false;
		case T_OpExpr:
			if (((OpExpr *) node)->opresulttype == BOOLOID)
				check_operator(walk, (OpExpr *) node);
			break;
		case T_DistinctExpr:
		case T_NullIfExpr:
			check_operator(walk, (OpExpr *) node);	/* the same struct */
			break;
		case T_ScalarArrayOpExpr:
			check_membership(walk, (ScalarArrayOpExpr *) node);
			break;
		case T_RowCompareExpr:
			check_rows(walk, (RowCompareExpr *) node);
			break;
		case T_FuncExpr:
			check_function(walk, (FuncExpr *) node);
			break;
		default:
			check_search(walk, node);
			break;
	}
	return expression_tree_walker(node, walk_node, context);
}

/*
 * Returns the query of CREATE TABLE AS or DECLARE CURSOR on servers that call
 * post_parse_analyze_hook for the statement but not for the query in it.  Returns
 * NULL on other servers, and for any other statement.
 */
const Query *
query_of_utility(const Node *stmt)
{
	const Node *query = NULL;

	if (stmt == NULL || utility_queries_are_analyzed())
		return NULL;
	if (IsA(stmt, CreateTableAsStmt))
		query = ((const CreateTableAsStmt *) stmt)->query;
	else if (IsA(stmt, DeclareCursorStmt))
		query = ((const DeclareCursorStmt *) stmt)->query;
	if (query == NULL || !IsA(query, Query) || ((const Query *) query)->commandType == CMD_UTILITY)
		return NULL;
	return (const Query *) query;
}

/* Returns the Mismatches of an analyzed query, palloc'd.  "source" is its text, or NULL. */
List *
mismatches_in_query(const Query *query, const char *source)
{
	Walk		walk = {.search = begin_origin_search(), .source = source};

	walk_query(&walk, query);
	Assert(walk.search.case_arg == NULL && walk.search.sublink == NULL);
	end_origin_search(&walk.search);
	return walk.found;
}

/* Returns the Mismatches of a stored expression, whose Vars refer to the query's range table; it may be NULL. */
List *
mismatches_in_expression(Node *expression, const Query *query)
{
	Scope		scope = {query, NULL, true};
	Walk		walk = {.search = begin_origin_search(), .scope = &scope};

	walk_node(expression, &walk);
	end_origin_search(&walk.search);
	return walk.found;
}

/* Returns a Mismatch if the value of a stored expression is the tenant as text, else NIL. */
List *
mismatches_as_value(Node *expression, const Query *query)
{
	Scope		scope = {query, NULL, true};
	Walk		walk = {.search = begin_origin_search(), .scope = &scope};
	Origin		origin;

	if (tenant_is_text(&walk.search, expression, &scope, &origin))
		add_mismatch(&walk, &origin, exprType(expression), -1);
	end_origin_search(&walk.search);
	return walk.found;
}

/* Returns the refusal of a comparison. */
Refusal
compares_tenant(const Mismatch *mismatch)
{
	return compared_as_text(mismatch->relid, mismatch->attnum, mismatch->column_type, mismatch->text_type,
							mismatch->rewritten, mismatch->pattern, mismatch->via);
}

/* Returns the Mismatches of all queries in a list, or list of lists, such as the body of a function. */
List *
mismatches_in_queries(List *queries)
{
	List	   *found = NIL;
	ListCell   *lc;

	foreach(lc, queries)
	{
		Node	   *node = lfirst(lc);

		if (node == NULL)
			continue;
		if (IsA(node, List))
			found = list_concat(found, mismatches_in_queries((List *) node));
		else if (IsA(node, Query) && ((Query *) node)->commandType != CMD_UTILITY)
			found = list_concat(found, mismatches_in_query((Query *) node, NULL));
	}
	return found;
}

/* Returns a palloc'd Refusal for each Mismatch of a list. */
List *
refusals_of_mismatches(List *found)
{
	List	   *refusals = NIL;
	ListCell   *lc;

	foreach(lc, found)
	{
		Refusal    *refusal = palloc(sizeof(Refusal));

		*refusal = compares_tenant(lfirst(lc));
		refusals = lappend(refusals, refusal);
	}
	return refusals;
}

/*
 * Returns the level at which mismatches are reported: ERROR, WARNING, or 0 for not
 * at all.  Scripts of pg_dump set row_security to off, and must be able to restore
 * what was dumped.
 */
int
mismatch_level(void)
{
	switch (setting_type_mismatch)
	{
		case MISMATCH_IS_ERROR:
			return row_security ? ERROR : WARNING;
		case MISMATCH_IS_WARNING:
			return WARNING;
		default:
			return 0;
	}
}
