/*-------------------------------------------------------------------------
 *
 * hooks.c
 *	  Installs every hook, and calls from each the functions of the wings.
 *
 * Nothing is decided here.  Each hook calls the one that was installed before
 * it exactly once, unless an error is raised or the statement is skipped.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_db_role_setting.h"
#include "catalog/pg_trigger.h"
#include "executor/executor.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "optimizer/paths.h"
#include "optimizer/planner.h"
#include "parser/analyze.h"
#include "parser/parse_node.h"
#include "tcop/utility.h"
#include "utils/selfuncs.h"

#include "access_check.h"
#include "approximate_index.h"
#include "client_statement.h"
#include "companion_key.h"
#include "compat.h"
#include "copy_from.h"
#include "current_tenant.h"
#include "domain_constraint.h"
#include "event_triggers.h"
#include "executor_hooks.h"
#include "explain_filters.h"
#include "few_rows.h"
#include "function_hook.h"
#include "function_mismatch.h"
#include "hooks.h"
#include "key_action.h"
#include "key_error.h"
#include "late_plan.h"
#include "library.h"
#include "log_tenant.h"
#include "made_table.h"
#include "method_settings.h"
#include "noforce.h"
#include "own_sql.h"
#include "pending_trigger.h"
#include "plan_mark.h"
#include "prepared_transaction.h"
#include "query_mismatch.h"
#include "redundant_check.h"
#include "reference_owner.h"
#include "refused_row.h"
#include "run_tenant.h"
#include "same_policy.h"
#include "security_barrier.h"
#include "self_join.h"
#include "skewed_plan.h"
#include "statement_kind.h"
#include "temporary_statement.h"
#include "temporary_table.h"
#include "tenant_for_role.h"
#include "tenant_plan.h"
#include "tenant_qual_first.h"
#include "tenant_setting.h"
#include "tenant_statistics.h"
#include "token_setting.h"

static post_parse_analyze_hook_type prev_post_parse_analyze = NULL;
static ProcessUtility_hook_type prev_process_utility = NULL;
static object_access_hook_type prev_object_access = NULL;
static ExecutorCheckPerms_hook_type prev_check_perms = NULL;
static planner_hook_type prev_planner = NULL;
static set_rel_pathlist_hook_type prev_set_rel_pathlist = NULL;
static relation_info_hook_type prev_relation_info = NULL;
static get_relation_stats_hook_type prev_relation_stats = NULL;
static emit_log_hook_type prev_emit_log = NULL;
#ifdef EXPLAIN_HAS_NODE_HOOK
static explain_per_node_hook_type prev_explain_node = NULL;
#else
static ExplainOneQuery_hook_type prev_explain_query = NULL;
#endif

static void
post_parse_analyze(ParseState *pstate, Query *query, JumbledQuery *jstate)
{
	if (prev_post_parse_analyze)
		prev_post_parse_analyze(pstate, query, jstate);
	check_comparisons_of(query, pstate);
}

#define UTILITY_PARAMETERS \
	PlannedStmt *pstmt, const char *query_string, bool read_only_tree, \
	ProcessUtilityContext context, ParamListInfo params, \
	QueryEnvironment *query_env, DestReceiver *dest, QueryCompletion *qc
#define UTILITY_ARGUMENTS \
	pstmt, query_string, read_only_tree, context, params, query_env, dest, qc

/* Executes a utility statement by the hook that was installed before, or PostgreSQL; COPY FROM into a guarded table by ourselves. */
static void
execute_utility(UTILITY_PARAMETERS)
{
	Copy		copy = {pstmt, query_string, context, params, query_env, dest, qc, table_to_copy_into(pstmt->utilityStmt)};

	if (OidIsValid(copy.relid) && prev_process_utility)
		run_copy_by_hook(&copy, prev_process_utility);
	else if (OidIsValid(copy.relid))
		run_copy(&copy);
	else if (prev_process_utility)
		prev_process_utility(UTILITY_ARGUMENTS);
	else
		standard_ProcessUtility(UTILITY_ARGUMENTS);
}

/* Executes a utility statement, while check_access knows its kind. */
static void
run_utility(UTILITY_PARAMETERS)
{
	MemoryContext memory = CurrentMemoryContext;
	Oid			copied = tenant_may_change() ? table_of_copy(pstmt->utilityStmt) : InvalidOid;
	int			outer_utility = enter_utility(pstmt->utilityStmt);
	StatementKind outer = enter_statement(kind_of_statement(pstmt->utilityStmt));
	bool		outer_creation = note_function_creation(IsA(pstmt->utilityStmt, CreateFunctionStmt));
	bool		copies = IsA(pstmt->utilityStmt, CopyStmt);
	Writing		writing;

	if (copies)
		note_queueing_tenant();
	enter_copying(&writing, copied);
	PG_TRY();
	{
		execute_utility(UTILITY_ARGUMENTS);
	}
	PG_CATCH();
	{
		leave_writing(&writing);
		leave_statement(outer);
		leave_utility(outer_utility);
		(void) note_function_creation(outer_creation);
		if (raised_after_action())
			hide_detail(memory);
		PG_RE_THROW();
	}
	PG_END_TRY();
	leave_writing(&writing);
	leave_statement(outer);
	leave_utility(outer_utility);
	(void) note_function_creation(outer_creation);
	if (copies)
		note_queueing_tenant();
}

