/*-------------------------------------------------------------------------
 *
 * verify_token.c
 *	  Verifies a JSON Web Token, and reads the tenant that it names.
 *
 * A token is a JSON Web Signature in compact form (RFC 7515) of claims (RFC
 * 7519).  It is refused for the first thing that is wrong with it, and nothing of
 * it is believed before its signature is known to fit: of the header nothing but
 * which key signs, of the claims nothing at all.  The algorithm is the key's; the
 * header must name the same one, and so cannot choose it.
 *
 * All of this is a function of the token, the keys, the rules and the time.
 * Nothing raises an error but exhausted memory.  What is made is palloc'd in the
 * current memory context.
 *
 *-------------------------------------------------------------------------
 */
#ifndef FRONTEND
#include "postgres.h"
#else
#include "postgres_fe.h"
#endif

#include "base64url.h"
#include "json_document.h"
#include "verify_token.h"

/* The longest signature is one by the longest RSA key. */
#define MAX_SIGNATURE 1024

/* Digits of a time until the year 5138; one in milliseconds has more. */
#define MAX_TIME_DIGITS 11

/* The parts of a token, encoded. */
typedef struct Parts
{
	const char *header;
	size_t		header_length;
	const char *claims;
	size_t		claims_length;
	const char *signature;
	size_t		signature_length;
} Parts;

/* ----------------------------------------------------------------
 *		Parts
 * ----------------------------------------------------------------
 */

static TokenFault
split_token(const char *token, size_t length, Parts *parts)
{
	const char *first;
	const char *second;

	if (length > MAX_TOKEN)
		return TOKEN_TOO_LONG;
	first = memchr(token, '.', length);
	second = first != NULL ? memchr(first + 1, '.', token + length - first - 1) : NULL;
	if (second == NULL)
		return TOKEN_NOT_ENCODED;
	*parts = (Parts) {
		token, first - token,
			first + 1, second - first - 1,
			second + 1, token + length - second - 1
	};
	return TOKEN_IS_VALID;
}

/* Reads a part as a JSON object.  The text is given to the caller, too, unless "text" is NULL. */
static TokenFault
read_part(const char *part, size_t length, TokenFault bad, TokenFault twice, JsonDocument *document, VerifiedToken *verified)
{
	char	   *text = palloc(BASE64URL_DECODED(length) + 1);
	int			text_length = decode_base64url(part, length, (unsigned char *) text);

	if (text_length < 0)
		return TOKEN_NOT_ENCODED;
	text[text_length] = '\0';
	if (!read_json(text, text_length, document))
		return document->has_twice ? twice : bad;
	if (document->nodes[0].kind != JSON_IS_OBJECT)
		return bad;
	if (verified != NULL)
	{
		verified->claims = text;
		verified->claims_length = text_length;
	}
	return TOKEN_IS_VALID;
}

/* ----------------------------------------------------------------
 *		The header, and the key
 * ----------------------------------------------------------------
 */

/* What of a header is refused whatever it says. */
static TokenFault
judge_header(const JsonDocument *header)
{
	static const char *const keys[] = {"jku", "jwk", "x5u", "x5c"};

	for (int i = 0; i < lengthof(keys); i++)
		if (json_member(header, &header->nodes[0], keys[i]) != NULL)
			return TOKEN_BRINGS_KEY;
	/* no extension is known here, so whatever is critical is not */
	if (json_member(header, &header->nodes[0], "crit") != NULL)
		return TOKEN_IS_CRITICAL;
	if (json_string(json_member(header, &header->nodes[0], "alg")) == NULL)
		return TOKEN_BAD_HEADER;
	return TOKEN_IS_VALID;
}

/*
 * Can the token be by this key?  One that names a key, only by that; one that
 * names none, by the only key that there is, or by one without an ID.
 */
static bool
is_candidate(const TokenKeys *keys, const TokenKey *key, const char *id)
{
	if (id != NULL)
		return key->has_id && strcmp(key->id, id) == 0;
	return !key->has_id || keys->count == 1;
}

