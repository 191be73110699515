/*-------------------------------------------------------------------------
 *
 * key_refusals.c
 *	  Refusals about foreign keys.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"

#include "catalog.h"
#include "key_refusals.h"
#include "settings.h"

Refusal
key_without_tenant(const ForeignKey *key)
{
	const char *table = relation_name(key->child);
	const char *add = key_references(key, true);

	return (Refusal) {
		ERRCODE_WOULD_WEAKEN,
			psprintf("foreign key \"%s\" of table %s does not carry the tenant", key->name, table),
			"PostgreSQL checks foreign keys with row-level security off: by this one a row could reference another tenant's, learn that it exists, and be deleted with it.",
			psprintf("Write it as FOREIGN KEY %s, with a unique index on what it references; if it is there already: ALTER TABLE %s DROP CONSTRAINT %s, ADD CONSTRAINT %s FOREIGN KEY %s;",
					 add, table, quote_identifier(key->name), quote_identifier(key->name), add)
	};
}

/*
 * A key that does not carry the tenant, to a table with rows of everyone.  "triggers"
 * are the statements that make those which it lacks, or NULL if none can check it.
 */
Refusal
key_to_rows_of_everyone(const ForeignKey *key, const char *triggers)
{
	const char *table = relation_name(key->child);
	const char *add = key_references(key, true);

	return (Refusal) {
		ERRCODE_WOULD_WEAKEN,
			psprintf("foreign key \"%s\" of table %s may reference other tenants' rows", key->name, table),
			psprintf(triggers != NULL ?
					 "Table %s has rows of everyone, and triggers that keep references inside the tenant are missing. By this key a row could reference another tenant's, learn that it exists, and be deleted with it." :
					 "Table %s has rows of everyone, and no trigger can keep the references of a key inside the tenant that has a PERIOD or is NOT ENFORCED. By this key a row could reference another tenant's, learn that it exists, and be deleted with it.",
					 relation_name(key->parent)),
			triggers != NULL ? psprintf("Make the table without the key first, then run %s and add the key.", triggers) :
			psprintf("Where rows reference those of their own tenant only, write it as FOREIGN KEY %s, with a unique index on what it references. Where they reference rows of everyone, too, leave the key out; if it is there already: ALTER TABLE %s DROP CONSTRAINT %s;",
					 add, table, quote_identifier(key->name))
	};
}

/* A key that carries the tenant, from a table with rows of everyone; "check" is the constraint that it needs. */
Refusal
key_leaves_rows_of_everyone(const ForeignKey *key, const char *check)
{
	const char *table = relation_name(key->child);

	return (Refusal) {
		ERRCODE_WOULD_WEAKEN,
			psprintf("foreign key \"%s\" of table %s is not checked in rows of everyone", key->name, table),
			"PostgreSQL does not check a key with a null in it: a row without a tenant could reference any tenant's row.",
			psprintf("Let such rows reference none: ALTER TABLE %s ADD %s;", table, check)
	};
}

/* A key whose action sets the tenant column of a table with rows of everyone. */
Refusal
key_gives_to_everyone(const ForeignKey *key)
{
	const char *table = relation_name(key->child);

	return (Refusal) {
		ERRCODE_WOULD_WEAKEN,
			psprintf("foreign key \"%s\" of table %s may make a tenant's rows everyone's", key->name, table),
			psprintf("Its action sets column \"%s\", and rows in which that is null are everyone's.",
					 get_attname(key->child, key->tenant, false)),
			psprintf("Let it refuse or delete: FOREIGN KEY %s ON DELETE CASCADE; if it is there already: ALTER TABLE %s DROP CONSTRAINT %s, ADD CONSTRAINT %s FOREIGN KEY %s;",
					 key_references(key, false), table, quote_identifier(key->name), quote_identifier(key->name), key_references(key, false))
	};
}

/* "detail" is a clause that says which key of the table, and what it may do. */
Refusal
key_setting_not_applied(Oid relid, const char *detail)
{
	const char *table = relation_name(relid);

	return (Refusal) {
		ERRCODE_WOULD_WEAKEN,
			psprintf("this statement would weaken the isolation of tenants in table %s", table),
			psprintf("After it, %s.", detail),
			psprintf("Run SELECT tenant_guard.pair_foreign_keys(%s); first, or leave the key out.", quote_literal_cstr(table))
	};
}

