/*-------------------------------------------------------------------------
 *
 * guard_refusals.h
 *	  Refusals to guard a table, and to weaken a guard.
 *
 * "relation" is the qualified and quoted name of one.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_GUARD_REFUSALS_H
#define TENANT_GUARD_GUARD_REFUSALS_H

#include "refusal.h"
#include "tenant_type.h"

/* Guarding a table */
extern Refusal not_a_table(const char *relation);
extern Refusal foreign_table(const char *relation);
extern Refusal system_table(const char *relation);
extern Refusal extension_table(const char *relation, const char *extension);
extern Refusal other_temp_table(const char *relation);
extern Refusal no_tenant_column(const char *relation, const char *column);
extern Refusal column_type_differs(const char *relation, const char *column,
								   const char *type, TenantType wanted,
								   const TenantType *fits, bool converts);
extern Refusal new_column_type_differs(const char *relation, const char *column,
									   const char *type, TenantType wanted,
									   const TenantType *fits);
extern Refusal virtual_column(const char *relation, const char *column);
extern Refusal identity_column(const char *relation, const char *column, bool made_now);
extern Refusal column_collation(const char *relation, const char *column);
extern Refusal rows_of_no_tenant(const char *relation, const char *column, int64 rows);
extern Refusal guarded_by_other_column(const char *relation, const char *guard,
									   const char *column);
extern Refusal table_is_shared(const char *relation);
extern Refusal table_is_guarded(const char *relation);
extern Refusal runs_code_of_others(const char *relation, const char *owner, const char *function);
extern Refusal parts_of_two_owners(const char *relation, const char *part, const char *owner);
extern Refusal policy_name_taken(const char *relation, const char *policy);

extern Refusal temporary_table_of_other(const char *name);
extern Refusal looks_into_rows_of_others(const char *name);

/* Weakening a guard */
extern Refusal weakens_guard(const char *relation, const char *root, const char *damage);
extern Refusal column_renewed(const char *relation, const char *column);
extern Refusal column_does_not_guard(const char *relation, const char *column, const char *guard);
extern Refusal guarded_below_unguarded(const char *relation, const char *parent);
extern Refusal foreign_part(const char *part, const char *whole);
extern Refusal trigger_of_other(const char *what, const char *relation, bool guarded);
extern Refusal column_lost(const char *relation);
extern Refusal domain_of_other(const char *what, const char *domain, const char *relation, const char *owner);
extern Refusal trigger_on_view_of_other(const char *view);
extern Refusal calls_function_of_other(const char *relation, const char *trigger, const char *function, const char *role, const char *owner);
extern Refusal unprotect_under_tenant(const char *relation);
extern Refusal unprotect_temporary(const char *relation);
extern Refusal unprotect_child(const char *relation, const char *parent);

#endif							/* TENANT_GUARD_GUARD_REFUSALS_H */
