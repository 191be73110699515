/*-------------------------------------------------------------------------
 *
 * mismatch_refusals.c
 *	  Refusals of queries and of stored expressions that compare a tenant as
 *	  text.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"

#include "catalog.h"
#include "mismatch_refusals.h"

/* Returns the name of a column, not quoted; dots if it was dropped. */
static const char *
column_name(Oid relid, AttrNumber attnum)
{
	const char *name = get_attname(relid, attnum, true);

	return name != NULL ? name : "...";
}

/*
 * Returns the hint for a comparison.  "column" is quoted.  "rewritten" is the
 * comparison as it should be written, or NULL.  "via" is the subquery, CTE or view
 * that returns the column as text, or NULL.
 */
static char *
hint_of_comparison(const char *column, Oid type, const char *rewritten,
				   bool pattern, const char *via)
{
	char	   *write;

	if (rewritten == NULL)
		rewritten = psprintf("%s = '...'::%s", column, format_type_be(type));
	write = psprintf(pattern ? "Compare whole identifiers: %s." : "Write %s.", rewritten);
	if (via != NULL)
		return psprintf("Let %s return the column itself, not its text. %s", quote_identifier(via), write);
	return write;
}

/* "text_type" is the type as which the column is compared.  For the others see hint_of_comparison. */
Refusal
compared_as_text(Oid relid, AttrNumber attnum, Oid type, Oid text_type,
				 const char *rewritten, bool pattern, const char *via)
{
	const char *column = column_name(relid, attnum);

	return (Refusal) {
		ERRCODE_TENANT_TYPE_MISMATCH,
			psprintf("tenant column \"%s\" of table %s is of type %s, but is compared as %s",
					 column, relation_name(relid), format_type_be(type), format_type_be(text_type)),
			"As a string a tenant equals one spelling of its identifier only, and no index on the column is used.",
			hint_of_comparison(quote_identifier(column), type, rewritten, pattern, via)
	};
}

/* "object" is a noun and a name, such as: index "i". */
Refusal
indexed_as_text(const char *object, Oid relid, AttrNumber attnum, Oid type, Oid text_type)
{
	const char *column = column_name(relid, attnum);

	return (Refusal) {
		ERRCODE_TENANT_TYPE_MISMATCH,
			psprintf("%s would order tenant column \"%s\" of table %s, of type %s, as %s",
					 object, column, relation_name(relid), format_type_be(type), format_type_be(text_type)),
			"It would support only comparisons of the tenant as a string.",
			psprintf("Use column %s itself.", quote_identifier(column))
	};
}

Refusal
held_as_text(const char *object, Oid relid, AttrNumber attnum, Oid type, Oid text_type)
{
	const char *column = column_name(relid, attnum);

	return (Refusal) {
		ERRCODE_TENANT_TYPE_MISMATCH,
			psprintf("%s would hold tenant column \"%s\" of table %s, of type %s, as %s",
					 object, column, relation_name(relid), format_type_be(type), format_type_be(text_type)),
			"Comparisons with the stored value would compare the tenant as a string, and could not be recognized.",
			psprintf("Generate it without column %s, and convert the column to a string where it is displayed.",
					 quote_identifier(column))
	};
}

/*
 * Never raised, only listed.  "culprit" is a noun, a name and an owner, such as:
 * domain "d" of role "r".
 */
Refusal
body_not_parsed(Oid function, const char *culprit)
{
	return (Refusal) {
		ERRCODE_TENANT_TYPE_MISMATCH,
			psprintf("the body of %s was not parsed, since that would run, or wait for, %s",
					 format_procedure_qualified(function), culprit),
			NULL,
			"Examine the body and the objects that it names."
	};
}
