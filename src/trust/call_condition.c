/*-------------------------------------------------------------------------
 *
 * call_condition.c
 *	  Whether a call of a function meets the condition on which it is trusted.
 *
 * A condition that depends on the value of an argument requires a Const in the
 * query itself.  An expression that the planner would fold does not suffice: the
 * planner may compute another value than we would (if, say, the owner of a text
 * search configuration changes it meanwhile), and the expression may be in a
 * branch that is never taken and raise an error if it is evaluated.
 * fold_query() in constant.c makes a Const of each expression that the planner
 * will fold.  Where the value does not matter, an expression of immutable
 * built-in functions and constants counts as a constant.
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
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "tsearch/ts_type.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"
#include "utils/typcache.h"

#include "call_condition.h"
#include "catalog.h"
#include "constant.h"
#include "safe_pattern.h"
#include "settings.h"
#include "tenant_type.h"

/* An interval or a number of days within this cannot move the present time out of range. */
#define MAX_YEARS 1000

/* jsonb containment recurses once for each level that both sides have. */
#define MAX_JSONB_DEPTH 50

/* Matching a tsquery recurses once for each of its operators. */
#define MAX_TSQUERY_ITEMS 100

PG_FUNCTION_INFO_V1(tenant_guard_trusted_built_ins);

/* ----------------------------------------------------------------
 *		Constants
 * ----------------------------------------------------------------
 */

/*
 * A check_functions_in_node callback: true for anything but an immutable
 * built-in function of language internal that returns neither a set nor a
 * record.
 */
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

/*
 * An expression_tree_walker: true if the value depends on anything but the query
 * and the parameters whose values are known.
 */
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
			/* the element of an ArrayCoerceExpr */
			break;
		default:
			return true;
	}
	return expression_tree_walker(node, is_not_constant, context);
}

/*
 * Will the planner fold this expression to a Const, or raise an error doing so,
 * or drop it unevaluated?  It is not evaluated here: if the planner drops it, its
 * error must not be raised.
 */
bool
is_folded(Node *node, ParamListInfo params)
{
	return !is_not_constant(node, params);
}

/*
 * Returns the node if it is a Const, else NULL.  In the latter case
 * constants->unfolded is set if the node would be a Const after fold_query().
 */
const Const *
constant_value(Node *node, Constants *constants)
{
	if (IsA(node, Const))
		return (const Const *) node;
	constants->unfolded |= is_folded(node, constants->params);
	return NULL;
}

/* ----------------------------------------------------------------
 *		Properties of functions and arguments
 * ----------------------------------------------------------------
 */

/* Is this the present time: CURRENT_TIMESTAMP or the like, or now() or the like? */
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

/* Is this a null, or a number of days or an interval of less than MAX_YEARS? */
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

/* Is the function trusted without a condition?  False for InvalidOid. */
bool
is_always_trusted(Oid funcid)
{
	return OidIsValid(funcid) && trust_in(funcid) == TRUST_ALWAYS;
}

/* Are equality and comparison of the array's elements trusted? */
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

/*
 * Is this a built-in range type, or a domain over one, with a trusted comparison
 * of its bounds?  A user-defined range type may have a "canonical" function.
 */
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
 * Are the operator, its negator, its commutator and theirs trusted?  Under NOT
 * the planner replaces an operator by its negator, and estimates call the
 * functions of the commutators with values from the statistics.  The owner of an
 * operator chooses them, and could add one while a query is planned.  So all of
 * them must be built in or belong to a superuser.
 */
bool
operator_is_trusted(Oid opno)
{
	List	   *operators = list_make1_oid(opno);

	if (opno < FirstGenbkiObjectId)
		return true;
	for (int i = 0; i < list_length(operators); i++)
	{
		Oid			each = list_nth_oid(operators, i);

		if (!OidIsValid(each))
			continue;
		if (!is_always_trusted(get_opcode(each)) ||
			(each >= FirstGenbkiObjectId && !superuser_arg(object_owner(OperatorRelationId, each))))
			return false;
		operators = list_append_unique_oid(operators, get_negator(each));
		operators = list_append_unique_oid(operators, get_commutator(each));
	}
	return true;
}

/*
 * Could a call raise an error or a warning because of its collation?  It could if
 * it needs a collation and none was determined, or if the server may warn of the
 * collation's version.  Either happens only when a row reaches the call.
 */
