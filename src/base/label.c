/*-------------------------------------------------------------------------
 *
 * label.c
 *	  What a security label of tenant_guard says.
 *
 *	  label  = clause { ";" clause }
 *	  clause = word { key "=" value }
 *	  value  = "'" text, in which each quote is doubled, "'"
 *
 * At most one clause is a declaration: 'shared', 'unprotected' or 'trusted'.  The
 * others are 'accepted', each for another finding.  pg_dump carries labels, so a
 * word is never given another meaning.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "utils/datetime.h"

#include "label.h"

static const char *const words[] = {
	[LABEL_SHARED] = "shared",
	[LABEL_UNPROTECTED] = "unprotected",
	[LABEL_TRUSTED] = "trusted",
	[LABEL_ACCEPTED] = "accepted",
};

static const char *const keys[LABEL_KEYS] = {
	[KEY_RULE] = "rule",
	[KEY_OBJECT] = "object",
	[KEY_DETAILS] = "details",
	[KEY_REASON] = "reason",
	[KEY_UNTIL] = "until",
	[KEY_BY] = "by",
};

/* ----------------------------------------------------------------
 *		Reading
 * ----------------------------------------------------------------
 */

static const char *
skip_spaces(const char *at)
{
	return at + strspn(at, " \t\r\n");
}

/* Reads a word of lower-case letters; returns its index in a list of words or -1, and the place behind it. */
static int
read_word(const char **at, const char *const list[], int length)
{
	size_t		letters = strspn(*at, "abcdefghijklmnopqrstuvwxyz_");

	for (int i = 0; i < length; i++)
		if (list[i] != NULL && strlen(list[i]) == letters && strncmp(list[i], *at, letters) == 0)
		{
			*at += letters;
			return i;
		}
	return -1;
}

/* Reads a value in quotes; palloc'd, or NULL if there is none. */
static char *
read_value(const char **at)
{
	StringInfoData value;
	const char *next = *at;

	if (*next++ != '\'')
		return NULL;
	initStringInfo(&value);
	for (; *next != '\0'; next++)
	{
		if (*next == '\'' && *++next != '\'')
		{
			*at = next;
			return value.data;
		}
		appendStringInfoChar(&value, *next);
	}
	return NULL;
}

static bool
clause_takes(LabelKind kind, LabelKey key)
{
	return kind == LABEL_ACCEPTED || key == KEY_REASON;
}

/* Reads the keys of a clause and their values; returns what is wrong, or NULL. */
static const char *
read_values(const char **at, LabelClause *clause)
{
	while (*(*at = skip_spaces(*at)) != '\0' && **at != ';')
	{
		const char *word = *at;
		int			key = read_word(at, keys, LABEL_KEYS);

		if (key < 0 || !clause_takes(clause->kind, key))
			return psprintf("A key of '%s' is expected at \"%s\".", words[clause->kind], word);
		if (clause->values[key] != NULL)
			return psprintf("Key \"%s\" is given twice.", keys[key]);
		clause->values[key] = **at == '=' ? ((*at)++, read_value(at)) : NULL;
		if (clause->values[key] == NULL)
			return psprintf("Key \"%s\" has no value in single quotes.", keys[key]);
	}
	return NULL;
}

static bool
is_blank(const char *text)
{
	return text == NULL || *skip_spaces(text) == '\0';
}

/* Is this a day, 2027-03-01, or a time, 2027-03-01T00:00:00Z, in a form that no setting changes? */
static bool
is_time(const char *text)
{
	int			year,
				month,
				day,
				hour = 0,
				minute = 0,
				second = 0,
				back[3];

	if (strlen(text) != 10 && strlen(text) != 20)
		return false;
	for (int i = 0; text[i] != '\0'; i++)
	{
		char		form = "0000-00-00T00:00:00Z"[i];

		if (form == '0' ? !(text[i] >= '0' && text[i] <= '9') : text[i] != form)
			return false;
	}
	if (sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2dZ", &year, &month, &day, &hour, &minute, &second) < 3 ||
		year < 1 || month < 1 || month > 12)
		return false;
	j2date(date2j(year, month, day), &back[0], &back[1], &back[2]);
	return back[1] == month && back[2] == day && hour < 24 && minute < 60 && second < 60;
}

