/*-------------------------------------------------------------------------
 *
 * token_setting.c
 *	  tenant_guard.token: a signed token that names the tenant.
 *
 * It is a source of the tenant like the settings that name it themselves
 * (named_tenant.c), but is read by verifying it.  A token that the session sets is
 * verified when it is set; what comes from below the session, and what guc.c
 * changes where no check hook can refuse, when it is used.  Either is fast if
 * it is the last one (token_cache.c).
 *
 * Whether the token has expired is judged until its tenant is sealed, and not
 * again in that transaction: a transaction does not fail in its midst because
 * a minute has passed.
 *
 * A parallel worker gets the token as it gets any setting, and whether the leader
 * has verified it in this transaction.  If so, it only reads the claims.  Where
 * the leader has not used the tenant, a function that a worker runs can be the
 * first to use it, and judges the token itself.
 *
 * Nothing shows the token: neither SHOW, nor what other sessions see of this
 * session's statement, nor a message.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/parallel.h"
#include "pgstat.h"
#include "tcop/tcopprot.h"
#include "utils/backend_status.h"

#include "compat.h"
#include "current_tenant.h"
#include "named_tenant.h"
#include "tenant_refusals.h"
#include "tenant_setting.h"
#include "tenant_source.h"
#include "tenant_type.h"
#include "token_cache.h"
#include "token_refusals.h"
#include "token_setting.h"

/* Shorter ones are no tokens, and may be words. */
#define MIN_HIDDEN 32

static char *token = NULL;
static NamingSource *token_source = NULL;

/*
 * For parallel workers: the local transaction id in which this session has verified the token that is set (0: none).  A GUC that
 * nobody can set.
 */
static int	leader_verified_in = 0;

/* ----------------------------------------------------------------
 *		Reading
 * ----------------------------------------------------------------
 */

/* Has this transaction sealed this tenant? */
static bool
is_sealed(const TenantValue *tenant)
{
	const TenantValue *sealed = sealed_tenant();

	return sealed != NULL && tenant_equal(sealed, tenant);
}

/* Verifies a token, and judges its times unless that has been done. */
static TokenFault
judge(const char *text, TenantType type, const JudgedToken **says)
{
	bool		trusted = IsParallelWorker() && leader_verified_in != 0 && leader_is_in(leader_verified_in);
	TokenFault	fault = judge_token(text, type, trusted, says);

	if (fault != TOKEN_IS_VALID || (trusted && leader_has_sealed()) || is_sealed(&(*says)->tenant))
		return fault;
	return judge_times_now(&(*says)->verified);
}

/* Reads the tenant that a token names, as SourceReader wants it: quietly, only the last token is known. */
static bool
read_token(const char *text, TenantType type, bool quietly, TenantValue *tenant, Refusal *refusal)
{
	const JudgedToken *says = quietly ? remembered_token(text, type) : NULL;
	TokenFault	fault = quietly ? TOKEN_IS_VALID : judge(text, type, &says);

	if (fault != TOKEN_IS_VALID)
		*refusal = token_refused(fault);
	if (fault != TOKEN_IS_VALID || says == NULL)
		return false;
	if (!quietly && !IsParallelWorker())
		leader_verified_in = (int) current_lxid();
	*tenant = says->tenant;
	return true;
}

/*
 * If the transaction's tenant is one that a token names, sets *says to what the
 * token says.  Otherwise returns false; raises an error if the tenant that
 * is set cannot be used.
 */
bool
find_deciding_token(const JudgedToken **says)
{
	TenantValue value;

	/* what decides has been judged when it was found, so the token is valid */
	return find_tenant(true) != NULL &&
		(find_named_tenant(type_of_tenants, &value).deciding & bit_of_source(token_source)) != 0 &&
		judge(token, type_of_tenants(), says) == TOKEN_IS_VALID;
}

/* ----------------------------------------------------------------
 *		Setting
 * ----------------------------------------------------------------
 */

/* Returns where a text has the token; NULL if it has not.  Its end is looked for first, since a short text is found faster. */
static char *
find_in(char *text, const char *secret, size_t length)
{
	const char *end = secret + length - MIN_HIDDEN;

	for (char *p = text; (p = strstr(p, end)) != NULL; p++)
		if (p - text >= end - secret && memcmp(p - (end - secret), secret, length) == 0)
			return p - (end - secret);
	return NULL;
}

/* If the client's statement has the token in it, shows what other sessions see of it without the token (pg_stat_activity). */
static void
hide_in_activity(const char *text)
{
	size_t		length = strlen(text);
	char	   *shown;
	bool		found = false;

	if (debug_query_string == NULL || !pgstat_track_activities || length < MIN_HIDDEN || length > MAX_TOKEN)
		return;
	shown = pnstrdup(debug_query_string, pgstat_track_activity_query_size + length);
	/* what replaces the token may be the token */
	for (char *p = shown; (p = find_in(p, text, length)) != NULL; p += length)
	{
		memset(p, '*', length);
		found = true;
	}
	if (found)
		pgstat_report_activity(STATE_RUNNING, shown);
	pfree(shown);
}

/* Checks a token that the session sets. */
static bool
check_session_token(const char *text)
{
	const JudgedToken *says;
	TokenFault	fault;
	TenantValue value;

	if (IsParallelWorker())
		return reject_setting(tenant_fixed_in_worker());
	if (text[0] == '\0' || is_set_for_later())
		return true;
	hide_in_activity(text);
	fault = judge(text, type_of_tenants(), &says);
	if (fault != TOKEN_IS_VALID)
		return reject_setting(token_refused(fault));
	/* a copy, since the token that was set before may be judged meanwhile */
	(void) copy_tenant(&value, &says->tenant, CurrentMemoryContext, 0);
	return claim_tenant(SOURCE_IS_TOKEN, &value);
}

static bool
check_token(char **newval, void **extra, GucSource source)
{
	if (InitializingParallelWorker)
		return (*extra = new_origin(SOURCE_LEADER)) != NULL;
	if (source == PGC_S_TEST || source <= PGC_S_CLIENT)
		return true;
	return check_session_token(*newval) && (*extra = new_origin(SOURCE_SESSION)) != NULL;
}

static void
assign_token(const char *newval, void *extra)
{
	if (!IsParallelWorker())
		leader_verified_in = 0;
	source_was_set(token_source, newval, extra);
}

/* Does a statement set the token?  Its text is then not to be kept (pg_stat_statements). */
bool
sets_token(const Node *stmt)
{
	return IsA(stmt, VariableSetStmt) && ((const VariableSetStmt *) stmt)->name != NULL &&
		pg_strcasecmp(((const VariableSetStmt *) stmt)->name, TOKEN) == 0;
}

static const char *
show_token(void)
{
	return token != NULL && token[0] != '\0' ? "********" : "";
}

/* Must be called once, by _PG_init, when the other settings that name the tenant are defined. */
void
define_token_settings(void)
{
	static const SettingHooks hooks = {check_token, assign_token, show_token};

	define_token_rules();
	define_leader_setting("tenant_guard.leader_verified_in", &leader_verified_in);
	token_source = add_source(SOURCE_IS_TOKEN, TOKEN);
	token_source->read = read_token;
	define_source(token_source, "Sets the tenant of the transaction by a signed token.", &token, GUC_NO_SHOW_ALL, &hooks);
}
