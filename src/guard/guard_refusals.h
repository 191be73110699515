/*-------------------------------------------------------------------------
 *
 * guard_refusals.h
 *	  Refusals to guard a table, and to weaken a guard.
 *
 * "relid" is the table.  What a refusal names by its OID must exist.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_GUARD_REFUSALS_H
#define TENANT_GUARD_GUARD_REFUSALS_H

#include "refusal.h"
#include "tenant_type.h"

/* Guarding a table */
extern Refusal not_a_table(Oid relid);
extern Refusal foreign_table(Oid relid);
extern Refusal system_table(Oid relid);
extern Refusal extension_table(Oid relid, Oid extension);
extern Refusal other_temp_table(Oid relid);
extern Refusal no_tenant_column(Oid relid, const char *column);
extern Refusal column_type_differs(Oid relid, const char *column, const char *type, TenantType wanted,
								   const TenantType *fits, bool converts);
extern Refusal new_column_type_differs(Oid relid, const char *column, const char *type, TenantType wanted, const TenantType *fits);
extern Refusal virtual_column(Oid relid, const char *column);
extern Refusal identity_column(Oid relid, const char *column, bool made_now);
extern Refusal column_collation(Oid relid, const char *column);
extern Refusal rows_of_no_tenant(Oid relid, const char *column, int64 rows);
extern Refusal part_differs_in_shape(Oid relid, bool shared);
extern Refusal guarded_by_other_column(Oid relid, const char *guard, const char *column);
extern Refusal table_is_shared(Oid relid);
extern Refusal table_is_guarded(Oid relid);
extern Refusal label_on_guarded(Oid relid);
extern Refusal runs_code_of_others(Oid relid, Oid funcid);
extern Refusal parts_of_two_owners(Oid relid, Oid partid);
extern Refusal policy_name_taken(Oid relid, const char *policy);

extern Refusal temporary_table_of_other(Oid relid);
extern Refusal looks_into_rows_of_others(Oid relid);

/* Weakening a guard */
extern char *call_of_protect(Oid relid);
extern Refusal weakens_guard(Oid relid, Oid rootid, const char *damage);
extern Refusal column_renewed(Oid relid, const char *column);
extern Refusal column_does_not_guard(Oid relid, const char *column, const char *guard);
extern Refusal guarded_below_unguarded(Oid relid, Oid parentid);
extern Refusal foreign_part(Oid partid, Oid rootid);
extern Refusal trigger_of_other(const char *what, Oid relid, bool guarded);
extern Refusal column_lost(Oid relid);
extern Refusal domain_of_other(const char *what, Oid type, Oid relid);
extern Refusal trigger_on_view_of_other(Oid viewid);
extern Refusal calls_function_of_other(Oid relid, const char *trigger, Oid funcid);
extern Refusal shares_rows_under_tenant(Oid relid);
extern Refusal unprotect_under_tenant(Oid relid);
extern Refusal unprotect_schema_under_tenant(const char *schema, const char *call);
extern Refusal unprotect_temporary(Oid relid);
extern Refusal unprotect_child(Oid relid, Oid parentid);
extern Refusal part_half_detached(Oid relid, Oid parentid);

#endif							/* TENANT_GUARD_GUARD_REFUSALS_H */
