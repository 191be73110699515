/*-------------------------------------------------------------------------
 *
 * event_triggers.h
 *	  Checks what a DDL statement has made or weakened.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_EVENT_TRIGGERS_H
#define TENANT_GUARD_EVENT_TRIGGERS_H

#include "nodes/pg_list.h"

extern void relations_were_made(List *relids, bool drop_on_commit);

#endif							/* TENANT_GUARD_EVENT_TRIGGERS_H */
