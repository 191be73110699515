/*-------------------------------------------------------------------------
 *
 * shared_tenant.h
 *	  Tenants of a fixed size, for shared memory.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_SHARED_TENANT_H
#define TENANT_GUARD_SHARED_TENANT_H

#include "tenant_type.h"

#define SHARED_TENANT_SIZE 120

/* A tenant of a database.  Its bytes are a key: those that are not used are zero. */
typedef struct SharedTenant
{
	Oid			database;
	int32		length;			/* of the tenant's canonical spelling; 0: no tenant */
	char		name[SHARED_TENANT_SIZE];	/* null-terminated: that spelling, or what stands for one that is too long */
} SharedTenant;

extern void make_shared_tenant(SharedTenant *tenant, const TenantValue *value);

#endif							/* TENANT_GUARD_SHARED_TENANT_H */
