/*-------------------------------------------------------------------------
 *
 * tenant_plan.c
 *	  Plans that are kept, and are good for one tenant only.
 *
 * The plan cache plans a statement without parameters once, and one with
 * parameters often for the last time when it is executed for the sixth.  A plan
 * holds no tenant and serves any, but its costs were those of the tenant of the
 * moment.  One that was made for a tenant who is too unlike others
 * (unlike_tenant.c) is marked, and planned again once another is set.
 *
 * All plans that carry the mark are of one tenant, the last that was set.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"

#include "plan_mark.h"
#include "tenant_plan.h"

static bool plans_are_marked = false;
static uint64 marked_for;		/* the tenant, hashed */

static uint64
hash_of(const char *tenant)
{
	return hash_bytes_extended((const unsigned char *) tenant, strlen(tenant), 0);
}

/* Marks a plan that was just made; "tenant" is in canonical form. */
void
keep_plan_for(const char *tenant, PlannedStmt *plan)
{
	mark_plan(plan, MARK_OF_ONE_TENANT);
	plans_are_marked = true;
	marked_for = hash_of(tenant);
}

/* A tenant is set.  Raises nothing and allocates nothing, as a GUC assign hook must. */
void
drop_plans_of_others(const char *tenant)
{
	if (!plans_are_marked || marked_for == hash_of(tenant))
		return;
	plans_are_marked = false;
	drop_marked_plans(MARK_OF_ONE_TENANT);
}
