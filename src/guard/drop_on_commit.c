/*-------------------------------------------------------------------------
 *
 * drop_on_commit.c
 *	  Temporary tables that end with the transaction, which no catalog tells.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "nodes/pg_list.h"
#include "storage/proc.h"
#include "utils/memutils.h"

#include "compat.h"
#include "drop_on_commit.h"

/*
 * Temporary tables made in this transaction with ON COMMIT DROP, which no
 * catalog tells.  In TopTransactionContext, good in one transaction.
 */
static List *dropped_on_commit = NIL;
static LocalTransactionId dropped_on_commit_in = InvalidLocalTransactionId;

/* A temporary table that ends with the transaction has been made. */
void
remember_drop_on_commit(Oid relid)
{
	MemoryContext oldcontext = MemoryContextSwitchTo(TopTransactionContext);

	if (dropped_on_commit_in != proc_lxid(MyProc))
		dropped_on_commit = NIL;
	dropped_on_commit_in = proc_lxid(MyProc);
	dropped_on_commit = lappend_oid(dropped_on_commit, relid);
	MemoryContextSwitchTo(oldcontext);
}

bool
is_dropped_on_commit(Oid relid)
{
	return dropped_on_commit_in == proc_lxid(MyProc) &&
		list_member_oid(dropped_on_commit, relid);
}
