/*-------------------------------------------------------------------------
 *
 * tenant_usage.h
 *	  Counts what each tenant's transactions use.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_TENANT_USAGE_H
#define TENANT_GUARD_TENANT_USAGE_H

#include "datatype/timestamp.h"

#include "shared_table.h"
#include "shared_tenant.h"

/* How many SQLSTATEs are counted; see refusal_states. */
#define COUNTED_REFUSALS 13

/* What is counted; times are in microseconds. */
typedef enum TenantCounter
{
	COUNT_COMMITS,
	COUNT_ROLLBACKS,
	COUNT_STATEMENTS,
	COUNT_TOTAL_TIME,
	COUNT_ACTIVE_TIME,
	COUNT_USER_TIME,			/* of processors */
	COUNT_SYSTEM_TIME,
	COUNT_BLOCKS_HIT,
	COUNT_BLOCKS_READ,
	COUNT_BLOCKS_DIRTIED,
	COUNT_TEMP_BLOCKS_WRITTEN,
	COUNT_WAL_RECORDS,
	COUNT_WAL_BYTES,
	COUNT_REFUSALS				/* the first of COUNTED_REFUSALS; must be last */
} TenantCounter;

#define TENANT_COUNTERS (COUNT_REFUSALS + COUNTED_REFUSALS)

/* What a tenant has used: the value of a row of "tenant_usage", whose keys are SharedTenants. */
typedef struct TenantUsage
{
	int64		counters[TENANT_COUNTERS];
	TimestampTz last_active;	/* the end of the last transaction */
	TimestampTz since;			/* when the row was made */
} TenantUsage;

extern bool setting_log_tenant;
extern const char *const refusal_states[COUNTED_REFUSALS];
extern SharedTable tenant_usage;

extern void define_monitoring_settings(void);
extern void init_tenant_usage(void);
extern const char *tenant_of_report(void);

#endif							/* TENANT_GUARD_TENANT_USAGE_H */
