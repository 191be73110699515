/*-------------------------------------------------------------------------
 *
 * guard_policy.h
 *	  Recognises the policies of a guard.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_GUARD_POLICY_H
#define TENANT_GUARD_GUARD_POLICY_H

#include "access/attnum.h"
#include "nodes/pg_list.h"

#define ISOLATION_POLICY	"tenant_isolation"
#define ACCESS_POLICY		"tenant_access"

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

extern Node *strip_relabel(Node *node);
extern bool is_getter(const Node *node);
extern AttrNumber tenant_qual_column(Node *qual, Index rti);
extern bool calls_getter(Node *expression);
extern bool is_access_qual(Node *qual);
extern PolicyFacts policies_of(Oid relid);
extern Oid	table_of_isolation_policy(Oid policyid);

#endif							/* TENANT_GUARD_GUARD_POLICY_H */
