/*-------------------------------------------------------------------------
 *
 * token_refusals.h
 *	  Refusals of tokens.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_TOKEN_REFUSALS_H
#define TENANT_GUARD_TOKEN_REFUSALS_H

#include "refusal.h"
#include "verify_token.h"

extern Refusal token_refused(TokenFault fault);

#endif							/* TENANT_GUARD_TOKEN_REFUSALS_H */
