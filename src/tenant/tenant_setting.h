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

extern bool note_function_creation(bool creates);
extern void define_other_setting(const char *name);
extern void define_tenant_settings(void);

#endif							/* TENANT_GUARD_TENANT_SETTING_H */
