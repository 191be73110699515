/*-------------------------------------------------------------------------
 *
 * copy_compat.h
 *	  What differs between the supported servers in COPY FROM; a part of compat.h.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_COPY_COMPAT_H
#define TENANT_GUARD_COPY_COMPAT_H

#include "commands/copyfrom_internal.h"
#include "commands/progress.h"
#include "executor/executor.h"
#include "parser/parse_node.h"
#include "parser/parse_relation.h"
#include "parser/parsetree.h"
#include "pgstat.h"
#include "tcop/tcopprot.h"
#include "utils/backend_progress.h"

#include "compat.h"

/* The permission info of a relation that a statement is about to name. */
static inline PermissionInfo *
permission_info_of(const ParseNamespaceItem *item)
{
#if PG_VERSION_NUM >= 160000
	return item->p_perminfo;
#else
	return item->p_rte;
#endif
}

/* Checks the permissions of a statement on one relation, or raises an error. */
static inline void
check_permissions(List *range_table, PermissionInfo *info)
{
#if PG_VERSION_NUM >= 160000
	ExecCheckPermissions(range_table, list_make1(info), true);
#else
	ExecCheckRTPerms(range_table, true);
#endif
}

/* Replaces what a query's permission info of its result relation says of written columns. */
static inline void
set_inserted_columns(Query *query, Bitmapset *columns)
{
	RangeTblEntry *rte = rt_fetch(query->resultRelation, query->rtable);

#if PG_VERSION_NUM >= 160000
	getRTEPermissionInfo(query->rteperminfos, rte)->insertedCols = columns;
#else
	rte->insertedCols = columns;
#endif
}

/* Plans a query of ours; pg_plan_query has an argument for EXPLAIN from 19 on. */
static inline PlannedStmt *
plan_own_query(Query *query, const char *query_string)
{
#if PG_VERSION_NUM >= 190000
	return pg_plan_query(query, query_string, 0, NULL, NULL);
#else
	return pg_plan_query(query, query_string, 0, NULL);
#endif
}

/* Runs a plan to its end. */
static inline void
run_whole_plan(QueryDesc *query_desc)
{
#if PG_VERSION_NUM >= 180000
	ExecutorRun(query_desc, ForwardScanDirection, 0);
#else
	ExecutorRun(query_desc, ForwardScanDirection, 0, true);
#endif
}

/*
 * Is the row that NextCopyFrom has read to be skipped, by ON_ERROR ignore?  That came
 * with 17, and REJECT_LIMIT with 18.
 */
static inline bool
copied_row_is_skipped(CopyFromState state)
{
#if PG_VERSION_NUM >= 170000
	if (state->opts.on_error != COPY_ON_ERROR_IGNORE || !state->escontext->error_occurred)
		return false;
	state->escontext->error_occurred = false;
	pgstat_progress_update_param(PROGRESS_COPY_TUPLES_SKIPPED, state->num_errors);
#if PG_VERSION_NUM >= 180000
	if (state->opts.reject_limit > 0 && state->num_errors > state->opts.reject_limit)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
				 errmsg("skipped more than REJECT_LIMIT (%lld) rows due to data type incompatibility",
						(long long) state->opts.reject_limit)));
#endif
	return true;
#else
	return false;
#endif
}

/* Says how many rows ON_ERROR has skipped or, from 19 on, changed. */
static inline void
report_skipped_rows(CopyFromState state)
{
#if PG_VERSION_NUM >= 170000
	unsigned long long rows = state->num_errors;

	if (rows == 0 || state->opts.on_error == COPY_ON_ERROR_STOP || state->opts.log_verbosity < COPY_LOG_VERBOSITY_DEFAULT)
		return;
	if (state->opts.on_error == COPY_ON_ERROR_IGNORE)
		ereport(NOTICE,
				errmsg_plural("%llu row was skipped due to data type incompatibility",
							  "%llu rows were skipped due to data type incompatibility", rows, rows));
	else
		ereport(NOTICE,
				errmsg_plural("in %llu row, columns were set to null due to data type incompatibility",
							  "in %llu rows, columns were set to null due to data type incompatibility", rows, rows));
#endif
}

#endif							/* TENANT_GUARD_COPY_COMPAT_H */
