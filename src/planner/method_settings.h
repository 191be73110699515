/*-------------------------------------------------------------------------
 *
 * method_settings.h
 *	  Settings of access methods, and cached plans that depend on them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_METHOD_SETTINGS_H
#define TENANT_GUARD_METHOD_SETTINGS_H

#include "nodes/pathnodes.h"

extern void init_method_settings(void);
extern const char *method_setting(const char *method, const char *name);
extern double method_number(const char *method, const char *name);
extern void note_method(PlannerGlobal *glob, const char *method);
extern void drop_plans_of_other_settings(void);

#endif							/* TENANT_GUARD_METHOD_SETTINGS_H */
