/*-------------------------------------------------------------------------
 *
 * crossing_key.h
 *	  Foreign keys that reference rows of other tenants by saying whose.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_CROSSING_KEY_H
#define TENANT_GUARD_CROSSING_KEY_H

#include "nodes/pg_list.h"

extern void refuse_crossing_keys(List *keys);
extern void warn_of_crossing_keys(List *keys);

#endif							/* TENANT_GUARD_CROSSING_KEY_H */
