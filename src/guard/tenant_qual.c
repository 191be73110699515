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

/* The tenant column in a qual of a table's guard, as it is for reading, or 0. */
static AttrNumber
column_of_qual(Node *qual, Index rti, GuardShape shape)
{
	return shape == SHAPE_OWN_OR_SHARED ? shared_qual_column(qual, rti) : tenant_qual_column(qual, rti);
}

/*
 * Returns the qual "column = current_tenant()" of a guarded table, with OR column IS
 * NULL if it has rows of everyone, if all its security quals are those of the policies
 * that protect() creates for reading it, else NULL.
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
		if (found != NULL || column_of_qual(qual, rti, guard.shape) != guard.attnum)
			return NULL;
		found = qual;
	}
	return found;
}
