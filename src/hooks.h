/*-------------------------------------------------------------------------
 *
 * hooks.h
 *	  Installs and chains every hook; each calls one verdict above.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_HOOKS_H
#define TENANT_GUARD_HOOKS_H

extern void install_hooks(void);

#endif							/* TENANT_GUARD_HOOKS_H */
