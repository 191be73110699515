/*-------------------------------------------------------------------------
 *
 * ddl_watch.h
 *	  Whether event triggers other than this extension's see our DDL.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_DDL_WATCH_H
#define TENANT_GUARD_DDL_WATCH_H

extern void init_ddl_watch(void);
extern bool ddl_is_watched(void);

#endif							/* TENANT_GUARD_DDL_WATCH_H */
