/*-------------------------------------------------------------------------
 *
 * unenforced_key.h
 *	  Refuses to make foreign keys that carry the tenant NOT ENFORCED.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_UNENFORCED_KEY_H
#define TENANT_GUARD_UNENFORCED_KEY_H

#include "nodes/pg_list.h"

extern void check_keys_enforced(Oid relid, List *names);

#endif							/* TENANT_GUARD_UNENFORCED_KEY_H */
