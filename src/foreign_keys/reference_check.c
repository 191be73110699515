/*-------------------------------------------------------------------------
 *
 * reference_check.c
 *	  The functions of the triggers beside keys to tables with rows of everyone.
 *
 * check_reference() looks the parent of a new or changed row up, and locks it FOR KEY
 * SHARE if its tenant is that of the row, or null.  A row that finds none is refused
 * with the error that the key gives.  Rows of other tenants are not locked: it would
 * wait for who deletes one, and so tell that it exists.
 * check_referenced() is called for a changed or deleted parent.  It locks the row
 * that now has its key FOR UPDATE, so that it waits for all that have referenced it,
 * and refuses it if rows of other tenants reference it.  The two locks conflict:
 * whichever session comes second waits, and sees what the first has written.  A
 * change of a tenant alone locks a row FOR NO KEY UPDATE, which would not conflict.
 *
 * Both see what other transactions have committed meanwhile, and every tenant's rows
 * (reference_lookup.c).  The tenant of the transaction does not matter: who bypasses
 * isolation is checked, too.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "commands/trigger.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/rls.h"
#include "utils/snapmgr.h"

#include "access_refusals.h"
#include "guard.h"
#include "key_refusals.h"
#include "reference_lookup.h"

PG_FUNCTION_INFO_V1(tenant_guard_check_reference);
PG_FUNCTION_INFO_V1(tenant_guard_check_referenced);

/* Reads the columns of a key into the parameters of a query.  Returns false if one of the key is null: it references nothing. */
static bool
read_columns(const Reference *reference, TupleTableSlot *slot, LookupCall *call)
{
	for (int i = 0; i <= reference->ncolumns; i++)
	{
		bool		isnull;

		call->values[i] = slot_getattr(slot, reference->columns[i], &isnull);
		call->nulls[i] = isnull ? 'n' : ' ';
		if (isnull && i < reference->ncolumns)
			return false;
	}
	return true;
}

/* Do two rows of a table differ in one of these columns? */
static bool
columns_differ(TupleTableSlot *old, TupleTableSlot *new, const AttrNumber *columns, int ncolumns)
{
	for (int i = 0; i < ncolumns; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(new->tts_tupleDescriptor, columns[i] - 1);
		bool		old_null;
		bool		new_null;
		Datum		old_value = slot_getattr(old, columns[i], &old_null);
		Datum		new_value = slot_getattr(new, columns[i], &new_null);

		if (old_null != new_null ||
			(!new_null && !datum_image_eq(old_value, new_value, attribute->attbyval, attribute->attlen)))
			return true;
	}
	return false;
}

/* Does row-level security apply neither to the current user nor to the user who runs the statement, as which a key's action may not run? */
static bool
may_know_of(Oid relid)
{
	return check_enable_rls(relid, InvalidOid, true) != RLS_ENABLED && check_enable_rls(relid, GetOuterUserId(), true) != RLS_ENABLED;
}

/* The error that PostgreSQL raises for a parent that does not exist; who may see all rows is told that it does. */
static void
refuse_reference(const Reference *reference, Relation table, bool told)
{
	const char *name = get_constraint_name(reference->key);

	ereport(ERROR,
			(errcode(ERRCODE_FOREIGN_KEY_VIOLATION),
			 errmsg("insert or update on table \"%s\" violates foreign key constraint \"%s\"",
					RelationGetRelationName(table), name ? name : ""),
			 told ? errdetail("The row of table \"%s\" that it references belongs to another tenant.", get_rel_name(reference->parent)) :
			 errdetail("Key is not present in table \"%s\".", get_rel_name(reference->parent)),
			 errtableconstraint(table, name ? name : "")));
}

/* Is it this trigger, by the time at which it fires, that checks a reference?  If so, refuses one that leads to a damaged guard. */
static bool
is_checked_by(const Reference *reference, const TriggerData *trigger)
{
	if (reference->time.deferrable != trigger->tg_trigger->tgdeferrable ||
		reference->time.deferred != trigger->tg_trigger->tginitdeferred)
		return false;
	if (OidIsValid(reference->damaged))
		raise_refusal(damaged_guard(reference->damaged, guard_of(reference->damaged).damage));
	return true;
}

/* Is a reference of a row to be checked: because it is new, or the statement has changed it? */
static bool
is_to_check(const Reference *reference, const TriggerData *trigger)
{
	bool		isnull;

	if (!is_checked_by(reference, trigger))
		return false;
	if (!TRIGGER_FIRED_BY_UPDATE(trigger->tg_event))
		return true;
	/* as in ri_triggers.c: the check of a row that this transaction inserted may be skipped, since the row is dead by now */
	return TransactionIdIsCurrentTransactionId(DatumGetTransactionId(slot_getsysattr(trigger->tg_trigslot,
																					 MinTransactionIdAttributeNumber, &isnull))) ||
		columns_differ(trigger->tg_trigslot, trigger->tg_newslot, reference->columns, reference->ncolumns + 1);
}

/*
 * Looks up a parent that the row may reference.  FOR KEY SHARE does not conflict with
 * an update of the tenant, and returns the version of the row that the snapshot shows
 * even if it has waited for check_referenced() in the transaction that has updated it.
 * So it looks again if a transaction has ended meanwhile.  The lock that it has got by
 * then holds up those that come later.
 */
