/*-------------------------------------------------------------------------
 *
 * run_tenant.h
 *	  Remembers the tenant with which the execution of a plan began.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_RUN_TENANT_H
#define TENANT_GUARD_RUN_TENANT_H

#include "executor/execdesc.h"

extern void note_tenant_of_run(const QueryDesc *query_desc);
extern void check_tenant_of_run(const QueryDesc *query_desc);
extern void note_queueing_tenant(void);

#endif							/* TENANT_GUARD_RUN_TENANT_H */
