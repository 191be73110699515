/*-------------------------------------------------------------------------
 *
 * tenant_qual.c
 *	  The tenant's qual among those that row-level security gives a table.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "nodes/parsenodes.h"

#include "guard.h"
#include "guard_policy.h"
#include "tenant_qual.h"

/*
 * The tenant's qual of a table, if the policies that protect() makes are the
 * only security quals, and all of them, else NULL.
 */
Node *
tenant_qual(const RangeTblEntry *rte, Index rti)
{
	Node	   *found = NULL;
	Guard		guard;
	ListCell   *lc;

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
