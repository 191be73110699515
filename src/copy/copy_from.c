/*-------------------------------------------------------------------------
 *
 * copy_from.c
 *	  Runs COPY FROM into guarded tables.
 *
 * PostgreSQL refuses COPY FROM into a table with row-level security.  Where the
 * guard's policies are all that applies, and no trigger changes a row before it is
 * stored, it suffices to check the tenant of each row before PostgreSQL's own code
 * stores it: the check stands behind COPY's WHERE.  Elsewhere the rows are the source
 * of an INSERT (copy_insert.c).
 *
 * The statement is run in place of standard_ProcessUtility.  If another library's
 * hook comes after ours, that library must see the statement, so its hook is called
 * with a CALL of a procedure of the extension in its place, with the same text and
 * query identifier; the procedure runs the COPY.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "commands/copy.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "rewrite/rowsecurity.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/rls.h"
#include "utils/snapmgr.h"

#include "catalog.h"
#include "copied_row.h"
#include "copy_from.h"
#include "copy_insert.h"
#include "copy_refusals.h"
#include "current_tenant.h"
#include "extension_function.h"
#include "guard.h"
#include "guard_policy.h"
#include "library.h"

PG_FUNCTION_INFO_V1(tenant_guard_run_copy);

/* The COPY that the procedure is to run, or NULL. */
static Copy *to_run = NULL;

/* How many COPY statements run, one within another, whose rows are checked when they are read, and the tables whose triggers have changed meanwhile. */
static int	running = 0;
static List *changed_tables = NIL;	/* in TopTransactionContext */

/* Is this a table with a whole guard, to which row-level security applies for the current user? */
static bool
is_bound(Oid relid)
{
	return guard_of(relid).status == GUARD_WHOLE && row_security &&
		check_enable_rls(relid, InvalidOid, true) == RLS_ENABLED;
}

/*
 * Returns the table of a COPY FROM that we run, and locks it; InvalidOid for a statement
 * that PostgreSQL runs or refuses.
 */
Oid
table_to_copy_into(const Node *stmt)
{
	const CopyStmt *copy = IsA(stmt, CopyStmt) ? (const CopyStmt *) stmt : NULL;
	Oid			relid;

	if (copy == NULL || !copy->is_from || copy->relation == NULL || RecoveryInProgress() || IsInParallelMode() ||
		!may_read_source(copy))
		return InvalidOid;
	relid = RangeVarGetRelid(copy->relation, NoLock, true);
	if (!OidIsValid(relid) || !is_bound(relid))
		return InvalidOid;
	/* the name, or the guard, can be another one now */
	relid = RangeVarGetRelid(copy->relation, RowExclusiveLock, true);
	return OidIsValid(relid) && is_bound(relid) ? relid : InvalidOid;
}

/* Does a table have BEFORE triggers for rows that are inserted?  Disabled ones count.  The table need not be locked. */
static bool
has_before_trigger(Oid relid)
{
	CatalogScan scan = begin_catalog_scan(TriggerRelationId, TriggerRelidNameIndexId, Anum_pg_trigger_tgrelid, relid, NULL);
	HeapTuple	tuple;
	bool		found = false;

	while (!found && HeapTupleIsValid(tuple = next_catalog_row(&scan)))
	{
		int16		type = ((Form_pg_trigger) GETSTRUCT(tuple))->tgtype;

		found = TRIGGER_FOR_ROW(type) && TRIGGER_FOR_BEFORE(type) && TRIGGER_FOR_INSERT(type);
	}
	end_catalog_scan(&scan);
	return found;
}

/*
 * The tables in which COPY into a table can store rows: that one, or it and its
 * partitions.  Those that DETACH PARTITION CONCURRENTLY is taking off, or has left
 * half taken off, belong to them: from REPEATABLE READ on they get rows.
 */
