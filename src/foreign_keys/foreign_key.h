/*-------------------------------------------------------------------------
 *
 * foreign_key.h
 *	  Foreign keys between guarded tables: what they say, and whether they
 *	  carry the tenant.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_FOREIGN_KEY_H
#define TENANT_GUARD_FOREIGN_KEY_H

#include "access/attnum.h"
#include "nodes/pg_list.h"
#include "pg_config_manual.h"

typedef enum KeyKind
{
	KEY_IRRELEVANT,				/* no guarded table is affected, or a label says that the child is not guarded */
	KEY_FROM_UNGUARDED,			/* the child is not guarded, the parent is */
	KEY_CASCADES_FROM_UNGUARDED,	/* the parent is not guarded, and the key acts on any tenant's rows of the child */
	KEY_CARRIES_TENANT,			/* tenant column references tenant column */
	KEY_TO_TENANT_COLUMN,		/* its only column is not the tenant column, and references the tenant column */
	KEY_CROSSES_TENANTS,		/* one of several columns does so: the key references any tenant's row */
	KEY_HAS_COMPANION,			/* its companion carries the tenant (companion_key.c) */
	KEY_TO_ROWS_OF_EVERYONE,	/* may reference another tenant's row, and is not paired, since it may reference everyone's too */
	KEY_IS_CHECKED,				/* the same, but triggers beside it forbid that (reference_trigger.c) */
	KEY_LEAVES_ROWS_OF_EVERYONE,	/* carries the tenant, but is not checked where that is null; no CHECK forbids such references */
	KEY_GIVES_TO_EVERYONE,		/* its action sets the tenant column, and so may make a tenant's rows everyone's */
	KEY_UNPAIRED				/* may reference another tenant's row */
} KeyKind;

/* A foreign key as it was when it was read from pg_constraint. */
typedef struct ForeignKey
{
	Oid			oid;
	char	   *name;			/* palloc'd, not quoted */
	KeyKind		kind;
	Oid			child;			/* the referencing table */
	Oid			parent;			/* the referenced one */
	AttrNumber	tenant;			/* tenant column of the child, or 0 */
	AttrNumber	parent_tenant;	/* tenant column of the parent, or 0 */
	int			ncolumns;
	AttrNumber	columns[INDEX_MAX_KEYS];	/* of the child */
	AttrNumber	referenced[INDEX_MAX_KEYS]; /* of the parent */
	Oid			operators[INDEX_MAX_KEYS];	/* parent = child */
	int			nset;			/* ON DELETE SET ... (columns); 0 for all */
	AttrNumber	set_columns[INDEX_MAX_KEYS];
	char		on_update;		/* FKCONSTR_ACTION_... */
	char		on_delete;
	char		match;			/* FKCONSTR_MATCH_... */
	bool		deferrable;
	bool		deferred;
	bool		validated;
	bool		enforced;
	bool		temporal;		/* the last column is a PERIOD */
	bool		made_now;		/* or changed, by this transaction */
} ForeignKey;

extern void find_companions(List *keys);
extern List *foreign_keys_from(Oid relid);
extern List *foreign_keys_of(Oid relid);
extern ForeignKey *key_to_tenants(Oid relid);
extern KeyKind kind_by_columns(const ForeignKey *key);
extern bool reaches_rows_of_everyone(const ForeignKey *key);
extern bool may_cross_tenants(const ForeignKey *key);
extern AttrNumber naming_column(const ForeignKey *key);
extern bool acts_on_child(char action);
extern Oid	root_constraint(Oid constraint);
extern Oid	table_of_key(Oid constraint);
extern bool has_tenant_beside(const ForeignKey *key, List *keys);
extern ForeignKey *companion_of(const ForeignKey *key, List *keys);
extern ForeignKey *foreign_key_of_command(Oid constraint);
extern char *only_table(Oid relid);
extern char *collation_name(Oid collation);
extern char *key_match(const ForeignKey *key, const char *child, const char *parent);
extern char *readable_sql(const char *sql);
extern char *key_references(const ForeignKey *key, bool paired);

#endif							/* TENANT_GUARD_FOREIGN_KEY_H */
