/*-------------------------------------------------------------------------
 *
 * foreign_part.h
 *	  Foreign tables below guarded ones.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_FOREIGN_PART_H
#define TENANT_GUARD_FOREIGN_PART_H

#include "nodes/pg_list.h"

extern void check_foreign_part(Oid part, Oid whole);
extern void check_foreign_parts(List *tables);

#endif							/* TENANT_GUARD_FOREIGN_PART_H */
