/*-------------------------------------------------------------------------
 *
 * framework_key.c
 *	  Which foreign keys get companions, and the names of these.
 *
 * Django and Rails put a hash into the names of foreign keys, and find a key by
 * its columns.  Such keys get a companion (companion_key.c); with the setting
 * companion_keys all keys do.
 *
 * A companion is known by its name and its columns, whatever the setting is now.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <ctype.h>

#include "catalog/pg_constraint.h"
#include "commands/defrem.h"
#include "mb/pg_wchar.h"

#include "framework_key.h"
#include "settings.h"

#define HASH_DIGITS "0123456789abcdef"

/* How many names the companion of a key can have */
#define MAX_COMPANION_NAMES 10

/*
 * The suffix of a name that Django made, or NULL: "_fk" or "_fk_table_column",
 * after "_" and a hash of eight digits (BaseDatabaseSchemaEditor._create_index_name).
 * Points into "name".
 */
static const char *
django_suffix(const char *name)
{
	const char *suffix = name;

	while ((suffix = strstr(suffix, "_fk")) != NULL)
	{
		if (suffix - name >= 9 && suffix[-9] == '_' &&
			strspn(suffix - 8, HASH_DIGITS) == 8 &&
			(suffix[3] == '\0' || suffix[3] == '_'))
			return suffix;
		suffix++;
	}
	return NULL;
}

/* "fk_rails_" and a hash of ten digits (SchemaStatements#foreign_key_name). */
static bool
is_rails_name(const char *name)
{
	return strncmp(name, "fk_rails_", 9) == 0 && strlen(name) == 19 &&
		strspn(name + 9, HASH_DIGITS) == 10;
}

/* The length of a key's name without the suffix that PostgreSQL, Prisma, Sequelize, Django or Knex gives to it. */
static int
length_without_suffix(const char *key)
{
	static const char *const suffixes[] = {"_fkey", "_fk", "_foreign"};
	int			len = strlen(key);

	while (len > 0 && isdigit((unsigned char) key[len - 1]))
		len--;
	for (int i = 0; i < lengthof(suffixes); i++)
	{
		int			stem = len - (int) strlen(suffixes[i]);

		if (stem > 0 && strncmp(key + stem, suffixes[i], len - stem) == 0)
			return stem;
	}
	return strlen(key);
}

/*
 * The first "len" bytes of a key's name, "hash" unless it is NULL, and "label".
 * Of the first is cut what has no room, and as much as makes the result sort
 * before the key's name: "_" sorts before small letters, and after capital ones
 * and digits.
 */
static char *
before_in_alphabet(const char *key, int len, const char *hash, const char *label)
{
	char	   *name;

	for (; len > 0; len--)
	{
		len = pg_mbcliplen(key, strlen(key), len);
		name = makeObjectName(pnstrdup(key, len), hash, label);
		if (strcmp(name, key) < 0)
			return name;
	}
	return makeObjectName(psprintf("0_%s", key), hash, label);
}

/*
 * The palloc'd name that a key's companion gets if the names of smaller numbers
 * are in use.  It sorts before the key's name: pg_dump, pg_upgrade and new
 * partitions make keys in the order of their names.  Where Django's name is cut,
 * the hash stays, by which names differ that begin alike.
 */
static char *
companion_name(const char *key, int number)
{
	const char *suffix = django_suffix(key);
	const char *label = number == 0 ? "and_tenant" : psprintf("and_tenant%d", number);

	if (is_rails_name(key))
		return psprintf("fk_%s_%s", label, key + 9);
	if (suffix != NULL)
		return before_in_alphabet(key, suffix - key - 9, pnstrdup(suffix - 8, 8), label);
	return before_in_alphabet(key, length_without_suffix(key), NULL, label);
}

/* Is this a name that Django or Rails made? */
bool
is_framework_name(const char *key)
{
	return is_rails_name(key) || django_suffix(key) != NULL;
}

/* Is a key of this name, if it does not carry the tenant, to get a companion? */
bool
gets_companion(const char *key)
{
	return setting_companion_keys == COMPANIONS_OF_ALL || is_framework_name(key);
}

/* Can a companion of this key have this name?  Not only of those that get one by the present setting. */
bool
is_companion_name(const char *name, const char *key)
{
	for (int i = 0; i < MAX_COMPANION_NAMES; i++)
		if (strcmp(companion_name(key, i), name) == 0)
			return true;
	return false;
}

static bool
is_taken(const char *name, Oid child, List *taken)
{
	ListCell   *lc;

	foreach(lc, taken)
		if (strcmp(lfirst(lc), name) == 0)
			return true;
	return OidIsValid(get_relation_constraint_oid(child, name, true));
}

/* The first name for the companion of a key that no constraint of its table has, and that is not in the list "taken". */
char *
unused_companion_name(Oid child, const char *key, List *taken)
{
	int			number = 0;

	while (number < MAX_COMPANION_NAMES - 1 && is_taken(companion_name(key, number), child, taken))
		number++;
	return companion_name(key, number);
}
