/*-------------------------------------------------------------------------
 *
 * context.c
 *	  The tenant of the transaction: value, seal, staleness, getters.
 *
 * The value is a GUC, tenant_guard.tenant_id, because a GUC rolls back with
 * savepoints and reaches parallel workers by itself.  A value set in the
 * session is checked and made canonical as it is set, and remembers in which
 * transaction that was.  One that comes from below the session (file,
 * database, role, connection) or, in a parallel worker, from the leader, may
 * arrive before tenant_type does and is judged when it is first used.
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
 * that differs from the seal (one_tenant_per_transaction).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/parallel.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "compat.h"
#include "context.h"
#include "refuse.h"
#include "tenant_plan.h"
#include "value.h"

/* A value that arrived in a parallel worker with its leader's settings, or
 * that was in the session before the library was: see TenantOrigin. */
#define EARLIER_TRANSACTION ((LocalTransactionId) 0)

/* What may be said of the tenant that is set now. */
typedef enum TenantVerdict
{
	TENANT_USABLE,
	TENANT_MISSING,				/* none is set: TG001 */
	TENANT_INVALID,				/* not of tenant_type: TG004 */
	TENANT_STALE,				/* set in an earlier transaction: TG006 */
	TENANT_CHANGED				/* not the one this transaction used: TG002 */
} TenantVerdict;

/*
 * The GUC's "extra": where the value comes from.  NULL stands for a value
 * from below the session, which is never stale.  Memory belongs to guc.c.
 */
typedef struct TenantOrigin
{
	bool		from_leader;	/* a parallel worker's copy */
	LocalTransactionId set_in;	/* or the transaction that set it */
} TenantOrigin;

/* The tenant used by the transaction "sealed_in"; in TopTransactionContext. */
typedef struct Seal
{
	TenantValue value;			/* its text is part of datum */
	Datum		datum;			/* what a getter returns */
} Seal;

static char *tenant_setting = NULL;
static const TenantOrigin *tenant_origin = NULL;

static Seal *seal = NULL;
static LocalTransactionId sealed_in = InvalidLocalTransactionId;

/* Has the setting been compared with the seal since it last changed? */
static bool seal_confirmed = false;

/* Is a statement running that was begun with the seal's tenant? */
static bool tenant_is_kept = false;

/*
 * What a parallel worker must know of its leader and cannot see in the value:
 * in which of the leader's transactions the value was set (0: below the
 * session, -1: before the library was loaded), and in which of them it has
 * departed from the seal.  Serialised to workers as GUCs that nobody can set;
 * local transaction ids are unsigned, so these are their bit patterns.
 */
static int	leader_set_in = 0;
static int	leader_departed_in = 0;

PG_FUNCTION_INFO_V1(tenant_guard_current_tenant);
PG_FUNCTION_INFO_V1(tenant_guard_current_tenant_text);
PG_FUNCTION_INFO_V1(tenant_guard_current_tenant_bigint);
PG_FUNCTION_INFO_V1(tenant_guard_has_tenant);
PG_FUNCTION_INFO_V1(tenant_guard_guarded);

static inline LocalTransactionId
current_lxid(void)
{
	return proc_lxid(MyProc);
}

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

/* In a parallel worker: is the leader in the transaction "lxid"? */
static bool
leader_is_in(int lxid)
{
	PGPROC	   *leader = MyProc->lockGroupLeader;

	return leader != NULL && lxid == (int) proc_lxid(leader);
}

static bool
tenant_is_stale(void)
{
	if (setting_scope == SCOPE_SESSION || tenant_origin == NULL)
		return false;
	if (tenant_origin->from_leader)
		return leader_set_in != 0 && !leader_is_in(leader_set_in);
	return tenant_origin->set_in != current_lxid();
}

static bool
tenant_departs_from_seal(const TenantValue *value)
{
	if (!setting_one_tenant_per_transaction)
		return false;
	if (transaction_is_sealed() && !tenant_equal(&seal->value, value))
		return true;
	return tenant_origin != NULL && tenant_origin->from_leader &&
		leader_departed_in != 0 && leader_is_in(leader_departed_in);
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
	if (tenant_is_stale())
		return TENANT_STALE;
	if (!parse_tenant(setting_tenant_type, tenant_setting, value))
		return TENANT_INVALID;
	if (tenant_departs_from_seal(value))
		return TENANT_CHANGED;
	return TENANT_USABLE;
}

