/*-------------------------------------------------------------------------
 *
 * copy_statement.h
 *	  Prepares COPY FROM as PostgreSQL does before it reads the data.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_COPY_STATEMENT_H
#define TENANT_GUARD_COPY_STATEMENT_H

#include "nodes/parsenodes.h"
#include "nodes/plannodes.h"
#include "parser/parse_node.h"
#include "tcop/utility.h"
#include "utils/queryenvironment.h"
#include "utils/relcache.h"

/* A COPY FROM that is to be run; a local variable of the function that runs it. */
typedef struct Copy
{
	PlannedStmt *planned;		/* the statement, and the arguments with which it came */
	const char *query_string;
	ProcessUtilityContext context;
	ParamListInfo params;
	QueryEnvironment *query_env;
	DestReceiver *dest;
	QueryCompletion *completion;	/* or NULL */
	Oid			relid;			/* a guarded table, which is locked */
} Copy;

/* What prepare_copy returns; its relation is open. */
typedef struct PreparedCopy
{
	const CopyStmt *stmt;
	ParseState *pstate;
	Relation	relation;
	Bitmapset  *columns;		/* that are written, as in a permission info */
	List	   *where;			/* the conditions of WHERE, or NIL */
} PreparedCopy;

extern bool may_read_source(const CopyStmt *stmt);
extern bool prepare_copy(const Copy *copy, PreparedCopy *prepared);

#endif							/* TENANT_GUARD_COPY_STATEMENT_H */
