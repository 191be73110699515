/*-------------------------------------------------------------------------
 *
 * drop_on_commit.c
 *	  Temporary tables with ON COMMIT DROP, which no catalog records.
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
 * OIDs of the tables with ON COMMIT DROP that transaction
 * "dropped_on_commit_in" has created; in its TopTransactionContext.
 */
static List *dropped_on_commit = NIL;
static LocalTransactionId dropped_on_commit_in = InvalidLocalTransactionId;

/* Remembers that a temporary table was created with ON COMMIT DROP. */
void
remember_drop_on_commit(Oid relid)
{
	MemoryContext oldcontext = MemoryContextSwitchTo(TopTransactionContext);

	Assert(OidIsValid(relid));
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
