/*-------------------------------------------------------------------------
 *
 * tenant_expression.c
 *	  Whether a guarded table's tenant column reaches an expression's value.
 *
 * Goes from an expression of an analysed query down to the columns that its
 * value is made of: through casts, concatenation, the built-in functions that
 * hand on what they are given, CASE, COALESCE, aggregates, arrays, rows and
 * JSON, and through sub-selects, CTEs, joins, functions in FROM and views.  A
 * value is followed wherever it goes; of what type it has become is asked by
 * tenant_is_text at the place where it is used.
 *
 * A row, or JSON made of one, is not its tenant column: searching a whole row
 * is no comparison of tenants.  What is taken out of it by a key is followed
 * to that key's column alone ("path": keys from the outside in, NULL for one
 * that only the execution knows, "no row" for none).
 *
 * Not followed: variables of PL/pgSQL, parameters, materialized views, other
 * tables' columns that were filled from the tenant column, and functions that
 * are neither built in nor an extension's: what those return is their own.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/relation.h"
#include "access/transam.h"
#include "catalog/dependency.h"
#include "catalog/pg_class.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "parser/parse_coerce.h"
#include "parser/parse_relation.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteHandler.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "compat.h"
#include "guard.h"
#include "tenant_expression.h"

/* A column of a subquery: whether the tenant reaches it by this path. */
typedef struct QueryColumn
{
	const Query *query;
	AttrNumber	attnum;
	List	   *path;
	bool		reached;
	Origin		origin;
} QueryColumn;

static bool follow(Tracing *tracing, Node *node, List *path, const Scope *scope, Origin *origin);

/* ----------------------------------------------------------------
 *		Types and functions
 * ----------------------------------------------------------------
 */

/* Is a uuid of this type a string?  Arrays of strings, domains and JSON too. */
bool
is_text_like(Oid type)
{
	Oid			element;

	switch (type)
	{
		case TEXTOID:
		case VARCHAROID:
		case BPCHAROID:
		case NAMEOID:
		case CHAROID:
		case JSONOID:
		case JSONBOID:
		case XMLOID:
			return true;
		case INT4OID:
		case INT8OID:
		case BOOLOID:
		case UUIDOID:
		case NUMERICOID:
		case TIMESTAMPTZOID:
		case DATEOID:
		case InvalidOid:
			return false;
		default:
			element = get_base_element_type(type);
			if (OidIsValid(element))
				return is_text_like(element);
			if (getBaseType(type) != type)
				return is_text_like(getBaseType(type));
			return TypeCategory(type) == TYPCATEGORY_STRING;
	}
}

/* Built in, or an extension's: what it does with its arguments is known. */
bool
is_known_function(Oid funcid)
{
	return funcid < FirstNormalObjectId ||
		OidIsValid(getExtensionOfObject(ProcedureRelationId, funcid));
}

/* Is the result of this function made of its arguments' characters? */
static bool
hands_on(Oid funcid, Oid result)
{
	const char *name;

	switch (funcid)
	{
		case F_MD5_TEXT:
		case F_MD5_BYTEA:
		case F_SHA224:
		case F_SHA256:
		case F_SHA384:
		case F_SHA512:
		case F_CURRENT_SETTING_TEXT:
		case F_CURRENT_SETTING_TEXT_BOOL:
		case F_JSON_TYPEOF:
		case F_JSONB_TYPEOF:
			return false;
		default:
			break;
	}
	if (is_text_like(result) || type_is_rowtype(result))
		return is_known_function(funcid);
	if (funcid >= FirstNormalObjectId)
		return false;
	if (result == BYTEAOID || IsPolymorphicType(get_func_rettype(funcid)))
		return true;
	name = get_func_name(funcid);
	return name != NULL && (strcmp(name, "min") == 0 || strcmp(name, "max") == 0);
}

/* ----------------------------------------------------------------
 *		Columns
 * ----------------------------------------------------------------
 */

static bool
same_path(List *a, List *b)
{
	ListCell   *la;
	ListCell   *lb;

	if (list_length(a) != list_length(b))
		return false;
	forboth(la, a, lb, b)
	{
		const char *ka = lfirst(la);
		const char *kb = lfirst(lb);

		if ((ka == NULL) != (kb == NULL) || (ka != NULL && strcmp(ka, kb) != 0))
			return false;
	}
	return true;
}

