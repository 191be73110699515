/*-------------------------------------------------------------------------
 *
 * table_change.h
 *	  What a DDL statement did to a table, and which invariants it may break.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_TABLE_CHANGE_H
#define TENANT_GUARD_TABLE_CHANGE_H

#include "nodes/pg_list.h"
#include "tcop/deparse_utility.h"

/* What one collected command may have done to a relation and its parts. */
typedef struct TableChange
{
	Oid			relid;
	int			breaks;			/* invariants that may not hold now (invariant.h) */
	bool		made;			/* the table is new */
	bool		named;			/* the relation is new, or has a new name */
	bool		brings_column;	/* may have brought the tenant column */
	bool		gains_column;	/* ... by its name: an added or renamed one */
	List	   *renewed;		/* the names of columns generated anew or numbered */
	bool		fills;			/* has written rows */
	bool		gives_away;		/* to another owner */
	bool		completes;		/* may have made a guard by hand, and not in a script of pg_dump */
	bool		forbids_null;	/* in some column */
	bool		adds_key;		/* a foreign key */
	bool		alters_key;		/* drops or renames a constraint */
	List	   *unenforced;		/* the names of constraints that are so now */
	bool		moves_keys;		/* may set a foreign key and its companion apart */
	bool		alters_policy;	/* altered a tenant_isolation of ours */
	List	   *joins;			/* parts that were put below another table */
	List	   *leaves;			/* parts that have left one */
} TableChange;

extern TableChange read_change(const CollectedCommand *cmd);

#endif							/* TENANT_GUARD_TABLE_CHANGE_H */
