/*-------------------------------------------------------------------------
 *
 * table_change.h
 *	  What a DDL command did to a table, and which invariants it may break.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_TABLE_CHANGE_H
#define TENANT_GUARD_TABLE_CHANGE_H

#include "nodes/pg_list.h"
#include "tcop/deparse_utility.h"

/* What a command, or an action of ALTER TABLE, may have done: bits of TableChange.actions. */
typedef enum ChangeAction
{
	MAKES_TABLE = 1 << 0,
	NAMES_RELATION = 1 << 1,	/* the relation is new, or has a new name */
	DROPS_ON_COMMIT = 1 << 2,	/* the new table is ON COMMIT DROP */
	BRINGS_TENANT_COLUMN = 1 << 3,	/* the table may have to be guarded now */
	NAMES_TENANT_COLUMN = 1 << 4,	/* ... since a column of that name was added, or renamed to it */
	RENEWS_COLUMN = 1 << 5,		/* changed a generation expression or added an identity */
	WRITES_ROWS = 1 << 6,
	CHANGES_OWNER = 1 << 7,
	COMPLETES_GUARD = 1 << 8,	/* may have completed a guard made by hand; not in a script of pg_dump */
	SETS_NOT_NULL = 1 << 9,
	ADDS_KEY = 1 << 10,			/* a foreign key */
	ALTERS_KEY = 1 << 11,		/* dropped or renamed a constraint */
	UNENFORCES_KEY = 1 << 12,	/* made a constraint NOT ENFORCED */
	SEPARATES_COMPANION = 1 << 13,	/* may have made a foreign key differ from its companion */
	ALTERS_POLICY = 1 << 14,	/* altered a tenant_isolation of ours */
	JOINS_PARENT = 1 << 15,		/* put partitions or children below a parent */
	LEAVES_PARENT = 1 << 16,	/* took them away from it */
	STORES_EXPRESSION = 1 << 17,	/* which may compare a tenant as text */
	MAKES_TRIGGER = 1 << 18,
	MAKES_CAST = 1 << 19,
	RENAMES_SCHEMA = 1 << 20,
	LABELS_TABLE = 1 << 21,
	DISABLES_TRIGGER = 1 << 22, /* made a trigger of a user not fire */
	VALIDATES_KEY = 1 << 23		/* or another constraint */
} ChangeAction;

/* What one collected command may have done to an object, and to a relation and what inherits from it. */
typedef struct TableChange
{
	int			actions;		/* of ChangeAction */
	int			breaks;			/* invariants that may not hold now (invariant.h) */
	Oid			object;			/* the command's object; InvalidOid for ALTER TABLE */
	Oid			relid;			/* the relation that is changed, or InvalidOid */
	List	   *gained;			/* NAMES_TENANT_COLUMN: the columns' names, char * */
	List	   *renewed;		/* RENEWS_COLUMN: the columns' names, char * */
	List	   *unenforced;		/* UNENFORCES_KEY: the constraints' names, char * */
	List	   *joined;			/* JOINS_PARENT: OIDs of partitions or children */
	List	   *left;			/* LEAVES_PARENT: the same; relid itself for NO INHERIT */
} TableChange;

/* An object that a statement has dropped. */
typedef struct DroppedObject
{
	Oid			catalog;		/* the one that had its row */
	Oid			oid;			/* of a column, the table's */
	bool		is_column;
	bool		original;		/* named by the statement */
	bool		normal;			/* dropped since a normal dependency leads to one that was named */
} DroppedObject;

extern TableChange read_change(const CollectedCommand *cmd);
extern bool stores_expressions(const CollectedCommand *cmd);
extern List *collected_commands(void);
extern List *dropped_objects(void);

#endif							/* TENANT_GUARD_TABLE_CHANGE_H */
