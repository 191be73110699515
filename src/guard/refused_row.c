/*-------------------------------------------------------------------------
 *
 * refused_row.c
 *	  Says of a row that the policy's check refused why that is.
 *
 * PostgreSQL names the policy and the table, and no more.  The row itself is
 * gone when the error is caught: whether its tenant was null or another's is
 * not told, for what a trigger made of it is not in the plan, and another's
 * tenant must not be named.  The SQLSTATE and the message stay as they are.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "guard_policy.h"
#include "refused_row.h"

/* Is this the refusal of a new row by the policy of ours?  Its text may be translated. */
static bool
refuses_new_row(const ErrorData *error)
{
	return error->message_id != NULL &&
		strcmp(error->message_id, "new row violates row-level security policy \"%s\" for table \"%s\"") == 0 &&
		strstr(error->message, "\"" ISOLATION_POLICY "\"") != NULL;
}

/*
 * To be called in PG_CATCH, with a context that outlives it.  Returns where there is nothing to add; the caller
 * throws the error again then.  Otherwise throws it with a hint.
 */
void
explain_refused_row(MemoryContext context)
{
	MemoryContext oldcontext;
	ErrorData  *error;

	if (geterrcode() != ERRCODE_INSUFFICIENT_PRIVILEGE)
		return;
	oldcontext = MemoryContextSwitchTo(context);
	error = CopyErrorData();
	if (error->hint == NULL && refuses_new_row(error))
	{
		error->hint = pstrdup("The tenant of the row is null, or is not the transaction's. Leave the tenant column out, for its default to set it, or set it to the tenant of the transaction, as tenant_guard.current_tenant() returns it.");
		FlushErrorState();
		ReThrowError(error);
	}
	FreeErrorData(error);
	MemoryContextSwitchTo(oldcontext);
}