#ifdef EXPLAIN_HAS_NODE_HOOK
#define explain_or_run_utility run_utility
#else

/* Executes a utility statement and calls leave_explain(outer) after it. */
static pg_noinline void
explain_utility(Explained *outer, UTILITY_PARAMETERS)
{
	PG_TRY();
	{
		run_utility(UTILITY_ARGUMENTS);
	}
	PG_CATCH();
	{
		leave_explain(outer);
		PG_RE_THROW();
	}
	PG_END_TRY();
	leave_explain(outer);
}

/* Executes a utility statement; EXPLAIN EXECUTE gets the same lines about filters as EXPLAIN of the statement's text. */
static void
explain_or_run_utility(UTILITY_PARAMETERS)
{
	Explained	inner;

	if (!explains_prepared(pstmt->utilityStmt, &inner))
	{
		run_utility(UTILITY_ARGUMENTS);
		return;
	}
	dest = add_lines_to(dest, &inner);
	explain_utility(enter_explain(&inner), UTILITY_ARGUMENTS);
}
#endif

/* Executes EXPLAIN ANALYZE CREATE TABLE AS or CREATE MATERIALIZED VIEW, for which PostgreSQL fires no event triggers. */
static void
make_by_explain(const CreateTableAsStmt *stmt, UTILITY_PARAMETERS)
{
	bool		drop_on_commit = stmt->into->onCommit == ONCOMMIT_DROP;
	MadeRelations made;

	begin_collecting(&made);
	PG_TRY();
	{
		explain_or_run_utility(UTILITY_ARGUMENTS);
	}
	PG_FINALLY();
	{
		end_collecting(&made);
	}
	PG_END_TRY();
	relations_were_made(made.relids, drop_on_commit);
}

static void
process_utility(UTILITY_PARAMETERS)
{
	const CreateTableAsStmt *made = made_by_explain(pstmt->utilityStmt);
	Node	   *extended = with_companions(pstmt->utilityStmt);
	bool		reassigns = IsA(pstmt->utilityStmt, ReassignOwnedStmt);
	PlannedStmt hidden;
	bool		counts = is_client_utility(pstmt, context);
	bool		noted;

	statement_is_seen();
	note_hook_call();
	if (skips_same_policy(pstmt->utilityStmt, query_string))
		return;
	check_prepare(pstmt->utilityStmt);
	noted = check_temporary_statement(pstmt->utilityStmt);
	if (extended != pstmt->utilityStmt)
	{
		pstmt = copyObject(pstmt);	/* the original may belong to a cached plan */
		pstmt->utilityStmt = extended;
	}
	if (sets_token(pstmt->utilityStmt))
	{
		hidden = *pstmt;		/* without an ID its text is not kept by other libraries */
		hidden.queryId = 0;
		pstmt = &hidden;
	}
	if (made != NULL)
		make_by_explain(made, UTILITY_ARGUMENTS);
	else
		explain_or_run_utility(UTILITY_ARGUMENTS);
	if (noted)
		note_temporary_statement(pstmt->utilityStmt);
	if (reassigns)
		check_functions_of_new_owner(InvalidOid);
	drop_plans_of_other_settings();
	client_statements += counts;
}

static void
object_access(ObjectAccessType access, Oid class_id, Oid object_id, int sub_id, void *arg)
{
	if (prev_object_access)
		prev_object_access(access, class_id, object_id, sub_id, arg);

	if (access == OAT_POST_CREATE && class_id == RelationRelationId && sub_id == 0)
		relation_was_made(object_id);

	if ((access == OAT_POST_CREATE || access == OAT_DROP) && class_id == TriggerRelationId)
		note_changed_trigger(object_id);

	if (access == OAT_FUNCTION_EXECUTE)
		check_maintaining_function(object_id);
	if (access == OAT_TRUNCATE && class_id == RelationRelationId)
		check_truncate(object_id);
	if (access == OAT_DROP && class_id == RelationRelationId && sub_id == 0)
		note_dropped(object_id);
	if (access == OAT_POST_CREATE && class_id == ConstraintRelationId)
	{
		check_functions_of_reference(object_id);
		check_domain_constraint(object_id);
	}

	/* ALTER ROLE ... SET and ALTER DATABASE ... SET: object_id is the database, auxiliary_id the role */
	if (access == OAT_POST_ALTER && class_id == DbRoleSettingRelationId && !superuser())
		check_stored_tenant(object_id, ((ObjectAccessPostAlter *) arg)->auxiliary_id);
}

static bool
check_perms(CHECK_PERMS_PARAMETERS)
{
	if (prev_check_perms && !prev_check_perms(CHECK_PERMS_ARGUMENTS))
		return false;
	return check_access(permission_infos, ereport_on_violation);
}

