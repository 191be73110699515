/*-------------------------------------------------------------------------
 *
 * install_guard.h
 *	  Guards tables.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_INSTALL_GUARD_H
#define TENANT_GUARD_INSTALL_GUARD_H

#include "nodes/nodes.h"
#include "nodes/pg_list.h"

/* What to do if rows have a null in the tenant column. */
typedef enum NullRows
{
	NULL_ROWS_REFUSED,			/* raise an error */
	NULL_ROWS_TOLERATED,		/* prevent new ones by CHECK ... NOT VALID */
	NULL_ROWS_SHARED,			/* they are everyone's */
	NULL_ROWS_AS_BEFORE			/* as the guard of the table, or of what it is a part of, has it; else refuse */
} NullRows;

/* The level of messages on what is done to every table: NOTICE, or DEBUG1 where the result of a function counts it. */
extern int	routine_notice;

extern bool guard_hierarchy(Oid root, const char *column, NullRows null_rows);
extern bool drop_obsolete_check(Oid relid);

#endif							/* TENANT_GUARD_INSTALL_GUARD_H */
