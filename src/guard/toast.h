/*-------------------------------------------------------------------------
 *
 * toast.h
 *	  Finds the table to which a TOAST table belongs.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_TOAST_H
#define TENANT_GUARD_TOAST_H

extern bool is_toast_table(Oid relid);
extern Oid	table_of_toast(Oid toast);

#endif							/* TENANT_GUARD_TOAST_H */
