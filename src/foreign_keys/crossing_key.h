/*-------------------------------------------------------------------------
 *
 * crossing_key.h
 *	  Foreign keys that reference the parent's tenant column by another column
 *	  than the child's.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_CROSSING_KEY_H
#define TENANT_GUARD_CROSSING_KEY_H

#include "nodes/pg_list.h"

#include "foreign_key.h"
#include "refusal.h"

extern Refusal crossing_key(const ForeignKey *key);
extern void refuse_crossing_keys(List *keys);
extern void warn_of_crossing_keys(List *keys);

#endif							/* TENANT_GUARD_CROSSING_KEY_H */
