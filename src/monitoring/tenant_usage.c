/*-------------------------------------------------------------------------
 *
 * tenant_usage.c
 *	  Counts what each tenant's transactions use.
 *
 * A transaction has one tenant.  So two readings of what the process has used,
 * one when the tenant is sealed and one when the transaction has ended, are all
 * that is needed.  Their difference is what the transaction has used.
 *
 * What a parallel worker reads and writes is counted by PostgreSQL for its
 * leader.  Its processor time is not, so the worker adds that itself.
 *
 * With one_tenant_per_transaction off, what was used until another tenant is
 * sealed is counted for the one before, and the transaction for the last one.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <sys/resource.h>

#include "access/parallel.h"
#include "access/xact.h"
#include "executor/instrument.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "utils/backend_status.h"
#include "utils/guc.h"
#include "utils/timestamp.h"

#include "client_statement.h"
#include "compat.h"
#include "current_tenant.h"
#include "named_tenant.h"
#include "refusal.h"
#include "tenant_activity.h"
#include "tenant_source.h"
#include "tenant_usage.h"

/* Of refusals, those with these SQLSTATEs are counted; TG001 must be first, and those of class TG in order. */
const char *const refusal_states[COUNTED_REFUSALS] = {
	"TG001", "TG002", "TG003", "TG004", "TG005", "TG006", "TG007", "TG008", "TG009", "TG010", "42501", "53400", "55000"
};

/* The tenant of the transaction, from its seal on. */
typedef struct Account
{
	bool		is_open;
	bool		counts;			/* is what the transaction uses counted? */
	SharedTenant tenant;		/* kept after the transaction, for tenant_of_report */
	TimestampTz ended_in;		/* the start of the statement in which it ended; 0 if the last transaction had no account */
	int64		start[TENANT_COUNTERS];
	int64		end[TENANT_COUNTERS];
	bool		was_last;		/* is "end" that of the session's last transaction? */
} Account;

static bool setting_track_tenants = true;
static int	setting_stat_max = 5000;
bool		setting_log_tenant = false;

static void add_usage(void *value, const void *counted, bool is_new);

SharedTable tenant_usage = {
	.key_size = sizeof(SharedTenant),
	.value_size = sizeof(TenantUsage),
	.max_entries = &setting_stat_max,
	.add = add_usage,
	.max_pending = 8
};

static Account account;

/* In the leader of parallel workers: can they attach to shared memory?  Copied to them, as an int since it is a GUC. */
static int	leader_counts = 0;

/* ----------------------------------------------------------------
 *		Readings
 * ----------------------------------------------------------------
 */

/* How long this session has been idle in transactions, in microseconds; it counts while track_activities is on. */
static int64
idle_time(TimestampTz now)
{
	int64		idle = pgStatTransactionIdleTime;

	if (MyBEEntry != NULL && MyBEEntry->st_state == STATE_IDLEINTRANSACTION)
		idle += now - MyBEEntry->st_state_start_timestamp;
	return idle;
}

static int64
microseconds(struct timeval time)
{
	return time.tv_sec * INT64CONST(1000000) + time.tv_usec;
}

/* A backend has one thread. Of a thread alone, Linux says it in half the time. */
#ifdef RUSAGE_THREAD
#define RUSAGE_BACKEND RUSAGE_THREAD
#else
#define RUSAGE_BACKEND RUSAGE_SELF
#endif

static void
read_processor_time(int64 *counters)
{
	struct rusage usage;

	if (getrusage(RUSAGE_BACKEND, &usage) != 0)
		return;
	counters[COUNT_USER_TIME] = microseconds(usage.ru_utime);
	counters[COUNT_SYSTEM_TIME] = microseconds(usage.ru_stime);
}

