/*-------------------------------------------------------------------------
 *
 * token_key.h
 *	  Keys that verify tokens, and how they are read.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_TOKEN_KEY_H
#define TENANT_GUARD_TOKEN_KEY_H

#if defined(__has_include)
#if !__has_include(<openssl/evp.h>)
#error "tenant_guard needs the headers of OpenSSL: install libssl-dev (Debian, Ubuntu) or openssl-devel (Red Hat)"
#endif
#endif
#include <openssl/evp.h>

#define MAX_TOKEN_KEYS 32
#define MAX_KEY_ID 255			/* bytes */
#define MAX_SECRET 512			/* bytes */

typedef enum TokenAlgorithm
{
	TOKEN_RS256,
	TOKEN_ES256,
	TOKEN_EDDSA,
	TOKEN_HS256
} TokenAlgorithm;

typedef struct TokenKey
{
	TokenAlgorithm algorithm;
	bool		has_id;
	char		id[MAX_KEY_ID + 1];
	EVP_PKEY   *public_key;		/* NULL for HS256 */
	unsigned char secret[MAX_SECRET];	/* of HS256 */
	int			secret_length;
} TokenKey;

typedef struct TokenKeys
{
	int			count;
	TokenKey	keys[MAX_TOKEN_KEYS];
} TokenKeys;

/* Which keys a file may have. */
typedef enum KeyKind
{
	PUBLIC_KEYS,
	SECRET_KEYS
} KeyKind;

extern bool find_token_algorithm(const char *name, TokenAlgorithm *algorithm);
extern const char *read_key_set(const char *text, size_t length, KeyKind kind, TokenKeys *keys);
extern const char *read_secrets(const char *text, size_t length, TokenKeys *keys);
extern void free_token_keys(TokenKeys *keys);
extern bool signature_fits(const TokenKey *key, const char *text, size_t length, const unsigned char *signature, int signature_length);

#endif							/* TENANT_GUARD_TOKEN_KEY_H */
