/*-------------------------------------------------------------------------
 *
 * preloading.h
 *	  How sessions can preload the library, and errors for those that did not.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_PRELOADING_H
#define TENANT_GUARD_PRELOADING_H

#include "compat.h"

extern const char *how_to_preload(void);
extern void check_may_load(void);
extern bool session_is_refused(void);
pg_noreturn extern void refuse_session(void);

#endif							/* TENANT_GUARD_PRELOADING_H */
