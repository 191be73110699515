/*-------------------------------------------------------------------------
 *
 * key_refusals.c
 *	  Refusals about foreign keys.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "key_refusals.h"

/* "drop" is an action of ALTER TABLE and "add" the columns and REFERENCES clause of the paired key, for the hint. */
Refusal
key_without_tenant(const char *key, const char *table, const char *drop, const char *add)
{
	return (Refusal) {
		ERRCODE_WEAKENS_ISOLATION,
			psprintf("foreign key \"%s\" of table %s does not carry the tenant", key, table),
			"PostgreSQL checks foreign keys with row-level security off: by this one a row could reference another tenant's, learn that it exists, and be deleted with it.",
			psprintf("Write it as FOREIGN KEY %s, with a unique index on what it references; if it is there already: ALTER TABLE %s %s, ADD CONSTRAINT %s FOREIGN KEY %s;",
					 add, table, drop, quote_identifier(key), add)
	};
}

/* "detail" is a clause that says which key of the table, and what it may do. */
Refusal
key_setting_not_applied(const char *table, const char *detail)
{
	return (Refusal) {
		ERRCODE_WEAKENS_ISOLATION,
			psprintf("this statement would weaken the isolation of tenants in table %s", table),
			psprintf("After it, %s.", detail),
			psprintf("Run SELECT tenant_guard.pair_foreign_keys(%s); first, or leave the key out.", quote_literal_cstr(table))
	};
}

/* "own" is the CONSTRAINT clause of the key that would carry the tenant. */
Refusal
key_crosses_tenants(const char *key, const char *table, const char *parent, const char *column,
					const char *tenant_column, const char *own)
{
	return (Refusal) {
		ERRCODE_WEAKENS_ISOLATION,
			psprintf("foreign key \"%s\" of table %s references rows of any tenant", key, table),
			psprintf("Column \"%s\" says whose row of table %s is meant, and is not the tenant column \"%s\": by this key a row could reference another tenant's, learn that it exists, and be deleted or changed with it.",
					 column, parent, tenant_column),
			psprintf("Write it as %s; if it is there already: ALTER TABLE %s DROP CONSTRAINT %s, ADD %s;",
					 own, table, quote_identifier(key), own)
	};
}

/* "owner" is the role that owns the parent. */
Refusal
key_of_other(const char *key, const char *table, const char *parent, const char *owner)
{
	return (Refusal) {
		ERRCODE_WEAKENS_ISOLATION,
			psprintf("foreign key \"%s\" of table %s would reveal rows of every tenant", key, table),
			psprintf("Table %s, which it references, is guarded and belongs to role \"%s\"; rows of table %s could reference any row of it.",
					 parent, owner, table),
			psprintf("Let table %s be guarded, and the key carry the tenant. If the key is meant as it is, let role \"%s\", a member of it or a superuser make it.",
					 table, owner)
	};
}

