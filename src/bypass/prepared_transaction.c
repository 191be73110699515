/*-------------------------------------------------------------------------
 *
 * prepared_transaction.c
 *	  Refuses PREPARE TRANSACTION in a transaction that has a tenant.
 *
 * The locks and changes of a prepared transaction outlive its session, but the
 * information to which tenant they belong does not.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "nodes/parsenodes.h"

#include "access_refusals.h"
#include "bypass.h"
#include "current_tenant.h"
#include "prepared_transaction.h"
#include "refusal.h"
#include "tenant_source.h"

/* The local transaction id of the transaction for which a bypass reason was found and logged. */
static LocalTransactionId meant_in = InvalidLocalTransactionId;

/* Raises an error if the transaction has a tenant, unless the user has opted in. */
static void
refuse_with_tenant(void)
{
	const char *reason;

	if (!transaction_has_tenant() || meant_in == current_lxid())
		return;
	reason = bypass_reason(InvalidOid);
	if (reason == NULL)
		raise_refusal(prepares_transaction());
	log_bypass("PREPARE TRANSACTION with a tenant", reason);
	meant_in = current_lxid();
}

/*
 * Checks a utility statement before it is run.  PREPARE TRANSACTION in an aborted
 * transaction is not checked, since it just rolls back.
 */
void
check_prepare(const Node *stmt)
{
	if (IsA(stmt, TransactionStmt) &&
		((const TransactionStmt *) stmt)->kind == TRANS_STMT_PREPARE &&
		IsTransactionState())
		refuse_with_tenant();
}

/* Checks again after deferred triggers have run: one of them may have set the tenant, or loaded the library. */
static void
at_prepare(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_PRE_PREPARE)
		refuse_with_tenant();
}

/* Must be called once, by _PG_init. */
void
init_prepared_transactions(void)
{
	RegisterXactCallback(at_prepare, NULL);
}
