/*-------------------------------------------------------------------------
 *
 * token_key.c
 *	  Keys that verify tokens, and how they are read.
 *
 * A file has a JSON Web Key Set (RFC 7517), or for HS256 the secrets themselves,
 * one a line.  A key's type says its algorithm, and there is one for each type:
 * RSA RS256, EC on P-256 ES256, OKP on Ed25519 EdDSA, oct HS256.  Keys of other
 * types, for other algorithms or for encryption are passed over, as RFC 7517
 * wants it: an identity provider has what other services need.
 *
 * A public key is given to OpenSSL as a SubjectPublicKeyInfo (RFC 5280), which
 * is the form that all of its versions read, and check.
 *
 *-------------------------------------------------------------------------
 */
#ifndef FRONTEND
#include "postgres.h"
#else
#include "postgres_fe.h"
#endif

#include <openssl/crypto.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/hmac.h>
#include <openssl/x509.h>

#include "base64url.h"
#include "json_document.h"
#include "token_key.h"

/* RFC 7518, 3.2 and 3.3; longer RSA keys take too long. */
#define MIN_SECRET 32
#define MIN_RSA_BITS 2048
#define MAX_RSA_BITS 8192

/* The longest number of a key, and the SubjectPublicKeyInfo around it */
#define MAX_NUMBER (MAX_RSA_BITS / 8)
#define MAX_DER (MAX_NUMBER + 64)

static const struct
{
	const char *name;
	TokenAlgorithm algorithm;
}			algorithms[] = {
	{"RS256", TOKEN_RS256},
	{"ES256", TOKEN_ES256},
	{"EdDSA", TOKEN_EDDSA},
	{"Ed25519", TOKEN_EDDSA},	/* RFC 9864's name of it */
	{"HS256", TOKEN_HS256}
};

/* Which algorithm has this name?  False if none that is accepted has it. */
bool
find_token_algorithm(const char *name, TokenAlgorithm *algorithm)
{
	for (int i = 0; i < lengthof(algorithms); i++)
		if (strcmp(algorithms[i].name, name) == 0)
		{
			*algorithm = algorithms[i].algorithm;
			return true;
		}
	return false;
}

/* ----------------------------------------------------------------
 *		SubjectPublicKeyInfo
 * ----------------------------------------------------------------
 */

/* What stands before the key itself: the algorithm, and the length of a key that has always the same. */
static const unsigned char rsa_algorithm[] = {
	0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00
};
static const unsigned char p256_prefix[] = {
	0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08,
	0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04
};
static const unsigned char ed25519_prefix[] = {
	0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00
};

/* A text that is built from its end to its beginning. */
typedef struct Der
{
	unsigned char bytes[MAX_DER];
	int			start;
} Der;

static void
prepend(Der *der, const void *bytes, int length)
{
	Assert(length <= der->start);
	der->start -= length;
	memcpy(der->bytes + der->start, bytes, length);
}

static void
prepend_byte(Der *der, unsigned char byte)
{
	prepend(der, &byte, 1);
}

/* Prepends a tag and the length of what has been built since the text began at "end". */
static void
prepend_tag(Der *der, unsigned char tag, int end)
{
	int			length = end - der->start;

	prepend_byte(der, length & 0xFF);
	if (length > 0xFF)
		prepend_byte(der, length >> 8);
	if (length > 0x7F)
		prepend_byte(der, length > 0xFF ? 0x82 : 0x81);
	prepend_byte(der, tag);
}

static void
prepend_number(Der *der, const unsigned char *number, int length)
{
	int			end = der->start;

	prepend(der, number, length);
	if (number[0] >= 0x80)
		prepend_byte(der, 0);
	prepend_tag(der, 0x02, end);
}

static EVP_PKEY *
key_of_der(const Der *der)
{
	const unsigned char *bytes = der->bytes + der->start;
	EVP_PKEY   *key = d2i_PUBKEY(NULL, &bytes, MAX_DER - der->start);

	ERR_clear_error();
	return key;
}

/* ----------------------------------------------------------------
 *		Keys of a set
 * ----------------------------------------------------------------
 */

