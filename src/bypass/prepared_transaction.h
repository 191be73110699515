/*-------------------------------------------------------------------------
 *
 * prepared_transaction.h
 *	  Refuses PREPARE TRANSACTION in a transaction that has a tenant.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_PREPARED_TRANSACTION_H
#define TENANT_GUARD_PREPARED_TRANSACTION_H

#include "nodes/nodes.h"

extern void check_prepare(const Node *stmt);
extern void init_prepared_transactions(void);

#endif							/* TENANT_GUARD_PREPARED_TRANSACTION_H */
