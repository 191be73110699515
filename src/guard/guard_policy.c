/*-------------------------------------------------------------------------
 *
 * guard_policy.c
 *	  Recognises the policies of a guard.
 *
 * A policy is recognised by its expression, which calls functions of this
 * extension, and tenant_isolation by its name, too: a policy that was renamed or
 * altered is still seen to be a part of a guard (PolicyFacts.trace).  Whether a
 * guard is complete is decided in guard.c.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/transam.h"
#include "access/xact.h"
#include "catalog/indexing.h"
#include "catalog/pg_policy.h"
#include "fmgr.h"
#include "nodes/nodeFuncs.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "catalog.h"
#include "compat.h"
#include "extension_function.h"
#include "guard_policy.h"
#include "tenant_type.h"

PG_FUNCTION_INFO_V1(tenant_guard_isolation_policy);
PG_FUNCTION_INFO_V1(tenant_guard_access_policy);

/* Returns the expression below any RelabelTypes, which do not change its value. */
Node *
strip_relabel(Node *node)
{
	while (node != NULL && IsA(node, RelabelType))
		node = (Node *) ((RelabelType *) node)->arg;
	return node;
}

/* Is the node a call of a getter of the tenant?  It must not be NULL. */
bool
is_getter(const Node *node)
{
	return IsA(node, FuncExpr) && extension_function(((const FuncExpr *) node)->funcid) == EXTENSION_GETTER;
}

/*
 * If the qual is "column = current_tenant*()" and the column is one of the table
 * with this range-table index, returns the column, and 0 otherwise.  In a stored
 * policy the index is 1.
 */
AttrNumber
tenant_qual_column(Node *qual, Index rti)
{
	OpExpr	   *op = (OpExpr *) qual;
	Node	   *left;
	Node	   *right;

	if (qual == NULL || !IsA(qual, OpExpr) || list_length(op->args) != 2 ||
		!is_tenant_equality(op->opno))
		return 0;
	left = strip_relabel(linitial(op->args));
	right = lsecond(op->args);
	if (left == NULL || !IsA(left, Var) || !is_getter(right) ||
		((Var *) left)->varlevelsup != 0 || ((Var *) left)->varno != rti)
		return 0;
	return Max(((Var *) left)->varattno, 0);
}

static bool
calls_getter_walker(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (is_getter(node))
		return true;
	return expression_tree_walker(node, calls_getter_walker, context);
}

/* Does an expression call a getter of the tenant? */
bool
calls_getter(Node *expression)
{
	return calls_getter_walker(expression, NULL);
}

/* Is this the qual of the policy tenant_access, a call of guarded()? */
bool
is_access_qual(Node *qual)
{
	return qual != NULL && IsA(qual, FuncExpr) &&
		extension_function(((FuncExpr *) qual)->funcid) == EXTENSION_GUARDED;
}

/* Returns the expression in an attribute of a row of pg_policy, or NULL. */
static Node *
policy_expression(HeapTuple tuple, TupleDesc desc, AttrNumber attr)
{
	bool		isnull;
	Datum		datum = heap_getattr(tuple, attr, desc, &isnull);

	return isnull ? NULL : stringToNode(TextDatumGetCString(datum));
}

/* Is the policy TO PUBLIC?  Then its only role is ACL_ID_PUBLIC. */
static bool
policy_is_for_public(HeapTuple tuple, TupleDesc desc)
{
	bool		isnull;
	Datum		datum = heap_getattr(tuple, Anum_pg_policy_polroles, desc, &isnull);
	ArrayType  *roles;

	if (isnull)
		return false;
	roles = DatumGetArrayTypeP(datum);
	return ARR_NDIM(roles) == 1 && ARR_DIMS(roles)[0] == 1 &&
		!ARR_HASNULL(roles) && ((Oid *) ARR_DATA_PTR(roles))[0] == ACL_ID_PUBLIC;
}

