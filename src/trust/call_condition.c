/*-------------------------------------------------------------------------
 *
 * call_condition.c
 *	  Does a call of a function meet the condition on which it is trusted?
 *
 * Where it takes the value of a constant, that must be a constant in the query
 * itself: what is one only when it is folded may be another when the planner
 * does so (a text search configuration that its owner changes meanwhile), or is
 * in a branch that is never taken, and fails.  constant.c makes constants
 * of what will be one.  Where the value does not matter, any immutable built-in
 * function of constants is one.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/transam.h"
#include "catalog/pg_aggregate.h"
#include "catalog/pg_language.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "tsearch/ts_type.h"
#include "utils/fmgroids.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"

#include "call_condition.h"
#include "catalog.h"
#include "constant.h"
#include "safe_pattern.h"
#include "settings.h"
#include "tenant_type.h"

/* An interval or number of days below this moves the present time to no limit. */
#define MAX_YEARS 1000

/* Containment recurses for each level that both sides have. */
#define MAX_JSONB_DEPTH 50

/* Matching a tsquery recurses for each of its operators. */
#define MAX_TSQUERY_ITEMS 100

/* ----------------------------------------------------------------
 *		Constants
 * ----------------------------------------------------------------
 */

/* A check_functions_in_node callback: is this no immutable built-in in C? */
static bool
is_not_plain_function(Oid funcid, void *context)
{
	HeapTuple	tuple;
	bool		plain = false;

	if (funcid >= FirstGenbkiObjectId)
		return true;
	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(funcid));
	if (HeapTupleIsValid(tuple))
	{
		Form_pg_proc proc = (Form_pg_proc) GETSTRUCT(tuple);

		plain = proc->prolang == INTERNALlanguageId &&
			proc->provolatile == PROVOLATILE_IMMUTABLE &&
			!proc->proretset && proc->prorettype != RECORDOID;
		ReleaseSysCache(tuple);
	}
	return !plain;
}

/* An expression_tree_walker: is there anything that depends on more than the query? */
static bool
is_not_constant(Node *node, void *context)
{
	if (node == NULL)
		return false;
	switch (nodeTag(node))
	{
		case T_Const:
		case T_RelabelType:
		case T_CollateExpr:
		case T_ArrayExpr:
		case T_List:
			break;
		case T_Param:
			return ((Param *) node)->paramkind != PARAM_EXTERN ||
				!param_is_known(node, (ParamListInfo) context);
		case T_FuncExpr:
		case T_OpExpr:
		case T_CoerceViaIO:
		case T_ArrayCoerceExpr:
			if (check_functions_in_node(node, is_not_plain_function, NULL))
				return true;
			break;
		case T_CaseTestExpr:
			/* of an ArrayCoerceExpr: the element */
			break;
		default:
			return true;
	}
	return expression_tree_walker(node, is_not_constant, context);
}

/*
 * Will the planner make a constant of it, or fail, or find that it is not
 * needed?  It is not evaluated here: where it is not needed it must not fail.
 */
bool
is_folded(Node *node, ParamListInfo params)
{
	return !is_not_constant(node, params);
}

/* The constant, or NULL; what would be one is noted. */
const Const *
constant_value(Node *node, Constants *constants)
{
	if (IsA(node, Const))
		return (const Const *) node;
	constants->unfolded |= is_folded(node, constants->params);
	return NULL;
}

/* ----------------------------------------------------------------
 *		Conditions of trust
 * ----------------------------------------------------------------
 */

/* The present time, as SQL spells it, or by a function that is listed for it. */
static bool
is_clock(Node *node)
{
	if (IsA(node, SQLValueFunction))
		return ((SQLValueFunction *) node)->op <= SVFOP_LOCALTIMESTAMP_N;
	if (!IsA(node, FuncExpr))
		return false;
	switch (((FuncExpr *) node)->funcid)
	{
		case F_NOW:
		case F_TRANSACTION_TIMESTAMP:
		case F_STATEMENT_TIMESTAMP:
			return true;
		case F_DATE_TIMESTAMPTZ:
			return is_clock(linitial(((FuncExpr *) node)->args));
		default:
			return false;
	}
}