static List *
tables_that_get_rows(Oid relid)
{
	List	   *tables = list_make1_oid(relid);
	ListCell   *lc;

	foreach(lc, tables)
		if (get_rel_relkind(lfirst_oid(lc)) == RELKIND_PARTITIONED_TABLE)
			tables = list_concat_unique_oid(tables, find_inheritance_children_extended(lfirst_oid(lc), false, NoLock, NULL, NULL));
	return tables;
}

/* Is the tenant column of a table generated?  That of a partition can be where the whole table's is not, until PostgreSQL 15. */
static bool
generates_tenant(Oid relid)
{
	AttrNumber	attnum = guard_of(relid).attnum;

	return attnum > 0 && get_attgenerated(relid, attnum) != '\0';
}

/* Can a row be changed before it is stored in the table or a partition? */
static bool
rows_may_change(Oid relid)
{
	ListCell   *lc;

	foreach(lc, tables_that_get_rows(relid))
		if (has_before_trigger(lfirst_oid(lc)) || generates_tenant(lfirst_oid(lc)))
			return true;
	return false;
}

/* Is the tenant of a new row, as PostgreSQL reads it from COPY's data, all that the policies of the table check? */
static bool
tenant_is_all_to_check(Oid relid)
{
	PolicyFacts facts = policies_of(relid);

	return facts.access_is_full && !facts.others &&
		row_security_policy_hook_permissive == NULL && row_security_policy_hook_restrictive == NULL;
}

/* To be called when a trigger has been made or replaced, and before one is dropped. */
void
note_changed_trigger(Oid trigger)
{
	CatalogScan scan;
	HeapTuple	tuple;
	MemoryContext oldcontext;

	if (running == 0)
		return;
	scan = begin_catalog_scan(TriggerRelationId, TriggerOidIndexId, Anum_pg_trigger_oid, trigger, SnapshotSelf);
	oldcontext = MemoryContextSwitchTo(TopTransactionContext);
	if (HeapTupleIsValid(tuple = next_catalog_row(&scan)))
		changed_tables = list_append_unique_oid(changed_tables, ((Form_pg_trigger) GETSTRUCT(tuple))->tgrelid);
	MemoryContextSwitchTo(oldcontext);
	end_catalog_scan(&scan);
}

/*
 * Could a trigger have changed a row after it was checked?  A function that COPY
 * calls, or another session, can give a trigger to a partition into which no row
 * has gone yet, and the function can drop it before the end.
 */
static bool
triggers_have_changed(Oid relid)
{
	ListCell   *lc;

	if (rows_may_change(relid))
		return true;
	foreach(lc, changed_tables)
		if (list_member_oid(tables_that_get_rows(relid), lfirst_oid(lc)))
			return true;
	return false;
}

/* Copies rows by PostgreSQL's own code, which evaluates the check of each row when it is read. */
static uint64
run_checked(PreparedCopy *prepared)
{
	const CopyStmt *stmt = prepared->stmt;
	CopyFromState state = BeginCopyFrom(prepared->pstate, prepared->relation, (Node *) prepared->where, stmt->filename, stmt->is_program,
										NULL, stmt->attlist, stmt->options);
	uint64		copied = CopyFrom(state);

	EndCopyFrom(state);
	return copied;
}

/* The same, and finds out whether the rows were stored as they were checked. */
static uint64
copy_checked(PreparedCopy *prepared, Expr *check)
{
	Oid			relid = RelationGetRelid(prepared->relation);
	uint64		copied;

	prepared->where = lappend(prepared->where, check);
	if (running++ == 0)
		changed_tables = NIL;
	PG_TRY();
	{
		copied = run_checked(prepared);
		if (triggers_have_changed(relid))
			raise_refusal(triggers_changed(relid));
	}
	PG_FINALLY();
	{
		running--;
	}
	PG_END_TRY();
	return copied;
}

