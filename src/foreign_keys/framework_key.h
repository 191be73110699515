/*-------------------------------------------------------------------------
 *
 * framework_key.h
 *	  Which foreign keys get companions, and the names of these.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_FRAMEWORK_KEY_H
#define TENANT_GUARD_FRAMEWORK_KEY_H

#include "nodes/pg_list.h"

extern bool is_framework_name(const char *key);
extern bool gets_companion(const char *key);
extern bool is_companion_name(const char *name, const char *key);
extern char *unused_companion_name(Oid child, const char *key, List *taken);

#endif							/* TENANT_GUARD_FRAMEWORK_KEY_H */
