/*-------------------------------------------------------------------------
 *
 * key_file.h
 *	  The keys in the files that tenant_guard.jwks_file and
 *	  tenant_guard.token_secret_file name.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_KEY_FILE_H
#define TENANT_GUARD_KEY_FILE_H

#include "token_key.h"

typedef enum KeyState
{
	KEYS_ARE_READ,
	KEYS_NOT_SET,				/* neither parameter is set */
	KEYS_UNREADABLE				/* the log says why */
} KeyState;

extern void define_key_file_settings(void);
extern KeyState read_token_keys(const TokenKeys **keys, uint64 *generation);

#endif							/* TENANT_GUARD_KEY_FILE_H */
