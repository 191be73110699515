/*-------------------------------------------------------------------------
 *
 * keys_of_everyone.h
 *	  Foreign keys from and to tables with rows of everyone.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_KEYS_OF_EVERYONE_H
#define TENANT_GUARD_KEYS_OF_EVERYONE_H

#include "nodes/pg_list.h"

extern void forbid_references_of_everyone(List *keys);
extern void judge_keys_of_everyone(List *keys, bool warns);

#endif							/* TENANT_GUARD_KEYS_OF_EVERYONE_H */
