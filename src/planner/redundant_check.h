/*-------------------------------------------------------------------------
 *
 * redundant_check.h
 *	  New rows that are known to be the tenant's need no check.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_REDUNDANT_CHECK_H
#define TENANT_GUARD_REDUNDANT_CHECK_H

#include "executor/execdesc.h"
#include "nodes/parsenodes.h"

extern bool drop_redundant_checks(Query *query);
extern void check_unchecked_rows(const QueryDesc *query_desc);

#endif							/* TENANT_GUARD_REDUNDANT_CHECK_H */
