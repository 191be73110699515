/*-------------------------------------------------------------------------
 *
 * made_table.h
 *	  Collects tables that EXPLAIN creates.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_MADE_TABLE_H
#define TENANT_GUARD_MADE_TABLE_H

#include "nodes/pg_list.h"

/* What one statement creates; a local variable of the function that runs it. */
typedef struct MadeRelations
{
	int			depth;			/* the statement's nesting depth among utility statements */
	List	   *relids;			/* OIDs, in "context" */
	MemoryContext context;
	struct MadeRelations *outer;
} MadeRelations;

extern void begin_collecting(MadeRelations *made);
extern void end_collecting(const MadeRelations *made);
extern void relation_was_made(Oid relid);
extern void statement_is_seen(void);
extern List *made_while_loading(void);

#endif							/* TENANT_GUARD_MADE_TABLE_H */