/* "own" is the CONSTRAINT clause of the key that would carry the tenant. */
Refusal
key_crosses_tenants(const ForeignKey *key, const char *own)
{
	const char *table = relation_name(key->child);

	return (Refusal) {
		ERRCODE_WOULD_WEAKEN,
			psprintf("foreign key \"%s\" of table %s references rows of any tenant", key->name, table),
			psprintf("Column \"%s\" says whose row of table %s is meant, and is not the tenant column \"%s\": by this key a row could reference another tenant's, learn that it exists, and be deleted or changed with it.",
					 get_attname(key->child, naming_column(key), false), relation_name(key->parent),
					 get_attname(key->child, key->tenant, false)),
			psprintf("Write it as %s; if it is there already: ALTER TABLE %s DROP CONSTRAINT %s, ADD %s;",
					 own, table, quote_identifier(key->name), own)
	};
}

Refusal
key_of_other(const ForeignKey *key)
{
	const char *table = relation_name(key->child);
	const char *owner = owner_name(key->parent);

	return (Refusal) {
		ERRCODE_WOULD_WEAKEN,
			psprintf("foreign key \"%s\" of table %s would reveal rows of every tenant", key->name, table),
			psprintf("Table %s, which it references, is guarded and belongs to role \"%s\"; rows of table %s could reference any row of it.",
					 relation_name(key->parent), owner, table),
			psprintf("Let table %s be guarded, and the key carry the tenant. If the key is meant as it is, let role \"%s\", a member of it or a superuser make it.",
					 table, owner)
	};
}

/* "cast" is the function that casts a column to the type that the key compares; "stands" if the key existed before this statement. */
Refusal
key_calls_function(const ForeignKey *key, Oid cast, bool stands)
{
	const char *table = relation_name(key->child);

	return (Refusal) {
		ERRCODE_WOULD_WEAKEN,
			psprintf("foreign key \"%s\" of table %s would call function %s as role \"%s\"",
					 key->name, table, format_procedure_qualified(cast), owner_name(key->parent)),
			psprintf(stands ? "Table %s belongs to that role, as which PostgreSQL compares the columns of the key, and which is to own guarded tables." :
					 "Table %s belongs to that role, as which PostgreSQL compares the columns of the key.", relation_name(key->parent)),
			stands ? psprintf("Let the owner of table %s or a superuser drop the key first: ALTER TABLE %s DROP CONSTRAINT %s;", table, table, quote_identifier(key->name)) :
			"Make the key with columns of the types that it references."
	};
}

/* A row of a parent would have another tenant than rows that reference it. */
Refusal
row_crosses_tenants(Oid relid, Oid parent, const char *key)
{
	return (Refusal) {
		ERRCODE_ROWS_IN_THE_WAY,
			psprintf("rows of other tenants reference the row of table %s", relation_name(parent)),
			psprintf("Rows of table %s do, by foreign key \"%s\". Nothing was changed.", relation_name(relid), key ? key : ""),
			"Change or delete these rows first, or in the same statement (WITH ... UPDATE)."
	};
}

/* Rows of everyone that have a reference by a key that is not checked where the tenant is null. */
Refusal
everyones_rows_reference(const ForeignKey *key, int64 rows, const char *query)
{
	return (Refusal) {
		ERRCODE_ROWS_IN_THE_WAY,
			psprintf(INT64_FORMAT " %s of everyone in table %s %s a reference by foreign key \"%s\"", rows,
					 rows == 1 ? "row" : "rows", relation_name(key->child), rows == 1 ? "has" : "have", key->name),
			"The key carries the tenant, and PostgreSQL does not check it where the tenant is null. Nothing was changed.",
			psprintf("Set the column to NULL in these rows, or give them a tenant. To see them, as a role that may bypass row-level security: SET row_security = off;\n%s", query)
	};
}

