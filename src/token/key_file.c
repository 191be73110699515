/*-------------------------------------------------------------------------
 *
 * key_file.c
 *	  The keys in the files that tenant_guard.jwks_file and
 *	  tenant_guard.token_secret_file name.
 *
 * Each session reads them when it first verifies a token, and again when a file
 * has changed or the server was told to reload.  If one of them cannot be read,
 * or has no key, there are no keys at all, so that no token is accepted; the
 * server log says why, and the client is not told.
 *
 * Nothing here raises an error, since the check hook of a setting needs the keys.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "storage/fd.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "key_file.h"

#define MAX_KEY_FILE 65536		/* bytes */

/* A file that was changed so short a time before it was read may change again without a difference in stat(). */
#define SETTLED_AFTER 2			/* seconds */

typedef struct KeyFile
{
	const char *setting;
	KeyKind		kind;
	char	   *path;			/* the parameter; '' or NULL: there is none */
	struct stat seen;			/* what it was when it was last read; all zero: it was not there */
	bool		settled;
	char		complaint[200]; /* the one that was logged last, so that it is not repeated for each token */
} KeyFile;

static KeyFile files[] = {
	{"tenant_guard.jwks_file", PUBLIC_KEYS},
	{"tenant_guard.token_secret_file", SECRET_KEYS}
};

static TokenKeys token_keys;
static KeyState state = KEYS_NOT_SET;
static uint64 generation = 0;	/* counts how often they were read */
static TimestampTz reloaded_at = 0;
static bool settings_changed = true;

/* ----------------------------------------------------------------
 *		Has a file changed?
 * ----------------------------------------------------------------
 */

static bool
is_set(const KeyFile *file)
{
	return file->path != NULL && file->path[0] != '\0';
}

static bool
same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static bool
has_changed(const KeyFile *file)
{
	struct stat now;

	if (!is_set(file))
		return false;
	if (stat(file->path, &now) != 0)
		memset(&now, 0, sizeof(now));
	return !file->settled || now.st_dev != file->seen.st_dev || now.st_ino != file->seen.st_ino || now.st_size != file->seen.st_size ||
		now.st_mode != file->seen.st_mode || now.st_uid != file->seen.st_uid ||
		!same_time(&now.st_mtim, &file->seen.st_mtim) || !same_time(&now.st_ctim, &file->seen.st_ctim);
}

/* ----------------------------------------------------------------
 *		Reading
 * ----------------------------------------------------------------
 */

/* Who can read or write a file?  A secret must be as private as the key of ssl_key_file (check_ssl_key_file_permissions in be-secure-common.c). */
static const char *
judge_access(const KeyFile *file, const struct stat *seen)
{
	if (!S_ISREG(seen->st_mode))
		return "it is not a regular file";
	if (seen->st_size > MAX_KEY_FILE)
		return "it is larger than 64 kB";
	if (file->kind == PUBLIC_KEYS)
		return (seen->st_mode & S_IWOTH) != 0 ? "everyone can write to it" : NULL;
	if (seen->st_uid != geteuid() && seen->st_uid != 0)
		return "it must be owned by the database user or root";
	if ((seen->st_uid == geteuid() && (seen->st_mode & (S_IRWXG | S_IRWXO)) != 0) ||
		(seen->st_uid == 0 && (seen->st_mode & (S_IWGRP | S_IXGRP | S_IRWXO)) != 0))
		return "it has group or world access: it must have permissions u=rw (0600) or less if owned by the database user, or u=rw,g=r (0640) or less if owned by root";
	return NULL;
}

/* Reads what a file has into "text", which has MAX_KEY_FILE bytes; returns why that fails, or NULL. */
static const char *
read_open_file(KeyFile *file, int fd, char *text, size_t *length)
{
	const char *problem;
	ssize_t		got;

	if (fstat(fd, &file->seen) != 0)
		return strerror(errno);
	if ((problem = judge_access(file, &file->seen)) != NULL)
		return problem;
	for (*length = 0; *length < MAX_KEY_FILE; *length += got)
	{
		got = read(fd, text + *length, MAX_KEY_FILE - *length);
		if (got < 0)
			return strerror(errno);
		if (got == 0)
			break;
	}
	return NULL;
}

