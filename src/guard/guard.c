/*-------------------------------------------------------------------------
 *
 * guard.c
 *	  Which tables are guarded, by which column, and what a guard lacks.
 *
 * The catalogs are the registry: a table is guarded when row-level security
 * is enabled and forced on it, the policy tenant_isolation is there as
 * install_guard.c makes it, and the tenant column takes no nulls.  It is damaged when
 * some of that is there and some is not.  The permissive policy and the
 * column's default are no part of the verdict: an application may replace
 * either, and neither can widen what the restrictive policy lets through.
 *
 * Verdicts are cached per relation and dropped with its relcache entry, or
 * all of them when a function changes (the policy calls one).  The catalogs
 * are read by key with a catalog snapshot: no lock on the table is needed,
 * and a table dropped meanwhile reads as not guarded.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/transam.h"
#include "access/xact.h"
#include "catalog/indexing.h"
#include "catalog/objectaddress.h"
#include "catalog/partition.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_policy.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "nodes/nodeFuncs.h"
#include "nodes/primnodes.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "compat.h"
#include "guard.h"
#include "own_function.h"
#include "tenant_type.h"

typedef struct GuardEntry
{
	Oid			relid;			/* hash key */
	Guard		guard;
} GuardEntry;

static HTAB *guard_cache = NULL;

/* The one that was asked for last: a short query asks a dozen times for the same. */
static GuardEntry last_asked = {InvalidOid};

/* Counts invalidations, so that a verdict reached across one is not kept. */
static uint64 invalidations = 0;

/* ----------------------------------------------------------------
 *		Names, ancestors, types
 * ----------------------------------------------------------------
 */

/* The qualified and quoted name of a relation, or its OID if it is gone. */
char *
relation_name(Oid relid)
{
	char	   *name = get_rel_name(relid);
	char	   *schema = name ? get_namespace_name_or_temp(get_rel_namespace(relid)) : NULL;

	if (schema == NULL)
		return psprintf("%u", relid);
	return quote_qualified_identifier(schema, name);
}

/* The owner of an object of this catalog, or InvalidOid if it is gone. */
Oid
object_owner(Oid catalog, Oid object)
{
	int			cache = get_object_catcache_oid(catalog);
	HeapTuple	tuple = SearchSysCache1(cache, ObjectIdGetDatum(object));
	Oid			owner;
	bool		isnull;

	if (!HeapTupleIsValid(tuple))
		return InvalidOid;
	owner = DatumGetObjectId(SysCacheGetAttr(cache, tuple, get_object_attnum_owner(catalog), &isnull));
	ReleaseSysCache(tuple);
	return owner;
}

/*
 * All tables that a table inherits from, directly or not, its nearest
 * parents first.  pg_inherits knows no cycles; the list is free of
 * duplicates all the same, since a table may reach one by several paths.
 */
List *
ancestors_of(Oid relid)
{
	List	   *found = list_make1_oid(relid);
	Relation	inherits = table_open(InheritsRelationId, AccessShareLock);

	for (int i = 0; i < list_length(found); i++)
	{
		ScanKeyData key;
		SysScanDesc scan;
		HeapTuple	tuple;

		ScanKeyInit(&key, Anum_pg_inherits_inhrelid, BTEqualStrategyNumber,
					F_OIDEQ, ObjectIdGetDatum(list_nth_oid(found, i)));
		scan = systable_beginscan(inherits, InheritsRelidSeqnoIndexId, true,
								  NULL, 1, &key);
		while (HeapTupleIsValid(tuple = systable_getnext(scan)))
			found = list_append_unique_oid(found,
										   ((Form_pg_inherits) GETSTRUCT(tuple))->inhparent);
		systable_endscan(scan);
	}
	table_close(inherits, AccessShareLock);
	return list_delete_first(found);
}

/*
 * Has a table a column of this name?  Most have not, and a syscache would
 * remember of each that was ever made that it has none.
 */
bool
has_column(Oid relid, const char *name)
{
	Relation	attributes = table_open(AttributeRelationId, AccessShareLock);
	ScanKeyData key[2];
	SysScanDesc scan;
	bool		found;

	ScanKeyInit(&key[0], Anum_pg_attribute_attrelid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(relid));
	ScanKeyInit(&key[1], Anum_pg_attribute_attname, BTEqualStrategyNumber,
				F_NAMEEQ, CStringGetDatum(name));
	scan = systable_beginscan(attributes, AttributeRelidNameIndexId, true, NULL, 2, key);
	found = HeapTupleIsValid(systable_getnext(scan));
	systable_endscan(scan);
	table_close(attributes, AccessShareLock);
	return found;
}

/* ----------------------------------------------------------------
 *		Recognising our policies
 * ----------------------------------------------------------------
 */

Node *
strip_relabel(Node *node)
{
	while (node != NULL && IsA(node, RelabelType))
		node = (Node *) ((RelabelType *) node)->arg;
	return node;
}

