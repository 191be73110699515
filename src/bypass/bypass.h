/*-------------------------------------------------------------------------
 *
 * bypass.h
 *	  How the user opted in to bypassing isolation, and the log.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_BYPASS_H
#define TENANT_GUARD_BYPASS_H

#include "nodes/pg_list.h"

extern const char *bypass_reason(Oid check_as_user);
extern const char *bypass_reason_outside(void);
extern void log_bypass(const char *what, const char *reason);
extern void log_bypass_outside(const char *what, const char *reason);
extern bool weakening_is_allowed(Oid relid);
extern bool leader_has_logged(void);
extern void log_bypassed_relations(List *relids, const char *reason);

#endif							/* TENANT_GUARD_BYPASS_H */
