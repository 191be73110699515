/*-------------------------------------------------------------------------
 *
 * protect.h
 *	  Guards one table by protect() or protect_schema(), and takes its guard off.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_PROTECT_H
#define TENANT_GUARD_PROTECT_H

#include "fmgr.h"

#include "install_guard.h"

extern const char *column_for(Oid relid, const char *wanted);
extern char *reason_argument(FunctionCallInfo fcinfo);
extern bool protect_table(Oid relid, const char *column, NullRows null_rows, bool replace_policies);
extern bool unprotect_table(Oid relid, const char *reason);
extern Oid	guarded_ancestor(Oid relid, List *except);
extern void note_bound_owner(Oid relid);

#endif							/* TENANT_GUARD_PROTECT_H */
