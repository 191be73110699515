/*-------------------------------------------------------------------------
 *
 * current_tenant.c
 *	  The tenant of the transaction: value, seal, staleness, getters.
 *
 * The value is a GUC, tenant_guard.tenant_id, because a GUC rolls back with
 * savepoints and is copied to parallel workers.  A value set in the session is
 * checked and made canonical when it is set, and the transaction that set it is
 * stored as its "extra".  A value that comes from below the session (file,
 * database, role, connection) or, in a parallel worker, from the leader, may be
 * set before tenant_type is, so it is judged when it is first used.
 *
 * The first tenant that is set in a transaction (tenant_source.c) is its only
 * one, unless one_tenant_per_transaction is off.  Another one is refused when it
 * is set or, if it was set where guc.c calls no check hook, when it is used.
 *
 * The seal is a copy of the tenant that this transaction uses, made at first
 * use.  Getters return that copy, and raise an error if the setting differs from
 * it: ROLLBACK TO, RESET ALL and the end of a function with a SET clause change
 * a GUC where no check hook can refuse.  A seal is valid while the backend's
 * local transaction id is the one under which it was made, so nothing need be
 * reset when a transaction ends.  Running scans keep a pointer to the copy: it
 * is never overwritten, and is freed with TopTransactionContext.
 *
 * Invariants: getters allocate only at first use in a transaction; they never
 * return a tenant that was not set for the transaction (scope = transaction) or
 * that differs from the seal, or from the first tenant that was set
 * (one_tenant_per_transaction).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/parallel.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "compat.h"
#include "current_tenant.h"
#include "extension_version.h"
#include "library.h"
#include "pending_trigger.h"
#include "preloading.h"
#include "settings.h"
#include "tenant_plan.h"
#include "tenant_refusals.h"
#include "tenant_source.h"
#include "tenant_type.h"

/* Can the tenant that is set now be used?  If not, why, and with which SQLSTATE is it refused? */
typedef enum TenantVerdict
{
	TENANT_USABLE,
	TENANT_MISSING,				/* none is set: TG001 */
	TENANT_INVALID,				/* not of tenant_type: TG004 */
	TENANT_STALE,				/* set in an earlier transaction: TG006 */
	TENANT_CHANGED,				/* differs from the one this transaction has set or used: TG002 */
	TENANT_UNGUARDED			/* a query planned without the library has loaded it: 55000 */
} TenantVerdict;

/* The tenant used by the transaction "sealed_in"; in TopTransactionContext. */
typedef struct Seal
{
	TenantValue value;			/* its text is part of datum */
	Datum		datum;			/* what a getter returns */
} Seal;

static bool one_tenant_per_transaction = true;
static char *tenant_setting = NULL;
static const TenantOrigin *tenant_origin = NULL;

static Seal *seal = NULL;
static LocalTransactionId sealed_in = InvalidLocalTransactionId;

/* Has the setting been compared with the seal since it last changed? */
static bool seal_confirmed = false;

/* Is a statement running that began with the seal's tenant?  See keep_tenant(). */
static bool tenant_is_kept = false;

/* Is guc.c setting a value again that was set before the library was loaded? */
static bool replaying = false;

/* Is CREATE FUNCTION validating a body with the function's SET clauses applied? */
static bool creating_function = false;

GUARD_FUNCTION_INFO_V1(tenant_guard_current_tenant);
GUARD_FUNCTION_INFO_V1(tenant_guard_guarded);
PG_FUNCTION_INFO_V1(tenant_guard_has_tenant);

static inline bool
transaction_is_sealed(void)
{
	return MyProc != NULL && sealed_in != InvalidLocalTransactionId &&
		sealed_in == current_lxid();
}

/* ----------------------------------------------------------------
 *		Judging
 * ----------------------------------------------------------------
 */

/* Does it differ from the tenant that this transaction has set first, or uses? */
static bool
departs(const TenantValue *value)
{
	return (transaction_is_sealed() && !tenant_equal(&seal->value, value)) ||
		!is_first_tenant(value);
}

