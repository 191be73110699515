/*-------------------------------------------------------------------------
 *
 * guard_census.c
 *	  Counts guarded tables by their owner, tenant column and type.
 *
 * Parts of other tables are not counted, nor temporary tables, nor tables in which
 * the tenant column alone is a key: such a column identifies a tenant in the
 * tenants' own table, where its name is another.
 *
 * The tables are counted when a session first asks, and then again only those
 * for which a relcache invalidation has come since.  All that makes a table
 * counted, or counted as another kind, sends one.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/indexing.h"
#include "catalog/pg_class.h"
#include "catalog/pg_index.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_policy.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "catalog.h"
#include "compat.h"
#include "extension_function.h"
#include "guard.h"
#include "guard_census.h"
#include "guard_policy.h"

/* With more changed tables than this, all are counted anew. */
#define MAX_CHANGED 256

typedef struct CountedTable
{
	Oid			relid;			/* hash key */
	GuardKind	kind;
} CountedTable;

static HTAB *counted_tables = NULL;
static HTAB *counts = NULL;

/* Are the tables counted, apart from those that changed since? */
static bool is_counted = false;
static Oid	changed[MAX_CHANGED];
static int	nchanged = 0;

/* Hash values of the getters, as invalidations have them: no other function is part of a guard that is counted. */
static uint32 getter_hashes[TENANT_TEXT + 1];

/* Had a getter another name?  Then any function may become it. */
static bool getter_is_missing = false;

/* ----------------------------------------------------------------
 *		One table
 * ----------------------------------------------------------------
 */

/* Is a column alone the key of a unique index?  Invalid indexes count, and those with a condition. */
bool
is_key_alone(Oid relid, AttrNumber attnum)
{
	CatalogScan scan = begin_catalog_scan(IndexRelationId, IndexIndrelidIndexId, Anum_pg_index_indrelid, relid, NULL);
	bool		found = false;
	HeapTuple	tuple;

	while (!found && HeapTupleIsValid(tuple = next_catalog_row(&scan)))
	{
		Form_pg_index index = (Form_pg_index) GETSTRUCT(tuple);

		found = index->indisunique && index->indnkeyatts == 1 && index->indkey.values[0] == attnum;
	}
	end_catalog_scan(&scan);
	return found;
}

/*
 * Sets the owner; false if it is no table, a temporary one, or a partition.  Most
 * tables that changed were dropped: the system cache would keep an entry for each.
 */
static bool
reads_as_whole_table(Oid relid, Oid *owner)
{
	CatalogScan scan = begin_catalog_scan(RelationRelationId, ClassOidIndexId, Anum_pg_class_oid, relid, NULL);
	HeapTuple	tuple = next_catalog_row(&scan);
	bool		whole = false;

	if (HeapTupleIsValid(tuple))
	{
		Form_pg_class class = (Form_pg_class) GETSTRUCT(tuple);

		whole = (class->relkind == RELKIND_RELATION || class->relkind == RELKIND_PARTITIONED_TABLE) &&
			class->relpersistence != RELPERSISTENCE_TEMP && !class->relispartition;
		*owner = class->relowner;
	}
	end_catalog_scan(&scan);
	return whole;
}

/* Sets *kind to what a table is counted as; false if it is not counted.  Does not ask the census. */
bool
counted_as(Oid relid, GuardKind *kind)
{
	AttrNumber	attnum;
	char	   *column;
	Oid			type;

	memset(kind, 0, sizeof(*kind));
	if (!reads_as_whole_table(relid, &kind->owner))
		return false;
	attnum = guard_of(relid).attnum;
	if (attnum == 0 || has_superclass(relid) || is_key_alone(relid, attnum))
		return false;
	column = get_attname(relid, attnum, true);
	type = get_atttype(relid, attnum);
	/* the table may be dropped meanwhile */
	if (column == NULL || !OidIsValid(type) || !type_serves(type, &kind->type))
		return false;
	namestrcpy(&kind->column, column);
	return true;
}

/* ----------------------------------------------------------------
 *		The census
 * ----------------------------------------------------------------
 */

/* A callback, which must not raise an error. */
static void
note_change(Datum arg, Oid relid)
{
	for (int i = 0; i < nchanged; i++)
		if (changed[i] == relid)
			return;
	if (!OidIsValid(relid) || nchanged == MAX_CHANGED)
		is_counted = false;
	else
		changed[nchanged++] = relid;
}

/* A function or schema has changed.  A new function becomes a part of guards by policies, which are changes of tables. */
static void
note_function(Datum arg, int cacheid, uint32 hashvalue)
{
	bool		is_getter = cacheid != PROCOID || hashvalue == 0 || getter_is_missing;

	for (int i = 0; i < lengthof(getter_hashes); i++)
		is_getter |= hashvalue == getter_hashes[i];
	if (is_getter)
		is_counted = false;
}

