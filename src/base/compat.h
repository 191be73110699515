/*-------------------------------------------------------------------------
 *
 * compat.h
 *	  What differs between the supported servers (PostgreSQL 15 to 19).
 *
 * The only file that says PG_VERSION_NUM.  Each entry gives an older server
 * the newer one's spelling, or hides a difference behind a neutral name.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_COMPAT_H
#define TENANT_GUARD_COMPAT_H

#include "postgres.h"

#include "access/htup_details.h"
#include "access/tableam.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_namespace.h"
#include "commands/explain.h"
#include "executor/execdesc.h"
#include "executor/instrument.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "nodes/pathnodes.h"
#include "optimizer/prep.h"
#include "storage/proc.h"
#include "tcop/tcopprot.h"
#include "utils/acl.h"
#include "utils/guc.h"
#include "utils/guc_tables.h"
#include "utils/lsyscache.h"

#if PG_VERSION_NUM >= 180000
#include "commands/explain_format.h"
#include "commands/explain_state.h"
#endif

#if PG_VERSION_NUM >= 190000
#include "utils/tuplestore.h"
#endif

#if PG_VERSION_NUM < 150000
#error "tenant_guard needs PostgreSQL 15 or later"
#endif
#if PG_VERSION_NUM >= 200000
#error "this version of tenant_guard supports PostgreSQL 15 to 19, not this newer server"
#endif

/* 18 puts pg_noreturn before the declaration; gcc and clang take the older
 * attribute there too. */
#if PG_VERSION_NUM < 180000
#define pg_noreturn pg_attribute_noreturn()
#endif

/* The local transaction id moved into PGPROC.vxid in 17. */
static inline LocalTransactionId
proc_lxid(const PGPROC *proc)
{
#if PG_VERSION_NUM >= 170000
	return proc->vxid.lxid;
#else
	return proc->lxid;
#endif
}

/* Memory of GUC values and their "extra": malloc until 15, a context of
 * guc.c's own from 16 on. */
