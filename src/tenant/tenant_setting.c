/*-------------------------------------------------------------------------
 *
 * tenant_setting.c
 *	  The settings that name the tenant: tenant_guard.tenant_id, and those that
 *	  tenant_guard.setting_names names.
 *
 * The value is a GUC because a GUC rolls back with savepoints and is copied to
 * parallel workers.  A value set in the session is checked when it is set, and
 * the transaction that set it is stored as its "extra".  A value that comes from
 * below the session (file, database, role, connection) or, in a parallel worker,
 * from the leader, may be set before tenant_type is, so it is judged when it is
 * first used.
 *
 * tenant_guard.tenant_id has no value that is not a tenant, and has it in its
 * canonical spelling.  The other settings are an application's own: they keep
 * what it sets, and a value that is no tenant, such as the word "system", is
 * refused when a guarded table is used.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/parallel.h"
#include "fmgr.h"
#include "miscadmin.h"

#include "authority.h"
#include "compat.h"
#include "current_tenant.h"
#include "guc_compat.h"
#include "named_tenant.h"
#include "pending_trigger.h"
#include "settings.h"
#include "tenant_plan.h"
#include "tenant_refusals.h"
#include "tenant_setting.h"
#include "tenant_source.h"
#include "tenant_type.h"

/* The variables of the settings, which guc.c sets; of each, the source. */
static char *variables[1 + MAX_OTHER_SETTINGS];
static NamingSource *setting_sources[1 + MAX_OTHER_SETTINGS];

/* In the place of a tenant whose plans are to be kept: no text of a tenant begins so, so that all are dropped. */
#define NOT_KNOWN "\001"

/* Is guc.c setting a value again that was set before the library was loaded? */
static bool replaying = false;

/* Is CREATE FUNCTION validating a body with the function's SET clauses applied? */
static bool creating_function = false;

/* ----------------------------------------------------------------
 *		Checking a new value
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

/* Is the value not set for this transaction, but again, or to validate a function? */
bool
is_set_for_later(void)
{
	return replaying || creating_function;
}

/*
 * Can the session set this tenant now?  If so, it is remembered as the first
 * one at once: should the rest of the assignment fail, the error aborts the
 * (sub)transaction, which forgets it.
 */
bool
claim_tenant(SourceKind kind, const TenantValue *value)
{
	AuthorityVerdict verdict;
	Oid			waiting;

	if (is_set_for_later())
		return true;
	verdict = judge_new_tenant(kind, value);
	if (verdict != MAY_SET_TENANT)
		return reject_setting(tenant_not_allowed(verdict, NULL));
	if (!tenant_may_change() && departs(value))
		return reject_setting(tenant_fixed());
	if (OidIsValid(waiting = table_waiting_for_other(value, tenant_may_change() && replaces_tenant(value))))
		return reject_setting(triggers_are_pending(waiting));
	return remember_first_tenant(value);
}

/* Checks a value that the session sets. */
static bool
check_session_value(char **newval, void **extra, bool strict)
{
	TenantValue value;

	if (IsParallelWorker())
		return reject_setting(tenant_fixed_in_worker());
	if ((*newval)[0] == '\0')
		return set_origin(extra, SOURCE_SESSION);
	if (parse_tenant(type_of_tenants(), *newval, &value))
		return claim_tenant(SOURCE_IS_TENANT_ID, &value) && (!strict || make_canonical(newval, &value)) &&
			set_origin(extra, SOURCE_SESSION);
	if (strict)
		return reject_setting(invalid_tenant(type_of_tenants(), *newval));
	return set_origin(extra, SOURCE_SESSION);
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
			(errcode(ERRCODE_TENANT_TYPE_MISMATCH),
			 errmsg("invalid tenant identifier for type %s: \"%s\"",
					tenant_type_name(type_of_tenants()), newval),
			 errdetail("It is stored as it is, and refused when it is used where parameter \"tenant_guard.tenant_type\" is %s.",
					   tenant_type_name(type_of_tenants()))));
}

static bool
check_value(char **newval, void **extra, GucSource source, bool strict)
{
	if (InitializingParallelWorker)
		return set_origin(extra, SOURCE_LEADER);
	if (source == PGC_S_TEST)
		test_stored_value(*newval);
	else if (source > PGC_S_CLIENT)
		return check_session_value(newval, extra, strict);
	return true;
}

static bool
check_tenant_id(char **newval, void **extra, GucSource source)
{
	return check_value(newval, extra, source, true);
}

static bool
check_other_setting(char **newval, void **extra, GucSource source)
{
	return check_value(newval, extra, source, false);
}

/* ----------------------------------------------------------------
 *		Taking it over
 * ----------------------------------------------------------------
 */

