/*-------------------------------------------------------------------------
 *
 * set_tenant.h
 *	  The SQL functions that set and unset the tenant.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_SET_TENANT_H
#define TENANT_GUARD_SET_TENANT_H

#include "fmgr.h"

extern void init_set_tenant(void);
extern void set_for_caller(FunctionCallInfo fcinfo, const char *setting, const char *value, const char *function);

#endif							/* TENANT_GUARD_SET_TENANT_H */