/* Does the tenant reach column "attnum" of one of a set operation's arms? */
static bool
follow_arms(Tracing *tracing, Node *node, AttrNumber attnum, List *path,
			const Scope *scope, Origin *origin)
{
	Var			column = {.xpr.type = T_Var};

	check_stack_depth();
	if (node != NULL && IsA(node, SetOperationStmt))
		return follow_arms(tracing, ((SetOperationStmt *) node)->larg, attnum, path, scope, origin) ||
			follow_arms(tracing, ((SetOperationStmt *) node)->rarg, attnum, path, scope, origin);
	if (node == NULL || !IsA(node, RangeTblRef))
		return false;
	column.varno = ((RangeTblRef *) node)->rtindex;
	column.varattno = attnum;
	return follow(tracing, (Node *) &column, path, scope, origin);
}

/*
 * Column "attnum" of a subquery.  What was found is kept, or columns that
 * double at each level of nesting would take for ever.  It is entered before
 * it is known: a recursive CTE adds nothing to itself.
 */
static bool
follow_query_column(Tracing *tracing, const Query *query, AttrNumber attnum, List *path,
					const Scope *outer, bool stored, Origin *origin)
{
	Scope		scope = {query, outer, stored};
	QueryColumn *column;
	ListCell   *lc;

	foreach(lc, tracing->columns)
	{
		column = lfirst(lc);
		if (column->query == query && column->attnum == attnum && same_path(column->path, path))
		{
			if (column->reached)
				*origin = column->origin;
			return column->reached;
		}
	}
	column = palloc0(sizeof(QueryColumn));
	column->query = query;
	column->attnum = attnum;
	column->path = path;
	tracing->columns = lappend(tracing->columns, column);

	if (query->setOperations != NULL)
		column->reached = follow_arms(tracing, query->setOperations, attnum, path, &scope, origin);
	else
	{
		List	   *targets = query->commandType == CMD_SELECT ? query->targetList : query->returningList;
		TargetEntry *target = get_tle_by_resno(targets, attnum);

		column->reached = target != NULL &&
			follow(tracing, (Node *) target->expr, path, &scope, origin);
	}
	column->origin = *origin;
	return column->reached;
}

/*
 * The query of a view, or NULL.  The relation stays open until end_tracing, so
 * that the query stays there.  System views read no guarded table.
 */
static const Query *
query_of_view(Tracing *tracing, Oid relid)
{
	Relation	view;
	ListCell   *lc;

	if (relid < FirstNormalObjectId)
		return NULL;
	foreach(lc, tracing->views)
		if (RelationGetRelid((Relation) lfirst(lc)) == relid)
			return get_view_query((Relation) lfirst(lc));

	view = try_relation_open(relid, AccessShareLock);
	if (view == NULL)
		return NULL;
	tracing->views = lappend(tracing->views, view);
	if (view->rd_rel->relkind != RELKIND_VIEW || view->rd_rules == NULL)
		return NULL;
	return get_view_query(view);
}

static bool
follow_relation_column(Tracing *tracing, const RangeTblEntry *rte, const Var *var, List *path,
					   const Scope *scope, Origin *origin)
{
	Guard		guard;
	Oid			type;

	if (rte->relkind == RELKIND_VIEW)
	{
		const Query *query = query_of_view(tracing, rte->relid);

		return query != NULL &&
			follow_query_column(tracing, query, var->varattno, path, NULL, true, origin);
	}
	if (rte->relid < FirstNormalObjectId)
		return false;
	guard = guard_of(rte->relid);
	if (guard.status == GUARD_NONE || guard.attnum <= 0 || guard.attnum != var->varattno)
		return false;
	type = get_atttype(rte->relid, guard.attnum);
	if (!OidIsValid(type) || is_text_like(type))
		return false;
	*origin = (Origin) {.relid = rte->relid,.attnum = guard.attnum,.type = type,.location = -1};
	return true;
}

