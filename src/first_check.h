/*-------------------------------------------------------------------------
 *
 * first_check.h
 *	  A check of the tenant that no filter can come before.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_FIRST_CHECK_H
#define TENANT_GUARD_FIRST_CHECK_H

#include "nodes/parsenodes.h"

extern void check_tenant_first(RangeTblEntry *rte, Index rti);

#endif							/* TENANT_GUARD_FIRST_CHECK_H */
