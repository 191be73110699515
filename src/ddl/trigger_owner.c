/*-------------------------------------------------------------------------
 *
 * trigger_owner.c
 *	  Who may put a trigger on a guarded table, or another of its owner's.
 *
 * PostgreSQL lets every role do so that has the privilege TRIGGER, which GRANT
 * ALL includes.  But a foreign key's action runs as the owner of the referencing
 * table, and so do the triggers that it fires: whoever makes one there runs code
 * of his own as the owner.  The RI triggers of foreign keys are not made by CREATE
 * TRIGGER and are not checked.
 *
 * The catalogs do not record who made an existing trigger.  It is judged by the
 * owners of the functions that it calls.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_proc.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rls.h"

#include "bypass.h"
#include "catalog.h"
#include "compat.h"
#include "foreign_key.h"
#include "guard.h"
#include "guard_refusals.h"
#include "guarded_owner.h"
#include "mismatch_refusals.h"
#include "own_sql.h"
#include "trigger_owner.h"

/* A trigger, and a function that it calls and that another role owns. */
typedef struct ForeignTrigger
{
	Oid			trigger;
	Oid			function;
} ForeignTrigger;

/* The row of pg_trigger of a trigger; all zeros if it does not exist. */
static FormData_pg_trigger
read_trigger(Oid trigger)
{
	FormData_pg_trigger row = {0};
	CatalogScan scan;
	HeapTuple	tuple;

	scan = begin_catalog_scan(TriggerRelationId, TriggerOidIndexId, Anum_pg_trigger_oid, trigger, NULL);
	tuple = next_catalog_row(&scan);
	if (HeapTupleIsValid(tuple))
		row = *(Form_pg_trigger) GETSTRUCT(tuple);
	end_catalog_scan(&scan);
	return row;
}

/* The relation that a trigger is on, or InvalidOid if it does not exist. */
Oid
table_of_trigger(Oid trigger)
{
	return read_trigger(trigger).tgrelid;
}

/* Does an action of a foreign key, of the table or an ancestor, write its rows? */
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
 * Has code that runs as the owner of this table rights over tenants' rows?  True
 * also for a table that is not guarded, if its owner owns guarded tables.
 */
bool
has_rights_of_owner(Oid relid)
{
	return guard_of(relid).status != GUARD_NONE ||
		has_rights_over_tenants(object_owner(RelationRelationId, relid));
}

/* May triggers on this table run with rights over tenants' rows? */
static bool
triggers_matter(Oid relid)
{
	return guard_of(relid).status != GUARD_NONE || (keys_act_on(relid) && has_rights_of_owner(relid));
}

/*
 * Refuses a new trigger on a table of another owner who has rights over tenants'
 * rows: it may be fired as the owner, by a foreign key's action, by a SECURITY
 * DEFINER function that writes to the table, or by the owner himself.
 */
static void
check_trigger_on(Oid relid)
{
	bool		guarded = guard_of(relid).status != GUARD_NONE;

	Assert(OidIsValid(relid));
	if (user_owns_relation(relid) || !has_rights_of_owner(relid) || weakening_is_allowed(relid))
		return;
	raise_refusal(trigger_of_other(guarded ? "guarded table" : get_rel_relkind(relid) == RELKIND_VIEW ? "view" : "table", relid, guarded));
}

/* Does a view read a guarded table, directly or through other views? */
static bool
reads_guarded_table(Oid view)
{
	ListCell   *lc;

	foreach(lc, query_datums(psprintf("WITH RECURSIVE reads (oid) AS ("
									  "SELECT %u::oid"
									  " UNION SELECT d.refobjid FROM reads v JOIN pg_rewrite w ON w.ev_class = v.oid AND w.ev_type = '1'"
									  " JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid"
									  " AND d.refclassid = 'pg_class'::regclass)"
									  " SELECT oid FROM reads", view)))
		if (guard_of(DatumGetObjectId(PointerGetDatum(lfirst(lc)))).status != GUARD_NONE)
			return true;
	return false;
}

/* Refuses an INSTEAD OF trigger, which sees what every tenant writes through the view. */
static void
check_trigger_on_view(Oid view)
{
	if (!user_owns_relation(view) && reads_guarded_table(view) && !weakening_is_allowed(view))
		raise_refusal(trigger_on_view_of_other(view));
}

/*
 * Refuses a trigger that has been made on a guarded table, or on a view that reads
 * one, by a role that is neither its owner, nor a member of its owner, nor a
 * superuser.  Partitions of a partitioned table have the trigger too.
 */