static bool
follow_cte_column(Tracing *tracing, const RangeTblEntry *rte, const Var *var, List *path,
				  const Scope *scope, Origin *origin)
{
	ListCell   *lc;

	for (Index up = rte->ctelevelsup; up > 0 && scope != NULL; up--)
		scope = scope->outer;
	if (scope == NULL)
		return false;
	foreach(lc, scope->query->cteList)
	{
		CommonTableExpr *cte = lfirst_node(CommonTableExpr, lc);

		if (strcmp(cte->ctename, rte->ctename) == 0)
			return IsA(cte->ctequery, Query) &&
				follow_query_column(tracing, (Query *) cte->ctequery, var->varattno, path,
									scope, scope->stored, origin);
	}
	return false;
}

/* The function in FROM that a column comes from; all its columns are alike. */
static bool
follow_function_column(Tracing *tracing, const RangeTblEntry *rte, const Var *var, List *path,
					   const Scope *scope, Origin *origin)
{
	int			before = 0;
	ListCell   *lc;

	foreach(lc, rte->functions)
	{
		RangeTblFunction *function = lfirst_node(RangeTblFunction, lc);

		before += function->funccolcount;
		if (var->varattno <= before)
			return follow(tracing, function->funcexpr, path, scope, origin);
	}
	return false;
}

static bool
follow_values_column(Tracing *tracing, const RangeTblEntry *rte, const Var *var, List *path,
					 const Scope *scope, Origin *origin)
{
	ListCell   *lc;

	foreach(lc, rte->values_lists)
	{
		List	   *row = lfirst(lc);

		if (var->varattno <= list_length(row) &&
			follow(tracing, list_nth(row, var->varattno - 1), path, scope, origin))
			return true;
	}
	return false;
}

/* An element of a list that a column number counts, as joins and GROUP have. */
static bool
follow_listed_column(Tracing *tracing, List *columns, const Var *var, List *path,
					 const Scope *scope, Origin *origin)
{
	return var->varattno <= list_length(columns) &&
		follow(tracing, list_nth(columns, var->varattno - 1), path, scope, origin);
}

/* A whole row, of which a key takes the column of that name. */
static bool
follow_row(Tracing *tracing, const RangeTblEntry *rte, const Var *row, List *path,
		   const Scope *scope, Origin *origin)
{
	const char *key = path ? linitial(path) : NULL;
	ListCell   *lc;

	if (key == NULL)
		return false;
	foreach(lc, rte->eref->colnames)
		if (strcmp(strVal(lfirst(lc)), key) == 0)
		{
			Var			column = {.xpr.type = T_Var};

			column.varno = row->varno;
			column.varattno = foreach_current_index(lc) + 1;
			return follow(tracing, (Node *) &column, list_copy_tail(path, 1), scope, origin);
		}
	return false;
}

/* What the query in which this Var stands can call the tenant column. */
static void
name_origin(const RangeTblEntry *rte, const Var *var, Origin *origin)
{
	List	   *names = rte->eref->colnames;

	if (is_text_like(var->vartype))
		origin->via = rte->eref->aliasname;
	origin->alias = rte->eref->aliasname;
	if (origin->via == NULL || origin->column == NULL)
		origin->column = var->varattno <= list_length(names) ? strVal(list_nth(names, var->varattno - 1)) : NULL;
}

static bool
follow_var(Tracing *tracing, const Var *var, List *path, const Scope *scope, Origin *origin)
{
	const RangeTblEntry *rte;
	bool		reached;

	for (Index up = var->varlevelsup; up > 0 && scope != NULL; up--)
		scope = scope->outer;
	if (scope == NULL || var->varno < 1 || var->varno > list_length(scope->query->rtable))
		return false;
	rte = rt_fetch(var->varno, scope->query->rtable);
	if (var->varattno < 0)
		return false;
	if (var->varattno == 0)
		return follow_row(tracing, rte, var, path, scope, origin);

	switch (rte->rtekind)
	{
		case RTE_RELATION:
			reached = follow_relation_column(tracing, rte, var, path, scope, origin);
			break;
		case RTE_SUBQUERY:
			reached = rte->subquery != NULL &&
				follow_query_column(tracing, rte->subquery, var->varattno, path, scope,
									scope->stored, origin);
			break;
		case RTE_CTE:
			reached = follow_cte_column(tracing, rte, var, path, scope, origin);
			break;
		case RTE_JOIN:
			return follow_listed_column(tracing, rte->joinaliasvars, var, path, scope, origin);
		case RTE_FUNCTION:
			return follow_function_column(tracing, rte, var, path, scope, origin);
		case RTE_VALUES:
			return follow_values_column(tracing, rte, var, path, scope, origin);
		case RTE_TABLEFUNC:
			return follow(tracing, rte->tablefunc->docexpr, NIL, scope, origin);
		default:
			return follow_listed_column(tracing, grouping_expressions(rte), var, path, scope, origin);
	}
	if (reached)
		name_origin(rte, var, origin);
	return reached;
}