/* Is the signature by one of the keys that the header allows? */
static TokenFault
verify_signature(const Parts *parts, const JsonDocument *header, const TokenKeys *keys)
{
	const JsonNode *id = json_member(header, &header->nodes[0], "kid");
	const char *named = json_string(json_member(header, &header->nodes[0], "alg"));
	const char *text = parts->header;
	size_t		length = parts->claims + parts->claims_length - parts->header;
	unsigned char signature[BASE64URL_DECODED(MAX_SIGNATURE * 4 / 3 + 2)];
	int			signature_length = 0;	/* no key's, as is one that is too long */
	TokenAlgorithm algorithm;
	bool		is_known = find_token_algorithm(named, &algorithm);
	TokenFault	fault = id == NULL ? TOKEN_LACKS_KID : TOKEN_UNKNOWN_KID;

	if (id != NULL && json_string(id) == NULL)
		return TOKEN_BAD_HEADER;
	if (parts->signature_length <= MAX_SIGNATURE * 4 / 3 + 2)
		signature_length = decode_base64url(parts->signature, parts->signature_length, signature);
	if (signature_length < 0)
		return TOKEN_NOT_ENCODED;
	for (int i = 0; i < keys->count; i++)
	{
		const TokenKey *key = &keys->keys[i];

		if (!is_candidate(keys, key, json_string(id)))
			continue;
		if (is_known && key->algorithm == algorithm)
		{
			if (signature_fits(key, text, length, signature, signature_length))
				return TOKEN_IS_VALID;
			fault = TOKEN_WRONG_SIGNATURE;
		}
		else if (fault != TOKEN_WRONG_SIGNATURE)
			fault = TOKEN_WRONG_ALGORITHM;
	}
	return fault;
}

/* ----------------------------------------------------------------
 *		Claims
 * ----------------------------------------------------------------
 */

/* Reads a claim of seconds since 1970; a fraction is cut off, and anything else than a plain number is none. */
static TokenFault
read_time(const JsonDocument *claims, const char *name, int64 *time)
{
	const JsonNode *node = json_member(claims, &claims->nodes[0], name);
	const char *p;
	int			digits = 0;

	*time = NO_TIME;
	if (node == NULL)
		return TOKEN_IS_VALID;
	if (node->kind != JSON_IS_NUMBER)
		return TOKEN_BAD_TIME;
	*time = 0;
	for (p = node->text; *p >= '0' && *p <= '9' && digits <= MAX_TIME_DIGITS; p++, digits++)
		*time = *time * 10 + (*p - '0');
	if (*p == '.')
		p += 1 + strspn(p + 1, "0123456789");
	return *p == '\0' && digits > 0 && digits <= MAX_TIME_DIGITS ? TOKEN_IS_VALID : TOKEN_BAD_TIME;
}

static TokenFault
read_times(const JsonDocument *claims, VerifiedToken *verified)
{
	TokenFault	fault;

	if ((fault = read_time(claims, "exp", &verified->expires_at)) != TOKEN_IS_VALID ||
		(fault = read_time(claims, "nbf", &verified->valid_from)) != TOKEN_IS_VALID ||
		(fault = read_time(claims, "iat", &verified->issued_at)) != TOKEN_IS_VALID)
		return fault;
	return verified->expires_at == NO_TIME ? TOKEN_LACKS_EXPIRY : TOKEN_IS_VALID;
}

static bool
is_string(const JsonNode *node, const char *text)
{
	return json_string(node) != NULL && strcmp(json_string(node), text) == 0;
}

/* Is the token for us?  One that names whom it is for is not for others, and so is refused if we have no name. */
static bool
audience_fits(const JsonDocument *claims, const char *audience)
{
	const JsonNode *node = json_member(claims, &claims->nodes[0], "aud");
	const JsonNode *element = NULL;

	if (audience[0] == '\0' || node == NULL)
		return audience[0] == '\0' && node == NULL;
	if (node->kind == JSON_IS_ARRAY)
		while ((element = next_json_element(claims, node, element)) != NULL)
			if (is_string(element, audience))
				return true;
	return is_string(node, audience);
}

