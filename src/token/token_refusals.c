/*-------------------------------------------------------------------------
 *
 * token_refusals.c
 *	  Refusals of tokens.
 *
 * The detail is one of a fixed list of sentences (docs/tokens.md), and never has
 * anything of the token.  All texts are constant, since they are made where
 * nothing must be allocated.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "token_refusals.h"

#define ASK_FOR_NEW "Get a new token from the identity provider."
#define ASK_ISSUER "Look at how the token is made; docs/tokens.md has the rules."
#define CHECK_CLOCKS "Compare the clocks of this server and of the identity provider. A superuser can allow a difference by tenant_guard.token_leeway."

static const struct
{
	const char *detail;
	const char *hint;
}			faults[] = {
	[TOKEN_TOO_LONG] = {"The token is longer than 8 kB.", ASK_ISSUER},
	[TOKEN_NOT_ENCODED] = {"The token is not three parts in base64url without padding, with dots between them.",
	"Pass the token itself, without \"Bearer\"."},
	[TOKEN_BAD_HEADER] = {"The token's header is not a JSON object with an algorithm.", ASK_ISSUER},
	[TOKEN_HEADER_TWICE] = {"The token's header has a name twice.", ASK_ISSUER},
	[TOKEN_BRINGS_KEY] = {"The token's header has a key, or says where there is one: jku, jwk, x5u or x5c.", ASK_ISSUER},
	[TOKEN_IS_CRITICAL] = {"The token's header has crit, and no extension is supported.", ASK_ISSUER},
	[TOKEN_LACKS_KID] = {"The token's header has no kid, and there are several keys.", ASK_ISSUER},
	[TOKEN_UNKNOWN_KID] = {"The token's header has a kid that no key has.",
	"If the identity provider has a new key, a superuser adds it to the file that tenant_guard.jwks_file names."},
	[TOKEN_WRONG_ALGORITHM] = {"The token's algorithm is not the key's.", ASK_ISSUER},
	[TOKEN_WRONG_SIGNATURE] = {"The token's signature is not the key's.", ASK_FOR_NEW},
	[TOKEN_BAD_CLAIMS] = {"The token's claims are not a JSON object.", ASK_ISSUER},
	[TOKEN_CLAIMS_TWICE] = {"The token's claims have a name twice.", ASK_ISSUER},
	[TOKEN_LACKS_EXPIRY] = {"The token has no exp.", ASK_ISSUER},
	[TOKEN_BAD_TIME] = {"The token's exp, nbf or iat is not a number of seconds since 1970.", ASK_ISSUER},
	[TOKEN_EXPIRED] = {"The token has expired.", ASK_FOR_NEW},
	[TOKEN_NOT_YET_VALID] = {"The token is not valid yet: its nbf is in the future.", CHECK_CLOCKS},
	[TOKEN_ISSUED_LATER] = {"The token's iat is in the future.", CHECK_CLOCKS},
	[TOKEN_LACKS_ISSUE_TIME] = {"The token has no iat, which parameter \"tenant_guard.token_max_age\" needs.", ASK_ISSUER},
	[TOKEN_TOO_OLD] = {"The token was issued longer ago than parameter \"tenant_guard.token_max_age\" allows.", ASK_FOR_NEW},
	[TOKEN_WRONG_ISSUER] = {"The token's iss is not the value of parameter \"tenant_guard.token_issuer\".", ASK_ISSUER},
	[TOKEN_WRONG_AUDIENCE] = {"The token's aud does not name the value of parameter \"tenant_guard.token_audience\".",
	"A token that has an aud is for those that it names. If this database is one of them, a superuser sets the name in tenant_guard.token_audience."},
	[TOKEN_LACKS_TENANT] = {"The token lacks the claim that parameter \"tenant_guard.token_claim\" names.", ASK_ISSUER},
	[TOKEN_TENANT_NO_SCALAR] = {"The token's claim of the tenant is not a string or number.", ASK_ISSUER},
	[TOKEN_TENANT_OF_OTHER_TYPE] = {"The token's claim of the tenant is not of the type of tenants.", ASK_ISSUER},
	[TOKEN_KEYS_NOT_SET] = {"There is no key: neither parameter \"tenant_guard.jwks_file\" nor \"tenant_guard.token_secret_file\" is set.",
	"A superuser sets one of them; docs/tokens.md says how."},
	[TOKEN_KEYS_UNREADABLE] = {"The keys cannot be read, so no token is accepted.", "The server log says which file, and why."},
	[TOKEN_RULES_HIDDEN] = {"The options of this connection have settings of tokens, which only a superuser can set.",
	"Take the settings tenant_guard.token_... and tenant_guard.jwks_file out of the connection's options (PGOPTIONS)."}
};

Refusal
token_refused(TokenFault fault)
{
	Assert(fault > TOKEN_IS_VALID && fault < lengthof(faults));
	return (Refusal) {
		ERRCODE_TENANT_NOT_ALLOWED,
			"the token is not accepted",
			faults[fault].detail,
			faults[fault].hint
	};
}