/* Decodes a member of a key; returns the length, or -1 if there is none that fits. */
static int
bytes_of_member(const JsonDocument *document, const JsonNode *key, const char *name, unsigned char *bytes, int room)
{
	const char *text = json_string(json_member(document, key, name));

	if (text == NULL || BASE64URL_DECODED(strlen(text)) > room + 2)
		return -1;
	return decode_base64url(text, strlen(text), bytes);
}

static bool
read_rsa(const JsonDocument *document, const JsonNode *json, TokenKey *key)
{
	unsigned char modulus[MAX_NUMBER + 4],
				exponent[8 + 4];
	int			modulus_length = bytes_of_member(document, json, "n", modulus, MAX_NUMBER);
	int			exponent_length = bytes_of_member(document, json, "e", exponent, 8);
	Der			der = {.start = MAX_DER};

	/* an even exponent, or 1, makes no key */
	if (modulus_length < MIN_RSA_BITS / 8 || modulus_length > MAX_NUMBER || modulus[0] == 0 || exponent_length < 1 || exponent[0] == 0 ||
		exponent[exponent_length - 1] % 2 == 0 || (exponent_length == 1 && exponent[0] == 1))
		return false;
	prepend_number(&der, exponent, exponent_length);
	prepend_number(&der, modulus, modulus_length);
	prepend_tag(&der, 0x30, MAX_DER);
	prepend_byte(&der, 0);		/* unused bits */
	prepend_tag(&der, 0x03, MAX_DER);
	prepend(&der, rsa_algorithm, sizeof(rsa_algorithm));
	prepend_tag(&der, 0x30, MAX_DER);
	key->algorithm = TOKEN_RS256;
	key->public_key = key_of_der(&der);
	return key->public_key != NULL && EVP_PKEY_bits(key->public_key) >= MIN_RSA_BITS;
}

static bool
is_curve(const JsonDocument *document, const JsonNode *json, const char *name)
{
	const char *curve = json_string(json_member(document, json, "crv"));

	return curve != NULL && strcmp(curve, name) == 0;
}

static bool
read_ec(const JsonDocument *document, const JsonNode *json, TokenKey *key)
{
	unsigned char x[32 + 4],
				y[32 + 4];
	Der			der = {.start = MAX_DER};

	if (!is_curve(document, json, "P-256") || bytes_of_member(document, json, "x", x, 32) != 32 ||
		bytes_of_member(document, json, "y", y, 32) != 32)
		return false;
	prepend(&der, y, 32);
	prepend(&der, x, 32);
	prepend(&der, p256_prefix, sizeof(p256_prefix));
	key->algorithm = TOKEN_ES256;
	key->public_key = key_of_der(&der);
	return key->public_key != NULL;
}

static bool
read_okp(const JsonDocument *document, const JsonNode *json, TokenKey *key)
{
	unsigned char x[32 + 4];
	Der			der = {.start = MAX_DER};

	if (!is_curve(document, json, "Ed25519") || bytes_of_member(document, json, "x", x, 32) != 32)
		return false;
	prepend(&der, x, 32);
	prepend(&der, ed25519_prefix, sizeof(ed25519_prefix));
	key->algorithm = TOKEN_EDDSA;
	key->public_key = key_of_der(&der);
	return key->public_key != NULL;
}

static bool
read_oct(const JsonDocument *document, const JsonNode *json, TokenKey *key)
{
	unsigned char secret[MAX_SECRET + 4];

	key->algorithm = TOKEN_HS256;
	key->secret_length = bytes_of_member(document, json, "k", secret, MAX_SECRET);
	if (key->secret_length < MIN_SECRET || key->secret_length > MAX_SECRET)
		return false;
	memcpy(key->secret, secret, key->secret_length);
	OPENSSL_cleanse(secret, sizeof(secret));
	return true;
}

static const struct
{
	const char *type;
	KeyKind		kind;
	bool		(*read) (const JsonDocument *document, const JsonNode *json, TokenKey *key);
}			key_types[] = {
	{"RSA", PUBLIC_KEYS, read_rsa},
	{"EC", PUBLIC_KEYS, read_ec},
	{"OKP", PUBLIC_KEYS, read_okp},
	{"oct", SECRET_KEYS, read_oct}
};

