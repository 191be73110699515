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

extern Oid	watch_actions(Oid role);
extern Oid	function_queues(void);
extern void check_code_of_action(List *permission_infos);

#endif							/* TENANT_GUARD_ACTION_CODE_H */
