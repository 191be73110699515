/*-------------------------------------------------------------------------
 *
 * tenant_column.h
 *	  By which column a table is to be guarded, and of which type tenants are.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_TENANT_COLUMN_H
#define TENANT_GUARD_TENANT_COLUMN_H

#include "nodes/pg_list.h"

#include "tenant_type.h"

extern void init_tenant_column(void);
extern bool owner_decides(Oid owner, Oid of_table);
extern List *tenant_columns_of(Oid relid);
extern char *tenant_column_of(Oid relid);
extern bool may_be_tenant_column(const char *name);
extern bool is_taken_for_tenant_column(Oid relid, const char *name, const char *other);
extern TenantType type_for_table(Oid relid);

#endif							/* TENANT_GUARD_TENANT_COLUMN_H */
