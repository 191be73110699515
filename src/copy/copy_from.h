/*-------------------------------------------------------------------------
 *
 * copy_from.h
 *	  Runs COPY FROM into guarded tables.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_COPY_FROM_H
#define TENANT_GUARD_COPY_FROM_H

#include "tcop/utility.h"

#include "copy_statement.h"

extern Oid	table_to_copy_into(const Node *stmt);
extern void note_changed_trigger(Oid trigger);
extern void run_copy(Copy *copy);
extern void run_copy_by_hook(Copy *copy, ProcessUtility_hook_type hook);

#endif							/* TENANT_GUARD_COPY_FROM_H */
