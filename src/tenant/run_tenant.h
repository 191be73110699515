/*-------------------------------------------------------------------------
 *
 * run_tenant.h
 *	  The tenant with which a plan has begun.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_RUN_TENANT_H
#define TENANT_GUARD_RUN_TENANT_H

#include "executor/execdesc.h"

extern void note_tenant_of_run(const QueryDesc *query_desc);
extern void check_tenant_of_run(const QueryDesc *query_desc);

#endif							/* TENANT_GUARD_RUN_TENANT_H */
