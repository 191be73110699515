/*-------------------------------------------------------------------------
 *
 * keys_of_everyone.h
 *	  Foreign keys from and to tables with rows of everyone.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_KEYS_OF_EVERYONE_H
#define TENANT_GUARD_KEYS_OF_EVERYONE_H

#include "foreign_key.h"
#include "key_hierarchy.h"
#include "reference_trigger.h"

extern void forbid_references_of_everyone(List *keys);
extern CheckTime check_time(const ForeignKey *key);
extern void check_references(List *keys, bool validate);
extern void check_references_of_part(Oid part);
extern void check_checked_keys(Oid root, KeyDirection direction, bool all);
extern void check_remade_keys(Oid root);
extern bool has_unchecked_keys(Oid relid);
extern void drop_reference_triggers(Oid relid);
extern void judge_keys_of_everyone(List *keys, bool warns);

#endif							/* TENANT_GUARD_KEYS_OF_EVERYONE_H */