bool
collation_could_fail(List *args, Oid collation)
{
	ListCell   *lc;

	if (OidIsValid(collation))
		return !collation_never_warns(collation);
	foreach(lc, args)
		if (type_is_collatable(exprType(lfirst(lc))))
			return true;
	return false;
}

/* Is this a cast to text of a built-in type whose output function cannot fail? */
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

/* Is this a jsonb Const, of at most MAX_JSONB_DEPTH levels, or a null? */
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

/* Is this a tsquery Const of at most MAX_TSQUERY_ITEMS items, or a null? */
static bool
is_short_tsquery(Node *node, Constants *constants)
{
	const Const *known = exprType(node) == TSQUERYOID ? constant_value(node, constants) : NULL;

	return known != NULL &&
		(known->constisnull || DatumGetTSQuery(known->constvalue)->size <= MAX_TSQUERY_ITEMS);
}

/* ----------------------------------------------------------------
 *		One test for each condition
 * ----------------------------------------------------------------
 */

/* A call of a function that is trusted on some condition */
typedef struct Call
{
	TrustCondition condition;
	Oid			funcid;
	Node	   *first;			/* its first argument, or NULL */
	Node	   *second;			/* its second argument, or NULL unless there are two */
	Oid			collation;
} Call;

static bool
always_holds(const Call *call, Constants *constants)
{
	return true;
}

static bool
case_holds(const Call *call, Constants *constants)
{
	return letters_have_cases() && OidIsValid(call->collation);
}

static bool
pattern_holds(const Call *call, Constants *constants)
{
	const Const *pattern = call->second ? constant_value(call->second, constants) : NULL;

	return pattern != NULL && (call->condition == TRUST_LIKE || letters_have_cases()) &&
		pattern_is_safe(call->condition, pattern, call->collation);
}

static bool
jsonb_holds(const Call *call, Constants *constants)
{
	return call->second != NULL &&
		(is_shallow_jsonb(call->first, constants) || is_shallow_jsonb(call->second, constants));
}

static bool
tsquery_holds(const Call *call, Constants *constants)
{
	return call->second != NULL &&
		(is_short_tsquery(call->first, constants) || is_short_tsquery(call->second, constants));
}

static bool
clock_holds(const Call *call, Constants *constants)
{
	return call->second != NULL && is_clock(call->first) &&
		is_sane_shift(constant_value(call->second, constants));
}

static bool
elements_hold(const Call *call, Constants *constants)
{
	return call->first != NULL && elements_are_trusted(exprType(call->first));
}

static bool
range_holds(const Call *call, Constants *constants)
{
	return call->second != NULL &&
		(range_is_trusted(exprType(call->first)) || range_is_trusted(exprType(call->second)));
}

/* The getter of a type other than tenant_guard.tenant_type raises an error. */
static bool
getter_holds(const Call *call, Constants *constants)
{
	TenantType	type;

	return type_serves(get_func_rettype(call->funcid), &type) && type == type_of_tenants();
}

/* ----------------------------------------------------------------
 *		The conditions
 * ----------------------------------------------------------------
 */

#define PATTERN_REASON	"the pattern of function %s is not known, or could fail"
#define TYPE_REASON		"function %s is not trusted with this type"
#define PLAIN_REASON	"function %s is not trusted"
#define REGEX_TEXT		"the pattern is known to the planner, compiles, is not large, and has no back-reference or look-around"
#define ENCODING_TEXT	"in UTF8 or an encoding of single bytes"

typedef struct ConditionRow
{
	bool		(*holds) (const Call *call, Constants *constants);	/* NULL: it never does */
	const char *reason;			/* why a call is not trusted; %s is the function */
	const char *text;			/* the condition, for users; NULL if there is none */
} ConditionRow;

