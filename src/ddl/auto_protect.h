/*-------------------------------------------------------------------------
 *
 * auto_protect.h
 *	  Guards tables that a statement has given the tenant column.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_AUTO_PROTECT_H
#define TENANT_GUARD_AUTO_PROTECT_H

#include "nodes/parsenodes.h"

extern Oid	nearest_guarded_ancestor(Oid relid);
extern List *auto_protect(Oid relid);
extern List *typed_tables(Oid composite);
extern List *auto_protect_all(List *tables);
extern List *auto_protect_schema(const RenameStmt *stmt);

#endif							/* TENANT_GUARD_AUTO_PROTECT_H */
