/*-------------------------------------------------------------------------
 *
 * label.c
 *	  What a security label of tenant_guard says.
 *
 * A label is one word.  pg_dump carries it, so a word is never given another
 * meaning.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "label.h"

static const char *const words[] = {
	[LABEL_SHARED] = "shared",
	[LABEL_UNPROTECTED] = "unprotected",
	[LABEL_TRUSTED] = "trusted",
};

/* The kind of a label, of which NULL stands for none. */
LabelKind
parse_label(const char *label)
{
	if (label == NULL)
		return LABEL_NONE;
	for (int kind = LABEL_SHARED; kind < lengthof(words); kind++)
		if (strcmp(words[kind], label) == 0)
			return kind;
	return LABEL_UNKNOWN;
}

/* The word of a kind that has one; a static string. */
const char *
label_word(LabelKind kind)
{
	Assert(kind >= LABEL_SHARED && kind <= LABEL_TRUSTED);
	return words[kind];
}
