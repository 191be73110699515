/*-------------------------------------------------------------------------
 *
 * custom_scan.c
 *	  Scans tables by a custom scan, as extensions with a storage or an executor
 *	  of their own do, for the tests.
 *
 * The setting custom_scan.kind says how the scan is made:
 *
 *		plain	its rows are the table's, and the plan has its filters
 *		list	its rows have the columns in reverse order (custom_scan_tlist)
 *		own		its rows have only the columns that are used, and it evaluates its
 *				filters, in custom_exprs, by itself
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/tableam.h"
#include "access/transam.h"
#include "executor/executor.h"
#include "fmgr.h"
#include "nodes/extensible.h"
#include "nodes/makefuncs.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "optimizer/paths.h"
#include "optimizer/restrictinfo.h"
#include "optimizer/tlist.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "compat.h"
#include "scan_compat.h"

PG_MODULE_MAGIC;

void		_PG_init(void);

static char *kind = NULL;
static set_rel_pathlist_hook_type prev_set_rel_pathlist = NULL;

typedef struct ScanOfTable
{
	CustomScanState custom;
	TableScanDesc scan;
	TupleTableSlot *row;		/* of the table */
} ScanOfTable;

/* ----------------------------------------------------------------
 *		Running
 * ----------------------------------------------------------------
 */

static void
begin(CustomScanState *custom, EState *estate, int eflags)
{
	ScanOfTable *state = (ScanOfTable *) custom;
	const CustomScan *plan = (const CustomScan *) custom->ss.ps.plan;

	if (plan->custom_exprs != NIL)
		custom->ss.ps.qual = ExecInitQual(plan->custom_exprs, &custom->ss.ps);
	state->row = table_slot_create(custom->ss.ss_currentRelation, NULL);
}

static TupleTableSlot *
next_row(ScanState *node)
{
	ScanOfTable *state = (ScanOfTable *) node;
	const CustomScan *plan = (const CustomScan *) node->ps.plan;
	TupleTableSlot *slot = ExecClearTuple(node->ss_ScanTupleSlot);

	if (state->scan == NULL)
		state->scan = begin_table_scan(node->ss_currentRelation, node->ps.state->es_snapshot);
	if (!table_scan_getnextslot(state->scan, ForwardScanDirection, state->row))
		return slot;
	for (int i = 0; i < slot->tts_tupleDescriptor->natts; i++)
	{
		AttrNumber	attnum = plan->custom_scan_tlist == NIL ? i + 1 :
			castNode(Var, list_nth_node(TargetEntry, plan->custom_scan_tlist, i)->expr)->varattno;

		slot->tts_values[i] = slot_getattr(state->row, attnum, &slot->tts_isnull[i]);
	}
	return ExecStoreVirtualTuple(slot);
}

static bool
recheck_row(ScanState *node, TupleTableSlot *slot)
{
	return true;
}

static TupleTableSlot *
execute(CustomScanState *custom)
{
	return ExecScan(&custom->ss, next_row, recheck_row);
}

static void
end_scan(ScanOfTable *state)
{
	if (state->scan != NULL)
		table_endscan(state->scan);
	state->scan = NULL;
}

static void
rescan(CustomScanState *custom)
{
	end_scan((ScanOfTable *) custom);
	ExecScanReScan(&custom->ss);
}

static void
end(CustomScanState *custom)
{
	end_scan((ScanOfTable *) custom);
	ExecDropSingleTupleTableSlot(((ScanOfTable *) custom)->row);
}

static const CustomExecMethods exec_methods = {
	.CustomName = "custom_scan",
	.BeginCustomScan = begin,
	.ExecCustomScan = execute,
	.ReScanCustomScan = rescan,
	.EndCustomScan = end
};

static Node *
make_state(CustomScan *plan)
{
	ScanOfTable *state = palloc0(sizeof(ScanOfTable));

	NodeSetTag(state, T_CustomScanState);
	state->custom.methods = &exec_methods;
	return (Node *) state;
}

static const CustomScanMethods scan_methods = {.CustomName = "custom_scan", .CreateCustomScanState = make_state};

/* ----------------------------------------------------------------
 *		Planning
 * ----------------------------------------------------------------
 */

static List *
all_columns(const RelOptInfo *rel, Oid relid)
{
	List	   *vars = NIL;

	for (AttrNumber attnum = rel->max_attr; attnum > 0; attnum--)
	{
		Oid			type;
		int32		typmod;
		Oid			collation;

		get_atttypetypmodcoll(relid, attnum, &type, &typmod, &collation);
		vars = lappend(vars, makeVar(rel->relid, attnum, type, typmod, collation, 0));
	}
	return vars;
}

static Plan *
make_plan(PlannerInfo *root, RelOptInfo *rel, CustomPath *path, List *tlist, List *clauses, List *plans)
{
	CustomScan *scan = makeNode(CustomScan);
	List	   *filters = extract_actual_clauses(clauses, false);

	scan->scan.scanrelid = rel->relid;
	scan->scan.plan.targetlist = tlist;
	scan->scan.plan.qual = filters;
	scan->flags = path->flags;
	scan->methods = &scan_methods;
	if (strcmp(kind, "list") == 0)
		scan->custom_scan_tlist = add_to_flat_tlist(NIL, all_columns(rel, root->simple_rte_array[rel->relid]->relid));
	if (strcmp(kind, "own") == 0)
	{
		scan->custom_scan_tlist = add_to_flat_tlist(NIL, pull_var_clause((Node *) list_make2(rel->reltarget->exprs, filters), 0));
		scan->custom_exprs = filters;
		scan->scan.plan.qual = NIL;
	}
	return (Plan *) scan;
}

static const CustomPathMethods path_methods = {.CustomName = "custom_scan", .PlanCustomPath = make_plan};

/* Leaves the custom scan as the only way to scan a table that is not written to. */
static void
set_rel_pathlist(PlannerInfo *root, RelOptInfo *rel, Index rti, RangeTblEntry *rte)
{
	CustomPath *path;

	if (prev_set_rel_pathlist)
		prev_set_rel_pathlist(root, rel, rti, rte);
	if (strcmp(kind, "off") == 0 || rte->rtekind != RTE_RELATION || rte->relkind != RELKIND_RELATION ||
		rte->relid < FirstNormalObjectId || bms_is_member(rti, root->all_result_relids))
		return;
	path = makeNode(CustomPath);
	path->path.pathtype = T_CustomScan;
	path->path.parent = rel;
	path->path.pathtarget = rel->reltarget;
	path->path.param_info = get_baserel_parampathinfo(root, rel, rel->lateral_relids);
	path->path.rows = rel->rows;
	path->flags = CUSTOMPATH_SUPPORT_PROJECTION;
	path->methods = &path_methods;
	rel->pathlist = rel->partial_pathlist = NIL;
	add_path(rel, (Path *) path);
}

void
_PG_init(void)
{
	DefineCustomStringVariable("custom_scan.kind", "How tables are scanned: off, plain, list or own.", NULL,
							   &kind, "off", PGC_USERSET, 0, NULL, NULL, NULL);
	RegisterCustomScanMethods(&scan_methods);
	prev_set_rel_pathlist = set_rel_pathlist_hook;
	set_rel_pathlist_hook = set_rel_pathlist;
}
