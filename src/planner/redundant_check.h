/*-------------------------------------------------------------------------
 *
 * redundant_check.h
 *	  Removes checks of new rows that are known to hold.
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