/* What is wrong with an acceptance, or NULL. */
static const char *
fault_of_acceptance(char *const values[])
{
	if (is_blank(values[KEY_RULE]) || is_blank(values[KEY_REASON]))
		return "An acceptance has a rule and a reason.";
	if (values[KEY_UNTIL] != NULL && !is_time(values[KEY_UNTIL]))
		return psprintf("\"%s\" is neither a day, as in 2027-03-01, nor a time, as in 2027-03-01T00:00:00Z.", values[KEY_UNTIL]);
	return NULL;
}

static bool
same_text(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* What is wrong with a clause that follows these, or NULL. */
static const char *
fault_of_clause(const LabelClause *clause, List *before)
{
	ListCell   *lc;

	if (clause->kind == LABEL_ACCEPTED && fault_of_acceptance(clause->values) != NULL)
		return fault_of_acceptance(clause->values);
	foreach(lc, before)
	{
		LabelClause *other = lfirst(lc);

		if (clause->kind != LABEL_ACCEPTED && other->kind != LABEL_ACCEPTED)
			return psprintf("It declares '%s', and then '%s'.", words[other->kind], words[clause->kind]);
		if (clause->kind == other->kind && same_text(clause->values[KEY_RULE], other->values[KEY_RULE]) &&
			same_text(clause->values[KEY_OBJECT], other->values[KEY_OBJECT]))
			return psprintf("Rule \"%s\" is accepted twice.", clause->values[KEY_RULE]);
	}
	return NULL;
}

/* The clauses of a label; NIL if there is none, or if "fault" is set to what is wrong with it.  Everything is palloc'd. */
List *
read_label(const char *label, const char **fault)
{
	List	   *clauses = NIL;
	const char *at = label;

	*fault = NULL;
	while (at != NULL)
	{
		LabelClause *clause = palloc0(sizeof(LabelClause));
		int			kind = read_word((at = skip_spaces(at), &at), words, lengthof(words));

		if (kind < 0)
		{
			*fault = *at != '\0' ? psprintf("A word of its labels is expected at \"%s\".", at) :
				"A word of its labels is expected at the end.";
			return NIL;
		}
		clause->kind = kind;
		*fault = read_values(&at, clause);
		if (*fault == NULL)
			*fault = fault_of_clause(clause, clauses);
		if (*fault != NULL)
			return NIL;
		clauses = lappend(clauses, clause);
		at = *at == ';' ? at + 1 : NULL;
	}
	return clauses;
}

/* The clause that is a declaration, or NULL. */
LabelClause *
declaration_in(List *clauses)
{
	ListCell   *lc;

	foreach(lc, clauses)
		if (((LabelClause *) lfirst(lc))->kind != LABEL_ACCEPTED)
			return lfirst(lc);
	return NULL;
}

/* What a label declares; LABEL_NONE if there is no label, or one that only accepts findings. */
LabelKind
parse_label(const char *label)
{
	const char *fault;
	LabelClause *declaration = declaration_in(read_label(label, &fault));

	if (fault != NULL)
		return LABEL_UNKNOWN;
	return declaration != NULL ? declaration->kind : LABEL_NONE;
}

/* ----------------------------------------------------------------
 *		Writing
 * ----------------------------------------------------------------
 */

static void
write_value(StringInfo label, const char *key, const char *value)
{
	appendStringInfo(label, " %s='", key);
	for (; *value != '\0'; value++)
	{
		if (*value == '\'')
			appendStringInfoChar(label, '\'');
		appendStringInfoChar(label, *value);
	}
	appendStringInfoChar(label, '\'');
}

/* The label of these clauses, palloc'd, or NULL if there are none. */
char *
write_label(List *clauses)
{
	StringInfoData label;
	ListCell   *lc;

	if (clauses == NIL)
		return NULL;
	initStringInfo(&label);
	foreach(lc, clauses)
	{
		LabelClause *clause = lfirst(lc);

		appendStringInfo(&label, "%s%s", label.len > 0 ? "; " : "", label_word(clause->kind));
		for (LabelKey key = 0; key < LABEL_KEYS; key++)
			if (clause->values[key] != NULL)
				write_value(&label, keys[key], clause->values[key]);
	}
	return label.data;
}

/* The word of a kind that has one; a static string. */
const char *
label_word(LabelKind kind)
{
	Assert(kind >= LABEL_SHARED && kind <= LABEL_ACCEPTED);
	return words[kind];
}
