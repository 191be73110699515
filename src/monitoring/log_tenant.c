/*-------------------------------------------------------------------------
 *
 * log_tenant.c
 *	  Names the tenant in lines of the server log.
 *
 * No field of a log line is an extension's.  The DETAIL that is for the log only
 * is in all formats (stderr, syslog, csvlog, jsonlog), and is not sent to the
 * client.  So the tenant is its last line.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "utils/elog.h"

#include "log_tenant.h"
#include "tenant_usage.h"

/* For emit_log_hook. */
void
add_tenant_to_log(ErrorData *error)
{
	const char *tenant = setting_log_tenant ? tenant_of_report() : NULL;
	const char *detail = error->detail_log != NULL ? error->detail_log : error->detail;
	int			length;

	if (tenant == NULL)
		return;
	length = pg_mbcliplen(tenant, strlen(tenant), SHARED_TENANT_SIZE);
	error->detail_log = psprintf("%s%sTenant: %.*s", detail != NULL ? detail : "", detail != NULL ? "\n" : "", length, tenant);
}
