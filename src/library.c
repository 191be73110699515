/*-------------------------------------------------------------------------
 *
 * library.c
 *	  What this library is, and how the session came by it: for audit().
 *
 * The settings that preload a library are not for everyone to read, and may
 * have changed since the session began.  How the library was loaded is known
 * as it is loaded, and noted then.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "library.h"

/* default_version of tenant_guard.control; a regression test compares them */
#define LIBRARY_VERSION "1.0"

static bool preloaded = false;

PG_FUNCTION_INFO_V1(tenant_guard_library_version);
PG_FUNCTION_INFO_V1(tenant_guard_library_preloaded);

/*
 * Called by _PG_init.  A session that preloads a library does so before it is
 * ready for statements; a function's first call comes after.
 */
void
init_library(void)
{
	preloaded = process_shared_preload_libraries_in_progress || !IsNormalProcessingMode();
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
