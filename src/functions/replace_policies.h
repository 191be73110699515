/*-------------------------------------------------------------------------
 *
 * replace_policies.h
 *	  Takes away an application's policies that say no more than a guard does.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_REPLACE_POLICIES_H
#define TENANT_GUARD_REPLACE_POLICIES_H

#include "nodes/pg_list.h"

extern void drop_superfluous_policies(List *parts, const char *column);
extern void open_superfluous_policies(List *parts);
extern void name_superfluous_policies(List *parts);

#endif							/* TENANT_GUARD_REPLACE_POLICIES_H */
