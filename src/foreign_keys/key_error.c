/*-------------------------------------------------------------------------
 *
 * key_error.c
 *	  Errors of foreign keys' actions do not show other tenants' rows.
 *
 * Where a row breaks a constraint PostgreSQL says in the DETAIL which row, and
 * with which it conflicts, unless row-level security binds the current user
 * (ExecBuildSlotValueDescription, BuildIndexValueDescription, ri_ReportViolation).
 * In a foreign key's action that is the owner of the table.  Of an owner whom it
 * does not bind, the DETAIL would show rows to a caller whom it does.
 *
 * From 18 on the owner is the current user also in the checks of the rows that an
 * action has changed: these are triggers, and run as who queued them, at the end
 * of the caller's statement, at SET CONSTRAINTS or at COMMIT.  The last of these
 * nobody can catch, but what the client is told passes emit_log_hook.
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

/* As whom, and in which transaction, the last such action ran. */
static Oid	acting_owner = InvalidOid;
static LocalTransactionId acted_in = InvalidLocalTransactionId;

/* The pair of roles that was judged last: a statement may fire thousands of actions. */
static Oid	judged_owner = InvalidOid;
static Oid	judged_caller = InvalidOid;
static bool judged_hidden;

/* Counts changes of roles, so that what was read across one is not kept. */
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
 * Of a foreign key's statement that is about to run: may its caller not see what
 * its errors would show?
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
 * Is an error of the owner's, by a trigger that such an action of this transaction
 * queued?  (Or by a SECURITY DEFINER function of that owner: it is not worth
 * telling the two apart.)
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

/* What the client is not told, the log is. */
static void
move_detail_to_log(ErrorData *error)
{
	if (error->detail_log == NULL)
		error->detail_log = error->detail;
	error->detail = NULL;
}

/*
 * In a PG_CATCH block: takes the DETAIL from the error that was caught, if it is
 * that of a constraint, and throws it again.  Copies go into "context", which the
 * caller was in before; returns if there is nothing to take.
 */
void
hide_detail(MemoryContext context)
{
	ErrorData  *error;

	if (!is_of_constraint(geterrcode()))
		return;
	MemoryContextSwitchTo(context);
	error = CopyErrorData();
	FlushErrorState();
	move_detail_to_log(error);
	ReThrowError(error);
}

/* For emit_log_hook: the same of an error that is about to be reported. */
void
hide_detail_in_report(ErrorData *error)
{
	if (error->elevel == ERROR && error->detail != NULL && is_of_constraint(error->sqlerrcode) && raised_after_action())
		move_detail_to_log(error);
}
