/*-------------------------------------------------------------------------
 *
 * expression_origin.c
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

static bool follow(Tracing *tracing, Node *node, List *path, const Scope *scope, Origin *origin);

/* ----------------------------------------------------------------
 *		Functions
 * ----------------------------------------------------------------
 */

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
		return below_key(NULL, path);
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
			return follow(tracing, linitial(args), below_key(constant_key(lsecond(args)), path), scope, origin);
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

/*
 * What a column of a row constructor is called: as its type has it, or f1, f2
 * and so on.
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
follow_row_constructor(Tracing *tracing, const RowExpr *row, List *path, const Scope *scope,
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
	return follow(tracing, (Node *) field->arg, below_key(name, path), scope, origin);
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

/* What stands for x inside of x (JSON constructors have such) is not x. */
static bool
follow_case_arg(Tracing *tracing, List *path, const Scope *scope, Origin *origin)
{
	Node	   *arg = tracing->case_arg;
	bool		reached;

	tracing->case_arg = NULL;
	reached = follow(tracing, arg, path, scope, origin);
	tracing->case_arg = arg;
	return reached;
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
			return follow_case_arg(tracing, path, scope, origin);
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
		case T_ArrayCoerceExpr: /* its elemexpr knows an element by a CaseTestExpr */
			return follow(tracing, (Node *) ((ArrayCoerceExpr *) node)->arg, path, scope, origin);
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

Tracing
begin_tracing(void)
{
	return (Tracing) {.follow = follow};
}
