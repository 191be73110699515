/*-------------------------------------------------------------------------
 *
 * prepared_transaction.c
 *	  PREPARE TRANSACTION, of a transaction that has a tenant.
 *
 * What it has locked and written would outlive its session, and with it what
 * says whose it is.
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

/* The transaction of which it is known that bypass is meant. */
static LocalTransactionId meant_in = InvalidLocalTransactionId;

static void
refuse_with_tenant(void)
{
	const char *means;

	if (!transaction_has_tenant() || meant_in == current_lxid())
		return;
	means = bypass_reason(InvalidOid);
	if (means == NULL)
		raise_refusal(prepares_transaction());
	log_bypass("PREPARE TRANSACTION with a tenant", means);
	meant_in = current_lxid();
}

/*
 * Refuses PREPARE TRANSACTION with a tenant, unless bypass is meant.  In a
 * transaction that is aborted already it just rolls back.
 */
void
check_prepare(const Node *stmt)
{
	if (IsA(stmt, TransactionStmt) &&
		((const TransactionStmt *) stmt)->kind == TRANS_STMT_PREPARE &&
		IsTransactionState())
		refuse_with_tenant();
}

/* Deferred triggers have run now, one of which may have set the tenant, or brought the library. */
static void
at_prepare(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_PRE_PREPARE)
		refuse_with_tenant();
}

void
init_prepared_transactions(void)
{
	RegisterXactCallback(at_prepare, NULL);
}
