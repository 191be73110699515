/*-------------------------------------------------------------------------
 *
 * tenant_share.h
 *	  Which share of a table's rows a tenant has, by ANALYZE's statistics.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_TENANT_SHARE_H
#define TENANT_GUARD_TENANT_SHARE_H

#include "access/attnum.h"
#include "utils/selfuncs.h"

#include "tenant_type.h"

/* A table's tenant column.  It has no padding, since a hash table compares its bytes. */
typedef struct ShareKey
{
	Oid			relid;
	AttrNumber	attnum;
	int16		inherited;		/* not 0: the rows of the table's children count, too */
} ShareKey;

extern void init_tenant_shares(void);
extern double relative_share(const ShareKey *key, const TenantValue *tenant);
extern double tenant_share(const ShareKey *key, const TenantValue *tenant);
extern double estimated_share(const ShareKey *key, const TenantValue *tenant, VariableStatData *column);
extern double cached_tenant_share(const ShareKey *key, const TenantValue *tenant);

#endif							/* TENANT_GUARD_TENANT_SHARE_H */
