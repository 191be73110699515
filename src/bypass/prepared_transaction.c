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

#include "access_check.h"
#include "current_tenant.h"
#include "prepared_transaction.h"
#include "access_refusals.h"

/*
 * Refuses PREPARE TRANSACTION with a tenant, unless bypass is meant.  In a
 * transaction that is aborted already it just rolls back.
 */
void
check_prepare(const Node *stmt)
{
	const char *means;

	if (!IsA(stmt, TransactionStmt) ||
		((const TransactionStmt *) stmt)->kind != TRANS_STMT_PREPARE ||
		!IsTransactionState() || !transaction_has_tenant())
		return;
	means = means_of_bypass(InvalidOid);
	if (means == NULL)
		raise_refusal(prepares_transaction());
	log_bypass("PREPARE TRANSACTION with a tenant", means);
}