/* ----------------------------------------------------------------
 *		Rows and JSON
 * ----------------------------------------------------------------
 */

/* The string that a constant holds; NULL for what is not known before execution. */
static char *
constant_key(Node *node)
{
	Const	   *constant = (Const *) node;

	if (node == NULL || !IsA(node, Const) || constant->constisnull)
		return NULL;
	if (constant->consttype == UNKNOWNOID)	/* of arguments of any type */
		return DatumGetCString(constant->constvalue);
	return constant->consttype == TEXTOID ? TextDatumGetCString(constant->constvalue) : NULL;
}

/* The keys of '{a,b}', before those of "path". */
static List *
constant_keys(Node *node, List *path)
{
	Const	   *constant = (Const *) node;
	List	   *keys = NIL;
	Datum	   *elements;
	bool	   *nulls;
	int			count;

	if (node == NULL || !IsA(node, Const) || constant->constisnull ||
		constant->consttype != TEXTARRAYOID)
		return lcons(NULL, path);
	deconstruct_array(DatumGetArrayTypeP(constant->constvalue), TEXTOID, -1, false, TYPALIGN_INT,
					  &elements, &nulls, &count);
	for (int i = 0; i < count; i++)
	{
		char	   *key = nulls[i] ? NULL : TextDatumGetCString(elements[i]);

		/* a number is a place in an array, of which all are alike */
		if (key == NULL || strspn(key, "-0123456789") != strlen(key))
			keys = lappend(keys, key);
	}
	return list_concat(keys, path);
}

/* json_build_object(key, value, ...) */
static bool
follow_built_object(Tracing *tracing, List *args, List *path, const Scope *scope, Origin *origin)
{
	const char *wanted = path ? linitial(path) : NULL;
	List	   *rest = path ? list_copy_tail(path, 1) : NIL;

	for (int i = 0; i + 1 < list_length(args); i += 2)
	{
		const char *key = constant_key(list_nth(args, i));

		if (wanted != NULL && key != NULL && strcmp(wanted, key) != 0)
			continue;
		if (follow(tracing, list_nth(args, i + 1), rest, scope, origin))
			return true;
	}
	return false;
}

/*
 * A function that makes JSON or takes something out of it; false in *is_json
 * for all others.
 */
static bool
follow_json(Tracing *tracing, Oid funcid, List *args, List *path, const Scope *scope,
			Origin *origin, bool *is_json)
{
	*is_json = true;
	switch (funcid)
	{
		case F_JSON_OBJECT_FIELD:
		case F_JSON_OBJECT_FIELD_TEXT:
		case F_JSONB_OBJECT_FIELD:
		case F_JSONB_OBJECT_FIELD_TEXT:
			return follow(tracing, linitial(args), lcons(constant_key(lsecond(args)), path), scope, origin);
		case F_JSON_EXTRACT_PATH:
		case F_JSON_EXTRACT_PATH_TEXT:
		case F_JSONB_EXTRACT_PATH:
		case F_JSONB_EXTRACT_PATH_TEXT:
			if (IsA(lsecond(args), ArrayExpr))
			{
				List	   *keys = NIL;
				ListCell   *lc;

				foreach(lc, ((ArrayExpr *) lsecond(args))->elements)
					keys = lappend(keys, constant_key(lfirst(lc)));
				return follow(tracing, linitial(args), list_concat(keys, path), scope, origin);
			}
			return follow(tracing, linitial(args), constant_keys(lsecond(args), path), scope, origin);
		case F_JSON_ARRAY_ELEMENT:
		case F_JSON_ARRAY_ELEMENT_TEXT:
		case F_JSONB_ARRAY_ELEMENT:
		case F_JSONB_ARRAY_ELEMENT_TEXT:
		case F_ROW_TO_JSON_RECORD:
		case F_ROW_TO_JSON_RECORD_BOOL:
		case F_TO_JSON:
		case F_TO_JSONB:
			return follow(tracing, linitial(args), path, scope, origin);
		case F_JSON_BUILD_OBJECT_ANY:
		case F_JSONB_BUILD_OBJECT_ANY:
			return follow_built_object(tracing, args, path, scope, origin);
		default:
			*is_json = false;
			return false;
	}
}

