/*-------------------------------------------------------------------------
 *
 * library.c
 *	  The library's version, and how the session loaded it.
 *
 * How the library was loaded is recorded while it is loaded: not everyone may
 * read the settings that preload libraries, and they may have changed since
 * the session began.
 *
 * A session that does not preload the library loads it by the first call of
 * one of its functions, or by LOAD.  If that function is one that policies
 * call, a query on a guarded table was planned without our hooks: PostgreSQL
 * looks the function up while it plans or starts that query.
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
#define LIBRARY_VERSION "1.1"

typedef enum Arrival
{
	PRELOADED,					/* loaded before the first statement, or in a parallel worker, whose leader does the checks */
	JUST_LOADED,				/* no hook or function of ours has been called yet */
	BROUGHT_BY_GUARD,			/* loaded by a function that a policy calls */
	BROUGHT_OTHERWISE			/* loaded by LOAD or by another function */
} Arrival;

static bool preloaded = false;
static bool of_server = false;
static Arrival arrival = PRELOADED;

PG_FUNCTION_INFO_V1(tenant_guard_library_version);
PG_FUNCTION_INFO_V1(tenant_guard_library_preloaded);

/*
 * Must be called by _PG_init.  While a library is preloaded the session is not
 * yet in normal processing mode; afterwards it is.  A library that is loaded
 * late drops the cached plans, which were made without it.
 */
void
init_library(void)
{
	Assert(arrival == PRELOADED);
	of_server = process_shared_preload_libraries_in_progress;
	preloaded = of_server || !IsNormalProcessingMode();
	if (preloaded || InitializingParallelWorker || IsBinaryUpgrade)
		return;
	arrival = JUST_LOADED;
	ResetPlanCache();
}

/* Does shared_preload_libraries list the library, so that every session has it? */
bool
server_preloads_library(void)
{
	return of_server;
}

/* Was the library loaded after the session began, so that it may have plans made without our hooks? */
bool
library_came_late(void)
{
	return arrival != PRELOADED;
}

/*
 * Has the library been loaded by the statement that runs, and none of its hooks
 * and no getter been called yet?  Until then it is not known what has loaded it,
 * and no hook may use the tenant.
 */
bool
library_was_just_loaded(void)
{
	return arrival == JUST_LOADED;
}

/* Was a query on a guarded table what loaded the library? */
bool
guard_brought_library(void)
{
	return arrival == BROUGHT_BY_GUARD;
}

/* Notes that a hook of ours was called.  If no guard has loaded the library by then, it was loaded otherwise. */
void
note_hook_call(void)
{
	if (arrival == JUST_LOADED)
		arrival = BROUGHT_OTHERWISE;
}

/*
 * Is the client's statement DDL or COPY FROM, so that it plans no query itself?
 * It can look a policy's function up to evaluate a column's default, or to
 * replace the function.  (A query that runs inside of it is refused like any
 * other that was planned without our hooks.)
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

/* Notes that PostgreSQL looks up a function that policies call; see GUARD_FUNCTION_INFO_V1. */
void
note_guard_lookup(void)
{
	if (arrival == JUST_LOADED)
		arrival = runs_no_query() ? BROUGHT_OTHERWISE : BROUGHT_BY_GUARD;
}

const char *
library_version(void)
{
	return LIBRARY_VERSION;
}

/* library_version(): differs from the extension's version until ALTER EXTENSION ... UPDATE is run. */
Datum
tenant_guard_library_version(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(LIBRARY_VERSION));
}

/* library_preloaded(): was the library loaded before the session's first statement? */
Datum
tenant_guard_library_preloaded(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(preloaded);
}