/* Is this a call of one of our getters? */
bool
is_getter(const Node *node)
{
	return IsA(node, FuncExpr) && own_function(((const FuncExpr *) node)->funcid) == OWN_GETTER;
}

/*
 * The column in "column = current_tenant*()" of the table with this index, or
 * 0 for any other expression.  In a policy the index is 1.
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

/* An expression_tree_walker: does the tree call one of our getters? */
static bool
calls_getter_walker(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (is_getter(node))
		return true;
	return expression_tree_walker(node, calls_getter_walker, context);
}

bool
calls_getter(Node *expression)
{
	return calls_getter_walker(expression, NULL);
}

/* Is this the qual of tenant_access? */
bool
is_access_qual(Node *qual)
{
	return qual != NULL && IsA(qual, FuncExpr) &&
		own_function(((FuncExpr *) qual)->funcid) == OWN_GUARDED;
}

static Node *
policy_expression(HeapTuple tuple, TupleDesc desc, AttrNumber attr)
{
	bool		isnull;
	Datum		datum = heap_getattr(tuple, attr, desc, &isnull);

	return isnull ? NULL : stringToNode(TextDatumGetCString(datum));
}

/* TO PUBLIC is the one role 0. */
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

/* What the policies of a table say; reads pg_policy, without the cache. */
PolicyFacts
policies_of(Oid relid)
{
	PolicyFacts facts = {0};
	Relation	policies = table_open(PolicyRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&key, Anum_pg_policy_polrelid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(relid));
	scan = systable_beginscan(policies, PolicyPolrelidPolnameIndexId, true,
							  NULL, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
		read_policy(tuple, RelationGetDescr(policies), &facts);
	systable_endscan(scan);
	table_close(policies, AccessShareLock);
	return facts;
}

/*
 * Is this version of a row the present one, or one that this transaction has
 * replaced or deleted?  Others may be dead, and their toasted values gone.
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
 * The table of a policy that the running command has dropped or altered, if
 * the policy is or was a tenant_isolation of ours, else InvalidOid.
 */
Oid
table_of_isolation_policy(Oid policyid)
{
	Relation	policies = table_open(PolicyRelationId, AccessShareLock);
	Oid			relid = InvalidOid;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&key, Anum_pg_policy_oid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(policyid));
	scan = systable_beginscan(policies, PolicyOidIndexId, true, SnapshotAny, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_policy policy = (Form_pg_policy) GETSTRUCT(tuple);
		PolicyFacts facts = {0};

		if (policy->polpermissive || !version_counts(tuple))
			continue;
		read_policy(tuple, RelationGetDescr(policies), &facts);
		if (facts.trace)
			relid = policy->polrelid;
	}
	systable_endscan(scan);
	table_close(policies, AccessShareLock);
	return relid;
}

/* ----------------------------------------------------------------
 *		Nulls
 * ----------------------------------------------------------------
 */

/* Does this constraint keep nulls out of the column? */
static bool
constraint_forbids_null(HeapTuple tuple, TupleDesc desc, AttrNumber attnum)
{
	Form_pg_constraint con = (Form_pg_constraint) GETSTRUCT(tuple);
	bool		isnull;
	Datum		bin;
	NullTest   *test;

	if (con->contype != CONSTRAINT_CHECK || !constraint_is_enforced(con))
		return false;
	bin = heap_getattr(tuple, Anum_pg_constraint_conbin, desc, &isnull);
	if (isnull)
		return false;
	test = (NullTest *) stringToNode(TextDatumGetCString(bin));
	return IsA(test, NullTest) && test->nulltesttype == IS_NOT_NULL &&
		IsA(test->arg, Var) && ((Var *) test->arg)->varattno == attnum;
}

