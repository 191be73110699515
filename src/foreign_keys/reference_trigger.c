/*-------------------------------------------------------------------------
 *
 * reference_trigger.c
 *	  The triggers that keep references to rows of everyone inside the tenant.
 *
 * A key to a table with rows of everyone does not carry the tenant: it could then
 * not reference those.  Constraint triggers beside it, one at each end, allow a
 * reference to a row of the same tenant or of everyone only (reference_check.c).
 *
 * A policy of the referencing table with EXISTS (SELECT FROM parent ...) would do
 * the same for one statement, but not while others run: its snapshot may show a
 * parent of the tenant that another session has moved meanwhile, and the key, which
 * is checked later, looks at the parent's existence only.  It would not be evaluated
 * for who bypasses row-level security, and would refuse rows that a deferred key
 * allows to be written before their parent.  A trigger locks the parent, as the key
 * itself does, and is deferred with it.
 *
 * A trigger is recognised by its function, and is for all keys of its table that are
 * checked when it is.  So a key needs no trigger of its own, and neither names of
 * columns nor of constraints are stored anywhere.
 *
 * The trigger of the referencing table fires before the keys of the table are checked.
 * If a key were checked first, it would pass for a row of another tenant, and fail for
 * one that does not exist: the error of the next key, or what another trigger does
 * meanwhile, would tell which.  Triggers fire in the order of their names.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/indexing.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_trigger.h"
#include "commands/defrem.h"
#include "commands/trigger.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "catalog.h"
#include "compat.h"
#include "extension_function.h"
#include "reference_trigger.h"

/* The trigger of each side: the function by which it is recognised, and the events for which it must fire. */
static const struct
{
	ExtensionFunction function;
	int16		events;
	const char *prefix;			/* of its name */
	const char *definition;		/* events, and below the function */
	const char *function_name;
}			sides[] = {

	[REFERENCING] = {
		EXTENSION_REFERENCE_CHECK, TRIGGER_TYPE_INSERT | TRIGGER_TYPE_UPDATE,
		"0_tenant_references", "INSERT OR UPDATE", "tenant_guard.check_reference()"
	},
	[REFERENCED] = {
		EXTENSION_REFERENCED_CHECK, TRIGGER_TYPE_UPDATE | TRIGGER_TYPE_DELETE,
		"tenant_referenced", "UPDATE OR DELETE", "tenant_guard.check_referenced()"
	}
};

static bool
is_reference_trigger(Form_pg_trigger trigger, ReferenceSide side)
{
	return !trigger->tgisinternal && extension_function(trigger->tgfoid) == sides[side].function;
}

/* Does a trigger fire after each row of these events, whatever the row and the column, and then when a key is checked? */
static bool
fires_for_all_rows(HeapTuple tuple, TupleDesc desc, ReferenceSide side, CheckTime time)
{
	Form_pg_trigger trigger = (Form_pg_trigger) GETSTRUCT(tuple);
	int16		wanted = TRIGGER_TYPE_ROW | TRIGGER_TYPE_AFTER | sides[side].events;
	bool		always;

	(void) heap_getattr(tuple, Anum_pg_trigger_tgqual, desc, &always);
	return is_reference_trigger(trigger, side) && always && trigger->tgattr.dim1 == 0 &&
		(trigger->tgtype & wanted) == wanted && (trigger->tgtype & TRIGGER_TYPE_TIMING_MASK) == TRIGGER_TYPE_AFTER &&
		trigger->tgdeferrable == time.deferrable && trigger->tginitdeferred == time.deferred;
}

/* Is this the trigger by which PostgreSQL checks a key of the referencing table?  RI_ConstraintTrigger_c_16384 is the name of one. */
static bool
checks_key(Form_pg_trigger trigger)
{
	return trigger->tgfoid == F_RI_FKEY_CHECK_INS || trigger->tgfoid == F_RI_FKEY_CHECK_UPD;
}

static bool
is_enabled(Form_pg_trigger trigger)
{
	return trigger->tgenabled == TRIGGER_FIRES_ON_ORIGIN || trigger->tgenabled == TRIGGER_FIRES_ALWAYS;
}

/*
 * The names of such triggers of a table that are enabled, or are not, or of their
 * constraints, which may have other names; palloc'd.  Those of the referencing side
 * that fire after a key's own check are left out.
 */
static List *
find_triggers(Oid relid, ReferenceSide side, CheckTime time, bool enabled, bool constraints)
{
	CatalogScan scan = begin_catalog_scan(TriggerRelationId, TriggerRelidNameIndexId, Anum_pg_trigger_tgrelid, relid, NULL);
	List	   *names = NIL;
	HeapTuple	tuple;

	/* the index is sorted by name */
	while (HeapTupleIsValid(tuple = next_catalog_row(&scan)) &&
		   !(side == REFERENCING && checks_key((Form_pg_trigger) GETSTRUCT(tuple))))
	{
		Form_pg_trigger trigger = (Form_pg_trigger) GETSTRUCT(tuple);
		char	   *constraint = constraints ? get_constraint_name(trigger->tgconstraint) : NULL;

		if (fires_for_all_rows(tuple, RelationGetDescr(scan.catalog), side, time) && is_enabled(trigger) == enabled)
			names = lappend(names, constraint ? constraint : pstrdup(NameStr(trigger->tgname)));
	}
	end_catalog_scan(&scan);
	return names;
}

