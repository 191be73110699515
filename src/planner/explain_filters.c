/*-------------------------------------------------------------------------
 *
 * explain_filters.c
 *	  Shows in EXPLAIN whether filters are evaluated outside the security barrier.
 *
 * From PostgreSQL 18 on the note of a table is a property of its scan, in every
 * format.  Before, EXPLAIN calls no hook for the nodes of a plan.  There a line
 * that names the table follows the plan, in text format only: programs that read
 * the other formats know the structure of PostgreSQL's own output.
 *
 * EXPLAIN EXECUTE has no hook at all before 18.  Its lines are taken from the plan
 * when that is started, and sent after PostgreSQL's own.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "commands/defrem.h"
#include "commands/prepare.h"
#include "executor/executor.h"
#include "parser/parsetree.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "explain_filters.h"
#include "plan_walk.h"
#include "security_barrier.h"

#define LABEL "Tenant Filter"

/* Returns the note of the table that a node scans, or NULL. */
static const char *
note_of_scan(const Plan *plan, const List *rtable)
{
	Index		rti = scanned_relation(plan);

	return rti == 0 ? NULL : filter_note(rt_fetch(rti, rtable));
}

#ifdef EXPLAIN_HAS_NODE_HOOK

/* An explain_per_node_hook: shows the note of the table that a node scans. */
void
explain_scan(const Plan *plan, ExplainState *es)
{
	const char *note = note_of_scan(plan, es->rtable);

	if (note != NULL)
		ExplainPropertyText(LABEL, note, es);
}
#else

/* The innermost running EXPLAIN, or NULL; the statement that it executes may contain another */
static Explained *explaining = NULL;

/* Makes an EXPLAIN the innermost one.  Returns the one around it, for leave_explain(). */
Explained *
enter_explain(Explained *inner)
{
	Explained  *outer = explaining;

	Assert(inner != NULL && inner != outer);
	explaining = inner;
	return outer;
}

void
leave_explain(Explained *outer)
{
	Assert(explaining != NULL && explaining != outer);
	explaining = outer;
}

/* Returns the range-table index of the table in FROM that the planner expanded to a partition or child. */
static Index
noted_parent(const PlannedStmt *plan, Index rti)
{
	ListCell   *lc;

	foreach(lc, plan->appendRelations)
	{
		const AppendRelInfo *child = lfirst(lc);

		if (child->child_relid == rti && filter_note(rt_fetch(child->parent_relid, plan->rtable)) != NULL)
			return noted_parent(plan, child->parent_relid);
	}
	return rti;
}

/* Returns the name of a table as EXPLAIN shows it, with its alias if that differs. */
static char *
name_of_table(const RangeTblEntry *rte, bool verbose)
{
	char	   *name = get_rel_name(rte->relid);
	const char *alias = rte->eref->aliasname;
	const char *quoted;

	if (name == NULL)
		return psprintf("%u", rte->relid);
	quoted = verbose ?
		quote_qualified_identifier(get_namespace_name_or_temp(get_rel_namespace(rte->relid)), name) :
		quote_identifier(name);
	return strcmp(name, alias) == 0 ? pstrdup(quoted) : psprintf("%s %s", quoted, quote_identifier(alias));
}

typedef struct NotedPlan
{
	const PlannedStmt *plan;
	Explained  *explained;
} NotedPlan;

/* A PlanVisitor: adds the line of a scan, unless there is the same already. */
static void
add_line(Plan *node, void *context)
{
	const NotedPlan *noted = context;
	const PlannedStmt *plan = noted->plan;
	Explained  *explained = noted->explained;
	const char *note = note_of_scan(node, plan->rtable);
	const RangeTblEntry *table;

	if (note == NULL)
		return;
	table = rt_fetch(noted_parent(plan, scanned_relation(node)), plan->rtable);
	explained->lines = list_append_unique(explained->lines,
										  makeString(psprintf(LABEL " on %s: %s",
															  name_of_table(table, explained->verbose), note)));
}

/* Sets the lines of an EXPLAIN from its plan. */
static void
set_lines(Explained *explained, const PlannedStmt *plan)
{
	MemoryContext oldcontext = MemoryContextSwitchTo(explained->context);
	NotedPlan	noted = {plan, explained};

	explained->lines = NIL;
	visit_plan_nodes(plan, add_line, &noted);
	MemoryContextSwitchTo(oldcontext);
}

/* Called for each plan that was made: sets the lines if the innermost EXPLAIN has asked for it. */
void
note_planned(const Query *query, const PlannedStmt *plan)
{
	if (explaining == NULL || explaining->query != query)
		return;
	set_lines(explaining, plan);
	explaining->query = NULL;
}

