/*-------------------------------------------------------------------------
 *
 * guard_policy.h
 *	  Writes and recognises the policies of a guard.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_GUARD_POLICY_H
#define TENANT_GUARD_GUARD_POLICY_H

#include "access/attnum.h"
#include "nodes/pg_list.h"

#define ISOLATION_POLICY	"tenant_isolation"
#define ACCESS_POLICY		"tenant_access"

/* Where rows of everyone are seen and not written, ISOLATION_POLICY is FOR SELECT, and these are beside it. */
#define INSERT_POLICY		"tenant_isolation_inserts"
#define UPDATE_POLICY		"tenant_isolation_updates"
#define DELETE_POLICY		"tenant_isolation_deletes"

/* How the restrictive policies of a table keep tenants apart; each shape from SHAPE_TENANT_COLUMN on has rows in guard_policy.c. */
typedef enum GuardShape
{
	SHAPE_NONE,					/* no policy is a guard's, or was one */
	SHAPE_TO_MEND,				/* some are, but they are merely permissive, altered, or not all of a shape's */
	SHAPE_TENANT_COLUMN,		/* a row's tenant is the value of its tenant column */
	SHAPE_OWN_OR_SHARED			/* a row whose tenant column is null is everyone's: all tenants see it, and none writes it */
} GuardShape;

/* A policy, as it is stored or as a statement would make it.  The table has range-table index 1 in its expressions. */
typedef struct PolicyForm
{
	const char *name;
	char		command;		/* as in pg_policy.polcmd */
	bool		permissive;
	bool		for_public;		/* TO PUBLIC alone */
	Node	   *qual;			/* or NULL, as check */
	Node	   *check;
} PolicyForm;

/* A policy, TO PUBLIC, that is to be created; the expressions are texts, or NULL. */
typedef struct PolicyText
{
	const char *name;
	bool		permissive;
	char		command;		/* as in pg_policy.polcmd */
	const char *command_name;
	const char *qual;
	const char *check;
} PolicyText;

/* What the policies of a table are; what is palloc'd is in the current memory context. */
typedef struct PolicyFacts
{
	bool		any;			/* the table has policies */
	GuardShape	shape;
	GuardShape	was;			/* of a shape to mend: the one that it has most likely lost */
	const char *damage;			/* of a shape to mend: a clause that says what is missing, not palloc'd */
	AttrNumber	column;			/* tenant column; 0 if the table has no shape, or one to mend */
	uint32		found;			/* a bit for each row of guard_policies that a policy is; private to guard_policy.c */
	List	   *altered;		/* policies that have the name of one of a guard, but are not as protect() creates it */
	List	   *taken;			/* such policies that were never a guard's: they are permissive, with another expression */
	bool		access;			/* there is a policy named tenant_access */
	bool		access_is_ours; /* and it is as protect() creates it */
	bool		access_is_full; /* and for every command and role */
	bool		others;			/* there is a policy that is neither a guard's, as in "own", nor access to all */
	bool		permissive;		/* there is a permissive policy */
	List	   *own;			/* policies that are a guard's, or were one before they were altered */
} PolicyFacts;

extern Node *strip_relabel(Node *node);
extern bool is_getter(const Node *node);
extern AttrNumber tenant_qual_column(Node *qual, Index rti);
extern bool calls_getter(Node *expression);
extern bool is_access_qual(Node *qual);
extern PolicyFacts policies_of(Oid relid);
extern AttrNumber shared_qual_column(Node *qual, Index rti);
extern bool is_isolation_policy_name(const char *name);
extern bool names_isolation_policy(const char *message);
extern const char *policy_of_new_rows(GuardShape shape);
extern bool is_policy_of_shape(const char *name, GuardShape shape);
extern List *policies_of_other_shapes(const PolicyFacts *facts, GuardShape shape);
extern bool is_isolation_policy(const PolicyForm *policy, GuardShape shape, AttrNumber column);
extern List *missing_policies(const PolicyFacts *facts, GuardShape shape, const char *column, const char *tenant);
extern PolicyText *access_policy(void);
extern char *policy_statement(const PolicyText *policy, const char *relation);
extern Oid	table_of_isolation_policy(Oid policyid);
extern Oid	table_of_guard_policy(Oid policyid);

#endif							/* TENANT_GUARD_GUARD_POLICY_H */
