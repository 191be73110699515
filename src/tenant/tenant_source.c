/*-------------------------------------------------------------------------
 *
 * tenant_source.c
 *	  Where a tenant comes from, and which was set first in the transaction.
 *
 * A value of a setting that names the tenant comes from below the session (file, database, role,
 * connection), from the session, or in a parallel worker from the leader.  For
 * each source this file says in which transaction the value was set, and
 * whether that has ended.  Only a value from the session counts as set in the
 * transaction; so a default of the role can be overridden once.
 *
 * The tenant that was set first is remembered apart from the setting: its
 * "extra" would not do, since RESET does not call the check hook, nor would
 * guc.c's stack, which merges nesting levels.  It is valid for one local
 * transaction id, and is forgotten when the subtransaction that set it is rolled
 * back.  The nesting level identifies that subtransaction, since only one of
 * each level is open at a time.
 *
 * So is the tenant for which deferred triggers were queued.  It may be none that
 * was set in the transaction, or another than the first one, and may have been
 * unset without having been used.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/parallel.h"
#include "utils/memutils.h"

#include "guc_compat.h"
#include "settings.h"
#include "tenant_source.h"

/* "set_in" of a value that the session had before the library was loaded. */
#define EARLIER_TRANSACTION ((LocalTransactionId) 0)

/* A tenant of transaction "set_in"; value.text is in TopTransactionContext. */
typedef struct RememberedTenant
{
	TenantValue value;
	LocalTransactionId set_in;
	int			level;			/* nesting level of the subtransaction that set it, or its child */
} RememberedTenant;

/* The tenant that was set first, and the one for which deferred triggers were queued first. */
static RememberedTenant first = {.set_in = InvalidLocalTransactionId};
static RememberedTenant queueing = {.set_in = InvalidLocalTransactionId};

/*
 * What parallel workers must know besides the values of the sources
 * (named_tenant.h): the leader's local transaction id in which it last set one,
 * which ones it has set in that, which come from below the session, and which
 * name the tenant that is pinned (authority.c), a bit each; and the id of the transaction in which the tenant came to differ from
 * what was set or used before (0: none), and in which it was last used.  They are GUCs that nobody can set, so
 * that PostgreSQL copies them to workers.  Local transaction ids are unsigned;
 * these are their bit patterns.
 */
static int	leader_set_in = 0;
static int	leader_set = 0;
static int	leader_below_session = 0;
static int	leader_pinned = 0;
static int	leader_departed_in = 0;
static int	leader_sealed_in = 0;

/* ----------------------------------------------------------------
 *		Origins
 * ----------------------------------------------------------------
 */

/* Makes the "extra" of a value that is set now, in guc.c's memory; NULL if out of memory. */
TenantOrigin *
new_origin(TenantSource source)
{
	TenantOrigin *origin = guc_malloc(LOG, sizeof(TenantOrigin));

	if (origin == NULL)
		return NULL;
	origin->source = source;
	origin->set_in = MyProc ? current_lxid() : EARLIER_TRANSACTION;
	return origin;
}

/* In a parallel worker: is "lxid" the leader's current local transaction id? */
bool
leader_is_in(int lxid)
{
	PGPROC	   *leader = MyProc->lockGroupLeader;

	Assert(IsParallelWorker());
	return leader != NULL && lxid == (int) proc_lxid(leader);
}

/* Does the value of this source come from below the session? */
bool
origin_is_below_session(const TenantOrigin *origin, int source)
{
	if (origin == NULL)
		return true;
	return origin->source == SOURCE_LEADER && (leader_below_session & (1 << source)) != 0;
}

/* Was the value of this source set in an earlier transaction?  A value from below the session is never stale. */
bool
origin_is_stale(const TenantOrigin *origin, int source)
{
	if (setting_scope == SCOPE_SESSION || origin_is_below_session(origin, source))
		return false;
	if (origin->source == SOURCE_LEADER)
		return (leader_set & (1 << source)) == 0 || !leader_is_in(leader_set_in);
	return origin->set_in != current_lxid();
}

/* ----------------------------------------------------------------
 *		The tenant that was set first
 * ----------------------------------------------------------------
 */

