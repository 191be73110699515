/*-------------------------------------------------------------------------
 *
 * guard.h
 *	  Which tables are guarded, by which column, and what a guard lacks.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_GUARD_H
#define TENANT_GUARD_GUARD_H

#include "access/attnum.h"

#include "settings.h"

typedef enum GuardStatus
{
	GUARD_NONE,					/* nothing of a guard is there */
	GUARD_DAMAGED,				/* a part is there and another is not */
	GUARD_WHOLE
} GuardStatus;

/* A verdict on one table; a value, nothing in it needs freeing. */
typedef struct Guard
{
	GuardStatus status;
	AttrNumber	attnum;			/* tenant column; 0 where the policy is not ours */
	const char *damage;			/* a clause that says what is missing, or NULL */
} Guard;

extern void init_guard_cache(void);
extern Guard guard_of(Oid relid);

#endif							/* TENANT_GUARD_GUARD_H */
