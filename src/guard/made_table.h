/*-------------------------------------------------------------------------
 *
 * made_table.h
 *	  Tables that EXPLAIN makes.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_MADE_TABLE_H
#define TENANT_GUARD_MADE_TABLE_H

#include "nodes/pg_list.h"

/* What one statement makes; on its stack. */
typedef struct MadeRelations
{
	int			depth;			/* of the statement, among utility statements */
	List	   *relids;			/* in "context" */
	MemoryContext context;
	struct MadeRelations *outer;
} MadeRelations;

extern void begin_collecting(MadeRelations *made);
extern void end_collecting(const MadeRelations *made);
extern void relation_was_made(Oid relid);
extern void statement_is_seen(void);
extern List *made_while_loading(void);

#endif							/* TENANT_GUARD_MADE_TABLE_H */
