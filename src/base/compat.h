/*-------------------------------------------------------------------------
 *
 * compat.h
 *	  What differs between the supported servers (PostgreSQL 15 to 19).
 *
 * The only file that says PG_VERSION_NUM, with copy_compat.h.  Each entry gives an older server
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
#include "nodes/makefuncs.h"
#include "nodes/parsenodes.h"
#include "nodes/pathnodes.h"
#include "optimizer/prep.h"
#include "storage/lock.h"
#include "storage/proc.h"
#include "tcop/tcopprot.h"
#include "utils/acl.h"
#include "utils/guc.h"
#include "utils/guc_tables.h"
#include "utils/lsyscache.h"

#include "constraint_compat.h"

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

/* 18 has pg_noreturn, which stands before the declaration; gcc and clang accept
 * the older attribute there too. */
#if PG_VERSION_NUM < 180000
#define pg_noreturn pg_attribute_noreturn()
#endif

/*
 * Does hasRowSecurity of a query say whether row-level security applies to one of
 * its subqueries or CTEs?  Not in minor releases before 15.9, 16.5 and 17.1
 * (CVE-2024-10976).  The running server is asked, which can be older than the
 * headers.
 */
static inline bool
row_security_of_subqueries_is_known(void)
{
	static int	version = 0;

	if (version == 0)
		version = atoi(GetConfigOption("server_version_num", false, false));
	return version >= 170001 || (version >= 160005 && version < 170000) || (version >= 150009 && version < 160000);
}

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

/* GUC values and their "extra" are allocated by malloc until 15, in a memory
 * context of guc.c from 16 on. */
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

/* 18 has no macro for this collation's OID any more (pg_collation.dat). */
#if PG_VERSION_NUM >= 180000
#define POSIX_COLLATION_OID 951
#endif

/*
 * ExecutorCheckPerms_hook gets the range table until 15, and a list of
 * RTEPermissionInfo from 16 on.  Both structs have relid, requiredPerms and
 * checkAsUser.
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
 * Returns the role as which a table of a plan is accessed; InvalidOid for the
 * current user.  A partition or child that the planner added has no
 * RTEPermissionInfo of its own: its parent's is used.
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

/* Returns the table that CLUSTER, or REPACK from 19 on, names; NULL if it names none, and for other statements. */
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

/* Is the statement CLUSTER, or REPACK, without a table, which processes all tables? */
static inline bool
repacks_all(const Node *stmt)
{
#if PG_VERSION_NUM >= 190000
	return IsA(stmt, RepackStmt) && ((const RepackStmt *) stmt)->relation == NULL;
#else
	return IsA(stmt, ClusterStmt) && ((const ClusterStmt *) stmt)->relation == NULL;
#endif
}

/* Does a plan write to any table?  The result relations are a Bitmapset of range-table indexes from 19 on, a list before. */
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

/* Returns a plan's result relations as a list of range-table indexes, which the caller must not change. */
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

/* From 19 on planner_hook gets the ExplainState. */
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

/* From 19 on post_parse_analyze_hook gets a const JumbleState. */
#if PG_VERSION_NUM >= 190000
typedef const struct JumbleState JumbledQuery;
#else
typedef struct JumbleState JumbledQuery;
#endif

/* 18 removed ExecutorRun's last argument. */
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

/* Is the current user an owner of the relation?  16 replaced the functions of each kind of object by one. */
static inline bool
user_owns_relation(Oid relid)
{
#if PG_VERSION_NUM >= 160000
	return object_ownercheck(RelationRelationId, relid, GetUserId());
#else
	return pg_class_ownercheck(relid, GetUserId());
#endif
}

/* Does this backend hold just this lock on a relation?  For assertions. */
static inline bool
relation_is_locked(Oid relid, LOCKMODE mode)
{
	LOCKTAG		tag;

	SET_LOCKTAG_RELATION(tag, MyDatabaseId, relid);
#if PG_VERSION_NUM >= 170000
	return LockHeldByMe(&tag, mode, false);
#else
	return LockHeldByMe(&tag, mode);
#endif
}

/* Does this backend hold any lock on a relation?  For assertions; 15.8, 16.4, 17.0 and older have no function for that. */
static inline bool
relation_is_locked_at_all(Oid relid)
{
	for (LOCKMODE mode = AccessShareLock; mode <= AccessExclusiveLock; mode++)
		if (relation_is_locked(relid, mode))
			return true;
	return false;
}