/* Called for each plan that is about to start: sets the lines if it is that of the innermost EXPLAIN EXECUTE. */
void
note_started(const QueryDesc *query_desc)
{
	if (explaining != NULL && explaining->source != NULL && explaining->source == query_desc->sourceText)
		set_lines(explaining, query_desc->plannedstmt);
}

/* Appends the lines to the output of EXPLAIN, in text format. */
void
explain_lines(const List *lines, ExplainState *es)
{
	ListCell   *lc;

	if (es->format == EXPLAIN_FORMAT_TEXT)
		foreach(lc, lines)
			appendStringInfo(es->str, "%s\n", strVal(lfirst(lc)));
}

/* ----------------------------------------------------------------
 *		EXPLAIN EXECUTE
 * ----------------------------------------------------------------
 */

/* Returns the EXECUTE that an EXPLAIN explains, also that of CREATE TABLE AS EXECUTE; NULL if there is none. */
static const ExecuteStmt *
explained_execute(const ExplainStmt *stmt)
{
	const Node *utility = castNode(Query, stmt->query)->utilityStmt;

	if (utility != NULL && IsA(utility, CreateTableAsStmt))
		utility = castNode(Query, ((const CreateTableAsStmt *) utility)->query)->utilityStmt;
	return utility != NULL && IsA(utility, ExecuteStmt) ? (const ExecuteStmt *) utility : NULL;
}

/* Is this an EXPLAIN EXECUTE in text format?  If so, sets *explained. */
bool
explains_prepared(const Node *stmt, Explained *explained)
{
	const ExecuteStmt *execute;
	const PreparedStatement *prepared;
	bool		text = true;
	ListCell   *lc;

	if (!IsA(stmt, ExplainStmt) || (execute = explained_execute((const ExplainStmt *) stmt)) == NULL)
		return false;
	prepared = FetchPreparedStatement(execute->name, false);
	if (prepared == NULL)
		return false;
	*explained = (Explained) {.source = prepared->plansource->query_string,.context = CurrentMemoryContext};
	foreach(lc, ((const ExplainStmt *) stmt)->options)
	{
		DefElem    *option = lfirst(lc);

		if (strcmp(option->defname, "verbose") == 0)
			explained->verbose = defGetBoolean(option);
		else if (strcmp(option->defname, "format") == 0)
			text = strcmp(defGetString(option), "text") == 0;
	}
	return text;
}

/* A DestReceiver that passes rows on, and sends our lines after the last of them */
typedef struct LineReceiver
{
	DestReceiver pub;
	DestReceiver *to;
	TupleDesc	desc;
	const Explained *explained;
} LineReceiver;

static void
start_lines(DestReceiver *self, int operation, TupleDesc desc)
{
	LineReceiver *receiver = (LineReceiver *) self;

	receiver->desc = desc;
	receiver->to->rStartup(receiver->to, operation, desc);
}

static bool
receive_line(TupleTableSlot *slot, DestReceiver *self)
{
	DestReceiver *to = ((LineReceiver *) self)->to;

	return to->receiveSlot(slot, to);
}

static void
end_lines(DestReceiver *self)
{
	LineReceiver *receiver = (LineReceiver *) self;
	DestReceiver *to = receiver->to;
	TupleTableSlot *slot = MakeSingleTupleTableSlot(receiver->desc, &TTSOpsVirtual);
	ListCell   *lc;

	foreach(lc, receiver->explained->lines)
	{
		ExecClearTuple(slot);
		slot->tts_values[0] = CStringGetTextDatum(strVal(lfirst(lc)));
		slot->tts_isnull[0] = false;
		(void) to->receiveSlot(ExecStoreVirtualTuple(slot), to);
	}
	ExecDropSingleTupleTableSlot(slot);
	to->rShutdown(to);
}

static void
destroy_lines(DestReceiver *self)
{
	pfree(self);
}

/*
 * Returns a palloc'd receiver that passes the output of an EXPLAIN on to "dest" and sends
 * the lines after it.  "explained" must live as long.  The receiver does not destroy "dest".
 */
DestReceiver *
add_lines_to(DestReceiver *dest, const Explained *explained)
{
	LineReceiver *receiver = palloc0(sizeof(LineReceiver));

	receiver->pub.receiveSlot = receive_line;
	receiver->pub.rStartup = start_lines;
	receiver->pub.rShutdown = end_lines;
	receiver->pub.rDestroy = destroy_lines;
	receiver->pub.mydest = dest->mydest;
	receiver->to = dest;
	receiver->explained = explained;
	return &receiver->pub;
}
#endif