/* "counts" has a line for each key, and "queries" a line with the query that lists its rows. */
Refusal
keys_cross_tenants(const char *counts, const char *queries)
{
	return (Refusal) {
		ERRCODE_ROWS_IN_THE_WAY,
			"rows reference other tenants' rows",
			psprintf("%s\nNothing was changed.", counts),
			psprintf("To see them, as a role that may bypass row-level security: SET row_security = off;\n%s", queries)
	};
}

/* ----------------------------------------------------------------
 *		Actions
 * ----------------------------------------------------------------
 */

static char *
key_of_table(const char *key, const char *table)
{
	return key != NULL ? psprintf("foreign key \"%s\" of table %s", key, table) :
		psprintf("a foreign key of table %s", table);
}

/* What who runs the statement does if he means it; the action itself runs as the owner of a table. */
static const char *
how_to_mean_it(void)
{
	Oid			role = GetOuterUserId();

	if (superuser_arg(role) || pg_parameter_aclcheck(BYPASS, role, ACL_SET) == ACLCHECK_OK)
		return "run SET " BYPASS " = on; first.";
	return "a superuser, or a role that was granted it, runs SET " BYPASS " = on; first.";
}

/* "by_tenant": the key's columns include the tenant column, so that a row of the parent belongs to one tenant. */
Refusal
action_on_other_tenant(const char *key, Oid relid, Oid parent, bool deletes, bool by_tenant)
{
	const char *table = relation_name(relid);
	const char *done = deletes ? "deleted" : "changed";

	return (Refusal) {
		ERRCODE_WOULD_BYPASS,
			psprintf("%s would act on a row of another tenant", key_of_table(key, table)),
			psprintf("A row of table %s is %s, and %s CASCADE reaches rows that are not of the tenant of the transaction.",
					 OidIsValid(parent) ? relation_name(parent) : "that it references", done, deletes ? "ON DELETE" : "ON UPDATE"),
			by_tenant ?
			psprintf("Run SELECT tenant_guard.set_tenant(...); with the tenant that is %s first. If every tenant's rows are meant, %s", done, how_to_mean_it()) :
			psprintf("Let no row of another tenant reference it: each tenant changes its own rows of table %s first. If every tenant's rows are meant, %s", table, how_to_mean_it())
	};
}

Refusal
action_changes_tenant(const char *key, Oid relid)
{
	const char *table = relation_name(relid);

	return (Refusal) {
		ERRCODE_WOULD_BYPASS,
			psprintf("%s would change the tenant of a row", key_of_table(key, table)),
			"A row must keep its tenant: no CASCADE, SET NULL or SET DEFAULT may change its tenant column.",
			psprintf("Let no row of table %s reference what is changed. If it is meant, %s", table, how_to_mean_it())
	};
}

Refusal
trigger_changes_tenant(Oid relid)
{
	return (Refusal) {
		ERRCODE_WOULD_BYPASS,
			psprintf("a trigger would change the tenant of a row of table %s", relation_name(relid)),
			"A foreign key's action changes the row, and no policy checks the row that a BEFORE trigger returns there. A row must keep its tenant.",
			psprintf("Let the trigger leave the tenant column as it is. If it is meant, %s", how_to_mean_it())
	};
}

Refusal
key_not_enforced(const ForeignKey *key)
{
	return (Refusal) {
		ERRCODE_WOULD_WEAKEN,
			psprintf("this statement would weaken the isolation of tenants in table %s", relation_name(key->child)),
			psprintf("After it, rows may reference rows of another tenant in table %s: foreign key \"%s\" keeps them inside, and is NOT ENFORCED.",
					 relation_name(key->parent), key->name),
			"Leave the key enforced, or drop it. A superuser who means just this statement runs SET tenant_guard.bypass = on before it."
	};
}

/* PostgreSQL refuses it, too, and advises CASCADE, which drops the keys. */
Refusal
index_is_needed(Oid index, const ForeignKey *key)
{
	return (Refusal) {
		ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST,
			psprintf("cannot drop index %s because other objects depend on it", relation_name(index)),
			psprintf("Foreign key \"%s\" of table %s carries the tenant, and needs it.", key->name, relation_name(key->child)),
			"Keep the index, or drop the keys first." SEE_SCHEMA_TOOLS
	};
}

