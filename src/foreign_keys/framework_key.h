/*-------------------------------------------------------------------------
 *
 * framework_key.h
 *	  Which foreign keys are a framework's, by their names.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_FRAMEWORK_KEY_H
#define TENANT_GUARD_FRAMEWORK_KEY_H

extern char *companion_name(const char *key);

#endif							/* TENANT_GUARD_FRAMEWORK_KEY_H */
