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
#include "tcop/pquery.h"

#include "statement_kind.h"
#include "tenant_source.h"

/* A StatementKind; an int, since parallel workers get their leader's as a GUC. */
static int	statement_kind = STATEMENT_PLAIN;

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

/* Would rows that are read for this kind of statement outlive their transaction? */
static bool
keeps_rows(StatementKind kind)
{
	return kind == STATEMENT_MATERIALIZES || kind == STATEMENT_HOLDS;
}

static bool
portal_holds(void)
{
	return ActivePortal != NULL && (ActivePortal->cursorOptions & CURSOR_OPT_HOLD) != 0;
}

/*
 * Returns the kind that was in force, for leave_statement.  What a statement
 * that keeps rows runs in its turn, keeps them too.
 */
StatementKind
enter_statement(StatementKind kind)
{
	StatementKind outer = statement_kind;

	if (keeps_rows(kind) || !keeps_rows(outer))
		statement_kind = kind;
	return outer;
}

/* The same, for a plan that the active portal runs. */
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

/* Would rows that are read now outlive the transaction? */
bool
rows_are_kept(void)
{
	return keeps_rows(statement_kind) || portal_holds();
}

/* The same of the statement that runs, a cursor's portal aside. */
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

/* Parallel workers get the leader's. */
void
define_leader_statement(void)
{
	define_leader_setting("tenant_guard.leader_statement", &statement_kind);
}