#if PG_VERSION_NUM < 160000
static inline void *
guc_malloc(int elevel, size_t size)
{
	void	   *p = malloc(size);

	if (p == NULL)
		ereport(elevel,
				(errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	return p;
}

static inline char *
guc_strdup(int elevel, const char *src)
{
	char	   *p = guc_malloc(elevel, strlen(src) + 1);

	if (p != NULL)
		strcpy(p, src);
	return p;
}

#define guc_free(p) free(p)
#endif

/* The collation has kept its number, but lost its name with 18 (pg_collation.dat). */
#if PG_VERSION_NUM >= 180000
#define POSIX_COLLATION_OID 951
#endif

/*
 * The GUC record of a variable that is known to exist, or NULL.  Until 15
 * guc.c keeps its look-up to itself, but lends out the whole table.
 */
static inline struct config_generic *
find_guc(const char *name)
{
#if PG_VERSION_NUM >= 160000
	return find_option(name, false, true, WARNING);
#else
	struct config_generic **vars = get_guc_variables();
	int			n = GetNumConfigOptions();

	for (int i = 0; i < n; i++)
		if (strcmp(vars[i]->name, name) == 0)
			return vars[i];
	return NULL;
#endif
}

/*
 * What ExecutorCheckPerms_hook is given: range-table entries until 15, from 16
 * on a list of their own.  Both have relid, requiredPerms and checkAsUser.
 */
#if PG_VERSION_NUM >= 160000
typedef RTEPermissionInfo PermissionInfo;

#define CHECK_PERMS_PARAMETERS \
	List *range_table, List *permission_infos, bool ereport_on_violation
#define CHECK_PERMS_ARGUMENTS \
	range_table, permission_infos, ereport_on_violation
#define plan_permission_infos(plan) ((plan)->permInfos)
#define query_permission_infos(query) ((query)->rteperminfos)

/*
 * As whom a table of a plan is read; InvalidOid for the current user.  A
 * partition or child that the planner added has no permission info: its
 * parent's is good for it.
 */
static inline Oid
check_as_user(const PlannedStmt *plan, Index rti)
{
	const RangeTblEntry *rte = list_nth(plan->rtable, rti - 1);
	ListCell   *lc;

	foreach(lc, rte->perminfoindex == 0 ? plan->appendRelations : NIL)
		if (lfirst_node(AppendRelInfo, lc)->child_relid == rti)
			return check_as_user(plan, lfirst_node(AppendRelInfo, lc)->parent_relid);
	return rte->perminfoindex == 0 ? InvalidOid :
		list_nth_node(RTEPermissionInfo, plan->permInfos, rte->perminfoindex - 1)->checkAsUser;
}
#else
typedef RangeTblEntry PermissionInfo;

#define CHECK_PERMS_PARAMETERS \
	List *permission_infos, bool ereport_on_violation
#define CHECK_PERMS_ARGUMENTS \
	permission_infos, ereport_on_violation
#define plan_permission_infos(plan) ((plan)->rtable)
#define query_permission_infos(query) ((query)->rtable)

static inline Oid
check_as_user(const PlannedStmt *plan, Index rti)
{
	return ((const RangeTblEntry *) list_nth(plan->rtable, rti - 1))->checkAsUser;
}
#endif

/* The table that CLUSTER, or REPACK from 19 on, names; NULL for other statements, and where it names none. */
static inline RangeVar *
repacked_table(const Node *stmt)
{
#if PG_VERSION_NUM >= 190000
	if (IsA(stmt, RepackStmt) && ((const RepackStmt *) stmt)->relation != NULL)
		return ((const RepackStmt *) stmt)->relation->relation;
#else
	if (IsA(stmt, ClusterStmt))
		return ((const ClusterStmt *) stmt)->relation;
#endif
	return NULL;
}

/* Is it one that names no table, and so is of all? */
static inline bool
repacks_all(const Node *stmt)
{
#if PG_VERSION_NUM >= 190000
	return IsA(stmt, RepackStmt) && ((const RepackStmt *) stmt)->relation == NULL;
#else
	return IsA(stmt, ClusterStmt) && ((const ClusterStmt *) stmt)->relation == NULL;
#endif
}

/* What a plan writes to is a set of range-table indexes from 19 on, a list before. */
static inline bool
plan_writes(const PlannedStmt *plan)
{
#if PG_VERSION_NUM >= 190000
	return !bms_is_empty(plan->resultRelationRelids);
#else
	return plan->resultRelations != NIL;
#endif
}

static inline bool
plan_writes_to(const PlannedStmt *plan, Index rti)
{
#if PG_VERSION_NUM >= 190000
	return bms_is_member(rti, plan->resultRelationRelids);
#else
	return list_member_int(plan->resultRelations, rti);
#endif
}

/* As a list, which the caller must not change. */
static inline const List *
plan_result_relations(const PlannedStmt *plan)
{
#if PG_VERSION_NUM >= 190000
	List	   *result = NIL;
	int			rti = -1;

	while ((rti = bms_next_member(plan->resultRelationRelids, rti)) >= 0)
		result = lappend_int(result, rti);
	return result;
#else
	return plan->resultRelations;
#endif
}

/* From 19 on the planner knows of the EXPLAIN that asks for the plan. */
#if PG_VERSION_NUM >= 190000
#define PLANNER_PARAMETERS \
	Query *query, const char *query_string, int cursor_options, ParamListInfo params, ExplainState *es
#define PLANNER_ARGUMENTS \
	query, query_string, cursor_options, params, es
#else
#define PLANNER_PARAMETERS \
	Query *query, const char *query_string, int cursor_options, ParamListInfo params
#define PLANNER_ARGUMENTS \
	query, query_string, cursor_options, params
#endif

/* Nobody may change from 19 on what was noted of a query's constants. */
#if PG_VERSION_NUM >= 190000
typedef const struct JumbleState JumbledQuery;
#else
typedef struct JumbleState JumbledQuery;
#endif

/* A scan of a whole table; 19 has flags for it, of which none is meant. */
static inline TableScanDesc
begin_table_scan(Relation rel, Snapshot snapshot)
{
#if PG_VERSION_NUM >= 190000
	return table_beginscan(rel, snapshot, 0, NULL, SO_NONE);
#else
	return table_beginscan(rel, snapshot, 0, NULL);
#endif
}

/* ExecutorRun's last argument went with 18. */
#if PG_VERSION_NUM >= 180000
#define EXECUTOR_RUN_PARAMETERS \
	QueryDesc *query_desc, ScanDirection direction, uint64 count
#define EXECUTOR_RUN_ARGUMENTS \
	query_desc, direction, count
#else
#define EXECUTOR_RUN_PARAMETERS \
	QueryDesc *query_desc, ScanDirection direction, uint64 count, bool execute_once
#define EXECUTOR_RUN_ARGUMENTS \
	query_desc, direction, count, execute_once
#endif

/* CHECK ... NOT ENFORCED came with 18. */
static inline bool
constraint_is_enforced(const FormData_pg_constraint *con)
{
#if PG_VERSION_NUM >= 180000
	return con->conenforced;
#else
	return true;
#endif
}

/* Keys with a PERIOD, and constraints WITHOUT OVERLAPS, came with 18. */
static inline bool
constraint_has_period(const FormData_pg_constraint *con)
{
#if PG_VERSION_NUM >= 180000
	return con->conperiod;
#else
	return false;
#endif
}

/* A foreign key of a partitioned table cannot be NOT VALID until 18. */
static inline bool
partitioned_keys_are_validated(void)
{
#if PG_VERSION_NUM >= 180000
	return false;
#else
	return true;
#endif
}

/*
 * From 18 on NOT NULL may be NOT VALID, and attnotnull is set all the same;
 * pg_constraint tells.
 */
static inline bool
not_null_is_unvalidated(Oid relid, AttrNumber attnum)
{
#if PG_VERSION_NUM >= 180000
	HeapTuple	tuple = findNotNullConstraintAttnum(relid, attnum);

	return HeapTupleIsValid(tuple) &&
		!((Form_pg_constraint) GETSTRUCT(tuple))->convalidated;
#else
	return false;
#endif
}

/* One function for all kinds of object from 16 on. */
static inline bool
user_owns_relation(Oid relid)
{
#if PG_VERSION_NUM >= 160000
	return object_ownercheck(RelationRelationId, relid, GetUserId());
#else
	return pg_class_ownercheck(relid, GetUserId());
#endif
}

/* May this role look up names in a schema? */
static inline bool
schema_is_usable(Oid schema, Oid role)
{
#if PG_VERSION_NUM >= 160000
	return object_aclcheck(NamespaceRelationId, schema, role, ACL_USAGE) == ACLCHECK_OK;
#else
	return pg_namespace_aclcheck(schema, role, ACL_USAGE) == ACLCHECK_OK;
#endif
}

/* ALTER COLUMN ... SET EXPRESSION, of a generated column, came with 17. */
static inline bool
is_set_expression(AlterTableType subtype)
{
#if PG_VERSION_NUM >= 170000
	return subtype == AT_SetExpression;
#else
	return false;
#endif
}

/* The constraint of ALTER CONSTRAINT ... NOT ENFORCED, which came with 18, or NULL. */
static inline const char *
unenforced_constraint(const AlterTableCmd *cmd)
{
#if PG_VERSION_NUM >= 180000
	const ATAlterConstraint *alter = (const ATAlterConstraint *) cmd->def;

	if (cmd->subtype == AT_AlterConstraint && alter->alterEnforceability && !alter->is_enforced)
		return alter->conname;
#endif
	return NULL;
}

/* ALTER CONSTRAINT ... ENFORCED? */
static inline bool
enforces_constraint(const AlterTableCmd *cmd)
{
#if PG_VERSION_NUM >= 180000
	return cmd->subtype == AT_AlterConstraint && ((const ATAlterConstraint *) cmd->def)->alterEnforceability &&
		((const ATAlterConstraint *) cmd->def)->is_enforced;
#else
	return false;
#endif
}

/* Does this action of MERGE look at a row of the table?  NOT MATCHED BY SOURCE, which does, came with 17. */
static inline bool
action_has_old_row(const MergeAction *action)
{
#if PG_VERSION_NUM >= 170000
	return action->matchKind != MERGE_WHEN_NOT_MATCHED_BY_TARGET;
#else
	return action->matched;
#endif
}

/* Virtual generated columns came with 18. */
static inline bool
column_is_virtual(Oid relid, AttrNumber attnum)
{
#if PG_VERSION_NUM >= 180000
	return get_attgenerated(relid, attnum) == ATTRIBUTE_GENERATED_VIRTUAL;
#else
	return false;
#endif
}

/*
 * What a query is grouped by is an entry of its range table from 18 on: its
 * expressions, or NIL for another entry.
 */
static inline List *
grouping_expressions(const RangeTblEntry *rte)
{
#if PG_VERSION_NUM >= 180000
	return rte->rtekind == RTE_GROUP ? rte->groupexprs : NIL;
#else
	return NIL;
#endif
}

/*
 * From 18 on DECLARE and CREATE TABLE AS hand their query to
 * post_parse_analyze_hook when they are carried out; before, nobody does.
 */
static inline bool
utility_queries_are_analyzed(void)
{
	return PG_VERSION_NUM >= 180000;
}

/* The subcommand that adds a column; 15 has a recursing twin of it. */
static inline bool
is_add_column(AlterTableType subtype)
{
#if PG_VERSION_NUM < 160000
	if (subtype == AT_AddColumnRecurse)
		return true;
#endif
	return subtype == AT_AddColumn;
}

/* The same of the one that adds a constraint. */
static inline bool
is_add_constraint(AlterTableType subtype)
{
#if PG_VERSION_NUM < 160000
	if (subtype == AT_AddConstraintRecurse)
		return true;
#endif
	return subtype == AT_AddConstraint;
}

/* And of the one that drops one. */
static inline bool
is_drop_constraint(AlterTableType subtype)
{
#if PG_VERSION_NUM < 160000
	if (subtype == AT_DropConstraintRecurse)
		return true;
#endif
	return subtype == AT_DropConstraint;
}

/* And of the one that validates one. */
static inline bool
is_validate_constraint(AlterTableType subtype)
{
#if PG_VERSION_NUM < 160000
	if (subtype == AT_ValidateConstraintRecurse)
		return true;
#endif
	return subtype == AT_ValidateConstraint;
}

/* From 18 on AFTER triggers run as the role that queued them, before as the one that is current when they run. */
static inline bool
triggers_run_as_who_queued_them(void)
{
	return PG_VERSION_NUM >= 180000;
}

/*
 * From 19 on a plan has a list for what extensions note on it, which its copies
 * keep.  A name's items are that extension's.
 */
#if PG_VERSION_NUM >= 190000
#define PLAN_HAS_EXTENSION_STATE
#endif

/*
 * Gets a query ready for pull_up_sublinks(): from 19 on that looks for columns
 * that cannot be null among what this step collects.
 */
static inline void
preprocess_for_pull_up(PlannerInfo *root)
{
#if PG_VERSION_NUM >= 190000
	root->parse = preprocess_relation_rtes(root);
#endif
}

/*
 * From 18 on the planner makes one scan of a join of a table with itself by a
 * key.  A hook is told of each table first, by another name from 19 on.
 */
#if PG_VERSION_NUM >= 180000
#define PLANNER_DROPS_SELF_JOINS
#endif
#if PG_VERSION_NUM >= 190000
#include "optimizer/pathnode.h"

#define relation_info_hook_type build_simple_rel_hook_type
#define relation_info_hook build_simple_rel_hook
#define RELATION_INFO_PARAMETERS PlannerInfo *root, RelOptInfo *rel, RangeTblEntry *rte
#define RELATION_INFO_ARGUMENTS root, rel, rte
#else
#include "optimizer/plancat.h"

#define relation_info_hook_type get_relation_info_hook_type
#define relation_info_hook get_relation_info_hook
#define RELATION_INFO_PARAMETERS PlannerInfo *root, Oid relid, bool inhparent, RelOptInfo *rel
#define RELATION_INFO_ARGUMENTS root, relid, inhparent, rel
#endif

/*
 * From 18 on a hook may add to what EXPLAIN says of a node.  Until then there is
 * one that takes EXPLAIN of a query over, and until 16 has to do it by itself.
 */
#if PG_VERSION_NUM >= 180000
#define EXPLAIN_HAS_NODE_HOOK
#endif

#define EXPLAIN_QUERY_PARAMETERS \
	Query *query, int cursor_options, IntoClause *into, ExplainState *es, \
	const char *query_string, ParamListInfo params, QueryEnvironment *query_env
#define EXPLAIN_QUERY_ARGUMENTS \
	query, cursor_options, into, es, query_string, params, query_env

#if PG_VERSION_NUM < 170000
static inline void
standard_ExplainOneQuery(EXPLAIN_QUERY_PARAMETERS)
{
	BufferUsage before = pgBufferUsage;
	BufferUsage used = {0};
	instr_time	start;
	instr_time	duration;
	PlannedStmt *plan;

	INSTR_TIME_SET_CURRENT(start);
	plan = pg_plan_query(query, query_string, cursor_options, params);
	INSTR_TIME_SET_CURRENT(duration);
	INSTR_TIME_SUBTRACT(duration, start);
	BufferUsageAccumDiff(&used, &pgBufferUsage, &before);
	ExplainOnePlan(plan, into, es, query_string, params, query_env,
				   &duration, es->buffers ? &used : NULL);
}
#endif

#endif							/* TENANT_GUARD_COMPAT_H */