Refusal
pairs_of_unguarded_table(Oid relid)
{
	const char *table = relation_name(relid);

	return wrong_state(psprintf("table %s is not guarded", table),
					   "Foreign keys carry the tenant between guarded tables.",
					   psprintf("Run SELECT tenant_guard.protect(%s); which does both.", quote_literal_cstr(table)));
}

Refusal
key_cannot_be_paired(const ForeignKey *key, const char *reason, const char *hint)
{
	return (Refusal) {
		ERRCODE_FEATURE_NOT_SUPPORTED,
			psprintf("foreign key \"%s\" of table %s cannot be made to carry the tenant",
					 key->name, relation_name(key->child)),
			psprintf("%s Nothing was changed.", reason),
			hint
	};
}

/* A key to another role's table with rows of everyone, which needs a trigger there. */
Refusal
key_cannot_be_checked(const ForeignKey *key)
{
	const char *table = relation_name(key->child);

	return (Refusal) {
		ERRCODE_FEATURE_NOT_SUPPORTED,
			psprintf("what foreign key \"%s\" of table %s references cannot be checked", key->name, table),
			psprintf("Table %s, which has rows of everyone, belongs to another role, and triggers of both tables check what rows reference. Nothing was changed.", relation_name(key->parent)),
			"Let a superuser run this statement, or a role that is a member of both owners."
	};
}

Refusal
key_events_pending(Oid relid)
{
	return (Refusal) {
		ERRCODE_OBJECT_IN_USE,
			psprintf("foreign keys of table %s cannot be made to carry the tenant now", relation_name(relid)),
			"Deferred checks of rows that this transaction has written are pending. Nothing was changed.",
			"Run SET CONSTRAINTS ALL IMMEDIATE; first, or COMMIT;"
	};
}

/* ----------------------------------------------------------------
 *		Deriving a tenant column
 * ----------------------------------------------------------------
 */

Refusal
column_is_there(Oid relid, const char *column)
{
	const char *table = relation_name(relid);

	return (Refusal) {
		ERRCODE_DUPLICATE_COLUMN,
			psprintf("column \"%s\" of table %s already exists", column, table),
			"A tenant column is derived only for a table that has no column of its name.",
			psprintf("Fill it where it is null, and run SELECT tenant_guard.protect(%s, %s);",
					 quote_literal_cstr(table), quote_literal_cstr(column))
	};
}

Refusal
column_names_tenant(const ForeignKey *key)
{
	const char *table = relation_name(key->child);
	const char *column = get_attname(key->child, naming_column(key), false);

	return wrong_state(psprintf("column \"%s\" of table %s already identifies the tenant of a row", column, table),
					   psprintf("Foreign key \"%s\" references the tenant column of table %s by this column.",
								key->name, relation_name(key->parent)),
					   psprintf("Run SELECT tenant_guard.protect(%s, %s);", quote_literal_cstr(table),
								quote_literal_cstr(column)));
}

/* Returns the names of keys and of the tables that they reference. */
static char *
names_of_keys(List *keys)
{
	StringInfoData names;
	ListCell   *lc;

	initStringInfo(&names);
	foreach(lc, keys)
	{
		ForeignKey *key = lfirst(lc);

		appendStringInfo(&names, "%s\"%s\" to table %s", names.len > 0 ? ", " : "",
						 key->name, relation_name(key->parent));
	}
	return names.data;
}

/* "keys" are all foreign keys of the table. */
static const char *
list_of_keys(List *keys)
{
	return keys != NIL ? psprintf("Its foreign keys are %s.", names_of_keys(keys)) : "It has no foreign keys.";
}

Refusal
derives_for_guarded(Oid relid, const char *column)
{
	char	   *table = relation_name(relid);

	return wrong_state(psprintf("table %s is guarded already", table),
					   psprintf("Column \"%s\" holds the tenant of each row.", column),
					   psprintf("To change the foreign keys of the table so that they carry the tenant, run SELECT tenant_guard.pair_foreign_keys(%s);", quote_literal_cstr(table)));
}

