/*-------------------------------------------------------------------------
 *
 * tenant_source.c
 *	  Where a tenant comes from, and which was set first in the transaction.
 *
 * Whatever can name a tenant is a source.  What is asked of each is the same:
 * in which transaction it was set and whether that is over, whether it counts
 * as set, and whether it agrees with the others of this transaction.  Today
 * there is one setting, whose value comes from below the session, from the
 * session, or in a parallel worker from the leader.  Of these only the session
 * sets a tenant: a role's default may be overridden, once.
 *
 * The tenant that was set first is remembered beside the setting: neither in
 * its "extra", since RESET goes past the check hook, nor on its stack, which
 * merges levels.  It is good for one local transaction id, and is forgotten
 * where the subtransaction that set it is rolled back.  A subtransaction is
 * known by its nesting level: at any time there is one of each.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/parallel.h"
#include "utils/memutils.h"

#include "settings.h"
#include "tenant_source.h"

/* A value that was in the session before the library was. */
#define EARLIER_TRANSACTION ((LocalTransactionId) 0)

/* The tenant set first in transaction "set_in"; a text lies in TopTransactionContext. */
typedef struct FirstTenant
{
	TenantValue value;
	LocalTransactionId set_in;
	int			level;			/* of the subtransaction that set it */
} FirstTenant;

static FirstTenant first = {.set_in = InvalidLocalTransactionId};

/*
 * What a parallel worker must know of its leader and cannot see in the value:
 * in which of the leader's transactions the value was set (0: below the
 * session, -1: before the library was loaded), and in which of them it has
 * departed from what was set or used before.  Serialised to workers as GUCs
 * that nobody can set; local transaction ids are unsigned, so these are their
 * bit patterns.
 */
static int	leader_set_in = 0;
static int	leader_departed_in = 0;

/* ----------------------------------------------------------------
 *		Origins
 * ----------------------------------------------------------------
 */

/* An origin in this transaction, for a check hook; NULL where memory is out. */
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

/* In a parallel worker: is the leader in the transaction "lxid"? */
static bool
leader_is_in(int lxid)
{
	PGPROC	   *leader = MyProc->lockGroupLeader;

	return leader != NULL && lxid == (int) proc_lxid(leader);
}

/* Was it set in an earlier transaction?  What comes from below the session never is stale. */
bool
origin_is_stale(const TenantOrigin *origin)
{
	if (origin == NULL || setting_scope == SCOPE_SESSION)
		return false;
	if (origin->source == SOURCE_LEADER)
		return leader_set_in != 0 && !leader_is_in(leader_set_in);
	return origin->set_in != current_lxid();
}

/* ----------------------------------------------------------------
 *		The tenant that was set first
 * ----------------------------------------------------------------
 */

static bool
a_tenant_was_set(void)
{
	return MyProc != NULL && first.set_in != InvalidLocalTransactionId &&
		first.set_in == current_lxid();
}

/* Is this the tenant that was set first in this transaction, or would it be? */
bool
is_first_tenant(const TenantValue *value)
{
	return !a_tenant_was_set() || tenant_equal(&first.value, value);
}

static bool
remember_at_level(const TenantValue *value, int level)
{
	TenantValue copy;

	if (!copy_tenant(&copy, value, TopTransactionContext, MCXT_ALLOC_NO_OOM))
		return false;
	first.value = copy;
	first.set_in = current_lxid();
	first.level = level;
	return true;
}

/*
 * A tenant is set in the session: remembers it if it is the first of this
 * transaction.  Copies what it keeps.  Raises nothing; false where memory is out.
 */
bool
remember_first_tenant(const TenantValue *value)
{
	if (MyProc == NULL || !IsTransactionState() || a_tenant_was_set())
		return true;
	return remember_at_level(value, GetCurrentTransactionNestLevel());
}

/* The current subtransaction ends.  True where the first tenant is forgotten with it. */
bool
forget_first_tenant(SubXactEvent event)
{
	int			level = GetCurrentTransactionNestLevel();

	if (!a_tenant_was_set() || first.level < level)
		return false;
	if (event == SUBXACT_EVENT_COMMIT_SUB)
		first.level = level - 1;
	else if (event == SUBXACT_EVENT_ABORT_SUB)
	{
		first.set_in = InvalidLocalTransactionId;
		return true;
	}
	return false;
}

/* ----------------------------------------------------------------
 *		A library that is loaded late
 * ----------------------------------------------------------------
 */

/*
 * The subtransaction to which a level of guc.c's stack belongs.  A function
 * with a SET clause has a level of its own; where there is one the outermost
 * transaction is taken, which no savepoint undoes.
 */
static int
transaction_level(int guc_level)
{
	int			probe = NewGUCNestLevel();

	AtEOXact_GUC(true, probe);
	return probe - 1 == GetCurrentTransactionNestLevel() ? guc_level : 1;
}

/* Remembers, from the outermost level inwards, the first that is a tenant. */
static void
recall_first_tenant(const GucStack *stack, const char *setting)
{
	TenantValue value;

	if (stack == NULL)
		return;
	recall_first_tenant(stack->prev, stack->prior.val.stringval);
	if (a_tenant_was_set())
		return;
	if (stack->state == GUC_SET_LOCAL && stack->masked.val.stringval != NULL &&
		parse_tenant(setting_tenant_type, stack->masked.val.stringval, &value))
		(void) remember_at_level(&value, transaction_level(stack->nest_level));
	else if (setting != NULL && parse_tenant(setting_tenant_type, setting, &value))
		(void) remember_at_level(&value, transaction_level(stack->nest_level));
}

/*
 * Where the library is loaded late, guc.c has just replayed what the session
 * had set: what lies at the bottom of the stack was there before this
 * transaction began, whatever the check hook took it for.  What lies above was
 * set in this transaction, as far as the stack knows.
 */
void
age_replayed_setting(const char *name, const char *value)
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
	if (MyProc != NULL && IsTransactionState() && !IsParallelWorker())
		recall_first_tenant(record->stack, value);
}

/* ----------------------------------------------------------------
 *		Parallel workers
 * ----------------------------------------------------------------
 */

/* In the leader: where the tenant that is set comes from. */
void
tell_workers_origin(const TenantOrigin *origin)
{
	if (origin == NULL)
		leader_set_in = 0;
	else
		leader_set_in = origin->set_in == EARLIER_TRANSACTION ? -1 : (int) origin->set_in;
}

/* In the leader: does it depart from what this transaction has set or used? */
void
tell_workers_departure(bool departed)
{
	leader_departed_in = departed ? (int) current_lxid() : 0;
}

/* In a worker: does the tenant that it was given depart from the leader's? */
bool
leader_has_departed(void)
{
	return leader_departed_in != 0 && leader_is_in(leader_departed_in);
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

void
define_leader_settings(void)
{
	define_leader_setting("tenant_guard.leader_set_in", &leader_set_in);
	define_leader_setting("tenant_guard.leader_departed_in", &leader_departed_in);
}
