/*-------------------------------------------------------------------------
 *
 * run_tenant.c
 *	  The tenant with which a plan has begun.
 *
 * Where a transaction may have several tenants, a cursor may be read after
 * another was set.  What it returns then is a matter of its plan: an index scan
 * goes on with the tenant that it began with, and what was sorted or hashed has
 * that one's rows, where a sequential scan compares with the new one.  So it is
 * not read until its own tenant is back.  (What is cleared is kept: current_tenant.c.)
 *
 * The note is a callback of the memory context of the plan's execution, that
 * does nothing: it goes with the execution, and nobody else has to know of it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/parallel.h"
#include "nodes/execnodes.h"

#include "current_tenant.h"
#include "run_tenant.h"
#include "tenant_refusals.h"

/* A MemoryContextCallback, known by its address. */
static void
tenant_of_run(void *tenant)
{
}

/* For a plan that was just started, and reads rows of the transaction's tenant. */
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

/* For a plan that is about to run, or to go on. */
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
	/* a function with a SET clause may have had several tenants, too */
	tenant = tenant_may_change() ? tenant_of_transaction() : sealed_tenant();
	if (tenant != NULL && !tenant_equal(tenant, note->arg))
		raise_refusal(begun_for_other_tenant());
}
