/*-------------------------------------------------------------------------
 *
 * known_check.h
 *	  New rows that are known to be the tenant's need no check.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_KNOWN_CHECK_H
#define TENANT_GUARD_KNOWN_CHECK_H

#include "nodes/parsenodes.h"

extern void drop_known_checks(Query *query);

#endif							/* TENANT_GUARD_KNOWN_CHECK_H */
