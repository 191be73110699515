/*-------------------------------------------------------------------------
 *
 * library.c
 *	  What this library is, and how the session came by it.
 *
 * The settings that preload a library are not for everyone to read, and may
 * have changed since the session began.  How the library was loaded is known
 * as it is loaded, and noted then.
 *
 * A library that is not preloaded comes with the first function of it that is
 * called, or with LOAD.  Where that is a function of a policy, a query on a
 * guarded table has been planned without us: PostgreSQL looks the function up
 * while it plans or starts that query, and nothing of ours has run before.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/parallel.h"
#include "commands/extension.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "tcop/pquery.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/plancache.h"

#include "library.h"

/* default_version of tenant_guard.control; a lint and a regression test compare them */
#define LIBRARY_VERSION "0.9"

typedef enum Arrival
{
	PRELOADED,					/* before the first statement; in a parallel worker, with its leader's libraries: the leader answers */
	JUST_LOADED,				/* nothing of ours has run yet */
	BROUGHT_BY_GUARD,
	BROUGHT_OTHERWISE
} Arrival;

static bool preloaded = false;
static bool of_server = false;
static Arrival arrival = PRELOADED;

PG_FUNCTION_INFO_V1(tenant_guard_library_version);
PG_FUNCTION_INFO_V1(tenant_guard_library_preloaded);

/*
 * Called by _PG_init.  A session that preloads a library does so before it is
 * ready for statements; a function's first call comes after.  Plans that the
 * session keeps were made without us then.
 */
void
init_library(void)
{
	of_server = process_shared_preload_libraries_in_progress;
	preloaded = of_server || !IsNormalProcessingMode();
	if (preloaded || InitializingParallelWorker || IsBinaryUpgrade)
		return;
	arrival = JUST_LOADED;
	ResetPlanCache();
}

/* Does every session of the server have the library? */
bool
server_preloads_library(void)
{
	return of_server;
}

/* May plans be about that were made without us? */
bool
library_came_late(void)
{
	return arrival != PRELOADED;
}

/* Was a query on a guarded table what loaded the library? */
bool
guard_brought_library(void)
{
	return arrival == BROUGHT_BY_GUARD;
}

/* A hook of ours is called: so what loaded the library is past, unless it is known to have been a guard. */
void
library_is_at_work(void)
{
	if (arrival == JUST_LOADED)
		arrival = BROUGHT_OTHERWISE;
}

/*
 * Is the client's statement no query, but DDL or COPY FROM?  It may evaluate a
 * column's default, or make a function anew.  (A query that it runs in its turn
 * is refused like any that was planned without us.)
 */
static bool
runs_no_query(void)
{
	const PlannedStmt *stmt;

	if (creating_extension)
		return true;
	if (ActivePortal == NULL || list_length(ActivePortal->stmts) != 1)
		return false;
	stmt = linitial_node(PlannedStmt, ActivePortal->stmts);
	if (stmt->utilityStmt == NULL || IsA(stmt->utilityStmt, CreateTableAsStmt) || IsA(stmt->utilityStmt, RefreshMatViewStmt))
		return false;
	if (IsA(stmt->utilityStmt, CopyStmt))
		return ((const CopyStmt *) stmt->utilityStmt)->is_from;
	return GetCommandLogLevel(stmt->utilityStmt) == LOGSTMT_DDL;
}

void
guard_is_looked_up(void)
{
	if (arrival == JUST_LOADED)
		arrival = runs_no_query() ? BROUGHT_OTHERWISE : BROUGHT_BY_GUARD;
}

/* An extension may be of another version, until ALTER EXTENSION ... UPDATE. */
Datum
tenant_guard_library_version(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(LIBRARY_VERSION));
}

/* Was the library there before the session's first statement? */
Datum
tenant_guard_library_preloaded(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(preloaded);
}
