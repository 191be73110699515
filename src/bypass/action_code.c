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

/*
 * While actions are watched: the role as which the statement runs whose AFTER
 * triggers are those of the actions, which is the role of the function that is
 * running, if there is one; else InvalidOid.  (The functions of foreign keys are
 * built in, and the function manager has no hook for those.)
 */
static Oid	queueing_role = InvalidOid;

/*
 * Begins to watch actions of a statement that runs as this role.  Returns what must be
 * passed when the statement ends, with or without an error.
 */
Oid
watch_actions(Oid role)
{
	Oid			outer = queueing_role;

	queueing_role = role;
	return outer;
}

/* Must be called when a function begins.  Returns what must be passed to watch_actions when it ends. */
Oid
function_queues(void)
{
	return OidIsValid(queueing_role) ? watch_actions(GetUserId()) : InvalidOid;
}

/* Would this trigger fire after such a statement, and is its function one of a role that is neither a superuser nor "role"? */
static bool
runs_code_as(const Trigger *trigger, AclMode written, Oid role)
{
	int			events = ((written & ACL_INSERT) ? TRIGGER_TYPE_INSERT : 0) |
	((written & ACL_UPDATE) ? TRIGGER_TYPE_UPDATE : 0) | ((written & ACL_DELETE) ? TRIGGER_TYPE_DELETE : 0);
	Oid			author;

	if (trigger->tgisinternal || trigger->tgenabled == TRIGGER_DISABLED || !TRIGGER_FOR_AFTER(trigger->tgtype) ||
		(trigger->tgtype & events) == 0)
		return false;
	author = object_owner(ProcedureRelationId, trigger->tgfoid);
	return author != role && !superuser_arg(author);
}

/* Raises an error if a table has such a trigger. */
static void
check_triggers(Oid relid, AclMode written, Oid role)
{
	Relation	table;

	if (object_owner(RelationRelationId, relid) == role)
		return;
	table = table_open(relid, AccessShareLock);
	for (int i = 0; table->trigdesc != NULL && i < table->trigdesc->numtriggers; i++)
		if (runs_code_as(&table->trigdesc->triggers[i], written, role))
			raise_refusal(fires_trigger_as_other(relid, table->trigdesc->triggers[i].tgname, role));
	table_close(table, AccessShareLock);
}

/* Checks what a query writes that is a watched action's, or that a rule has added to that. */
void
check_code_of_action(List *permission_infos)
{
	ListCell   *lc;

	if (!OidIsValid(queueing_role) || queueing_role == GetUserId() || !InNoForceRLSOperation() ||
		triggers_run_as_who_queued_them())
		return;
	foreach(lc, permission_infos)
	{
		const PermissionInfo *info = lfirst(lc);
		AclMode		written = info->requiredPerms & (ACL_INSERT | ACL_UPDATE | ACL_DELETE);
		ListCell   *part;

		if (!OidIsValid(info->relid) || written == 0)
			continue;
		foreach(part, find_all_inheritors(info->relid, AccessShareLock, NULL))
			check_triggers(lfirst_oid(part), written, queueing_role);
	}
}
