/*-------------------------------------------------------------------------
 *
 * set_tenant.h
 *	  The SQL functions that set and unset the tenant.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_SET_TENANT_H
#define TENANT_GUARD_SET_TENANT_H

extern void init_set_tenant(void);

#endif							/* TENANT_GUARD_SET_TENANT_H */
