/*-------------------------------------------------------------------------
 *
 * function_hook.c
 *	  The function manager's hooks, for functions that our statements and those
 *	  of foreign keys call.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/transam.h"
#include "catalog/indexing.h"
#include "catalog/pg_amproc.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_language.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/fmgroids.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "extension_function.h"
#include "function_hook.h"
#include "function_mismatch.h"
#include "library.h"
#include "noforce.h"
#include "own_sql.h"
#include "tenant_plan.h"

static needs_fmgr_hook_type prev_needs_fmgr = NULL;
static fmgr_hook_type prev_fmgr = NULL;

/* State of fmgr_hook between the start and the end of a call. */
typedef struct FunctionCall
{
	bool		suspended;		/* did suspend_noforce() return true? */
	bool		replica;		/* was suspend_replication_role() called? */
	int			role;			/* what that returned, to be restored */
	Datum		prev_arg;		/* state of the previous hook */
} FunctionCall;

/* Does an operator, an operator class or a type use this function? */
static bool
is_used_by_type(Oid funcid)
{
	bool		found = false;
	ScanKeyData key[2];
	Relation	depend = table_open(DependRelationId, AccessShareLock);
	SysScanDesc scan;
	HeapTuple	row;

	ScanKeyInit(&key[0], Anum_pg_depend_refclassid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(ProcedureRelationId));
	ScanKeyInit(&key[1], Anum_pg_depend_refobjid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(funcid));
	scan = systable_beginscan(depend, DependReferenceIndexId, true, NULL, 2, key);
	while (!found && HeapTupleIsValid(row = systable_getnext(scan)))
	{
		Oid			user = ((Form_pg_depend) GETSTRUCT(row))->classid;

		found = user == OperatorRelationId || user == AccessMethodProcedureRelationId || user == TypeRelationId;
	}
	systable_endscan(scan);
	table_close(depend, AccessShareLock);
	return found;
}

/* Functions of which is_used_by_type() has returned false; NULL if there are none. */
static HTAB *not_used = NULL;
static bool not_used_is_stale = false;

/* An operator, a support function or a range type has been made or changed. */
static void
types_changed(Datum arg, int cache, uint32 hash)
{
	not_used_is_stale = true;
}

/* is_used_by_type(), which reads all that depends on the function, at most once for each. */
static bool
is_known_to_be_used_by_type(Oid funcid)
{
	bool		used;

	if (not_used_is_stale && not_used != NULL)
	{
		hash_destroy(not_used);
		not_used = NULL;
	}
	not_used_is_stale = false;
	if (not_used == NULL)
	{
		HASHCTL		control = {.keysize = sizeof(Oid), .entrysize = sizeof(Oid)};

		not_used = hash_create("tenant_guard functions of no type", 64, &control, HASH_ELEM | HASH_BLOBS);
	}
	if (hash_search(not_used, &funcid, HASH_FIND, NULL) != NULL)
		return false;
	used = is_used_by_type(funcid);
	if (!used)
		(void) hash_search(not_used, &funcid, HASH_ENTER, NULL);
	return used;
}

/*
 * May PostgreSQL keep this function looked up, to compare or hash values of a
 * type, or to make a range canonical?  One in C is not expected to read rows.
 */
static bool
may_be_kept_for_type(Oid funcid)
{
	HeapTuple	row = SearchSysCache1(PROCOID, ObjectIdGetDatum(funcid));
	Form_pg_proc proc;
	bool		possible;

	if (!HeapTupleIsValid(row))
		return false;
	proc = (Form_pg_proc) GETSTRUCT(row);
	possible = (proc->pronargs == 1 || proc->pronargs == 2) &&
		proc->prolang != ClanguageId && proc->prolang != INTERNALlanguageId &&
		(proc->prorettype == BOOLOID || proc->prorettype == INT4OID || proc->prorettype == INT8OID ||
		 proc->prorettype == proc->proargtypes.values[0]);
	ReleaseSysCache(row);
	return possible && is_known_to_be_used_by_type(funcid);
}

