/*-------------------------------------------------------------------------
 *
 * copy_compat.h
 *	  What differs between the supported servers in COPY FROM; a part of compat.h.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_COPY_COMPAT_H
#define TENANT_GUARD_COPY_COMPAT_H

#include "executor/executor.h"
#include "parser/parse_node.h"

#include "compat.h"

/* The permission info of a relation that a statement is about to name. */
static inline PermissionInfo *
permission_info_of(const ParseNamespaceItem *item)
{
#if PG_VERSION_NUM >= 160000
	return item->p_perminfo;
#else
	return item->p_rte;
#endif
}

/* Checks the permissions of a statement on one relation, or raises an error. */
static inline void
check_permissions(List *range_table, PermissionInfo *info)
{
#if PG_VERSION_NUM >= 160000
	ExecCheckPermissions(range_table, list_make1(info), true);
#else
	ExecCheckRTPerms(range_table, true);
#endif
}

#endif							/* TENANT_GUARD_COPY_COMPAT_H */