static bool
is_within(int64 value, int64 limit)
{
	return -limit <= value && value <= limit;
}

static bool
is_sane_shift(const Const *shift)
{
	const Interval *interval;

	if (shift == NULL || shift->constisnull)
		return shift != NULL;
	if (shift->consttype == INT4OID)
		return is_within(DatumGetInt32(shift->constvalue), MAX_YEARS * 365);
	if (shift->consttype != INTERVALOID)
		return false;
	interval = DatumGetIntervalP(shift->constvalue);
	return is_within(interval->month, MAX_YEARS * MONTHS_PER_YEAR) &&
		is_within(interval->day, MAX_YEARS * 365) &&
		is_within(interval->time, MAX_YEARS * 365 * USECS_PER_DAY);
}

/* A function that is trusted as it is, or the comparison of a type. */
bool
is_always_trusted(Oid funcid)
{
	return OidIsValid(funcid) && trust_in(funcid) == TRUST_ALWAYS;
}

static bool
elements_are_trusted(Oid array_type)
{
	Oid			element = get_base_element_type(array_type);
	TypeCacheEntry *type;

	if (!OidIsValid(element))
		return false;
	type = lookup_type_cache(element, TYPECACHE_EQ_OPR | TYPECACHE_CMP_PROC);
	return is_always_trusted(get_opcode(type->eq_opr)) && is_always_trusted(type->cmp_proc);
}

/* Ranges that users have made may have a "canonical" function of their own. */
static bool
range_is_trusted(Oid type)
{
	Oid			subtype;

	type = getBaseType(type);
	subtype = get_range_subtype(type);
	return OidIsValid(subtype) && type < FirstGenbkiObjectId &&
		is_always_trusted(lookup_type_cache(subtype, TYPECACHE_CMP_PROC)->cmp_proc);
}

/*
 * The planner may put an operator's negator in its place, under NOT, and call
 * the function of either's commutator with what the statistics hold.  Who owns
 * an operator chooses these, or may give it some while a query is planned.
 */
bool
operator_is_trusted(Oid opno)
{
	List	   *kin = list_make1_oid(opno);

	if (opno < FirstGenbkiObjectId)
		return true;
	for (int i = 0; i < list_length(kin); i++)
	{
		Oid			each = list_nth_oid(kin, i);

		if (!OidIsValid(each))
			continue;
		if (!is_always_trusted(get_opcode(each)) ||
			(each >= FirstGenbkiObjectId && !superuser_arg(object_owner(OperatorRelationId, each))))
			return false;
		kin = list_append_unique_oid(kin, get_negator(each));
		kin = list_append_unique_oid(kin, get_commutator(each));
	}
	return true;
}

/*
 * Is a collation wanted and not known, or one that could speak?  Either shows
 * only when a row reaches the call.
 */
bool
collation_could_fail(List *args, Oid collation)
{
	ListCell   *lc;

	if (OidIsValid(collation))
		return !collation_is_silent(collation);
	foreach(lc, args)
		if (type_is_collatable(exprType(lfirst(lc))))
			return true;
	return false;
}

/* Is this a cast to text of a type of which every value has a text? */
bool
is_plain_output(const CoerceViaIO *cast)
{
	if (cast->resulttype != TEXTOID && cast->resulttype != VARCHAROID)
		return false;
	switch (exprType((Node *) cast->arg))
	{
		case BOOLOID:
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case NUMERICOID:
		case UUIDOID:
			return true;
		default:
			return false;
	}
}

/* The getters of other types raise. */
static bool
is_usable_getter(Oid getter)
{
	TenantType	type;

	return type_serves(get_func_rettype(getter), &type) && type == setting_tenant_type;
}

