/*-------------------------------------------------------------------------
 *
 * refusal.c
 *	  Refusals: errors as values, and the functions that raise them.
 *
 * The texts are in the ..._refusals.c files of the wings, and follow
 * PostgreSQL's error style guide.  None shows a tenant identifier, except one
 * that the caller has just written.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/guc.h"

#include "refusal.h"

/* See call_at_refusal(). */
static RefusalCallback at_refusal = NULL;

/* "callback" is called for each refusal; it must not raise an error. */
void
call_at_refusal(RefusalCallback callback)
{
	at_refusal = callback;
}

/* To be called for an error of PostgreSQL's own that is a refusal; the functions below call it. */
void
note_refusal(int sqlstate)
{
	if (at_refusal)
		at_refusal(sqlstate);
}

void
raise_refusal(Refusal refusal)
{
	Assert(refusal.sqlstate != 0 && refusal.message != NULL);
	note_refusal(refusal.sqlstate);
	ereport(ERROR,
			(errcode(refusal.sqlstate),
			 errmsg("%s", refusal.message),
			 refusal.detail ? errdetail("%s", refusal.detail) : 0,
			 refusal.hint ? errhint("%s", refusal.hint) : 0));
}

/* Reports a refusal at an elevel, with a cursor position in the query's text (0: unknown). */
void
report_refusal(int level, Refusal refusal, int position)
{
	Assert(refusal.sqlstate != 0 && refusal.message != NULL);
	if (level >= ERROR)
		note_refusal(refusal.sqlstate);
	ereport(level,
			(errcode(refusal.sqlstate),
			 errmsg("%s", refusal.message),
			 refusal.detail ? errdetail("%s", refusal.detail) : 0,
			 refusal.hint ? errhint("%s", refusal.hint) : 0,
			 errposition(position)));
}

/* Hands the texts to guc.c and returns false, as a GUC check hook must to reject a value. */
bool
reject_setting(Refusal refusal)
{
	Assert(refusal.sqlstate != 0 && refusal.message != NULL);
	note_refusal(refusal.sqlstate);
	GUC_check_errcode(refusal.sqlstate);
	GUC_check_errmsg("%s", refusal.message);
	if (refusal.detail)
		GUC_check_errdetail("%s", refusal.detail);
	if (refusal.hint)
		GUC_check_errhint("%s", refusal.hint);
	return false;
}

/* A refusal of SQLSTATE 55000: the object is not in the state that the statement needs. */
Refusal
wrong_state(const char *message, const char *detail, const char *hint)
{
	return (Refusal) {ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, message, detail, hint};
}