/* The names of the constraints of the triggers of a table that check keys of this time, as SET CONSTRAINTS has them. */
List *
reference_constraints_at(Oid relid, ReferenceSide side, CheckTime time)
{
	return find_triggers(relid, side, time, true, true);
}

/* Has a table, and each partition of it, such a trigger, enabled? */
bool
reference_trigger_is_whole(Oid relid, ReferenceSide side, CheckTime time)
{
	ListCell   *lc;

	if (find_triggers(relid, side, time, true, false) == NIL)
		return false;
	if (get_rel_relkind(relid) == RELKIND_PARTITIONED_TABLE)
		foreach(lc, find_all_inheritors(relid, NoLock, NULL))
			if (find_triggers(lfirst_oid(lc), side, time, true, false) == NIL)
				return false;
	return true;
}

/* Are there triggers, enabled, beside a key that is checked then? */
bool
references_are_checked(Oid child, Oid parent, CheckTime time)
{
	return reference_trigger_is_whole(child, REFERENCING, time) && reference_trigger_is_whole(parent, REFERENCED, time);
}

/* The name of a trigger of a table that is disabled, and otherwise as it should be, or NULL; palloc'd. */
char *
idle_reference_trigger(Oid relid, ReferenceSide side, CheckTime time)
{
	List	   *names = find_triggers(relid, side, time, false, false);

	return names != NIL ? linitial(names) : NULL;
}

/* The names of a table's triggers of one side or, with "sides_wanted" of both bits, of both; with "disabled" the disabled ones. */
static List *
list_triggers(Oid relid, int sides_wanted, bool disabled)
{
	CatalogScan scan = begin_catalog_scan(TriggerRelationId, TriggerRelidNameIndexId, Anum_pg_trigger_tgrelid, relid, NULL);
	List	   *names = NIL;
	HeapTuple	tuple;

	while (HeapTupleIsValid(tuple = next_catalog_row(&scan)))
	{
		Form_pg_trigger trigger = (Form_pg_trigger) GETSTRUCT(tuple);

		for (int side = REFERENCING; side <= REFERENCED; side++)
			if ((sides_wanted & 1 << side) && is_reference_trigger(trigger, side) && (!disabled || !is_enabled(trigger)))
				names = lappend(names, pstrdup(NameStr(trigger->tgname)));
	}
	end_catalog_scan(&scan);
	return names;
}

/* Has a table a trigger of this side, whatever it is like? */
bool
has_reference_trigger(Oid relid, ReferenceSide side)
{
	return list_triggers(relid, 1 << side, false) != NIL;
}

/* The name of a trigger of a table, of whichever side, that is disabled, or NULL. */
char *
disabled_reference_trigger(Oid relid)
{
	List	   *names = list_triggers(relid, 1 << REFERENCING | 1 << REFERENCED, true);

	return names != NIL ? linitial(names) : NULL;
}

/* The names of a table's triggers of both sides. */
List *
reference_triggers(Oid relid)
{
	return list_triggers(relid, 1 << REFERENCING | 1 << REFERENCED, false);
}

/*
 * A name for a new trigger, which the table does not use.  It contains the name of
 * the table: a table that is attached as a partition has, besides its own, that of
 * the partitioned one.
 */
char *
reference_trigger_name(Oid relid, ReferenceSide side, CheckTime time)
{
	const char *label = !time.deferrable ? NULL : time.deferred ? "deferred" : "deferrable";
	char	   *name = makeObjectName(sides[side].prefix, get_rel_name(relid), label);

	for (int i = 1; OidIsValid(get_trigger_oid(relid, name, true)) ||
		 OidIsValid(get_relation_constraint_oid(relid, name, true)); i++)
	{
		CHECK_FOR_INTERRUPTS();
		name = makeObjectName(sides[side].prefix, get_rel_name(relid), psprintf("%s%d", label ? label : "", i));
	}
	return name;
}

/* The statement that makes a trigger. */
char *
reference_trigger_definition(Oid relid, ReferenceSide side, CheckTime time, const char *name)
{
	return psprintf("CREATE CONSTRAINT TRIGGER %s AFTER %s ON %s %s FOR EACH ROW EXECUTE FUNCTION %s",
					quote_identifier(name), sides[side].definition, relation_name(relid),
					!time.deferrable ? "NOT DEFERRABLE" : time.deferred ? "DEFERRABLE INITIALLY DEFERRED" : "DEFERRABLE",
					sides[side].function_name);
}

/* The table of a trigger of either side, also of one that this command has dropped; else InvalidOid. */
Oid
table_of_reference_trigger(Oid trigger)
{
	CatalogScan scan = begin_catalog_scan(TriggerRelationId, TriggerOidIndexId, Anum_pg_trigger_oid, trigger, SnapshotAny);
	Oid			relid = InvalidOid;
	HeapTuple	tuple;

	while (HeapTupleIsValid(tuple = next_catalog_row(&scan)))
		if (is_reference_trigger((Form_pg_trigger) GETSTRUCT(tuple), REFERENCING) ||
			is_reference_trigger((Form_pg_trigger) GETSTRUCT(tuple), REFERENCED))
			relid = ((Form_pg_trigger) GETSTRUCT(tuple))->tgrelid;
	end_catalog_scan(&scan);
	return relid;
}
