/*-------------------------------------------------------------------------
 *
 * guard.c
 *	  Which tables are guarded, by which column, and what a guard lacks.
 *
 * This is read from the catalogs; there is no table of guarded tables.  A table
 * is guarded if row-level security is enabled and forced, it has the restrictive
 * policies of a shape as install_guard.c creates them, the collation of the tenant
 * column is deterministic, and it cannot be null, unless the shape has rows of
 * everyone.  The guard is damaged if only some of that is true.  The permissive
 * policy and the column's default do not matter here: an application may replace
 * either, and neither can show more rows than the restrictive policy allows.
 *
 * Verdicts are cached per relation.  A relcache invalidation drops the
 * relation's, and a change of any function or schema drops all, since the policy
 * calls a function.  The catalogs are read by index with a catalog snapshot, so
 * no lock on the table is needed, and a table that was dropped concurrently is
 * not guarded.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_class.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#include "compat.h"
#include "guard.h"
#include "guard_policy.h"
#include "not_null.h"

typedef struct GuardEntry
{
	Oid			relid;			/* hash key */
	Guard		guard;
} GuardEntry;

static HTAB *guard_cache = NULL;

/* A copy of the entry that was looked up last: a short query looks the same one up a dozen times. */
static GuardEntry last_asked = {InvalidOid};

/* Counts invalidations: what was read while one arrived is not cached. */
static uint64 invalidations = 0;

/* Does the column's collation call different tenants equal?  False for a column that does not exist. */
static bool
column_confuses_tenants(Oid relid, AttrNumber attnum)
{
	HeapTuple	tuple = SearchSysCache2(ATTNUM, ObjectIdGetDatum(relid), Int16GetDatum(attnum));
	Oid			collation = InvalidOid;

	if (HeapTupleIsValid(tuple))
	{
		collation = ((Form_pg_attribute) GETSTRUCT(tuple))->attcollation;
		ReleaseSysCache(tuple);
	}
	return OidIsValid(collation) && SearchSysCacheExists1(COLLOID, ObjectIdGetDatum(collation)) &&
		!get_collation_isdeterministic(collation);
}

/* Reads a relation's guard from the catalogs, without the cache. */
static Guard
read_guard(Oid relid)
{
	Guard		guard = {GUARD_NONE, SHAPE_NONE, 0, NULL};
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
	if (facts.shape == SHAPE_NONE)
		return guard;
	guard.attnum = facts.column;
	guard.shape = facts.shape == SHAPE_TO_MEND ? facts.was : facts.shape;
	if (facts.shape == SHAPE_TO_MEND)
		guard.damage = facts.damage;
	else if (!enabled)
		guard.damage = "its row-level security is not enabled";
	else if (!forced)
		guard.damage = "its row-level security is not forced";
	else if (facts.shape == SHAPE_TENANT_COLUMN && !column_is_not_null(relid, facts.column, false))
		guard.damage = "its tenant column takes nulls";
	else if (column_confuses_tenants(relid, facts.column))
		guard.damage = "its tenant column has a nondeterministic collation";
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

/* Returns the guard of a relation; its status is GUARD_NONE for one that does not exist. */
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
	Assert(entry->guard.status != GUARD_WHOLE || (entry->guard.attnum > 0 && entry->guard.damage == NULL));
	Assert(entry->guard.status != GUARD_DAMAGED || entry->guard.damage != NULL);
	last_asked = *entry;
	return last_asked.guard;
}

/* Is this a guarded table, or one whose guard is damaged, of which the rows without a tenant are everyone's? */
bool
has_rows_of_everyone(Oid relid)
{
	return guard_of(relid).shape == SHAPE_OWN_OR_SHARED;
}

/* A count of invalidations: while it is the same, what was concluded from guards holds. */
uint64
guard_invalidations(void)
{
	return invalidations;
}

/* Must be called once, by _PG_init. */
void
init_guard_cache(void)
{
	HASHCTL		ctl = {.keysize = sizeof(Oid), .entrysize = sizeof(GuardEntry)};

	Assert(guard_cache == NULL);
	guard_cache = hash_create("tenant_guard guards", 256, &ctl,
							  HASH_ELEM | HASH_BLOBS);
	CacheRegisterRelcacheCallback(forget_relation, (Datum) 0);
	CacheRegisterSyscacheCallback(PROCOID, forget_all, (Datum) 0);
	/* extension_function() compares the name of the function's schema, too */
	CacheRegisterSyscacheCallback(NAMESPACEOID, forget_all, (Datum) 0);
}
