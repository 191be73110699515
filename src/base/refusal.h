/*-------------------------------------------------------------------------
 *
 * refusal.h
 *	  Refusals: errors as values, and the functions that raise them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_REFUSAL_H
#define TENANT_GUARD_REFUSAL_H

#include "compat.h"

/* Behind ERRCODE_ stands the condition's name in docs/reference/errors.md, after which clients name their exceptions. */
#define ERRCODE_NO_TENANT				MAKE_SQLSTATE('T','G','0','0','1')
#define ERRCODE_TENANT_CHANGED			MAKE_SQLSTATE('T','G','0','0','2')
#define ERRCODE_WOULD_BYPASS			MAKE_SQLSTATE('T','G','0','0','3')
#define ERRCODE_TENANT_TYPE_MISMATCH	MAKE_SQLSTATE('T','G','0','0','4')
#define ERRCODE_WOULD_WEAKEN			MAKE_SQLSTATE('T','G','0','0','5')
#define ERRCODE_TENANT_STALE			MAKE_SQLSTATE('T','G','0','0','6')
#define ERRCODE_ROWS_IN_THE_WAY			MAKE_SQLSTATE('T','G','0','0','7')
#define ERRCODE_TENANT_NOT_ALLOWED		MAKE_SQLSTATE('T','G','0','0','8')

/* What is appended to the hints of refusals and notices that tools run into which compare the database with a schema of theirs. */
#define SEE_SCHEMA_TOOLS " If a schema tool sent it, see docs/schema-tools.md."

/*
 * An error as a value.  The strings are constant, or palloc'd in the memory
 * context that was current when the refusal was made; detail and hint may be
 * NULL.
 */
typedef struct Refusal
{
	int			sqlstate;
	const char *message;
	const char *detail;
	const char *hint;
} Refusal;

typedef void (*RefusalCallback) (int sqlstate);

extern void call_at_refusal(RefusalCallback callback);
extern void note_refusal(int sqlstate);

/* Raise one as an error, report one at an elevel and query position, or reject a GUC's new value. */
pg_noreturn extern void raise_refusal(Refusal refusal);
extern void report_refusal(int level, Refusal refusal, int position);
extern bool reject_setting(Refusal refusal);

extern Refusal wrong_state(const char *message, const char *detail, const char *hint);

#endif							/* TENANT_GUARD_REFUSAL_H */
