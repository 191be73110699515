/*-------------------------------------------------------------------------
 *
 * reference_lookup.c
 *	  The keys that the triggers of a table check, and the queries that they run.
 *
 * The queries run as the owner of the table that they read, with row-level security
 * off (own_sql.c), and with the latest snapshot, whatever the isolation level is: a
 * row that another transaction has committed meanwhile counts.  Plans are kept as
 * long as no relation is changed.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_constraint.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/ruleutils.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "catalog.h"
#include "compat.h"
#include "foreign_key.h"
#include "guard.h"
#include "keys_of_everyone.h"
#include "own_sql.h"
#include "reference_lookup.h"

/* The keys of a table that are checked at one side, as long as no relation is changed. */
typedef struct References
{
	struct
	{
		Oid			relid;
		ReferenceSide side;
	}			tag;			/* hash key */
	uint64		invalidations;
	MemoryContext context;		/* of the list, or NULL */
	List	   *list;			/* of Reference */
} References;

static HTAB *references_cache = NULL;

/* Nesting depth of the checks that are running: what they use must not be freed. */
static int	running = 0;

void
begin_reference_checks(void)
{
	running++;
}

void
end_reference_checks(void)
{
	Assert(running > 0);
	running--;
}

/* ----------------------------------------------------------------
 *		Queries
 * ----------------------------------------------------------------
 */

/* A column of the table "alias", or the parameter "number", with this collation unless it is InvalidOid. */
static char *
operand(Oid relid, AttrNumber attnum, const char *alias, int number, Oid collation)
{
	char	   *text = alias != NULL ? psprintf("%s.%s", alias, quote_identifier(get_attname(relid, attnum, false))) :
		psprintf("$%d", number);

	return OidIsValid(collation) ? psprintf("%s COLLATE %s", text, collation_name(collation)) : text;
}

/* The tenant column of the table "alias"; texts are compared by their bytes. */
static char *
tenant_operand(Oid relid, AttrNumber attnum, const char *alias)
{
	Oid			type;
	int32		typmod;
	Oid			collation;

	get_atttypetypmodcoll(relid, attnum, &type, &typmod, &collation);
	return operand(relid, attnum, alias, 0, OidIsValid(collation) ? C_COLLATION_OID : InvalidOid);
}

/* The collation of the parent's column, if that of the child's differs from it; the key uses it then. */
static Oid
collation_of_key(const ForeignKey *key, int i)
{
	Oid			type;
	int32		typmod;
	Oid			collation;
	Oid			parent_collation;

	get_atttypetypmodcoll(key->child, key->columns[i], &type, &typmod, &collation);
	get_atttypetypmodcoll(key->parent, key->referenced[i], &type, &typmod, &parent_collation);
	return collation != parent_collation ? parent_collation : InvalidOid;
}

/*
 * Appends the conditions by which a row has the values in the parameters.  These are
 * of the child's columns or, with "operators", which compare columns of the parent
 * with each other, of the parent's.  "parent" is the alias of the parent, or NULL if
 * the row is the child's, whose alias is "child" then.
 */
static void
append_match(StringInfo sql, const ForeignKey *key, const char *parent, const char *child, const Oid *operators)
{
	for (int i = 0; i < key->ncolumns; i++)
	{
		Oid			left = get_atttype(key->parent, key->referenced[i]);
		Oid			right = operators != NULL ? left : get_atttype(key->child, key->columns[i]);

		if (i > 0)
			appendStringInfoString(sql, " AND ");
		generate_operator_clause(sql, operand(key->parent, key->referenced[i], parent, i + 1, collation_of_key(key, i)), left,
								 operators != NULL ? operators[i] : key->operators[i],
								 operand(key->child, key->columns[i], child, i + 1, InvalidOid), right);
	}
}

/* The operators by which a key compares two rows of the parent. */
static void
read_parent_operators(const ForeignKey *key, Oid *operators)
{
	HeapTuple	tuple = SearchSysCache1(CONSTROID, ObjectIdGetDatum(key->oid));
	int			ncolumns;
	AttrNumber	columns[INDEX_MAX_KEYS];
	AttrNumber	referenced[INDEX_MAX_KEYS];
	Oid			own[INDEX_MAX_KEYS];

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for constraint %u", key->oid);
	DeconstructFkConstraintRow(tuple, &ncolumns, columns, referenced, own, operators, NULL, NULL, NULL);
	ReleaseSysCache(tuple);
}

