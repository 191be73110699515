/*
 * pending_trigger.h: tables whose triggers have yet to run.
 */
#ifndef TENANT_GUARD_PENDING_TRIGGER_H
#define TENANT_GUARD_PENDING_TRIGGER_H

#include "executor/execdesc.h"

/* A statement that is running; part of the frame that runs it. */
typedef struct Writing
{
	const EState *estate;
	struct Writing *outer;
} Writing;

extern Oid	table_with_pending_triggers(void);
extern void enter_writing(Writing *writing, const QueryDesc *query_desc);
extern void leave_writing(const Writing *writing);
extern void init_pending_triggers(void);

#endif
