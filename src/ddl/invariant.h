/*-------------------------------------------------------------------------
 *
 * invariant.h
 *	  The invariants of guarded tables, which hold after every statement.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_INVARIANT_H
#define TENANT_GUARD_INVARIANT_H

#include "nodes/pg_list.h"

/* Bits, so that a statement can name those that it may have broken. */
typedef enum Invariant
{
	INVARIANT_GUARD_COMPLETE = 1,	/* a guard is not damaged */
	INVARIANT_DESCENDANTS_GUARDED = 2,	/* partitions and children of a guarded table are guarded, by the same column */
	INVARIANT_ANCESTORS_GUARDED = 4,	/* the ancestors of a guarded table are guarded */
	INVARIANT_KEYS_CARRY_TENANT = 8 /* a foreign key between guarded tables carries the tenant */
} Invariant;

#define INVARIANTS_OF_HIERARCHY (INVARIANT_DESCENDANTS_GUARDED | INVARIANT_ANCESTORS_GUARDED)
#define ALL_INVARIANTS (INVARIANT_GUARD_COMPLETE | INVARIANTS_OF_HIERARCHY | INVARIANT_KEYS_CARRY_TENANT)

/* An invariant that does not hold; palloc'd with what it points to. */
typedef struct BrokenInvariant
{
	Invariant	invariant;
	Oid			relid;			/* the table of which it does not hold */
	Oid			other;			/* the ancestor, or the table that a key references; or InvalidOid */
	char	   *detail;			/* a clause that says what holds instead, its subject the table */
	const char *key;			/* the name of a foreign key, not quoted; or NULL */
} BrokenInvariant;

extern List *broken_invariants(Oid relid, int which);

#endif							/* TENANT_GUARD_INVARIANT_H */
