/*-------------------------------------------------------------------------
 *
 * tenant_plan.c
 *	  Plans that are kept, and are good for one tenant only.
 *
 * The plan cache plans a statement without parameters once, and one with
 * parameters often for the last time when it is executed for the sixth.  A plan
 * holds no tenant and serves any, but its costs were those of the tenant of the
 * moment.  One that was made for a tenant who is too unlike others
 * (skewed_plan.c) is marked, and planned again once another is set.
 *
 * All plans that carry the mark are of one tenant, the last that was set.
 *
 * While a statement is planned, a function that its author calls IMMUTABLE runs,
 * and may read a tenant's rows: what it returns is a constant of the plan.  Such
 * a plan is not kept beyond the transaction and its tenant, nor are those that
 * are made there after it, which may have a constant of it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "common/hashfn.h"

#include "plan_mark.h"
#include "tenant_plan.h"

static bool plans_are_marked = false;
static uint64 marked_for;		/* the tenant, hashed */

static uint64 rows_read = 0;	/* how often rows of a tenant were about to be read */
static bool plans_hold_rows = false;

static uint64
hash_of(const char *tenant)
{
	return hash_bytes_extended((const unsigned char *) tenant, strlen(tenant), 0);
}

/* Marks a plan that was just made; "tenant" is in canonical form. */
void
keep_plan_for(const char *tenant, PlannedStmt *plan)
{
	mark_plan_to_drop(plan, MARK_SKEWED);
	plans_are_marked = true;
	marked_for = hash_of(tenant);
}

/* Raises nothing and allocates nothing. */
static void
drop_plans_that_hold_rows(void)
{
	if (!plans_hold_rows)
		return;
	plans_hold_rows = false;
	drop_marked_plans(MARK_OF_ONE_TRANSACTION);
}

/* A tenant is set.  Raises nothing and allocates nothing, as a GUC assign hook must. */
void
drop_plans_of_others(const char *tenant)
{
	drop_plans_that_hold_rows();
	if (!plans_are_marked || marked_for == hash_of(tenant))
		return;
	plans_are_marked = false;
	drop_marked_plans(MARK_SKEWED);
}

/* Rows of the transaction's tenant are about to be read: a statement starts, or a cursor goes on. */
void
note_tenants_rows(void)
{
	rows_read++;
}

/* How often that has happened in this session: who plans compares. */
uint64
times_tenants_rows_read(void)
{
	return rows_read;
}

/*
 * May a plan that was just made hold what was read of a tenant's rows?  "before"
 * is how often that had happened before.  A function that was called meanwhile
 * may have got them without reading any: from a plan that holds some.
 */
bool
plan_may_hold_rows(uint64 before)
{
	return rows_read != before || plans_hold_rows;
}

/* Marks a plan that was just made, and may hold what was read of a tenant's rows. */
void
keep_plan_for_transaction(PlannedStmt *plan)
{
	mark_plan_to_drop(plan, MARK_OF_ONE_TRANSACTION);
	plans_hold_rows = true;
}

static void
end_transaction(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT)
		drop_plans_that_hold_rows();
}

/* Must be called once, when the library is loaded. */
void
init_tenant_plans(void)
{
	RegisterXactCallback(end_transaction, NULL);
}
