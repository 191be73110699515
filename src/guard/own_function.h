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

typedef enum OwnFunction
{
	OWN_NONE,					/* the function is not ours */
	OWN_GETTER,					/* current_tenant() and its like */
	OWN_GUARDED,				/* guarded(), which is always true */
	OWN_KEY_CHECK,				/* check_key_action(), check_tenant_kept(), in plans of foreign keys' actions */
	OWN_OTHER
} OwnFunction;

extern void init_own_functions(void);
extern OwnFunction own_function(Oid funcid);

#endif							/* TENANT_GUARD_OWN_FUNCTION_H */
