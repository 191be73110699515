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
	QUAL_TENANT,				/* column = current_tenant*() */
	QUAL_SHARED,				/* column = current_tenant*() OR column IS NULL */
	QUAL_NONE					/* the policy's command has no such expression */
} QualForm;

/* Their texts, of the column and the getter. */
static const char *const qual_texts[] = {
	[QUAL_TENANT] = "%1$s OPERATOR(pg_catalog.=) %2$s",
	[QUAL_SHARED] = "%1$s OPERATOR(pg_catalog.=) %2$s OR %1$s IS NULL"
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
	const char *damage;			/* a table without it */
} GuardPolicy;

#define WITHOUT(policy)	"its policy \"" policy "\" is missing or is not the one that protect() makes"

/* FOR ALL with the expression of QUAL_SHARED would let each tenant change and delete the rows of everyone. */
static const GuardPolicy guard_policies[] = {
	{SHAPE_TENANT_COLUMN, ISOLATION_POLICY, '*', "ALL", QUAL_TENANT, QUAL_TENANT, WITHOUT(ISOLATION_POLICY)},
	{SHAPE_OWN_OR_SHARED, ISOLATION_POLICY, 'r', "SELECT", QUAL_SHARED, QUAL_NONE, WITHOUT(ISOLATION_POLICY)},
	{SHAPE_OWN_OR_SHARED, INSERT_POLICY, 'a', "INSERT", QUAL_NONE, QUAL_TENANT, WITHOUT(INSERT_POLICY)},
	{SHAPE_OWN_OR_SHARED, UPDATE_POLICY, 'w', "UPDATE", QUAL_TENANT, QUAL_TENANT, WITHOUT(UPDATE_POLICY)},
	{SHAPE_OWN_OR_SHARED, DELETE_POLICY, 'd', "DELETE", QUAL_TENANT, QUAL_NONE, WITHOUT(DELETE_POLICY)}
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

/*
 * If the qual is "column = current_tenant*() OR column IS NULL" and the column is one
 * of the table with this range-table index, returns the column, and 0 otherwise.
 */
AttrNumber
shared_qual_column(Node *qual, Index rti)
{
	const BoolExpr *either = (const BoolExpr *) qual;
	AttrNumber	column;
	const NullTest *test;
	const Var  *var;

	if (qual == NULL || !IsA(qual, BoolExpr) || either->boolop != OR_EXPR || list_length(either->args) != 2)
		return 0;
	column = tenant_qual_column(linitial(either->args), rti);
	test = lsecond(either->args);
	if (column == 0 || !IsA(test, NullTest) || test->nulltesttype != IS_NULL)
		return 0;
	var = (const Var *) strip_relabel((Node *) test->arg);
	return IsA(var, Var) && var->varno == rti && var->varlevelsup == 0 && var->varattno == column ? column : 0;
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

/* Does a qual of a policy, or NULL, have this form, with this tenant column? */
static bool
qual_has_form(Node *qual, QualForm form, AttrNumber column)
{
	switch (form)
	{
		case QUAL_TENANT:
			return column != 0 && tenant_qual_column(qual, 1) == column;
		case QUAL_SHARED:
			return column != 0 && shared_qual_column(qual, 1) == column;
		case QUAL_NONE:
			return qual == NULL;
	}
	return false;
}

/* Returns the tenant column in a qual that has one of the forms, and 0 otherwise. */
static AttrNumber
column_of_qual(Node *qual)
{
	AttrNumber	column = tenant_qual_column(qual, 1);

	return column != 0 ? column : shared_qual_column(qual, 1);
}

/* Returns that of a policy, from its check if it has no qual. */
static AttrNumber
column_of_policy(const PolicyForm *policy)
{
	return column_of_qual(policy->qual != NULL ? policy->qual : policy->check);
}

/* Is it this policy of a guard, with this tenant column? */
static bool
is_guard_policy(const PolicyForm *policy, const GuardPolicy *wanted, AttrNumber column)
{
	return strcmp(policy->name, wanted->name) == 0 && column != 0 &&
		!policy->permissive && policy->command == wanted->command && policy->for_public &&
		qual_has_form(policy->qual, wanted->qual, column) && qual_has_form(policy->check, wanted->check, column);
}

/* Returns the index in guard_policies of a policy, or -1. */
static int
find_guard_policy(const PolicyForm *policy, AttrNumber column)
{
	for (int i = 0; i < lengthof(guard_policies); i++)
		if (is_guard_policy(policy, &guard_policies[i], column))
			return i;
	return -1;
}

/* Adds to "facts" a policy that has the name of one of a guard. */
static void
read_named_policy(const PolicyForm *policy, PolicyFacts *facts)
{
	AttrNumber	column = column_of_policy(policy);
	int			i = find_guard_policy(policy, column);

	if (i >= 0 && (facts->found == 0 || facts->column == column))
	{
		facts->found |= (uint32) 1 << i;
		facts->column = column;
	}
	else if (policy->permissive && (column == 0 || (policy->check != NULL && column_of_qual(policy->check) != column)))
		facts->taken = lappend(facts->taken, pstrdup(policy->name));
	else
		facts->altered = lappend(facts->altered, pstrdup(policy->name));
}

/* Is this the name of a restrictive policy of this shape? */
bool
is_policy_of_shape(const char *name, GuardShape shape)
{
	for (int i = 0; i < lengthof(guard_policies); i++)
		if (guard_policies[i].shape == shape && strcmp(name, guard_policies[i].name) == 0)
			return true;
	return false;
}

/* Is this the name of a restrictive policy of a guard? */
bool
is_isolation_policy_name(const char *name)
{
	return is_policy_of_shape(name, SHAPE_TENANT_COLUMN) || is_policy_of_shape(name, SHAPE_OWN_OR_SHARED);
}

/* Does a message have such a name in quotation marks? */
bool
names_isolation_policy(const char *message)
{
	for (int i = 0; i < lengthof(guard_policies); i++)
		if (strstr(message, psprintf("\"%s\"", guard_policies[i].name)) != NULL)
			return true;
	return false;
}

/* Is it a restrictive policy of a guard of this shape with this tenant column? */
bool
is_isolation_policy(const PolicyForm *policy, GuardShape shape, AttrNumber column)
{
	int			i = find_guard_policy(policy, column);

	return i >= 0 && guard_policies[i].shape == shape;
}

/* The name of the restrictive policy of a shape that new rows must satisfy. */
const char *
policy_of_new_rows(GuardShape shape)
{
	return shape == SHAPE_OWN_OR_SHARED ? INSERT_POLICY : ISOLATION_POLICY;
}

/*
 * Is a policy a guard's, or was it one before it was altered?  An application may
 * have policies with the names of those that few guards have: these must have a
 * guard's expression.
 */
static bool
is_or_was_guards(const PolicyForm *policy)
{
	if (policy->permissive)
		return is_access_qual(policy->qual != NULL ? policy->qual : policy->check);
	return strcmp(policy->name, ISOLATION_POLICY) == 0 || tenant_qual_column(policy->qual, 1) != 0 ||
		(is_isolation_policy_name(policy->name) && column_of_policy(policy) != 0);
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

	facts->any = true;
	facts->permissive |= policy.permissive;
	if (is_isolation_policy_name(policy.name))
		read_named_policy(&policy, facts);
	if (strcmp(policy.name, ACCESS_POLICY) == 0)
	{
		facts->access = true;
		facts->access_is_ours = policy.permissive && is_access_qual(policy.qual);
		facts->access_is_full = facts->access_is_ours && policy.for_public && policy.command == '*' &&
			(policy.check == NULL || is_access_qual(policy.check));
		facts->others |= !facts->access_is_full;
	}
	else if (!is_or_was_guards(&policy))
		facts->others = true;
	if (is_or_was_guards(&policy))
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

/*
 * Sets the shape of a table whose policies were read; its tenant column is that of a
 * whole shape alone.  A table of which some policies are, or were, those of the rows
 * of everyone has lost that shape.
 */
static void
recognize_shape(PolicyFacts *facts)
{
	static const GuardShape shapes[] = {SHAPE_TENANT_COLUMN, SHAPE_OWN_OR_SHARED};

	for (int i = 0; i < lengthof(shapes); i++)
		if ((facts->found & policies_of_shape(shapes[i])) == policies_of_shape(shapes[i]))
		{
			facts->shape = shapes[i];
			return;
		}
	facts->shape = facts->own != NIL ? SHAPE_TO_MEND : SHAPE_NONE;
	facts->was = facts->found != 0 ? SHAPE_OWN_OR_SHARED : SHAPE_TENANT_COLUMN;
	facts->damage = WITHOUT(ISOLATION_POLICY);
	for (int i = lengthof(guard_policies) - 1; facts->found != 0 && i >= 0; i--)
		if (guard_policies[i].shape == SHAPE_OWN_OR_SHARED && (facts->found & (uint32) 1 << i) == 0)
			facts->damage = guard_policies[i].damage;
	facts->column = 0;
}

/* The names of the restrictive policies that a table has of shapes other than this one. */
List *
policies_of_other_shapes(const PolicyFacts *facts, GuardShape shape)
{
	List	   *names = NIL;

	for (int i = 0; i < lengthof(guard_policies); i++)
		if (guard_policies[i].shape != shape && (facts->found & (uint32) 1 << i) != 0)
			names = lappend(names, unconstify(char *, guard_policies[i].name));
	return names;
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
	recognize_shape(&facts);
	return facts;
}

/* Returns the text of an expression, or NULL for QUAL_NONE. */
static const char *
qual_text(QualForm form, const char *column, const char *tenant)
{
	return form == QUAL_NONE ? NULL : psprintf(qual_texts[form], column, tenant);
}

/* Returns the restrictive policies that a table lacks of a shape: PolicyTexts.  "column" is quoted; "tenant" is a call of the getter. */
List *
missing_policies(const PolicyFacts *facts, GuardShape shape, const char *column, const char *tenant)
{
	List	   *missing = NIL;

	Assert(shape >= SHAPE_TENANT_COLUMN);
	for (int i = 0; i < lengthof(guard_policies); i++)
	{
		const GuardPolicy *policy = &guard_policies[i];
		PolicyText *text;

		if (policy->shape != shape || (facts->found & (uint32) 1 << i) != 0)
			continue;
		text = palloc(sizeof(PolicyText));
		*text = (PolicyText) {
			policy->name, false, policy->command, policy->command_name,
			qual_text(policy->qual, column, tenant), qual_text(policy->check, column, tenant)
		};
		missing = lappend(missing, text);
	}
	return missing;
}

/* Returns the permissive policy of a guard. */
PolicyText *
access_policy(void)
{
	PolicyText *text = palloc(sizeof(PolicyText));

	*text = (PolicyText) {
		ACCESS_POLICY, true, '*', "ALL", "tenant_guard.guarded()", NULL
	};
	return text;
}

/* Returns a clause of CREATE POLICY, empty for NULL. */
static const char *
policy_clause(const char *keywords, const char *expression)
{
	return expression == NULL ? "" : psprintf(" %s (%s)", keywords, expression);
}

/* Returns the CREATE POLICY statement for a policy.  "relation" is quoted. */
char *
policy_statement(const PolicyText *policy, const char *relation)
{
	return psprintf("CREATE POLICY %s ON %s AS %s FOR %s TO PUBLIC%s%s", policy->name, relation,
					policy->permissive ? "PERMISSIVE" : "RESTRICTIVE", policy->command_name,
					policy_clause("USING", policy->qual), policy_clause("WITH CHECK", policy->check));
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