/* Reads what this process has used up to now, but for processor time. */
static void
read_counters(int64 *counters, TimestampTz now)
{
	counters[COUNT_STATEMENTS] = client_statements;
	counters[COUNT_TOTAL_TIME] = now;
	counters[COUNT_ACTIVE_TIME] = now - idle_time(now);
	counters[COUNT_BLOCKS_HIT] = pgBufferUsage.shared_blks_hit;
	counters[COUNT_BLOCKS_READ] = pgBufferUsage.shared_blks_read;
	counters[COUNT_BLOCKS_DIRTIED] = pgBufferUsage.shared_blks_dirtied;
	counters[COUNT_TEMP_BLOCKS_WRITTEN] = pgBufferUsage.temp_blks_written;
	counters[COUNT_WAL_RECORDS] = pgWalUsage.wal_records;
	counters[COUNT_WAL_BYTES] = pgWalUsage.wal_bytes;
}

/* ----------------------------------------------------------------
 *		Transactions
 * ----------------------------------------------------------------
 */

/* See SharedTable. */
static void
add_usage(void *value, const void *counted, bool is_new)
{
	TenantUsage *sum = value;
	const TenantUsage *usage = counted;

	if (is_new)
		sum->since = usage->last_active;
	for (int i = 0; i < TENANT_COUNTERS; i++)
		sum->counters[i] += usage->counters[i];
	sum->last_active = Max(sum->last_active, usage->last_active);
}

/*
 * To ask for the processor time takes longer than all else that is counted.  So it
 * is asked for once in a transaction: where the last transaction was counted, its
 * end is where this one begins.
 */
static void
read_processor_time_at_start(void)
{
	if (!account.was_last)
		read_processor_time(account.start);
	else
	{
		account.start[COUNT_USER_TIME] = account.end[COUNT_USER_TIME];
		account.start[COUNT_SYSTEM_TIME] = account.end[COUNT_SYSTEM_TIME];
	}
}

static void
open_account(const TenantValue *tenant)
{
	TenantValue named;
	const NamingSource *source = find_named_tenant(last_type_of_tenants, &named).source;
	TimestampTz now = GetCurrentTimestamp();

	make_shared_tenant(&account.tenant, tenant);
	account.is_open = true;
	account.counts = setting_track_tenants && (!IsParallelWorker() || leader_counts != 0) && attach_shared_memory();
	if (!account.counts)
		return;
	leader_counts = 1;
	reserve_pending(&tenant_usage);
	show_session_tenant(&account.tenant, source != NULL ? name_of_source(source) : "", now);
	read_counters(account.start, now);
	read_processor_time_at_start();
}

/* Counts what was used since the account was opened; returns what is pending of its tenant. */
static TenantUsage *
settle_account(void)
{
	TimestampTz now = GetCurrentTimestamp();
	TenantUsage *usage = pending_value(&tenant_usage, &account.tenant);

	read_counters(account.end, now);
	read_processor_time(account.end);
	account.was_last = true;
	for (int i = 0; i < COUNT_REFUSALS; i++)
		usage->counters[i] += Max(account.end[i] - account.start[i], 0);
	usage->last_active = now;
	return usage;
}

/* A worker is started for one query. */
static void
settle_worker(void)
{
	TenantUsage *usage = pending_value(&tenant_usage, &account.tenant);

	read_processor_time(usage->counters);
	usage->last_active = GetCurrentTimestamp();
}

static void
end_account(XactEvent event)
{
	account.is_open = false;
	account.was_last = false;
	account.ended_in = GetCurrentStatementStartTimestamp();
	if (!account.counts)
		return;
	if (event == XACT_EVENT_PARALLEL_COMMIT || event == XACT_EVENT_PARALLEL_ABORT)
		settle_worker();
	else
		settle_account()->counters[event == XACT_EVENT_ABORT ? COUNT_ROLLBACKS : COUNT_COMMITS]++;
	hide_session_tenant();
}

static void
at_transaction_end(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_PRE_COMMIT || event == XACT_EVENT_PARALLEL_PRE_COMMIT || event == XACT_EVENT_PRE_PREPARE)
		return;
	if (account.is_open)
	{
		end_account(event);
		return;
	}
	account.ended_in = 0;
	account.was_last = false;
}

