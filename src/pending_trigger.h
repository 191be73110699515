/*
 * pending_trigger.h: tables whose triggers have yet to run.
 */
#ifndef TENANT_GUARD_PENDING_TRIGGER_H
#define TENANT_GUARD_PENDING_TRIGGER_H

#include "executor/execdesc.h"

extern Oid	table_with_pending_triggers(void);
extern Oid	enter_writing(const QueryDesc *query_desc);
extern void leave_writing(Oid outer);
extern void init_pending_triggers(void);

#endif
