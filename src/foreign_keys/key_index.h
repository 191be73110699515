/*-------------------------------------------------------------------------
 *
 * key_index.h
 *	  The unique index that foreign keys that carry the tenant need on the
 *	  referenced table.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_KEY_INDEX_H
#define TENANT_GUARD_KEY_INDEX_H

#include "foreign_key.h"

#include "nodes/parsenodes.h"

extern void check_indexes_not_needed(const DropStmt *stmt);
extern Oid	unique_index_for(const ForeignKey *key);
extern char *index_columns(const ForeignKey *key);
extern void make_unique_index(const ForeignKey *key);

#endif							/* TENANT_GUARD_KEY_INDEX_H */
