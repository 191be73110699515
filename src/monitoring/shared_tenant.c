/*-------------------------------------------------------------------------
 *
 * shared_tenant.c
 *	  Tenants of a fixed size, for shared memory.
 *
 * A text can be longer than there is room.  What stands for it then is its
 * beginning and a cryptographic hash of all of it, so that no tenant can be
 * mistaken for another, even on purpose; its length distinguishes it from a
 * short text of that very spelling.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/cryptohash.h"
#include "common/sha2.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"

#include "shared_tenant.h"

/* How many bytes of the hash are shown, each by two digits. */
#define HASH_BYTES 16

/* Sets "hash" to the SHA-256 hash of a text; false for lack of memory. */
static bool
hash_text(const char *text, size_t length, uint8 * hash)
{
	pg_cryptohash_ctx *context = pg_cryptohash_create(PG_SHA256);
	bool		ok = context != NULL && pg_cryptohash_init(context) >= 0 &&
		pg_cryptohash_update(context, (const uint8 *) text, length) >= 0 &&
		pg_cryptohash_final(context, hash, PG_SHA256_DIGEST_LENGTH) >= 0;

	pg_cryptohash_free(context);
	return ok;
}

/* Writes the beginning of a long text, '~', and its hash. */
static void
shorten(char *name, const char *text, size_t length)
{
	uint8		hash[PG_SHA256_DIGEST_LENGTH];
	int			kept = pg_mbcliplen(text, length, SHARED_TENANT_SIZE - 2 - 2 * HASH_BYTES);

	if (!hash_text(text, length, hash))
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not compute the hash of a tenant")));
	memcpy(name, text, kept);
	name[kept++] = '~';
	for (int i = 0; i < HASH_BYTES; i++)
		kept += sprintf(name + kept, "%02x", hash[i]);
}

/* Makes one of this database.  "value" is a tenant, whose text must be null-terminated, or NULL for no tenant. */
void
make_shared_tenant(SharedTenant *tenant, const TenantValue *value)
{
	char		buf[TENANT_CANONICAL_SIZE];
	const char *text = value != NULL ? tenant_canonical(value, buf) : "";
	size_t		length = strlen(text);

	memset(tenant, 0, sizeof(*tenant));
	tenant->database = MyDatabaseId;
	tenant->length = length;
	if (length < SHARED_TENANT_SIZE)
		memcpy(tenant->name, text, length);
	else
		shorten(tenant->name, text, length);
}
