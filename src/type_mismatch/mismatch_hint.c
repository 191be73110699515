/*-------------------------------------------------------------------------
 *
 * mismatch_hint.c
 *	  How a comparison of a tenant as text should be written instead.
 *
 * For hints.  Names are taken from the query's text if that is known.  Constants are
 * shown as '...', since they may identify another tenant.  All strings returned are
 * palloc'd, or constant.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "nodes/nodeFuncs.h"
#include "parser/parsetree.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"

#include "mismatch_hint.h"

/* Is this a function that only normalizes a string, which a comparison of tenants does not need? */
static bool
only_normalises(Oid funcid)
{
	switch (funcid)
	{
		case F_LOWER_TEXT:
		case F_UPPER_TEXT:
		case F_BTRIM_TEXT:
		case F_TEXT_BPCHAR:
		case F_TEXT_NAME:
		case F_BPCHAR_BPCHAR_INT4_BOOL:
		case F_VARCHAR_VARCHAR_INT4_BOOL:
			return true;
		default:
			return false;
	}
}

/* Removes casts and normalizing functions from the top of an expression. */
static Node *
without_casts(Node *node)
{
	for (;;)
	{
		if (IsA(node, RelabelType))
			node = (Node *) ((RelabelType *) node)->arg;
		else if (IsA(node, CoerceViaIO))
			node = (Node *) ((CoerceViaIO *) node)->arg;
		else if (IsA(node, CoerceToDomain))
			node = (Node *) ((CoerceToDomain *) node)->arg;
		else if (IsA(node, ArrayCoerceExpr))
			node = (Node *) ((ArrayCoerceExpr *) node)->arg;
		else if (IsA(node, CollateExpr))
			node = (Node *) ((CollateExpr *) node)->arg;
		else if (IsA(node, FuncExpr) && only_normalises(((FuncExpr *) node)->funcid))
			node = linitial(((FuncExpr *) node)->args);
		else
			return node;
	}
}

/* Returns the name or number at this location of the query's text, or NULL. */
static char *
word_at(const char *source, int location)
{
	size_t		len;

	if (source == NULL || location < 0 || (size_t) location >= strlen(source))
		return NULL;
	len = strspn(source + location, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.$\"");
	return len == 0 ? NULL : pnstrdup(source + location, len);
}

/* Returns the qualified name of a column that is not in the query's text, as those of USING; NULL if there is none. */
static char *
name_of_column(const Scope *scope, const Var *var)
{
	const RangeTblEntry *rte;

	for (Index up = var->varlevelsup; up > 0 && scope != NULL; up--)
		scope = scope->outer;
	if (scope == NULL || var->varno < 1 || var->varno > list_length(scope->query->rtable))
		return NULL;
	rte = rt_fetch(var->varno, scope->query->rtable);
	if (var->varattno < 1 || var->varattno > list_length(rte->eref->colnames))
		return NULL;
	return quote_qualified_identifier(rte->eref->aliasname,
									  strVal(list_nth(rte->eref->colnames, var->varattno - 1)));
}

/* Returns the other operand of a comparison as the query writes it. */
static const char *
name_of_operand(const Wording *wording, Node *node)
{
	const char *word = NULL;

	if (IsA(node, Const))
		return "'...'";
	if (IsA(node, Var))
	{
		word = word_at(wording->source, ((Var *) node)->location);
		if (word == NULL)
			word = name_of_column(wording->scope, (Var *) node);
	}
	else if (IsA(node, Param) && ((Param *) node)->paramkind == PARAM_EXTERN)
	{
		word = word_at(wording->source, ((Param *) node)->location);
		if (word == NULL)
			word = psprintf("$%d", ((Param *) node)->paramid);
	}
	return word ? word : "(...)";
}

/* Returns the other operand, cast to the tenant column's type if it is of another type. */
const char *
rewrite_operand(const Wording *wording, Node *node, Oid type)
{
	const char *name = name_of_operand(wording, node = without_casts(node));

	if (getBaseType(exprType(node)) == getBaseType(type))
		return name;
	return psprintf("%s::%s", name, format_type_be(type));
}

