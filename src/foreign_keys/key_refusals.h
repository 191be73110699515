/*-------------------------------------------------------------------------
 *
 * key_refusals.h
 *	  Refusals about foreign keys.
 *
 * "table" and "parent" are qualified and quoted names; "key" and other names
 * are as in the catalogs.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_KEY_REFUSALS_H
#define TENANT_GUARD_KEY_REFUSALS_H

#include "refusal.h"

/* Keys that do not carry the tenant */
extern Refusal key_without_tenant(const char *key, const char *table,
								  const char *drop, const char *add);
extern Refusal key_setting_not_applied(const char *table, const char *detail);
extern Refusal key_crosses_tenants(const char *key, const char *table, const char *parent,
								   const char *column, const char *tenant_column, const char *own);
extern Refusal key_of_other(const char *key, const char *table, const char *parent, const char *owner);
extern Refusal key_calls_function(const char *key, const char *table, const char *parent,
								  const char *owner, const char *function, bool stands);
extern Refusal keys_cross_tenants(const char *counts, const char *queries);

/* Actions of keys on rows of another tenant; "key" is NULL where it is not known which */
extern Refusal action_on_other_tenant(const char *key, const char *table, const char *parent,
									  bool deletes, bool by_tenant);
extern Refusal action_changes_tenant(const char *key, const char *table);
extern Refusal trigger_changes_tenant(const char *table);
extern Refusal key_not_enforced(const char *key, const char *table, const char *parent);

/* Keys that cannot be made to carry the tenant */
extern Refusal pairs_of_unguarded_table(const char *table);
extern Refusal key_cannot_be_paired(const char *key, const char *table,
									const char *reason, const char *hint);
extern Refusal key_events_pending(const char *table);

/* Deriving a tenant column */
extern Refusal column_is_there(const char *table, const char *column);
extern Refusal column_names_tenant(const char *table, const char *column, const char *key, const char *parent);
extern Refusal derives_by_no_key(const char *table, const char *detail);
extern Refusal derives_by_several_keys(const char *table, const char *keys, const char *first);
extern Refusal no_such_key(const char *key, const char *table, const char *keys);
extern Refusal key_of_unguarded_parent(const char *key, const char *table, const char *parent,
									   bool parent_has_tenant);
extern Refusal derives_for_part(const char *table, const char *parent);
extern Refusal derives_for_parent(const char *table);
extern Refusal rows_without_parent(const char *table, const char *key,
								   int64 rows, int64 nulls, const char *query);

#endif							/* TENANT_GUARD_KEY_REFUSALS_H */
