/*-------------------------------------------------------------------------
 *
 * mismatch_refusals.c
 *	  Refusals of queries, and of stored expressions, that take a tenant for
 *	  text; of plans that must not run.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "mismatch_refusals.h"

/* As an error or a warning, with the cursor where it happened (0: unknown). */
void
report_refusal(int level, Refusal refusal, int position)
{
	ereport(level,
			(errcode(refusal.sqlstate),
			 errmsg("%s", refusal.message),
			 refusal.detail ? errdetail("%s", refusal.detail) : 0,
			 refusal.hint ? errhint("%s", refusal.hint) : 0,
			 errposition(position)));
}

/*
 * How to write a comparison.  "rewritten" is the comparison itself, or NULL;
 * "via" what gives the column to the query as text, or NULL.
 */
char *
hint_of_comparison(const char *column, const char *type, const char *rewritten,
				   bool pattern, const char *via)
{
	char	   *write;

	if (rewritten == NULL)
		rewritten = psprintf("%s = '...'::%s", column, type);
	write = psprintf(pattern ? "Compare whole identifiers: %s." : "Write %s.", rewritten);
	if (via != NULL)
		return psprintf("Let %s give the column itself, not its text. %s", quote_identifier(via), write);
	return write;
}

/* "text_type" is what the column is compared as. */
Refusal
compared_as_text(const char *relation, const char *column, const char *type,
				 const char *text_type, const char *hint)
{
	return (Refusal) {
		ERRCODE_TENANT_TYPE,
			psprintf("tenant column \"%s\" of table %s is of type %s, but is compared as %s",
					 column, relation, type, text_type),
			"As a string a tenant equals one spelling of its identifier only, and no index on the column is used.",
			hint
	};
}

/* "object" says which, such as: index "i". */
Refusal
indexed_as_text(const char *object, const char *relation, const char *column,
				const char *type, const char *text_type)
{
	return (Refusal) {
		ERRCODE_TENANT_TYPE,
			psprintf("%s would order tenant column \"%s\" of table %s, of type %s, as %s",
					 object, column, relation, type, text_type),
			"It would serve no comparison but those that take a tenant for a string.",
			psprintf("Use column %s itself.", quote_identifier(column))
	};
}

Refusal
held_as_text(const char *object, const char *relation, const char *column,
			   const char *type, const char *text_type)
{
	return (Refusal) {
		ERRCODE_TENANT_TYPE,
			psprintf("%s would hold tenant column \"%s\" of table %s, of type %s, as %s",
					 object, column, relation, type, text_type),
			"Comparisons of what is stored would take a tenant for a string, where nothing tells them from others.",
			psprintf("Generate it without column %s, and turn the column into a string where it is displayed.",
					 quote_identifier(column))
	};
}

/* A finding, never an error: "culprit" says what and whose, such as: domain "d" of role "r". */
Refusal
body_not_parsed(const char *function, const char *culprit)
{
	return (Refusal) {
		ERRCODE_TENANT_TYPE,
			psprintf("the body of %s was not looked at, since it would run, or wait for, %s", function, culprit),
			NULL,
			"Read the body, and what it names."
	};
}

Refusal
no_stack_for_filters(void)
{
	return (Refusal) {
		ERRCODE_STATEMENT_TOO_COMPLEX,
			"not enough stack is left for a query on guarded tables",
			"Its filters are evaluated beside the tenant's, where they must not fail for want of stack.",
			"Call it from fewer levels of functions, or increase max_stack_depth."
	};
}

Refusal
trigger_is_new(const char *relation)
{
	return (Refusal) {
		ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
			psprintf("table %s has got a trigger since this statement was planned", relation),
			"The plan does not check the rows that it makes, since without a BEFORE trigger they are known to be the tenant's.",
			"Run the statement again."
	};
}

/* Said by each guarded query of the session, so that a pool's first ones are not the only ones that fail. */
Refusal
library_came_too_late(const char *hint)
{
	return (Refusal) {
		ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
			"this session loaded tenant_guard too late to guard its queries",
			"Its first query on a guarded table was planned without the library: there a filter could have changed whose rows are read. The session's other queries on guarded tables are refused as well.",
			hint
	};
}

Refusal
loaded_by_parallel_query(const char *hint)
{
	return (Refusal) {
		ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
			"tenant_guard cannot be loaded by a parallel query",
			"A function that the query calls is the first of this session to need the library.",
			hint
	};
}

Refusal
planned_without_library(const char *relation, const char *hint)
{
	return (Refusal) {
		ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
			psprintf("a query on table %s was planned before tenant_guard was loaded", relation),
			"Without the library a filter can change whose rows are read.",
			hint
	};
}
