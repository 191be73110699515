/*-------------------------------------------------------------------------
 *
 * tenant_plan.c
 *	  Plans that are kept, and are good for one tenant only.
 *
 * The plan cache plans a statement without parameters once, and one with
 * parameters often for the last time when it is executed for the sixth.  A plan
 * holds no tenant and serves any, but its costs were those of the tenant of the
 * moment.  One that was made for a tenant who is too unlike others
 * (large_tenant.c) is marked here, and planned again once another is set.
 *
 * The mark is an item of the plan's invalidation list (plancache.c,
 * PlanCacheObjectCallback) that stands for no type: what the plan cache is told
 * to drop are all plans that carry it.  They are all of one tenant, the last
 * that was set.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "utils/inval.h"
#include "utils/syscache.h"

#include "tenant_plan.h"

/* A type with this hash value, should there be one, costs a plan too many. */
#define MARK_CACHE	TYPEOID
#define MARK_HASH	((uint32) 0x74656e61)

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
	PlanInvalItem *item = makeNode(PlanInvalItem);

	item->cacheId = MARK_CACHE;
	item->hashValue = MARK_HASH;
	plan->invalItems = lappend(plan->invalItems, item);
	plans_are_marked = true;
	marked_for = hash_of(tenant);
}

/*
 * A tenant is set.  Raises nothing and allocates nothing: this is done in a GUC
 * assign hook.
 */
void
drop_plans_of_others(const char *tenant)
{
	if (!plans_are_marked || marked_for == hash_of(tenant))
		return;
	plans_are_marked = false;
	CallSyscacheCallbacks(MARK_CACHE, MARK_HASH);
}
