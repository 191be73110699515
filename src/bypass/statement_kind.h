/*-------------------------------------------------------------------------
 *
 * statement_kind.h
 *	  What kind of statement is this, for access to guarded tables?
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_STATEMENT_KIND_H
#define TENANT_GUARD_STATEMENT_KIND_H

#include "nodes/parsenodes.h"

#include "access_check.h"

extern const CreateTableAsStmt *made_by_explain(const Node *stmt);
extern StatementKind kind_of_statement(const Node *stmt);

#endif							/* TENANT_GUARD_STATEMENT_KIND_H */
