/*-------------------------------------------------------------------------
 *
 * expression_origin.c
 *	  Whether the value of an expression comes from a guarded table's tenant column.
 *
 * The search descends from an expression of an analyzed query to the columns that
 * its value is made of: through casts, concatenation, built-in functions whose
 * result contains their arguments, CASE, COALESCE, aggregates, arrays, rows and
 * JSON, and through sub-selects, CTEs, joins, functions in FROM and views.  The
 * type of the value on the way does not matter; tenant_is_text() examines the type
 * of the expression at which the search starts.
 *
 * A whole row, or JSON made of one, does not come from the tenant column: searching
 * a row is no comparison of tenants.  If a value is extracted from it by a key, the
 * search goes on in the column of that key ("path": the keys, outermost first; NULL
 * for one that is not constant; NIL if nothing is extracted).
 *
 * The search ends at variables of PL/pgSQL, parameters, materialized views, columns
 * of other tables that were filled from the tenant column, and functions that are
 * neither built in nor part of an extension.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/transam.h"
#include "catalog/dependency.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"

#include "expression_origin.h"

static bool find_origin(OriginSearch *search, Node *node, List *path, const Scope *scope, Origin *origin);

/* ----------------------------------------------------------------
 *		Functions
 * ----------------------------------------------------------------
 */

/* Is the function built in or part of an extension, so that we may assume what it does? */
bool
is_known_function(Oid funcid)
{
	return funcid < FirstNormalObjectId ||
		OidIsValid(getExtensionOfObject(ProcedureRelationId, funcid));
}

/* Does the result of this function contain the values of its arguments? */
static bool
result_contains_arguments(Oid funcid, Oid result)
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
		case F_JSON_OBJECT_KEYS:
		case F_JSONB_OBJECT_KEYS:
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
 *		Rows and JSON
 * ----------------------------------------------------------------
 */

/* Returns the string of a constant; NULL if the node is not a constant string. */
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

/* Returns the keys of a constant '{a,b}', followed by those of "path". */
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
		return below_key(NULL, path);
	deconstruct_array(DatumGetArrayTypeP(constant->constvalue), TEXTOID, -1, false, TYPALIGN_INT,
					  &elements, &nulls, &count);
	for (int i = 0; i < count; i++)
	{
		char	   *key = nulls[i] ? NULL : TextDatumGetCString(elements[i]);

		/* a number is a position in an array, whose elements all have the array's origin */
		if (key == NULL || strspn(key, "-0123456789") != strlen(key))
			keys = lappend(keys, key);
	}
	return list_concat(keys, path);
}

/* json_build_object(key, value, ...) */
static bool
find_built_object_origin(OriginSearch *search, List *args, List *path, const Scope *scope, Origin *origin)
{
	const char *wanted = path ? linitial(path) : NULL;
	List	   *rest = path ? list_copy_tail(path, 1) : NIL;

	for (int i = 0; i + 1 < list_length(args); i += 2)
	{
		const char *key = constant_key(list_nth(args, i));

		if (wanted != NULL && key != NULL && strcmp(wanted, key) != 0)
			continue;
		if (find_origin(search, list_nth(args, i + 1), rest, scope, origin))
			return true;
	}
	return false;
}

/*
 * Finds the origin of a call of a function that makes JSON or extracts a value of
 * it; sets *is_json to false for any other function.
 */
static bool
find_json_origin(OriginSearch *search, Oid funcid, List *args, List *path, const Scope *scope,
				 Origin *origin, bool *is_json)
{
	*is_json = true;
	switch (funcid)
	{
		case F_JSON_OBJECT_FIELD:
		case F_JSON_OBJECT_FIELD_TEXT:
		case F_JSONB_OBJECT_FIELD:
		case F_JSONB_OBJECT_FIELD_TEXT:
			return find_origin(search, linitial(args), below_key(constant_key(lsecond(args)), path), scope, origin);
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
				return find_origin(search, linitial(args), list_concat(keys, path), scope, origin);
			}
			return find_origin(search, linitial(args), constant_keys(lsecond(args), path), scope, origin);
		case F_JSON_ARRAY_ELEMENT:
		case F_JSON_ARRAY_ELEMENT_TEXT:
		case F_JSONB_ARRAY_ELEMENT:
		case F_JSONB_ARRAY_ELEMENT_TEXT:
		case F_ROW_TO_JSON_RECORD:
		case F_ROW_TO_JSON_RECORD_BOOL:
		case F_TO_JSON:
		case F_TO_JSONB:
			return find_origin(search, linitial(args), path, scope, origin);
		case F_JSON_BUILD_OBJECT_ANY:
		case F_JSONB_BUILD_OBJECT_ANY:
			return find_built_object_origin(search, args, path, scope, origin);
		default:
			*is_json = false;
			return false;
	}
}

