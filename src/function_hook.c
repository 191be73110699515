/*-------------------------------------------------------------------------
 *
 * function_hook.c
 *	  The function manager's hook: what our statements, and foreign keys', call.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"

#include "extension_function.h"
#include "function_hook.h"
#include "function_mismatch.h"
#include "noforce.h"
#include "own_sql.h"

static needs_fmgr_hook_type prev_needs_fmgr = NULL;
static fmgr_hook_type prev_fmgr = NULL;

/* What fmgr_hook keeps between the start and the end of a call. */
typedef struct FunctionCall
{
	bool		suspended;		/* FORCE was suspended; it is back for the call */
	bool		unforced;		/* under a statement of ours: so is the replication role */
	int			role;			/* to be put back then */
	Datum		prev_arg;		/* the previous hook's */
} FunctionCall;

/*
 * Of interest are functions that are called while a foreign key's statement is
 * planned, and all that a statement of our own calls.  The check that we put
 * into a key's action is called for each row, and calls nobody's function.
 */
static bool
needs_fmgr(Oid funcid)
{
	bool		wanted = prev_needs_fmgr && prev_needs_fmgr(funcid);

	return wanted ||
		((InNoForceRLSOperation() || runs_as_owner()) && extension_function(funcid) != EXTENSION_KEY_CHECK);
}

static void
call_prev_fmgr(FmgrHookEventType event, FmgrInfo *flinfo, Datum *arg)
{
	if (prev_fmgr)
		prev_fmgr(event, flinfo, arg);
}

static void
fmgr(FmgrHookEventType event, FmgrInfo *flinfo, Datum *arg)
{
	FunctionCall *call = (FunctionCall *) DatumGetPointer(*arg);

	switch (event)
	{
		case FHET_START:
			check_called_by_parser(flinfo->fn_oid);
			if (call == NULL)
			{
				call = MemoryContextAllocZero(flinfo->fn_mcxt, sizeof(FunctionCall));
				*arg = PointerGetDatum(call);
			}
			call->suspended = suspend_noforce();
			call->unforced = updates_noforce();
			if (call->unforced)
				call->role = suspend_replication_role();
			call_prev_fmgr(event, flinfo, &call->prev_arg);
			break;
		case FHET_END:
		case FHET_ABORT:
			call_prev_fmgr(event, flinfo, call ? &call->prev_arg : arg);
			if (event == FHET_END)
				function_has_ended();
			else
			{
				function_has_failed(flinfo->fn_oid);
				function_failed_in_parser();
			}
			if (call == NULL)
				break;
			if (call->unforced)
				resume_replication_role(call->role);
			if (call->suspended)
				resume_noforce();
			call->unforced = call->suspended = false;
			break;
	}
}

void
install_function_hook(void)
{
	prev_needs_fmgr = needs_fmgr_hook;
	needs_fmgr_hook = needs_fmgr;
	prev_fmgr = fmgr_hook;
	fmgr_hook = fmgr;
}
