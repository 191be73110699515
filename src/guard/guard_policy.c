/*-------------------------------------------------------------------------
 *
 * guard_policy.c
 *	  Writes and recognises the policies of a guard.
 *
 * The restrictive policies of a guard have one of several shapes.  The table
 * guard_policies has a row for each policy of a shape, from which the policy is
 * written and by which it is recognised.  A new shape is a value of GuardShape,
 * rows of that table, and what their expressions have that is new: a QualForm,
 * its text, and a case of qual_has_form.
 *
 * A policy is recognised by its expression, which calls functions of this
 * extension, and a restrictive one by its name, too: a policy that was renamed or
 * altered is still seen to be a part of a guard (PolicyFacts.own).  Whether a
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

/* The expressions of policies. */
typedef enum QualForm
{
	QUAL_TENANT					/* column = current_tenant*() */
} QualForm;

/* Their texts, of the column and the getter. */
static const char *const qual_texts[] = {
	[QUAL_TENANT] = "%s OPERATOR(pg_catalog.=) %s"
};

/* A restrictive policy, TO PUBLIC */
typedef struct GuardPolicy
{
	GuardShape	shape;			/* that has it */
	const char *name;
	char		command;		/* as in pg_policy.polcmd */
	const char *command_name;
	QualForm	qual;
	QualForm	check;
} GuardPolicy;

static const GuardPolicy guard_policies[] = {
	{SHAPE_TENANT_COLUMN, ISOLATION_POLICY, '*', "ALL", QUAL_TENANT, QUAL_TENANT}
};

StaticAssertDecl(lengthof(guard_policies) <= 32, "PolicyFacts.found has a bit for each policy");

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

/* Does a qual of a policy have this form, with this tenant column? */
static bool
qual_has_form(Node *qual, QualForm form, AttrNumber column)
{
	switch (form)
	{
		case QUAL_TENANT:
			return column != 0 && tenant_qual_column(qual, 1) == column;
	}
	return false;
}

/* Returns the tenant column in the qual of a policy if the qual has one of the forms, and 0 otherwise. */
static AttrNumber
column_of_qual(Node *qual)
{
	AttrNumber	column = tenant_qual_column(qual, 1);

	for (int form = 0; form < lengthof(qual_texts); form++)
		if (qual_has_form(qual, form, column))
			return column;
	return 0;
}

/* Is it this policy of a guard, with this tenant column?  The name is not compared. */
static bool
is_guard_policy(const PolicyForm *policy, const GuardPolicy *wanted, AttrNumber column)
{
	return !policy->permissive && policy->command == wanted->command && policy->for_public &&
		qual_has_form(policy->qual, wanted->qual, column) && qual_has_form(policy->check, wanted->check, column);
}

/* Adds to "facts" a policy that has the name of this one of a guard. */
static void
read_named_policy(const PolicyForm *policy, int i, PolicyFacts *facts)
{
	AttrNumber	column = column_of_qual(policy->qual);

	if (is_guard_policy(policy, &guard_policies[i], column) && (facts->found == 0 || facts->column == column))
	{
		facts->found |= (uint32) 1 << i;
		facts->column = column;
	}
	else if (policy->permissive && (column == 0 || (policy->check != NULL && column_of_qual(policy->check) != column)))
		facts->taken = pstrdup(policy->name);
	else
		facts->altered = lappend(facts->altered, pstrdup(policy->name));
}

/* Returns the index in guard_policies of the policy of this name, or -1. */
static int
guard_policy_named(const char *name)
{
	for (int i = 0; i < lengthof(guard_policies); i++)
		if (strcmp(name, guard_policies[i].name) == 0)
			return i;
	return -1;
}

/* Is this the name of a restrictive policy of a guard? */
bool
is_isolation_policy_name(const char *name)
{
	return guard_policy_named(name) >= 0;
}

/* Is it a restrictive policy of a guard with this tenant column? */
bool
is_isolation_policy(const PolicyForm *policy, AttrNumber column)
{
	int			i = guard_policy_named(policy->name);

	return i >= 0 && is_guard_policy(policy, &guard_policies[i], column);
}

/* Adds to "facts" what a row of pg_policy says. */
static void
read_policy(HeapTuple tuple, TupleDesc desc, PolicyFacts *facts)
{
	Form_pg_policy row = (Form_pg_policy) GETSTRUCT(tuple);
	PolicyForm	policy = {
		NameStr(row->polname), row->polcmd, row->polpermissive, policy_is_for_public(tuple, desc),
		policy_expression(tuple, desc, Anum_pg_policy_polqual), policy_expression(tuple, desc, Anum_pg_policy_polwithcheck)
	};
	int			i = guard_policy_named(policy.name);
	bool		access = policy.permissive && is_access_qual(policy.qual);

	facts->any = true;
	facts->permissive |= policy.permissive;
	if (i >= 0)
		read_named_policy(&policy, i, facts);
	if (strcmp(policy.name, ACCESS_POLICY) == 0)
	{
		facts->access = true;
		facts->access_is_ours = access;
	}
	if (access || (!policy.permissive && (i >= 0 || column_of_qual(policy.qual) != 0)))
		facts->own = lappend(facts->own, pstrdup(policy.name));
}

/* Returns a bit for each policy of a shape. */
static uint32
policies_of_shape(GuardShape shape)
{
	uint32		policies = 0;

	for (int i = 0; i < lengthof(guard_policies); i++)
		if (guard_policies[i].shape == shape)
			policies |= (uint32) 1 << i;
	return policies;
}

/* Returns the shape of a table whose policies were read; its tenant column is that of a whole shape alone. */
static GuardShape
recognize_shape(PolicyFacts *facts)
{
	for (int i = 0; i < lengthof(guard_policies); i++)
		if (facts->found != 0 && facts->found == policies_of_shape(guard_policies[i].shape))
			return guard_policies[i].shape;
	facts->column = 0;
	return facts->own != NIL ? SHAPE_TO_MEND : SHAPE_NONE;
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
	facts.shape = recognize_shape(&facts);
	return facts;
}

/*
 * Returns the CREATE POLICY statements for what a table lacks of a shape.
 * "relation" and "column" are quoted; "tenant" is a call of the getter.
 */
List *
missing_policies(const PolicyFacts *facts, GuardShape shape, const char *relation, const char *column, const char *tenant)
{
	List	   *statements = NIL;

	Assert(shape >= SHAPE_TENANT_COLUMN);
	for (int i = 0; i < lengthof(guard_policies); i++)
	{
		const GuardPolicy *policy = &guard_policies[i];

		if (policy->shape == shape && (facts->found & (uint32) 1 << i) == 0)
			statements = lappend(statements,
								 psprintf("CREATE POLICY %s ON %s AS RESTRICTIVE FOR %s TO PUBLIC USING (%s) WITH CHECK (%s)",
										  policy->name, relation, policy->command_name,
										  psprintf(qual_texts[policy->qual], column, tenant),
										  psprintf(qual_texts[policy->check], column, tenant)));
	}
	return statements;
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
		if (facts.own != NIL)
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