static bool
is_settled(const KeyFile *file)
{
	time_t		now = time(NULL);

	return file->seen.st_mtim.tv_sec + SETTLED_AFTER < now && file->seen.st_ctim.tv_sec + SETTLED_AFTER < now;
}

/* Adds the keys of a file; returns why that fails, or NULL. */
static const char *
add_keys_of_file(KeyFile *file, char *text)
{
	int			fd = BasicOpenFile(file->path, O_RDONLY | O_NONBLOCK | PG_BINARY);
	const char *problem;
	size_t		length = 0;

	memset(&file->seen, 0, sizeof(file->seen));
	file->settled = fd < 0;
	if (fd < 0)
		return strerror(errno);
	problem = read_open_file(file, fd, text, &length);
	close(fd);
	file->settled = is_settled(file);
	if (problem != NULL)
		return problem;
	return file->kind == PUBLIC_KEYS ? read_key_set(text, length, PUBLIC_KEYS, &token_keys) : read_secrets(text, length, &token_keys);
}

/* Says in the server log why a file has no keys, once for each problem. */
static void
complain(KeyFile *file, const char *problem)
{
	if (strncmp(problem, file->complaint, sizeof(file->complaint) - 1) == 0)
		return;
	strlcpy(file->complaint, problem, sizeof(file->complaint));
	ereport(LOG,
			(errcode(ERRCODE_CONFIG_FILE_ERROR),
			 errmsg("could not read the keys in file \"%s\": %s", file->path, problem),
			 errdetail("Parameter \"%s\" names the file, and no token is accepted until it can be read.", file->setting)));
}

/* Reads all files anew.  What their texts become is thrown away with a memory context. */
static void
read_files(void)
{
	MemoryContext context = AllocSetContextCreate(TopMemoryContext, "tenant_guard keys", ALLOCSET_DEFAULT_SIZES);
	MemoryContext outer = MemoryContextSwitchTo(context);
	char	   *text = palloc(MAX_KEY_FILE);

	free_token_keys(&token_keys);
	state = KEYS_NOT_SET;
	for (int i = 0; i < lengthof(files); i++)
	{
		const char *problem = is_set(&files[i]) ? add_keys_of_file(&files[i], text) : NULL;

		OPENSSL_cleanse(text, MAX_KEY_FILE);
		if (problem != NULL)
		{
			complain(&files[i], problem);
			state = KEYS_UNREADABLE;
			free_token_keys(&token_keys);
			continue;
		}
		files[i].complaint[0] = '\0';
		if (is_set(&files[i]) && state == KEYS_NOT_SET)
			state = KEYS_ARE_READ;
	}
	if (state != KEYS_ARE_READ)
		free_token_keys(&token_keys);
	generation++;
	MemoryContextSwitchTo(outer);
	MemoryContextDelete(context);
}

/*
 * Returns the keys that are to be used now, which are valid until the next
 * call, and a number that is another one when they may have changed.
 */
KeyState
read_token_keys(const TokenKeys **keys, uint64 *number)
{
	bool		changed = settings_changed || reloaded_at != PgReloadTime;

	for (int i = 0; i < lengthof(files); i++)
		changed |= has_changed(&files[i]);
	if (changed)
	{
		settings_changed = false;
		reloaded_at = PgReloadTime;
		read_files();
	}
	*keys = &token_keys;
	*number = generation;
	return state;
}

/* ----------------------------------------------------------------
 *		Settings
 * ----------------------------------------------------------------
 */

static void
assign_path(const char *path, void *extra)
{
	settings_changed = true;
}

/* Must be called once, by _PG_init. */
void
define_key_file_settings(void)
{
	DefineCustomStringVariable(files[0].setting,
							   "Names the file with the public keys of those who sign tokens.",
							   "It is a JSON Web Key Set. A relative path begins in the data directory.",
							   &files[0].path, "", PGC_SUSET, GUC_NO_RESET_ALL, NULL, assign_path, NULL);
	DefineCustomStringVariable(files[1].setting,
							   "Names the file with the secrets of tokens that are signed with HS256.",
							   "It has one secret a line, or is a JSON Web Key Set. A relative path begins in the data directory.",
							   &files[1].path, "", PGC_SUSET, GUC_SUPERUSER_ONLY | GUC_NO_RESET_ALL, NULL, assign_path, NULL);
}
