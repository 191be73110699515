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

/* Does the role act itself, and not someone else's function for it? */
static bool
acts_itself(void)
{
	return !InLocalUserIdChange() &&
		(!InSecurityRestrictedOperation() || has_bypassrls_privilege(GetOuterUserId()));
}

/*
 * By what means is bypassing meant, or NULL?  "check_as_user" is the owner of
 * the view or rule by which the table is reached, or InvalidOid.  For
 * row_security = off the role must act itself: what an unprivileged caller
 * sets must gain nothing through someone else's view or function.
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
 * The same for what runs as an owner for the role that asks: REFRESH of a
 * materialized view, and foreign keys' actions.
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
 * Has this statement of the client's said so already?  A function may bypass
 * for each of a query's rows.
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
 * One line in the server log, once a statement.  The statement itself and its
 * context stay out of it: they may hold rows' values.
 */
static void
log_bypass_of(Oid role, const char *what, const char *means)
{
	char	   *line;

	if (!setting_log_bypass)
		return;
	line = psprintf("role \"%s\" bypassed the isolation of tenants in database \"%s\": %s (by means of %s, application \"%s\")",
					GetUserNameFromId(role, true),
					get_database_name(MyDatabaseId), what, means,
					application_name ? application_name : "");
	if (!is_logged_already(line))
		ereport(LOG_SERVER_ONLY,
				(errmsg("tenant_guard: %s", line),
				 errhidestmt(true), errhidecontext(true)));
	pfree(line);
}

void
log_bypass(const char *what, const char *means)
{
	log_bypass_of(GetUserId(), what, means);
}

/* The same where bypass_reason_outside has said how. */
void
log_bypass_outside(const char *what, const char *means)
{
	log_bypass_of(GetOuterUserId(), what, means);
}

/*
 * The first query that a parallel worker starts is its leader's, who has
 * logged it.
 */
bool
leader_has_logged(void)
{
	static bool first = true;
	bool		logged = IsParallelWorker() && first;

	first = false;
	return logged;
}

void
log_bypassed_relations(List *relids, const char *means)
{
	StringInfoData names;
	ListCell   *lc;

	initStringInfo(&names);
	foreach(lc, relids)
		appendStringInfo(&names, "%s%s", names.len > 0 ? ", " : "",
						 relation_name(lfirst_oid(lc)));
	log_bypass(names.data, means);
	pfree(names.data);
}

/* May a table be weakened?  Then the log says so. */
bool
weakening_is_meant(Oid relid)
{
	const char *means = bypass_reason(InvalidOid);

	if (means != NULL)
		log_bypass(psprintf("a statement weakened the guard of %s", relation_name(relid)), means);
	return means != NULL;
}
