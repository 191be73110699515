/*-------------------------------------------------------------------------
 *
 * statement_kind.c
 *	  What kind of statement is this, for access to guarded tables?
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "commands/defrem.h"
#include "nodes/parsenodes.h"

#include "statement_kind.h"

/*
 * The CREATE TABLE AS that an EXPLAIN carries out, or NULL.  EXPLAIN is no
 * statement that event triggers see.
 */
const CreateTableAsStmt *
made_by_explain(const Node *stmt)
{
	const Query *query;
	ListCell   *lc;
	bool		analyze = false;

	if (!IsA(stmt, ExplainStmt))
		return NULL;
	query = castNode(Query, ((const ExplainStmt *) stmt)->query);
	if (query->utilityStmt == NULL || !IsA(query->utilityStmt, CreateTableAsStmt))
		return NULL;
	foreach(lc, ((const ExplainStmt *) stmt)->options)
		if (strcmp(lfirst_node(DefElem, lc)->defname, "analyze") == 0)
			analyze = defGetBoolean(lfirst_node(DefElem, lc));
	return analyze ? (const CreateTableAsStmt *) query->utilityStmt : NULL;
}

static bool
detaches_partition(const Node *stmt)
{
	ListCell   *lc;

	if (IsA(stmt, AlterTableStmt))
		foreach(lc, ((const AlterTableStmt *) stmt)->cmds)
			if (lfirst_node(AlterTableCmd, lc)->subtype == AT_DetachPartition)
				return true;
	return false;
}

/* What kind of statement is this, for access to guarded tables? */
StatementKind
kind_of_statement(const Node *stmt)
{
	const CreateTableAsStmt *made;

	if (IsA(stmt, RefreshMatViewStmt))
		return STATEMENT_MATERIALIZES;
	made = IsA(stmt, CreateTableAsStmt) ? (const CreateTableAsStmt *) stmt : made_by_explain(stmt);
	if (made != NULL && made->objtype == OBJECT_MATVIEW)
		return STATEMENT_MATERIALIZES;
	if (IsA(stmt, DeclareCursorStmt) &&
		(((const DeclareCursorStmt *) stmt)->options & CURSOR_OPT_HOLD) != 0)
		return STATEMENT_HOLDS;
	if (detaches_partition(stmt))
		return STATEMENT_DETACHES;
	return STATEMENT_PLAIN;
}
