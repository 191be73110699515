/*-------------------------------------------------------------------------
 *
 * bypass.c
 *	  How the user opted in to bypassing isolation, and the log.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/parallel.h"
#include "access/xact.h"
#include "commands/dbcommands.h"
#include "miscadmin.h"
#include "nodes/pg_list.h"
#include "storage/proc.h"
#include "utils/acl.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/rls.h"

#include "bypass.h"
#include "catalog.h"
#include "compat.h"
#include "settings.h"

/* Does the role act itself?  False in SECURITY DEFINER functions and the like of other roles. */
static bool
acts_itself(void)
{
	return !InLocalUserIdChange() &&
		(!InSecurityRestrictedOperation() || has_bypassrls_privilege(GetOuterUserId()));
}

/*
 * How did the user opt in to bypassing isolation?  Returns a constant for the
 * log, or NULL if the user did not.  "check_as_user" is the owner of the view or
 * rule through which the table is accessed, or InvalidOid.  row_security = off
 * counts only if the role acts itself: an unprivileged caller can set it, and
 * must gain nothing by that in another role's view or function.
 */
const char *
bypass_reason(Oid check_as_user)
{
	if (setting_bypass)
		return "tenant_guard.bypass";
	if (!row_security && !OidIsValid(check_as_user) && acts_itself() &&
		has_bypassrls_privilege(GetUserId()))
		return "row_security = off";
	return NULL;
}

/*
 * The bypass reason for a statement that runs as an owner, but on behalf of the
 * session's role: REFRESH MATERIALIZED VIEW, and foreign keys' actions.
 */
const char *
bypass_reason_outside(void)
{
	if (setting_bypass)
		return "tenant_guard.bypass";
	if (!row_security && has_bypassrls_privilege(GetOuterUserId()))
		return "row_security = off";
	return NULL;
}

/*
 * Has this line been logged for the client's current statement?  A function may
 * bypass isolation for each row of a query.  If it has not, remembers the line.
 */
static bool
is_logged_already(const char *line)
{
	static List *lines = NIL;	/* in TopTransactionContext */
	static TimestampTz statement = 0;
	static LocalTransactionId transaction = InvalidLocalTransactionId;
	MemoryContext oldcontext;
	ListCell   *lc;

	if (statement != GetCurrentStatementStartTimestamp() || transaction != proc_lxid(MyProc))
		lines = NIL;
	statement = GetCurrentStatementStartTimestamp();
	transaction = proc_lxid(MyProc);

	foreach(lc, lines)
		if (strcmp(lfirst(lc), line) == 0)
			return true;
	oldcontext = MemoryContextSwitchTo(TopTransactionContext);
	lines = lappend(lines, pstrdup(line));
	MemoryContextSwitchTo(oldcontext);
	return false;
}

/*
 * Writes a line to the server log, once for each statement of the client.  The
 * statement's text and context are not logged, since they may have values of
 * rows.
 */
static void
log_bypass_of(Oid role, const char *what, const char *reason)
{
	char	   *line;

	Assert(what != NULL && reason != NULL);
	if (!setting_log_bypass)
		return;
	line = psprintf("role \"%s\" bypassed the isolation of tenants in database \"%s\": %s (by means of %s, application \"%s\")",
					GetUserNameFromId(role, true),
					get_database_name(MyDatabaseId), what, reason,
					application_name ? application_name : "");
	if (!is_logged_already(line))
		ereport(LOG_SERVER_ONLY,
				(errmsg("tenant_guard: %s", line),
				 errhidestmt(true), errhidecontext(true)));
	pfree(line);
}

/* Logs a bypass; "reason" is what bypass_reason returned. */
void
log_bypass(const char *what, const char *reason)
{
	log_bypass_of(GetUserId(), what, reason);
}

/* Logs a bypass; "reason" is what bypass_reason_outside returned. */
void
log_bypass_outside(const char *what, const char *reason)
{
	log_bypass_of(GetOuterUserId(), what, reason);
}

/*
 * Has the leader logged the bypasses of this query?  The first query that a
 * parallel worker starts is its leader's.  Must be called once for each query.
 */
bool
leader_has_logged(void)
{
	static bool first = true;
	bool		logged = IsParallelWorker() && first;

	first = false;
	return logged;
}

/* Logs a query that bypasses the isolation of these relations, in one line. */
void
log_bypassed_relations(List *relids, const char *reason)
{
	StringInfoData names;
	ListCell   *lc;

	Assert(relids != NIL);
	initStringInfo(&names);
	foreach(lc, relids)
		appendStringInfo(&names, "%s%s", names.len > 0 ? ", " : "",
						 relation_name(lfirst_oid(lc)));
	log_bypass(names.data, reason);
	pfree(names.data);
}

/* Has the user opted in to weakening the guard of a table?  If so, logs that. */
bool
weakening_is_allowed(Oid relid)
{
	const char *reason = bypass_reason(InvalidOid);

	if (reason != NULL)
		log_bypass(psprintf("a statement weakened the guard of %s", relation_name(relid)), reason);
	return reason != NULL;
}
