/*-------------------------------------------------------------------------
 *
 * mismatch_hint.h
 *	  How a comparison of a tenant as text should be written instead.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_MISMATCH_HINT_H
#define TENANT_GUARD_MISMATCH_HINT_H

#include "column_origin.h"

/* The query that contains the comparison */
typedef struct Wording
{
	const char *source;			/* its text, or NULL */
	const Scope *scope;
	const SubLink *sublink;		/* whose test the comparison is, or NULL */
} Wording;

extern bool compares_whole_values(const char *operator);
extern bool is_of_sublink(Node *node);
extern char *written_column(const Wording *wording, const Origin *origin);
extern const char *written_test(const Wording *wording, const char *operator);
extern const char *write_comparison(NodeTag form, const char *left, const char *operator, const char *right);
extern const char *rewrite_operand(const Wording *wording, Node *node, Oid type);
extern const char *rewrite_membership(const Wording *wording, const char *column, Oid type,
									  const ScalarArrayOpExpr *op, Node *array);

#endif							/* TENANT_GUARD_MISMATCH_HINT_H */
