/*-------------------------------------------------------------------------
 *
 * tenant_qual_first.h
 *	  Evaluates the tenant's qual of each scan before its other filters.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_TENANT_QUAL_FIRST_H
#define TENANT_GUARD_TENANT_QUAL_FIRST_H

#include "nodes/plannodes.h"

extern void mark_row_security_of_subqueries(Query *query);
extern void put_tenant_first(PlannedStmt *plan, bool row_security);

#endif							/* TENANT_GUARD_TENANT_QUAL_FIRST_H */
