/*-------------------------------------------------------------------------
 *
 * function_hook.h
 *	  The function manager's hook: what our statements, and foreign keys', call.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_FUNCTION_HOOK_H
#define TENANT_GUARD_FUNCTION_HOOK_H

extern void install_function_hook(void);

#endif							/* TENANT_GUARD_FUNCTION_HOOK_H */
