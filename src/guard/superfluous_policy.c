/*-------------------------------------------------------------------------
 *
 * superfluous_policy.c
 *	  Recognises an application's policies that say no more than a guard does.
 *
 * An application that has row-level security of its own has a policy for each
 * table that compares the tenant column with its setting.  Where that setting
 * names the tenant (named_tenant.h), such a policy holds for each row that
 * tenant_isolation shows.  It is recognised by its expression, never by its text
 * or its name: the tenant column, perhaps as text, is equal to the setting,
 * perhaps converted, in NULLIF(..., '') or in a sub-select.  Anything else may
 * say more.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/indexing.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_policy.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "nodes/primnodes.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/ruleutils.h"
#include "utils/typcache.h"

#include "catalog.h"
#include "compat.h"
#include "guard.h"
#include "guard_policy.h"
#include "named_tenant.h"
#include "superfluous_policy.h"
#include "tenant_type.h"

PG_FUNCTION_INFO_V1(tenant_guard_policy_is_superfluous);

/* What a policy says to a table's rows. */
typedef struct OwnPolicy
{
	Form_pg_policy row;
	Node	   *qual;
	Node	   *check;
	List	   *roles;			/* OIDs; InvalidOid stands for PUBLIC */
} OwnPolicy;

/* ----------------------------------------------------------------
 *		Expressions
 * ----------------------------------------------------------------
 */

/* Is it the name of a setting that names the tenant? */
static bool
names_tenant(const char *setting)
{
	for (int i = 0; i < count_of_settings(); i++)
		if (pg_strcasecmp(nth_source(i)->name, setting) == 0)
			return true;
	return false;
}

/* If the node is a constant text, returns that; palloc'd. */
static const char *
constant_text(Node *node)
{
	const Const *constant = (const Const *) strip_relabel(node);

	if (constant == NULL || !IsA(constant, Const) || constant->constisnull || constant->consttype != TEXTOID)
		return NULL;
	return TextDatumGetCString(constant->constvalue);
}

/* Is it a type of which tenants may be, without a length that would cut a value off? */
static bool
is_type_of_tenants(Oid type)
{
	TenantType	serves;

	return type_serves(type, &serves);
}

/* A domain with a constraint refuses values, and by a function of the application it can refuse tenants. */
static bool
has_constraints(Oid domain)
{
	return lookup_type_cache(domain, TYPECACHE_DOMAIN_CONSTR_INFO)->domainData != NULL;
}

/* If the node is a conversion that changes and refuses no tenant, returns what it converts, and NULL otherwise. */
static Node *
converted(Node *node)
{
	if (IsA(node, RelabelType))
		return (Node *) ((RelabelType *) node)->arg;
	if (IsA(node, CoerceToDomain) && !has_constraints(((CoerceToDomain *) node)->resulttype))
		return (Node *) ((CoerceToDomain *) node)->arg;
	if (IsA(node, CoerceViaIO) && is_type_of_tenants(((CoerceViaIO *) node)->resulttype))
		return (Node *) ((CoerceViaIO *) node)->arg;
	if (IsA(node, FuncExpr))
	{
		FuncExpr   *call = (FuncExpr *) node;

		if (call->funcid == F_INT8_INT4 || call->funcid == F_INT8_INT2 || call->funcid == F_INT4_INT8 ||
			call->funcid == F_INT4_INT2 || call->funcid == F_INT2_INT8 || call->funcid == F_INT2_INT4)
			return linitial(call->args);
	}
	return NULL;
}

/* If the node is (SELECT expression), without anything else, returns the expression, and NULL otherwise. */
static Node *
selected(Node *node)
{
	const SubLink *link = (const SubLink *) node;
	const Query *query;
	const TargetEntry *entry;

	if (!IsA(node, SubLink) || link->subLinkType != EXPR_SUBLINK || !IsA(link->subselect, Query))
		return NULL;
	query = (const Query *) link->subselect;
	if (query->commandType != CMD_SELECT || query->rtable != NIL || query->cteList != NIL || query->setOperations != NULL ||
		query->jointree == NULL || query->jointree->fromlist != NIL || query->jointree->quals != NULL ||
		query->groupClause != NIL || query->groupingSets != NIL || query->havingQual != NULL || query->hasAggs ||
		query->hasWindowFuncs || query->hasTargetSRFs || query->limitCount != NULL || query->limitOffset != NULL ||
		list_length(query->targetList) != 1)
		return NULL;
	entry = linitial_node(TargetEntry, query->targetList);
	return entry->resjunk ? NULL : (Node *) entry->expr;
}

