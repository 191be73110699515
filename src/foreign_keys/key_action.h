/*-------------------------------------------------------------------------
 *
 * key_action.h
 *	  Restricts the actions of foreign keys to rows of the transaction's tenant.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_KEY_ACTION_H
#define TENANT_GUARD_KEY_ACTION_H

#include "nodes/plannodes.h"

typedef struct KeyAction KeyAction;

extern void init_key_actions(void);
extern KeyAction *read_key_action(const Query *query);
extern void check_key_action(PlannedStmt *plan, const KeyAction *action);

#endif							/* TENANT_GUARD_KEY_ACTION_H */
