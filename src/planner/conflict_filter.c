/*-------------------------------------------------------------------------
 *
 * conflict_filter.c
 *	  The tenant before the WHERE of ON CONFLICT.
 *
 * The row that INSERT ... ON CONFLICT finds in its way may be another tenant's.
 * The policy refuses it, and until the minor releases that mend CVE-2026-120154
 * PostgreSQL asks the policy only after the statement's WHERE:
 *
 *		INSERT ... ON CONFLICT (id) DO UPDATE SET ... WHERE talk(t.secret)
 *
 * gives talk() the other tenant's value.  So in a finished plan the WHERE is
 * made
 *
 *		(tenant_id = current_tenant()) IS NOT TRUE OR (...)
 *
 * of which the executor evaluates the first arm first.  For another tenant's
 * row it is true, and nothing else is evaluated: the executor goes on to the
 * policy, which raises PostgreSQL's own error.  If the row were filtered out the
 * statement would skip it in silence, which it does on no server that is mended.
 *
 * Policies of the application's come after the tenant's for the same reason:
 * PostgreSQL asks the permissive ones first there.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "nodes/makefuncs.h"

#include "conflict_filter.h"
#include "guard_policy.h"

static bool
is_tenants_check(const WithCheckOption *check)
{
	return check->polname != NULL && strcmp(check->polname, ISOLATION_POLICY) == 0;
}

/* The tenant's checks first, all in their order. */
static List *
order_checks(const List *checks)
{
	List	   *first = NIL;
	List	   *others = NIL;
	ListCell   *lc;

	foreach(lc, checks)
	{
		if (is_tenants_check(lfirst_node(WithCheckOption, lc)))
			first = lappend(first, lfirst(lc));
		else
			others = lappend(others, lfirst(lc));
	}
	return list_concat(first, others);
}

/* What the policy asks of the row in the way, as the executor evaluates it, or NULL. */
static Expr *
tenants_condition(const List *checks, Index rti)
{
	ListCell   *lc;

	foreach(lc, checks)
	{
		const WithCheckOption *check = lfirst(lc);
		const List *quals = (const List *) check->qual;

		if (check->kind == WCO_RLS_CONFLICT_CHECK && is_tenants_check(check) &&
			list_length(quals) == 1 && tenant_qual_column(linitial(quals), rti) > 0)
			return copyObject(linitial(quals));
	}
	return NULL;
}

static Expr *
is_not_true(Expr *condition)
{
	BooleanTest *test = makeNode(BooleanTest);

	test->arg = condition;
	test->booltesttype = IS_NOT_TRUE;
	test->location = -1;
	return (Expr *) test;
}

/* In a plan that was just made.  Without row-level security there are no checks, and nothing is done. */
void
put_tenant_before_conflict(ModifyTable *plan)
{
	List	   *where = (List *) plan->onConflictWhere;
	List	   *checks;
	Expr	   *condition;

	if (plan->onConflictAction == ONCONFLICT_NONE || plan->withCheckOptionLists == NIL)
		return;
	checks = order_checks(linitial(plan->withCheckOptionLists));
	linitial(plan->withCheckOptionLists) = checks;
	condition = tenants_condition(checks, linitial_int(plan->resultRelations));
	if (where == NIL || condition == NULL)
		return;
	where = list_make1(makeBoolExpr(OR_EXPR, list_make2(is_not_true(condition), make_ands_explicit(where)), -1));
	plan->onConflictWhere = (Node *) where;
}
