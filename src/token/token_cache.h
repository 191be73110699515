/*-------------------------------------------------------------------------
 *
 * token_cache.h
 *	  Verifies tokens by the server's keys and settings, and remembers the last.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_TOKEN_CACHE_H
#define TENANT_GUARD_TOKEN_CACHE_H

#include "tenant_type.h"
#include "verify_token.h"

/* What a token says, and the tenant that it names. */
typedef struct JudgedToken
{
	VerifiedToken verified;
	TenantValue tenant;
} JudgedToken;

extern void define_token_rules(void);
extern TokenFault judge_token(const char *token, TenantType type, bool trusted, const JudgedToken **says);
extern TokenFault judge_times_now(const VerifiedToken *verified);
extern const JudgedToken *remembered_token(const char *token, TenantType type);

#endif							/* TENANT_GUARD_TOKEN_CACHE_H */