/* Adds to "facts" what a row of pg_policy says. */
static void
read_policy(HeapTuple tuple, TupleDesc desc, PolicyFacts *facts)
{
	Form_pg_policy policy = (Form_pg_policy) GETSTRUCT(tuple);
	Node	   *qual = policy_expression(tuple, desc, Anum_pg_policy_polqual);
	Node	   *check = policy_expression(tuple, desc, Anum_pg_policy_polwithcheck);
	AttrNumber	column = tenant_qual_column(qual, 1);
	bool		named = strcmp(NameStr(policy->polname), ISOLATION_POLICY) == 0;
	bool		access = policy->polpermissive && is_access_qual(qual);

	facts->any = true;
	facts->permissive |= policy->polpermissive;
	facts->isolation |= named;
	facts->isolation_permissive |= named && policy->polpermissive &&
		(column == 0 || (check != NULL && tenant_qual_column(check, 1) != column));
	if (strcmp(NameStr(policy->polname), ACCESS_POLICY) == 0)
	{
		facts->access = true;
		facts->access_is_ours = access;
	}

	if (access || (!policy->polpermissive && (named || column != 0)))
	{
		facts->trace = true;
		facts->own = lappend(facts->own, pstrdup(NameStr(policy->polname)));
	}
	if (named && !policy->polpermissive && column != 0 &&
		tenant_qual_column(check, 1) == column &&
		policy->polcmd == '*' && policy_is_for_public(tuple, desc))
		facts->column = column;
}

/* Reads the policies of a table from pg_policy, without the cache. */
PolicyFacts
policies_of(Oid relid)
{
	PolicyFacts facts = {0};
	CatalogScan scan = begin_catalog_scan(PolicyRelationId, PolicyPolrelidPolnameIndexId, Anum_pg_policy_polrelid, relid, NULL);
	HeapTuple	tuple;

	while (HeapTupleIsValid(tuple = next_catalog_row(&scan)))
		read_policy(tuple, RelationGetDescr(scan.catalog), &facts);
	end_catalog_scan(&scan);
	return facts;
}

/*
 * Is this tuple version the current one of its row, or one that this transaction
 * has updated or deleted?  Other versions may be dead, and their toasted values
 * removed.
 */
static bool
version_counts(HeapTuple tuple)
{
	HeapTupleHeader header = tuple->t_data;
	TransactionId xmin = HeapTupleHeaderGetXmin(header);

	if (!TransactionIdIsCurrentTransactionId(xmin) && !TransactionIdDidCommit(xmin))
		return false;
	return (header->t_infomask & HEAP_XMAX_INVALID) != 0 ||
		HEAP_XMAX_IS_LOCKED_ONLY(header->t_infomask) ||
		TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetUpdateXid(header));
}

/*
 * Returns the table of a policy that this transaction has made, dropped or altered,
 * if the policy is part of a guard or was it before; otherwise InvalidOid.
 */
static Oid
table_of_policy(Oid policyid, bool permissive)
{
	CatalogScan scan = begin_catalog_scan(PolicyRelationId, PolicyOidIndexId, Anum_pg_policy_oid, policyid, SnapshotAny);
	Oid			relid = InvalidOid;
	HeapTuple	tuple;

	while (HeapTupleIsValid(tuple = next_catalog_row(&scan)))
	{
		Form_pg_policy policy = (Form_pg_policy) GETSTRUCT(tuple);
		PolicyFacts facts = {0};

		if ((policy->polpermissive && !permissive) || !version_counts(tuple))
			continue;
		read_policy(tuple, RelationGetDescr(scan.catalog), &facts);
		if (facts.trace)
			relid = policy->polrelid;
	}
	end_catalog_scan(&scan);
	return relid;
}

/* Returns the table of a policy, as above, that is or was a tenant_isolation. */
Oid
table_of_isolation_policy(Oid policyid)
{
	return table_of_policy(policyid, false);
}

/* Returns the table of a policy, as above, that is or was a tenant_isolation or a tenant_access, whatever its name. */
Oid
table_of_guard_policy(Oid policyid)
{
	return table_of_policy(policyid, true);
}

/* isolation_policy(), access_policy(): the names of a guard's policies, for SQL. */
Datum
tenant_guard_isolation_policy(PG_FUNCTION_ARGS)
{
	return DirectFunctionCall1(namein, CStringGetDatum(ISOLATION_POLICY));
}

Datum
tenant_guard_access_policy(PG_FUNCTION_ARGS)
{
	return DirectFunctionCall1(namein, CStringGetDatum(ACCESS_POLICY));
}