/* Has this transaction used a tenant, or has it one that it could use? */
bool
transaction_has_tenant(void)
{
	TenantValue value;

	return transaction_is_sealed() || judge_tenant(&value) == TENANT_USABLE;
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
			raise_refusal(no_tenant());
		case TENANT_STALE:
			raise_refusal(stale_tenant());
		case TENANT_CHANGED:
			raise_refusal(tenant_fixed());
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
	switch (value->type)
	{
		case TENANT_UUID:
			made->datum = UUIDPGetDatum(&made->value.uuid);
			break;
		case TENANT_BIGINT:
			made->datum = Int64GetDatum(value->number);
			break;
		case TENANT_TEXT:
			/* the copy keeps a terminator, so that it serves as both */
			{
				size_t		len = strlen(value->text);
				text	   *copy = palloc(VARHDRSZ + len + 1);

				SET_VARSIZE(copy, VARHDRSZ + len);
				memcpy(VARDATA(copy), value->text, len + 1);
				made->value.text = VARDATA(copy);
				made->datum = PointerGetDatum(copy);
			}
			break;
	}
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
	if (verdict != TENANT_USABLE && kept && setting_one_tenant_per_transaction && transaction_is_sealed())
		return true;
	if (verdict != TENANT_USABLE)
		refuse_tenant(verdict);

	if (!transaction_is_sealed() || !tenant_equal(&seal->value, &value))
		seal_tenant(&value);
	seal_confirmed = true;
	return true;
}

/* A guarded table is touched: that is a use of the tenant, rows or not. */
void
require_tenant(void)
{
	(void) use_tenant(false);
}

/*
 * The tenant that is set, sealed, as its getter returns it; good for the
 * transaction.  False where none is set, and where the one that is may not be
 * used: with "raise" that is an error.
 */