void
check_new_trigger(Oid trigger)
{
	Oid			relid = table_of_trigger(trigger);
	ListCell   *lc;

	if (!OidIsValid(relid))
		return;
	if (get_rel_relkind(relid) == RELKIND_VIEW)
		check_trigger_on_view(relid);
	if (get_rel_relkind(relid) != RELKIND_PARTITIONED_TABLE)
		check_trigger_on(relid);
	else
		foreach(lc, find_all_inheritors(relid, NoLock, NULL))
			check_trigger_on(lfirst_oid(lc));
}

/* ----------------------------------------------------------------
 *		Existing triggers
 * ----------------------------------------------------------------
 */

/* Has a table triggers of its own: neither internal, nor cloned from a parent's? */
static bool
has_own_triggers(Oid relid)
{
	bool		found = false;
	CatalogScan scan;
	HeapTuple	tuple;

	if (!parts_of_relation(relid).triggers)
		return false;
	scan = begin_catalog_scan(TriggerRelationId, TriggerRelidNameIndexId, Anum_pg_trigger_tgrelid, relid, NULL);
	while (!found && HeapTupleIsValid(tuple = next_catalog_row(&scan)))
	{
		Form_pg_trigger trigger = (Form_pg_trigger) GETSTRUCT(tuple);

		found = !trigger->tgisinternal && !OidIsValid(trigger->tgparentid);
	}
	end_catalog_scan(&scan);
	return found;
}

/*
 * The first trigger of a table that calls, itself or in its WHEN condition, a
 * function of a role that is neither the table's owner, nor a member of the owner,
 * nor a superuser.  The rule trigger_of_other of audit() has the same query.
 */
static ForeignTrigger
foreign_trigger(Oid relid)
{
	ForeignTrigger found = {InvalidOid, InvalidOid};
	List	   *oids;

	if (!has_own_triggers(relid))
		return found;
	oids = query_datums(psprintf("SELECT unnest(ARRAY[s.oid, s.function]) FROM ("
								 "SELECT t.oid, f.oid AS function FROM pg_trigger t"
								 " JOIN pg_class c ON c.oid = t.tgrelid"
								 " JOIN pg_depend d ON d.classid = 'pg_trigger'::regclass AND d.objid = t.oid"
								 " LEFT JOIN pg_operator o ON d.refclassid = 'pg_operator'::regclass AND o.oid = d.refobjid"
								 " JOIN pg_proc f ON f.oid = CASE WHEN d.refclassid = 'pg_proc'::regclass THEN d.refobjid ELSE o.oprcode END"
								 " JOIN pg_roles r ON r.oid = f.proowner"
								 " WHERE t.tgrelid = %u AND NOT t.tgisinternal AND t.tgparentid = 0"
								 " AND NOT r.rolsuper AND NOT pg_has_role(r.oid, c.relowner, 'MEMBER')"
								 " ORDER BY t.tgname, f.oid LIMIT 1) s", relid));
	if (list_length(oids) == 2)
		found = (ForeignTrigger)
	{
		DatumGetObjectId(PointerGetDatum(linitial(oids))), DatumGetObjectId(PointerGetDatum(lsecond(oids)))
	};
	return found;
}

/*
 * Reports a table that has such a trigger, as an error or a warning.  With
 * row_security off, as in a script made by pg_dump, or if the user opted in to
 * that, it is always a warning.
 */
void
check_no_foreign_trigger(Oid relid, int level)
{
	ForeignTrigger found = foreign_trigger(relid);
	FormData_pg_trigger trigger;
	Refusal		refusal;

	if (!OidIsValid(found.trigger))
		return;
	trigger = read_trigger(found.trigger);
	refusal = calls_function_of_other(relid, NameStr(trigger.tgname), found.function);
	report_refusal(level == ERROR && row_security && !weakening_is_allowed(relid) ? ERROR : WARNING, refusal, 0);
}

/*
 * Does that for a table, its partitions and children, if their triggers may run
 * with rights over tenants' rows: after the table became guarded, gained a foreign
 * key, or was given to another owner.
 */
void
check_old_triggers(Oid relid, int level)
{
	ListCell   *lc;

	foreach(lc, find_all_inheritors(relid, NoLock, NULL))
		if (has_own_triggers(lfirst_oid(lc)) && triggers_matter(lfirst_oid(lc)))
			check_no_foreign_trigger(lfirst_oid(lc), level);
}
