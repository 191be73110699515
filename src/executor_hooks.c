/*-------------------------------------------------------------------------
 *
 * executor_hooks.c
 *	  The executor's hooks: state that is set while a plan on guarded tables runs.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "executor/executor.h"
#include "miscadmin.h"

#include "access_check.h"
#include "client_statement.h"
#include "compat.h"
#include "current_tenant.h"
#include "event_triggers.h"
#include "executor_hooks.h"
#include "explain_filters.h"
#include "function_mismatch.h"
#include "key_error.h"
#include "late_plan.h"
#include "made_table.h"
#include "method_settings.h"
#include "noforce.h"
#include "own_sql.h"
#include "pending_trigger.h"
#include "plan_mark.h"
#include "redundant_check.h"
#include "refused_row.h"
#include "run_tenant.h"
#include "security_barrier.h"
#include "statement_kind.h"
#include "temporary_table.h"
#include "tenant_plan.h"

static ExecutorStart_hook_type prev_executor_start = NULL;
static ExecutorRun_hook_type prev_executor_run = NULL;
static ExecutorFinish_hook_type prev_executor_finish = NULL;

/*
 * State of a running plan to which row-level security applies
 * (dependsOnRole, as tenant_qual_first.c sets it), or whose rows outlive the
 * transaction; and what leave_run must restore.
 */
typedef struct Run
{
	StatementKind statement;	/* kind of the outer statement, to be restored */
	bool		kept;			/* previous value of keep_tenant(), to be restored */
	Writing		writing;		/* entry for pending_trigger.c */
	bool		suspended;		/* did suspend_noforce() return true? */
	bool		hidden;			/* must the details of errors be hidden from the caller? */
} Run;

static void
executor_start(QueryDesc *query_desc, int eflags)
{
	uint64		rows_read = times_tenants_rows_read();

	note_started(query_desc);
	if (prev_executor_start)
		prev_executor_start(query_desc, eflags);
	else
		standard_ExecutorStart(query_desc, eflags);
	note_starter(query_desc);
	if (times_tenants_rows_read() != rows_read)
		note_tenant_of_run(query_desc);
}

static bool
is_plain_run(const QueryDesc *query_desc)
{
	return !query_desc->plannedstmt->dependsOnRole && !InNoForceRLSOperation() &&
		!rows_are_kept();
}

/*
 * Sets the state for a plan that is about to run.  For a foreign key's statement
 * FORCE applies again from here on: it was needed suspended for planning and
 * the access check only.  (The fmgr hook does not suffice: ri_triggers.c and
 * the type cache keep FmgrInfos, of casts and ranges, that were set up without
 * it.)
 */
static void
enter_run(Run *run, const QueryDesc *query_desc)
{
	/* this can raise an error, the calls that follow cannot */
	run->hidden = InNoForceRLSOperation() && query_desc->plannedstmt->dependsOnRole && details_are_hidden();
	run->statement = enter_portal();
	run->kept = keep_tenant(true);
	enter_writing(&run->writing, query_desc);
	run->suspended = suspend_noforce();
}

static void
leave_run(const Run *run)
{
	leave_statement(run->statement);
	(void) keep_tenant(run->kept);
	leave_writing(&run->writing);
	if (run->suspended)
		resume_noforce();
}

static void
run_plan(EXECUTOR_RUN_PARAMETERS)
{
	if (prev_executor_run)
		prev_executor_run(EXECUTOR_RUN_ARGUMENTS);
	else
		standard_ExecutorRun(EXECUTOR_RUN_ARGUMENTS);
}

static void
executor_run(EXECUTOR_RUN_PARAMETERS)
{
	MemoryContext context = CurrentMemoryContext;
	bool		counts = is_client_plan(query_desc);
	Run			run;

	check_run_by_parser();
	check_starter(query_desc);
	check_planned_with_library(query_desc->plannedstmt);
	check_tenant_of_run(query_desc);
	check_stack_for_trusted(query_desc->plannedstmt);
	if (plan_writes(query_desc->plannedstmt) &&
		plan_is_marked(query_desc->plannedstmt, MARK_LACKS_CHECKS))
		check_unchecked_rows(query_desc);
	check_plan_goes_on(plan_permission_infos(query_desc->plannedstmt));
	if (plan_writes(query_desc->plannedstmt))
		note_queueing_tenant();
	if (is_plain_run(query_desc))
	{
		if (tenants_have_tables())
			note_tenants_rows();
		if (tenant_may_change() && plan_writes(query_desc->plannedstmt))
			run_as_writing(run_plan, EXECUTOR_RUN_ARGUMENTS);
		else
			run_plan(EXECUTOR_RUN_ARGUMENTS);
		client_statements += counts;
		return;
	}
	note_tenants_rows();
	enter_run(&run, query_desc);
	PG_TRY();
	{
		run_plan(EXECUTOR_RUN_ARGUMENTS);
	}
	PG_CATCH();
	{
		leave_run(&run);
		if (run.hidden)
			hide_detail(context);
		explain_refused_row(context);
		PG_RE_THROW();
	}
	PG_END_TRY();
	leave_run(&run);
	client_statements += counts;
}

static void
finish_plan(QueryDesc *query_desc)
{
	if (prev_executor_finish)
		prev_executor_finish(query_desc);
	else
		standard_ExecutorFinish(query_desc);
}

/*
 * Finishes a plan.  Rows of a data-modifying WITH may be written only now, and
 * AFTER triggers, foreign keys' among them, fire.  "run" is NULL for a plan for
 * which enter_run was not called.
 */
static void
finish_with_care(QueryDesc *query_desc, const Run *run)
{
	MemoryContext context = CurrentMemoryContext;

	PG_TRY();
	{
		finish_plan(query_desc);
	}
	PG_CATCH();
	{
		if (run != NULL)
			leave_run(run);
		if (raised_after_action())
			hide_detail(context);
		explain_refused_row(context);
		PG_RE_THROW();
	}
	PG_END_TRY();
	if (run != NULL)
		leave_run(run);
}

static void
executor_finish(QueryDesc *query_desc)
{
	bool		writes = plan_writes(query_desc->plannedstmt);

	if (!is_plain_run(query_desc))
	{
		Run			run;

		enter_run(&run, query_desc);
		finish_with_care(query_desc, &run);
	}
	else if (writes && triggers_run_as_who_queued_them())
		finish_with_care(query_desc, NULL);
	else
		finish_plan(query_desc);
	if (writes)
		note_queueing_tenant();
	/* the statement may have set the tenant after check_access noted what it writes */
	if (writes && wrote_without_tenant())
		note_writing(plan_permission_infos(query_desc->plannedstmt));
	relations_were_made(made_while_loading(), false);
	drop_plans_of_other_settings();
}

/* Must be called once, by install_hooks. */
void
install_executor_hooks(void)
{
	Assert(ExecutorStart_hook != executor_start);
	prev_executor_start = ExecutorStart_hook;
	ExecutorStart_hook = executor_start;
	prev_executor_run = ExecutorRun_hook;
	ExecutorRun_hook = executor_run;
	prev_executor_finish = ExecutorFinish_hook;
	ExecutorFinish_hook = executor_finish;
}
