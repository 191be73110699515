/*-------------------------------------------------------------------------
 *
 * made_table.c
 *	  Tables that EXPLAIN makes.
 *
 * EXPLAIN ANALYZE CREATE TABLE AS is no statement that event triggers see, nor
 * does anything tell the table that it made: its query may have changed what
 * the name means.  So object_access_hook collects the relations that are made
 * while the statement is carried out, and by itself: what a function of its
 * query sends is a utility statement of its own.
 *
 * A session that does not preload the library may load it by planning such a
 * query.  The statement that is under way then was not seen when it began, but
 * its table is made later; it is kept until the query has finished.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "compat.h"
#include "made_table.h"
#include "own_sql.h"

static MadeRelations *collecting = NULL;

/* Has no statement begun yet that our hooks have seen? */
static bool loading = true;

/* In TopTransactionContext, good in one transaction. */
static List *made_unseen = NIL;
static LocalTransactionId made_unseen_in = InvalidLocalTransactionId;

/* Collects what the statement makes that is about to begin. */
void
begin_collecting(MadeRelations *made)
{
	*made = (MadeRelations) {
		utility_depth() + 1, NIL, CurrentMemoryContext, collecting
	};
	collecting = made;
}

/* Ends it, by an error too. */
void
end_collecting(const MadeRelations *made)
{
	collecting = made->outer;
}

/*
 * For object_access_hook: a relation of any kind is there, and cannot be
 * looked at before the next command.
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

/* A statement begins of which hooks.c or an event trigger knows. */
void
statement_is_seen(void)
{
	loading = false;
}

/* What was made by the statement that loaded the library; told once. */
List *
made_while_loading(void)
{
	List	   *made = made_unseen_in == proc_lxid(MyProc) ? made_unseen : NIL;

	made_unseen_in = InvalidLocalTransactionId;
	return made;
}
