/*-------------------------------------------------------------------------
 *
 * lock_table.h
 *	  How full the server's lock table is.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_LOCK_TABLE_H
#define TENANT_GUARD_LOCK_TABLE_H

extern bool lock_table_is_nearly_full(void);

#endif							/* TENANT_GUARD_LOCK_TABLE_H */
