/*-------------------------------------------------------------------------
 *
 * key_error.c
 *	  Hides the DETAIL of errors in foreign keys' actions from users who may not
 *	  see the rows.
 *
 * Where a row violates a constraint, the DETAIL of PostgreSQL's error shows that
 * row or the one that it conflicts with, unless row-level security is enabled for
 * the current user (ExecBuildSlotValueDescription, BuildIndexValueDescription,
 * ri_ReportViolation).  In a foreign key's action the current user is the owner of
 * the table.  If the owner bypasses row-level security, the DETAIL would show
 * rows to a caller who does not.
 *
 * Since PostgreSQL 18 the owner is the current user also in the checks of rows
 * that an action has changed: these are triggers, which run as the role that
 * queued them, at the end of the caller's statement, at SET CONSTRAINTS or at
 * COMMIT.  Errors at COMMIT cannot be caught, but pass through emit_log_hook
 * before they are sent to the client.
 *
 * The server log keeps the DETAIL.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/elog.h"
#include "utils/inval.h"
#include "utils/syscache.h"

#include "compat.h"
#include "key_error.h"

/* The owner as whom the most recent such action ran, and its transaction. */
static Oid	acting_owner = InvalidOid;
static LocalTransactionId acted_in = InvalidLocalTransactionId;

/* The result for one pair of roles is cached: a statement may fire thousands of actions. */
static Oid	judged_owner = InvalidOid;
static Oid	judged_caller = InvalidOid;
static bool judged_hidden;

/* Counts invalidations of pg_authid, so that a result is not cached if one arrived while it was computed. */
static uint64 changes = 0;

static bool
judge_roles(Oid owner, Oid caller)
{
	uint64		before = changes;
	bool		hidden;

	if (owner == judged_owner && caller == judged_caller)
		return judged_hidden;
	hidden = has_bypassrls_privilege(owner) && !has_bypassrls_privilege(caller);
	if (before == changes)
	{
		judged_owner = owner;
		judged_caller = caller;
		judged_hidden = hidden;
	}
	return hidden;
}

static void
forget_roles(Datum arg, int cacheid, uint32 hashvalue)
{
	changes++;
	judged_owner = InvalidOid;
}

void
init_key_errors(void)
{
	CacheRegisterSyscacheCallback(AUTHOID, forget_roles, (Datum) 0);
}

/*
 * For the statement of a foreign key's action that is about to run: must the
 * DETAIL of its errors be hidden from its caller?  Remembers the owner as whom it
 * runs, for raised_after_action.
 */
bool
details_are_hidden(void)
{
	if (!judge_roles(GetUserId(), GetOuterUserId()))
		return false;
	acting_owner = GetUserId();
	acted_in = proc_lxid(MyProc);
	return true;
}

/*
 * Was an error raised by a trigger that such an action of this transaction has
 * queued?  True also for an error in a SECURITY DEFINER function of that owner,
 * from which it is not distinguished.
 */
bool
raised_after_action(void)
{
	return triggers_run_as_who_queued_them() && acted_in != InvalidLocalTransactionId && MyProc != NULL &&
		acted_in == proc_lxid(MyProc) && GetUserId() == acting_owner && acting_owner != GetOuterUserId();
}

static bool
is_of_constraint(int sqlstate)
{
	return ERRCODE_TO_CATEGORY(sqlstate) == ERRCODE_INTEGRITY_CONSTRAINT_VIOLATION;
}

/* Moves the DETAIL of an error to the server log, so that it is not sent to the client. */
static void
move_detail_to_log(ErrorData *error)
{
	if (error->detail_log == NULL)
		error->detail_log = error->detail;
	error->detail = NULL;
}

/*
 * To be called in a PG_CATCH block: if the error is an integrity constraint
 * violation, rethrows it without its DETAIL; else returns.  "context" is the
 * memory context from before the PG_TRY, into which the error is copied.
 */
void
hide_detail(MemoryContext context)
{
	ErrorData  *error;

	Assert(context != ErrorContext);
	if (!is_of_constraint(geterrcode()))
		return;
	MemoryContextSwitchTo(context);
	error = CopyErrorData();
	FlushErrorState();
	move_detail_to_log(error);
	ReThrowError(error);
}

/* For emit_log_hook: hides the DETAIL of an error that such a trigger has raised. */
void
hide_detail_in_report(ErrorData *error)
{
	if (error->elevel == ERROR && error->detail != NULL && is_of_constraint(error->sqlerrcode) && raised_after_action())
		move_detail_to_log(error);
}
