/*-------------------------------------------------------------------------
 *
 * function_hook.c
 *	  The function manager's hooks, for functions that our statements and those
 *	  of foreign keys call.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"

#include "action_code.h"
#include "constant_function.h"
#include "definer_function.h"
#include "extension_function.h"
#include "function_hook.h"
#include "function_mismatch.h"
#include "noforce.h"
#include "own_sql.h"

static needs_fmgr_hook_type prev_needs_fmgr = NULL;
static fmgr_hook_type prev_fmgr = NULL;

/* State of fmgr_hook between the start and the end of a call. */
typedef struct FunctionCall
{
	bool		suspended;		/* did suspend_noforce() return true? */
	bool		replica;		/* was suspend_replication_role() called? */
	int			role;			/* what that returned, to be restored */
	ActionWatch queueing;		/* what function_queues() returned */
	Datum		prev_arg;		/* state of the previous hook */
} FunctionCall;

/*
 * fmgr_hook is needed for functions that are looked up while a foreign key's
 * statement is planned, and for all that run under run_as_owner.  It is not
 * needed for the check that we put into the plan of a key's action: that is
 * called for each row, and calls no function of a user's.
 */
static bool
needs_fmgr(Oid funcid)
{
	bool		wanted = prev_needs_fmgr && prev_needs_fmgr(funcid);

	note_function_looked_up(funcid);
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
			/* PostgreSQL does not ask needs_fmgr of one that is SECURITY DEFINER, or sets a parameter */
			note_function_called(flinfo->fn_oid);
			if (call == NULL)
			{
				call = MemoryContextAllocZero(flinfo->fn_mcxt, sizeof(FunctionCall));
				*arg = PointerGetDatum(call);
			}
			call->suspended = suspend_noforce();
			call->queueing = function_queues();
			call->replica = updates_noforce();
			if (call->replica)
				call->role = suspend_replication_role();
			call_prev_fmgr(event, flinfo, &call->prev_arg);
			/* last: the end is not reported of a call of which the start fails */
			function_begins(flinfo->fn_oid);
			break;
		case FHET_END:
		case FHET_ABORT:
			function_ends();
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
			(void) watch_actions(call->queueing);
			if (call->replica)
				resume_replication_role(call->role);
			if (call->suspended)
				resume_noforce();
			call->replica = call->suspended = false;
			break;
	}
}

/* Must be called once, by install_hooks. */
void
install_function_hook(void)
{
	Assert(fmgr_hook != fmgr);
	prev_needs_fmgr = needs_fmgr_hook;
	needs_fmgr_hook = needs_fmgr;
	prev_fmgr = fmgr_hook;
	fmgr_hook = fmgr;
}
