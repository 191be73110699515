/*-------------------------------------------------------------------------
 *
 * ddl_watch.c
 *	  Whether event triggers other than this extension's see our DDL.
 *
 * A guard can be written without statements (new_guard.c), but an event trigger
 * of a library or of an application that captures or audits DDL must see
 * them.  Event triggers change seldom, so the answer is kept until one does.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/dependency.h"
#include "catalog/pg_proc.h"
#include "commands/extension.h"
#include "tcop/cmdtag.h"
#include "utils/evtcache.h"
#include "utils/inval.h"
#include "utils/syscache.h"

#include "ddl_watch.h"
#include "library.h"

static bool is_known = false;
static bool is_watched;

/* Counts invalidations: what was read while one arrived is not kept. */
static uint64 changes = 0;

/* Is the event trigger fired for the statements by which guards are made? */
static bool
sees_guards(const EventTriggerCacheItem *trigger)
{
	return trigger->tagset == NULL || bms_is_member(CMDTAG_ALTER_TABLE, trigger->tagset) ||
		bms_is_member(CMDTAG_CREATE_POLICY, trigger->tagset);
}

/* Adds the functions of such event triggers.  PostgreSQL's list is valid only as long as nothing else is read. */
static List *
add_functions(List *functions, EventTriggerEvent event)
{
	ListCell   *lc;

	foreach(lc, EventCacheLookup(event))
		if (sees_guards(lfirst(lc)))
			functions = lappend_oid(functions, ((EventTriggerCacheItem *) lfirst(lc))->fnoid);
	return functions;
}

static bool
read_watched(void)
{
	Oid			extension = get_extension_oid(EXTENSION_NAME, true);
	List	   *functions = add_functions(add_functions(NIL, EVT_DDLCommandStart), EVT_DDLCommandEnd);
	ListCell   *lc;

	foreach(lc, functions)
		if (!OidIsValid(extension) || getExtensionOfObject(ProcedureRelationId, lfirst_oid(lc)) != extension)
			return true;
	return false;
}

/* Does an event trigger of others, that is not disabled, see ALTER TABLE or CREATE POLICY?  It is not asked which settings let it fire. */
bool
ddl_is_watched(void)
{
	uint64		before = changes;
	bool		watched;

	if (is_known)
		return is_watched;
	watched = read_watched();
	is_known = before == changes;
	is_watched = watched;
	return watched;
}

static void
forget_watched(Datum arg, int cacheid, uint32 hashvalue)
{
	changes++;
	is_known = false;
}

/* Must be called once, by _PG_init. */
void
init_ddl_watch(void)
{
	CacheRegisterSyscacheCallback(EVENTTRIGGEROID, forget_watched, (Datum) 0);
}
