/*-------------------------------------------------------------------------
 *
 * trigger_owner.c
 *	  Who may put a trigger on a guarded table, or another of its owner's.
 *
 * PostgreSQL lets everyone do so who has the privilege TRIGGER, which is among
 * GRANT ALL.  But what a foreign key's action does to a table it does as the
 * owner of that, and its triggers run as the owner too: whoever puts one there
 * runs code of his own as the owner.  The triggers that a foreign key itself
 * needs are not made by a statement, and are not seen here.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/table.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_trigger.h"
#include "utils/acl.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"

#include "access_check.h"
#include "catalog.h"
#include "compat.h"
#include "foreign_key.h"
#include "guard.h"
#include "guard_refusals.h"
#include "relation_argument.h"
#include "trigger_owner.h"

/* The relation that a trigger is on, or InvalidOid if it is gone. */
Oid
table_of_trigger(Oid trigger)
{
	Relation	triggers = table_open(TriggerRelationId, AccessShareLock);
	Oid			relid = InvalidOid;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&key, Anum_pg_trigger_oid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(trigger));
	scan = systable_beginscan(triggers, TriggerOidIndexId, true, NULL, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
		relid = ((Form_pg_trigger) GETSTRUCT(tuple))->tgrelid;
	systable_endscan(scan);
	table_close(triggers, AccessShareLock);
	return relid;
}

/* Does a foreign key, of the table or of one that it is a part of, act on its rows? */
static bool
keys_act_on(Oid relid)
{
	ListCell   *lc;
	ListCell   *lk;

	foreach(lc, lcons_oid(relid, ancestors_of(relid)))
		foreach(lk, foreign_keys_from(lfirst_oid(lc)))
			if (acts_on_child(((ForeignKey *) lfirst(lk))->on_delete) ||
				acts_on_child(((ForeignKey *) lfirst(lk))->on_update))
				return true;
	return false;
}

/*
 * The rights of an owner of guarded tables are given away by another table of
 * the same owner's, too.
 */
static void
check_trigger_on(Oid relid)
{
	bool		guarded = guard_of(relid).status != GUARD_NONE;

	if (user_owns_relation(relid) ||
		(!guarded && !(keys_act_on(relid) && has_rights_over_tenants(object_owner(RelationRelationId, relid)))) ||
		weakening_is_meant(relid))
		return;
	raise_refusal(trigger_of_other(relation_name(relid), guarded));
}

/*
 * Refuses a trigger that has been made on a guarded table by one who neither
 * owns it nor is a member of its owner nor a superuser.  A partitioned table's
 * partitions have the trigger too.
 */
void
check_new_trigger(Oid trigger)
{
	Oid			relid = table_of_trigger(trigger);
	ListCell   *lc;

	if (!OidIsValid(relid))
		return;
	if (get_rel_relkind(relid) != RELKIND_PARTITIONED_TABLE)
		check_trigger_on(relid);
	else
		foreach(lc, find_all_inheritors(relid, NoLock, NULL))
			check_trigger_on(lfirst_oid(lc));
}