static bool
tenant_has_changed(const TenantValue *value)
{
	return one_tenant_per_transaction &&
		(departs(value) || (IsParallelWorker() && leader_has_departed()));
}

/*
 * Can the tenant that is set be used in this transaction?  Neither raises nor
 * changes anything.  "value" is filled in if the result is TENANT_USABLE,
 * TENANT_CHANGED or TENANT_UNGUARDED; its text points into the setting.
 */
static TenantVerdict
judge_tenant(TenantValue *value)
{
	if (tenant_setting == NULL || tenant_setting[0] == '\0')
		return TENANT_MISSING;
	if (origin_is_stale(tenant_origin))
		return TENANT_STALE;
	if (!parse_tenant(type_of_tenants(), tenant_setting, value))
		return TENANT_INVALID;
	if (tenant_has_changed(value))
		return TENANT_CHANGED;
	if (session_is_refused())
		return TENANT_UNGUARDED;
	return TENANT_USABLE;
}

/* Has this transaction used a tenant, or is one set that it can use?  One that only late loading makes unusable counts. */
bool
transaction_has_tenant(void)
{
	TenantValue value;
	TenantVerdict verdict = judge_tenant(&value);

	return transaction_is_sealed() || verdict == TENANT_USABLE || verdict == TENANT_UNGUARDED;
}

/* Is one_tenant_per_transaction off, so that a transaction can have several tenants? */
bool
tenant_may_change(void)
{
	return !one_tenant_per_transaction;
}

/* Returns the tenant that this transaction uses, or NULL; valid until the transaction ends. */
const TenantValue *
sealed_tenant(void)
{
	return transaction_is_sealed() ? &seal->value : NULL;
}

/* Raises the error for a tenant that cannot be used. */
pg_noreturn static void
refuse_tenant(TenantVerdict verdict)
{
	Assert(verdict != TENANT_USABLE);
	switch (verdict)
	{
		case TENANT_MISSING:
			raise_refusal(transaction_is_sealed() ? tenant_unset() : no_tenant());
		case TENANT_STALE:
			raise_refusal(stale_tenant());
		case TENANT_CHANGED:
			raise_refusal(tenant_fixed());
		case TENANT_UNGUARDED:
			refuse_session();
		case TENANT_INVALID:
		case TENANT_USABLE:
			break;
	}
	raise_refusal(invalid_tenant_below_session(type_of_tenants()));
}

/* ----------------------------------------------------------------
 *		The seal and the getters
 * ----------------------------------------------------------------
 */

/* Makes a copy of a tenant the transaction's seal. */
static void
seal_tenant(const TenantValue *value)
{
	MemoryContext oldcontext = MemoryContextSwitchTo(TopTransactionContext);
	Seal	   *made = palloc(sizeof(Seal));

	made->value = *value;
	made->datum = tenant_datum(&made->value);
	MemoryContextSwitchTo(oldcontext);
	Assert(value->type == last_type_of_tenants());
	Assert(!transaction_is_sealed() || !one_tenant_per_transaction);
	seal = made;
	sealed_in = current_lxid();
}

/*
 * Seals the tenant that is set, and returns true.  If none is set and
 * missing_tenant is "empty", returns false.  If the one that is set cannot be
 * used, or none is set, returns true if "kept" is true and there is a seal, which
 * the caller uses instead; otherwise raises an error.
 */
static bool
use_tenant(bool kept)
{
	TenantValue value;
	TenantVerdict verdict;

	if (seal_confirmed && transaction_is_sealed())
		return true;
	verdict = judge_tenant(&value);
	if (verdict == TENANT_MISSING && setting_missing_tenant == MISSING_IS_EMPTY)
		return false;
	if (verdict != TENANT_USABLE && kept && one_tenant_per_transaction && transaction_is_sealed())
		return true;
	if (verdict != TENANT_USABLE)
		refuse_tenant(verdict);

	if (!transaction_is_sealed() || !tenant_equal(&seal->value, &value))
	{
		bool		replaces = transaction_is_sealed();
		Oid			waiting;

		check_library_fits();
		if (replaces && tenant_is_kept)
			raise_refusal(tenant_fixed_in_statement());
		if (OidIsValid(waiting = table_waiting_for_other(&value, replaces)))
			raise_refusal(triggers_are_pending(waiting));
		seal_tenant(&value);
	}
	seal_confirmed = true;
	return true;
}

