/*-------------------------------------------------------------------------
 *
 * trigger_owner.h
 *	  Who may put a trigger on a guarded table.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_TRIGGER_OWNER_H
#define TENANT_GUARD_TRIGGER_OWNER_H

extern Oid	table_of_trigger(Oid trigger);
extern void check_new_trigger(Oid trigger);

#endif							/* TENANT_GUARD_TRIGGER_OWNER_H */
