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

/* The one that was asked for last: a short query asks a dozen times for the same. */
static GuardEntry last_asked = {InvalidOid};

/* Counts invalidations, so that a verdict reached across one is not kept. */
static uint64 invalidations = 0;

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
