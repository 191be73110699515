/*-------------------------------------------------------------------------
 *
 * tenant_activity.c
 *	  Which tenant each session works for.
 *
 * Each process has a slot in shared memory, to which it alone writes.  Readers
 * take no lock: they read a slot again if its number of changes shows that it
 * was written meanwhile, as in PostgreSQL's backend_status.c.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_authid.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "port/atomics.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "shared_compat.h"
#include "shared_memory.h"
#include "tenant_activity.h"

PG_FUNCTION_INFO_V1(tenant_guard_session_tenants);

typedef struct SessionTenant
{
	volatile uint32 changes;	/* odd while the slot is written */
	int			pid;			/* 0: the process has no tenant */
	TimestampTz since;
	char		source[NAMEDATALEN];	/* see name_of_source */
	SharedTenant tenant;
} SessionTenant;

static Size size_of_slots(const SharedPart *part);
static void init_slots(const SharedPart *part, void *memory, int tranche);

static SharedPart slots = {size_of_slots, init_slots};

/* ----------------------------------------------------------------
 *		The slots
 * ----------------------------------------------------------------
 */

static Size
size_of_slots(const SharedPart *part)
{
	return mul_size(MaxBackends, sizeof(SessionTenant));
}

static void
init_slots(const SharedPart *part, void *memory, int tranche)
{
	memset(memory, 0, size_of_slots(part));
}

/* Must be called once, by _PG_init. */
void
init_tenant_activity(void)
{
	add_shared_part(&slots);
}

/* Returns the slot of this process; NULL if it has none. */
static SessionTenant *
my_slot(void)
{
	int			n = MyProc != NULL ? my_proc_number() : -1;

	return slots.memory != NULL && n >= 0 && n < MaxBackends ? (SessionTenant *) slots.memory + n : NULL;
}

static void
begin_write(SessionTenant *slot)
{
	slot->changes++;
	pg_write_barrier();
}

static void
end_write(SessionTenant *slot)
{
	pg_write_barrier();
	slot->changes++;
}

/* To be called when a transaction has sealed a tenant. */
void
show_session_tenant(const SharedTenant *tenant, const char *source, TimestampTz since)
{
	SessionTenant *slot = my_slot();

	if (slot == NULL)
		return;
	begin_write(slot);
	slot->pid = MyProcPid;
	slot->since = since;
	strlcpy(slot->source, source, sizeof(slot->source));
	slot->tenant = *tenant;
	end_write(slot);
}

/* To be called when the transaction ends. */
void
hide_session_tenant(void)
{
	SessionTenant *slot = my_slot();

	if (slot == NULL || slot->pid == 0)
		return;
	begin_write(slot);
	slot->pid = 0;
	end_write(slot);
}

static SessionTenant
read_slot(const SessionTenant *slot)
{
	SessionTenant copy;
	uint32		before;
	uint32		after;

	do
	{
		CHECK_FOR_INTERRUPTS();
		before = slot->changes;
		pg_read_barrier();
		memcpy(&copy, (const void *) slot, sizeof(copy));
		pg_read_barrier();
		after = slot->changes;
	} while (before != after || before % 2 != 0);
	return copy;
}

/*
 * session_tenants(): the tenant of each process that has one.  No rows for roles
 * that may not read all statistics: they would learn the names of tenants.
 */
Datum
tenant_guard_session_tenants(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;

	InitMaterializedSRF(fcinfo, 0);
	require_shared_memory("tenants of sessions");
	if (!has_privs_of_role(GetUserId(), ROLE_PG_READ_ALL_STATS))
		return (Datum) 0;
	for (int i = 0; i < MaxBackends; i++)
	{
		SessionTenant slot = read_slot((const SessionTenant *) slots.memory + i);
		Datum		values[] = {Int32GetDatum(slot.pid), CStringGetTextDatum(slot.tenant.name), CStringGetTextDatum(slot.source),
			TimestampTzGetDatum(slot.since)};
		bool		nulls[lengthof(values)] = {false};

		if (slot.pid != 0)
			tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}
