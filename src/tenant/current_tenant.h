/*-------------------------------------------------------------------------
 *
 * current_tenant.h
 *	  The tenant of the transaction: value, seal, staleness, getters.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_CURRENT_TENANT_H
#define TENANT_GUARD_CURRENT_TENANT_H

#include "tenant_type.h"

typedef void (*SealCallback) (const TenantValue *value);

extern void call_at_seal(SealCallback callback);
extern void define_one_tenant_setting(void);
extern void unconfirm_seal(void);
extern bool departs(const TenantValue *value);
extern bool replaces_tenant(const TenantValue *value);
extern void require_tenant(void);
extern const void *begin_trial(void);
extern void put_back_seal(const void *before);
extern bool tenant_is_on_trial(void);
extern const TenantValue *find_tenant(bool raise);
extern bool keep_tenant(bool keep);
extern bool tenant_may_change(void);
extern const TenantValue *replaceable_tenant(TenantValue *value);
extern bool transaction_has_tenant(void);
extern const TenantValue *tenant_of_transaction(void);
extern const TenantValue *sealed_tenant(void);

#endif							/* TENANT_GUARD_CURRENT_TENANT_H */