/* Is a key for signatures, as far as it says what it is for? */
static bool
is_for_signatures(const JsonDocument *document, const JsonNode *json)
{
	const JsonNode *use = json_member(document, json, "use");
	const JsonNode *operations = json_member(document, json, "key_ops");
	const JsonNode *operation = NULL;

	if (use != NULL && (json_string(use) == NULL || strcmp(json_string(use), "sig") != 0))
		return false;
	if (operations == NULL)
		return true;
	while ((operation = next_json_element(document, operations, operation)) != NULL)
		if (json_string(operation) != NULL && strcmp(json_string(operation), "verify") == 0)
			return true;
	return false;
}

/* Reads the ID of a key, and whether its algorithm is the one that its type has; false if it is not, or the ID is none. */
static bool
read_id_and_algorithm(const JsonDocument *document, const JsonNode *json, TokenKey *key)
{
	const JsonNode *id = json_member(document, json, "kid");
	const JsonNode *algorithm = json_member(document, json, "alg");
	TokenAlgorithm named;

	if (id != NULL && (json_string(id) == NULL || strlen(json_string(id)) > MAX_KEY_ID))
		return false;
	key->has_id = id != NULL;
	strlcpy(key->id, id != NULL ? id->text : "", sizeof(key->id));
	return algorithm == NULL ||
		(json_string(algorithm) != NULL && find_token_algorithm(json_string(algorithm), &named) && named == key->algorithm);
}

/* Reads a key; false if it is one that is passed over. */
static bool
read_key(const JsonDocument *document, const JsonNode *json, KeyKind kind, TokenKey *key)
{
	const char *type = json_string(json_member(document, json, "kty"));

	memset(key, 0, sizeof(*key));
	if (type == NULL || !is_for_signatures(document, json))
		return false;
	for (int i = 0; i < lengthof(key_types); i++)
		if (kind == key_types[i].kind && strcmp(type, key_types[i].type) == 0)
		{
			if (key_types[i].read(document, json, key) && read_id_and_algorithm(document, json, key))
				return true;
			EVP_PKEY_free(key->public_key);
			OPENSSL_cleanse(key, sizeof(*key));
		}
	return false;
}

/* Keys of different types can be alternatives to each other, with one ID. */
static bool
id_is_taken(const TokenKeys *keys, const TokenKey *key)
{
	for (int i = 0; i < keys->count; i++)
		if (key->has_id && keys->keys[i].has_id && key->algorithm == keys->keys[i].algorithm && strcmp(keys->keys[i].id, key->id) == 0)
			return true;
	return false;
}

/* Adds the keys of a set; returns why not, or NULL. */
static const char *
add_keys(const JsonDocument *document, KeyKind kind, TokenKeys *keys)
{
	const JsonNode *list = json_member(document, &document->nodes[0], "keys");
	const JsonNode *json = NULL;
	int			before = keys->count;

	if (list == NULL || list->kind != JSON_IS_ARRAY)
		return "it is not a JSON Web Key Set";
	while ((json = next_json_element(document, list, json)) != NULL)
	{
		TokenKey	key;

		if (kind == PUBLIC_KEYS && json_member(document, json, "d") != NULL)
			return "it has a private key, which is not to be on this server";
		if (!read_key(document, json, kind, &key))
			continue;
		if (keys->count == MAX_TOKEN_KEYS || id_is_taken(keys, &key))
		{
			EVP_PKEY_free(key.public_key);
			return keys->count == MAX_TOKEN_KEYS ? "it has too many keys" : "two keys of one type have the same kid";
		}
		keys->keys[keys->count++] = key;
	}
	return keys->count > before ? NULL : "it has no key for RS256, ES256, EdDSA or HS256 that can be used";
}

/* Adds the keys of a JSON Web Key Set to others; returns why that cannot be done, or NULL. */
const char *
read_key_set(const char *text, size_t length, KeyKind kind, TokenKeys *keys)
{
	JsonDocument document;

	if (!read_json(text, length, &document) || document.nodes[0].kind != JSON_IS_OBJECT)
		return document.has_twice ? "it has a name twice in an object" : "it is not a JSON Web Key Set";
	return add_keys(&document, kind, keys);
}

/*
 * Adds the secrets of a file to keys: a JSON Web Key Set, or one secret a line.
 * Returns why that cannot be done, or NULL.
 */
