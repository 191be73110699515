/*-------------------------------------------------------------------------
 *
 * pair_keys.h
 *	  Makes foreign keys between guarded tables carry the tenant.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_PAIR_KEYS_H
#define TENANT_GUARD_PAIR_KEYS_H

#include "nodes/pg_list.h"

#include "foreign_key.h"
#include "refusal.h"

extern void check_no_event_pending(Oid root);
extern void check_owns_key(const ForeignKey *key);
extern char *key_definition(const ForeignKey *key, const char *name, bool paired, bool valid);
extern char *cross_tenant_query(const ForeignKey *key);
extern bool key_keeps_meaning(const ForeignKey *key, Refusal *why);
extern void check_no_reference_crosses(List *keys);
extern bool references_cross(ForeignKey *key);
extern void pair_keys(List *keys, bool validate);

#endif							/* TENANT_GUARD_PAIR_KEYS_H */
