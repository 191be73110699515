/*-------------------------------------------------------------------------
 *
 * token_setting.h
 *	  tenant_guard.token: a signed token that names the tenant.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_TOKEN_SETTING_H
#define TENANT_GUARD_TOKEN_SETTING_H

#include "nodes/nodes.h"

#include "token_cache.h"

#define TOKEN "tenant_guard.token"

extern void define_token_settings(void);
extern bool sets_token(const Node *stmt);
extern bool find_deciding_token(const JudgedToken **says);

#endif							/* TENANT_GUARD_TOKEN_SETTING_H */