static const ConditionRow conditions[] = {
	[TRUST_NONE] = {NULL, PLAIN_REASON, NULL},
	[TRUST_ALWAYS] = {always_holds, PLAIN_REASON, NULL},
	[TRUST_LIKE] = {pattern_holds, PATTERN_REASON,
	"the pattern is known to the planner and cannot fail, the collation is deterministic"},
	[TRUST_ILIKE] = {pattern_holds, PATTERN_REASON, "as for LIKE, " ENCODING_TEXT},
	[TRUST_REGEX] = {pattern_holds, PATTERN_REASON, REGEX_TEXT},
	[TRUST_IREGEX] = {pattern_holds, PATTERN_REASON, REGEX_TEXT},
	[TRUST_JSONB] = {jsonb_holds, "the jsonb of function %s is not known, or is too deep",
	"one jsonb is known to the planner, and not deep"},
	[TRUST_TSQUERY] = {tsquery_holds, "the tsquery of function %s is not known, or is too long",
	"the tsquery is known to the planner, and short"},
	[TRUST_CASE] = {case_holds, PLAIN_REASON, ENCODING_TEXT},
	[TRUST_CLOCK] = {clock_holds, "function %s could go out of range",
	"now() or the like, and a known interval below 1,000 years"},
	[TRUST_ELEMENTS] = {elements_hold, TYPE_REASON, "the elements' own comparison is trusted"},
	[TRUST_RANGE] = {range_holds, TYPE_REASON, "a built-in range, whose bounds' comparison is trusted"},
	[TRUST_TENANT] = {getter_holds, PLAIN_REASON, NULL},
};

static const ConditionRow *
row_of(TrustCondition condition)
{
	StaticAssertStmt(lengthof(conditions) == TRUST_TENANT + 1, "one row for each TrustCondition");
	Assert(condition >= TRUST_NONE && condition <= TRUST_TENANT);
	return &conditions[condition];
}

/* Does a call of a function that is trusted on a condition meet that condition? */
bool
condition_holds(TrustCondition condition, Oid funcid, List *args, Oid collation, Constants *constants)
{
	const ConditionRow *row = row_of(condition);
	Call		call = {condition, funcid,
		args ? linitial(args) : NULL,
		list_length(args) == 2 ? lsecond(args) : NULL,
	collation};

	return row->holds != NULL && row->holds(&call, constants);
}

/* Returns why a call that does not meet the condition is not trusted, palloc'd. */
const char *
reason_against_call(TrustCondition condition, Oid funcid)
{
	return psprintf(row_of(condition)->reason, format_procedure(funcid));
}

/* Does the aggregate have a sort operator, so that the planner may answer it from an index as it does min() and max()? */
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

/* Does a call return a value as long as its arguments, or make a working copy of them? */
bool
call_copies(TrustCondition condition, Oid funcid)
{
	Oid			result = get_func_rettype(funcid);

	/* most functions return boolean: this saves them a syscache lookup */
	return condition == TRUST_ILIKE || condition == TRUST_REGEX || condition == TRUST_IREGEX ||
		(result != BOOLOID && get_typlen(result) == -1);
}

/* Are the values of an argument's type never long?  Those of anyelement and anyenum are elements of built-in ranges, and enums. */
static bool
is_short_type(Oid type)
{
	return get_typlen(type) > 0 || type == NUMERICOID || type == INETOID || type == ANYRANGEOID;
}

/* A check_functions_in_node callback: is an argument of this function long?  LEAKPROOF ones count as PostgreSQL counts them. */
static bool
takes_long_values(Oid funcid, void *context)
{
	Oid		   *types;
	int			n;
	bool		found = false;

	if (get_func_leakproof(funcid))
		return false;
	(void) get_func_signature(funcid, &types, &n);
	for (int i = 0; i < n; i++)
		found |= !is_short_type(types[i]);
	return found;
}

static bool
reads_long_values_walker(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, ArrayExpr) || IsA(node, RowExpr) || check_functions_in_node(node, takes_long_values, NULL))
		return true;
	return expression_tree_walker(node, reads_long_values_walker, context);
}

/*
 * Does a trusted filter read values of a row that may be long, or make such?  That
 * takes time, and may exceed the limit of an allocation, which is an error.  A
 * jsonb of a hundred kilobytes does, of numbers with many zeros: as text it has a
 * gigabyte.
 */
bool
reads_long_values(Node *filter)
{
	return reads_long_values_walker(filter, NULL);
}

/*
 * SQL function: the built-in functions that are trusted, as rows of function,
 * condition and reason.
 */
Datum
tenant_guard_trusted_built_ins(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	ListedFunction function;

	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; listed_function(i, &function); i++)
	{
		const char *condition = row_of(function.condition)->text;
		Datum		values[3] = {ObjectIdGetDatum(function.funcid),
			condition ? CStringGetTextDatum(condition) : (Datum) 0,
		CStringGetTextDatum(function.reason)};
		bool		nulls[3] = {false, condition == NULL, false};

		if (function.is_here)
			tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}
