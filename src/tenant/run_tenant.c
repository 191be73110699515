/*-------------------------------------------------------------------------
 *
 * run_tenant.c
 *	  Remembers the tenant with which the execution of a plan began.
 *
 * With one_tenant_per_transaction off, a cursor can be read after another tenant
 * was set.  Whose rows it would return then depends on its plan: an index scan
 * and the output of a sort or hash are of the tenant with which it began, but a
 * sequential scan compares with the new one.  So reading it is an error until
 * its tenant is set again.  (If the tenant was only unset, the cursor keeps it:
 * keep_tenant() in current_tenant.c.)
 *
 * The tenant is the argument of a reset callback, which does nothing, of the
 * execution's memory context.  So it is freed with the execution, and needs no
 * table of ours.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/parallel.h"
#include "nodes/execnodes.h"

#include "current_tenant.h"
#include "pending_trigger.h"
#include "run_tenant.h"
#include "tenant_refusals.h"

/* A MemoryContextCallbackFunction that does nothing; its address identifies our callback. */
static void
tenant_of_run(void *tenant)
{
}

/* Remembers the transaction's tenant for a plan that was just started, and reads that tenant's rows. */
void
note_tenant_of_run(const QueryDesc *query_desc)
{
	MemoryContext context = query_desc->estate->es_query_cxt;
	MemoryContextCallback *note;

	if (IsParallelWorker())
		return;
	note = MemoryContextAlloc(context, sizeof(MemoryContextCallback));
	note->func = tenant_of_run;
	note->arg = unconstify(TenantValue *, tenant_of_transaction());
	MemoryContextRegisterResetCallback(context, note);
}

/* Raises an error if a plan that is about to run, or to go on, began with another tenant than the transaction's. */
void
check_tenant_of_run(const QueryDesc *query_desc)
{
	const MemoryContextCallback *note;
	const TenantValue *tenant;

	for (note = query_desc->estate->es_query_cxt->reset_cbs; note != NULL; note = note->next)
		if (note->func == tenant_of_run)
			break;
	if (note == NULL || note->arg == NULL)
		return;
	/* even with one tenant per transaction, functions with a SET clause can have set another */
	tenant = tenant_may_change() ? tenant_of_transaction() : sealed_tenant();
	if (tenant != NULL && !tenant_equal(tenant, note->arg))
		raise_refusal(begun_for_other_tenant());
}

/* Must be called before a statement that writes, and after it: notes the tenant for which it may queue deferred triggers. */
void
note_queueing_tenant(void)
{
	TenantValue value;

	if (!IsParallelWorker() && may_queue_triggers())
		note_queueing(replaceable_tenant(&value));
}
