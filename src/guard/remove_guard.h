/*-------------------------------------------------------------------------
 *
 * remove_guard.h
 *	  Removes the guards of tables.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_REMOVE_GUARD_H
#define TENANT_GUARD_REMOVE_GUARD_H

extern void unguard_hierarchy(Oid root);

#endif							/* TENANT_GUARD_REMOVE_GUARD_H */
