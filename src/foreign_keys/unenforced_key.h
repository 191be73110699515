/*-------------------------------------------------------------------------
 *
 * unenforced_key.h
 *	  Foreign keys that are not to be taken out of force.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_UNENFORCED_KEY_H
#define TENANT_GUARD_UNENFORCED_KEY_H

#include "nodes/pg_list.h"

extern void check_keys_enforced(Oid relid, List *names);

#endif							/* TENANT_GUARD_UNENFORCED_KEY_H */
