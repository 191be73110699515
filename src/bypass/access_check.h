/*-------------------------------------------------------------------------
 *
 * access_check.h
 *	  Who may touch a guarded table: the verdict.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_ACCESS_CHECK_H
#define TENANT_GUARD_ACCESS_CHECK_H

#include "nodes/pg_list.h"

/* What statement is being carried out, where that makes a difference. */
typedef enum StatementKind
{
	STATEMENT_PLAIN,
	STATEMENT_MATERIALIZES,		/* CREATE or REFRESH MATERIALIZED VIEW */
	STATEMENT_HOLDS,			/* DECLARE ... WITH HOLD */
	STATEMENT_DETACHES			/* ALTER TABLE ... DETACH PARTITION */
} StatementKind;

extern void init_access(void);
extern StatementKind enter_statement(StatementKind kind);
extern StatementKind enter_portal(void);
extern void leave_statement(StatementKind outer);
extern bool suspend_noforce(void);
extern void resume_noforce(void);

extern bool rows_are_kept(void);
extern bool is_foreign_key_statement(List *permission_infos);
extern bool check_access(List *permission_infos, bool raise);
extern void check_rows_not_kept(List *permission_infos);
extern void check_detaching(List *permission_infos);
extern void check_truncate(Oid relid);
extern const char *means_of_bypass(Oid check_as_user);
extern const char *means_of_bypass_outside(void);
extern void log_bypass_outside(const char *what, const char *means);
extern void log_bypass(const char *what, const char *means);
extern bool weakening_is_meant(Oid relid);

#endif							/* TENANT_GUARD_ACCESS_CHECK_H */
