/*-------------------------------------------------------------------------
 *
 * copy_insert.c
 *	  Runs COPY FROM as an INSERT of the rows that it reads.
 *
 * Where a BEFORE trigger can change a row, or policies of the application's own
 * apply, a row can be checked only between its triggers and its storage.  That is
 * what the executor does for INSERT.  So an INSERT is planned whose source is a
 * function scan with the table's columns, and the scan is replaced by a custom scan
 * that reads COPY's rows by NextCopyFrom.  It reads all columns except generated
 * ones: NextCopyFrom has evaluated the defaults.
 *
 * COPY ignores rules, and sets columns that are GENERATED ALWAYS AS IDENTITY; hence
 * OVERRIDING SYSTEM VALUE, and no table with rules.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "commands/copy.h"
#include "commands/defrem.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/extensible.h"
#include "nodes/makefuncs.h"
#include "optimizer/optimizer.h"
#include "parser/analyze.h"
#include "parser/parser.h"
#include "rewrite/rewriteHandler.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "copy_compat.h"
#include "copy_insert.h"
#include "copy_refusals.h"

/* A COPY that is being read; a local variable of copy_by_insert */
typedef struct Reading
{
	CopyFromState state;
	PreparedCopy *prepared;
	bool		begun;			/* the errors from now on are about a line */
} Reading;

/* The scan of one. */
typedef struct CopiedScan
{
	CustomScanState css;
	Reading    *reading;
	TupleTableSlot *row;		/* of the table */
	ExprState  *where;			/* or NULL */
	int64		excluded;		/* rows that WHERE has left out */
} CopiedScan;

/* What the scan that is about to begin will read. */
static Reading *to_read = NULL;

/* Has a table's column, counted from 0, a value that COPY reads? */
static bool
is_copied(TupleDesc columns, int i)
{
	return !TupleDescAttr(columns, i)->attisdropped && TupleDescAttr(columns, i)->attgenerated == '\0';
}

/* Is the option FREEZE given, and true?  A duplicate or invalid option is for BeginCopyFrom to refuse. */
static bool
freezes(const CopyStmt *stmt)
{
	ListCell   *lc;

	foreach(lc, stmt->options)
	{
		DefElem    *option = lfirst_node(DefElem, lc);

		if (strcmp(option->defname, "freeze") == 0 && defGetBoolean(option))
			return true;
	}
	return false;
}

/* Can an INSERT do what this COPY would do? */
bool
copy_can_insert(const PreparedCopy *prepared)
{
	return prepared->relation->rd_rules == NULL && !freezes(prepared->stmt);
}

/* ----------------------------------------------------------------
 *		The scan
 * ----------------------------------------------------------------
 */

static void
begin_scan(CustomScanState *node, EState *estate, int eflags)
{
	CopiedScan *scan = (CopiedScan *) node;

	if (to_read == NULL)
		elog(ERROR, "no COPY is being read");
	scan->reading = to_read;
	to_read = NULL;
	scan->row = MakeSingleTupleTableSlot(RelationGetDescr(scan->reading->prepared->relation), &TTSOpsVirtual);
	scan->row->tts_tableOid = RelationGetRelid(scan->reading->prepared->relation);
	if (scan->reading->prepared->where != NIL)
		scan->where = ExecInitQual(scan->reading->prepared->where, NULL);
}

/* Reads the next row into scan->row, in the current memory context.  Returns false at the end. */
static bool
read_row(CopiedScan *scan, ExprContext *context)
{
	ExecClearTuple(scan->row);
	if (!NextCopyFrom(scan->reading->state, context, scan->row->tts_values, scan->row->tts_isnull))
		return false;
	ExecStoreVirtualTuple(scan->row);
	return true;
}

static bool
passes_where(CopiedScan *scan, ExprContext *context)
{
	bool		passes = true;

	if (scan->where != NULL)
	{
		context->ecxt_scantuple = scan->row;
		passes = ExecQual(scan->where, context);
	}
	if (!passes)
		pgstat_progress_update_param(PROGRESS_COPY_TUPLES_EXCLUDED, ++scan->excluded);
	return passes;
}

/* Reads the next row that is neither skipped nor left out. */
static bool
next_row(CopiedScan *scan, ExprContext *context)
{
	for (;;)
	{
		CHECK_FOR_INTERRUPTS();
		ResetExprContext(context);
		if (!read_row(scan, context))
			return false;
		if (!copied_row_is_skipped(scan->reading->state) && passes_where(scan, context))
			return true;
	}
}

