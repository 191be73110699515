/*-------------------------------------------------------------------------
 *
 * executor_hooks.h
 *	  The executor's hooks: what is different while a plan runs that has guarded tables.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_EXECUTOR_HOOKS_H
#define TENANT_GUARD_EXECUTOR_HOOKS_H

extern void install_executor_hooks(void);

#endif							/* TENANT_GUARD_EXECUTOR_HOOKS_H */
