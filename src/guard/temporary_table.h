/*-------------------------------------------------------------------------
 *
 * temporary_table.h
 *	  Remembers to which tenant this session's temporary tables belong.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_TEMPORARY_TABLE_H
#define TENANT_GUARD_TEMPORARY_TABLE_H

#include "compat.h"

extern void init_temporary_tables(void);
extern bool is_own_temporary(Oid relid);
extern Oid	hidden_table(Oid relid);
extern bool hides_table(Oid relid);
extern void note_written(Oid relid, bool parts);
extern void note_snapshot_imported(void);
extern void note_dropped(Oid relid);
extern void note_writing(List *permission_infos);
extern bool wrote_without_tenant(void);
extern bool is_filled_temporary(Oid relid);
extern bool belongs_to_tenant(Oid relid, bool parts);
extern Oid	table_of_other_tenant(Oid relid, bool parts, bool deletes);
extern bool has_deleted_of_other(Oid relid);
extern bool includes_parts(const PermissionInfo *info);
extern bool tenants_have_tables(void);
extern List *tables_of_tenants(void);

#endif							/* TENANT_GUARD_TEMPORARY_TABLE_H */
