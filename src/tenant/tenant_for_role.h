/*-------------------------------------------------------------------------
 *
 * tenant_for_role.h
 *	  Settings stored for a role or a database; refuses commands of roles that
 *	  store a tenant there.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_TENANT_FOR_ROLE_H
#define TENANT_GUARD_TENANT_FOR_ROLE_H

#include "utils/snapshot.h"

extern char *stored_setting(const char *name, Oid database, Oid role, Snapshot snapshot);
extern void check_stored_tenant(Oid database, Oid role);

#endif							/* TENANT_GUARD_TENANT_FOR_ROLE_H */