/* Returns the seal, or NULL, for put_back_seal. */
const void *
seal_of_transaction(void)
{
	return transaction_is_sealed() ? seal : NULL;
}

/*
 * Restores the seal that seal_of_transaction returned, in the same transaction.
 * For prove() only, whose statements are rolled back and return no rows.
 */
void
put_back_seal(const void *before)
{
	seal = (Seal *) before;
	sealed_in = before == NULL ? InvalidLocalTransactionId : current_lxid();
	seal_confirmed = false;
}

/*
 * Seals the tenant that is set, or raises an error.  To be called for each query
 * on a guarded table that row-level security applies to, even if it reads no
 * row.
 */
void
require_tenant(void)
{
	(void) use_tenant(false);
}

/*
 * Seals the tenant that is set and returns it; valid until the transaction ends.
 * Returns NULL if none is set.  If the one that is set cannot be used, raises an
 * error with "raise", and returns NULL otherwise.
 */
const TenantValue *
find_tenant(bool raise)
{
	TenantValue value;
	TenantVerdict verdict = judge_tenant(&value);

	if (verdict == TENANT_USABLE)
		(void) use_tenant(false);
	else if (raise && verdict != TENANT_MISSING)
		refuse_tenant(verdict);
	else
		return NULL;
	Assert(transaction_is_sealed());
	return &seal->value;
}

/*
 * Returns the tenant of the transaction: the one that is set, which is sealed,
 * or if that cannot be used the one that was sealed before, or NULL.  Valid
 * until the transaction ends.
 */
const TenantValue *
tenant_of_transaction(void)
{
	TenantValue value;

	/* what is confirmed has been judged */
	if (!(seal_confirmed && transaction_is_sealed()) && judge_tenant(&value) == TENANT_USABLE)
		(void) use_tenant(false);
	return sealed_tenant();
}

/* Returns the tenant that is set, if it can be used, and if another one can be set in this transaction; otherwise NULL. */
const TenantValue *
replaceable_tenant(TenantValue *value)
{
	bool		fixed = one_tenant_per_transaction && tenant_origin != NULL && tenant_origin->set_in == current_lxid();

	return !fixed && judge_tenant(value) == TENANT_USABLE ? value : NULL;
}

/*
 * With true, getters go on returning the seal's tenant when the one that is set
 * cannot be used.  This is set while a statement or a FETCH runs, so that a
 * statement, or a cursor, keeps its tenant to its end even if a function that it
 * calls, or a statement between two FETCHes, unsets the tenant.  If a getter
 * raised an error there, that would reveal that some row of another tenant
 * passed the filters that are evaluated before the tenant's qual.  (It has no
 * effect if one_tenant_per_transaction is off: the seal is then the last tenant
 * used, which may not be the statement's.)
 *
 * Returns the previous value, which the caller must restore.
 */
bool
keep_tenant(bool keep)
{
	bool		outer = tenant_is_kept;

	tenant_is_kept = keep;
	return outer;
}

/* What fn_extra of a getter holds after the first call: the tenant type that it returns. */
#define RETURNS(type) ((void *) ((intptr_t) (type) + 1))

/* The slow path of a getter: the first call, and calls after the setting has changed. */
static pg_noinline Datum
judge_and_get_tenant(FunctionCallInfo fcinfo)
{
	Oid			type = get_fn_expr_rettype(fcinfo->flinfo);
	TenantType	returned;

	/* the call's expression has the type; without an expression, pg_proc has it */
	if (!OidIsValid(type))
		type = get_func_rettype(fcinfo->flinfo->fn_oid);
	if (!type_serves(type, &returned))
		elog(ERROR, "function %u returns no tenant", fcinfo->flinfo->fn_oid);
	if (returned != type_of_tenants())
		raise_refusal(getter_type_differs(returned, type_of_tenants()));
	if (!use_tenant(tenant_is_kept))
		PG_RETURN_NULL();
	/* the type may have become another since the tenant was sealed */
	if (seal->value.type != returned)
		raise_refusal(getter_type_differs(returned, seal->value.type));
	fcinfo->flinfo->fn_extra = RETURNS(returned);
	return seal->datum;
}

