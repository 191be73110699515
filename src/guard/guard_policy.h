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

/* What the policies of a table are. */
typedef struct PolicyFacts
{
	bool		any;			/* the table has policies */
	AttrNumber	column;			/* tenant column, if tenant_isolation is as protect() creates it; else 0 */
	bool		isolation;		/* there is a policy named tenant_isolation */
	bool		isolation_permissive;	/* and it is permissive, with an expression that is not a guard's */
	bool		access;			/* there is a policy named tenant_access */
	bool		access_is_ours; /* and it is as protect() creates it */
	bool		permissive;		/* there is a permissive policy */
	bool		trace;			/* some policy is a guard's, or was one before it was altered */
	List	   *own;			/* the names of those policies, as char *; palloc'd */
} PolicyFacts;

extern Node *strip_relabel(Node *node);
extern bool is_getter(const Node *node);
extern AttrNumber tenant_qual_column(Node *qual, Index rti);
extern bool calls_getter(Node *expression);
extern bool is_access_qual(Node *qual);
extern PolicyFacts policies_of(Oid relid);
extern Oid	table_of_isolation_policy(Oid policyid);
extern Oid	table_of_guard_policy(Oid policyid);

#endif							/* TENANT_GUARD_GUARD_POLICY_H */
