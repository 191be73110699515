/*-------------------------------------------------------------------------
 *
 * pair.h
 *	  Makes foreign keys between guarded tables carry the tenant.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_PAIR_H
#define TENANT_GUARD_PAIR_H

#include "nodes/pg_list.h"

extern void check_no_event_pending(Oid root);
extern void pair_keys(List *keys, bool validate);

#endif							/* TENANT_GUARD_PAIR_H */
