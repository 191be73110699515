/*-------------------------------------------------------------------------
 *
 * temporary_statement.h
 *	  Checks utility statements on temporary tables that belong to a tenant.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_TEMPORARY_STATEMENT_H
#define TENANT_GUARD_TEMPORARY_STATEMENT_H

#include "nodes/parsenodes.h"

extern void init_temporary_statements(void);
extern bool check_temporary_statement(const Node *stmt);
extern void check_maintaining_function(Oid funcid);
extern void note_temporary_statement(const Node *stmt);

#endif							/* TENANT_GUARD_TEMPORARY_STATEMENT_H */
