/*-------------------------------------------------------------------------
 *
 * reference_trigger.h
 *	  The triggers that keep references to rows of everyone inside the tenant.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_REFERENCE_TRIGGER_H
#define TENANT_GUARD_REFERENCE_TRIGGER_H

#include "nodes/pg_list.h"

/* The end of a foreign key that a trigger is at. */
typedef enum ReferenceSide
{
	REFERENCING,
	REFERENCED
} ReferenceSide;

/* When a trigger, or the key that it is beside, is checked. */
typedef struct CheckTime
{
	bool		deferrable;
	bool		deferred;		/* INITIALLY DEFERRED */
} CheckTime;

extern bool references_are_checked(Oid child, Oid parent, CheckTime time);
extern bool has_reference_trigger(Oid relid, ReferenceSide side);
extern bool reference_trigger_is_whole(Oid relid, ReferenceSide side, CheckTime time);
extern char *disabled_reference_trigger(Oid relid);
extern char *idle_reference_trigger(Oid relid, ReferenceSide side, CheckTime time);
extern List *reference_constraints_at(Oid relid, ReferenceSide side, CheckTime time);
extern List *reference_triggers(Oid relid);
extern char *reference_trigger_name(Oid relid, ReferenceSide side, CheckTime time);
extern char *reference_trigger_definition(Oid relid, ReferenceSide side, CheckTime time, const char *name);
extern Oid	table_of_reference_trigger(Oid trigger);

#endif							/* TENANT_GUARD_REFERENCE_TRIGGER_H */
