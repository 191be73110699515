/*-------------------------------------------------------------------------
 *
 * unforced.h
 *	  Statements of our own that must see all rows of tables that the caller
 *	  owns.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_UNFORCED_H
#define TENANT_GUARD_UNFORCED_H

extern int64 query_unforced(Oid owner, const char *sql, int64 *second);
extern uint64 update_unforced(Oid owner, const char *sql);
extern bool updates_unforced(void);
extern int	suspend_replication_role(void);
extern void resume_replication_role(int role);
extern Oid	common_owner(Oid table, Oid other);
extern void run_ddl_unforced(Oid relid, const char *sql);

#endif							/* TENANT_GUARD_UNFORCED_H */
