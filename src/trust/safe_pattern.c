/*-------------------------------------------------------------------------
 *
 * safe_pattern.c
 *	  Patterns that cannot fail, whatever they are matched with.
 *
 * LIKE and regular expressions raise for bad patterns only when a row reaches
 * them, and so would tell that one did.  A pattern is safe if it is known to
 * be valid, and if matching it cannot run out of stack or states.  Raises
 * nothing that the query would not raise.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <ctype.h>

#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "regex/regex.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "compat.h"
#include "safe_pattern.h"

/*
 * LIKE recurses for each %, and compiling a regex for each parenthesis and, in
 * places, for each state of its automaton.  All must fit into stack_reserve.c's
 * STACK_ROOM.
 */
#define MAX_PATTERN_LENGTH	1000
#define MAX_PERCENTS		50
#define MAX_PARENTHESES		100
#define MAX_REGEX_STATES	2000

/*
 * Does looking up the case of a letter never fail?  In UTF8 every character
 * that can be stored is one that the locale's functions take; in encodings of
 * single bytes they are looked up byte by byte.
 */
bool
letters_have_cases(void)
{
	return GetDatabaseEncoding() == PG_UTF8 || pg_database_encoding_max_length() == 1;
}

/*
 * A collation of which the server never says that its version differs: the
 * database's own, of which it says so when a session starts, and those without
 * a version.  All of them are deterministic, as LIKE and regular expressions
 * want them.
 */
bool
collation_is_silent(Oid collation)
{
	return collation == DEFAULT_COLLATION_OID || collation == C_COLLATION_OID ||
		collation == POSIX_COLLATION_OID;
}

/* Not too deep, and no escape character without a character to escape. */
static bool
like_pattern_is_safe(const char *pattern, int len)
{
	int			percents = 0;

	if (len > MAX_PATTERN_LENGTH)
		return false;
	for (int i = 0; i < len; i++)
	{
		if (pattern[i] == '%')
			percents++;
		else if (pattern[i] == '\\' && ++i == len)
			return false;
	}
	return percents <= MAX_PERCENTS;
}

/*
 * How often {n}, {n,} or {n,m} repeats what stands before it, from behind its
 * brace on; 0 for anything else, such as one with blanks and comments in it.
 */
static int
repetitions(const char *bound, const char *end)
{
	int			number = 0;
	int			most = 1;

	for (; bound < end && *bound != '}'; bound++)
	{
		if (*bound == ',')
		{
			most = Max(most, number + 1);	/* the last one may be repeated */
			number = 0;
		}
		else if (isdigit((unsigned char) *bound))
			number = Min(number * 10 + (*bound - '0'), MAX_REGEX_STATES);
		else
			return 0;
	}
	return bound < end ? Max(most, number) : 0;
}

/*
 * Could it be too deep, or have too many states?  What is repeated is not
 * longer than the pattern.
 */
static bool
regex_is_large(const char *pattern, int len)
{
	int64		states = Max(len, 1);
	int			parentheses = 0;

	for (int i = 0; i < len; i++)
	{
		if (pattern[i] == '(')
			parentheses++;
		else if (pattern[i] == '{')
			states *= repetitions(pattern + i + 1, pattern + len);
		if (states == 0 || states > MAX_REGEX_STATES || parentheses > MAX_PARENTHESES)
			return true;
	}
	return len > MAX_PATTERN_LENGTH;
}

/* Compiles, not too deep, and to an automaton alone. */
static bool
regex_is_safe(const char *pattern, int len, int flags, Oid collation)
{
	pg_wchar   *wide;
	int			wide_len;
	regex_t		regex;
	bool		safe;

	if (regex_is_large(pattern, len))
		return false;
	wide = palloc((len + 1) * sizeof(pg_wchar));
	wide_len = pg_mb2wchar_with_len(pattern, wide, len);
	if (pg_regcomp(&regex, wide, wide_len, flags | REG_NOSUB, collation) != REG_OKAY)
		return false;
	safe = (regex.re_info & (REG_UBACKREF | REG_ULOOKAROUND)) == 0;
	pg_regfree(&regex);
	pfree(wide);
	return safe;
}

static bool
text_is_safe(TrustCondition condition, Datum datum, Oid collation)
{
	text	   *pattern = DatumGetTextPP(datum);
	const char *data = VARDATA_ANY(pattern);
	int			len = VARSIZE_ANY_EXHDR(pattern);

	switch (condition)
	{
		case TRUST_LIKE:
		case TRUST_ILIKE:
			return like_pattern_is_safe(data, len);
		case TRUST_REGEX:
			return regex_is_safe(data, len, REG_ADVANCED, collation);
		case TRUST_IREGEX:
			return regex_is_safe(data, len, REG_ADVANCED | REG_ICASE, collation);
		default:
			return false;
	}
}

/* Each of the patterns of LIKE ANY (array). */
static bool
texts_are_safe(TrustCondition condition, Datum array, Oid collation)
{
	Datum	   *elements;
	bool	   *nulls;
	int			n;

	deconstruct_array(DatumGetArrayTypeP(array), TEXTOID, -1, false, TYPALIGN_INT,
					  &elements, &nulls, &n);
	for (int i = 0; i < n; i++)
		if (!nulls[i] && !text_is_safe(condition, elements[i], collation))
			return false;
	return true;
}

/*
 * May the pattern, a text or an array of texts, meet any row?  A null matches
 * nothing, and fails nothing.
 */
bool
pattern_is_safe(TrustCondition condition, const Const *pattern, Oid collation)
{
	if (!collation_is_silent(collation))
		return false;
	if (pattern->constisnull)
		return true;
	if (pattern->consttype == TEXTOID)
		return text_is_safe(condition, pattern->constvalue, collation);
	if (pattern->consttype == TEXTARRAYOID)
		return texts_are_safe(condition, pattern->constvalue, collation);
	return false;
}