/* If the node is NULLIF(expression, ''), returns the expression, and NULL otherwise. */
static Node *
nulled_if_empty(Node *node)
{
	const NullIfExpr *expr = (const NullIfExpr *) node;
	const char *second;

	if (!IsA(node, NullIfExpr) || list_length(expr->args) != 2 || expr->opfuncid != F_TEXTEQ)
		return NULL;
	second = constant_text(lsecond(expr->args));
	return second != NULL && second[0] == '\0' ? linitial(expr->args) : NULL;
}

/* Is the value of the expression what a setting says that names the tenant? */
static bool
is_tenant(Node *node)
{
	const FuncExpr *call;
	const char *setting;
	Node	   *inner;

	if (node == NULL)
		return false;
	if ((inner = converted(node)) != NULL || (inner = selected(node)) != NULL || (inner = nulled_if_empty(node)) != NULL)
		return is_tenant(inner);
	call = (const FuncExpr *) node;
	if (!IsA(node, FuncExpr) ||
		(call->funcid != F_CURRENT_SETTING_TEXT && call->funcid != F_CURRENT_SETTING_TEXT_BOOL))
		return false;
	setting = constant_text(linitial(call->args));
	return setting != NULL && names_tenant(setting);
}

/* Is it this column of the policy's table, perhaps converted? */
static bool
is_column(Node *node, AttrNumber column)
{
	const Var  *var = (const Var *) node;
	Node	   *inner;

	if (node == NULL)
		return false;
	if ((inner = converted(node)) != NULL)
		return is_column(inner, column);
	return IsA(node, Var) && var->varno == 1 && var->varlevelsup == 0 && var->varattno == column;
}

/* Does the operator compare two tenants?  Policies may compare integers of any two lengths. */
static bool
is_equality(Oid opno)
{
	return is_tenant_equality(opno) || opno == Int4EqualOperator || opno == 94 /* int2 = int2 */ ||
		opno == 416 /* int8 = int4 */ || opno == 1868 /* int8 = int2 */ ||
		opno == 532 /* int2 = int4 */ || opno == 533 /* int4 = int2 */ ;
}

/* Does the expression hold for each row whose tenant column is the tenant, and for no other? */
static bool
is_comparison(Node *node, AttrNumber column)
{
	const OpExpr *op = (const OpExpr *) node;

	if (node == NULL || !IsA(node, OpExpr) || list_length(op->args) != 2 || !is_equality(op->opno))
		return false;
	return (is_column(linitial(op->args), column) && is_tenant(lsecond(op->args))) ||
		(is_tenant(linitial(op->args)) && is_column(lsecond(op->args), column));
}

static bool
is_true(Node *node)
{
	return node != NULL && IsA(node, Const) && !((Const *) node)->constisnull && DatumGetBool(((Const *) node)->constvalue);
}

/* ----------------------------------------------------------------
 *		Policies
 * ----------------------------------------------------------------
 */

static OwnPolicy
read_policy(HeapTuple tuple, TupleDesc desc)
{
	OwnPolicy	policy = {(Form_pg_policy) GETSTRUCT(tuple)};
	bool		isnull;
	Datum		datum = heap_getattr(tuple, Anum_pg_policy_polqual, desc, &isnull);
	ArrayType  *roles;

	if (!isnull)
		policy.qual = stringToNode(TextDatumGetCString(datum));
	datum = heap_getattr(tuple, Anum_pg_policy_polwithcheck, desc, &isnull);
	if (!isnull)
		policy.check = stringToNode(TextDatumGetCString(datum));
	datum = heap_getattr(tuple, Anum_pg_policy_polroles, desc, &isnull);
	roles = DatumGetArrayTypeP(datum);
	for (int i = 0; i < ArrayGetNItems(ARR_NDIM(roles), ARR_DIMS(roles)); i++)
		policy.roles = lappend_oid(policy.roles, ((Oid *) ARR_DATA_PTR(roles))[i]);
	return policy;
}

/* Does a policy compare the tenant column with the tenant, and nothing else?  Where it does so, the guard does. */
static bool
is_superfluous(const OwnPolicy *policy, AttrNumber column)
{
	bool		qual = is_comparison(policy->qual, column);
	bool		check = is_comparison(policy->check, column);

	return (qual || check) && (qual || policy->qual == NULL || is_true(policy->qual)) &&
		(check || policy->check == NULL || is_true(policy->check));
}

