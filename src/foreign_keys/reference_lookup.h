/*-------------------------------------------------------------------------
 *
 * reference_lookup.h
 *	  The keys that the triggers of a table check, and the queries that they run.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_REFERENCE_LOOKUP_H
#define TENANT_GUARD_REFERENCE_LOOKUP_H

#include "access/attnum.h"
#include "executor/spi.h"
#include "pg_config_manual.h"

#include "reference_scan.h"
#include "reference_trigger.h"

/* A query on one table, which runs as its owner and returns no row or one column of one row. */
typedef struct Lookup
{
	Oid			relid;			/* the table */
	char	   *sql;
	int			nargs;
	Oid			types[INDEX_MAX_KEYS + 1];
	SPIPlanPtr	plan;			/* or NULL */
} Lookup;

/* The arguments of a Lookup, and what it has found. */
typedef struct LookupCall
{
	Lookup	   *lookup;
	Datum		values[INDEX_MAX_KEYS + 1];
	char		nulls[INDEX_MAX_KEYS + 1];
	uint64		ended;			/* how many transactions had ended when the snapshot was taken by which it has looked */
	bool		found;
	bool		isnull;
	Datum		value;			/* allocated in "caller" */
	Oid			type;
	MemoryContext caller;
} LookupCall;

/* A key of the table of a trigger that the trigger checks. */
typedef struct Reference
{
	Oid			key;
	Oid			child;
	Oid			parent;
	CheckTime	time;
	Oid			damaged;		/* a table of the key whose guard is damaged, or InvalidOid */
	int			ncolumns;
	AttrNumber	columns[INDEX_MAX_KEYS + 1];	/* of the table of the trigger, the tenant column last */
	ParentScan	scan;			/* of REFERENCING: the same as "parents", where it is usable */
	Lookup		parents;		/* of REFERENCING: a row that the row may reference; of REFERENCED: the tenant of the row */
	Lookup		others;			/* of REFERENCING: a row that it may not; of REFERENCED: a row of another tenant that references it */
} Reference;

extern List *references_of(Oid relid, ReferenceSide side);
extern void look_up(Lookup *lookup, LookupCall *call);
extern void begin_reference_checks(void);
extern void end_reference_checks(void);

#endif							/* TENANT_GUARD_REFERENCE_LOOKUP_H */
