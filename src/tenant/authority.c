/*-------------------------------------------------------------------------
 *
 * authority.c
 *	  tenant_guard.authority: who may say which tenant.
 *
 * The table below has a row for each way in which a source of the tenant can be
 * set, and a column for each authority.  It is applied when a setting is set,
 * where that is in a transaction, and to all sources that decide whenever a tenant
 * is to be used: settings arrive in no helpful order, and guc.c changes values
 * where no check hook can refuse.
 *
 * Who has set a value is what guc.c keeps with it: its source, and the role that
 * was the current user.  guc.c stacks and restores both with the value, copies
 * them to parallel workers, and knows them of values that were set before the
 * library was loaded.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/parallel.h"
#include "access/xact.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/syscache.h"

#include "authority.h"
#include "compat.h"
#include "guc_compat.h"
#include "named_tenant.h"
#include "tenant_source.h"

#define AUTHORITY "tenant_guard.authority"

/* AUTHORITY_HIDDEN is no value that messages offer; see define_authority_setting(). */
typedef enum Authority
{
	AUTHORITY_OPEN,
	AUTHORITY_GRANTED,
	AUTHORITY_TOKEN,
	AUTHORITY_PINNED,
	AUTHORITY_HIDDEN
} Authority;

static const struct config_enum_entry authority_options[] = {
	{"open", AUTHORITY_OPEN, false},
	{"granted", AUTHORITY_GRANTED, false},
	{"token", AUTHORITY_TOKEN, false},
	{"pinned", AUTHORITY_PINNED, false},
	{"hidden", AUTHORITY_HIDDEN, true},
	{NULL, 0, false}
};

/* Who has set what a source says. */
typedef enum Setter
{
	SET_BY_SUPERUSER,			/* stored for the server, the database or the role */
	SET_BY_CONNECTION,			/* the client, in the options of the connection */
	SET_BY_SESSION,				/* a role: SET, set_config(), set_tenant(), a function's SET clause */
	SET_BY_TOKEN				/* who signed it */
} Setter;

/* On what does it depend whether a tenant may be set? */
typedef enum Condition
{
	ALWAYS,
	IF_GRANTED,
	IF_PINNED,
	NO_TOKEN,					/* the others: never, and why */
	HIDDEN
} Condition;

/* docs/authority.md has this table. */
static const Condition conditions[][AUTHORITY_HIDDEN + 1] = {
	/* open	granted		token		pinned */
	[SET_BY_SUPERUSER] = {ALWAYS, IF_GRANTED, NO_TOKEN, IF_PINNED, HIDDEN},
	[SET_BY_CONNECTION] = {ALWAYS, IF_GRANTED, NO_TOKEN, IF_PINNED, HIDDEN},
	[SET_BY_SESSION] = {ALWAYS, IF_GRANTED, NO_TOKEN, IF_PINNED, HIDDEN},
	[SET_BY_TOKEN] = {ALWAYS, IF_GRANTED, ALWAYS, IF_PINNED, HIDDEN}
};

static int	authority = AUTHORITY_OPEN;
static void (*authority_changed) (void) = NULL;

/* Was SET on tenant_guard.tenant_id granted to this role?  As it was when it was last asked about; InvalidOid: about none. */
static Oid	asked_about = InvalidOid;
static bool was_granted = false;

/* ----------------------------------------------------------------
 *		Conditions
 * ----------------------------------------------------------------
 */

static void
forget_grants(Datum arg, int cache_id, uint32 hash)
{
	asked_about = InvalidOid;
}

/*
 * Everyone can SET a PGC_USERSET parameter, so PostgreSQL itself never asks for
 * this privilege, but records it.  A superuser has it, and so has what a
 * superuser has stored: its role is the bootstrap superuser then.  The right on
 * tenant_guard.tenant_id counts for the other sources too.
 */
static bool
is_granted(Oid role)
{
	bool		granted;

	if (role == asked_about)
		return was_granted;
	if (!IsTransactionState())
		return false;
	/* an invalidation, or an error, while it is asked */
	was_granted = false;
	asked_about = role;
	granted = pg_parameter_aclcheck(TENANT_ID, role, ACL_SET) == ACLCHECK_OK;
	if (asked_about == role)
		was_granted = granted;
	return granted;
}

/* Returns a source that has a value in the connection's options, be it empty, or NULL. */
const NamingSource *
source_of_connection(void)
{
	for (int i = 0; i < count_of_sources(); i++)
	{
		const NamingSource *source = nth_source(i);

		if (source->record != NULL && source->record->reset_source == PGC_S_CLIENT)
			return source;
	}
	return NULL;
}

/*
 * Is this the tenant that is stored, by whichever sources?  What is stored is what
 * RESET restores, whatever the session has set; but an option of the connection
 * takes its place.
 */
static AuthorityVerdict
compare_with_pinned(const TenantValue *value)
{
	AuthorityVerdict verdict = NONE_IS_PINNED;

	if (source_of_connection() != NULL)
		return IS_FROM_CONNECTION;
	for (int i = 0; i < count_of_settings(); i++)
	{
		const NamingSource *source = nth_source(i);
		const char *pinned = source->record == NULL ? "" : guc_reset_string(source->record);
		TenantValue other;

		if (pinned[0] == '\0')
			continue;
		if (value == NULL || !parse_tenant(value->type, pinned, &other) || !tenant_equal(value, &other))
			return IS_NOT_PINNED;
		verdict = MAY_SET_TENANT;
	}
	return verdict;
}