static bool
is_remembered(const RememberedTenant *tenant)
{
	return MyProc != NULL && tenant->set_in != InvalidLocalTransactionId &&
		tenant->set_in == current_lxid();
}

/* Is this the tenant that was set first in this transaction, or was none set? */
bool
is_first_tenant(const TenantValue *value)
{
	return !is_remembered(&first) || tenant_equal(&first.value, value);
}

/* Remembers a tenant as one of the subtransaction of this nesting level; false if out of memory. */
static bool
remember_at_level(RememberedTenant *tenant, const TenantValue *value, int level)
{
	TenantValue copy;

	Assert(level >= 1 && level <= GetCurrentTransactionNestLevel());
	if (!copy_tenant(&copy, value, TopTransactionContext, MCXT_ALLOC_NO_OOM))
		return false;
	tenant->value = copy;
	tenant->set_in = current_lxid();
	tenant->level = level;
	return true;
}

/*
 * Remembers a copy of a tenant that the session sets, if it is the first one of
 * this transaction.  Raises no error, since a check hook calls it; false if out
 * of memory.
 */
bool
remember_first_tenant(const TenantValue *value)
{
	if (MyProc == NULL || !IsTransactionState() || is_remembered(&first))
		return true;
	return remember_at_level(&first, value, GetCurrentTransactionNestLevel());
}

/* A subtransaction of this nesting level ends.  Returns true if the tenant was forgotten, since it rolls back. */
static bool
end_level(RememberedTenant *tenant, SubXactEvent event, int level)
{
	if (!is_remembered(tenant) || tenant->level < level)
		return false;
	if (event == SUBXACT_EVENT_COMMIT_SUB)
		tenant->level = level - 1;
	else if (event == SUBXACT_EVENT_ABORT_SUB)
	{
		tenant->set_in = InvalidLocalTransactionId;
		return true;
	}
	return false;
}

/* To be called when a subtransaction ends.  Returns true if the first tenant was forgotten, since it rolls back. */
bool
forget_first_tenant(SubXactEvent event)
{
	int			level = GetCurrentTransactionNestLevel();

	(void) end_level(&queueing, event, level);
	return end_level(&first, event, level);
}

/* ----------------------------------------------------------------
 *		The tenant for which deferred triggers were queued
 * ----------------------------------------------------------------
 */

bool
queueing_tenant_is_known(void)
{
	return is_remembered(&queueing);
}

/* Is this the tenant for which deferred triggers were queued first, or is none known? */
bool
is_queueing_tenant(const TenantValue *value)
{
	return !is_remembered(&queueing) || tenant_equal(&queueing.value, value);
}

/* Remembers a tenant for which triggers may have been queued, unless one is known already; raises an error if out of memory. */
void
remember_queueing_tenant(const TenantValue *value)
{
	if (!is_remembered(&queueing) && !remember_at_level(&queueing, value, GetCurrentTransactionNestLevel()))
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
}

/* To be called when no triggers are queued. */
void
forget_queueing_tenant(void)
{
	queueing.set_in = InvalidLocalTransactionId;
}

/* ----------------------------------------------------------------
 *		A library that is loaded late
 * ----------------------------------------------------------------
 */

/*
 * Returns the nesting level of the subtransaction to which a level of guc.c's
 * stack belongs.  The levels are the same unless a function with a SET clause is
 * active, which has a GUC level of its own; then 1 is returned, so that the first
 * tenant is remembered until the transaction ends.
 */
static int
transaction_level(int guc_level)
{
	int			probe = NewGUCNestLevel();

	AtEOXact_GUC(true, probe);
	return probe - 1 == GetCurrentTransactionNestLevel() ? guc_level : 1;
}

/* Remembers a tenant that was set at this nesting level, unless one of that level or of one further out is known. */
static void
recall_at_level(const TenantValue *value, int level)
{
	if (!is_remembered(&first) || level < first.level)
		(void) remember_at_level(&first, value, level);
}

/*
 * Remembers the first value on a setting's stack that is a tenant, from the
 * outermost level inwards.  Returns whether there is one.
 */
