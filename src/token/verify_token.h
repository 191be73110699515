/*-------------------------------------------------------------------------
 *
 * verify_token.h
 *	  Verifies a JSON Web Token, and reads the tenant that it names.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_VERIFY_TOKEN_H
#define TENANT_GUARD_VERIFY_TOKEN_H

#include "token_key.h"

#define MAX_TOKEN 8192			/* bytes */

/* Why a token is refused; the sentences for these are in token_refusals.c. */
typedef enum TokenFault
{
	TOKEN_IS_VALID,
	TOKEN_TOO_LONG,
	TOKEN_NOT_ENCODED,			/* not three parts in base64url */
	TOKEN_BAD_HEADER,
	TOKEN_HEADER_TWICE,			/* a name twice */
	TOKEN_BRINGS_KEY,			/* jku, jwk, x5u, x5c */
	TOKEN_IS_CRITICAL,			/* crit */
	TOKEN_LACKS_KID,
	TOKEN_UNKNOWN_KID,
	TOKEN_WRONG_ALGORITHM,
	TOKEN_WRONG_SIGNATURE,
	TOKEN_BAD_CLAIMS,
	TOKEN_CLAIMS_TWICE,			/* a name twice */
	TOKEN_LACKS_EXPIRY,
	TOKEN_BAD_TIME,
	TOKEN_EXPIRED,
	TOKEN_NOT_YET_VALID,
	TOKEN_ISSUED_LATER,
	TOKEN_LACKS_ISSUE_TIME,
	TOKEN_TOO_OLD,
	TOKEN_WRONG_ISSUER,
	TOKEN_WRONG_AUDIENCE,
	TOKEN_LACKS_TENANT,
	TOKEN_TENANT_NO_SCALAR,
	/* what only the server finds */
	TOKEN_TENANT_OF_OTHER_TYPE,
	TOKEN_KEYS_NOT_SET,
	TOKEN_KEYS_UNREADABLE,
	TOKEN_RULES_HIDDEN
} TokenFault;

/* What tokens must be like; an empty string, or 0, asks for nothing. */
typedef struct TokenRules
{
	const char *issuer;
	const char *audience;
	const char *claim;			/* of the tenant: the names from the outermost inwards, each ended by '\0', the last by two */
	int			leeway;			/* seconds */
	int			max_age;		/* seconds */
} TokenRules;

#define NO_TIME (-1)

/* Of a token that is verified. */
typedef struct VerifiedToken
{
	int64		expires_at;		/* times are in seconds since 1970; NO_TIME: it does not say */
	int64		valid_from;
	int64		issued_at;
	bool		tenant_is_number;
	const char *tenant;			/* in UTF-8, as the claims are */
	const char *claims;
	int			claims_length;
} VerifiedToken;

extern bool read_claim_path(const char *text, char *path);
extern TokenFault read_claims(const char *token, size_t length, const TokenRules *rules, VerifiedToken *verified);
extern TokenFault verify_token(const char *token, size_t length, const TokenKeys *keys, const TokenRules *rules, VerifiedToken *verified);
extern TokenFault judge_times(const VerifiedToken *verified, const TokenRules *rules, int64 now);

#endif							/* TENANT_GUARD_VERIFY_TOKEN_H */
