/*-------------------------------------------------------------------------
 *
 * token_cache.c
 *	  Verifies tokens by the server's keys and settings, and remembers the last.
 *
 * A session sets the same token for each transaction, until it expires.  So the
 * last one is remembered, with what it says or why it is refused, and is looked
 * up by all of its bytes.  It is verified again when the keys or a rule may have
 * changed.  Whether it has expired is judged each time.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <time.h>

#include "common/string.h"
#include "mb/pg_wchar.h"
#include "utils/guc.h"
#include "utils/memutils.h"

#include "authority.h"
#include "compat.h"
#include "key_file.h"
#include "token_cache.h"

#define TOKEN_CLAIM "tenant_guard.token_claim"

static char *issuer = NULL;
static char *audience = NULL;
static char *claim = NULL;
static int	leeway = 0;
static int	max_age = 0;

/* The names of "claim", as TokenRules has them; in guc.c's memory. */
static const char *claim_path = NULL;

/* Counts changes of the rules. */
static uint64 rules_changed = 0;

/* Do the connection's options hide what a superuser has stored? */
static bool rules_are_hidden = false;

/* What is remembered of the last token; its memory is "context". */
typedef struct RememberedToken
{
	MemoryContext context;
	const char *token;			/* NULL: there is none */
	size_t		length;
	TenantType	type;
	bool		trusted;
	uint64		keys;			/* the number of the keys, and of the rules, by which it was verified */
	uint64		rules;
	TokenFault	fault;
	JudgedToken says;
} RememberedToken;

static RememberedToken last = {NULL};

static TokenRules
rules(void)
{
	return (TokenRules) {issuer, audience, claim_path, leeway, max_age};
}

/* ----------------------------------------------------------------
 *		Verifying
 * ----------------------------------------------------------------
 */

/*
 * A number is a tenant of type bigint only; a string can be of any type.  What is
 * not ASCII is in UTF-8, and to convert it to another encoding could raise errors.
 */
static bool
read_tenant(const VerifiedToken *verified, TenantType type, TenantValue *value)
{
	return (!verified->tenant_is_number || type == TENANT_BIGINT) && parse_tenant(type, verified->tenant, value) &&
		(GetDatabaseEncoding() == PG_UTF8 || pg_is_ascii(verified->tenant));
}

/* Verifies a token; of one that is trusted, it only reads the claims. */
static TokenFault
verify(const char *token, size_t length, TenantType type, const TokenKeys *keys, bool trusted, JudgedToken *says)
{
	TokenRules	by = rules();
	TokenFault	fault = trusted ? read_claims(token, length, &by, &says->verified) : verify_token(token, length, keys, &by, &says->verified);

	if (fault == TOKEN_IS_VALID && !read_tenant(&says->verified, type, &says->tenant))
		return TOKEN_TENANT_OF_OTHER_TYPE;
	return fault;
}

/* Verifies a token and remembers it in place of the last. */
static void
remember(const char *token, size_t length, TenantType type, const TokenKeys *keys, uint64 number, bool trusted)
{
	MemoryContext outer;

	last.token = NULL;
	if (last.context == NULL)
		last.context = AllocSetContextCreate(TopMemoryContext, "tenant_guard token", ALLOCSET_START_SMALL_SIZES);
	MemoryContextReset(last.context);
	outer = MemoryContextSwitchTo(last.context);
	last.fault = verify(token, length, type, keys, trusted, &last.says);
	last.length = length;
	last.type = type;
	last.trusted = trusted;
	last.keys = number;
	last.rules = rules_changed;
	last.token = pstrdup(token);
	MemoryContextSwitchTo(outer);
}

static bool
is_remembered(const char *token, size_t length)
{
	return last.token != NULL && last.length == length && memcmp(last.token, token, length) == 0;
}

/*
 * Verifies a token, but not its times.  "trusted": the leader of this parallel
 * worker has verified it.  *says is valid until the next call.  Raises no
 * error but for memory.
 */
