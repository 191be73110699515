/*-------------------------------------------------------------------------
 *
 * explain_filters.c
 *	  What EXPLAIN says of the tenant's filter.
 *
 * From PostgreSQL 18 on a line belongs to the scan of its table, in every
 * format.  Until then no hook is called within a plan's text.  What comes after
 * the plan is a line of the text format that names the table; the other formats
 * are left as they are, for programs read them that know PostgreSQL's own.
 *
 * There EXPLAIN EXECUTE has no hook at all: its lines are sent behind those that
 * PostgreSQL sends, and are taken from the plan when it starts.
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

/* The note of the table that a node reads, or NULL. */
static const char *
note_of_scan(const Plan *plan, const List *rtable)
{
	Index		rti = scanned_relation(plan);

	return rti == 0 ? NULL : filter_note(rt_fetch(rti, rtable));
}

#ifdef EXPLAIN_HAS_NODE_HOOK

/* Adds to what EXPLAIN says of one node of a plan. */
void
explain_scan(const Plan *plan, ExplainState *es)
{
	const char *note = note_of_scan(plan, es->rtable);

	if (note != NULL)
		ExplainPropertyText(LABEL, note, es);
}
#else

/* The innermost EXPLAIN; what is explained may itself explain. */
static Explained *explaining = NULL;

Explained *
enter_explain(Explained *inner)
{
	Explained  *outer = explaining;

	explaining = inner;
	return outer;
}

void
leave_explain(Explained *outer)
{
	explaining = outer;
}

/* What stands in FROM, for a part of it that the planner added. */
static Index
noted_whole(const PlannedStmt *plan, Index rti)
{
	ListCell   *lc;

	foreach(lc, plan->appendRelations)
	{
		const AppendRelInfo *part = lfirst(lc);

		if (part->child_relid == rti && filter_note(rt_fetch(part->parent_relid, plan->rtable)) != NULL)
			return noted_whole(plan, part->parent_relid);
	}
	return rti;
}

/* A table as EXPLAIN names it. */
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

/* A PlanVisitor: notes the line of a scan, each once. */
static void
note_line(Plan *node, void *context)
{
	const NotedPlan *noted = context;
	const PlannedStmt *plan = noted->plan;
	Explained  *explained = noted->explained;
	const char *note = note_of_scan(node, plan->rtable);
	const RangeTblEntry *table;

	if (note == NULL)
		return;
	table = rt_fetch(noted_whole(plan, scanned_relation(node)), plan->rtable);
	explained->lines = list_append_unique(explained->lines,
										  makeString(psprintf(LABEL " on %s: %s",
															  name_of_table(table, explained->verbose), note)));
}

static void
note_lines(Explained *explained, const PlannedStmt *plan)
{
	MemoryContext oldcontext = MemoryContextSwitchTo(explained->context);
	NotedPlan	noted = {plan, explained};

	explained->lines = NIL;
	visit_plan_nodes(plan, note_line, &noted);
	MemoryContextSwitchTo(oldcontext);
}

/* A query was planned: EXPLAIN's? */
void
note_planned(const Query *query, const PlannedStmt *plan)
{
	if (explaining == NULL || explaining->query != query)
		return;
	note_lines(explaining, plan);
	explaining->query = NULL;
}

/* A plan is about to start: that of EXPLAIN EXECUTE? */
void
note_started(const QueryDesc *query_desc)
{
	if (explaining != NULL && explaining->source != NULL && explaining->source == query_desc->sourceText)
		note_lines(explaining, query_desc->plannedstmt);
}

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

/* The EXECUTE that an EXPLAIN is of, one of CREATE TABLE AS EXECUTE too, or NULL. */
static const ExecuteStmt *
explained_execute(const ExplainStmt *stmt)
{
	const Node *utility = castNode(Query, stmt->query)->utilityStmt;

	if (utility != NULL && IsA(utility, CreateTableAsStmt))
		utility = castNode(Query, ((const CreateTableAsStmt *) utility)->query)->utilityStmt;
	return utility != NULL && IsA(utility, ExecuteStmt) ? (const ExecuteStmt *) utility : NULL;
}

/* Is this an EXPLAIN of a prepared statement, as text?  What it is after is set. */
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

/* Hands rows on, and our lines after the last of them. */
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

/* A receiver, palloc'd, that sends the lines of an EXPLAIN behind what it gets.  It does not destroy "dest". */
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