/* A SealCallback. */
static void
at_seal(const TenantValue *tenant)
{
	if (account.is_open && account.counts)
	{
		(void) settle_account();
		hide_session_tenant();
	}
	account.is_open = false;
	if (setting_track_tenants || setting_log_tenant)
		open_account(tenant);
}

/* ----------------------------------------------------------------
 *		Refusals
 * ----------------------------------------------------------------
 */

static int
counter_of_state(int sqlstate)
{
	for (int i = 0; i < COUNTED_REFUSALS; i++)
		if (strcmp(unpack_sql_state(sqlstate), refusal_states[i]) == 0)
			return COUNT_REFUSALS + i;
	return -1;
}

/* Returns the tenant that is set, if a transaction is running and none is sealed; it is valid in it. */
static bool
tenant_is_named(TenantValue *value)
{
	return MyProc != NULL && IsTransactionState() &&
		find_named_tenant(last_type_of_tenants, value).verdict == NAMES_TENANT;
}

/*
 * A RefusalCallback.  A refusal is counted for the tenant that the transaction
 * uses, or else for the one that is set, or for none: a row of its own.
 */
static void
at_refusal(int sqlstate)
{
	int			counter = setting_track_tenants ? counter_of_state(sqlstate) : -1;
	SharedTenant tenant;
	TenantValue value;
	TenantUsage *usage;

	if (counter < 0 || !OidIsValid(MyDatabaseId) || tenant_is_on_trial() || (IsParallelWorker() && !account.counts))
		return;
	if (account.is_open)
		tenant = account.tenant;
	else
		make_shared_tenant(&tenant, tenant_is_named(&value) ? &value : NULL);
	usage = pending_value(&tenant_usage, &tenant);
	usage->counters[counter]++;
	usage->last_active = GetCurrentTimestamp();
}

/* ----------------------------------------------------------------
 *		The server log
 * ----------------------------------------------------------------
 */

/*
 * Returns the tenant that a line of the server log is about, or NULL: that of the
 * transaction or, after its end, of the one that the same statement ran in, such
 * as for the line that says how long it took.  Raises no error.
 */
const char *
tenant_of_report(void)
{
	static TenantValue value;
	static char buf[TENANT_CANONICAL_SIZE];

	if (account.is_open)
		return account.tenant.name;
	if (IsTransactionState())
		return tenant_is_named(&value) ? tenant_canonical(&value, buf) : NULL;
	if (account.ended_in != 0 && (account.ended_in == GetCurrentStatementStartTimestamp() || IsAbortedTransactionBlockState()))
		return account.tenant.name;
	return NULL;
}

/* ----------------------------------------------------------------
 *		Settings
 * ----------------------------------------------------------------
 */

/* Must be called once, by _PG_init, before MarkGUCPrefixReserved. */
void
define_monitoring_settings(void)
{
	DefineCustomBoolVariable("tenant_guard.track_tenants",
							 "Counts what each tenant's transactions use, and shows the tenant of each session.",
							 NULL,
							 &setting_track_tenants,
							 true,
							 PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomBoolVariable("tenant_guard.log_tenant",
							 "Names the tenant of the transaction in lines of the server log.",
							 NULL,
							 &setting_log_tenant,
							 false,
							 PGC_SUSET, 0, NULL, NULL, NULL);
	define_shared_size("tenant_guard.stat_max",
					   "Sets the maximum number of tenants for which statistics are kept.",
					   &setting_stat_max, 5000, 100, 1000000);
	define_leader_setting("tenant_guard.leader_counts", &leader_counts);
}

/* Must be called once, by _PG_init. */
void
init_tenant_usage(void)
{
	add_shared_table(&tenant_usage);
	call_at_seal(at_seal);
	call_at_refusal(at_refusal);
	RegisterXactCallback(at_transaction_end, NULL);
}
