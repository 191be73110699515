/*-------------------------------------------------------------------------
 *
 * tenant_qual.h
 *	  The tenant's qual among those that row-level security gives a table.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_TENANT_QUAL_H
#define TENANT_GUARD_TENANT_QUAL_H

#include "nodes/parsenodes.h"

extern Node *tenant_qual(const RangeTblEntry *rte, Index rti);

#endif							/* TENANT_GUARD_TENANT_QUAL_H */
