/*-------------------------------------------------------------------------
 *
 * query_mismatch.c
 *	  Reports where a query that was analysed compares a tenant as text.
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

/* Where psql puts its caret: a character's number, for a byte's place. */
static int
cursor_position(const ParseState *pstate, int location)
{
	if (location < 0 || pstate->p_sourcetext == NULL)
		return 0;
	return pg_mbstrlen_with_len(pstate->p_sourcetext, location) + 1;
}

/* Reports each place, or collects them for who looks at bodies of functions. */
static void
report_comparisons(const Query *query, ParseState *pstate, int level)
{
	List	   *found = mismatches_in_query(query, pstate->p_sourcetext);
	ListCell   *lc;

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
 * Raises or warns of each comparison of a tenant as text, as
 * tenant_guard.type_mismatch says.  Not looked at are queries of foreign keys,
 * which compare what PostgreSQL lets them, and those of extensions that are
 * being created.
 */
void
check_comparisons_of(const Query *query, ParseState *pstate)
{
	int			level = mismatch_level();
	const Query *looked_at = query->commandType == CMD_UTILITY ?
		query_of_utility(query->utilityStmt) : query;

	if (looked_at != NULL && (level != 0 || is_collecting_mismatches()) && IsTransactionState() && !creating_extension &&
		!InNoForceRLSOperation())
		report_comparisons(looked_at, pstate, level);
}
