/*-------------------------------------------------------------------------
 *
 * execute_as.c
 *	  Carries out a statement as another role, for prove().
 *
 * Whatever the statement calls, a trigger, a default, a CHECK or a view's
 * function, belongs to whoever owns the table, and the caller is a superuser.
 * So the role is changed as REFRESH MATERIALIZED VIEW and ANALYZE change it:
 * there is no way back before the statement ends (SET ROLE would leave RESET
 * ROLE), nothing can be left for the superuser to carry out (a deferred
 * trigger, a cursor, a prepared statement), and settings are put back: a
 * search_path that a trigger has SET would else decide which functions the
 * superuser's next statement calls.
 *
 * "unforced" suspends FORCE ROW LEVEL SECURITY, as the foreign-key machinery
 * does: a table's owner then makes and finds rows of every tenant.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"

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

/* execute_as(role oid, search_path text, statement text, unforced boolean): for superusers. */
Datum
tenant_guard_execute_as(PG_FUNCTION_ARGS)
{
	Oid			role = PG_GETARG_OID(0);
	char	   *search_path = text_to_cstring(PG_GETARG_TEXT_PP(1));
	char	   *statement = text_to_cstring(PG_GETARG_TEXT_PP(2));
	bool		unforced = PG_GETARG_BOOL(3);
	Oid			user;
	int			context;
	int			nest_level;
	char	   *value;
	text	   *result = NULL;

	if (!superuser())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("must be superuser to execute statements as another role")));

	GetUserIdAndSecContext(&user, &context);
	nest_level = NewGUCNestLevel();
	SPI_connect();
	(void) set_config_option("search_path", search_path,
							 PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	SetUserIdAndSecContext(role, context | SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION |
						   (unforced ? SECURITY_NOFORCE_RLS : 0));
	value = statement_result(SPI_execute(statement, false, 0));
	SetUserIdAndSecContext(user, context);
	if (value != NULL)
	{
		size_t		size = VARHDRSZ + strlen(value);

		result = SPI_palloc(size);
		SET_VARSIZE(result, size);
		memcpy(VARDATA(result), value, size - VARHDRSZ);
	}
	SPI_finish();
	AtEOXact_GUC(false, nest_level);

	if (result == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(result);
}
