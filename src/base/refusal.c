/*-------------------------------------------------------------------------
 *
 * refusal.c
 *	  Refusals: errors as values, and how they are raised.
 *
 * Each wing has the texts of its own.  They follow PostgreSQL's error style
 * guide.  None shows the value of a tenant other than one that the caller has
 * just written.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/guc.h"

#include "refusal.h"

void
raise_refusal(Refusal refusal)
{
	ereport(ERROR,
			(errcode(refusal.sqlstate),
			 errmsg("%s", refusal.message),
			 refusal.detail ? errdetail("%s", refusal.detail) : 0,
			 refusal.hint ? errhint("%s", refusal.hint) : 0));
}

/* As an error or a warning, with the cursor where it happened (0: unknown). */
void
report_refusal(int level, Refusal refusal, int position)
{
	ereport(level,
			(errcode(refusal.sqlstate),
			 errmsg("%s", refusal.message),
			 refusal.detail ? errdetail("%s", refusal.detail) : 0,
			 refusal.hint ? errhint("%s", refusal.hint) : 0,
			 errposition(position)));
}

/* For a check hook: leaves the texts to guc.c and returns false. */
bool
reject_setting(Refusal refusal)
{
	GUC_check_errcode(refusal.sqlstate);
	GUC_check_errmsg("%s", refusal.message);
	if (refusal.detail)
		GUC_check_errdetail("%s", refusal.detail);
	if (refusal.hint)
		GUC_check_errhint("%s", refusal.hint);
	return false;
}

/* Of an object that is not in the state that is needed. */
Refusal
wrong_state(const char *message, const char *detail, const char *hint)
{
	return (Refusal) {ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, message, detail, hint};
}