static const char *
command_name(char command)
{
	switch (command)
	{
		case ACL_SELECT_CHR:
			return "SELECT";
		case ACL_INSERT_CHR:
			return "INSERT";
		case ACL_UPDATE_CHR:
			return "UPDATE";
		case ACL_DELETE_CHR:
			return "DELETE";
		default:
			return "ALL";
	}
}

/* Returns the statement that creates a policy; palloc'd. */
static char *
creating_statement(const OwnPolicy *policy)
{
	Oid			relid = policy->row->polrelid;
	List	   *context = deparse_context_for(get_rel_name(relid), relid);
	StringInfoData sql;
	ListCell   *lc;

	initStringInfo(&sql);
	appendStringInfo(&sql, "CREATE POLICY %s ON %s AS %s FOR %s TO ", quote_identifier(NameStr(policy->row->polname)),
					 relation_name(relid), policy->row->polpermissive ? "PERMISSIVE" : "RESTRICTIVE",
					 command_name(policy->row->polcmd));
	foreach(lc, policy->roles)
		appendStringInfo(&sql, "%s%s", lc == list_head(policy->roles) ? "" : ", ",
						 OidIsValid(lfirst_oid(lc)) ? quote_identifier(GetUserNameFromId(lfirst_oid(lc), false)) : "PUBLIC");
	if (policy->qual != NULL)
		appendStringInfo(&sql, " USING (%s)", deparse_expression(policy->qual, context, false, false));
	if (policy->check != NULL)
		appendStringInfo(&sql, " WITH CHECK (%s)", deparse_expression(policy->check, context, false, false));
	appendStringInfoChar(&sql, ';');
	return sql.data;
}

/* The commands for which a policy is, a bit each. */
static int
commands_of(const OwnPolicy *policy)
{
	switch (policy->row->polcmd)
	{
		case ACL_SELECT_CHR:
			return ACL_SELECT;
		case ACL_INSERT_CHR:
			return ACL_INSERT;
		case ACL_UPDATE_CHR:
			return ACL_UPDATE;
		case ACL_DELETE_CHR:
			return ACL_DELETE;
		default:
			return ACL_SELECT | ACL_INSERT | ACL_UPDATE | ACL_DELETE;
	}
}

/* Returns the policies of a table that say no more than a guard by this column. */
SuperfluousPolicies
superfluous_policies(Oid relid, AttrNumber column)
{
	SuperfluousPolicies found = {NIL, false, false};
	int			open = 0;
	CatalogScan scan = begin_catalog_scan(PolicyRelationId, PolicyPolrelidPolnameIndexId, Anum_pg_policy_polrelid, relid, NULL);
	HeapTuple	tuple;

	while (HeapTupleIsValid(tuple = next_catalog_row(&scan)))
	{
		OwnPolicy	policy = read_policy(tuple, RelationGetDescr(scan.catalog));
		bool		superfluous = column > 0 && is_superfluous(&policy, column);

		if (superfluous)
		{
			SuperfluousPolicy *entry = palloc(sizeof(SuperfluousPolicy));

			entry->name = pstrdup(NameStr(policy.row->polname));
			entry->permissive = policy.row->polpermissive;
			entry->has_qual = policy.qual != NULL;
			entry->has_check = policy.check != NULL;
			entry->statement = creating_statement(&policy);
			found.policies = lappend(found.policies, entry);
		}
		if (policy.row->polpermissive && (superfluous || is_access_qual(policy.qual)) && list_member_oid(policy.roles, ACL_ID_PUBLIC))
			open |= commands_of(&policy);
		if (policy.row->polpermissive && !superfluous)
			found.others = true;
	}
	end_catalog_scan(&scan);
	found.access = open == (ACL_SELECT | ACL_INSERT | ACL_UPDATE | ACL_DELETE);
	return found;
}

/* policy_is_superfluous(policy oid), for audit(): does it say no more than the guard of its table? */
Datum
tenant_guard_policy_is_superfluous(PG_FUNCTION_ARGS)
{
	CatalogScan scan = begin_catalog_scan(PolicyRelationId, PolicyOidIndexId, Anum_pg_policy_oid, PG_GETARG_OID(0), NULL);
	HeapTuple	tuple = next_catalog_row(&scan);
	bool		superfluous = false;

	if (HeapTupleIsValid(tuple))
	{
		OwnPolicy	policy = read_policy(tuple, RelationGetDescr(scan.catalog));
		Guard		guard = guard_of(policy.row->polrelid);

		superfluous = guard.shape == SHAPE_TENANT_COLUMN && guard.attnum != 0 && is_superfluous(&policy, guard.attnum);
	}
	end_catalog_scan(&scan);
	PG_RETURN_BOOL(superfluous);
}