/*
 * current_tenant(), current_tenant_bigint(), current_tenant_text(): the return
 * type in pg_proc decides which tenant type a call returns.
 *
 * Called for each row of a sequential scan and each rescan of an index, where a
 * hand-written query has a constant.  So the fast path has a dozen instructions,
 * and the slow path is a function of its own, since its local variables would
 * need a stack frame.
 */
Datum
tenant_guard_current_tenant(PG_FUNCTION_ARGS)
{
	if (likely(seal_confirmed && sealed_in == current_lxid() &&
			   fcinfo->flinfo->fn_extra == RETURNS(seal->value.type)))
		return seal->datum;
	return judge_and_get_tenant(fcinfo);
}

/* has_tenant(): would a getter return a tenant?  Neither raises nor seals. */
Datum
tenant_guard_has_tenant(PG_FUNCTION_ARGS)
{
	TenantValue value;

	PG_RETURN_BOOL(judge_tenant(&value) == TENANT_USABLE && library_fits());
}

/*
 * guarded(): the qual of the permissive policy.  Always true, and IMMUTABLE, so
 * that the planner removes it.  It is a function, not a constant, so that DROP
 * EXTENSION CASCADE drops that policy too, which leaves no rows visible.
 */
Datum
tenant_guard_guarded(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(true);
}

/* ----------------------------------------------------------------
 *		The setting
 * ----------------------------------------------------------------
 */

/* Sets a GUC's "extra"; false if out of memory, as a check hook must return. */
static bool
set_origin(void **extra, TenantSource source)
{
	*extra = new_origin(source);
	return *extra != NULL;
}

/* Replaces a new value by its canonical spelling; false if out of memory. */
static bool
make_canonical(char **newval, const TenantValue *value)
{
	char		buf[TENANT_CANONICAL_SIZE];
	const char *canonical = tenant_canonical(value, buf);
	char	   *copy;

	if (strcmp(canonical, *newval) == 0)
		return true;
	copy = guc_strdup(LOG, canonical);
	if (copy == NULL)
		return false;
	guc_free(*newval);
	*newval = copy;
	return true;
}

/*
 * With one_tenant_per_transaction off, would setting this tenant replace
 * another one: one that is set, or in use, or that was set first and has been
 * unset since?
 */
static bool
replaces_tenant(const TenantValue *value)
{
	TenantValue current;

	if (transaction_is_sealed() && !tenant_equal(&seal->value, value))
		return true;
	if (judge_tenant(&current) == TENANT_USABLE)
		return !tenant_equal(&current, value);
	return !transaction_is_sealed() && !is_first_tenant(value);
}

/*
 * Can the session set this tenant now?  If so, it is remembered as the first
 * one at once: should the rest of the assignment fail, the error aborts the
 * (sub)transaction, which forgets it.
 */
static bool
claim_tenant(const TenantValue *value)
{
	Oid			waiting;

	if (replaying || creating_function)
		return true;
	if (one_tenant_per_transaction && departs(value))
		return reject_setting(tenant_fixed());
	if (OidIsValid(waiting = table_waiting_for_other(value, !one_tenant_per_transaction && replaces_tenant(value))))
		return reject_setting(triggers_are_pending(waiting));
	return remember_first_tenant(value);
}

/* Checks a value that the session sets. */
static bool
check_session_value(char **newval, void **extra)
{
	TenantValue value;

	if (IsParallelWorker())
		return reject_setting(tenant_fixed_in_worker());
	if ((*newval)[0] == '\0')
		return set_origin(extra, SOURCE_SESSION);
	if (!parse_tenant(type_of_tenants(), *newval, &value))
		return reject_setting(invalid_tenant(type_of_tenants(), *newval));
	return claim_tenant(&value) && make_canonical(newval, &value) &&
		set_origin(extra, SOURCE_SESSION);
}

