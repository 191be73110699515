/*-------------------------------------------------------------------------
 *
 * tenant_kind.c
 *	  Cached plans that are good for tenants with few rows only, or with many.
 *
 * The planner's choice between the rows of a tenant and an index over the rows of
 * all (few_rows.c) depends on the tenant's share of the table.  A cached plan with
 * such a choice is good for every tenant whose share is on the same side of a
 * boundary, and is dropped when a tenant on the other side is set.
 *
 * A boundary has a mark of its own, which all plans that depend on it have
 * (plan_mark.c).  At any time all its plans are good for the same side.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "method_settings.h"
#include "plan_mark.h"
#include "tenant_kind.h"
#include "tenant_plan.h"

/* Plans whose boundaries differ by less than this factor share one. */
#define ALIKE		2.0

#define BOUNDARIES	64

typedef struct Boundary
{
	ShareKey	key;			/* relid is InvalidOid: not in use */
	double		share;
	bool		below;			/* the plans are good for shares up to "share", else for larger ones */
} Boundary;

static Boundary boundaries[BOUNDARIES];
static bool any = false;		/* is one in use? */
static int	oldest = 0;			/* the one to be used again if all are in use */

/* Neither raises nor allocates. */
static void
drop_plans_at(int i)
{
	boundaries[i].key.relid = InvalidOid;
	drop_marked_plans(MARK_OF_KIND + i);
}

/* Returns the number of a boundary for plans of this side; makes it if there is none alike. */
static int
find_boundary(const ShareKey *key, double share, bool below)
{
	int			unused = -1;

	for (int i = 0; i < BOUNDARIES; i++)
	{
		Boundary   *known = &boundaries[i];

		if (!OidIsValid(known->key.relid))
			unused = unused < 0 ? i : unused;
		else if (memcmp(&known->key, key, sizeof(ShareKey)) == 0 && known->below == below &&
				 known->share < share * ALIKE && share < known->share * ALIKE)
		{
			known->share = below ? Min(known->share, share) : Max(known->share, share);
			return i;
		}
	}
	if (unused < 0)
	{
		unused = oldest;
		oldest = (oldest + 1) % BOUNDARIES;
		drop_plans_at(unused);
	}
	boundaries[unused] = (Boundary) {*key, share, below};
	any = true;
	return unused;
}

/*
 * Notes in a plan that is being made that it is good for tenants whose share of a
 * table is at most "boundary", or for those whose share is larger.
 */
void
note_kind_of_plan(PlannerGlobal *glob, const ShareKey *key, double boundary, bool below)
{
	uint32		mark = MARK_OF_KIND + find_boundary(key, boundary, below);
	ListCell   *lc;

	Assert(boundary > 0);
	foreach(lc, glob->invalItems)
		if (lfirst_node(PlanInvalItem, lc)->hashValue == mark)
			return;
	glob->invalItems = lappend(glob->invalItems, item_of_mark(mark));
}

/* A TenantCallback.  A tenant whose share is not known is on the other side of every boundary. */
static void
tenant_is_set(const char *tenant)
{
	TenantValue value;
	bool		readable;

	drop_plans_of_other_settings();
	if (!any)
		return;
	any = false;
	readable = parse_tenant(last_type_of_tenants(), tenant, &value);
	for (int i = 0; i < BOUNDARIES; i++)
	{
		const Boundary *boundary = &boundaries[i];
		double		share;

		if (!OidIsValid(boundary->key.relid))
			continue;
		share = readable ? cached_tenant_share(&boundary->key, &value) : -1;
		if (share >= 0 && (share <= boundary->share) == boundary->below)
			any = true;
		else
			drop_plans_at(i);
	}
}

/* Must be called once, by _PG_init. */
void
init_tenant_kinds(void)
{
	call_when_tenant_is_set(tenant_is_set);
}
