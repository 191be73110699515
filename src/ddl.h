/*-------------------------------------------------------------------------
 *
 * ddl.h
 *	  What a DDL statement made or weakened.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_DDL_H
#define TENANT_GUARD_DDL_H

#include "nodes/primnodes.h"

extern void table_was_created(const IntoClause *into);

#endif							/* TENANT_GUARD_DDL_H */
