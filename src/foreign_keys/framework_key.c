/*-------------------------------------------------------------------------
 *
 * framework_key.c
 *	  Recognizes foreign keys of frameworks by their names.
 *
 * Django and Rails put a hash into the names of foreign keys, and find a key by
 * its columns.  Such keys get a companion (companion_key.c).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "commands/defrem.h"

#include "framework_key.h"

#define HASH_DIGITS "0123456789abcdef"

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

/*
 * The first "len" bytes of a key's name, cut so that there is room for the suffix
 * of a companion, and so that the result sorts before the key's name: a digit
 * sorts before "_".
 */
static char *
before_in_alphabet(const char *key, int len)
{
	char	   *name = makeObjectName(pnstrdup(key, len), NULL, "and_tenant");

	while (strcmp(name, key) > 0 && len > 0)
	{
		len = Min(len, (int) (strlen(name) - strlen("_and_tenant"))) - 1;
		name = makeObjectName(pnstrdup(key, len), NULL, "and_tenant");
	}
	return name;
}

/*
 * The palloc'd name of the companion that a key of this name gets, or NULL if it
 * gets none.  It sorts before the key's name: pg_dump and new partitions make
 * keys in the order of their names.
 */
char *
companion_name(const char *key)
{
	const char *suffix = django_suffix(key);

	if (suffix != NULL)
		return before_in_alphabet(key, suffix - key);
	if (is_rails_name(key))
		return psprintf("fk_and_tenant_%s", key + 9);
	return NULL;
}
