/*-------------------------------------------------------------------------
 *
 * client_statement.c
 *	  Counts the statements that the client sends.
 *
 * Those that functions, triggers and other statements run are not counted, nor
 * those that begin and end transactions and savepoints.  The count is raised
 * when a statement has ended without an error.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "nodes/parsenodes.h"
#include "tcop/pquery.h"
#include "tcop/tcopprot.h"

#include "client_statement.h"

/* How many have ended in this session. */
int64		client_statements = 0;

/*
 * Is the active portal one that the client's message executes?  A portal without
 * a name is; those of cursors and of EXECUTE have names, and another text than
 * the message.
 */
static bool
portal_is_clients(void)
{
	return ActivePortal != NULL &&
		(ActivePortal->name[0] == '\0' || (debug_query_string != NULL && strcmp(ActivePortal->sourceText, debug_query_string) == 0));
}

/* Is a plan that is about to run the client's own statement, and does it run for the first time? */
bool
is_client_plan(const QueryDesc *query_desc)
{
	return query_desc->plannedstmt->canSetTag && !query_desc->already_executed &&
		portal_is_clients() && list_member_ptr(ActivePortal->stmts, query_desc->plannedstmt);
}

/* Is a utility statement the client's own, and none that begins or ends transactions? */
bool
is_client_utility(const PlannedStmt *stmt, ProcessUtilityContext context)
{
	return context == PROCESS_UTILITY_TOPLEVEL && stmt->canSetTag && !IsA(stmt->utilityStmt, TransactionStmt);
}