/* Does the role have USAGE on the schema? */
static inline bool
schema_is_usable(Oid schema, Oid role)
{
#if PG_VERSION_NUM >= 160000
	return object_aclcheck(NamespaceRelationId, schema, role, ACL_USAGE) == ACLCHECK_OK;
#else
	return pg_namespace_aclcheck(schema, role, ACL_USAGE) == ACLCHECK_OK;
#endif
}

/* Is it the subcommand ALTER COLUMN ... SET EXPRESSION, which came with 17? */
static inline bool
is_set_expression(AlterTableType subtype)
{
#if PG_VERSION_NUM >= 170000
	return subtype == AT_SetExpression;
#else
	return false;
#endif
}

/* Does this action of MERGE have a row of the target table?  NOT MATCHED BY SOURCE has one, and came with 17. */
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
 * Returns the grouping expressions of an RTE_GROUP entry, which a query with
 * GROUP BY has in its range table from 18 on; NIL for other entries.
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

/* Returns the JSON that JSON_EXISTS searches, which is there from 17 on; NULL for other nodes. */
static inline Node *
searched_by_json_exists(Node *node)
{
#if PG_VERSION_NUM >= 170000
	return IsA(node, JsonExpr) && ((JsonExpr *) node)->op == JSON_EXISTS_OP ? ((JsonExpr *) node)->formatted_expr : NULL;
#else
	return NULL;
#endif
}

/*
 * Is post_parse_analyze_hook called for the queries of DECLARE CURSOR and
 * CREATE TABLE AS?  From 18 on it is, when the statement is executed.
 */
static inline bool
utility_queries_are_analyzed(void)
{
	return PG_VERSION_NUM >= 180000;
}

/* Does the subcommand add a column?  15 has another code for it when it recurses, as for the next three. */
static inline bool
is_add_column(AlterTableType subtype)
{
#if PG_VERSION_NUM < 160000
	if (subtype == AT_AddColumnRecurse)
		return true;
#endif
	return subtype == AT_AddColumn;
}

/* Does the subcommand add a constraint? */
static inline bool
is_add_constraint(AlterTableType subtype)
{
#if PG_VERSION_NUM < 160000
	if (subtype == AT_AddConstraintRecurse)
		return true;
#endif
	return subtype == AT_AddConstraint;
}

/* Does the subcommand drop a constraint? */
static inline bool
is_drop_constraint(AlterTableType subtype)
{
#if PG_VERSION_NUM < 160000
	if (subtype == AT_DropConstraintRecurse)
		return true;
#endif
	return subtype == AT_DropConstraint;
}

/* Does the subcommand validate a constraint? */
static inline bool
is_validate_constraint(AlterTableType subtype)
{
#if PG_VERSION_NUM < 160000
	if (subtype == AT_ValidateConstraintRecurse)
		return true;
#endif
	return subtype == AT_ValidateConstraint;
}

/* Do AFTER triggers run as the role that queued their events?  Until 17 they run as the one that is current then. */
static inline bool
triggers_run_as_who_queued_them(void)
{
	return PG_VERSION_NUM >= 180000;
}

/*
 * From 19 on PlannedStmt.extension_state has items of extensions, each with the
 * extension's name; copyObject() keeps them.
 */
#if PG_VERSION_NUM >= 190000
#define PLAN_HAS_EXTENSION_STATE
#endif

/*
 * Must be called before pull_up_sublinks(): from 19 on that needs to know which
 * columns are NOT NULL, which preprocess_relation_rtes() collects.
 */
static inline void
preprocess_for_pull_up(PlannerInfo *root)
{
#if PG_VERSION_NUM >= 190000
	root->parse = preprocess_relation_rtes(root);
#endif
}

/*
 * From 18 on the planner replaces a self-join on a unique key by one scan.  The
 * hook that is called for each table before that has another name from 19 on.
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
 * From 18 on explain_per_node_hook can add to EXPLAIN's output for a node.
 * Until then there is only ExplainOneQuery_hook, which replaces EXPLAIN of a
 * query; standard_ExplainOneQuery came with 17.
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
