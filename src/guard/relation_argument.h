/*-------------------------------------------------------------------------
 *
 * relation_argument.h
 *	  Checks and locks the table that is the argument of a SQL function.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_RELATION_ARGUMENT_H
#define TENANT_GUARD_RELATION_ARGUMENT_H

#include "fmgr.h"
#include "nodes/pg_list.h"
#include "storage/lockdefs.h"

extern void check_relation(Oid relid);
extern void lock_relation(Oid relid);
extern List *lock_hierarchy(Oid relid);
extern bool parts_have_owner(Oid relid, bool trusts_superusers);
extern void check_parts_have_owner(Oid relid, bool trusts_superusers);
extern List *lock_for_owner(Oid relid, LOCKMODE lock);
extern void begin_change(FunctionCallInfo fcinfo, ErrorContextCallback *callback);
extern void end_change(ErrorContextCallback *callback);
extern Oid	relation_argument(FunctionCallInfo fcinfo);

#endif							/* TENANT_GUARD_RELATION_ARGUMENT_H */
