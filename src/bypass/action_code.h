/*-------------------------------------------------------------------------
 *
 * action_code.h
 *	  Refuses actions of foreign keys that would run triggers as another role.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_ACTION_CODE_H
#define TENANT_GUARD_ACTION_CODE_H

#include "nodes/pg_list.h"

/* Whose AFTER triggers a foreign key's action may queue. */
typedef struct ActionWatch
{
	Oid			role;			/* as which they would run; InvalidOid: actions are not watched */
	Oid			owner;			/* of the tables that its statement writes, or InvalidOid: it runs the code of that role, too */
} ActionWatch;

extern ActionWatch watch_actions(ActionWatch watch);
extern ActionWatch function_queues(void);
extern void check_code_of_action(List *permission_infos);

#endif							/* TENANT_GUARD_ACTION_CODE_H */
