/*-------------------------------------------------------------------------
 *
 * statement_kind.h
 *	  Classifies statements by how their access to guarded tables is checked.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_STATEMENT_KIND_H
#define TENANT_GUARD_STATEMENT_KIND_H

#include "nodes/parsenodes.h"

typedef enum StatementKind
{
	STATEMENT_PLAIN,
	STATEMENT_MATERIALIZES,		/* CREATE or REFRESH MATERIALIZED VIEW */
	STATEMENT_HOLDS,			/* DECLARE ... WITH HOLD */
	STATEMENT_DETACHES			/* ALTER TABLE ... DETACH PARTITION */
} StatementKind;

extern void define_leader_statement(void);
extern StatementKind current_statement_kind(void);
extern bool statement_keeps_rows(void);
extern const CreateTableAsStmt *made_by_explain(const Node *stmt);
extern StatementKind kind_of_statement(const Node *stmt);
extern StatementKind enter_statement(StatementKind kind);
extern StatementKind enter_portal(void);
extern void leave_statement(StatementKind outer);
extern bool rows_are_kept(void);

#endif							/* TENANT_GUARD_STATEMENT_KIND_H */
