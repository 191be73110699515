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
extern bool has_rights_of_owner(Oid relid);
extern void check_new_trigger(Oid trigger);
extern void check_no_foreign_trigger(Oid relid, int level);
extern void check_old_triggers(Oid relid, int level);

#endif							/* TENANT_GUARD_TRIGGER_OWNER_H */
