/*-------------------------------------------------------------------------
 *
 * framework_key.h
 *	  Recognizes foreign keys of frameworks by their names.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_FRAMEWORK_KEY_H
#define TENANT_GUARD_FRAMEWORK_KEY_H

extern char *companion_name(const char *key);

#endif							/* TENANT_GUARD_FRAMEWORK_KEY_H */