static bool
recall_first_tenant(const GucStack *stack, const char *setting)
{
	TenantValue value;

	if (stack == NULL)
		return false;
	if (recall_first_tenant(stack->prev, stack->prior.val.stringval))
		return true;
	if (stack->state == GUC_SET_LOCAL && stack->masked.val.stringval != NULL &&
		parse_tenant(type_of_tenants(), stack->masked.val.stringval, &value))
		recall_at_level(&value, transaction_level(stack->nest_level));
	else if (setting != NULL && parse_tenant(type_of_tenants(), setting, &value))
		recall_at_level(&value, transaction_level(stack->nest_level));
	else
		return false;
	return true;
}

/*
 * Must be called after a setting was defined.  If the library is loaded late,
 * guc.c has just set again what the session had set before, and the check hook
 * took that for set in this transaction.  But the value at the bottom of the
 * stack was set in an earlier one, and is marked so here.  The values above it
 * were set in this transaction; if they are tenants ("is_tenant"), the first is
 * remembered as the first tenant.
 */
void
age_replayed_setting(const char *name, bool is_tenant, const char *value)
{
	struct config_generic *record = find_guc(name);
	GucStack   *stack;
	TenantOrigin *origin;

	if (record == NULL || record->vartype != PGC_STRING)
		return;
	origin = record->extra;
	for (stack = record->stack; stack != NULL; stack = stack->prev)
		origin = stack->prior.extra;
	if (origin != NULL)
		origin->set_in = EARLIER_TRANSACTION;
	if (is_tenant && MyProc != NULL && IsTransactionState() && !IsParallelWorker())
		(void) recall_first_tenant(record->stack, value);
}

/* ----------------------------------------------------------------
 *		Parallel workers
 * ----------------------------------------------------------------
 */

static void
set_bit(int *bits, int bit, bool on)
{
	*bits = on ? *bits | (1 << bit) : *bits & ~(1 << bit);
}

/* In the leader: publishes whether the value of a source was set in this transaction, or comes from below the session. */
void
publish_tenant_origin(int source, const TenantOrigin *origin)
{
	bool		set_now = origin != NULL && origin->set_in != EARLIER_TRANSACTION && origin->set_in == current_lxid();

	set_bit(&leader_below_session, source, origin == NULL);
	if (set_now && leader_set_in != (int) origin->set_in)
	{
		leader_set_in = (int) origin->set_in;
		leader_set = 0;
	}
	set_bit(&leader_set, source, set_now);
}

/* In the leader: publishes whether the tenant differs from what this transaction has set first, or used. */
void
publish_tenant_departure(bool departed)
{
	leader_departed_in = departed ? (int) current_lxid() : 0;
}

/* In the leader: publishes that this transaction has used its tenant. */
void
publish_seal(void)
{
	leader_sealed_in = (int) current_lxid();
}

/* In a worker: has the leader's transaction used its tenant? */
bool
leader_has_sealed(void)
{
	return leader_sealed_in != 0 && leader_is_in(leader_sealed_in);
}

/* In a worker: does the tenant that was copied to it differ from what the leader's transaction has set first, or used? */
bool
leader_has_departed(void)
{
	return leader_departed_in != 0 && leader_is_in(leader_departed_in);
}

/* In the leader: publishes whether a source names the tenant that is pinned. */
void
publish_pinned(int source, bool pinned)
{
	set_bit(&leader_pinned, source, pinned);
}

/* In a worker: did this source name the tenant that is pinned, in the leader? */
bool
leader_has_pinned(int source)
{
	return (leader_pinned & (1 << source)) != 0;
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
 * Makes a variable one that PostgreSQL copies to parallel workers: a GUC that
 * nobody can set.  It is PGC_BACKEND, so that neither SET nor RESET changes it.
 * Its source must not be PGC_S_DEFAULT, since guc.c does not copy those
 * (can_skip_gucvar).
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

/* Must be called once, before the settings that name the tenant are defined. */
void
define_leader_settings(void)
{
	define_leader_setting("tenant_guard.leader_set_in", &leader_set_in);
	define_leader_setting("tenant_guard.leader_set", &leader_set);
	define_leader_setting("tenant_guard.leader_below_session", &leader_below_session);
	define_leader_setting("tenant_guard.leader_pinned", &leader_pinned);
	define_leader_setting("tenant_guard.leader_departed_in", &leader_departed_in);
	define_leader_setting("tenant_guard.leader_sealed_in", &leader_sealed_in);
}
