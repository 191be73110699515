/*-------------------------------------------------------------------------
 *
 * key_error.h
 *	  Errors of foreign keys' actions do not show other tenants' rows.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_KEY_ERROR_H
#define TENANT_GUARD_KEY_ERROR_H

extern bool details_are_hidden(void);
extern void hide_detail(MemoryContext context);

#endif							/* TENANT_GUARD_KEY_ERROR_H */