static void
look_up_parent(Reference *reference, LookupCall *call)
{
	const Datum *tenant = call->nulls[reference->ncolumns] == 'n' ? NULL : &call->values[reference->ncolumns];

	do
	{
		CHECK_FOR_INTERRUPTS();
		if (!scan_for_parent(&reference->scan, call->values, tenant, &call->found, &call->ended))
			look_up(&reference->parents, call);
	} while (call->found && GetLatestSnapshot()->snapXactCompletionCount != call->ended);
}

static void
check_row_references(Reference *reference, const TriggerData *trigger, TupleTableSlot *slot)
{
	LookupCall	call = {0};

	if (!is_to_check(reference, trigger) || !read_columns(reference, slot, &call))
		return;
	look_up_parent(reference, &call);
	if (call.found)
		return;
	if (may_know_of(reference->parent))
		look_up(&reference->others, &call);
	refuse_reference(reference, trigger->tg_relation, call.found);
}

/* Refuses a row of the parent that rows of other tenants reference: the one that has the key that the old row had. */
static void
check_row_referenced(Reference *reference, const TriggerData *trigger)
{
	LookupCall	call = {0};

	if (!is_checked_by(reference, trigger) || !read_columns(reference, trigger->tg_trigslot, &call))
		return;
	look_up(&reference->parents, &call);
	if (!call.found || call.isnull)
		return;
	call.values[reference->ncolumns] = call.value;
	call.nulls[reference->ncolumns] = ' ';
	look_up(&reference->others, &call);
	if (call.found)
		raise_refusal(row_crosses_tenants(reference->child, reference->parent, get_constraint_name(reference->key)));
}

/* Can a change of a parent matter?  Only a change of the tenant, or of a column of a unique index, of which keys reference some. */
static bool
parent_matters(const TriggerData *trigger, AttrNumber tenant)
{
	Bitmapset  *attributes;
	int			attribute = -1;
	bool		differ;

	if (!TRIGGER_FIRED_BY_UPDATE(trigger->tg_event) ||
		columns_differ(trigger->tg_trigslot, trigger->tg_newslot, &tenant, tenant > 0 ? 1 : 0))
		return true;
	attributes = RelationGetIndexAttrBitmap(trigger->tg_relation, INDEX_ATTR_BITMAP_KEY);
	for (differ = false; !differ && (attribute = bms_next_member(attributes, attribute)) >= 0;)
	{
		AttrNumber	column = attribute + FirstLowInvalidHeapAttributeNumber;

		differ = column > 0 && columns_differ(trigger->tg_trigslot, trigger->tg_newslot, &column, 1);
	}
	bms_free(attributes);
	return differ;
}

/* Calls the check for each reference of the table of a trigger. */
static void
check_all(const TriggerData *trigger, ReferenceSide side, TupleTableSlot *slot)
{
	List	   *references = references_of(RelationGetRelid(trigger->tg_relation), side);
	ListCell   *lc;

	begin_reference_checks();
	PG_TRY();
	{
		foreach(lc, references)
			if (side == REFERENCING)
				check_row_references(lfirst(lc), trigger, slot);
			else
				check_row_referenced(lfirst(lc), trigger);
	}
	PG_FINALLY();
	{
		end_reference_checks();
	}
	PG_END_TRY();
}

/* What a trigger function is called with; raises an error if it is called otherwise, or by a trigger that fires at another time. */
static TriggerData *
trigger_data(FunctionCallInfo fcinfo)
{
	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_AFTER(((TriggerData *) fcinfo->context)->tg_event) ||
		!TRIGGER_FIRED_FOR_ROW(((TriggerData *) fcinfo->context)->tg_event))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("this function can only be called by a trigger after each row")));
	return (TriggerData *) fcinfo->context;
}

/* check_reference(): the trigger of a table that references rows of everyone */
Datum
tenant_guard_check_reference(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = trigger_data(fcinfo);
	TupleTableSlot *slot = TRIGGER_FIRED_BY_UPDATE(trigger->tg_event) ? trigger->tg_newslot : trigger->tg_trigslot;

	/* as for keys: a row that was changed again, or deleted, is not there to be checked; a foreign table has no keys, nor a table AM to ask */
	if (!TRIGGER_FIRED_BY_DELETE(trigger->tg_event) && RelationGetForm(trigger->tg_relation)->relkind == RELKIND_RELATION &&
		table_tuple_satisfies_snapshot(trigger->tg_relation, slot, SnapshotSelf))
		check_all(trigger, REFERENCING, slot);
	PG_RETURN_POINTER(NULL);
}

/* check_referenced(): the trigger of a table with rows of everyone that others reference */
Datum
tenant_guard_check_referenced(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = trigger_data(fcinfo);

	if (!TRIGGER_FIRED_BY_INSERT(trigger->tg_event) &&
		parent_matters(trigger, guard_of(RelationGetRelid(trigger->tg_relation)).attnum))
		check_all(trigger, REFERENCED, trigger->tg_trigslot);
	PG_RETURN_POINTER(NULL);
}
