/*-------------------------------------------------------------------------
 *
 * guard_not_weakened.h
 *	  Refuses statements that weaken a guard.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_GUARD_NOT_WEAKENED_H
#define TENANT_GUARD_GUARD_NOT_WEAKENED_H

#include "nodes/parsenodes.h"

#include "invariant.h"

extern void check_weakening_allowed(Oid relid, const char *damage);
extern void check_alter_table(const AlterTableStmt *stmt);
extern void check_shadowing(Oid relid);
extern void check_invariants(List *tables, int which, bool made);
extern void drop_obsolete_checks(Oid relid);

#endif							/* TENANT_GUARD_GUARD_NOT_WEAKENED_H */