/* Passes a row on: the columns of the scan are those of the table, without dropped and generated ones. */
static TupleTableSlot *
pass_row(CopiedScan *scan)
{
	TupleTableSlot *slot = scan->css.ss.ss_ScanTupleSlot;
	TupleDesc	columns = scan->row->tts_tupleDescriptor;
	int			n = 0;

	ExecClearTuple(slot);
	for (int i = 0; i < columns->natts; i++)
	{
		if (!is_copied(columns, i))
			continue;
		slot->tts_values[n] = scan->row->tts_values[i];
		slot->tts_isnull[n++] = scan->row->tts_isnull[i];
	}
	Assert(n == slot->tts_tupleDescriptor->natts);
	return ExecStoreVirtualTuple(slot);
}

/* An ExecScanAccessMtd */
static TupleTableSlot *
access_row(ScanState *node)
{
	CopiedScan *scan = (CopiedScan *) node;
	ExprContext *context = node->ps.ps_ExprContext;
	MemoryContext oldcontext = MemoryContextSwitchTo(context->ecxt_per_tuple_memory);
	bool		found;

	scan->reading->begun = true;
	pgstat_progress_update_param(PROGRESS_COPY_TUPLES_PROCESSED, node->ps.state->es_processed);
	found = next_row(scan, context);
	MemoryContextSwitchTo(oldcontext);
	scan->reading->begun = found;
	if (!found)
		report_skipped_rows(scan->reading->state);
	return found ? pass_row(scan) : NULL;
}

/* An ExecScanRecheckMtd; not called, as no row is locked. */
static bool
recheck_row(ScanState *node, TupleTableSlot *slot)
{
	return true;
}

static TupleTableSlot *
exec_scan(CustomScanState *node)
{
	return ExecScan(&node->ss, access_row, recheck_row);
}

static void
end_scan(CustomScanState *node)
{
	ExecDropSingleTupleTableSlot(((CopiedScan *) node)->row);
}

/* An INSERT scans its source once. */
static void
rescan(CustomScanState *node)
{
	elog(ERROR, "COPY cannot be read twice");
}

static const CustomExecMethods exec_methods = {
	.CustomName = "Copied Rows",
	.BeginCustomScan = begin_scan,
	.ExecCustomScan = exec_scan,
	.EndCustomScan = end_scan,
	.ReScanCustomScan = rescan
};

static Node *
create_scan(CustomScan *plan)
{
	CopiedScan *scan = palloc0(sizeof(CopiedScan));

	NodeSetTag(scan, T_CustomScanState);
	scan->css.methods = &exec_methods;
	return (Node *) scan;
}

static const CustomScanMethods scan_methods = {
	.CustomName = "Copied Rows",
	.CreateCustomScanState = create_scan
};

/* ----------------------------------------------------------------
 *		The plan
 * ----------------------------------------------------------------
 */

/* The name of a column, as it is written in a query. */
static Node *
column_named(char *name)
{
	ColumnRef  *column = makeNode(ColumnRef);

	column->fields = list_make1(makeString(name));
	column->location = -1;
	return (Node *) column;
}

static ResTarget *
target(char *name, Node *value)
{
	ResTarget  *result = makeNode(ResTarget);

	result->name = name;
	result->val = value;
	result->location = -1;
	return result;
}

/* json_to_recordset(NULL) AS copied (columns of the table): any built-in function that returns records of all types would do. */
static RangeFunction *
function_with_columns(List *columns)
{
	RangeFunction *function = makeNode(RangeFunction);
	A_Const    *null = makeNode(A_Const);
	FuncCall   *call;

	null->isnull = true;
	null->location = -1;
	call = makeFuncCall(SystemFuncName("json_to_recordset"), list_make1(null), COERCE_EXPLICIT_CALL, -1);
	function->functions = list_make1(list_make2(call, NIL));
	function->alias = makeAlias("copied", NIL);
	function->coldeflist = columns;
	return function;
}

/* INSERT INTO the table (its columns) OVERRIDING SYSTEM VALUE SELECT the same FROM the function */
static InsertStmt *
statement(Relation relation)
{
	TupleDesc	columns = RelationGetDescr(relation);
	InsertStmt *insert = makeNode(InsertStmt);
	SelectStmt *select = makeNode(SelectStmt);
	List	   *definitions = NIL;

	for (int i = 0; i < columns->natts; i++)
	{
		Form_pg_attribute column = TupleDescAttr(columns, i);
		char	   *name = pstrdup(NameStr(column->attname));

		if (!is_copied(columns, i))
			continue;
		definitions = lappend(definitions, makeColumnDef(name, column->atttypid, column->atttypmod, column->attcollation));
		insert->cols = lappend(insert->cols, target(name, NULL));
		select->targetList = lappend(select->targetList, target(NULL, column_named(name)));
	}
	select->fromClause = list_make1(function_with_columns(definitions));
	insert->relation = makeRangeVar(get_namespace_name_or_temp(RelationGetNamespace(relation)),
									pstrdup(RelationGetRelationName(relation)), -1);
	insert->selectStmt = (Node *) select;
	insert->override = OVERRIDING_SYSTEM_VALUE;
	return insert;
}

