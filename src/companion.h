/*-------------------------------------------------------------------------
 *
 * companion.h
 *	  Foreign keys that stay as their framework knows them, beside one that
 *	  carries the tenant.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_COMPANION_H
#define TENANT_GUARD_COMPANION_H

#include "nodes/parsenodes.h"

extern char *companion_name(const char *key);
extern void drop_companion(Oid dropped);
extern void fire_companion_events(const AlterTableStmt *stmt);

#endif							/* TENANT_GUARD_COMPANION_H */