/* Removes a table from the census. */
static void
discount(Oid relid)
{
	CountedTable *table = hash_search(counted_tables, &relid, HASH_FIND, NULL);
	GuardCount *count = table == NULL ? NULL : hash_search(counts, &table->kind, HASH_FIND, NULL);

	Assert((table == NULL) == (count == NULL));
	if (table == NULL)
		return;
	if (--count->tables == 0)
		hash_search(counts, &table->kind, HASH_REMOVE, NULL);
	hash_search(counted_tables, &relid, HASH_REMOVE, NULL);
}

/* Counts a table as what it is now. */
static void
count_table(Oid relid)
{
	GuardKind	kind;
	GuardCount *count;
	bool		found;
	bool		counts_now = counted_as(relid, &kind);

	discount(relid);
	if (!counts_now)
		return;
	count = hash_search(counts, &kind, HASH_ENTER, &found);
	count->tables = found ? count->tables + 1 : 1;
	((CountedTable *) hash_search(counted_tables, &relid, HASH_ENTER, NULL))->kind = kind;
}

static HTAB *
empty_table(HTAB *old, const char *name, Size keysize, Size entrysize)
{
	HASHCTL		ctl = {.keysize = keysize, .entrysize = entrysize};

	if (old != NULL)
		hash_destroy(old);
	return hash_create(name, 64, &ctl, HASH_ELEM | HASH_BLOBS);
}

/* The tables with a policy of the name that a guard's has. */
static List *
tables_with_isolation_policy(void)
{
	CatalogScan scan = begin_catalog_scan(PolicyRelationId, InvalidOid, 0, InvalidOid, NULL);
	List	   *tables = NIL;
	HeapTuple	tuple;

	while (HeapTupleIsValid(tuple = next_catalog_row(&scan)))
		if (strcmp(NameStr(((Form_pg_policy) GETSTRUCT(tuple))->polname), ISOLATION_POLICY) == 0)
			tables = lappend_oid(tables, ((Form_pg_policy) GETSTRUCT(tuple))->polrelid);
	end_catalog_scan(&scan);
	return tables;
}

/* The tables that changed, or all of them if they are not counted; these are then to be counted. */
static List *
tables_to_count(void)
{
	List	   *tables = NIL;

	for (int i = 0; is_counted && i < nchanged; i++)
		tables = lappend_oid(tables, changed[i]);
	nchanged = 0;
	if (is_counted)
		return tables;
	counted_tables = empty_table(counted_tables, "tenant_guard counted tables", sizeof(Oid), sizeof(CountedTable));
	counts = empty_table(counts, "tenant_guard counts of guards", sizeof(GuardKind), sizeof(GuardCount));
	getter_is_missing = false;
	for (TenantType type = TENANT_UUID; type <= TENANT_TEXT; type++)
	{
		getter_is_missing |= !OidIsValid(getter_function(type));
		getter_hashes[type] = GetSysCacheHashValue1(PROCOID, ObjectIdGetDatum(getter_function(type)));
	}
	is_counted = true;
	return tables_with_isolation_policy();
}

/*
 * Counts what is to be counted.  The first round also receives the invalidations
 * that were sent before it; what they name is counted in the second.  What changes
 * during that is left to the next call, since changes may never stop coming.
 */
static void
take_census(void)
{
	PG_TRY();
	{
		for (int round = 0; round < 2 && (!is_counted || nchanged > 0); round++)
		{
			List	   *tables = tables_to_count();
			ListCell   *lc;

			foreach(lc, tables)
			{
				CHECK_FOR_INTERRUPTS();
				count_table(lfirst_oid(lc));
			}
			list_free(tables);
		}
	}
	PG_CATCH();
	{
		is_counted = false;
		PG_RE_THROW();
	}
	PG_END_TRY();
}

/* How many tables there are of each kind: GuardCounts, palloc'd. */
List *
guard_counts(void)
{
	List	   *found = NIL;
	HASH_SEQ_STATUS status;
	GuardCount *count;

	take_census();
	hash_seq_init(&status, counts);
	while ((count = hash_seq_search(&status)) != NULL)
	{
		GuardCount *copy = palloc(sizeof(GuardCount));

		Assert(count->tables > 0);
		*copy = *count;
		found = lappend(found, copy);
	}
	return found;
}

/* Must be called once, by _PG_init, after init_guard_cache. */
void
init_guard_census(void)
{
	CacheRegisterRelcacheCallback(note_change, (Datum) 0);
	CacheRegisterSyscacheCallback(PROCOID, note_function, (Datum) 0);
	CacheRegisterSyscacheCallback(NAMESPACEOID, note_function, (Datum) 0);
}
