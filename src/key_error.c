/*-------------------------------------------------------------------------
 *
 * key_error.c
 *	  Errors of foreign keys' actions do not show other tenants' rows.
 *
 * Where a row breaks a constraint PostgreSQL says in the DETAIL which row, and
 * with which it conflicts, unless row-level security binds the current user
 * (ExecBuildSlotValueDescription, BuildIndexValueDescription).  In a foreign
 * key's action that is the owner of the table.  Of an owner whom it does not
 * bind, the DETAIL would show rows to a caller whom it does.
 *
 * The server log keeps it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/elog.h"

#include "key_error.h"

/*
 * Of a foreign key's statement that is about to run: may its caller not see what
 * its errors would show?
 */
bool
details_are_hidden(void)
{
	return has_bypassrls_privilege(GetUserId()) && !has_bypassrls_privilege(GetOuterUserId());
}

/*
 * In a PG_CATCH block: takes the DETAIL from the error that was caught, if it is
 * that of a constraint, and throws it again.  Copies go into "context", which the
 * caller was in before; returns if there is nothing to take.
 */
void
hide_detail(MemoryContext context)
{
	ErrorData  *error;

	if (ERRCODE_TO_CATEGORY(geterrcode()) != ERRCODE_INTEGRITY_CONSTRAINT_VIOLATION)
		return;
	MemoryContextSwitchTo(context);
	error = CopyErrorData();
	FlushErrorState();
	if (error->detail_log == NULL)
		error->detail_log = error->detail;
	error->detail = NULL;
	ReThrowError(error);
}
