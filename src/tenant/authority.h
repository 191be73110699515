/*-------------------------------------------------------------------------
 *
 * authority.h
 *	  tenant_guard.authority: who may say which tenant.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_AUTHORITY_H
#define TENANT_GUARD_AUTHORITY_H

#include "named_tenant.h"
#include "tenant_type.h"

/* May a source set this tenant?  If not, why not? */
typedef enum AuthorityVerdict
{
	MAY_SET_TENANT,
	IS_NOT_GRANTED,				/* by a role that was not granted it */
	IS_NO_TOKEN,				/* by something else than a token */
	IS_FROM_CONNECTION,			/* the connection's options stand in the place of what is pinned */
	IS_NOT_PINNED,				/* another tenant is pinned */
	NONE_IS_PINNED,				/* no tenant is pinned */
	AUTHORITY_IS_HIDDEN			/* the connection's options hide who may */
} AuthorityVerdict;

extern bool connection_sets(const char *name);
extern void define_authority_setting(void (*changed) (void));
extern AuthorityVerdict judge_new_tenant(SourceKind kind, const TenantValue *value);
extern AuthorityVerdict judge_setters(const NamedTenant *named, const TenantValue *value, const NamingSource **culprit);
extern AuthorityVerdict judge_current_user(void);
extern const NamingSource *source_of_connection(void);
extern void publish_pinned_tenants(void);

#endif							/* TENANT_GUARD_AUTHORITY_H */
