/*-------------------------------------------------------------------------
 *
 * copied_row.h
 *	  Checks that a row which COPY FROM stores belongs to the tenant.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_COPIED_ROW_H
#define TENANT_GUARD_COPIED_ROW_H

#include "access/attnum.h"
#include "nodes/primnodes.h"

extern Expr *check_of_copied_row(Oid relid, AttrNumber attnum);

#endif							/* TENANT_GUARD_COPIED_ROW_H */
