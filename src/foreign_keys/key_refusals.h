/*-------------------------------------------------------------------------
 *
 * key_refusals.h
 *	  Refusals about foreign keys.
 *
 * "relid" is the table.  What a refusal names by its OID must exist.  Names of
 * keys and columns are not quoted.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_KEY_REFUSALS_H
#define TENANT_GUARD_KEY_REFUSALS_H

#include "foreign_key.h"
#include "refusal.h"

/* Keys that do not carry the tenant */
extern Refusal key_without_tenant(const ForeignKey *key);
extern Refusal key_to_rows_of_everyone(const ForeignKey *key, const char *triggers);
extern Refusal key_gives_to_everyone(const ForeignKey *key);
extern Refusal key_leaves_rows_of_everyone(const ForeignKey *key, const char *check);
extern Refusal key_setting_not_applied(Oid relid, const char *detail);
extern Refusal key_crosses_tenants(const ForeignKey *key, const char *own);
extern Refusal key_of_other(const ForeignKey *key);
extern Refusal key_calls_function(const ForeignKey *key, Oid cast, bool stands);
extern Refusal row_crosses_tenants(Oid relid, Oid parent, const char *key);
extern Refusal everyones_rows_reference(const ForeignKey *key, int64 rows, const char *query);
extern Refusal keys_cross_tenants(const char *counts, const char *queries);

/* Actions of keys on rows of another tenant; "key" is NULL where it is not known which */
extern Refusal action_on_other_tenant(const char *key, Oid relid, Oid parent, bool deletes, bool by_tenant);
extern Refusal action_changes_tenant(const char *key, Oid relid);
extern Refusal trigger_changes_tenant(Oid relid);
extern Refusal key_not_enforced(const ForeignKey *key);
extern Refusal index_is_needed(Oid index, const ForeignKey *key);

/* Keys that cannot be made to carry the tenant */
extern Refusal pairs_of_unguarded_table(Oid relid);
extern Refusal key_cannot_be_paired(const ForeignKey *key, const char *reason, const char *hint);
extern Refusal key_cannot_be_checked(const ForeignKey *key);
extern Refusal key_events_pending(Oid relid);

/* Deriving a tenant column */
extern Refusal column_is_there(Oid relid, const char *column);
extern Refusal column_names_tenant(const ForeignKey *key);
extern Refusal derives_for_guarded(Oid relid, const char *column);
extern Refusal derives_by_no_key(Oid relid, List *keys);
extern Refusal derives_by_several_keys(Oid relid, List *keys);
extern Refusal no_such_key(const char *key, Oid relid, List *keys);
extern Refusal key_of_unguarded_parent(const ForeignKey *key, bool parent_has_tenant);
extern Refusal derives_for_tenants(const ForeignKey *key);
extern Refusal derives_for_part(Oid relid, Oid root);
extern Refusal derives_for_parent(Oid relid);
extern Refusal rows_without_parent(const ForeignKey *key, int64 rows, int64 nulls, const char *query);

#endif							/* TENANT_GUARD_KEY_REFUSALS_H */
