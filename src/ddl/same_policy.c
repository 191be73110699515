/*-------------------------------------------------------------------------
 *
 * same_policy.c
 *	  CREATE POLICY of what a guarded table has already.
 *
 * Scripts carry a guard's policies: those of pg_dump --enable-row-security,
 * which has row_security on, and what a distributed engine sends to its nodes.
 * There the table is guarded as it is made, and its policies, which come
 * later, would fail: they exist.  Those that are as the guard's are skipped.
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
#include "same_policy.h"

/* FOR ALL TO PUBLIC, as all of a guard's policies are. */
static bool
is_for_all(const CreatePolicyStmt *stmt)
{
	return strcmp(stmt->cmd_name, "all") == 0 && list_length(stmt->roles) == 1 &&
		linitial_node(RoleSpec, stmt->roles)->roletype == ROLESPEC_PUBLIC;
}

/* An expression as CREATE POLICY will understand it: the table is number 1. */
static Node *
policy_clause(Relation rel, Node *clause, const char *query_string)
{
	ParseState *pstate = make_parsestate(NULL);
	ParseNamespaceItem *nsitem;
	Node	   *qual;

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

	if (guard.status != GUARD_WHOLE || !is_for_all(stmt) || stmt->qual == NULL)
		return false;
	if (strcmp(stmt->policy_name, ACCESS_POLICY) == 0)
		return stmt->permissive && stmt->with_check == NULL &&
			policies_of(RelationGetRelid(rel)).access_is_ours &&
			is_access_qual(policy_clause(rel, stmt->qual, query_string));
	return !stmt->permissive && stmt->with_check != NULL &&
		tenant_qual_column(policy_clause(rel, stmt->qual, query_string), 1) == guard.attnum &&
		tenant_qual_column(policy_clause(rel, stmt->with_check, query_string), 1) == guard.attnum;
}

/*
 * Is this CREATE POLICY exactly one of those that guard its table already?
 * Then a NOTICE says so, and it is not to be carried out.  Only for the owner
 * of the table: to others PostgreSQL says what they may not.
 */
bool
skips_same_policy(Node *node, const char *query_string)
{
	const CreatePolicyStmt *stmt = (const CreatePolicyStmt *) node;
	Relation	rel;
	Oid			relid;
	bool		same;

	if (!IsA(node, CreatePolicyStmt) ||
		(strcmp(stmt->policy_name, ISOLATION_POLICY) != 0 && strcmp(stmt->policy_name, ACCESS_POLICY) != 0))
		return false;
	relid = RangeVarGetRelid(stmt->table, NoLock, true);
	if (guard_of(relid).status != GUARD_WHOLE || !user_owns_relation(relid))
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
