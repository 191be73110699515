/*-------------------------------------------------------------------------
 *
 * action_code.c
 *	  Refuses actions of foreign keys that would run triggers as another role.
 *
 * A statement of ours that deletes rows runs as the owner of their table
 * (own_sql.c).  A foreign key's action on a table of another owner runs as that
 * owner, and so do the BEFORE triggers that it fires.  But until PostgreSQL 17
 * its AFTER triggers fire when our statement ends, as the role that runs that.
 * So such an action is refused where it would queue them, before it can fire
 * anything.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_trigger.h"
#include "commands/trigger.h"
#include "miscadmin.h"
#include "utils/rel.h"

#include "access_refusals.h"
#include "action_code.h"
#include "catalog.h"
#include "compat.h"

#define WRITES (ACL_INSERT | ACL_UPDATE | ACL_DELETE)

/*
 * While actions are watched: the role as which the statement runs whose AFTER
 * triggers are those of the actions, which is the role of the function that is
 * running, if there is one.  (The functions of foreign keys are built in, and the
 * function manager has no hook for those.)
 */
static ActionWatch watched = {InvalidOid, InvalidOid};

/* Begins to watch actions.  Returns what must be passed when the statement ends, with or without an error. */
ActionWatch
watch_actions(ActionWatch watch)
{
	ActionWatch outer = watched;

	watched = watch;
	return outer;
}

/* Must be called when a function begins.  Returns what must be passed to watch_actions when it ends. */
ActionWatch
function_queues(void)
{
	return watch_actions((ActionWatch) {OidIsValid(watched.role) ? GetUserId() : InvalidOid, InvalidOid});
}

/* Would this trigger fire after such a statement, and is its function one of a role that is none of those watched and no superuser? */
static bool
runs_code_of_other(const Trigger *trigger, AclMode written)
{
	int			events = ((written & ACL_INSERT) ? TRIGGER_TYPE_INSERT : 0) |
	((written & ACL_UPDATE) ? TRIGGER_TYPE_UPDATE : 0) | ((written & ACL_DELETE) ? TRIGGER_TYPE_DELETE : 0);
	Oid			author;

	if (trigger->tgisinternal || trigger->tgenabled == TRIGGER_DISABLED || !TRIGGER_FOR_AFTER(trigger->tgtype) ||
		(trigger->tgtype & events) == 0)
		return false;
	author = object_owner(ProcedureRelationId, trigger->tgfoid);
	return author != watched.role && author != watched.owner && !superuser_arg(author);
}

/* Raises an error if a table has such a trigger. */
static void
check_triggers(Oid relid, AclMode written)
{
	Oid			owner = object_owner(RelationRelationId, relid);
	Relation	table;

	if (owner == watched.role || owner == watched.owner)
		return;
	table = table_open(relid, AccessShareLock);
	for (int i = 0; table->trigdesc != NULL && i < table->trigdesc->numtriggers; i++)
		if (runs_code_of_other(&table->trigdesc->triggers[i], written))
			raise_refusal(fires_trigger_as_other(relid, table->trigdesc->triggers[i].tgname, watched.role));
	table_close(table, AccessShareLock);
}

/* Notes the owner of the tables that a query writes, if it writes any; InvalidOid if they have several. */
static void
note_written(List *permission_infos)
{
	Oid			owner = InvalidOid;
	ListCell   *lc;

	foreach(lc, permission_infos)
	{
		const PermissionInfo *info = lfirst(lc);
		Oid			other;

		if (!OidIsValid(info->relid) || (info->requiredPerms & WRITES) == 0)
			continue;
		other = object_owner(RelationRelationId, info->relid);
		watched.owner = OidIsValid(owner) && other != owner ? InvalidOid : other;
		if (!OidIsValid(watched.owner))
			return;
		owner = other;
	}
}

/* Checks what a query writes that is a watched action's, or that a rule has added to that; notes what another one writes. */
void
check_code_of_action(List *permission_infos)
{
	ListCell   *lc;

	if (!OidIsValid(watched.role) || triggers_run_as_who_queued_them())
		return;
	if (watched.role == GetUserId() || !InNoForceRLSOperation())
	{
		note_written(permission_infos);
		return;
	}
	foreach(lc, permission_infos)
	{
		const PermissionInfo *info = lfirst(lc);
		ListCell   *part;

		if (!OidIsValid(info->relid) || (info->requiredPerms & WRITES) == 0)
			continue;
		foreach(part, find_all_inheritors(info->relid, AccessShareLock, NULL))
			check_triggers(lfirst_oid(part), info->requiredPerms & WRITES);
	}
}
