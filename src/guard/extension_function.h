/*-------------------------------------------------------------------------
 *
 * extension_function.h
 *	  Which functions are this extension's own.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_EXTENSION_FUNCTION_H
#define TENANT_GUARD_EXTENSION_FUNCTION_H

#define EXTENSION_NAME		"tenant_guard"
/* the schema of what is not to be called by hand; the rest is in one of the extension's name */
#define INTERNAL_SCHEMA		"tenant_guard_internal"

typedef enum ExtensionFunction
{
	EXTENSION_NONE,					/* the function is not ours */
	EXTENSION_GETTER,					/* current_tenant() and its like */
	EXTENSION_GUARDED,				/* guarded(), which is always true */
	EXTENSION_KEY_CHECK,				/* check_key_action(), check_tenant_kept(), in plans of foreign keys' actions */
	EXTENSION_OTHER
} ExtensionFunction;

extern void init_extension_functions(void);
extern ExtensionFunction extension_function(Oid funcid);

#endif							/* TENANT_GUARD_EXTENSION_FUNCTION_H */
