/*-------------------------------------------------------------------------
 *
 * drop_on_commit.h
 *	  Temporary tables with ON COMMIT DROP, which no catalog records.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_DROP_ON_COMMIT_H
#define TENANT_GUARD_DROP_ON_COMMIT_H

extern void remember_drop_on_commit(Oid relid);
extern bool is_dropped_on_commit(Oid relid);

#endif							/* TENANT_GUARD_DROP_ON_COMMIT_H */
