/*-------------------------------------------------------------------------
 *
 * client_statement.h
 *	  Counts the statements that the client sends.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_CLIENT_STATEMENT_H
#define TENANT_GUARD_CLIENT_STATEMENT_H

#include "executor/execdesc.h"
#include "tcop/utility.h"

extern int64 client_statements;

extern bool is_client_plan(const QueryDesc *query_desc);
extern bool is_client_utility(const PlannedStmt *stmt, ProcessUtilityContext context);

#endif							/* TENANT_GUARD_CLIENT_STATEMENT_H */
