/*-------------------------------------------------------------------------
 *
 * tenant_setting.h
 *	  The settings that name the tenant: tenant_guard.tenant_id, and those that
 *	  tenant_guard.setting_names names.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_TENANT_SETTING_H
#define TENANT_GUARD_TENANT_SETTING_H

#include "utils/guc.h"

#include "named_tenant.h"

/* What guc.c calls for the setting of a source; "show" is NULL where it shows the value. */
typedef struct SettingHooks
{
	GucStringCheckHook check;
	GucStringAssignHook assign;
	GucShowHook show;
} SettingHooks;

extern bool is_set_for_later(void);
extern bool claim_tenant(SourceKind kind, const TenantValue *value);
extern void source_was_set(NamingSource *source, const char *newval, const TenantOrigin *origin);
extern void define_source(NamingSource *source, const char *description, char **variable, int flags, const SettingHooks *hooks);
extern bool note_function_creation(bool creates);
extern void define_other_setting(const char *name);
extern void define_tenant_settings(void);

#endif							/* TENANT_GUARD_TENANT_SETTING_H */
