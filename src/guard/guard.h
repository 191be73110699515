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
#include "nodes/pg_list.h"

#include "own_function.h"
#include "settings.h"

#define ISOLATION_POLICY	"tenant_isolation"
#define ACCESS_POLICY		"tenant_access"
#define NOT_NULL_CHECK		"tenant_not_null"

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

/* What the policies of a table say. */
typedef struct PolicyFacts
{
	bool		any;			/* there are policies */
	AttrNumber	column;			/* of a whole tenant_isolation, or 0 */
	bool		isolation;		/* a policy tenant_isolation is there */
	bool		isolation_permissive;	/* and is permissive, with another expression: not ours */
	bool		access;			/* a policy tenant_access is there */
	bool		access_is_ours; /* and is as protect() makes it */
	bool		permissive;		/* some permissive policy is there */
	bool		trace;			/* some policy is ours, or was before it was altered */
	List	   *own;			/* the names of those; palloc'd */
} PolicyFacts;

extern void init_guard_cache(void);
extern Guard guard_of(Oid relid);
extern PolicyFacts policies_of(Oid relid);
extern Oid	table_of_isolation_policy(Oid policyid);
extern bool has_not_null_check(Oid relid, AttrNumber attnum);
extern bool column_has_not_null(Oid relid, AttrNumber attnum, bool validated);
extern bool column_is_not_null(Oid relid, AttrNumber attnum, bool validated);
extern Node *strip_relabel(Node *node);
extern AttrNumber tenant_qual_column(Node *qual, Index rti);
extern bool is_getter(const Node *node);
extern bool is_access_qual(Node *qual);
extern bool calls_getter(Node *expression);
extern char *relation_name(Oid relid);
extern Oid	object_owner(Oid catalog, Oid object);
extern bool has_column(Oid relid, const char *name);
extern List *ancestors_of(Oid relid);

#endif							/* TENANT_GUARD_GUARD_H */