/* Runs the statement in the cheapest way in which it can be checked.  Returns false if there is none. */
static bool
copy_prepared(const Copy *copy, PreparedCopy *prepared, uint64 *copied)
{
	Expr	   *check = check_of_copied_row(copy->relid, guard_of(copy->relid).attnum);

	if (check != NULL && !rows_may_change(copy->relid) && tenant_is_all_to_check(copy->relid))
		*copied = copy_checked(prepared, check);
	else if (copy_can_insert(prepared))
		*copied = copy_by_insert(prepared, copy->query_string);
	else
		return false;
	return true;
}

/* Runs the statement, or leaves it to PostgreSQL to refuse it. */
static void
copy_rows(const Copy *copy)
{
	PreparedCopy prepared;
	uint64		copied;

	if (!prepare_copy(copy, &prepared) || !copy_prepared(copy, &prepared, &copied))
	{
		standard_ProcessUtility(copy->planned, copy->query_string, true, copy->context, copy->params, copy->query_env,
								copy->dest, copy->completion);
		return;
	}
	table_close(prepared.relation, NoLock);
	free_parsestate(prepared.pstate);
	if (copy->completion != NULL)
		SetQueryCompletion(copy->completion, CMDTAG_COPY, copied);
}

/* Runs a COPY FROM in place of standard_ProcessUtility.  It keeps its tenant to its end, as a query does. */
void
run_copy(Copy *copy)
{
	bool		kept = keep_tenant(true);

	check_stack_depth();
	PG_TRY();
	{
		copy_rows(copy);
	}
	PG_FINALLY();
	{
		(void) keep_tenant(kept);
	}
	PG_END_TRY();
	CommandCounterIncrement();
}

/* ----------------------------------------------------------------
 *		Beside other libraries
 * ----------------------------------------------------------------
 */

/* Returns the CALL that another library's hook gets in place of the statement, or NULL if the procedure is not the extension's. */
static pg_noinline PlannedStmt *
call_of_copy(const Copy *copy)
{
	Oid			types[] = {OIDOID};
	Oid			procedure = internal_function("run_copy", lengthof(types), types, EXTENSION_COPY);
	CallStmt   *call;
	PlannedStmt *planned;
	Const	   *table;

	if (!OidIsValid(procedure))
		return NULL;
	table = makeConst(OIDOID, -1, InvalidOid, sizeof(Oid), ObjectIdGetDatum(copy->relid), false, true);
	call = makeNode(CallStmt);
	call->funccall = makeFuncCall(list_make2(makeString(INTERNAL_SCHEMA), makeString("run_copy")), NIL, COERCE_EXPLICIT_CALL, -1);
	call->funcexpr = makeFuncExpr(procedure, VOIDOID, list_make1(table), InvalidOid, InvalidOid, COERCE_EXPLICIT_CALL);
	planned = makeNode(PlannedStmt);
	*planned = *copy->planned;
	planned->utilityStmt = (Node *) call;
	return planned;
}

/* Passes a COPY FROM to another library's hook, which ends in a call of the procedure. */
void
run_copy_by_hook(Copy *copy, ProcessUtility_hook_type hook)
{
	Copy	   *outer = to_run;
	PlannedStmt *call = call_of_copy(copy);

	to_run = call == NULL ? NULL : copy;
	PG_TRY();
	{
		hook(call == NULL ? copy->planned : call, copy->query_string, true, copy->context, copy->params, copy->query_env,
			 copy->dest, copy->completion);
	}
	PG_FINALLY();
	{
		to_run = outer;
	}
	PG_END_TRY();
}

/*
 * run_copy(relation oid)
 *
 * Runs the COPY for which run_copy_by_hook calls it.
 */
Datum
tenant_guard_run_copy(PG_FUNCTION_ARGS)
{
	Copy	   *copy = to_run;

	if (copy == NULL || PG_ARGISNULL(0) || PG_GETARG_OID(0) != copy->relid)
		raise_refusal(copy_called_by_hand());
	/* a function that COPY calls must not run it again */
	to_run = NULL;
	run_copy(copy);
	PG_RETURN_VOID();
}