/* The columns of a row constructor are called f1, f2, ... where it has no names. */
static bool
follow_row_constructor(Tracing *tracing, const RowExpr *row, List *path, const Scope *scope,
					   Origin *origin)
{
	const char *key = path ? linitial(path) : NULL;
	List	   *rest = path ? list_copy_tail(path, 1) : NIL;
	ListCell   *lc;

	foreach(lc, row->args)
	{
		int			n = foreach_current_index(lc);
		const char *name = n < list_length(row->colnames) ?
			strVal(list_nth(row->colnames, n)) : psprintf("f%d", n + 1);

		if (key != NULL && strcmp(key, name) != 0)
			continue;
		if (follow(tracing, lfirst(lc), rest, scope, origin))
			return true;
	}
	return false;
}

static bool
follow_field(Tracing *tracing, const FieldSelect *field, List *path, const Scope *scope,
			 Origin *origin)
{
	Oid			relid = get_typ_typrelid(exprType((Node *) field->arg));
	char	   *name = OidIsValid(relid) ? get_attname(relid, field->fieldnum, true) : NULL;

	if (name == NULL)
		name = psprintf("f%d", field->fieldnum);
	return follow(tracing, (Node *) field->arg, lcons(name, path), scope, origin);
}

/* An element of an array is like all its elements; one of jsonb has a key. */
static bool
follow_subscripts(Tracing *tracing, const SubscriptingRef *ref, List *path, const Scope *scope,
				  Origin *origin)
{
	List	   *keys = NIL;
	ListCell   *lc;

	if (ref->refcontainertype == JSONBOID)
		foreach(lc, ref->refupperindexpr)
			if (lfirst(lc) != NULL && exprType(lfirst(lc)) == TEXTOID)
				keys = lappend(keys, constant_key(lfirst(lc)));
	return follow(tracing, (Node *) ref->refexpr, list_concat(keys, path), scope, origin);
}

/* ----------------------------------------------------------------
 *		Expressions
 * ----------------------------------------------------------------
 */

static bool
follow_any(Tracing *tracing, List *nodes, List *path, const Scope *scope, Origin *origin)
{
	ListCell   *lc;

	foreach(lc, nodes)
		if (follow(tracing, lfirst(lc), path, scope, origin))
			return true;
	return false;
}

static bool
follow_call(Tracing *tracing, Oid funcid, Oid result, List *args, List *path,
			const Scope *scope, Origin *origin)
{
	bool		is_json;
	bool		reached;

	if (args == NIL)
		return false;
	reached = follow_json(tracing, funcid, args, path, scope, origin, &is_json);
	if (is_json)
		return reached;
	return follow_any(tracing, args, path, scope, origin) && hands_on(funcid, result);
}

static bool
follow_case(Tracing *tracing, const CaseExpr *expr, List *path, const Scope *scope, Origin *origin)
{
	ListCell   *lc;

	foreach(lc, expr->args)
		if (follow(tracing, (Node *) lfirst_node(CaseWhen, lc)->result, path, scope, origin))
			return true;
	return follow(tracing, (Node *) expr->defresult, path, scope, origin);
}

/* The column of a subselect that a test compares with, or that is its value. */
static bool
follow_subselect(Tracing *tracing, const SubLink *sublink, AttrNumber attnum, List *path,
				 const Scope *scope, Origin *origin)
{
	return sublink != NULL && sublink->subselect != NULL && IsA(sublink->subselect, Query) &&
		follow_query_column(tracing, (Query *) sublink->subselect, attnum, path, scope,
							scope->stored, origin);
}

typedef struct ChildContext
{
	Tracing    *tracing;
	List	   *path;
	const Scope *scope;
	Origin	   *origin;
} ChildContext;

static bool
follow_child(Node *node, void *context)
{
	ChildContext *child = context;

	return follow(child->tracing, node, child->path, child->scope, child->origin);
}

