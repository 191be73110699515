/*-------------------------------------------------------------------------
 *
 * execute_as.c
 *	  Carries out a statement as another role, for prove().
 *
 * Whatever the statement calls, a trigger, a default, a CHECK or a view's
 * function, belongs to whoever owns the table, and the caller is a superuser:
 * it runs as a statement of our own runs as the owner of a table (own_sql.c).
 *
 * prove() takes a refusal for a sign that isolation holds, and PL/pgSQL can
 * raise any SQLSTATE with any message.  So the SQLSTATE of a refusal or of a
 * violated constraint leaves this function only if the statement itself raised
 * it, and, of the SQLSTATE that anyone's expression can provoke, only from the
 * places where PostgreSQL judges policies and privileges.  What a function
 * raised that the statement called becomes an external routine's exception.
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

#include "current_tenant.h"
#include "own_sql.h"

PG_FUNCTION_INFO_V1(tenant_guard_execute_as);

/*
 * The first column of the first row of what the statement returns, or how
 * many rows it changed.  NULL for a query without rows.
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
 * Was this error raised in a function that our statement called, or in a
 * statement of its?  "context" is all that was said on the way from there to
 * here, one line at least of each function and of each statement.  SPI says
 * ours, unless the error has a place in its text, which then is named.
 */
static bool
is_nested(const ErrorData *error, const char *statement)
{
	if (error->internalquery != NULL && strcmp(error->internalquery, statement) != 0)
		return true;
	return error->context != NULL &&
		strcmp(error->context, psprintf("SQL statement \"%s\"", statement)) != 0;
}

/* Was this error raised by a function of the server's own?  Nothing but C can say so. */
static bool
raised_by(const ErrorData *error, const char *file, const char *function)
{
	return error->filename != NULL && strcmp(error->filename, file) == 0 &&
		error->funcname != NULL && strcmp(error->funcname, function) == 0;
}

/* The SQLSTATE under which prove() is to know an error. */
static int
told_sqlstate(const ErrorData *error, bool nested)
{
	int			code = error->sqlerrcode;
	bool		policy = raised_by(error, "execMain.c", "ExecWithCheckOptions");
	bool		ours = strncmp(unpack_sql_state(code), "TG", 2) == 0;

	/* perhaps of what an INSTEAD OF trigger did for the statement */
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

/* Throws the current error on, under the SQLSTATE that it is to have.  It is copied to "context". */
static void
throw_told(MemoryContext context, const char *statement)
{
	ErrorData  *error;

	MemoryContextSwitchTo(context);
	error = CopyErrorData();
	FlushErrorState();
	error->sqlerrcode = told_sqlstate(error, is_nested(error, statement));
	ReThrowError(error);
}

/*
 * SPI_execute(), with errors under the SQLSTATE that prove() is to know them
 * by.  The contexts around it are out of sight meanwhile.
 */
static char *
execute_and_tell(const char *statement)
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
		throw_told(context, statement);
	}
	PG_END_TRY();
	return value;
}

/* A statement, and what comes of it, in the memory context of the caller. */
typedef struct Execution
{
	const char *search_path;
	const char *statement;
	MemoryContext caller;
	char	   *value;
} Execution;

/* Carries an Execution out, for run_as_owner. */
static void
execute(void *argument)
{
	Execution  *execution = argument;
	char	   *value;

	SPI_connect();
	set_for_level("search_path", execution->search_path);
	/* an error of a worker's passes none of the contexts here */
	set_for_level("max_parallel_workers_per_gather", "0");
	value = execute_and_tell(execution->statement);
	if (value != NULL)
		execution->value = MemoryContextStrdup(execution->caller, value);
	SPI_finish();
}

/* execute_as(role oid, search_path text, statement text, unforced boolean): for superusers. */
Datum
tenant_guard_execute_as(PG_FUNCTION_ARGS)
{
	const void *seal = seal_of_transaction();
	Execution	execution = {
		.search_path = text_to_cstring(PG_GETARG_TEXT_PP(1)),
		.statement = text_to_cstring(PG_GETARG_TEXT_PP(2)),
		.caller = CurrentMemoryContext
	};

	if (!superuser())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("must be superuser to execute statements as another role")));
	PG_TRY();
	{
		run_as_owner(PG_GETARG_OID(0), PG_GETARG_BOOL(3), execute, &execution);
	}
	PG_FINALLY();
	{
		/* the tenants that prove() makes up are not the transaction's */
		put_back_seal(seal);
	}
	PG_END_TRY();
	if (execution.value == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(execution.value));
}
