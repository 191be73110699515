/*-------------------------------------------------------------------------
 *
 * token.c
 *	  A target for libFuzzer: what verifies tokens and reads keys, outside the
 *	  server (test/hardening.sh, part tokens).
 *
 * The first byte says what the others are: a token, the header and the claims of
 * one that is then signed, a set of keys, secrets, or the path of a claim.  What
 * is allocated is freed after each of them, so that sanitizers see what is used
 * later or overrun.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres_fe.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "verify_token.h"

#define SECRET "a secret that is long enough for HS256"

extern int	LLVMFuzzerTestOneInput(const uint8_t * data, size_t size);

/* The public keys of RFC 7515 and RFC 8037. */
static const char key_set[] =
"{\"keys\":["
"{\"kty\":\"RSA\",\"kid\":\"r\",\"e\":\"AQAB\",\"n\":\"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-"
"yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3"
"qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ\"},"
"{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"e\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\",\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"},"
"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"d\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}]}";

/* ----------------------------------------------------------------
 *		Memory
 * ----------------------------------------------------------------
 */

static void **allocated = NULL;
static size_t nallocated = 0;
static size_t room = 0;

static void *
note(void *pointer)
{
	if (nallocated == room)
	{
		room = room * 2 + 64;
		allocated = realloc(allocated, room * sizeof(void *));
	}
	return allocated[nallocated++] = pointer;
}

static void
forget(void *pointer)
{
	for (size_t i = nallocated; i-- > 0;)
		if (allocated[i] == pointer)
		{
			allocated[i] = allocated[--nallocated];
			return;
		}
	abort();
}

void *
palloc(Size size)
{
	return note(malloc(size ? size : 1));
}

void *
palloc0(Size size)
{
	return note(calloc(1, size ? size : 1));
}

void *
palloc_extended(Size size, int flags)
{
	return palloc0(size);
}

void *
repalloc(void *pointer, Size size)
{
	forget(pointer);
	return note(realloc(pointer, size));
}

void
pfree(void *pointer)
{
	forget(pointer);
	free(pointer);
}

char *
pstrdup(const char *text)
{
	return note(strdup(text));
}

static void
free_all(void)
{
	while (nallocated > 0)
		free(allocated[--nallocated]);
}

/* ----------------------------------------------------------------
 *		Tokens
 * ----------------------------------------------------------------
 */

static const TokenRules *
rules(void)
{
	static const char path[] = "app\0tenant\0"; /* and the last '\0' of the literal */
	static const TokenRules by = {"joe", "us", path, 30, 3600};

	return &by;
}

static const TokenKeys *
all_keys(void)
{
	static TokenKeys keys;

	if (keys.count == 0 && (read_key_set(key_set, strlen(key_set), PUBLIC_KEYS, &keys) != NULL ||
							read_secrets(SECRET, strlen(SECRET), &keys) != NULL || keys.count != 4))
		abort();
	return &keys;
}

/* A token is valid by keys alone, and says the same without them. */
static void
try_token(const char *token, size_t length)
{
	static const TokenKeys none;
	VerifiedToken verified;
	VerifiedToken other;

	if (verify_token(token, length, &none, rules(), &other) == TOKEN_IS_VALID)
		abort();
	if (verify_token(token, length, all_keys(), rules(), &verified) != TOKEN_IS_VALID)
		return;
	if (verified.tenant[0] == '\0' || verified.expires_at < 0 || strlen(verified.claims) != verified.claims_length)
		abort();
	if (read_claims(token, length, rules(), &other) != TOKEN_IS_VALID || strcmp(verified.tenant, other.tenant) != 0)
		abort();
	if (judge_times(&verified, rules(), verified.expires_at + 30) != TOKEN_EXPIRED)
		abort();
	(void) judge_times(&verified, rules(), 0);
}

static size_t
encode(char *to, const unsigned char *bytes, size_t length)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	uint32		bits = 0;
	int			nbits = 0;
	char	   *start = to;

	for (size_t i = 0; i < length; i++)
	{
		bits = bits << 8 | bytes[i];
		for (nbits += 8; nbits >= 6; nbits -= 6)
			*to++ = digits[bits >> (nbits - 6) & 63];
	}
	if (nbits > 0)
		*to++ = digits[bits << (6 - nbits) & 63];
	return to - start;
}

/* A token of this header and these claims, signed with the secret. */
static void
try_signed(const char *header, size_t header_length, const char *claims, size_t claims_length)
{
	char	   *token = malloc((header_length + claims_length) * 4 / 3 + 100);
	size_t		length = encode(token, (const unsigned char *) header, header_length);
	unsigned char mac[EVP_MAX_MD_SIZE];
	unsigned int mac_length;

	token[length++] = '.';
	length += encode(token + length, (const unsigned char *) claims, claims_length);
	HMAC(EVP_sha256(), SECRET, strlen(SECRET), (unsigned char *) token, length, mac, &mac_length);
	token[length++] = '.';
	length += encode(token + length, mac, mac_length);
	try_token(token, length);
	free(token);
}

/* The header ends at the first line end; without one it is the usual one. */
static void
try_header_and_claims(const char *text, size_t length)
{
	static const char usual[] = "{\"alg\":\"HS256\"}";
	const char *end = memchr(text, '\n', length);

	if (end == NULL)
		try_signed(usual, strlen(usual), text, length);
	else
		try_signed(text, end - text, end + 1, text + length - end - 1);
}

static void
try_keys(const char *text, size_t length, bool secret)
{
	static TokenKeys keys;

	if (secret)
		(void) read_secrets(text, length, &keys);
	else
		(void) read_key_set(text, length, PUBLIC_KEYS, &keys);
	for (int i = 0; i < keys.count; i++)
		(void) signature_fits(&keys.keys[i], text, length, (const unsigned char *) key_set, 64);
	free_token_keys(&keys);
}

static void
try_path(const char *text)
{
	char	   *path = malloc(strlen(text) + 2);

	if (read_claim_path(text, path))
		for (const char *name = path; *name != '\0'; name += strlen(name) + 1)
			if (strlen(name) > strlen(text))
				abort();
	free(path);
}

int
LLVMFuzzerTestOneInput(const uint8_t * data, size_t size)
{
	char	   *text;

	if (size < 1)
		return 0;
	/* of its own length, so that reading behind it is noticed; a setting ends with '\0' */
	text = malloc(size);
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	switch (data[0] % 5)
	{
		case 0:
			try_token(text, size - 1);
			break;
		case 1:
			try_header_and_claims(text, size - 1);
			break;
		case 2:
			try_keys(text, size - 1, false);
			break;
		case 3:
			try_keys(text, size - 1, true);
			break;
		case 4:
			try_path(text);
			break;
	}
	free(text);
	free_all();
	return 0;
}