/* May this role set this tenant, or if it is NULL any? */
static AuthorityVerdict
judge(Condition condition, Oid role, const TenantValue *value)
{
	switch (condition)
	{
		case ALWAYS:
			break;
		case IF_GRANTED:
			return is_granted(role) ? MAY_SET_TENANT : IS_NOT_GRANTED;
		case IF_PINNED:
			return compare_with_pinned(value);
		case NO_TOKEN:
			return IS_NO_TOKEN;
		case HIDDEN:
			return AUTHORITY_IS_HIDDEN;
	}
	return MAY_SET_TENANT;
}

/* ----------------------------------------------------------------
 *		Judging
 * ----------------------------------------------------------------
 */

static Setter
setter_of(const NamingSource *source)
{
	if (source->kind == SOURCE_IS_TOKEN)
		return SET_BY_TOKEN;
	if (source->record->source < PGC_S_CLIENT)
		return SET_BY_SUPERUSER;
	return source->record->source == PGC_S_CLIENT ? SET_BY_CONNECTION : SET_BY_SESSION;
}

/* May the current user set this tenant by a source of this kind now?  Allows it, to be judged when it is used, where catalogs cannot be read. */
AuthorityVerdict
judge_new_tenant(SourceKind kind, const TenantValue *value)
{
	if (authority == AUTHORITY_OPEN || !IsTransactionState())
		return MAY_SET_TENANT;
	return judge(conditions[kind == SOURCE_IS_TOKEN ? SET_BY_TOKEN : SET_BY_SESSION][authority], GetUserId(), value);
}

/*
 * Was the value of a source set by one who may?  A parallel worker has not what
 * was stored where the session has set another value; there its leader has
 * compared them.
 */
static AuthorityVerdict
judge_setter(int n, const TenantValue *value)
{
	const NamingSource *source = nth_source(n);
	Condition	condition;

	if (source->record == NULL)
		return AUTHORITY_IS_HIDDEN;
	condition = conditions[setter_of(source)][authority];
	if (condition == IF_PINNED && IsParallelWorker() && leader_has_pinned(n))
		return MAY_SET_TENANT;
	return judge(condition, source->record->srole, value);
}

/*
 * Were all sources that name the tenant set by one who may?  If not, sets *culprit
 * to one that was not.  "value" is what the first of them names, if it is a tenant.
 * Neither raises nor changes anything.
 */
AuthorityVerdict
judge_setters(const NamedTenant *named, const TenantValue *value, const NamingSource **culprit)
{
	if (authority == AUTHORITY_OPEN || (named->verdict != NAMES_TENANT && named->verdict != NAMES_TWO))
		return MAY_SET_TENANT;
	for (int i = 0; i < count_of_sources(); i++)
		if (named->deciding & (1 << i))
		{
			AuthorityVerdict verdict = judge_setter(i, value);

			*culprit = nth_source(i);
			if (verdict != MAY_SET_TENANT)
				return verdict;
		}
	return MAY_SET_TENANT;
}

/* For hints: can the current user set any tenant by SET?  If not, why not? */
AuthorityVerdict
judge_current_user(void)
{
	return judge(conditions[SET_BY_SESSION][authority], GetUserId(), NULL);
}

/*
 * In the leader: publishes to parallel workers which sources name the tenant that
 * is pinned.  To be called when a source or the authority changes; raises nothing.
 */
void
publish_pinned_tenants(void)
{
	for (int i = 0; i < count_of_sources(); i++)
	{
		TenantValue value;

		publish_pinned(i, authority == AUTHORITY_PINNED && read_source_quietly(nth_source(i), &value) &&
					   compare_with_pinned(&value) == MAY_SET_TENANT);
	}
}

/* ----------------------------------------------------------------
 *		The setting
 * ----------------------------------------------------------------
 */

/* It must be compared again what is set, under the new value. */
static void
assign_authority(int newval, void *extra)
{
	authority = newval;
	authority_changed();
	if (!IsParallelWorker())
		publish_pinned_tenants();
}

/* Do the connection's options have a value for this parameter? */
bool
connection_sets(const char *name)
{
	const struct config_generic *record = find_guc(name);

	return record != NULL && record->reset_source == PGC_S_CLIENT;
}

/*
 * Must be called once, by _PG_init, before the settings that name the tenant are
 * defined.  "changed" is called whenever the authority changes.
 *
 * RESET ALL, which any role may run, would undo what a superuser has set in the
 * session.
 *
 * Until the library is loaded a client can write any name into its connection's
 * options.  guc.c takes that value before those of the database and the role, and
 * drops these; when the parameter is defined it refuses the client's, and the
 * default is left, which is the least strict.  So then no tenant may be set.
 */
void
define_authority_setting(void (*changed) (void))
{
	bool		hides = connection_sets(AUTHORITY);

	authority_changed = changed;
	DefineCustomEnumVariable(AUTHORITY,
							 "Sets who may set the tenant.",
							 "With \"granted\", roles that were granted SET on tenant_guard.tenant_id; with \"token\", signed tokens; with \"pinned\", only what a superuser has stored.",
							 &authority,
							 AUTHORITY_OPEN, authority_options,
							 PGC_SUSET, GUC_NO_RESET_ALL, NULL, assign_authority, NULL);
	if (hides && !connection_sets(AUTHORITY))
		SetConfigOption(AUTHORITY, "hidden", PGC_SUSET, PGC_S_OVERRIDE);
	CacheRegisterSyscacheCallback(PARAMETERACLNAME, forget_grants, (Datum) 0);
	CacheRegisterSyscacheCallback(AUTHMEMROLEMEM, forget_grants, (Datum) 0);
	CacheRegisterSyscacheCallback(AUTHOID, forget_grants, (Datum) 0);
}