/*
 * Returns the name of column "n", from 0 on, of a row constructor: that of its
 * composite type, or f1, f2 and so on.
 */
static const char *
name_of_row_column(const RowExpr *row, int n)
{
	Oid			relid = get_typ_typrelid(row->row_typeid);
	char	   *name = OidIsValid(relid) ? get_attname(relid, n + 1, true) : NULL;

	if (name != NULL)
		return name;
	if (n < list_length(row->colnames))
		return strVal(list_nth(row->colnames, n));
	return psprintf("f%d", n + 1);
}

static bool
find_row_constructor_origin(OriginSearch *search, const RowExpr *row, List *path, const Scope *scope,
							Origin *origin)
{
	const char *key = path ? linitial(path) : NULL;
	List	   *rest = path ? list_copy_tail(path, 1) : NIL;
	ListCell   *lc;

	if (path == NIL && list_length(row->args) > 1)
		return false;
	foreach(lc, row->args)
	{
		if (key != NULL && strcmp(key, name_of_row_column(row, foreach_current_index(lc))) != 0)
			continue;
		if (find_origin(search, lfirst(lc), rest, scope, origin))
			return true;
	}
	return false;
}

static bool
find_field_origin(OriginSearch *search, const FieldSelect *field, List *path, const Scope *scope,
				  Origin *origin)
{
	Oid			relid = get_typ_typrelid(exprType((Node *) field->arg));
	char	   *name = OidIsValid(relid) ? get_attname(relid, field->fieldnum, true) : NULL;

	if (name == NULL)
		name = psprintf("f%d", field->fieldnum);
	return find_origin(search, (Node *) field->arg, below_key(name, path), scope, origin);
}

/* A subscript of an array has the origin of the array; one of jsonb is a key. */
static bool
find_subscript_origin(OriginSearch *search, const SubscriptingRef *ref, List *path, const Scope *scope,
					  Origin *origin)
{
	List	   *keys = NIL;
	ListCell   *lc;

	if (ref->refcontainertype == JSONBOID)
		foreach(lc, ref->refupperindexpr)
			if (lfirst(lc) != NULL && exprType(lfirst(lc)) == TEXTOID)
				keys = lappend(keys, constant_key(lfirst(lc)));
	return find_origin(search, (Node *) ref->refexpr, list_concat(keys, path), scope, origin);
}

/* ----------------------------------------------------------------
 *		Expressions
 * ----------------------------------------------------------------
 */

static bool
find_any_origin(OriginSearch *search, List *nodes, List *path, const Scope *scope, Origin *origin)
{
	ListCell   *lc;

	foreach(lc, nodes)
		if (find_origin(search, lfirst(lc), path, scope, origin))
			return true;
	return false;
}

static bool
find_call_origin(OriginSearch *search, Oid funcid, Oid result, List *args, List *path,
				 const Scope *scope, Origin *origin)
{
	bool		is_json;
	bool		reached;

	if (args == NIL)
		return false;
	reached = find_json_origin(search, funcid, args, path, scope, origin, &is_json);
	if (is_json)
		return reached;
	return find_any_origin(search, args, path, scope, origin) && result_contains_arguments(funcid, result);
}

static bool
find_case_origin(OriginSearch *search, const CaseExpr *expr, List *path, const Scope *scope, Origin *origin)
{
	ListCell   *lc;

	foreach(lc, expr->args)
		if (find_origin(search, (Node *) lfirst_node(CaseWhen, lc)->result, path, scope, origin))
			return true;
	return find_origin(search, (Node *) expr->defresult, path, scope, origin);
}

/* A CaseTestExpr stands for x of CASE x.  One inside of x itself (JSON constructors have such) does not. */
static bool
find_case_arg_origin(OriginSearch *search, List *path, const Scope *scope, Origin *origin)
{
	Node	   *arg = search->case_arg;
	bool		reached;

	search->case_arg = NULL;
	reached = find_origin(search, arg, path, scope, origin);
	search->case_arg = arg;
	return reached;
}

/* Column "attnum" of a sub-select: the one that a test compares with, or the value. */
static bool
find_subselect_origin(OriginSearch *search, const SubLink *sublink, AttrNumber attnum, List *path,
					  const Scope *scope, Origin *origin)
{
	return sublink != NULL && sublink->subselect != NULL && IsA(sublink->subselect, Query) &&
		find_query_column_origin(search, (Query *) sublink->subselect, attnum, path, scope,
								 scope->stored, origin);
}

