/*-------------------------------------------------------------------------
 *
 * own_function.h
 *	  Which functions are this extension's own.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_OWN_FUNCTION_H
#define TENANT_GUARD_OWN_FUNCTION_H

#define EXTENSION_NAME		"tenant_guard"

extern void init_own_functions(void);
extern bool is_own_function(Oid funcid, const char *prefix);

#endif							/* TENANT_GUARD_OWN_FUNCTION_H */