static void
set_types(Lookup *lookup, const ForeignKey *key, bool of_parent)
{
	lookup->nargs = key->ncolumns + 1;
	for (int i = 0; i < key->ncolumns; i++)
		lookup->types[i] = of_parent ? get_atttype(key->parent, key->referenced[i]) : get_atttype(key->child, key->columns[i]);
	lookup->types[key->ncolumns] = of_parent ? get_atttype(key->parent, key->parent_tenant) : get_atttype(key->child, key->tenant);
}

/* The query by which check_reference looks up a parent that a row with this tenant, the last parameter, may reference; or, with "others", may not. */
static void
make_parent_lookup(Lookup *lookup, const ForeignKey *key, bool others)
{
	StringInfoData sql;
	char	   *tenant = tenant_operand(key->parent, key->parent_tenant, "p");

	initStringInfo(&sql);
	appendStringInfo(&sql, "SELECT true FROM %s AS p WHERE ", only_table(key->parent));
	append_match(&sql, key, "p", NULL, NULL);
	appendStringInfo(&sql, " AND (%s IS NULL OR %s OPERATOR(pg_catalog.=) $%d) IS %s TRUE",
					 tenant, tenant, key->ncolumns + 1, others ? "NOT" : "");
	if (!others)
		appendStringInfoString(&sql, " FOR KEY SHARE OF p");
	lookup->relid = key->parent;
	lookup->sql = sql.data;
	set_types(lookup, key, false);
}

/* The queries by which check_referenced looks up the tenant of the row that has a key now, and a row of another tenant that references it. */
static void
make_child_lookups(Lookup *parents, Lookup *children, const ForeignKey *key)
{
	StringInfoData sql;
	Oid			operators[INDEX_MAX_KEYS];

	read_parent_operators(key, operators);
	initStringInfo(&sql);
	appendStringInfo(&sql, "SELECT %s FROM %s AS p WHERE ",
					 tenant_operand(key->parent, key->parent_tenant, "p"), only_table(key->parent));
	append_match(&sql, key, "p", NULL, operators);
	appendStringInfoString(&sql, " FOR UPDATE OF p");
	parents->relid = key->parent;
	parents->sql = sql.data;
	set_types(parents, key, true);
	parents->nargs = key->ncolumns;

	initStringInfo(&sql);
	appendStringInfo(&sql, "SELECT true FROM %s AS c WHERE ", only_table(key->child));
	append_match(&sql, key, NULL, "c", NULL);
	appendStringInfo(&sql, " AND (%s OPERATOR(pg_catalog.=) $%d) IS NOT TRUE LIMIT 1",
					 tenant_operand(key->child, key->tenant, "c"), key->ncolumns + 1);
	children->relid = key->child;
	children->sql = sql.data;
	set_types(children, key, true);
}

