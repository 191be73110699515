/*-------------------------------------------------------------------------
 *
 * noforce.h
 *	  Runs our own statements that must see all rows of a table.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_NOFORCE_H
#define TENANT_GUARD_NOFORCE_H

#include "utils/queryenvironment.h"

extern EphemeralNamedRelation read_noforce(Oid owner, const char *sql, const char *name);
extern void forget_rows(EphemeralNamedRelation rows);
extern int64 query_noforce(Oid owner, const char *sql, EphemeralNamedRelation rows, int64 *second);
extern uint64 update_noforce(Oid owner, const char *sql, EphemeralNamedRelation rows);
extern bool updates_noforce(void);
extern int	suspend_replication_role(void);
extern void resume_replication_role(int role);
extern bool suspend_noforce(void);
extern void resume_noforce(void);

#endif							/* TENANT_GUARD_NOFORCE_H */
