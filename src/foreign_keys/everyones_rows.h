/*-------------------------------------------------------------------------
 *
 * everyones_rows.h
 *	  Keeps rows of everyone from referencing a tenant's rows.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_EVERYONES_ROWS_H
#define TENANT_GUARD_EVERYONES_ROWS_H

#include "access/attnum.h"

extern bool everyones_rows_do_not_reference(Oid child, AttrNumber tenant, const AttrNumber *columns, int ncolumns);
extern char *everyones_check(Oid child, AttrNumber tenant, const AttrNumber *columns, int ncolumns);

#endif							/* TENANT_GUARD_EVERYONES_ROWS_H */
