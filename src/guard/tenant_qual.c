/*-------------------------------------------------------------------------
 *
 * tenant_qual.c
 *	  Finds the tenant's qual among the security quals of a range-table entry.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "nodes/parsenodes.h"

#include "guard.h"
#include "guard_policy.h"
#include "tenant_qual.h"

/*
 * Returns the qual "column = current_tenant()" of a guarded table, if all its
 * security quals are those of the policies that protect() creates, else NULL.
 */
Node *
tenant_qual(const RangeTblEntry *rte, Index rti)
{
	Node	   *found = NULL;
	Guard		guard;
	ListCell   *lc;

	Assert(rti > 0);
	if (rte->rtekind != RTE_RELATION || rte->securityQuals == NIL)
		return NULL;
	guard = guard_of(rte->relid);
	if (guard.status != GUARD_WHOLE)
		return NULL;
	foreach(lc, rte->securityQuals)
	{
		Node	   *qual = lfirst(lc);

		if (is_access_qual(qual))
			continue;
		if (found != NULL || tenant_qual_column(qual, rti) != guard.attnum)
			return NULL;
		found = qual;
	}
	return found;
}
