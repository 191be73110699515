/*-------------------------------------------------------------------------
 *
 * column_for_tenant.h
 *	  Whether a column can be the tenant column of its table.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_COLUMN_FOR_TENANT_H
#define TENANT_GUARD_COLUMN_FOR_TENANT_H

#include "access/attnum.h"

#include "refusal.h"
#include "tenant_type.h"

extern bool column_can_hold_tenant(Oid relid, AttrNumber attnum, bool made_now, TenantType *type, Refusal *why);

#endif							/* TENANT_GUARD_COLUMN_FOR_TENANT_H */