/* An OwnerAction: runs a LookupCall. */
static void
run_lookup(void *argument)
{
	LookupCall *call = argument;
	Lookup	   *lookup = call->lookup;
	Snapshot	snapshot;

	SPI_connect();
	if (lookup->plan == NULL)
	{
		SPIPlanPtr	plan = SPI_prepare(lookup->sql, lookup->nargs, lookup->types);

		if (plan == NULL)
			elog(ERROR, "could not prepare: %s", lookup->sql);
		SPI_keepplan(plan);
		lookup->plan = plan;
	}
	snapshot = GetLatestSnapshot();
	call->ended = snapshot->snapXactCompletionCount;
	if (SPI_execute_snapshot(lookup->plan, call->values, call->nulls, snapshot, InvalidSnapshot, false, false, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not run: %s", lookup->sql);
	call->found = SPI_processed > 0;
	if (call->found)
	{
		MemoryContext oldcontext;

		call->value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &call->isnull);
		call->type = SPI_gettypeid(SPI_tuptable->tupdesc, 1);
		oldcontext = MemoryContextSwitchTo(call->caller);
		if (!call->isnull)
			call->value = datumCopy(call->value, get_typbyval(call->type), get_typlen(call->type));
		MemoryContextSwitchTo(oldcontext);
	}
	SPI_finish();
}

/* Runs a query, and stores what it has found in "call". */
void
look_up(Lookup *lookup, LookupCall *call)
{
	call->lookup = lookup;
	call->caller = CurrentMemoryContext;
	run_as_owner(object_owner(RelationRelationId, lookup->relid), true, run_lookup, call);
}

/* ----------------------------------------------------------------
 *		Keys of a table
 * ----------------------------------------------------------------
 */

/* The column of a table, or of one that it is a partition of, by its name. */
static AttrNumber
column_in(Oid relid, Oid table, AttrNumber attnum)
{
	return relid == table ? attnum : get_attnum(relid, get_attname(table, attnum, false));
}

/* Of the tables of a key, one whose guard is damaged, or InvalidOid. */
static Oid
damaged_table(const ForeignKey *key)
{
	if (guard_of(key->parent).status == GUARD_DAMAGED)
		return key->parent;
	return guard_of(key->child).status == GUARD_DAMAGED ? key->child : InvalidOid;
}

/* Adds a key to the references of a table. */
static void
add_reference(References *references, const ForeignKey *key)
{
	Reference  *reference = palloc0(sizeof(Reference));
	bool		of_child = references->tag.side == REFERENCING;

	reference->key = key->oid;
	reference->child = key->child;
	reference->parent = key->parent;
	reference->time = check_time(key);
	reference->damaged = damaged_table(key);
	references->list = lappend(references->list, reference);
	if (OidIsValid(reference->damaged))
		return;
	reference->ncolumns = key->ncolumns;
	for (int i = 0; i < key->ncolumns; i++)
		reference->columns[i] = of_child ? column_in(references->tag.relid, key->child, key->columns[i]) :
			column_in(references->tag.relid, key->parent, key->referenced[i]);
	reference->columns[key->ncolumns] = of_child ? column_in(references->tag.relid, key->child, key->tenant) :
		column_in(references->tag.relid, key->parent, key->parent_tenant);
	if (of_child)
	{
		read_parent_scan(&reference->scan, key);
		make_parent_lookup(&reference->parents, key, false);
		make_parent_lookup(&reference->others, key, true);
	}
	else
		make_child_lookups(&reference->parents, &reference->others, key);
}

/* A table and, if it is a partition, those that it is a partition of. */
static List *
table_and_wholes(Oid relid)
{
	List	   *tables = list_make1_oid(relid);

	while (get_rel_relispartition(relid))
	{
		relid = get_partition_parent(relid, true);
		tables = lappend_oid(tables, relid);
	}
	return tables;
}

static void
read_references(References *references)
{
	bool		of_child = references->tag.side == REFERENCING;
	ListCell   *lc;
	ListCell   *lk;

	foreach(lc, table_and_wholes(references->tag.relid))
		foreach(lk, of_child ? foreign_keys_from(lfirst_oid(lc)) : foreign_keys_of(lfirst_oid(lc)))
		{
			const ForeignKey *key = lfirst(lk);

			if ((of_child || key->parent == lfirst_oid(lc)) && reaches_rows_of_everyone(key))
				add_reference(references, key);
		}
}

/* Frees a list of references, unless a check is running that may use it. */
static void
forget_references(References *references)
{
	ListCell   *lc;

	if (running == 0 && references->context != NULL)
	{
		foreach(lc, references->list)
		{
			Reference  *reference = lfirst(lc);

			if (reference->parents.plan != NULL)
				SPI_freeplan(reference->parents.plan);
			if (reference->others.plan != NULL)
				SPI_freeplan(reference->others.plan);
		}
		MemoryContextDelete(references->context);
	}
	references->context = NULL;
	references->list = NIL;
}

static HTAB *
make_references_cache(void)
{
	HASHCTL		ctl = {.keysize = sizeof(((References *) NULL)->tag), .entrysize = sizeof(References)};

	return hash_create("tenant_guard references", 32, &ctl, HASH_ELEM | HASH_BLOBS);
}

/* The keys that are checked at one side of a table. */
List *
references_of(Oid relid, ReferenceSide side)
{
	References	wanted = {.tag = {relid, side}};
	References *references;
	uint64		before = guard_invalidations();
	MemoryContext oldcontext;
	bool		found;

	if (references_cache == NULL)
		references_cache = make_references_cache();
	references = hash_search(references_cache, &wanted.tag, HASH_ENTER, &found);
	if (!found)
		references->context = NULL;
	else if (references->context != NULL && references->invalidations == before)
		return references->list;
	else
		forget_references(references);
	references->list = NIL;

	wanted.context = AllocSetContextCreate(CacheMemoryContext, "tenant_guard references", ALLOCSET_SMALL_SIZES);
	oldcontext = MemoryContextSwitchTo(wanted.context);
	read_references(&wanted);
	MemoryContextSwitchTo(oldcontext);
	/* reading may have called this function for other tables */
	references = hash_search(references_cache, &wanted.tag, HASH_ENTER, &found);
	wanted.invalidations = before;
	*references = wanted;
	return references->list;
}
