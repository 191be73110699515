/*-------------------------------------------------------------------------
 *
 * same_policy.c
 *	  Skips CREATE POLICY for a policy that a guarded table already has.
 *
 * Scripts of pg_dump --enable-row-security, which have row_security on, and the
 * statements that a distributed engine sends to its nodes, make a guard's policies
 * after its table.  The table is guarded when it is made, so that these statements
 * would fail.  They are skipped if the policy is identical to the guard's.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/namespace.h"
#include "nodes/parsenodes.h"
#include "parser/parse_clause.h"
#include "parser/parse_collate.h"
#include "parser/parse_node.h"
#include "parser/parse_relation.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "compat.h"
#include "guard.h"
#include "guard_policy.h"
#include "own_sql.h"
#include "same_policy.h"

/* Is the policy TO PUBLIC, as all policies of a guard are? */
static bool
is_for_public(const CreatePolicyStmt *stmt)
{
	return list_length(stmt->roles) == 1 && linitial_node(RoleSpec, stmt->roles)->roletype == ROLESPEC_PUBLIC;
}

/* Returns the command of a policy as pg_policy.polcmd has it. */
static char
policy_command(const CreatePolicyStmt *stmt)
{
	static const char *const names[] = {"all", "select", "insert", "update", "delete"};

	for (int i = 0; i < lengthof(names); i++)
		if (strcmp(stmt->cmd_name, names[i]) == 0)
			return "*rawd"[i];
	return '\0';
}

/* Transforms an expression as CREATE POLICY does, or NULL; the table has range-table index 1. */
static Node *
policy_clause(Relation rel, Node *clause, const char *query_string)
{
	ParseState *pstate;
	ParseNamespaceItem *nsitem;
	Node	   *qual;

	if (clause == NULL)
		return NULL;
	pstate = make_parsestate(NULL);
	pstate->p_sourcetext = query_string;
	nsitem = addRangeTableEntryForRelation(pstate, rel, AccessShareLock, NULL, false, false);
	addNSItemToQuery(pstate, nsitem, false, true, true);
	qual = transformWhereClause(pstate, copyObject(clause), EXPR_KIND_POLICY, "POLICY");
	assign_expr_collations(pstate, qual);
	free_parsestate(pstate);
	return qual;
}

static bool
is_same_policy(const CreatePolicyStmt *stmt, Relation rel, const char *query_string)
{
	Guard		guard = guard_of(RelationGetRelid(rel));
	PolicyForm	policy = {
		stmt->policy_name, policy_command(stmt), stmt->permissive, is_for_public(stmt),
		policy_clause(rel, stmt->qual, query_string), policy_clause(rel, stmt->with_check, query_string)
	};

	if (guard.status != GUARD_WHOLE)
		return false;
	if (strcmp(stmt->policy_name, ACCESS_POLICY) == 0)
		return policy.permissive && policy.command == '*' && policy.for_public && policy.check == NULL &&
			policies_of(RelationGetRelid(rel)).access_is_ours && is_access_qual(policy.qual);
	return is_isolation_policy(&policy, guard.shape, guard.attnum);
}

/*
 * Returns true, with a NOTICE, if a statement is CREATE POLICY for a policy that
 * its guarded table already has; it is not to be executed then.  Returns false for
 * users who do not own the table, so that PostgreSQL raises its own error.
 */
bool
skips_same_policy(Node *node, const char *query_string)
{
	const CreatePolicyStmt *stmt = (const CreatePolicyStmt *) node;
	Relation	rel;
	Oid			relid;
	bool		same;

	if (!IsA(node, CreatePolicyStmt) ||
		!(is_isolation_policy_name(stmt->policy_name) || strcmp(stmt->policy_name, ACCESS_POLICY) == 0))
		return false;
	relid = RangeVarGetRelid(stmt->table, NoLock, true);
	if (begins_own_ddl(relid) || guard_of(relid).status != GUARD_WHOLE || !user_owns_relation(relid))
		return false;
	rel = try_table_open(relid, AccessShareLock);
	if (rel == NULL)
		return false;
	same = is_same_policy(stmt, rel, query_string);
	if (same)
		ereport(NOTICE,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("policy \"%s\" for table \"%s\" already exists, skipping",
						stmt->policy_name, RelationGetRelationName(rel))));
	table_close(rel, NoLock);
	return same;
}