/* A jsonb that is known, and not so deep that walking through it could fail. */
static bool
is_shallow_jsonb(Node *node, Constants *constants)
{
	const Const *known = constant_value(node, constants);
	JsonbIterator *it;
	JsonbValue	value;
	JsonbIteratorToken token;
	int			depth = 0;

	if (known == NULL || known->consttype != JSONBOID || known->constisnull)
		return known != NULL && known->constisnull;
	it = JsonbIteratorInit(&DatumGetJsonbP(known->constvalue)->root);
	while ((token = JsonbIteratorNext(&it, &value, false)) != WJB_DONE)
	{
		if ((token == WJB_BEGIN_ARRAY || token == WJB_BEGIN_OBJECT) && ++depth > MAX_JSONB_DEPTH)
			return false;
		if (token == WJB_END_ARRAY || token == WJB_END_OBJECT)
			depth--;
	}
	return true;
}

/* A tsquery that is known, and so short that matching it recurses no deeper than anything. */
static bool
is_short_tsquery(Node *node, Constants *constants)
{
	const Const *known = exprType(node) == TSQUERYOID ? constant_value(node, constants) : NULL;

	return known != NULL &&
		(known->constisnull || DatumGetTSQuery(known->constvalue)->size <= MAX_TSQUERY_ITEMS);
}

/* Does a call of a function that is trusted on a condition meet it? */
bool
condition_holds(TrustCondition condition, Oid funcid, List *args, Oid collation, Constants *constants)
{
	Node	   *first = args ? linitial(args) : NULL;
	Node	   *second = list_length(args) == 2 ? lsecond(args) : NULL;
	const Const *known;

	switch (condition)
	{
		case TRUST_ALWAYS:
			return true;
		case TRUST_CASE:
			return letters_have_cases() && OidIsValid(collation);
		case TRUST_LIKE:
		case TRUST_ILIKE:
		case TRUST_REGEX:
		case TRUST_IREGEX:
			known = second ? constant_value(second, constants) : NULL;
			return known != NULL && (condition == TRUST_LIKE || letters_have_cases()) &&
				pattern_is_safe(condition, known, collation);
		case TRUST_JSONB:
			return second != NULL && (is_shallow_jsonb(first, constants) || is_shallow_jsonb(second, constants));
		case TRUST_TSQUERY:
			return second != NULL && (is_short_tsquery(first, constants) || is_short_tsquery(second, constants));
		case TRUST_CLOCK:
			return second != NULL && is_clock(first) && is_sane_shift(constant_value(second, constants));
		case TRUST_ELEMENTS:
			return first != NULL && elements_are_trusted(exprType(first));
		case TRUST_RANGE:
			return second != NULL &&
				(range_is_trusted(exprType(first)) || range_is_trusted(exprType(second)));
		case TRUST_TENANT:
			return is_usable_getter(funcid);
		case TRUST_NONE:
			break;
	}
	return false;
}

/* May the planner answer an aggregate by an index, as it does min and max? */
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

/* Does a call make a value as long as its arguments, or a working copy of them? */
bool
call_copies(TrustCondition condition, Oid funcid)
{
	Oid			result = get_func_rettype(funcid);

	/* most return booleans: a look-up less */
	return condition == TRUST_ILIKE || condition == TRUST_REGEX || condition == TRUST_IREGEX ||
		(result != BOOLOID && get_typlen(result) == -1);
}

const char *
reason_against_call(TrustCondition condition, Oid funcid)
{
	char	   *name = format_procedure(funcid);

	switch (condition)
	{
		case TRUST_LIKE:
		case TRUST_ILIKE:
		case TRUST_REGEX:
		case TRUST_IREGEX:
			return psprintf("the pattern of function %s is not known, or could fail", name);
		case TRUST_JSONB:
			return psprintf("the jsonb of function %s is not known, or is too deep", name);
		case TRUST_TSQUERY:
			return psprintf("the tsquery of function %s is not known, or is too long", name);
		case TRUST_CLOCK:
			return psprintf("function %s could go out of range", name);
		case TRUST_ELEMENTS:
		case TRUST_RANGE:
			return psprintf("function %s is not trusted with this type", name);
		default:
			return psprintf("function %s is not trusted", name);
	}
}
