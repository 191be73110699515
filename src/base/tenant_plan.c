/*-------------------------------------------------------------------------
 *
 * tenant_plan.c
 *	  Cached plans that are good for one tenant only.
 *
 * The plan cache plans a statement without parameters once, and one with
 * parameters often not again after its sixth execution (choose_custom_plan in
 * plancache.c).  A plan does not contain the tenant and is correct for any, but
 * its costs are those of the tenant that was set when it was made.  A plan that
 * was made for a skewed tenant (skewed_plan.c) is marked, and is planned again
 * when another tenant is set.
 *
 * One tenant is remembered for all plans with that mark: the last for which one
 * was made.
 *
 * The planner evaluates functions that are declared IMMUTABLE.  One that reads
 * a tenant's rows in spite of that makes a constant of them in the plan.  Such a
 * plan is dropped when the transaction ends or another tenant is set, and so
 * are the plans that are made after it until then, which may contain what the
 * first one returned.
 *
 * The type cache does the same with the CHECK constraints of domains, which it
 * keeps for the session.  Where they may have such constants, it is made to read
 * them again, at the same times.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "common/hashfn.h"
#include "utils/inval.h"
#include "utils/syscache.h"

#include "plan_mark.h"
#include "tenant_plan.h"

/* Are there plans with MARK_SKEWED?  If so, the hash of the tenant for which the last one was made. */
static bool plans_are_marked = false;
static uint64 marked_for;

/* How often in this session rows of a tenant were about to be read */
static uint64 rows_read = 0;

/* Are there plans with MARK_OF_ONE_TRANSACTION? */
static bool plans_hold_rows = false;

/* While a statement is planned: how many calls of functions that users call IMMUTABLE were prepared. */
static uint64 immutable_functions = 0;
static bool planning = false;	/* left over by an error at most to the end of its transaction */

/* Has a function of a user's been looked up that compares, hashes or makes values of a type? */
static bool functions_of_types = false;

/* May CHECK constraints of domains have constants that functions read?  If so, how often rows had been read when the type cache last forgot them */
static bool domains_hold_constants = false;
static uint64 rows_read_by_domains = 0;
static bool forgetting_domains = false;

/* Who else has plans to drop when a tenant is set, or NULL */
static TenantCallback tenant_callback = NULL;

static uint64
hash_of(const char *tenant)
{
	return hash_bytes_extended((const unsigned char *) tenant, strlen(tenant), 0);
}

static void
remember_tenant(const char *tenant)
{
	plans_are_marked = true;
	marked_for = hash_of(tenant);
}

/* Marks a new plan as good for one tenant only; "tenant" is in canonical form. */
void
mark_plan_of_tenant(PlannedStmt *plan, const char *tenant)
{
	Assert(tenant != NULL && tenant[0] != '\0');
	mark_plan_to_drop(plan, MARK_SKEWED);
	remember_tenant(tenant);
}

/* Does the same while the plan is being made; with '' it is dropped when any tenant is set. */
void
note_plan_of_tenant(PlannerGlobal *glob, const char *tenant)
{
	glob->invalItems = lappend(glob->invalItems, item_of_mark(MARK_SKEWED));
	remember_tenant(tenant);
}

/* Neither raises nor allocates. */
static void
drop_plans_that_hold_rows(void)
{
	if (!plans_hold_rows)
		return;
	plans_hold_rows = false;
	drop_marked_plans(MARK_OF_ONE_TRANSACTION);
}

/* Neither raises nor allocates. */
static void
forget_domains_that_hold_rows(void)
{
	if (!domains_hold_constants || rows_read == rows_read_by_domains)
		return;
	rows_read_by_domains = rows_read;
	forgetting_domains = true;
	CallSyscacheCallbacks(CONSTROID, 0);
	forgetting_domains = false;
}

/* Must be called once, by _PG_init of the library. */
void
call_when_tenant_is_set(TenantCallback callback)
{
	Assert(tenant_callback == NULL);
	tenant_callback = callback;
}

/*
 * Drops the plans of other tenants; to be called when a tenant, in canonical
 * form, is set.  Neither raises nor allocates, since a GUC assign hook calls it.
 */
void
drop_plans_of_others(const char *tenant)
{
	drop_plans_that_hold_rows();
	forget_domains_that_hold_rows();
	if (tenant_callback)
		tenant_callback(tenant);
	if (!plans_are_marked || marked_for == hash_of(tenant))
		return;
	plans_are_marked = false;
	drop_marked_plans(MARK_SKEWED);
}

/* Counts that rows of the transaction's tenant are about to be read: by a statement that starts, or a cursor that is fetched from. */
void
note_tenants_rows(void)
{
	rows_read++;
}

/* Returns that count. */
uint64
times_tenants_rows_read(void)
{
	return rows_read;
}

/* For leave_planning. */
Planning
enter_planning(void)
{
	Planning	start = {rows_read, immutable_functions, planning};

	planning = true;
	return start;
}

/*
 * May the new plan have constants that were read from a tenant's rows?  Only a
 * function declared IMMUTABLE gives constants; a STABLE one is called for
 * estimates alone.  A function of a type is called without being looked up for
 * the plan: where there is one, it may have read the rows.  Where a plan with
 * such constants exists already, a function that was called meanwhile may have
 * used them without reading rows.
 */
bool
leave_planning(const Planning *start)
{
	Assert(start->rows_read <= rows_read);
	planning = start->outer;
	return (immutable_functions != start->immutable_functions || functions_of_types) &&
		(rows_read != start->rows_read || plans_hold_rows);
}

bool
is_planning(void)
{
	return planning;
}

/* A call of such a function is prepared, by the planner or by what that has called. */
void
note_immutable_function(void)
{
	immutable_functions++;
}

/* A function of a type is looked up, and may be kept for the rest of the session. */
void
note_function_of_types(void)
{
	functions_of_types = true;
}

bool
types_have_functions(void)
{
	return functions_of_types;
}

/* A function has been looked up that the CHECK constraint of a domain may call for a constant. */
void
note_function_of_domains(void)
{
	domains_hold_constants = true;
}

bool
domains_have_functions(void)
{
	return domains_hold_constants;
}

/* Is a change of constraints ours, by which the type cache is to forget them? */
bool
is_forgetting_domains(void)
{
	return forgetting_domains;
}

/* Marks a new plan that may have constants read from a tenant's rows: it is dropped when the transaction ends. */
void
mark_plan_of_transaction(PlannedStmt *plan)
{
	mark_plan_to_drop(plan, MARK_OF_ONE_TRANSACTION);
	plans_hold_rows = true;
}

static void
end_transaction(XactEvent event, void *arg)
{
	if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT)
		return;
	planning = false;
	drop_plans_that_hold_rows();
	forget_domains_that_hold_rows();
}

/* Must be called once, by _PG_init. */
void
init_tenant_plans(void)
{
	RegisterXactCallback(end_transaction, NULL);
}
