/*-------------------------------------------------------------------------
 *
 * safe_pattern.c
 *	  Patterns that cannot fail, whatever they are matched with.
 *
 * LIKE and regular expressions raise an error for an invalid pattern only when a
 * row reaches them, which would reveal that one did.  A pattern is safe if it is
 * valid, and if matching it cannot run out of stack or of states.  Nothing here
 * raises an error that the query would not raise.
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
 * LIKE recurses once for each %.  The regular expression compiler recurses once
 * for each parenthesis and, in places, once for each state of its automaton.  All
 * of that must fit into STACK_RESERVE of stack_reserve.c.
 */
#define MAX_PATTERN_LENGTH	1000
#define MAX_PERCENTS		50
#define MAX_PARENTHESES		100
#define MAX_REGEX_STATES	2000

/*
 * Can looking up the case of a letter not fail?  In UTF8 the locale's functions
 * accept every character that can be stored; in single-byte encodings each byte
 * is looked up by itself.
 */
bool
letters_have_cases(void)
{
	return GetDatabaseEncoding() == PG_UTF8 || pg_database_encoding_max_length() == 1;
}

/*
 * Is this a collation for which the server never warns of a version mismatch when
 * it is used?  That is the database's own, for which it warns when a session
 * starts, and those without a version.  All of them are deterministic, as LIKE and
 * regular expressions require.
 */
bool
collation_never_warns(Oid collation)
{
	return collation == DEFAULT_COLLATION_OID || collation == C_COLLATION_OID ||
		collation == POSIX_COLLATION_OID;
}

/* Does the pattern have few % and no escape character at its end? */
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
 * Returns how often {n}, {n,} or {n,m} repeats what precedes it; "bound" points
 * behind the opening brace.  Returns 0 for anything else, such as a bound with
 * blanks or comments in it.
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
 * Could the automaton have too many states, or compiling it recurse too deeply?
 * The number of states is estimated from above: a bound repeats at most the whole
 * pattern.
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

/* Does the pattern compile to an automaton that is not large, without back-references and look-around? */
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

/* Is the pattern, a text, safe for a function that is trusted on this condition? */
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

/* Are all patterns of LIKE ANY (array), a text[], safe? */
static bool
texts_are_safe(TrustCondition condition, Datum array, Oid collation)
{
	Datum	   *elements;
	bool	   *nulls;
	int			n;

	Assert(ARR_ELEMTYPE(DatumGetArrayTypeP(array)) == TEXTOID);
	deconstruct_array(DatumGetArrayTypeP(array), TEXTOID, -1, false, TYPALIGN_INT,
					  &elements, &nulls, &n);
	for (int i = 0; i < n; i++)
		if (!nulls[i] && !text_is_safe(condition, elements[i], collation))
			return false;
	return true;
}

/*
 * May the pattern, a text or text[], be matched with any row's value?  A null may:
 * it matches nothing and raises no error.  "condition" is one of the four that
 * have a pattern.
 */
bool
pattern_is_safe(TrustCondition condition, const Const *pattern, Oid collation)
{
	Assert(condition >= TRUST_LIKE && condition <= TRUST_IREGEX);
	if (!collation_never_warns(collation))
		return false;
	if (pattern->constisnull)
		return true;
	if (pattern->consttype == TEXTOID)
		return text_is_safe(condition, pattern->constvalue, collation);
	if (pattern->consttype == TEXTARRAYOID)
		return texts_are_safe(condition, pattern->constvalue, collation);
	return false;
}
