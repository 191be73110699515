/*-------------------------------------------------------------------------
 *
 * guarded_owner.h
 *	  Which roles have the rights of an owner of guarded tables.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_GUARDED_OWNER_H
#define TENANT_GUARD_GUARDED_OWNER_H

#include "nodes/pg_list.h"

extern bool owns_guarded_table(Oid role, List *except);
extern bool has_rights_over_tenants(Oid role);

#endif							/* TENANT_GUARD_GUARDED_OWNER_H */
