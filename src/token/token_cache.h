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

extern void define_token_rules(void);
extern TokenFault judge_token(const char *token, TenantType type, bool trusted, const VerifiedToken **verified);
extern TokenFault judge_times_now(const VerifiedToken *verified);
extern const VerifiedToken *remembered_token(const char *token);

#endif							/* TENANT_GUARD_TOKEN_CACHE_H */
