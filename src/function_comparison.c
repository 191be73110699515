/*-------------------------------------------------------------------------
 *
 * function_comparison.c
 *	  Comparisons of a tenant as text in functions that are there already.
 *
 * A body written BEGIN ATOMIC is a tree in the catalog.  One that is a string
 * is parsed again, by its language's validator, or for PL/pgSQL by
 * plpgsql_check where that is installed; the parse hook meanwhile leaves here
 * what it finds.  Nothing of a body is carried out, and what parsing does to
 * the session is rolled back.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_language.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "commands/proclang.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/syscache.h"

#include "comparison.h"
#include "function_comparison.h"

/* Where the parse hook leaves what it finds in a function's body. */
static bool collecting = false;
static List *collected = NIL;
static MemoryContext collector = NULL;

bool
is_collecting_mixed(void)
{
	return collecting;
}

/* What the parse hook finds meanwhile; made into refusals while it is there. */
void
collect_mixed(List *found)
{
	MemoryContext oldcontext = MemoryContextSwitchTo(collector);

	collected = list_concat(collected, refusals_of_mixed(found));
	MemoryContextSwitchTo(oldcontext);
}

/*
 * Calls a function that parses another.  The call is planned as the caller,
 * who can see the function wherever it was installed, and carried out as the
 * owner of what is parsed, as ANALYZE would: plpgsql_check plans each
 * statement of the body, and planning evaluates immutable functions, which
 * must not be a superuser's doing.
 */
static void
call_as_owner(const char *call, Oid funcid, Oid owner)
{
	SPIPlanPtr	plan = SPI_prepare(call, 1, (Oid[]) {OIDOID});
	Oid			user;
	int			context;

	GetUserIdAndSecContext(&user, &context);
	SetUserIdAndSecContext(owner, context | SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION);
	SPI_execute_plan(plan, (Datum[]) {ObjectIdGetDatum(funcid)}, NULL, false, 0);
	SetUserIdAndSecContext(user, context);
}

/* Has a language's validator, or plpgsql_check, parse the body of a function. */
static void
parse_body(Oid funcid, Form_pg_proc proc)
{
	if (proc->prolang == SQLlanguageId)
		OidFunctionCall1(F_FMGR_SQL_VALIDATOR, ObjectIdGetDatum(funcid));
	else
	{
		SPI_connect();
		if (SPI_execute("SELECT pg_catalog.format('SELECT %I.plpgsql_check_function($1::pg_catalog.regprocedure, fatal_errors => false)', n.nspname)"
						" FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) e.extnamespace"
						" WHERE e.extname OPERATOR(pg_catalog.=) 'plpgsql_check'", true, 1) == SPI_OK_SELECT && SPI_processed == 1)
			call_as_owner(SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1), funcid, proc->proowner);
		SPI_finish();
	}
}

/* The settings that a function declares, as they are when it is created. */
static void
apply_settings(HeapTuple proc)
{
	bool		isnull;
	Datum		config = SysCacheGetAttr(PROCOID, proc, Anum_pg_proc_proconfig, &isnull);

	if (!isnull)
		ProcessGUCArray(DatumGetArrayTypeP(config), superuser() ? PGC_SUSET : PGC_USERSET,
						PGC_S_SESSION, GUC_ACTION_SAVE);
	set_config_option("check_function_bodies", "on", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
}

/*
 * A body that does not parse is no finding: it compares nothing.  What parsing
 * has done, settings and locks included, ends with the subtransaction.
 */
static List *
mixed_in_body(Oid funcid, HeapTuple proc)
{
	MemoryContext oldcontext = CurrentMemoryContext;
	ResourceOwner oldowner = CurrentResourceOwner;
	ErrorData  *volatile error = NULL;

	collected = NIL;
	collector = oldcontext;
	BeginInternalSubTransaction(NULL);
	collecting = true;
	PG_TRY();
	{
		apply_settings(proc);
		parse_body(funcid, (Form_pg_proc) GETSTRUCT(proc));
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(oldcontext);
		error = CopyErrorData();
		FlushErrorState();
	}
	PG_END_TRY();
	collecting = false;
	RollbackAndReleaseCurrentSubTransaction();
	MemoryContextSwitchTo(oldcontext);
	CurrentResourceOwner = oldowner;
	if (error != NULL &&
		(error->sqlerrcode == ERRCODE_QUERY_CANCELED || error->sqlerrcode == ERRCODE_OUT_OF_MEMORY))
		ReThrowError(error);
	return collected;
}

/* Can the body of a function in this language be parsed without running it? */
static bool
can_parse(Oid language)
{
	return language == SQLlanguageId ||
		(language == get_language_oid("plpgsql", true) &&
		 OidIsValid(get_extension_oid("plpgsql_check", true)));
}

/* "parse" is false for the event trigger: the parse hook has seen a string. */
List *
mixed_in_function(Oid funcid, bool parse)
{
	HeapTuple	proc = SearchSysCache1(PROCOID, ObjectIdGetDatum(funcid));
	List	   *refusals = NIL;
	bool		isnull;
	Datum		body;

	if (!HeapTupleIsValid(proc))
		return NIL;
	body = SysCacheGetAttr(PROCOID, proc, Anum_pg_proc_prosqlbody, &isnull);
	if (!isnull)
		refusals = refusals_of_mixed(mixed_in_queries(list_make1(stringToNode(TextDatumGetCString(body)))));
	else if (parse && can_parse(((Form_pg_proc) GETSTRUCT(proc))->prolang))
		refusals = mixed_in_body(funcid, proc);
	ReleaseSysCache(proc);
	return refusals;
}
