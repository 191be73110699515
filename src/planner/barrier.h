/*-------------------------------------------------------------------------
 *
 * barrier.h
 *	  The tenant's qual in a query: behind the security barrier, or beside it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_BARRIER_H
#define TENANT_GUARD_BARRIER_H

#include "nodes/parsenodes.h"

extern const char *lift_out_of_barrier(Query *query, Index rti, Node *qual);

#endif							/* TENANT_GUARD_BARRIER_H */
