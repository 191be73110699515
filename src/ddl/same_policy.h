/*-------------------------------------------------------------------------
 *
 * same_policy.h
 *	  Skips CREATE POLICY for a policy that a guarded table already has.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_SAME_POLICY_H
#define TENANT_GUARD_SAME_POLICY_H

#include "nodes/nodes.h"

extern bool skips_same_policy(Node *stmt, const char *query_string);

#endif							/* TENANT_GUARD_SAME_POLICY_H */
