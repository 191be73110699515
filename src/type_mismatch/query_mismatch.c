/*-------------------------------------------------------------------------
 *
 * query_mismatch.c
 *	  Reports the comparisons of an analyzed query that compare a tenant as text.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "commands/extension.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"

#include "find_mismatch.h"
#include "function_mismatch.h"
#include "query_mismatch.h"
#include "refusal.h"

/* Returns a byte offset in the query's text as the number of a character, from 1 on; 0 if there is none. */
static int
cursor_position(const ParseState *pstate, int location)
{
	if (location < 0 || pstate->p_sourcetext == NULL)
		return 0;
	return pg_mbstrlen_with_len(pstate->p_sourcetext, location) + 1;
}

/* Reports each mismatch, or collects them all while the body of a function is parsed. */
static void
report_comparisons(const Query *query, ParseState *pstate, int level)
{
	List	   *found = mismatches_in_query(query, pstate->p_sourcetext);
	ListCell   *lc;

	Assert(level != 0 || is_collecting_mismatches());
	if (is_collecting_mismatches())
	{
		collect_mismatches(found);
		return;
	}
	foreach(lc, found)
	{
		const Mismatch *mismatch = lfirst(lc);

		report_refusal(level, compares_tenant(mismatch), cursor_position(pstate, mismatch->location));
	}
}

/*
 * Raises an error or a warning, as tenant_guard.type_mismatch says, for each
 * comparison of a tenant as text in a query that was analyzed.  Queries of foreign
 * keys are exempt, since their operators are PostgreSQL's choice, and so is the
 * script of an extension that is being created.
 */
void
check_comparisons_of(const Query *query, ParseState *pstate)
{
	int			level = mismatch_level();
	const Query *checked = query->commandType == CMD_UTILITY ?
		query_of_utility(query->utilityStmt) : query;

	if (checked != NULL && (level != 0 || is_collecting_mismatches()) && IsTransactionState() && !creating_extension &&
		!InNoForceRLSOperation())
		report_comparisons(checked, pstate, level);
}
