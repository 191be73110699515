/*-------------------------------------------------------------------------
 *
 * label.h
 *	  What a security label of tenant_guard says.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_LABEL_H
#define TENANT_GUARD_LABEL_H

#include "nodes/pg_list.h"

typedef enum LabelKind
{
	LABEL_NONE,					/* there is no label, or only acceptances */
	LABEL_SHARED,				/* a table that is no one tenant's */
	LABEL_UNPROTECTED,			/* a table from which unprotect() has removed the guard */
	LABEL_TRUSTED,				/* a function that reveals nothing of its arguments */
	LABEL_ACCEPTED,				/* a finding of audit() that somebody has accepted */
	LABEL_UNKNOWN				/* not written by this version */
} LabelKind;

typedef enum LabelKey
{
	KEY_RULE,					/* of the finding */
	KEY_OBJECT,					/* what of the labelled object the finding is about; NULL for itself */
	KEY_DETAILS,				/* digests of what the finding said when it was accepted */
	KEY_REASON,
	KEY_UNTIL,					/* when the acceptance ends */
	KEY_BY,						/* the role that accepted */
	LABEL_KEYS
} LabelKey;

/* One clause of a label; values are NULL where they are not given. */
typedef struct LabelClause
{
	LabelKind	kind;
	char	   *values[LABEL_KEYS];
} LabelClause;

extern List *read_label(const char *label, const char **fault);
extern char *write_label(List *clauses);
extern LabelClause *declaration_in(List *clauses);
extern LabelKind parse_label(const char *label);
extern const char *label_word(LabelKind kind);

#endif							/* TENANT_GUARD_LABEL_H */
