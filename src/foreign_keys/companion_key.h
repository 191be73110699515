/*-------------------------------------------------------------------------
 *
 * companion_key.h
 *	  Companions: foreign keys that carry the tenant, beside one whose columns
 *	  must not change.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_COMPANION_KEY_H
#define TENANT_GUARD_COMPANION_KEY_H

#include "nodes/parsenodes.h"

extern void drop_companion(Oid dropped);
extern void drop_accompanied(Oid dropped, const AlterTableStmt *stmt);
extern void keep_companions_alike(Oid relid);
extern Node *with_companions(Node *stmt);

#endif							/* TENANT_GUARD_COMPANION_KEY_H */
