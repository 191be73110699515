/*-------------------------------------------------------------------------
 *
 * unguarded_parent.h
 *	  Guarded tables below a parent that is not guarded.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_UNGUARDED_PARENT_H
#define TENANT_GUARD_UNGUARDED_PARENT_H

#include "nodes/pg_list.h"

extern void warn_of_unguarded_parent(Oid relid, Oid parent);
extern List *parts_joined_now(Oid relid);
extern List *parts_left_now(Oid relid);
extern void check_parent(Oid relid, Oid parent, bool made);

#endif							/* TENANT_GUARD_UNGUARDED_PARENT_H */
