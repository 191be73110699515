/*-------------------------------------------------------------------------
 *
 * current_tenant.c
 *	  The tenant of the transaction: value, seal, staleness, getters.
 *
 * Which tenant is set, the sources say (named_tenant.c); a setting is one of them
 * (tenant_setting.c).  The first tenant that is set in a transaction
 * (tenant_source.c) is its only one, unless one_tenant_per_transaction is off.
 * Another one is refused when it is set or, if it was set where guc.c calls no
 * check hook, when it is used.
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
 * return a tenant that was not set for the transaction (scope = transaction), was
 * set by one who may not (authority.c), or differs from the seal, or from the
 * first tenant that was set (one_tenant_per_transaction).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/parallel.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "authority.h"
#include "compat.h"
#include "current_tenant.h"
#include "extension_version.h"
#include "library.h"
#include "named_tenant.h"
#include "pending_trigger.h"
#include "preloading.h"
#include "settings.h"
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
	TENANT_TWICE,				/* two settings name different ones: TG002 */
	TENANT_REFUSED,				/* what names it is refused, as a token is: TG008 */
	TENANT_NOT_ALLOWED,			/* set by one who may not: TG008 */
	TENANT_CHANGED,				/* differs from the one this transaction has set or used: TG002 */
	TENANT_UNGUARDED			/* a query planned without the library has loaded it: 55000 */
} TenantVerdict;

/* The tenant used by the transaction "sealed_in"; in TopTransactionContext. */
typedef struct Seal
{
	TenantValue value;			/* its text is part of datum */
	Datum		datum;			/* what a getter returns */
} Seal;

/* What was judged last, for the error: to judge it again can have another result when time has passed. */
static struct
{
	NamedTenant named;
	TenantValue value;
}			judged;

static bool one_tenant_per_transaction = true;

static Seal *seal = NULL;
static LocalTransactionId sealed_in = InvalidLocalTransactionId;

/* Has the setting been compared with the seal since it last changed? */
static bool seal_confirmed = false;

/* Is a statement running that began with the seal's tenant?  See keep_tenant(). */
static bool tenant_is_kept = false;

/* See tenant_is_on_trial(). */
static bool is_on_trial = false;

/* See call_at_seal(). */
static SealCallback at_seal = NULL;

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
bool
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
 * Can the tenant that is set be used in this transaction?  It raises nothing, and
 * changes nothing but what refuse_tenant() says.  "value" is filled in if the result is TENANT_USABLE,
 * TENANT_CHANGED or TENANT_UNGUARDED; its text points into the setting.
 */
static TenantVerdict
judge_tenant(TenantValue *value)
{
	const NamingSource *culprit;
	AuthorityVerdict authority = MAY_SET_TENANT;

	judged.named = find_named_tenant(type_of_tenants, value);
	judged.value = *value;
	if (judged.named.verdict == NAMES_TENANT || judged.named.verdict == NAMES_TWO)
		authority = judge_setters(&judged.named, value, &culprit);
	switch (judged.named.verdict)
	{
		case NAMES_NONE:
			return TENANT_MISSING;
		case NAMES_STALE:
			return TENANT_STALE;
		case NAMES_INVALID:
			return TENANT_INVALID;
		case NAMES_REFUSED:
			return TENANT_REFUSED;
		case NAMES_TWO:
			/* a source that names another tenant than the one that is pinned is one of two that disagree */
			return authority == MAY_SET_TENANT || authority == IS_NOT_PINNED ? TENANT_TWICE : TENANT_NOT_ALLOWED;
		case NAMES_TENANT:
			break;
	}
	if (authority != MAY_SET_TENANT)
		return TENANT_NOT_ALLOWED;
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

/* Raises the error for the tenant that was judged last, which cannot be used. */
pg_noreturn static void
refuse_tenant(TenantVerdict verdict)
{
	const NamedTenant *named = &judged.named;
	const NamingSource *culprit = NULL;
	AuthorityVerdict authority;

	Assert(verdict != TENANT_USABLE);
	switch (verdict)
	{
		case TENANT_MISSING:
			raise_refusal(transaction_is_sealed() ? tenant_unset() : no_tenant());
		case TENANT_STALE:
			raise_refusal(stale_tenant(named->source));
		case TENANT_TWICE:
			raise_refusal(tenant_named_twice(named->source, named->other));
		case TENANT_REFUSED:
			raise_refusal(named->refusal);
		case TENANT_NOT_ALLOWED:
			authority = judge_setters(named, &judged.value, &culprit);
			raise_refusal(tenant_not_allowed(authority, culprit));
		case TENANT_CHANGED:
			raise_refusal(tenant_fixed());
		case TENANT_UNGUARDED:
			refuse_session();
		case TENANT_INVALID:
		case TENANT_USABLE:
			break;
	}
	raise_refusal(named_tenant_invalid(type_of_tenants(), named->source));
}

/* ----------------------------------------------------------------
 *		The seal and the getters
 * ----------------------------------------------------------------
 */

/* "callback" is called whenever a tenant was sealed; it must not raise an error. */
void
call_at_seal(SealCallback callback)
{
	at_seal = callback;
}

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
	if (at_seal && !is_on_trial)
		at_seal(&seal->value);
	if (!IsParallelWorker())
		publish_seal();
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

/* Returns the seal, or NULL, for put_back_seal, which must be called then. */
const void *
begin_trial(void)
{
	is_on_trial = true;
	return transaction_is_sealed() ? seal : NULL;
}

/*
 * Restores the seal that begin_trial returned, in the same transaction.
 * For prove() only, whose statements are rolled back and return no rows.
 */
void
put_back_seal(const void *before)
{
	seal = (Seal *) before;
	sealed_in = before == NULL ? InvalidLocalTransactionId : current_lxid();
	seal_confirmed = false;
	is_on_trial = false;
}

/* Is a statement of prove() running, so that what is sealed is no tenant, and what is refused is no tenant's? */
bool
tenant_is_on_trial(void)
{
	return is_on_trial;
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
	NamedTenant named = find_named_tenant(type_of_tenants, value);
	const TenantOrigin *origin = named.source != NULL ? named.source->origin : NULL;
	bool		fixed = one_tenant_per_transaction && origin != NULL && origin->set_in == current_lxid();

	return !fixed && judge_tenant(value) == TENANT_USABLE ? value : NULL;
}

/*
 * With one_tenant_per_transaction off, would setting this tenant replace
 * another one: one that is set, or in use, or that was set first and has been
 * unset since?
 */
bool
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
 *		Settings
 * ----------------------------------------------------------------
 */

/* To be called when a source of the tenant has changed: the seal must be compared with it again. */
void
unconfirm_seal(void)
{
	seal_confirmed = false;
}

/* The setting must be compared with the seal again, under the new value. */
static void
assign_one_tenant(bool newval, void *extra)
{
	unconfirm_seal();
}

/* Must be called once, by _PG_init, before the settings that name the tenant are defined. */
void
define_one_tenant_setting(void)
{
	DefineCustomBoolVariable(ONE_TENANT_PER_TRANSACTION,
							 "Refuses a second tenant in a transaction that has set or used one.",
							 NULL,
							 &one_tenant_per_transaction,
							 true,
							 PGC_SUSET, 0, NULL, assign_one_tenant, NULL);
}
