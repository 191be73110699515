/*
 * pending_trigger.h: tables with pending triggers.
 */
#ifndef TENANT_GUARD_PENDING_TRIGGER_H
#define TENANT_GUARD_PENDING_TRIGGER_H

#include "executor/executor.h"

#include "compat.h"
#include "tenant_type.h"

/* A running statement; a local variable of the function that runs it. */
typedef struct Writing
{
	const EState *estate;		/* of a query; NULL for a utility statement */
	Oid			copied;			/* the table of COPY FROM, or InvalidOid */
	int			depth;			/* of a utility statement: the trigger depth at which it began */
	struct Writing *outer;
} Writing;

extern Oid	table_waiting_for_other(const TenantValue *value, bool replaces);
extern bool may_queue_triggers(void);
extern void note_queueing(const TenantValue *value);
extern void enter_writing(Writing *writing, const QueryDesc *query_desc);
extern Oid	table_of_copy(const Node *stmt);
extern void enter_copying(Writing *writing, Oid copied);
extern void leave_writing(const Writing *writing);
extern void run_as_writing(ExecutorRun_hook_type run, EXECUTOR_RUN_PARAMETERS);
extern void init_pending_triggers(void);

#endif