/*
 * Checks a value that is stored for later use (ALTER ROLE ... SET, ALTER
 * DATABASE ... SET, CREATE FUNCTION ... SET).  tenant_type may have another
 * value then, so an invalid tenant is a WARNING and not an error, as for
 * default_text_search_config; it is judged again when it is used.
 */
static void
test_stored_value(const char *newval)
{
	TenantValue value;

	if (newval[0] == '\0' ||
		parse_tenant(type_of_tenants(), newval, &value))
		return;
	ereport(WARNING,
			(errcode(ERRCODE_TENANT_TYPE),
			 errmsg("invalid tenant identifier for type %s: \"%s\"",
					tenant_type_name(type_of_tenants()), newval),
			 errdetail("It is stored as it is, and refused when it is used where parameter \"tenant_guard.tenant_type\" is %s.",
					   tenant_type_name(type_of_tenants()))));
}

static bool
check_tenant_id(char **newval, void **extra, GucSource source)
{
	if (InitializingParallelWorker)
		return set_origin(extra, SOURCE_LEADER);
	if (source == PGC_S_TEST)
		test_stored_value(*newval);
	else if (source > PGC_S_CLIENT)
		return check_session_value(newval, extra);
	return true;
}

/* Sets, for parallel workers, whether the setting differs from what this transaction has set first or used. */
static void
publish_departure(const char *setting)
{
	TenantValue value;
	bool		departed = setting != NULL && parse_tenant(last_type_of_tenants(), setting, &value) &&
		departs(&value);

	publish_tenant_departure(departed);
}

static void
assign_tenant_id(const char *newval, void *extra)
{
	tenant_origin = extra;
	seal_confirmed = false;
	if (IsParallelWorker())
		return;
	if (newval != NULL && newval[0] != '\0')
		drop_plans_of_others(newval);
	publish_tenant_origin(tenant_origin);
	publish_departure(newval);
}

/* guc.c restores the setting after this callback, and calls the assign hook if that changes its value. */
static void
at_subtransaction_end(SubXactEvent event, SubTransactionId subid, SubTransactionId parent, void *arg)
{
	if (forget_first_tenant(event))
		publish_departure(tenant_setting);
}

/*
 * To be called with true while CREATE FUNCTION runs: it applies the function's
 * SET clauses while it validates the body, which does not set the transaction's
 * tenant.  Returns the previous value, which the caller must restore.
 */
bool
note_function_creation(bool creates)
{
	bool		outer = creating_function;

	creating_function = creates;
	return outer;
}

/* The setting must be compared with the seal again, under the new value. */
static void
assign_one_tenant(bool newval, void *extra)
{
	seal_confirmed = false;
}

/* Must be called once, by _PG_init. */
void
define_tenant_setting(void)
{
	Assert(tenant_setting == NULL);
	define_leader_settings();
	DefineCustomBoolVariable(ONE_TENANT_PER_TRANSACTION,
							 "Refuses a second tenant in a transaction that has set or used one.",
							 NULL,
							 &one_tenant_per_transaction,
							 true,
							 PGC_SUSET, 0, NULL, assign_one_tenant, NULL);
	replaying = true;
	DefineCustomStringVariable("tenant_guard.tenant_id",
							   "Sets the tenant of the transaction.",
							   "Queries see and write only this tenant's rows of guarded tables.",
							   &tenant_setting,
							   "",
							   PGC_USERSET, GUC_NOT_IN_SAMPLE,
							   check_tenant_id, assign_tenant_id, NULL);
	replaying = false;
	age_replayed_setting("tenant_guard.tenant_id", tenant_setting);
	assign_tenant_id(tenant_setting, unconstify(TenantOrigin *, tenant_origin));
	RegisterSubXactCallback(at_subtransaction_end, NULL);
}