static bool
is_users_function(Oid funcid)
{
	return funcid >= FirstNormalObjectId && extension_function(funcid) == EXTENSION_NONE;
}

/* What a function of a user's returns that he calls IMMUTABLE, the planner may put into a plan. */
static void
note_function_of_plan(Oid funcid)
{
	if (is_planning() && is_users_function(funcid) && func_volatile(funcid) == PROVOLATILE_IMMUTABLE)
		note_immutable_function();
}

/*
 * An IMMUTABLE function of PostgreSQL, such as array_eq(), calls the functions
 * of a type, be they IMMUTABLE or not.  The type cache and the relation cache
 * look them up once in a session, maybe before a statement is planned.
 */
static void
note_function_of_type(Oid funcid)
{
	if (!types_have_functions() && is_users_function(funcid) && may_be_kept_for_type(funcid))
		note_function_of_types();
}

/*
 * fmgr_hook is needed for functions that are looked up while a foreign key's
 * statement is planned, and for all that run under run_as_owner.  It is not
 * needed for the check that we put into the plan of a key's action: that is
 * called for each row, and calls no function of a user's.
 */
static bool
needs_fmgr(Oid funcid)
{
	bool		wanted = prev_needs_fmgr && prev_needs_fmgr(funcid);

	note_function_of_plan(funcid);
	note_function_of_type(funcid);
	return wanted ||
		((InNoForceRLSOperation() || runs_as_owner()) && extension_function(funcid) != EXTENSION_KEY_CHECK);
}

static void
call_prev_fmgr(FmgrHookEventType event, FmgrInfo *flinfo, Datum *arg)
{
	if (prev_fmgr)
		prev_fmgr(event, flinfo, arg);
}

static void
fmgr(FmgrHookEventType event, FmgrInfo *flinfo, Datum *arg)
{
	FunctionCall *call = (FunctionCall *) DatumGetPointer(*arg);

	switch (event)
	{
		case FHET_START:
			check_called_by_parser(flinfo->fn_oid);
			/* PostgreSQL does not ask needs_fmgr of one that is SECURITY DEFINER, or sets a parameter */
			note_function_of_plan(flinfo->fn_oid);
			if (is_planning())
				note_function_of_type(flinfo->fn_oid);
			if (call == NULL)
			{
				call = MemoryContextAllocZero(flinfo->fn_mcxt, sizeof(FunctionCall));
				*arg = PointerGetDatum(call);
			}
			call->suspended = suspend_noforce();
			call->replica = updates_noforce();
			if (call->replica)
				call->role = suspend_replication_role();
			call_prev_fmgr(event, flinfo, &call->prev_arg);
			break;
		case FHET_END:
		case FHET_ABORT:
			call_prev_fmgr(event, flinfo, call ? &call->prev_arg : arg);
			if (event == FHET_END)
				function_has_ended();
			else
			{
				function_has_failed(flinfo->fn_oid);
				function_failed_in_parser();
			}
			if (call == NULL)
				break;
			if (call->replica)
				resume_replication_role(call->role);
			if (call->suspended)
				resume_noforce();
			call->replica = call->suspended = false;
			break;
	}
}

/* Must be called once, by install_hooks. */
void
install_function_hook(void)
{
	Assert(fmgr_hook != fmgr);
	prev_needs_fmgr = needs_fmgr_hook;
	needs_fmgr_hook = needs_fmgr;
	prev_fmgr = fmgr_hook;
	fmgr_hook = fmgr;
	CacheRegisterSyscacheCallback(OPEROID, types_changed, (Datum) 0);
	CacheRegisterSyscacheCallback(AMPROCNUM, types_changed, (Datum) 0);
	CacheRegisterSyscacheCallback(RANGETYPE, types_changed, (Datum) 0);
	if (library_came_late())
		note_function_of_types();	/* one may be kept that was looked up before */
}
