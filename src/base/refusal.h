/*-------------------------------------------------------------------------
 *
 * refusal.h
 *	  Refusals: errors as values, and how they are raised.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_REFUSAL_H
#define TENANT_GUARD_REFUSAL_H

#include "compat.h"

#define ERRCODE_NO_TENANT			MAKE_SQLSTATE('T','G','0','0','1')
#define ERRCODE_TENANT_FIXED		MAKE_SQLSTATE('T','G','0','0','2')
#define ERRCODE_BYPASSES_ISOLATION	MAKE_SQLSTATE('T','G','0','0','3')
#define ERRCODE_TENANT_TYPE			MAKE_SQLSTATE('T','G','0','0','4')
#define ERRCODE_WEAKENS_ISOLATION	MAKE_SQLSTATE('T','G','0','0','5')
#define ERRCODE_STALE_TENANT		MAKE_SQLSTATE('T','G','0','0','6')
#define ERRCODE_ROWS_IN_THE_WAY		MAKE_SQLSTATE('T','G','0','0','7')

/*
 * A refusal as a value.  The strings are constant or live in the current
 * memory context.
 */
typedef struct Refusal
{
	int			sqlstate;
	const char *message;
	const char *detail;
	const char *hint;
} Refusal;

/* The ways to raise one: as an error, at a level and a place in the query, or from a GUC check hook. */
pg_noreturn extern void raise_refusal(Refusal refusal);
extern void report_refusal(int level, Refusal refusal, int position);
extern bool reject_setting(Refusal refusal);

extern Refusal wrong_state(const char *message, const char *detail, const char *hint);

#endif							/* TENANT_GUARD_REFUSAL_H */
