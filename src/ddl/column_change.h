/*-------------------------------------------------------------------------
 *
 * column_change.h
 *	  Refuses changes of columns that a guard does not show.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_COLUMN_CHANGE_H
#define TENANT_GUARD_COLUMN_CHANGE_H

#include "nodes/pg_list.h"

extern void check_renewed_columns(List *tables, List *columns);
extern void check_gained_columns(List *tables, List *columns);
extern void check_lost_column(Oid relid);

#endif							/* TENANT_GUARD_COLUMN_CHANGE_H */
