/*-------------------------------------------------------------------------
 *
 * tenant_shares.h
 *	  How large a tenant's share of a table is, as far as ANALYZE knows.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_TENANT_SHARES_H
#define TENANT_GUARD_TENANT_SHARES_H

#include "access/attnum.h"

#include "tenant_type.h"

extern void init_tenant_shares(void);
extern double relative_share(Oid relid, bool inherited, AttrNumber attnum, const TenantValue *tenant);

#endif							/* TENANT_GUARD_TENANT_SHARES_H */
