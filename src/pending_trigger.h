/*
 * pending_trigger.h: tables whose deferred triggers have yet to run.
 */
#ifndef TENANT_GUARD_PENDING_TRIGGER_H
#define TENANT_GUARD_PENDING_TRIGGER_H

extern Oid	table_with_pending_triggers(void);
extern void init_pending_triggers(void);

#endif
