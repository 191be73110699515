/*-------------------------------------------------------------------------
 *
 * tenant_qual.h
 *	  Finds the tenant's qual among the security quals of a range-table entry.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_TENANT_QUAL_H
#define TENANT_GUARD_TENANT_QUAL_H

#include "nodes/parsenodes.h"

extern Node *tenant_qual(const RangeTblEntry *rte, Index rti);

#endif							/* TENANT_GUARD_TENANT_QUAL_H */
