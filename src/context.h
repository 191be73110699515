/*-------------------------------------------------------------------------
 *
 * context.h
 *	  The tenant of the transaction: value, seal, staleness, getters.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_CONTEXT_H
#define TENANT_GUARD_CONTEXT_H

#include "value.h"

/* What may be said of the tenant that is set now. */
typedef enum TenantVerdict
{
	TENANT_USABLE,
	TENANT_MISSING,				/* none is set: TG001 */
	TENANT_INVALID,				/* not of tenant_type: TG004 */
	TENANT_STALE,				/* set in an earlier transaction: TG006 */
	TENANT_CHANGED				/* not the one this transaction used: TG002 */
} TenantVerdict;

extern void define_tenant_setting(void);
extern void define_leader_setting(const char *name, int *variable);
extern TenantVerdict judge_tenant(TenantValue *value);
extern void require_tenant(void);
extern bool transaction_has_tenant(void);

#endif							/* TENANT_GUARD_CONTEXT_H */
