/*-------------------------------------------------------------------------
 *
 * tenant_for_role.h
 *	  Who may store a tenant for a role or a database.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_TENANT_FOR_ROLE_H
#define TENANT_GUARD_TENANT_FOR_ROLE_H

#include "utils/snapshot.h"

extern char *stored_setting(const char *name, Oid database, Oid role, Snapshot snapshot);
extern bool stores_tenant(Oid database, Oid role);

#endif							/* TENANT_GUARD_TENANT_FOR_ROLE_H */
