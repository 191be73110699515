/*-------------------------------------------------------------------------
 *
 * companion_name.c
 *	  Which foreign keys are a framework's, by their names.
 *
 * Django and Rails make the names of foreign keys of a hash, and look a key up
 * by its columns.  companion.c says what becomes of such keys.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "commands/defrem.h"

#include "companion_name.h"

#define HASH_DIGITS "0123456789abcdef"

/*
 * Where in the name Django's part begins that says what it is, or NULL:
 * "_fk" or "_fk_table_column", after "_" and a hash of eight digits
 * (BaseDatabaseSchemaEditor._create_index_name).
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
 * The name of the companion that a key of this name gets, or NULL if it gets
 * none.  It comes before the key's own in the alphabet, in which pg_dump lets
 * keys be made again.
 */
char *
companion_name(const char *key)
{
	const char *suffix = django_suffix(key);

	if (suffix != NULL)
		return makeObjectName(pnstrdup(key, suffix - key), NULL, "and_tenant");
	if (is_rails_name(key))
		return psprintf("fk_and_tenant_%s", key + 9);
	return NULL;
}