bool
find_tenant(bool raise, TenantType *type, Datum *tenant)
{
	TenantValue value;
	TenantVerdict verdict = judge_tenant(&value);

	if (verdict == TENANT_USABLE)
		(void) use_tenant(false);
	else if (raise && verdict != TENANT_MISSING)
		refuse_tenant(verdict);
	else
		return false;
	*type = seal->value.type;
	*tenant = seal->datum;
	return true;
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

/* What a getter does where the seal has not been confirmed. */
static pg_noinline Datum
judge_and_get_tenant(FunctionCallInfo fcinfo, TenantType returned)
{
	if (returned != setting_tenant_type)
		raise_refusal(getter_type_differs(returned, setting_tenant_type));
	if (!use_tenant(tenant_is_kept))
		PG_RETURN_NULL();
	return seal->datum;
}

/*
 * Called for each row of a sequential scan and each rescan of an index, where
 * the hand-written query has a constant: a dozen instructions, no allocation,
 * and no frame on the stack, which the rest would need.
 */
static inline Datum
get_tenant(FunctionCallInfo fcinfo, TenantType returned)
{
	if (likely(seal_confirmed && sealed_in == current_lxid() &&
			   seal->value.type == returned))
		return seal->datum;
	return judge_and_get_tenant(fcinfo, returned);
}

Datum
tenant_guard_current_tenant(PG_FUNCTION_ARGS)
{
	return get_tenant(fcinfo, TENANT_UUID);
}

Datum
tenant_guard_current_tenant_text(PG_FUNCTION_ARGS)
{
	return get_tenant(fcinfo, TENANT_TEXT);
}

Datum
tenant_guard_current_tenant_bigint(PG_FUNCTION_ARGS)
{
	return get_tenant(fcinfo, TENANT_BIGINT);
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
set_origin(void **extra, bool from_leader)
{
	TenantOrigin *origin = guc_malloc(LOG, sizeof(TenantOrigin));

	if (origin == NULL)
		return false;
	origin->from_leader = from_leader;
	origin->set_in = MyProc ? current_lxid() : EARLIER_TRANSACTION;
	*extra = origin;
	return true;
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

/* A value that this session sets; judged at once. */
static bool
check_session_value(char **newval, void **extra)
{
	TenantValue value;

	if (IsParallelWorker())
		return reject_setting(tenant_fixed_in_worker());
	if ((*newval)[0] == '\0')
		return set_origin(extra, false);
	if (!parse_tenant(setting_tenant_type, *newval, &value))
		return reject_setting(invalid_tenant(setting_tenant_type, *newval));
	if (setting_one_tenant_per_transaction && transaction_is_sealed() &&
		!tenant_equal(&seal->value, &value))
		return reject_setting(tenant_fixed());
	return make_canonical(newval, &value) && set_origin(extra, false);
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
		return set_origin(extra, true);
	if (source == PGC_S_TEST)
		test_stored_value(*newval);
	else if (source > PGC_S_CLIENT)
		return check_session_value(newval, extra);
	return true;
}

static void
assign_tenant_id(const char *newval, void *extra)
{
	TenantValue value;
	const TenantOrigin *origin = extra;

	tenant_origin = origin;
	seal_confirmed = false;
	if (IsParallelWorker())
		return;
	if (newval != NULL && newval[0] != '\0')
		drop_plans_of_others(newval);

	if (origin == NULL)
		leader_set_in = 0;
	else
		leader_set_in = origin->set_in == EARLIER_TRANSACTION ? -1 : (int) origin->set_in;

	leader_departed_in = 0;
	if (transaction_is_sealed() &&
		!(parse_tenant(seal->value.type, newval, &value) &&
		  tenant_equal(&seal->value, &value)))
		leader_departed_in = (int) sealed_in;
}

static bool
check_leader_setting(int *newval, void **extra, GucSource source)
{
	if (InitializingParallelWorker ||
		source == PGC_S_DEFAULT || source == PGC_S_OVERRIDE)
		return true;
	GUC_check_errcode(ERRCODE_CANT_CHANGE_RUNTIME_PARAM);
	GUC_check_errmsg("this parameter carries state to parallel workers and cannot be set");
	return false;
}

/*
 * Lets parallel workers have a variable as their leader has it: as a GUC that
 * nobody can set.  PGC_BACKEND, so that neither SET nor RESET reaches it.  Its source must not
 * be the default, or guc.c does not hand it to workers (can_skip_gucvar).
 */
void
define_leader_setting(const char *name, int *variable)
{
	DefineCustomIntVariable(name,
							"Carries state of the tenant to parallel workers.",
							NULL, variable, 0, INT_MIN, INT_MAX,
							PGC_BACKEND,
							GUC_NO_SHOW_ALL | GUC_NO_RESET_ALL | GUC_NOT_IN_SAMPLE | GUC_DISALLOW_IN_FILE,
							check_leader_setting, NULL, NULL);
	SetConfigOption(name, "0", PGC_BACKEND, PGC_S_OVERRIDE);
}

/*
 * Where the library is loaded late, guc.c has just replayed what the session
 * had set: what lies at the bottom of the stack was there before this
 * transaction began, whatever the check hook took it for.
 */
static void
age_replayed_value(void)
{
	struct config_generic *record = find_guc("tenant_guard.tenant_id");
	GucStack   *stack;
	TenantOrigin *origin;

	if (record == NULL || record->vartype != PGC_STRING)
		return;
	origin = record->extra;
	for (stack = record->stack; stack != NULL; stack = stack->prev)
		origin = stack->prior.extra;
	if (origin != NULL)
		origin->set_in = EARLIER_TRANSACTION;
	assign_tenant_id(tenant_setting, record->extra);
}

void
define_tenant_setting(void)
{
	define_leader_setting("tenant_guard.leader_set_in", &leader_set_in);
	define_leader_setting("tenant_guard.leader_departed_in", &leader_departed_in);
	DefineCustomStringVariable("tenant_guard.tenant_id",
							   "The tenant of the transaction.",
							   "Rows of guarded tables are seen and written for this tenant alone.",
							   &tenant_setting,
							   "",
							   PGC_USERSET, GUC_NOT_IN_SAMPLE,
							   check_tenant_id, assign_tenant_id, NULL);
	age_replayed_value();
}
