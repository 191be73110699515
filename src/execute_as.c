/*-------------------------------------------------------------------------
 *
 * execute_as.c
 *	  Carries out a statement as another role, for prove().
 *
 * SET ROLE would do, were it not that whatever the statement calls, a trigger
 * or a view's function, could RESET ROLE and be the superuser who proves.
 * Here the role is changed as for a SECURITY DEFINER function: there is no
 * way back before the statement ends, and an error restores it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"

PG_FUNCTION_INFO_V1(execute_as);

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

/* execute_as(role oid, search_path text, statement text): for superusers. */
Datum
execute_as(PG_FUNCTION_ARGS)
{
	Oid			role = PG_GETARG_OID(0);
	char	   *search_path = text_to_cstring(PG_GETARG_TEXT_PP(1));
	char	   *statement = text_to_cstring(PG_GETARG_TEXT_PP(2));
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
	SetUserIdAndSecContext(role, context | SECURITY_LOCAL_USERID_CHANGE);
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
	AtEOXact_GUC(true, nest_level);

	if (result == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(result);
}
