/*-------------------------------------------------------------------------
 *
 * conflict_filter.c
 *	  Evaluates the tenant's qual before the WHERE of ON CONFLICT.
 *
 * The conflicting row of INSERT ... ON CONFLICT may be another tenant's.  The
 * policy refuses it, but until the minor releases that fix CVE-2026-120154
 * PostgreSQL evaluates the policy's qual only after the statement's WHERE:
 *
 *		INSERT ... ON CONFLICT (id) DO UPDATE SET ... WHERE talk(t.secret)
 *
 * passes the other tenant's value to talk().  So in a finished plan the WHERE
 * becomes
 *
 *		(tenant_id = current_tenant()) IS NOT TRUE OR (...)
 *
 * of which the executor evaluates the first argument first.  For another tenant's
 * row it is true, and the rest is not evaluated: the executor goes on to the
 * policy's qual, which raises PostgreSQL's own error.  If the WHERE were false
 * instead, the statement would skip the row without an error, which no fixed
 * server does.
 *
 * For the same reason the checks of the application's policies are moved behind
 * the tenant's: PostgreSQL puts those of permissive policies first.
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
	return check->polname != NULL && is_isolation_policy_name(check->polname);
}

/* Returns the checks, the tenant's first, and otherwise in their order. */
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
	first = list_concat(first, others);
	Assert(list_length(first) == list_length(checks));
	return first;
}

/*
 * Returns a copy of the tenant's qual for the conflicting row of table "rti", or NULL
 * if no check has it: the one that a row of everyone does not pass either.
 */
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

/* Modifies a ModifyTable node of a plan that was just made.  Does nothing where row-level security adds no checks. */
void
put_tenant_before_conflict(ModifyTable *plan)
{
	List	   *where = (List *) plan->onConflictWhere;
	List	   *checks;
	Expr	   *condition;

	if (plan->onConflictAction == ONCONFLICT_NONE || plan->withCheckOptionLists == NIL)
		return;
	Assert(list_length(plan->withCheckOptionLists) == list_length(plan->resultRelations));
	checks = order_checks(linitial(plan->withCheckOptionLists));
	linitial(plan->withCheckOptionLists) = checks;
	condition = tenants_condition(checks, linitial_int(plan->resultRelations));
	if (where == NIL || condition == NULL)
		return;
	where = list_make1(makeBoolExpr(OR_EXPR, list_make2(is_not_true(condition), make_ands_explicit(where)), -1));
	plan->onConflictWhere = (Node *) where;
}
