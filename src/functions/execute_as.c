/*-------------------------------------------------------------------------
 *
 * execute_as.c
 *	  Executes a statement as another role, for prove().
 *
 * The caller is a superuser, and triggers, defaults, CHECK constraints and
 * functions of views that the statement evaluates belong to the owner of the
 * table.  So the statement runs like the extension's own statements: as the owner,
 * security-restricted (own_sql.c).
 *
 * prove() takes a refusal as evidence that isolation holds, and PL/pgSQL can raise
 * any SQLSTATE with any message.  So the SQLSTATE of a refusal or of a constraint
 * violation is kept only if the statement itself raised it, and that of
 * insufficient privilege, which any expression can cause, only if it comes from
 * the places where PostgreSQL checks policies and privileges.  Errors of functions
 * that the statement called get ERRCODE_EXTERNAL_ROUTINE_EXCEPTION.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/elog.h"
#include "utils/memutils.h"

#include "action_code.h"
#include "current_tenant.h"
#include "own_sql.h"

PG_FUNCTION_INFO_V1(tenant_guard_execute_as);

/*
 * The palloc'd text of the first column of the first row that the statement
 * returned, or the number of rows that it changed; NULL for a query without rows
 * and for a null.
 */
static char *
statement_result(int code)
{
	if (SPI_tuptable == NULL)
		return code < 0 ? NULL : psprintf(UINT64_FORMAT, SPI_processed);
	if (SPI_processed == 0)
		return NULL;
	return SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
}

/*
 * Was this error raised in a function that the statement called?  The CONTEXT of
 * an error has at least one line for each function and each nested statement.  SPI
 * adds one line for the statement itself, unless the error has a cursor position
 * in its text, which then is in internalquery.
 */
static bool
is_nested(const ErrorData *error, const char *statement)
{
	if (error->internalquery != NULL && strcmp(error->internalquery, statement) != 0)
		return true;
	return error->context != NULL &&
		strcmp(error->context, psprintf("SQL statement \"%s\"", statement)) != 0;
}

/* Was this error raised in this C function?  Only C code can set the file and function name. */
static bool
raised_by(const ErrorData *error, const char *file, const char *function)
{
	return error->filename != NULL && strcmp(error->filename, file) == 0 &&
		error->funcname != NULL && strcmp(error->funcname, function) == 0;
}

/* The SQLSTATE that prove() is to get for an error. */
static int
sqlstate_for_prove(const ErrorData *error, bool nested)
{
	int			code = error->sqlerrcode;
	bool		policy = raised_by(error, "execMain.c", "ExecWithCheckOptions");
	bool		ours = strncmp(unpack_sql_state(code), "TG", 2) == 0;

	/* perhaps in what an INSTEAD OF trigger did for the statement */
	if (nested && (policy || (ours && raised_by(error, "refusal.c", "raise_refusal"))))
		return ERRCODE_E_R_E_MODIFYING_SQL_DATA_NOT_PERMITTED;
	if (code == ERRCODE_INSUFFICIENT_PRIVILEGE)
	{
		if (!nested && (policy || raised_by(error, "aclchk.c", "aclcheck_error")))
			return code;
		return ERRCODE_EXTERNAL_ROUTINE_EXCEPTION;
	}
	if (nested && (ours || ERRCODE_TO_CATEGORY(code) == ERRCODE_TO_CATEGORY(ERRCODE_INTEGRITY_CONSTRAINT_VIOLATION)))
		return ERRCODE_EXTERNAL_ROUTINE_EXCEPTION;
	return code;
}

/* Rethrows the current error, copied to "context", with the SQLSTATE for prove(). */
static void
rethrow_for_prove(MemoryContext context, const char *statement)
{
	ErrorData  *error;

	Assert(context != ErrorContext);
	MemoryContextSwitchTo(context);
	error = CopyErrorData();
	FlushErrorState();
	error->sqlerrcode = sqlstate_for_prove(error, is_nested(error, statement));
	ReThrowError(error);
}

/*
 * Executes a statement by SPI and returns statement_result.  Errors get the
 * SQLSTATE for prove().  Outer error context callbacks are disabled meanwhile, so
 * that CONTEXT has only what the statement itself adds.
 */
static char *
execute_by_spi(const char *statement)
{
	MemoryContext context = CurrentMemoryContext;
	ErrorContextCallback *outer = error_context_stack;
	char	   *value = NULL;

	PG_TRY();
	{
		error_context_stack = NULL;
		value = statement_result(SPI_execute(statement, false, 0));
		error_context_stack = outer;
	}
	PG_CATCH();
	{
		rethrow_for_prove(context, statement);
	}
	PG_END_TRY();
	return value;
}

/* A statement and its result, which is in the memory context "caller". */
typedef struct Execution
{
	const char *search_path;
	const char *statement;
	MemoryContext caller;
	char	   *value;
} Execution;

/* Executes an Execution, for run_as_owner. */
static void
execute(void *argument)
{
	Execution  *execution = argument;
	char	   *value;

	Assert(runs_as_owner());
	SPI_connect();
	set_for_level("search_path", execution->search_path);
	/* an error in a parallel worker would have another CONTEXT */
	set_for_level("max_parallel_workers_per_gather", "0");
	value = execute_by_spi(execution->statement);
	if (value != NULL)
		execution->value = MemoryContextStrdup(execution->caller, value);
	SPI_finish();
}

/* execute_as(role oid, search_path text, statement text, unforced boolean): for superusers. */
Datum
tenant_guard_execute_as(PG_FUNCTION_ARGS)
{
	const void *seal;
	ActionWatch watched;
	Execution	execution = {
		.search_path = text_to_cstring(PG_GETARG_TEXT_PP(1)),
		.statement = text_to_cstring(PG_GETARG_TEXT_PP(2)),
		.caller = CurrentMemoryContext
	};

	if (!superuser())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("must be superuser to execute statements as another role")));
	seal = begin_trial();
	watched = watch_actions((ActionWatch) {.role = PG_GETARG_OID(0)});
	PG_TRY();
	{
		run_as_owner(PG_GETARG_OID(0), PG_GETARG_BOOL(3), execute, &execution);
	}
	PG_FINALLY();
	{
		/* prove() sets tenants of its own, which must not become the transaction's */
		put_back_seal(seal);
		(void) watch_actions(watched);
	}
	PG_END_TRY();
	if (execution.value == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(execution.value));
}
