/*-------------------------------------------------------------------------
 *
 * made_table.c
 *	  Collects tables that EXPLAIN creates.
 *
 * PostgreSQL fires no event triggers for EXPLAIN ANALYZE CREATE TABLE AS, and
 * the table cannot be looked up by its name afterwards, since the query may have
 * changed what that name means.  So object_access_hook collects the relations
 * that are created while the statement runs, at the statement's own nesting
 * depth: what a function in its query creates is created by another utility
 * statement.
 *
 * A session that does not preload the library may load it by planning such a
 * query.  Then no hook was called when the statement began; but the table is
 * created later, and is remembered until the query has finished.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "compat.h"
#include "made_table.h"
#include "own_sql.h"

/* The innermost EXPLAIN for which relations are collected. */
static MadeRelations *collecting = NULL;

/* Has no hook been called yet at the beginning of a statement? */
static bool loading = true;

/* OIDs of the relations created by such a statement, in TopTransactionContext of transaction "made_unseen_in". */
static List *made_unseen = NIL;
static LocalTransactionId made_unseen_in = InvalidLocalTransactionId;

/* Begins to collect what the utility statement creates that is about to be run, in the current memory context. */
void
begin_collecting(MadeRelations *made)
{
	*made = (MadeRelations) {
		utility_depth() + 1, NIL, CurrentMemoryContext, collecting
	};
	collecting = made;
}

/* Must be called when the statement ends, with or without an error. */
void
end_collecting(const MadeRelations *made)
{
	Assert(collecting == made);
	collecting = made->outer;
}

/*
 * For object_access_hook: a relation of any kind was created.  It is not visible
 * until the next command begins.
 */
void
relation_was_made(Oid relid)
{
	MemoryContext oldcontext;

	if (collecting != NULL && utility_depth() == collecting->depth)
	{
		oldcontext = MemoryContextSwitchTo(collecting->context);
		collecting->relids = lappend_oid(collecting->relids, relid);
		MemoryContextSwitchTo(oldcontext);
	}
	else if (loading)
	{
		oldcontext = MemoryContextSwitchTo(TopTransactionContext);
		if (made_unseen_in != proc_lxid(MyProc))
			made_unseen = NIL;
		made_unseen_in = proc_lxid(MyProc);
		made_unseen = lappend_oid(made_unseen, relid);
		MemoryContextSwitchTo(oldcontext);
	}
}

/* To be called when a utility statement begins, or an event trigger fires. */
void
statement_is_seen(void)
{
	loading = false;
}

/* Returns, once, the OIDs of the relations created by the statement that loaded the library. */
List *
made_while_loading(void)
{
	List	   *made = made_unseen_in == proc_lxid(MyProc) ? made_unseen : NIL;

	made_unseen_in = InvalidLocalTransactionId;
	return made;
}