Refusal
derives_by_no_key(Oid relid, List *keys)
{
	return (Refusal) {
		ERRCODE_UNDEFINED_OBJECT,
			psprintf("table %s has no foreign key to a guarded table", relation_name(relid)),
			list_of_keys(keys),
			"Guard the table that it references first: SELECT tenant_guard.protect(...), or SELECT tenant_guard.derive_tenant_column(...) where that one has no tenant column either."
	};
}

Refusal
derives_by_several_keys(Oid relid, List *keys)
{
	const char *table = relation_name(relid);

	return (Refusal) {
		ERRCODE_AMBIGUOUS_COLUMN,
			psprintf("table %s has several foreign keys to guarded tables", table),
			psprintf("They are %s.", names_of_keys(keys)),
			psprintf("Name the one by which a row has its tenant, as in SELECT tenant_guard.derive_tenant_column(%s, %s);",
					 quote_literal_cstr(table), quote_literal_cstr(((ForeignKey *) linitial(keys))->name))
	};
}

Refusal
no_such_key(const char *key, Oid relid, List *keys)
{
	return (Refusal) {
		ERRCODE_UNDEFINED_OBJECT,
			psprintf("foreign key \"%s\" of table %s does not exist", key, relation_name(relid)),
			list_of_keys(keys),
			NULL
	};
}

Refusal
key_of_unguarded_parent(const ForeignKey *key, bool parent_has_tenant)
{
	const char *parent = relation_name(key->parent);

	return wrong_state(psprintf("table %s, which foreign key \"%s\" of table %s references, is not guarded",
								parent, key->name, relation_name(key->child)),
					   "The tenant can be derived only from rows of a guarded table.",
					   parent_has_tenant ?
					   psprintf("Run SELECT tenant_guard.protect(%s); first.", quote_literal_cstr(parent)) :
					   psprintf("Run SELECT tenant_guard.protect(%s, '...'); or SELECT tenant_guard.derive_tenant_column(%s); first.",
								quote_literal_cstr(parent), quote_literal_cstr(parent)));
}

/* The key references the table by the tenant column of another. */
Refusal
derives_for_tenants(const ForeignKey *key)
{
	char	   *table = relation_name(key->parent);

	return wrong_state(psprintf("table %s is the table of the tenants", table),
					   psprintf("Table %s references it by its tenant column, with foreign key \"%s\".",
								relation_name(key->child), key->name),
					   psprintf("Run SELECT tenant_guard.protect(%s, %s);", quote_literal_cstr(table),
								quote_literal_cstr(get_attname(key->parent, key->referenced[0], false))));
}

Refusal
derives_for_part(Oid relid, Oid root)
{
	const char *parent = relation_name(root);

	return wrong_state(psprintf("table %s is a part of table %s", relation_name(relid), parent),
					   "A column is added to a table and what inherits from it together.",
					   psprintf("Run SELECT tenant_guard.derive_tenant_column(%s);", quote_literal_cstr(parent)));
}

Refusal
derives_for_parent(Oid relid)
{
	const char *table = relation_name(relid);

	return wrong_state(psprintf("other tables inherit from table %s", table),
					   "Foreign keys are not inherited, and so the tenant of their rows cannot be derived by one.",
					   psprintf("Add and fill the column by hand, then run SELECT tenant_guard.protect(%s);", quote_literal_cstr(table)));
}

/* "nulls" counts the rows in which the key is null; the others reference no row of a tenant. */
Refusal
rows_without_parent(const ForeignKey *key, int64 rows, int64 nulls, const char *query)
{
	return (Refusal) {
		ERRCODE_ROWS_IN_THE_WAY,
			psprintf(INT64_FORMAT " %s of table %s %s no tenant by foreign key \"%s\"", rows,
					 rows == 1 ? "row" : "rows", relation_name(key->child), rows == 1 ? "has" : "have", key->name),
			psprintf("In " INT64_FORMAT " of them the key is null, and " INT64_FORMAT " reference no row of a tenant. Nothing was changed.",
					 nulls, rows - nulls),
			psprintf("To see them, as a role that may bypass row-level security: SET row_security = off;\n%s", query)
	};
}
