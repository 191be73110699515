/*-------------------------------------------------------------------------
 *
 * statement_kind.c
 *	  Classifies statements by how their access to guarded tables is checked.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "commands/defrem.h"
#include "nodes/parsenodes.h"
#include "tcop/pquery.h"

#include "statement_kind.h"
#include "tenant_source.h"

/* The StatementKind of the running statement; an int, since it is a GUC, to be copied to parallel workers. */
static int	statement_kind = STATEMENT_PLAIN;

/*
 * Returns the CREATE TABLE AS that an EXPLAIN ANALYZE executes, or NULL for
 * other statements.  (Event triggers do not fire for it.)
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

/* Returns the kind of a utility statement. */
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

/* Can rows that this kind of statement reads outlive the transaction? */
static bool
keeps_rows(StatementKind kind)
{
	return kind == STATEMENT_MATERIALIZES || kind == STATEMENT_HOLDS;
}

/* Is the active portal that of a cursor WITH HOLD? */
static bool
portal_holds(void)
{
	return ActivePortal != NULL && (ActivePortal->cursorOptions & CURSOR_OPT_HOLD) != 0;
}

/*
 * Must be called before a statement is run.  Returns the outer statement's kind,
 * which must be passed to leave_statement afterwards, with or without an error.
 * A statement inside of one that keeps rows is taken to keep them, too.
 */
StatementKind
enter_statement(StatementKind kind)
{
	StatementKind outer = statement_kind;

	if (keeps_rows(kind) || !keeps_rows(outer))
		statement_kind = kind;
	return outer;
}

/* Like enter_statement, before a plan is run: it may be that of a cursor WITH HOLD. */
StatementKind
enter_portal(void)
{
	return enter_statement(portal_holds() ? STATEMENT_HOLDS : statement_kind);
}

void
leave_statement(StatementKind outer)
{
	statement_kind = outer;
}

/* Can rows that are read now outlive the transaction? */
bool
rows_are_kept(void)
{
	return keeps_rows(statement_kind) || portal_holds();
}

/* Does the running statement keep rows, apart from the active portal? */
bool
statement_keeps_rows(void)
{
	return keeps_rows(statement_kind);
}

StatementKind
current_statement_kind(void)
{
	return statement_kind;
}

/* Makes the kind a GUC, so that it is copied to parallel workers.  Must be called once. */
void
define_leader_statement(void)
{
	define_leader_setting("tenant_guard.leader_statement", &statement_kind);
}
