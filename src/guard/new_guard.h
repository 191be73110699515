/*-------------------------------------------------------------------------
 *
 * new_guard.h
 *	  Writes the guard of a new table into the catalogs.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_NEW_GUARD_H
#define TENANT_GUARD_NEW_GUARD_H

#include "access/attnum.h"
#include "nodes/pg_list.h"

/* The guard of a table that has nothing of it yet, besides NOT NULL and a default perhaps. */
typedef struct NewGuard
{
	Oid			relid;
	AttrNumber	attnum;			/* tenant column */
	const char *column;			/* its name, not quoted */
	const char *default_value;	/* an expression, or NULL if it needs none */
	bool		not_null;		/* must it become NOT NULL?  No row has a null in it. */
	List	   *policies;		/* PolicyTexts */
} NewGuard;

extern bool is_new_and_alone(Oid relid, AttrNumber attnum, bool has_default);
extern void write_guard(const NewGuard *guard);

#endif							/* TENANT_GUARD_NEW_GUARD_H */