typedef struct ChildContext
{
	OriginSearch *search;
	List	   *path;
	const Scope *scope;
	Origin	   *origin;
} ChildContext;

static bool
find_child_origin(Node *node, void *context)
{
	ChildContext *child = context;

	return find_origin(child->search, node, child->path, child->scope, child->origin);
}

/* Finds the origin of a node's value, by the node's type. */
static bool
find_node_origin(OriginSearch *search, Node *node, List *path, const Scope *scope, Origin *origin)
{
	ChildContext child = {search, path, scope, origin};

	switch (nodeTag(node))
	{
		case T_Var:
			return find_var_origin(search, (Var *) node, path, scope, origin);
		case T_Param:
			return ((Param *) node)->paramkind == PARAM_SUBLINK &&
				find_subselect_origin(search, search->sublink, ((Param *) node)->paramid, path, scope, origin);
		case T_CaseTestExpr:
			return find_case_arg_origin(search, path, scope, origin);
		case T_FuncExpr:
			return find_call_origin(search, ((FuncExpr *) node)->funcid, ((FuncExpr *) node)->funcresulttype,
									((FuncExpr *) node)->args, path, scope, origin);
		case T_OpExpr:
			return find_call_origin(search, get_opcode(((OpExpr *) node)->opno), ((OpExpr *) node)->opresulttype,
									((OpExpr *) node)->args, path, scope, origin);
		case T_Aggref:
			return find_call_origin(search, ((Aggref *) node)->aggfnoid, ((Aggref *) node)->aggtype,
									((Aggref *) node)->args, path, scope, origin);
		case T_WindowFunc:
			return find_call_origin(search, ((WindowFunc *) node)->winfnoid, ((WindowFunc *) node)->wintype,
									((WindowFunc *) node)->args, path, scope, origin);
		case T_ArrayCoerceExpr: /* its elemexpr has a CaseTestExpr for the element */
			return find_origin(search, (Node *) ((ArrayCoerceExpr *) node)->arg, path, scope, origin);
		case T_NullIfExpr:
			return find_origin(search, linitial(((NullIfExpr *) node)->args), path, scope, origin);
		case T_CaseExpr:
			return find_case_origin(search, (CaseExpr *) node, path, scope, origin);
		case T_SubLink:
			return (((SubLink *) node)->subLinkType == EXPR_SUBLINK ||
					((SubLink *) node)->subLinkType == ARRAY_SUBLINK) &&
				find_subselect_origin(search, (SubLink *) node, 1, path, scope, origin);
		case T_RowExpr:
			return find_row_constructor_origin(search, (RowExpr *) node, path, scope, origin);
		case T_FieldSelect:
			return find_field_origin(search, (FieldSelect *) node, path, scope, origin);
		case T_SubscriptingRef:
			return find_subscript_origin(search, (SubscriptingRef *) node, path, scope, origin);
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
			/* casts, COALESCE, ARRAY[], GREATEST, XML, JSON: any of their arguments */
			return expression_tree_walker(node, find_child_origin, &child);
	}
}

/* The FindOrigin of a search.  Sets origin->location to the innermost node in the query's text that is not a Var. */
static bool
find_origin(OriginSearch *search, Node *node, List *path, const Scope *scope, Origin *origin)
{
	if (node == NULL)
		return false;
	check_stack_depth();
	if (!find_node_origin(search, node, path, scope, origin))
		return false;
	if (origin->location < 0 && !scope->stored && !IsA(node, Var) && !IsA(node, TargetEntry))
		origin->location = exprLocation(node);
	return true;
}

/* Does the value of this expression, of whatever type, come from a tenant column?  If so, sets *origin. */
bool
tenant_reaches(OriginSearch *search, Node *node, const Scope *scope, Origin *origin)
{
	origin->location = -1;
	return find_origin(search, node, NIL, scope, origin);
}

/* Is this expression's value, or one in a row constructor, a tenant column converted to a string?  If so, sets *origin. */
bool
tenant_is_text(OriginSearch *search, Node *node, const Scope *scope, Origin *origin)
{
	ListCell   *lc;

	if (node == NULL || IsA(node, Const))
		return false;
	if (IsA(node, RowExpr))
	{
		foreach(lc, ((RowExpr *) node)->args)
			if (tenant_is_text(search, lfirst(lc), scope, origin))
				return true;
		return false;
	}
	return is_text_like(exprType(node)) && tenant_reaches(search, node, scope, origin);
}

OriginSearch
begin_origin_search(void)
{
	return (OriginSearch) {.find_origin = find_origin};
}
