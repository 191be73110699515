/*-------------------------------------------------------------------------
 *
 * tenant_activity.h
 *	  Which tenant each session works for.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_TENANT_ACTIVITY_H
#define TENANT_GUARD_TENANT_ACTIVITY_H

#include "datatype/timestamp.h"

#include "shared_tenant.h"

extern void init_tenant_activity(void);
extern void show_session_tenant(const SharedTenant *tenant, const char *source, TimestampTz since);
extern void hide_session_tenant(void);

#endif							/* TENANT_GUARD_TENANT_ACTIVITY_H */
