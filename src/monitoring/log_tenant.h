/*
 * log_tenant.h: names the tenant in lines of the server log.
 */
#ifndef TENANT_GUARD_LOG_TENANT_H
#define TENANT_GUARD_LOG_TENANT_H

extern void add_tenant_to_log(ErrorData *error);

#endif							/* TENANT_GUARD_LOG_TENANT_H */
