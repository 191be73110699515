/*-------------------------------------------------------------------------
 *
 * own_sql.h
 *	  Runs the extension's own statements, each as the owner of its table.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_OWN_SQL_H
#define TENANT_GUARD_OWN_SQL_H

#include "executor/execdesc.h"
#include "nodes/nodes.h"
#include "nodes/pg_list.h"

/* What run_as_owner calls as the other role; "argument" is passed through. */
typedef void (*OwnerAction) (void *argument);

extern void run_as_owner(Oid owner, bool noforce, OwnerAction action, void *argument);
extern void set_for_level(const char *name, const char *value);
extern void check_owner_reaches(Oid relid, Oid owner);
extern void keep_name(Oid relid);
extern void run_ddl(Oid relid, const char *sql);
extern void run_ddl_noforce(Oid relid, const char *sql);
extern void run_ddl_as_caller(Oid relid, const char *sql);
extern int	enter_utility(const Node *stmt);
extern void leave_utility(int outer);
extern int	utility_depth(void);
extern bool begins_own_ddl(Oid relid);
extern bool is_own_ddl(const Node *stmt);
extern List *query_datums(const char *sql);

extern bool runs_as_owner(void);
extern void note_starter(const QueryDesc *query);
extern void check_starter(const QueryDesc *query);
extern void function_has_failed(Oid funcid);
extern void function_has_ended(void);

#endif							/* TENANT_GUARD_OWN_SQL_H */
