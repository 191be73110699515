/*-------------------------------------------------------------------------
 *
 * not_null.h
 *	  Is the tenant column NOT NULL?
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_NOT_NULL_H
#define TENANT_GUARD_NOT_NULL_H

#include "access/attnum.h"

/* The CHECK that stands in for NOT NULL while rows with a null may be there. */
#define NOT_NULL_CHECK		"tenant_not_null"

extern bool has_not_null_check(Oid relid, AttrNumber attnum);
extern bool column_has_not_null(Oid relid, AttrNumber attnum, bool validated);
extern bool column_is_not_null(Oid relid, AttrNumber attnum, bool validated);

#endif							/* TENANT_GUARD_NOT_NULL_H */
