/*-------------------------------------------------------------------------
 *
 * accept.c
 *	  Labels for SQL: what they say, and with a finding accepted in them or not.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/tuplestore.h"

#include "label.h"

PG_FUNCTION_INFO_V1(tenant_guard_label_clauses);
PG_FUNCTION_INFO_V1(tenant_guard_label_with);
PG_FUNCTION_INFO_V1(tenant_guard_label_without);

static char *
text_argument(FunctionCallInfo fcinfo, int n)
{
	return PG_ARGISNULL(n) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(n));
}

/* label_clauses(label): each clause of a label, its word and the values of its keys; none for one that cannot be read. */
Datum
tenant_guard_label_clauses(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	const char *fault;
	ListCell   *lc;

	InitMaterializedSRF(fcinfo, 0);
	foreach(lc, read_label(text_argument(fcinfo, 0), &fault))
	{
		LabelClause *clause = lfirst(lc);
		Datum		values[LABEL_KEYS + 1] = {CStringGetTextDatum(label_word(clause->kind))};
		bool		nulls[LABEL_KEYS + 1] = {false};

		for (LabelKey key = 0; key < LABEL_KEYS; key++)
		{
			nulls[key + 1] = clause->values[key] == NULL;
			if (clause->values[key] != NULL)
				values[key + 1] = CStringGetTextDatum(clause->values[key]);
		}
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}

/* The clauses of the label that is the first argument, without the acceptance of this rule for this part of the object. */
static List *
other_clauses(FunctionCallInfo fcinfo, const char *rule, const char *object)
{
	const char *fault;
	List	   *clauses = read_label(text_argument(fcinfo, 0), &fault);
	List	   *kept = NIL;
	ListCell   *lc;

	foreach(lc, clauses)
	{
		LabelClause *clause = lfirst(lc);
		const char *other = clause->values[KEY_OBJECT];

		if (clause->kind != LABEL_ACCEPTED || strcmp(clause->values[KEY_RULE], rule) != 0 ||
			(object == NULL || other == NULL ? object != other : strcmp(object, other) != 0))
			kept = lappend(kept, clause);
	}
	return kept;
}

static Datum
label_or_null(FunctionCallInfo fcinfo, List *clauses)
{
	char	   *label = write_label(clauses);

	if (label == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(label));
}

/* label_with(label, rule, object, details, reason, until, by): the label with this acceptance in it. */
Datum
tenant_guard_label_with(PG_FUNCTION_ARGS)
{
	LabelClause *clause = palloc0(sizeof(LabelClause));

	clause->kind = LABEL_ACCEPTED;
	for (LabelKey key = 0; key < LABEL_KEYS; key++)
		clause->values[key] = text_argument(fcinfo, key + 1);
	if (clause->values[KEY_RULE] == NULL)
		PG_RETURN_NULL();
	return label_or_null(fcinfo, lappend(other_clauses(fcinfo, clause->values[KEY_RULE], clause->values[KEY_OBJECT]), clause));
}

/* label_without(label, rule, object): the label without this acceptance; null if nothing is left. */
Datum
tenant_guard_label_without(PG_FUNCTION_ARGS)
{
	char	   *rule = text_argument(fcinfo, 1);

	if (rule == NULL)
		PG_RETURN_NULL();
	return label_or_null(fcinfo, other_clauses(fcinfo, rule, text_argument(fcinfo, 2)));
}