/* Reads the claim of the tenant. */
static TokenFault
read_tenant(const JsonDocument *claims, const char *path, VerifiedToken *verified)
{
	const JsonNode *node = &claims->nodes[0];

	for (; path[0] != '\0' && node != NULL; path += strlen(path) + 1)
		node = node->kind == JSON_IS_OBJECT ? json_member(claims, node, path) : NULL;
	if (node == NULL || node->kind == JSON_IS_NULL)
		return TOKEN_LACKS_TENANT;
	if ((node->kind != JSON_IS_STRING && node->kind != JSON_IS_NUMBER) || node->text[0] == '\0')
		return TOKEN_TENANT_NO_SCALAR;
	verified->tenant = node->text;
	verified->tenant_is_number = node->kind == JSON_IS_NUMBER;
	return TOKEN_IS_VALID;
}

static TokenFault
judge_claims(const JsonDocument *claims, const TokenRules *rules, VerifiedToken *verified)
{
	TokenFault	fault = read_times(claims, verified);

	if (fault != TOKEN_IS_VALID)
		return fault;
	if (rules->issuer[0] != '\0' && !is_string(json_member(claims, &claims->nodes[0], "iss"), rules->issuer))
		return TOKEN_WRONG_ISSUER;
	if (!audience_fits(claims, rules->audience))
		return TOKEN_WRONG_AUDIENCE;
	return read_tenant(claims, rules->claim, verified);
}

/* ----------------------------------------------------------------
 *		Verifying
 * ----------------------------------------------------------------
 */

/* Reads the claims of a token whose signature the caller knows to fit. */
TokenFault
read_claims(const char *token, size_t length, const TokenRules *rules, VerifiedToken *verified)
{
	Parts		parts;
	JsonDocument claims;
	TokenFault	fault = split_token(token, length, &parts);

	memset(verified, 0, sizeof(*verified));
	if (fault == TOKEN_IS_VALID)
		fault = read_part(parts.claims, parts.claims_length, TOKEN_BAD_CLAIMS, TOKEN_CLAIMS_TWICE, &claims, verified);
	return fault == TOKEN_IS_VALID ? judge_claims(&claims, rules, verified) : fault;
}

/* Verifies all of a token but its times, which judge_times() does. */
TokenFault
verify_token(const char *token, size_t length, const TokenKeys *keys, const TokenRules *rules, VerifiedToken *verified)
{
	Parts		parts;
	JsonDocument header;
	TokenFault	fault = split_token(token, length, &parts);

	if (fault == TOKEN_IS_VALID)
		fault = read_part(parts.header, parts.header_length, TOKEN_BAD_HEADER, TOKEN_HEADER_TWICE, &header, NULL);
	if (fault == TOKEN_IS_VALID)
		fault = judge_header(&header);
	if (fault == TOKEN_IS_VALID)
		fault = verify_signature(&parts, &header, keys);
	return fault == TOKEN_IS_VALID ? read_claims(token, length, rules, verified) : fault;
}

/* Is a verified token valid now, a time in seconds since 1970? */
TokenFault
judge_times(const VerifiedToken *verified, const TokenRules *rules, int64 now)
{
	if (now >= verified->expires_at + rules->leeway)
		return TOKEN_EXPIRED;
	if (verified->valid_from != NO_TIME && now < verified->valid_from - rules->leeway)
		return TOKEN_NOT_YET_VALID;
	if (verified->issued_at != NO_TIME && now < verified->issued_at - rules->leeway)
		return TOKEN_ISSUED_LATER;
	if (rules->max_age == 0)
		return TOKEN_IS_VALID;
	if (verified->issued_at == NO_TIME)
		return TOKEN_LACKS_ISSUE_TIME;
	return now >= verified->issued_at + rules->max_age + rules->leeway ? TOKEN_TOO_OLD : TOKEN_IS_VALID;
}

/*
 * Reads the names of a path: a.b is b in a.  A name can stand in double quotes,
 * two for one in it.  Writes them as TokenRules wants them to "path", which has
 * two bytes more than the text; false if the text is no path.
 */
bool
read_claim_path(const char *text, char *path)
{
	while (true)
	{
		char	   *name = path;
		bool		quoted = *text == '"';

		for (text += quoted; *text != '\0' && (quoted || *text != '.'); text++)
		{
			if (*text == '"' && !(quoted && text[1] == '"'))
				break;
			text += *text == '"';
			*path++ = *text;
		}
		if (quoted && *text++ != '"')
			return false;
		if (path == name)
			return false;
		*path++ = '\0';
		if (*text == '\0')
		{
			*path = '\0';
			return true;
		}
		if (*text++ != '.')
			return false;
	}
}