/* The query, with the policies; the privileges that it needs are those of the COPY. */
static Query *
query_of_copy(PreparedCopy *prepared, const char *query_string)
{
	ParseState *pstate = make_parsestate(NULL);
	RawStmt    *raw = makeNode(RawStmt);
	Query	   *query;

	raw->stmt = (Node *) statement(prepared->relation);
	pstate->p_sourcetext = query_string;
	query = linitial_node(Query, QueryRewrite(transformTopLevelStmt(pstate, raw)));
	free_parsestate(pstate);
	/* a schema can be renamed while its table is locked */
	if (query->commandType != CMD_INSERT ||
		rt_fetch(query->resultRelation, query->rtable)->relid != RelationGetRelid(prepared->relation))
		raise_refusal(table_was_renamed(RelationGetRelid(prepared->relation)));
	set_inserted_columns(query, prepared->columns);
	return query;
}

/*
 * The function's columns, which become those of the scan, and the targets as columns of
 * it.  Among the targets there are constants, too, for dropped and generated columns.
 */
static void
set_columns(CustomScan *scan, Index varno)
{
	ListCell   *lc;

	foreach(lc, scan->scan.plan.targetlist)
	{
		TargetEntry *entry = lfirst_node(TargetEntry, lc);
		Var		   *var = (Var *) entry->expr;
		int			next = list_length(scan->custom_scan_tlist) + 1;

		if (IsA(var, Const))
			continue;
		if (!IsA(var, Var) || var->varno != varno || var->varattno != next)
			elog(ERROR, "the source of COPY has unexpected columns");
		scan->custom_scan_tlist = lappend(scan->custom_scan_tlist,
										  makeTargetEntry(copyObject(entry->expr), next, entry->resname, false));
		var->varno = INDEX_VAR;
	}
}

/* Puts the scan of COPY's rows in the place of the function scan. */
static void
replace_scan(PlannedStmt *planned)
{
	Plan	   *insert = planned->planTree;
	Plan	   *source = insert->lefttree;
	CustomScan *scan;

	if (!IsA(insert, ModifyTable) || source == NULL || !IsA(source, FunctionScan) || source->qual != NIL)
		elog(ERROR, "the source of COPY has an unexpected plan");
	scan = makeNode(CustomScan);
	scan->scan.plan = *source;
	NodeSetTag(scan, T_CustomScan);
	scan->methods = &scan_methods;
	set_columns(scan, ((FunctionScan *) source)->scan.scanrelid);
	insert->lefttree = (Plan *) scan;
}

/* ----------------------------------------------------------------
 *		Running
 * ----------------------------------------------------------------
 */

/* An error context callback: which line is being copied. */
static void
say_line(void *arg)
{
	const Reading *reading = arg;

	if (reading->begun)
		CopyFromErrorCallback(reading->state);
}

static void
run_insert(QueryDesc *query_desc, Reading *reading)
{
	ErrorContextCallback callback = {error_context_stack, say_line, reading};

	to_read = reading;
	PG_TRY();
	{
		ExecutorStart(query_desc, 0);
	}
	PG_FINALLY();
	{
		to_read = NULL;
	}
	PG_END_TRY();
	error_context_stack = &callback;
	run_whole_plan(query_desc);
	error_context_stack = callback.previous;
	ExecutorFinish(query_desc);
}

/* Runs the statement, for which copy_can_insert has returned true, and returns the number of rows. */
uint64
copy_by_insert(PreparedCopy *prepared, const char *query_string)
{
	const CopyStmt *stmt = prepared->stmt;
	PlannedStmt *planned = plan_own_query(query_of_copy(prepared, query_string), query_string);
	Reading		reading = {.prepared = prepared};
	QueryDesc  *query_desc;
	uint64		copied;

	replace_scan(planned);
	reading.state = BeginCopyFrom(prepared->pstate, prepared->relation, NULL, stmt->filename, stmt->is_program,
								  NULL, stmt->attlist, stmt->options);
	PushCopiedSnapshot(GetActiveSnapshot());
	UpdateActiveSnapshotCommandId();
	query_desc = CreateQueryDesc(planned, query_string, GetActiveSnapshot(), InvalidSnapshot, None_Receiver, NULL, NULL, 0);
	run_insert(query_desc, &reading);
	copied = query_desc->estate->es_processed;
	ExecutorEnd(query_desc);
	FreeQueryDesc(query_desc);
	PopActiveSnapshot();
	EndCopyFrom(reading.state);
	return copied;
}
