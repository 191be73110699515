/*-------------------------------------------------------------------------
 *
 * mismatch_refusals.c
 *	  Refusals of queries, and of stored expressions, that take a tenant for
 *	  text.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "mismatch_refusals.h"

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