TokenFault
judge_token(const char *token, TenantType type, bool trusted, const JudgedToken **says)
{
	size_t		length = strlen(token);
	const TokenKeys *keys = NULL;
	uint64		number = 0;
	KeyState	state = trusted ? KEYS_ARE_READ : read_token_keys(&keys, &number);

	*says = &last.says;
	if (state != KEYS_ARE_READ)
		return state == KEYS_NOT_SET ? TOKEN_KEYS_NOT_SET : TOKEN_KEYS_UNREADABLE;
	if (rules_are_hidden && !trusted)
		return TOKEN_RULES_HIDDEN;
	if (length > MAX_TOKEN)
		return TOKEN_TOO_LONG;
	if (!is_remembered(token, length) || last.type != type || last.trusted != trusted || last.keys != number || last.rules != rules_changed)
		remember(token, length, type, keys, number, trusted);
	return last.fault;
}

TokenFault
judge_times_now(const VerifiedToken *verified)
{
	TokenRules	by = rules();

	return judge_times(verified, &by, (int64) time(NULL));
}

/* Returns what a token says if it is the last and was found valid, or NULL.  Neither raises nor allocates. */
const JudgedToken *
remembered_token(const char *token, TenantType type)
{
	return last.fault == TOKEN_IS_VALID && last.type == type && is_remembered(token, strlen(token)) ? &last.says : NULL;
}

/* ----------------------------------------------------------------
 *		Settings
 * ----------------------------------------------------------------
 */

static void
assign_text(const char *newval, void *extra)
{
	rules_changed++;
}

static bool
check_claim(char **newval, void **extra, GucSource source)
{
	char	   *path = guc_malloc(LOG, strlen(*newval) + 2);

	if (path == NULL)
		return false;
	if (read_claim_path(*newval, path))
	{
		*extra = path;
		return true;
	}
	guc_free(path);
	GUC_check_errdetail("A claim is a name, or names with dots between them: \"app_metadata.tenant_id\".");
	GUC_check_errhint("Write a name that has a dot in it in double quotes, as in '\"https://example.com/tenant\"'.");
	return false;
}

static void
assign_claim(const char *newval, void *extra)
{
	claim_path = extra;
	rules_changed++;
}

/*
 * Must be called once, by _PG_init.  Until the library is loaded, a client can
 * write any name into its connection's options, and guc.c then drops what the
 * database and the role have under that name.  A rule that has lost its value so
 * would be less strict.  (RESET ALL, which any role may run, leaves them alone.)
 */
void
define_token_rules(void)
{
	static const char *const names[] = {
		"tenant_guard.jwks_file", "tenant_guard.token_secret_file", "tenant_guard.token_issuer", "tenant_guard.token_audience",
		TOKEN_CLAIM, "tenant_guard.token_leeway", "tenant_guard.token_max_age"
	};
	bool		sets[lengthof(names)];

	for (int i = 0; i < lengthof(names); i++)
		sets[i] = connection_sets(names[i]);
	define_key_file_settings();
	DefineCustomStringVariable("tenant_guard.token_issuer",
							   "Sets the issuer that tokens must name (iss).",
							   "An empty value accepts any.",
							   &issuer, "", PGC_SUSET, GUC_NO_RESET_ALL, NULL, assign_text, NULL);
	DefineCustomStringVariable("tenant_guard.token_audience",
							   "Sets the audience that tokens must name (aud).",
							   "With an empty value, tokens that name one are refused.",
							   &audience, "", PGC_SUSET, GUC_NO_RESET_ALL, NULL, assign_text, NULL);
	DefineCustomStringVariable(TOKEN_CLAIM,
							   "Names the claim of a token that is the tenant.",
							   "It is a path: names with dots between them.",
							   &claim, "tenant_id", PGC_SUSET, GUC_NO_RESET_ALL, check_claim, assign_claim, NULL);
	DefineCustomIntVariable("tenant_guard.token_leeway",
							"Sets by how much the clocks of who signs tokens and of this server may differ.",
							NULL, &leeway, 30, 0, 600, PGC_SUSET, GUC_UNIT_S | GUC_NO_RESET_ALL, NULL, NULL, NULL);
	DefineCustomIntVariable("tenant_guard.token_max_age",
							"Sets how long ago tokens may have been issued (iat).",
							"0 accepts any until it expires.",
							&max_age, 0, 0, INT_MAX, PGC_SUSET, GUC_UNIT_S | GUC_NO_RESET_ALL, NULL, NULL, NULL);
	for (int i = 0; i < lengthof(names); i++)
		rules_are_hidden |= sets[i] && !connection_sets(names[i]);
}
