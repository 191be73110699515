/*-------------------------------------------------------------------------
 *
 * not_null.h
 *	  Finds out whether the tenant column can be null.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_NOT_NULL_H
#define TENANT_GUARD_NOT_NULL_H

#include "access/attnum.h"

/* Name of the CHECK constraint that a guard has in place of NOT NULL while there may be rows with a null. */
#define NOT_NULL_CHECK		"tenant_not_null"

extern bool has_not_null_check(Oid relid, AttrNumber attnum);
extern bool column_has_not_null(Oid relid, AttrNumber attnum, bool validated);
extern bool column_is_not_null(Oid relid, AttrNumber attnum, bool validated);

#endif							/* TENANT_GUARD_NOT_NULL_H */
