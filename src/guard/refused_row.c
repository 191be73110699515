/*-------------------------------------------------------------------------
 *
 * refused_row.c
 *	  The error for a row that violates the policy.
 *
 * PostgreSQL's error names only the policy and the table.  A hint is added, which does not say
 * whether the row's tenant was null or another one: the row is not available
 * when the error is caught, triggers may have changed it, and another tenant's
 * identifier must not be shown.  SQLSTATE and message are not changed.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/lsyscache.h"

#include "guard.h"
#include "guard_policy.h"
#include "refusal.h"
#include "refused_row.h"
#include "tenant_type.h"

/* The message is PostgreSQL's. */
#define NEW_ROW_VIOLATES	"new row violates row-level security policy \"%s\" for table \"%s\""

static char *
how_to_set_tenant(void)
{
	return psprintf("The tenant of the row is null, or is not the transaction's. Leave the tenant column out, for its default to set it, or set it to the tenant of the transaction, as %s returns it.",
					tenant_getter(last_type_of_tenants()));
}

/* Does the error say that a new row violates a policy of a guard?  Compares message_id, since the message may be translated. */
static bool
refuses_new_row(const ErrorData *error)
{
	return error->message_id != NULL &&
		strcmp(error->message_id, NEW_ROW_VIOLATES) == 0 &&
		names_isolation_policy(error->message);
}

/*
 * To be called in PG_CATCH, with the memory context that was current before.  If
 * the current error is that one, throws it with a hint.  Otherwise returns, and
 * the caller must rethrow the error.
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
		note_refusal(ERRCODE_INSUFFICIENT_PRIVILEGE);
		error->hint = how_to_set_tenant();
		FlushErrorState();
		ReThrowError(error);
	}
	FreeErrorData(error);
	MemoryContextSwitchTo(oldcontext);
}

/* Raises the same error for a new row of a guarded table that PostgreSQL itself does not check. */
void
refuse_row(Oid relid)
{
	char	   *table = get_rel_name(relid);

	note_refusal(ERRCODE_INSUFFICIENT_PRIVILEGE);
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg(NEW_ROW_VIOLATES, policy_of_new_rows(guard_of(relid).shape), table ? table : "?"),
			 errhint("%s", how_to_set_tenant())));
}
