/*-------------------------------------------------------------------------
 *
 * access_check.h
 *	  Decides which accesses to guarded tables are allowed.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_ACCESS_CHECK_H
#define TENANT_GUARD_ACCESS_CHECK_H

#include "nodes/pg_list.h"

/* What statement is being carried out, where that makes a difference. */
extern void init_access(void);

extern bool is_foreign_key_statement(List *permission_infos);
extern bool check_access(List *permission_infos, bool raise);
extern void check_plan_goes_on(List *permission_infos);
extern void check_before_planning(List *permission_infos);
extern void check_truncate(Oid relid);

#endif							/* TENANT_GUARD_ACCESS_CHECK_H */
