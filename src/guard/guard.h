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

#include "guard_policy.h"
#include "settings.h"

typedef enum GuardStatus
{
	GUARD_NONE,					/* the table has no policy of a guard */
	GUARD_DAMAGED,				/* some parts of a guard are missing */
	GUARD_WHOLE
} GuardStatus;

/* The guard of one table; nothing in it is palloc'd. */
typedef struct Guard
{
	GuardStatus status;
	GuardShape	shape;			/* of a damaged one: the shape that it has most likely lost */
	AttrNumber	attnum;			/* tenant column; 0 if tenant_isolation is missing or altered */
	const char *damage;			/* of a damaged one: a clause that says what is missing; else NULL */
} Guard;

extern void init_guard_cache(void);
extern Guard guard_of(Oid relid);
extern bool has_rows_of_everyone(Oid relid);
extern uint64 guard_invalidations(void);

#endif							/* TENANT_GUARD_GUARD_H */