/* Returns the comparison of a column with an array: IN, NOT IN, ANY or ALL. */
const char *
rewrite_membership(const Wording *wording, const char *column, Oid type, const ScalarArrayOpExpr *op, Node *array)
{
	const char *operator = get_opname(op->opno);
	Oid			array_type = get_array_type(getBaseType(type));

	array = without_casts(array);
	if (IsA(array, ArrayExpr) && operator != NULL && strcmp(operator, op->useOr ? "=" : "<>") == 0)
		return psprintf("%s %s ('...'::%s, ...)", column, op->useOr ? "IN" : "NOT IN", format_type_be(type));
	return psprintf("%s %s %s (%s%s%s)", column, operator ? operator : "=", op->useOr ? "ANY" : "ALL",
					name_of_operand(wording, array),
					exprType(array) == array_type ? "" : "::",
					exprType(array) == array_type ? "" : format_type_be(array_type));
}

/* Is this one of the operators that compare whole values, = < > and so on? */
bool
compares_whole_values(const char *operator)
{
	return operator != NULL && operator[0] != '\0' && strspn(operator, "=<>") == strlen(operator) &&
		strcmp(operator, "<<") != 0 && strcmp(operator, ">>") != 0;
}

/* Does a query read only one relation, so that its columns need no qualifier? */
static bool
reads_one_relation(const Scope *scope)
{
	int			count = 0;
	ListCell   *lc;

	if (scope->outer != NULL)
		return false;
	foreach(lc, scope->query->rtable)
	{
		const RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);

		/* up to 15, a view's query has entries "old" and "new" for the view itself */
		if (rte->rtekind == RTE_RELATION && rte->relkind == RELKIND_VIEW && !rte->inFromCl &&
			(strcmp(rte->eref->aliasname, "old") == 0 || strcmp(rte->eref->aliasname, "new") == 0))
			continue;
		switch (rte->rtekind)
		{
			case RTE_RELATION:
			case RTE_SUBQUERY:
			case RTE_FUNCTION:
			case RTE_TABLEFUNC:
			case RTE_VALUES:
			case RTE_CTE:
				count++;
				break;
			default:
				break;
		}
	}
	return count <= 1;
}

/* Returns the tenant column as the query can write it. */
char *
written_column(const Wording *wording, const Origin *origin)
{
	const char *column = origin->column ? origin->column : "...";
	const char *table = origin->alias ? origin->alias : "...";

	if (reads_one_relation(wording->scope))
		return pstrdup(quote_identifier(column));
	return psprintf("%s.%s", quote_identifier(table), quote_identifier(column));
}

/* Is this the Param for the column of a sub-select that a test compares with? */
bool
is_of_sublink(Node *node)
{
	node = without_casts(node);
	return IsA(node, Param) && ((Param *) node)->paramkind == PARAM_SUBLINK;
}

/* Returns what precedes the sub-select in such a test: [NOT] IN, or the operator with ANY or ALL. */
const char *
written_test(const Wording *wording, const char *operator)
{
	const SubLink *sublink = wording->sublink;

	if (operator == NULL || strcmp(operator, "=") == 0 || sublink == NULL)
		return "[NOT] IN";
	return psprintf("%s %s", operator, sublink->subLinkType == ALL_SUBLINK ? "ALL" : "ANY");
}

/* Returns a comparison, written as its "form" (see check_operands() in find_mismatch.c) is. */
const char *
write_comparison(NodeTag form, const char *left, const char *operator, const char *right)
{
	Assert(operator != NULL);
	if (form == T_DistinctExpr)
		return psprintf("%s IS [NOT] DISTINCT FROM %s", left, right);
	if (form == T_NullIfExpr)
		return psprintf("NULLIF(%s, %s)", left, right);
	return psprintf("%s %s %s", left, operator, right);
}
