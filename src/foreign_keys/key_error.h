/*-------------------------------------------------------------------------
 *
 * key_error.h
 *	  Hides the DETAIL of errors in foreign keys' actions from users who may not
 *	  see the rows.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_KEY_ERROR_H
#define TENANT_GUARD_KEY_ERROR_H

extern void init_key_errors(void);
extern bool details_are_hidden(void);
extern bool raised_after_action(void);
extern void hide_detail(MemoryContext context);
extern void hide_detail_in_report(ErrorData *error);

#endif							/* TENANT_GUARD_KEY_ERROR_H */