const char *
read_secrets(const char *text, size_t length, TokenKeys *keys)
{
	const char *end = text + length;
	int			before = keys->count;

	if (length > 0 && text[0] == '{')
		return read_key_set(text, length, SECRET_KEYS, keys);
	while (text < end)
	{
		const char *newline = memchr(text, '\n', end - text);
		int			size = (newline != NULL ? newline : end) - text;
		TokenKey   *key = &keys->keys[keys->count];

		if (size > 0 && text[size - 1] == '\r')
			size--;
		if (size > 0 && (size < MIN_SECRET || size > MAX_SECRET))
			return "a secret is shorter than 32 bytes or longer than 512";
		if (size > 0 && keys->count == MAX_TOKEN_KEYS)
			return "it has too many keys";
		if (size > 0)
		{
			memset(key, 0, sizeof(*key));
			key->algorithm = TOKEN_HS256;
			key->secret_length = size;
			memcpy(key->secret, text, size);
			keys->count++;
		}
		text = newline != NULL ? newline + 1 : end;
	}
	return keys->count > before ? NULL : "it has no secret";
}

void
free_token_keys(TokenKeys *keys)
{
	for (int i = 0; i < keys->count; i++)
		EVP_PKEY_free(keys->keys[i].public_key);
	OPENSSL_cleanse(keys, sizeof(*keys));
}

/* ----------------------------------------------------------------
 *		Signatures
 * ----------------------------------------------------------------
 */

/* "digest" is NULL for EdDSA, which has its own. */
static bool
public_key_fits(EVP_PKEY * key, const EVP_MD * digest, const char *text, size_t length, const unsigned char *signature, int signature_length)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	bool		fits = context != NULL &&
		EVP_DigestVerifyInit(context, NULL, digest, NULL, key) == 1 &&
		EVP_DigestVerify(context, signature, signature_length, (const unsigned char *) text, length) == 1;

	EVP_MD_CTX_free(context);
	ERR_clear_error();
	return fits;
}

/* JOSE writes the two numbers of an ECDSA signature one after the other, and OpenSSL takes them in DER. */
static bool
ecdsa_fits(EVP_PKEY * key, const char *text, size_t length, const unsigned char *signature, int signature_length)
{
	ECDSA_SIG  *numbers;
	BIGNUM	   *r;
	BIGNUM	   *s;
	unsigned char *der = NULL;
	int			der_length;
	bool		fits = false;

	if (signature_length != 64)
		return false;
	numbers = ECDSA_SIG_new();
	r = BN_bin2bn(signature, 32, NULL);
	s = BN_bin2bn(signature + 32, 32, NULL);
	if (numbers == NULL || r == NULL || s == NULL || ECDSA_SIG_set0(numbers, r, s) != 1)
	{
		BN_free(r);
		BN_free(s);
	}
	else if ((der_length = i2d_ECDSA_SIG(numbers, &der)) > 0)
		fits = public_key_fits(key, EVP_sha256(), text, length, der, der_length);
	OPENSSL_free(der);
	ECDSA_SIG_free(numbers);
	ERR_clear_error();
	return fits;
}

static bool
hmac_fits(const TokenKey *key, const char *text, size_t length, const unsigned char *signature, int signature_length)
{
	unsigned char mac[EVP_MAX_MD_SIZE];
	unsigned int mac_length = 0;

	return HMAC(EVP_sha256(), key->secret, key->secret_length, (const unsigned char *) text, length, mac, &mac_length) != NULL &&
		signature_length == (int) mac_length && CRYPTO_memcmp(mac, signature, mac_length) == 0;
}

/* Is this the signature of the text, by this key and its algorithm? */
bool
signature_fits(const TokenKey *key, const char *text, size_t length, const unsigned char *signature, int signature_length)
{
	switch (key->algorithm)
	{
		case TOKEN_RS256:
			return public_key_fits(key->public_key, EVP_sha256(), text, length, signature, signature_length);
		case TOKEN_ES256:
			return ecdsa_fits(key->public_key, text, length, signature, signature_length);
		case TOKEN_EDDSA:
			return public_key_fits(key->public_key, NULL, text, length, signature, signature_length);
		case TOKEN_HS256:
			return hmac_fits(key, text, length, signature, signature_length);
	}
	return false;
}
