/*-------------------------------------------------------------------------
 *
 * tenant_refusals.h
 *	  Refusals of the transaction's tenant.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_TENANT_REFUSALS_H
#define TENANT_GUARD_TENANT_REFUSALS_H

#include "authority.h"
#include "named_tenant.h"
#include "refusal.h"
#include "tenant_type.h"

extern char *set_tenant_type(TenantType type);
extern char *why_type(TenantType type);

extern Refusal no_tenant(void);
extern Refusal tenant_unset(void);
extern Refusal stale_tenant(const NamingSource *source);
extern Refusal tenant_named_twice(const NamingSource *source, const NamingSource *other);
extern Refusal tenant_not_allowed(AuthorityVerdict verdict, const NamingSource *source);
extern Refusal tenant_fixed(void);
extern Refusal tenant_fixed_in_worker(void);
extern Refusal tenant_fixed_in_statement(void);
extern Refusal begun_for_other_tenant(void);
extern Refusal triggers_are_pending(Oid relid);
extern Refusal invalid_tenant(TenantType type, const char *value);
extern Refusal named_tenant_invalid(TenantType type, const NamingSource *source);
extern Refusal null_tenant(void);
extern Refusal setter_type_differs(TenantType given, TenantType wanted);
extern Refusal getter_type_differs(TenantType returned, TenantType wanted);
extern Refusal role_sets_own_tenant(const char *setting);
extern Refusal library_came_too_late(const char *hint);
extern Refusal loaded_by_parallel_query(const char *hint);
extern Refusal planned_without_library(Oid relid, const char *hint);
extern Refusal versions_differ(const char *library, const char *objects, bool older);

#endif							/* TENANT_GUARD_TENANT_REFUSALS_H */
