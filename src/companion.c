/*-------------------------------------------------------------------------
 *
 * companion.c
 *	  Foreign keys that stay as their framework knows them, beside one that
 *	  carries the tenant.
 *
 * Django and Rails make the names of foreign keys of a hash, and look a key up
 * by its columns when they drop or redirect it.  One that has got the tenant
 * column they do not find: Django then leaves the key to the old table and
 * makes none to the new.  So a key that has such a name keeps its columns, and
 * gets a companion that carries the tenant.
 *
 * The companion goes when its key goes.  It is made before its key is made
 * anew, so that it is checked first: triggers fire in the order of their
 * names, and those of foreign keys are numbered.  Were its key checked first,
 * the name in the error would tell another tenant's row from none.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_constraint.h"
#include "commands/defrem.h"
#include "commands/trigger.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "companion.h"
#include "foreign_key.h"
#include "guard.h"
#include "policy.h"

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

/* The companion that a key has got from us, or NULL. */
static ForeignKey *
own_companion(const ForeignKey *key)
{
	char	   *name = companion_name(key->name);
	ForeignKey *companion = name ? companion_of(key, foreign_keys_from(key->child)) : NULL;

	return companion != NULL && strcmp(companion->name, name) == 0 ? companion : NULL;
}

/* A foreign key has been dropped: its companion, if it has one, goes with it. */
void
drop_companion(Oid dropped)
{
	ForeignKey *key = dropped_foreign_key(dropped);
	ForeignKey *companion = key ? own_companion(key) : NULL;

	if (companion == NULL)
		return;
	run_ddl(key->child, psprintf("ALTER TABLE %s DROP CONSTRAINT %s", relation_name(key->child),
								 quote_identifier(companion->name)));
	ereport(NOTICE,
			(errmsg("foreign key \"%s\" of table %s is dropped with \"%s\", which it accompanied",
					companion->name, relation_name(key->child), key->name)));
}

/*
 * Before a key is dropped frameworks run SET CONSTRAINTS ... IMMEDIATE on it,
 * or ALTER TABLE would find its deferred checks pending.  The same is done
 * here for the companion that it does not know.
 */
void
fire_companion_events(const AlterTableStmt *stmt)
{
	Oid			relid = RangeVarGetRelid(stmt->relation, NoLock, true);
	ListCell   *lc;
	ListCell   *lk;

	if (!OidIsValid(relid) || !AfterTriggerPendingOnRel(relid))
		return;
	foreach(lc, stmt->cmds)
	{
		AlterTableCmd *cmd = lfirst_node(AlterTableCmd, lc);

		if (cmd->subtype != AT_DropConstraint || cmd->name == NULL ||
			companion_name(cmd->name) == NULL)
			continue;
		foreach(lk, foreign_keys_from(relid))
		{
			ForeignKey *key = lfirst(lk);
			ForeignKey *companion = strcmp(key->name, cmd->name) == 0 ? own_companion(key) : NULL;

			if (companion != NULL && companion->deferrable)
				run_ddl(relid, psprintf("SET CONSTRAINTS %s IMMEDIATE",
										quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)),
																   companion->name)));
		}
	}
}
