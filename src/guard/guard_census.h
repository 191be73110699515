/*-------------------------------------------------------------------------
 *
 * guard_census.h
 *	  Counts guarded tables by their owner, tenant column and type.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_GUARD_CENSUS_H
#define TENANT_GUARD_GUARD_CENSUS_H

#include "access/attnum.h"
#include "nodes/pg_list.h"

#include "tenant_type.h"

/* What a guarded table is counted as.  All of it is a hash key, padding included. */
typedef struct GuardKind
{
	Oid			owner;
	TenantType	type;			/* which the getter that its policy calls returns */
	NameData	column;
} GuardKind;

/* How many tables there are of a kind; at least one. */
typedef struct GuardCount
{
	GuardKind	kind;			/* hash key */
	int64		tables;
} GuardCount;

extern void init_guard_census(void);
extern bool is_key_alone(Oid relid, AttrNumber attnum);
extern bool counted_as(Oid relid, GuardKind *kind);
extern List *guard_counts(void);

#endif							/* TENANT_GUARD_GUARD_CENSUS_H */