/* For parallel workers: does the tenant that is set differ from what this transaction has set first or used? */
static void
publish_departure(void)
{
	TenantValue value;

	publish_tenant_departure(find_named_tenant(last_type_of_tenants, &value).verdict == NAMES_TENANT && departs(&value));
}

/* The tenant's canonical spelling is that of tenant_guard.tenant_id, and need not be that of other settings. */
static void
drop_other_plans(const NamingSource *source)
{
	TenantValue value;
	char		buf[TENANT_CANONICAL_SIZE];

	if (source->value == NULL || source->value[0] == '\0')
		return;
	if (source->kind == SOURCE_IS_TENANT_ID)
		drop_plans_of_others(source->value);
	else if (read_source_quietly(source, &value))
		drop_plans_of_others(tenant_canonical(&value, buf));
	else if (source->kind == SOURCE_IS_TOKEN)
		drop_plans_of_others(NOT_KNOWN);
}

/* To be called by the assign hook of a source.  Raises nothing. */
void
source_was_set(NamingSource *source, const char *newval, const TenantOrigin *origin)
{
	source_changed(source, newval, origin);
	unconfirm_seal();
	if (IsParallelWorker())
		return;
	drop_other_plans(source);
	publish_departure();
	publish_pinned_tenants();
}

static void
assign_setting(int n, const char *newval, const TenantOrigin *origin)
{
	source_was_set(setting_sources[n], newval, origin);
}

static void
assign_tenant_id(const char *newval, void *extra)
{
	assign_setting(0, newval, extra);
}

/* guc.c does not tell an assign hook which setting it is about, so each has a hook of its own. */
#define ASSIGN_HOOK(n) \
static void \
assign_other_##n(const char *newval, void *extra) \
{ \
	assign_setting(n, newval, extra); \
}

ASSIGN_HOOK(1)
ASSIGN_HOOK(2)
ASSIGN_HOOK(3)
ASSIGN_HOOK(4)
ASSIGN_HOOK(5)
ASSIGN_HOOK(6)
ASSIGN_HOOK(7)
ASSIGN_HOOK(8)

static const GucStringAssignHook assign_hooks[] = {
	assign_tenant_id, assign_other_1, assign_other_2, assign_other_3, assign_other_4,
	assign_other_5, assign_other_6, assign_other_7, assign_other_8
};

StaticAssertDecl(lengthof(assign_hooks) == 1 + MAX_OTHER_SETTINGS, "each setting has an assign hook");

/* guc.c restores the settings after this callback, and calls the assign hooks of those whose values that changes. */
static void
at_subtransaction_end(SubXactEvent event, SubTransactionId subid, SubTransactionId parent, void *arg)
{
	if (forget_first_tenant(event))
		publish_departure();
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

/* ----------------------------------------------------------------
 *		Defining the settings
 * ----------------------------------------------------------------
 */

/* Defines the setting of a source, and takes over what the session had under its name before. */
void
define_source(NamingSource *source, const char *description, char **variable, int flags, const SettingHooks *hooks)
{
	replaying = true;
	DefineCustomStringVariable(source->name, description,
							   "Queries see and write only this tenant's rows of guarded tables.",
							   variable,
							   "",
							   PGC_USERSET, GUC_NOT_IN_SAMPLE | flags,
							   hooks->check, hooks->assign, hooks->show);
	replaying = false;
	source->record = find_guc(source->name);
	age_replayed_setting(source->name, source->read == NULL, *variable);
	source_was_set(source, *variable, source->origin);
}

/* "name" must stay valid. */
static void
define_setting(SourceKind kind, const char *name, const char *description, GucStringCheckHook check)
{
	int			n = count_of_sources();
	SettingHooks hooks = {check, assign_hooks[n], NULL};

	setting_sources[n] = add_source(kind, name);
	define_source(setting_sources[n], description, &variables[n], 0, &hooks);
}

/* Defines one of the settings that tenant_guard.setting_names names. */
void
define_other_setting(const char *name)
{
	define_setting(SOURCE_IS_OTHER_SETTING, name,
				   "Sets the tenant of the transaction, since tenant_guard.setting_names has this name.",
				   check_other_setting);
}

/* Must be called once, by _PG_init. */
void
define_tenant_settings(void)
{
	Assert(count_of_sources() == 0);
	define_leader_settings();
	define_one_tenant_setting();
	define_authority_setting(unconfirm_seal);
	define_setting(SOURCE_IS_TENANT_ID, TENANT_ID, "Sets the tenant of the transaction.", check_tenant_id);
	RegisterSubXactCallback(at_subtransaction_end, NULL);
}