/* The value of a node, whatever it is made of. */
static bool
follow_node(Tracing *tracing, Node *node, List *path, const Scope *scope, Origin *origin)
{
	ChildContext child = {tracing, path, scope, origin};

	switch (nodeTag(node))
	{
		case T_Var:
			return follow_var(tracing, (Var *) node, path, scope, origin);
		case T_Param:
			return ((Param *) node)->paramkind == PARAM_SUBLINK &&
				follow_subselect(tracing, tracing->sublink, ((Param *) node)->paramid, path, scope, origin);
		case T_CaseTestExpr:
			return follow(tracing, tracing->case_arg, path, scope, origin);
		case T_FuncExpr:
			return follow_call(tracing, ((FuncExpr *) node)->funcid, ((FuncExpr *) node)->funcresulttype,
							   ((FuncExpr *) node)->args, path, scope, origin);
		case T_OpExpr:
			return follow_call(tracing, get_opcode(((OpExpr *) node)->opno), ((OpExpr *) node)->opresulttype,
							   ((OpExpr *) node)->args, path, scope, origin);
		case T_Aggref:
			return follow_call(tracing, ((Aggref *) node)->aggfnoid, ((Aggref *) node)->aggtype,
							   ((Aggref *) node)->args, path, scope, origin);
		case T_WindowFunc:
			return follow_call(tracing, ((WindowFunc *) node)->winfnoid, ((WindowFunc *) node)->wintype,
							   ((WindowFunc *) node)->args, path, scope, origin);
		case T_NullIfExpr:
			return follow(tracing, linitial(((NullIfExpr *) node)->args), path, scope, origin);
		case T_CaseExpr:
			return follow_case(tracing, (CaseExpr *) node, path, scope, origin);
		case T_SubLink:
			return (((SubLink *) node)->subLinkType == EXPR_SUBLINK ||
					((SubLink *) node)->subLinkType == ARRAY_SUBLINK) &&
				follow_subselect(tracing, (SubLink *) node, 1, path, scope, origin);
		case T_RowExpr:
			return follow_row_constructor(tracing, (RowExpr *) node, path, scope, origin);
		case T_FieldSelect:
			return follow_field(tracing, (FieldSelect *) node, path, scope, origin);
		case T_SubscriptingRef:
			return follow_subscripts(tracing, (SubscriptingRef *) node, path, scope, origin);
		case T_BoolExpr:
		case T_NullTest:
		case T_BooleanTest:
		case T_DistinctExpr:
		case T_ScalarArrayOpExpr:
		case T_RowCompareExpr:
		case T_GroupingFunc:
		case T_Query:
			return false;
		default:
			/* casts, COALESCE, ARRAY[], GREATEST, XML, JSON: all that is in it */
			return expression_tree_walker(node, follow_child, &child);
	}
}

static bool
follow(Tracing *tracing, Node *node, List *path, const Scope *scope, Origin *origin)
{
	if (node == NULL)
		return false;
	check_stack_depth();
	if (!follow_node(tracing, node, path, scope, origin))
		return false;
	if (origin->location < 0 && !scope->stored && !IsA(node, Var) && !IsA(node, TargetEntry))
		origin->location = exprLocation(node);
	return true;
}

/* Does a tenant column reach the value of this expression, of whatever type? */
bool
tenant_reaches(Tracing *tracing, Node *node, const Scope *scope, Origin *origin)
{
	origin->location = -1;
	return follow(tracing, node, NIL, scope, origin);
}

/* Is this expression's value the tenant column turned into a string? */
bool
tenant_is_text(Tracing *tracing, Node *node, const Scope *scope, Origin *origin)
{
	ListCell   *lc;

	if (node == NULL || IsA(node, Const))
		return false;
	if (IsA(node, RowExpr))
	{
		foreach(lc, ((RowExpr *) node)->args)
			if (tenant_is_text(tracing, lfirst(lc), scope, origin))
				return true;
		return false;
	}
	return is_text_like(exprType(node)) && tenant_reaches(tracing, node, scope, origin);
}

/* Locks on views are kept, as the parser's are. */
void
end_tracing(Tracing *tracing)
{
	ListCell   *lc;

	foreach(lc, tracing->views)
		relation_close((Relation) lfirst(lc), NoLock);
	tracing->views = NIL;
}
