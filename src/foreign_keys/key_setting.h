/*-------------------------------------------------------------------------
 *
 * key_setting.h
 *	  Applies the setting tenant_guard.foreign_keys to the foreign keys of
 *	  guarded tables.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_KEY_SETTING_H
#define TENANT_GUARD_KEY_SETTING_H

#include "foreign_key.h"

/* Why the setting is applied. */
typedef enum KeyOccasion
{
	KEYS_OF_DDL,				/* a statement that made a key or guarded a table */
	KEYS_OF_PROTECT				/* protect or protect_schema */
} KeyOccasion;

typedef struct KeyCounts
{
	int			unpaired;
	int			with_companion;
} KeyCounts;

extern bool apply_key_setting(Oid root, KeyOccasion occasion);
extern void check_key_setting_applied(Oid relid, const char *detail);
extern void apply_key_setting_to_companions(Oid root, ForeignKey *dropped);
extern void apply_key_setting_from(Oid root);
extern List *keys_to_pair(Oid root);
extern KeyCounts count_keys(Oid root);
extern void pair_key(Oid root, Oid constraint);
extern int	pair_keys_of(Oid root, bool validate);
extern void hold_ends_of_keys(Oid root);
extern List *tables_with_unpaired_keys(Oid root);

#endif							/* TENANT_GUARD_KEY_SETTING_H */
