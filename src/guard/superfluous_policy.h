/*-------------------------------------------------------------------------
 *
 * superfluous_policy.h
 *	  Recognises an application's policies that say no more than a guard does.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_SUPERFLUOUS_POLICY_H
#define TENANT_GUARD_SUPERFLUOUS_POLICY_H

#include "access/attnum.h"
#include "nodes/pg_list.h"

/* A policy that says no more than the guard; palloc'd. */
typedef struct SuperfluousPolicy
{
	char	   *name;
	bool		permissive;
	bool		has_qual;
	bool		has_check;
	char	   *statement;		/* that creates it */
} SuperfluousPolicy;

/* Those of a table, and what the others are. */
typedef struct SuperfluousPolicies
{
	List	   *policies;		/* of SuperfluousPolicy */
	bool		access;			/* tenant_access, or these policies, let every role run every command */
	bool		others;			/* there are other permissive policies */
} SuperfluousPolicies;

extern SuperfluousPolicies superfluous_policies(Oid relid, AttrNumber column);

#endif							/* TENANT_GUARD_SUPERFLUOUS_POLICY_H */