static bool
check_forbids_null(Oid relid, AttrNumber attnum, bool validated)
{
	Relation	constraints = table_open(ConstraintRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	bool		found = false;

	ScanKeyInit(&key, Anum_pg_constraint_conrelid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(relid));
	scan = systable_beginscan(constraints, ConstraintRelidTypidNameIndexId, true,
							  NULL, 1, &key);
	while (!found && HeapTupleIsValid(tuple = systable_getnext(scan)))
		found = (!validated || ((Form_pg_constraint) GETSTRUCT(tuple))->convalidated) &&
			constraint_forbids_null(tuple, RelationGetDescr(constraints), attnum);
	systable_endscan(scan);
	table_close(constraints, AccessShareLock);
	return found;
}

/*
 * Has this table itself, not by inheritance, the CHECK that stands in for NOT
 * NULL on its tenant column?  One of that name that says something else is
 * not ours.
 */
bool
has_not_null_check(Oid relid, AttrNumber attnum)
{
	Relation	constraints;
	Oid			check = get_relation_constraint_oid(relid, NOT_NULL_CHECK, true);
	HeapTuple	tuple;
	bool		found;

	if (!OidIsValid(check))
		return false;
	constraints = table_open(ConstraintRelationId, AccessShareLock);
	tuple = SearchSysCache1(CONSTROID, ObjectIdGetDatum(check));
	found = HeapTupleIsValid(tuple) &&
		((Form_pg_constraint) GETSTRUCT(tuple))->coninhcount == 0 &&
		constraint_forbids_null(tuple, RelationGetDescr(constraints), attnum);
	if (HeapTupleIsValid(tuple))
		ReleaseSysCache(tuple);
	table_close(constraints, AccessShareLock);
	return found;
}

/* Is the column NOT NULL?  With "validated", are its present rows too? */
bool
column_has_not_null(Oid relid, AttrNumber attnum, bool validated)
{
	HeapTuple	tuple = SearchSysCache2(ATTNUM, ObjectIdGetDatum(relid),
										Int16GetDatum(attnum));
	bool		not_null;

	if (!HeapTupleIsValid(tuple))
		return false;
	not_null = ((Form_pg_attribute) GETSTRUCT(tuple))->attnotnull;
	ReleaseSysCache(tuple);
	return not_null && !(validated && not_null_is_unvalidated(relid, attnum));
}

/*
 * Can no new row have a null in the column, by NOT NULL or by a CHECK?  With
 * "validated", has no present row one either?
 */
bool
column_is_not_null(Oid relid, AttrNumber attnum, bool validated)
{
	return column_has_not_null(relid, attnum, validated) ||
		check_forbids_null(relid, attnum, validated);
}

/* ----------------------------------------------------------------
 *		The verdict and its cache
 * ----------------------------------------------------------------
 */

static Guard
read_guard(Oid relid)
{
	Guard		guard = {GUARD_NONE, 0, NULL};
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	Form_pg_class class;
	bool		enabled;
	bool		forced;
	PolicyFacts facts;

	if (!HeapTupleIsValid(tuple))
		return guard;
	class = (Form_pg_class) GETSTRUCT(tuple);
	enabled = class->relrowsecurity;
	forced = class->relforcerowsecurity;
	ReleaseSysCache(tuple);

	facts = policies_of(relid);
	if (facts.column == 0 && !facts.trace)
		return guard;
	guard.attnum = facts.column;
	if (facts.column == 0)
		guard.damage = "its policy \"" ISOLATION_POLICY "\" is missing or is not the one that protect() makes";
	else if (!enabled)
		guard.damage = "its row-level security is not enabled";
	else if (!forced)
		guard.damage = "its row-level security is not forced";
	else if (!column_is_not_null(relid, facts.column, false))
		guard.damage = "its tenant column takes nulls";
	guard.status = guard.damage ? GUARD_DAMAGED : GUARD_WHOLE;
	return guard;
}

static void
forget_relation(Datum arg, Oid relid)
{
	invalidations++;
	last_asked.relid = InvalidOid;
	if (guard_cache == NULL)
		return;
	if (OidIsValid(relid))
		hash_search(guard_cache, &relid, HASH_REMOVE, NULL);
	else
	{
		HASH_SEQ_STATUS status;
		GuardEntry *entry;

		hash_seq_init(&status, guard_cache);
		while ((entry = hash_seq_search(&status)) != NULL)
			hash_search(guard_cache, &entry->relid, HASH_REMOVE, NULL);
	}
}

static void
forget_all(Datum arg, int cacheid, uint32 hashvalue)
{
	forget_relation(arg, InvalidOid);
}

/* The guard of a relation; GUARD_NONE for one that does not exist. */
Guard
guard_of(Oid relid)
{
	GuardEntry *entry;
	uint64		before = invalidations;
	Guard		guard;

	if (last_asked.relid == relid && OidIsValid(relid))
		return last_asked.guard;
	entry = hash_search(guard_cache, &relid, HASH_FIND, NULL);
	if (entry == NULL)
	{
		guard = read_guard(relid);
		if (before != invalidations)
			return guard;
		entry = hash_search(guard_cache, &relid, HASH_ENTER, NULL);
		entry->guard = guard;
	}
	last_asked = *entry;
	return last_asked.guard;
}

void
init_guard_cache(void)
{
	HASHCTL		ctl = {.keysize = sizeof(Oid),.entrysize = sizeof(GuardEntry)};

	guard_cache = hash_create("tenant_guard guards", 256, &ctl,
							  HASH_ELEM | HASH_BLOBS);
	CacheRegisterRelcacheCallback(forget_relation, (Datum) 0);
	CacheRegisterSyscacheCallback(PROCOID, forget_all, (Datum) 0);
	/* a function is ours by the name of its schema, too */
	CacheRegisterSyscacheCallback(NAMESPACEOID, forget_all, (Datum) 0);
}
