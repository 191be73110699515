/*
 * pending_trigger.h: tables whose triggers have yet to run.
 */
#ifndef TENANT_GUARD_PENDING_TRIGGER_H
#define TENANT_GUARD_PENDING_TRIGGER_H

#include "executor/executor.h"

#include "compat.h"

/* A statement that is running; part of the frame that runs it. */
typedef struct Writing
{
	const EState *estate;		/* of a query, or */
	Oid			copied;			/* of COPY: its table, */
	int			depth;			/* and of the triggers outside of it */
	struct Writing *outer;
} Writing;

extern Oid	table_with_pending_triggers(void);
extern void enter_writing(Writing *writing, const QueryDesc *query_desc);
extern Oid	table_of_copy(const Node *stmt);
extern void enter_copying(Writing *writing, Oid copied);
extern void leave_writing(const Writing *writing);
extern void run_as_writing(ExecutorRun_hook_type run, EXECUTOR_RUN_PARAMETERS);
extern void init_pending_triggers(void);

#endif
