/*-------------------------------------------------------------------------
 *
 * setting_names.h
 *	  tenant_guard.setting_names: which other settings name the tenant.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_SETTING_NAMES_H
#define TENANT_GUARD_SETTING_NAMES_H

extern void define_setting_names(void);

#endif							/* TENANT_GUARD_SETTING_NAMES_H */
