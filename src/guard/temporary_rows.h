/*-------------------------------------------------------------------------
 *
 * temporary_rows.h
 *	  Looks for rows, and for other tenants' rows, in a temporary table.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_TEMPORARY_ROWS_H
#define TENANT_GUARD_TEMPORARY_ROWS_H

#include "access/attnum.h"

#include "tenant_type.h"

extern bool is_empty_table(Oid relid);
extern bool has_deleted_rows(Oid relid);
extern bool has_rows_of_others(Oid relid, AttrNumber attnum, const TenantValue *tenant, bool nulls);

#endif							/* TENANT_GUARD_TEMPORARY_ROWS_H */
