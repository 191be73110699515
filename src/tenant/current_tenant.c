/*-------------------------------------------------------------------------
 *
 * current_tenant.c
 *	  The tenant of the transaction: value, seal, staleness, getters.
 *
 * The value is a GUC, tenant_guard.tenant_id, because a GUC rolls back with
 * savepoints and reaches parallel workers by itself.  A value set in the
 * session is checked and made canonical as it is set, and remembers in which
 * transaction that was.  One that comes from below the session (file,
 * database, role, connection) or, in a parallel worker, from the leader, may
 * arrive before tenant_type does and is judged when it is first used.
 *
 * The tenant that is set first in a transaction (tenant_source.c) is its only
 * one: another is refused where it is set, and where it comes back by itself.
 *
 * The seal is the tenant that this transaction has used: a copy of its own,
 * made at first use.  Getters return that copy and refuse where the setting
 * has become another, since ROLLBACK TO, RESET ALL and the end of a function
 * with a SET clause change a GUC where no check hook can refuse.  A seal holds
 * while the backend's local transaction id is the one it was made under, so
 * nothing need be reset when a transaction ends.  Running scans keep a pointer
 * to the copy: it is never overwritten, and is freed with
 * TopTransactionContext.
 *
 * Invariants: no getter allocates but at first use in a transaction; no tenant
 * is returned that was not set for the transaction (scope = transaction) or
 * that differs from the seal, or from the first that was set
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
#include "library.h"
#include "pending_trigger.h"
#include "preloading.h"
#include "settings.h"
#include "tenant_plan.h"
#include "tenant_refusals.h"
#include "tenant_source.h"
#include "tenant_type.h"

/* What may be said of the tenant that is set now. */
typedef enum TenantVerdict
{
	TENANT_USABLE,
	TENANT_MISSING,				/* none is set: TG001 */
	TENANT_INVALID,				/* not of tenant_type: TG004 */
	TENANT_STALE,				/* set in an earlier transaction: TG006 */
	TENANT_CHANGED,				/* not the one this transaction has set or used: TG002 */
	TENANT_UNGUARDED			/* the session's queries are not guarded in full: 55000 */
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

/* Is a statement running that was begun with the seal's tenant? */
static bool tenant_is_kept = false;

/* Is guc.c setting again what was set before the library came? */
static bool replaying = false;

/* Is CREATE FUNCTION looking at a body under its SET clauses? */
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

/* Is it another tenant than this transaction has set, or has used? */
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
 * May the tenant that is set be used in this transaction?  Raises nothing and
 * changes nothing.  "value" is filled in unless none is set or it is invalid;
 * its text points into the setting.
 */
static TenantVerdict
judge_tenant(TenantValue *value)
{
	if (tenant_setting == NULL || tenant_setting[0] == '\0')
		return TENANT_MISSING;
	if (origin_is_stale(tenant_origin))
		return TENANT_STALE;
	if (!parse_tenant(setting_tenant_type, tenant_setting, value))
		return TENANT_INVALID;
	if (tenant_has_changed(value))
		return TENANT_CHANGED;
	if (session_is_refused())
		return TENANT_UNGUARDED;
	return TENANT_USABLE;
}

/* Has this transaction used a tenant, or has it one that it could use, were its queries guarded? */
bool
transaction_has_tenant(void)
{
	TenantValue value;
	TenantVerdict verdict = judge_tenant(&value);

	return transaction_is_sealed() || verdict == TENANT_USABLE || verdict == TENANT_UNGUARDED;
}

/* May a transaction have several tenants? */
bool
tenant_may_change(void)
{
	return !one_tenant_per_transaction;
}

/* The tenant that this transaction has used, or NULL; good for the transaction. */
const TenantValue *
sealed_tenant(void)
{
	return transaction_is_sealed() ? &seal->value : NULL;
}

pg_noreturn static void
refuse_tenant(TenantVerdict verdict)
{
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
	raise_refusal(invalid_tenant_below_session(setting_tenant_type));
}

/* ----------------------------------------------------------------
 *		The seal and the getters
 * ----------------------------------------------------------------
 */

/* Makes this transaction's own copy of a tenant. */
static void
seal_tenant(const TenantValue *value)
{
	MemoryContext oldcontext = MemoryContextSwitchTo(TopTransactionContext);
	Seal	   *made = palloc(sizeof(Seal));

	made->value = *value;
	made->datum = tenant_datum(&made->value);
	MemoryContextSwitchTo(oldcontext);
	seal = made;
	sealed_in = current_lxid();
}

/*
 * Seals the tenant that is set, or raises, unless the seal's may be kept.  False
 * where none is set and missing_tenant says that this is no error.
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

	if (!transaction_is_sealed())
		seal_tenant(&value);
	else if (!tenant_equal(&seal->value, &value))
	{
		if (tenant_is_kept)
			raise_refusal(tenant_fixed_in_statement());
		if (OidIsValid(table_with_pending_triggers()))
			raise_refusal(triggers_are_pending(table_with_pending_triggers()));
		seal_tenant(&value);
	}
	seal_confirmed = true;
	return true;
}

/* What the transaction has used until now, for put_back_seal. */
const void *
seal_of_transaction(void)
{
	return transaction_is_sealed() ? seal : NULL;
}

/*
 * Forgets what tenants the transaction has used since.  For prove() alone,
 * whose statements are rolled back and hand out no row.
 */
void
put_back_seal(const void *before)
{
	seal = (Seal *) before;
	sealed_in = before == NULL ? InvalidLocalTransactionId : current_lxid();
	seal_confirmed = false;
}

/* A guarded table is touched: that is a use of the tenant, rows or not. */
void
require_tenant(void)
{
	(void) use_tenant(false);
}

/*
 * The tenant that is set, sealed; good for the transaction.  NULL where none is
 * set, and where the one that is may not be used: with "raise" that is an error.
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
	return &seal->value;
}

/*
 * The tenant whose the transaction is: the one that is set, which is used
 * thereby, or else the one that has been used, or NULL.  Good for the
 * transaction.
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

/*
 * A statement that has begun keeps its tenant to its end, a cursor too, even
 * where a function that it calls, or what comes between two FETCHes, unsets
 * it.  A getter that raised then would tell that a row has got as far as the
 * tenant's qual: another tenant's, which other filters let through.  (Not where
 * a transaction may have several tenants, whose last the seal is.)
 *
 * Returns what held before, to be put back.
 */
bool
keep_tenant(bool keep)
{
	bool		outer = tenant_is_kept;

	tenant_is_kept = keep;
	return outer;
}

/* What a call of a getter keeps in fn_extra: the tenant type that the getter returns. */
#define RETURNS(type) ((void *) ((intptr_t) (type) + 1))

/* What a getter does where the seal has not been confirmed, and in its first call. */
static pg_noinline Datum
judge_and_get_tenant(FunctionCallInfo fcinfo)
{
	Oid			type = get_fn_expr_rettype(fcinfo->flinfo);
	TenantType	returned;

	/* a query's call says it, and each that is planned or started asks anew */
	if (!OidIsValid(type))
		type = get_func_rettype(fcinfo->flinfo->fn_oid);
	if (!type_serves(type, &returned))
		elog(ERROR, "function %u returns no tenant", fcinfo->flinfo->fn_oid);
	if (returned != setting_tenant_type)
		raise_refusal(getter_type_differs(returned, setting_tenant_type));
	if (!use_tenant(tenant_is_kept))
		PG_RETURN_NULL();
	fcinfo->flinfo->fn_extra = RETURNS(returned);
	return seal->datum;
}

/*
 * The getters of all tenant types: each returns the one that its row in pg_proc
 * says.
 *
 * Called for each row of a sequential scan and each rescan of an index, where
 * the hand-written query has a constant: a dozen instructions, no allocation,
 * and no frame on the stack, which the rest would need.
 */
Datum
tenant_guard_current_tenant(PG_FUNCTION_ARGS)
{
	if (likely(seal_confirmed && sealed_in == current_lxid() &&
			   fcinfo->flinfo->fn_extra == RETURNS(seal->value.type)))
		return seal->datum;
	return judge_and_get_tenant(fcinfo);
}

/* Would a getter return a tenant?  Never raises, and seals nothing. */
Datum
tenant_guard_has_tenant(PG_FUNCTION_ARGS)
{
	TenantValue value;

	PG_RETURN_BOOL(judge_tenant(&value) == TENANT_USABLE);
}

/*
 * The qual of the permissive policy: a constant true that the planner folds
 * away.  A function, and not the constant, so that DROP EXTENSION CASCADE
 * takes that policy too and leaves the table closed.
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

static bool
set_origin(void **extra, TenantSource source)
{
	*extra = new_origin(source);
	return *extra != NULL;
}

/* Replaces the value with its one spelling. */
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
 * Where a transaction may have several tenants: is another set, or in use, or,
 * if it has been unset since, was another set first?
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
 * May this session set the tenant now?  If so it counts as set from here on: what follows
 * cannot fail without undoing the subtransaction.
 */
static bool
claim_tenant(const TenantValue *value)
{
	if (replaying || creating_function)
		return true;
	if (one_tenant_per_transaction && departs(value))
		return reject_setting(tenant_fixed());
	if (!one_tenant_per_transaction && replaces_tenant(value) && OidIsValid(table_with_pending_triggers()))
		return reject_setting(triggers_are_pending(table_with_pending_triggers()));
	return remember_first_tenant(value);
}

/* A value that this session sets; judged at once. */
static bool
check_session_value(char **newval, void **extra)
{
	TenantValue value;

	if (IsParallelWorker())
		return reject_setting(tenant_fixed_in_worker());
	if ((*newval)[0] == '\0')
		return set_origin(extra, SOURCE_SESSION);
	if (!parse_tenant(setting_tenant_type, *newval, &value))
		return reject_setting(invalid_tenant(setting_tenant_type, *newval));
	return claim_tenant(&value) && make_canonical(newval, &value) &&
		set_origin(extra, SOURCE_SESSION);
}

/*
 * A value that is stored for other sessions (ALTER ROLE ... SET, ALTER
 * DATABASE ... SET, CREATE FUNCTION ... SET).  tenant_type may be another
 * there, so a doubtful value is reported and not refused, as core does for
 * default_text_search_config; it is judged where it is used.
 */
static void
test_stored_value(const char *newval)
{
	TenantValue value;

	if (newval[0] == '\0' ||
		parse_tenant(setting_tenant_type, newval, &value))
		return;
	ereport(WARNING,
			(errcode(ERRCODE_TENANT_TYPE),
			 errmsg("invalid tenant identifier for type %s: \"%s\"",
					tenant_type_name(setting_tenant_type), newval),
			 errdetail("It is stored as it is, and refused when it is used where parameter \"tenant_guard.tenant_type\" is %s.",
					   tenant_type_name(setting_tenant_type))));
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

static void
note_departure(const char *setting)
{
	TenantValue value;
	bool		other = setting != NULL && parse_tenant(setting_tenant_type, setting, &value) &&
		departs(&value);

	tell_workers_departure(other);
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
	tell_workers_origin(tenant_origin);
	note_departure(newval);
}

/* The setting itself is put back after this, and noted by the assign hook where it was another. */
static void
at_subtransaction_end(SubXactEvent event, SubTransactionId subid, SubTransactionId parent, void *arg)
{
	if (forget_first_tenant(event))
		note_departure(tenant_setting);
}

/*
 * CREATE FUNCTION sets what the function's SET clauses say while it looks at
 * the body: that is not to set a tenant.  Returns what held before, to be put
 * back.
 */
bool
note_function_creation(bool creates)
{
	bool		outer = creating_function;

	creating_function = creates;
	return outer;
}

/* What was let through under the old value is judged anew. */
static void
assign_one_tenant(bool newval, void *extra)
{
	seal_confirmed = false;
}

void
define_tenant_setting(void)
{
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
