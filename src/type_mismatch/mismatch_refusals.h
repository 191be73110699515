/*-------------------------------------------------------------------------
 *
 * mismatch_refusals.h
 *	  Refusals of queries and of stored expressions that compare a tenant as
 *	  text.
 *
 * "relation" is a qualified and quoted name; "column" is not quoted.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_MISMATCH_REFUSALS_H
#define TENANT_GUARD_MISMATCH_REFUSALS_H

#include "refusal.h"

extern Refusal compared_as_text(const char *relation, const char *column, const char *type,
								const char *text_type, const char *hint);
extern Refusal indexed_as_text(const char *object, const char *relation, const char *column,
							   const char *type, const char *text_type);
extern Refusal held_as_text(const char *object, const char *relation, const char *column,
							const char *type, const char *text_type);

extern Refusal body_not_parsed(const char *function, const char *culprit);

extern char *hint_of_comparison(const char *column, const char *type, const char *rewritten,
								bool pattern, const char *via);

#endif							/* TENANT_GUARD_MISMATCH_REFUSALS_H */