/* ----------------------------------------------------------------
 *		Planning, and EXPLAIN
 * ----------------------------------------------------------------
 */

#ifdef EXPLAIN_HAS_NODE_HOOK
static void
explain_node(PlanState *node, List *ancestors, const char *relationship, const char *plan_name, ExplainState *es)
{
	if (prev_explain_node)
		prev_explain_node(node, ancestors, relationship, plan_name, es);
	explain_scan(node->plan, es);
}
#else
static void
explain_query(EXPLAIN_QUERY_PARAMETERS)
{
	Explained	inner = {.query = query, .verbose = es->verbose, .context = CurrentMemoryContext};
	Explained  *outer = enter_explain(&inner);

	PG_TRY();
	{
		if (prev_explain_query)
			prev_explain_query(EXPLAIN_QUERY_ARGUMENTS);
		else
			standard_ExplainOneQuery(EXPLAIN_QUERY_ARGUMENTS);
	}
	PG_FINALLY();
	{
		leave_explain(outer);
	}
	PG_END_TRY();
	explain_lines(inner.lines, es);
}
#endif

static void
relation_info(RELATION_INFO_PARAMETERS)
{
	if (prev_relation_info)
		prev_relation_info(RELATION_INFO_ARGUMENTS);
#ifdef PLANNER_DROPS_SELF_JOINS
	keep_self_joins(root->parse, rel);
#endif
	hide_indexes_of_all(root, rel);
}

/* Another library's statistics are not ours to ignore. */
static bool
relation_stats(PlannerInfo *root, RangeTblEntry *rte, AttrNumber attnum, VariableStatData *column)
{
	if (prev_relation_stats && prev_relation_stats(root, rte, attnum, column))
		return true;
	if (library_was_just_loaded())
		return false;
	if (give_tenant_statistics(root, rte, attnum, column))
		return true;
	if (!ignores_statistics(root, rte, attnum))
		return false;
	column->statsTuple = NULL;	/* brincostestimate() leaves it to the hook */
	return true;
}

static void
set_rel_pathlist(PlannerInfo *root, RelOptInfo *rel, Index rti, RangeTblEntry *rte)
{
	if (prev_set_rel_pathlist)
		prev_set_rel_pathlist(root, rel, rti, rte);
	prefer_exact_rows(root, rel, rte);
	prefer_few_rows(root, rel, rte);
}

static PlannedStmt *
plan_query(PLANNER_PARAMETERS)
{
	Planning	start = enter_planning();
	bool		unchecked = drop_redundant_checks(query);
	KeyAction  *action = read_key_action(query);
	bool		row_security;
	List	   *dependencies;
	PlannedStmt *plan;

	mark_row_security_of_subqueries(query);
	row_security = query->hasRowSecurity;
	dependencies = trust_filters(query, params);
	check_before_planning(query_permission_infos(query));
	plan = prev_planner ?
		prev_planner(PLANNER_ARGUMENTS) :
		standard_planner(PLANNER_ARGUMENTS);
	plan->invalItems = list_concat(plan->invalItems, dependencies);
	put_tenant_first(plan, row_security);
	check_key_action(plan, action);
	if (unchecked)
		mark_plan(plan, MARK_LACKS_CHECKS);
	mark_skewed_plan(plan);
	if (leave_planning(&start))
		mark_plan_of_transaction(plan);
	mark_plan_as_ours(plan);
	note_planned(query, plan);
	return plan;
}

/* ----------------------------------------------------------------
 *		Running
 * ----------------------------------------------------------------
 */

/* Changes what of an error is sent to the client and the log. */
static void
emit_log(ErrorData *error)
{
	hide_detail_in_report(error);
	add_tenant_to_log(error);
	if (prev_emit_log)
		prev_emit_log(error);
}

/* Must be called once, by _PG_init. */
void
install_hooks(void)
{
	Assert(planner_hook != plan_query);
	install_executor_hooks();
	install_function_hook();
	prev_post_parse_analyze = post_parse_analyze_hook;
	post_parse_analyze_hook = post_parse_analyze;
	prev_process_utility = ProcessUtility_hook;
	ProcessUtility_hook = process_utility;
	prev_object_access = object_access_hook;
	object_access_hook = object_access;
	prev_check_perms = ExecutorCheckPerms_hook;
	ExecutorCheckPerms_hook = check_perms;
	prev_planner = planner_hook;
	planner_hook = plan_query;
	prev_set_rel_pathlist = set_rel_pathlist_hook;
	set_rel_pathlist_hook = set_rel_pathlist;
	prev_relation_info = relation_info_hook;
	relation_info_hook = relation_info;
	prev_relation_stats = get_relation_stats_hook;
	get_relation_stats_hook = relation_stats;
	prev_emit_log = emit_log_hook;
	emit_log_hook = emit_log;
#ifdef EXPLAIN_HAS_NODE_HOOK
	prev_explain_node = explain_per_node_hook;
	explain_per_node_hook = explain_node;
#else
	prev_explain_query = ExplainOneQuery_hook;
	ExplainOneQuery_hook = explain_query;
#endif
}
