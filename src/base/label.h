/*-------------------------------------------------------------------------
 *
 * label.h
 *	  What a security label of tenant_guard says.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_LABEL_H
#define TENANT_GUARD_LABEL_H

typedef enum LabelKind
{
	LABEL_NONE,					/* there is no label */
	LABEL_SHARED,				/* a table that is no one tenant's */
	LABEL_UNPROTECTED,			/* a table from which unprotect() has removed the guard */
	LABEL_TRUSTED,				/* a function that reveals nothing of its arguments */
	LABEL_UNKNOWN				/* not written by this version */
} LabelKind;

extern LabelKind parse_label(const char *label);
extern const char *label_word(LabelKind kind);

#endif							/* TENANT_GUARD_LABEL_H */