/* "function" casts a column to the type that the key compares; "stands" if the key existed before this statement. */
Refusal
key_calls_function(const char *key, const char *table, const char *parent, const char *owner,
				   const char *function, bool stands)
{
	return (Refusal) {
		ERRCODE_WEAKENS_ISOLATION,
			psprintf("foreign key \"%s\" of table %s would call function %s as role \"%s\"", key, table, function, owner),
			psprintf(stands ? "Table %s belongs to that role, as which PostgreSQL compares the columns of the key, and which is to own guarded tables." :
					 "Table %s belongs to that role, as which PostgreSQL compares the columns of the key.", parent),
			stands ? psprintf("Let the owner of table %s or a superuser drop the key first: ALTER TABLE %s DROP CONSTRAINT %s;", table, table, quote_identifier(key)) :
			"Make the key with columns of the types that it references."
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

/* "by_tenant": the key's columns include the tenant column, so that a row of the parent belongs to one tenant. */
Refusal
action_on_other_tenant(const char *key, const char *table, const char *parent, bool deletes, bool by_tenant)
{
	const char *done = deletes ? "deleted" : "changed";

	return (Refusal) {
		ERRCODE_BYPASSES_ISOLATION,
			psprintf("%s would act on a row of another tenant", key_of_table(key, table)),
			psprintf("A row of table %s is %s, and %s CASCADE reaches rows that are not of the tenant of the transaction.",
					 parent, done, deletes ? "ON DELETE" : "ON UPDATE"),
			by_tenant ?
			psprintf("Run SELECT tenant_guard.set_tenant(...); with the tenant that is %s first. If every tenant's rows are meant, a superuser, or a role that was granted it, runs SET tenant_guard.bypass = on first.", done) :
			psprintf("Let no row of another tenant reference it: each tenant changes its own rows of table %s first. If every tenant's rows are meant, a superuser, or a role that was granted it, runs SET tenant_guard.bypass = on first.", table)
	};
}

Refusal
action_changes_tenant(const char *key, const char *table)
{
	return (Refusal) {
		ERRCODE_BYPASSES_ISOLATION,
			psprintf("%s would change the tenant of a row", key_of_table(key, table)),
			"A row must keep its tenant: no CASCADE, SET NULL or SET DEFAULT may change its tenant column.",
			psprintf("Let no row of table %s reference what is changed. If it is meant, a superuser, or a role that was granted it, runs SET tenant_guard.bypass = on first.", table)
	};
}

Refusal
trigger_changes_tenant(const char *table)
{
	return (Refusal) {
		ERRCODE_BYPASSES_ISOLATION,
			psprintf("a trigger would change the tenant of a row of table %s", table),
			"A foreign key's action changes the row, and no policy checks the row that a BEFORE trigger returns there. A row must keep its tenant.",
			"Let the trigger leave the tenant column as it is. If it is meant, a superuser, or a role that was granted it, runs SET tenant_guard.bypass = on first."
	};
}

Refusal
key_not_enforced(const char *key, const char *table, const char *parent)
{
	return (Refusal) {
		ERRCODE_WEAKENS_ISOLATION,
			psprintf("this statement would weaken the isolation of tenants in table %s", table),
			psprintf("After it, rows may reference rows of another tenant in table %s: foreign key \"%s\" keeps them inside, and is NOT ENFORCED.",
					 parent, key),
			"Leave the key enforced, or drop it. A superuser who means just this statement runs SET tenant_guard.bypass = on before it."
	};
}

Refusal
pairs_of_unguarded_table(const char *table)
{
	return wrong_state(psprintf("table %s is not guarded", table),
					   "Foreign keys carry the tenant between guarded tables.",
					   psprintf("Run SELECT tenant_guard.protect(%s); which does both.", quote_literal_cstr(table)));
}

Refusal
key_cannot_be_paired(const char *key, const char *table, const char *reason, const char *hint)
{
	return (Refusal) {
		ERRCODE_FEATURE_NOT_SUPPORTED,
			psprintf("foreign key \"%s\" of table %s cannot be made to carry the tenant", key, table),
			psprintf("%s Nothing was changed.", reason),
			hint
	};
}

Refusal
key_events_pending(const char *table)
{
	return (Refusal) {
		ERRCODE_OBJECT_IN_USE,
			psprintf("foreign keys of table %s cannot be made to carry the tenant now", table),
			"Deferred checks of rows that this transaction has written are pending. Nothing was changed.",
			"Run SET CONSTRAINTS ALL IMMEDIATE; first, or COMMIT;"
	};
}

/* ----------------------------------------------------------------
 *		Deriving a tenant column
 * ----------------------------------------------------------------
 */

Refusal
column_is_there(const char *table, const char *column)
{
	return (Refusal) {
		ERRCODE_DUPLICATE_COLUMN,
			psprintf("column \"%s\" of table %s already exists", column, table),
			"A tenant column is derived only for a table that has no column of its name.",
			psprintf("Fill it where it is null, and run SELECT tenant_guard.protect(%s, %s);",
					 quote_literal_cstr(table), quote_literal_cstr(column))
	};
}

Refusal
column_names_tenant(const char *table, const char *column, const char *key, const char *parent)
{
	return wrong_state(psprintf("column \"%s\" of table %s already identifies the tenant of a row", column, table),
					   psprintf("Foreign key \"%s\" references the tenant column of table %s by this column.", key, parent),
					   psprintf("Run SELECT tenant_guard.protect(%s, %s);", quote_literal_cstr(table),
								quote_literal_cstr(column)));
}

Refusal
derives_by_no_key(const char *table, const char *detail)
{
	return (Refusal) {
		ERRCODE_UNDEFINED_OBJECT,
			psprintf("table %s has no foreign key to a guarded table", table),
			detail,
			"Guard the table that it references first: SELECT tenant_guard.protect(...), or SELECT tenant_guard.derive_tenant_column(...) where that one has no tenant column either."
	};
}

Refusal
derives_by_several_keys(const char *table, const char *keys, const char *first)
{
	return (Refusal) {
		ERRCODE_AMBIGUOUS_COLUMN,
			psprintf("table %s has several foreign keys to guarded tables", table),
			psprintf("They are %s.", keys),
			psprintf("Name the one by which a row has its tenant, as in SELECT tenant_guard.derive_tenant_column(%s, %s);",
					 quote_literal_cstr(table), quote_literal_cstr(first))
	};
}

Refusal
no_such_key(const char *key, const char *table, const char *keys)
{
	return (Refusal) {
		ERRCODE_UNDEFINED_OBJECT,
			psprintf("foreign key \"%s\" of table %s does not exist", key, table),
			keys ? psprintf("Its foreign keys are %s.", keys) : "It has no foreign keys.",
			NULL
	};
}

Refusal
key_of_unguarded_parent(const char *key, const char *table, const char *parent,
						bool parent_has_tenant)
{
	return wrong_state(psprintf("table %s, which foreign key \"%s\" of table %s references, is not guarded",
								parent, key, table),
					   "The tenant can be derived only from rows of a guarded table.",
					   parent_has_tenant ?
					   psprintf("Run SELECT tenant_guard.protect(%s); first.", quote_literal_cstr(parent)) :
					   psprintf("Run SELECT tenant_guard.protect(%s, '...'); or SELECT tenant_guard.derive_tenant_column(%s); first.",
								quote_literal_cstr(parent), quote_literal_cstr(parent)));
}

Refusal
derives_for_part(const char *table, const char *parent)
{
	return wrong_state(psprintf("table %s is a part of table %s", table, parent),
					   "A column is added to a table and what inherits from it together.",
					   psprintf("Run SELECT tenant_guard.derive_tenant_column(%s);", quote_literal_cstr(parent)));
}

Refusal
derives_for_parent(const char *table)
{
	return wrong_state(psprintf("other tables inherit from table %s", table),
					   "Foreign keys are not inherited, and so the tenant of their rows cannot be derived by one.",
					   psprintf("Add and fill the column by hand, then run SELECT tenant_guard.protect(%s);", quote_literal_cstr(table)));
}

/* "nulls" counts the rows in which the key is null; the others reference no row of a tenant. */
Refusal
rows_without_parent(const char *table, const char *key, int64 rows, int64 nulls, const char *query)
{
	return (Refusal) {
		ERRCODE_ROWS_IN_THE_WAY,
			psprintf(INT64_FORMAT " %s of table %s %s no tenant by foreign key \"%s\"", rows,
					 rows == 1 ? "row" : "rows", table, rows == 1 ? "has" : "have", key),
			psprintf("In " INT64_FORMAT " of them the key is null, and " INT64_FORMAT " reference no row of a tenant. Nothing was changed.",
					 nulls, rows - nulls),
			psprintf("To see them, as a role that may bypass row-level security: SET row_security = off;\n%s", query)
	};
}
