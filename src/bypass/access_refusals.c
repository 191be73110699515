/*-------------------------------------------------------------------------
 *
 * access_refusals.c
 *	  Refusals of access to a guarded table.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "access_refusals.h"

/* The refusals of an accidental bypass have the same message. */
static Refusal
bypass(const char *relation, char *detail, const char *hint)
{
	return (Refusal) {
		ERRCODE_BYPASSES_ISOLATION,
			psprintf("access to table %s would bypass the isolation of tenants", relation),
			detail,
			hint
	};
}

Refusal
bypass_by_role(const char *relation, const char *role)
{
	return bypass(relation,
				  psprintf("Row-level security does not apply to role \"%s\".", role),
				  "Connect as a role without SUPERUSER and BYPASSRLS. If every tenant's rows are meant, run SET tenant_guard.bypass = on, or SET row_security = off, under which new tables are not guarded.");
}

Refusal
bypass_by_toast(const char *relation)
{
	return bypass(relation,
				  pstrdup("Its TOAST table has the long values of its rows, and no policy."),
				  "Read the values from the table itself. If every tenant's are meant, run SET tenant_guard.bypass = on.");
}

Refusal
bypass_by_view(const char *relation, const char *view, const char *owner)
{
	return bypass(relation,
				  psprintf("View %s reads and writes it as its owner \"%s\", to whom row-level security does not apply.",
						   view, owner),
				  psprintf("Run ALTER VIEW %s SET (security_invoker = true), or give it an owner without SUPERUSER and BYPASSRLS.",
						   view));
}

Refusal
bypass_by_rule(const char *relation, const char *owner)
{
	return bypass(relation,
				  psprintf("A rule reads or writes it as its owner \"%s\", to whom row-level security does not apply.", owner),
				  "Replace the rule by a trigger, or give its table or view an owner without SUPERUSER and BYPASSRLS.");
}

Refusal
bypass_by_function(const char *relation, const char *owner)
{
	return bypass(relation,
				  psprintf("A SECURITY DEFINER function, or a trigger that a foreign key's action fired, reads or writes it as \"%s\", to whom row-level security does not apply.",
						   owner),
				  "Run ALTER FUNCTION (of a trigger: ALTER TABLE) ... OWNER TO a role without SUPERUSER and BYPASSRLS. If the function is to see every tenant's rows, run ALTER FUNCTION ... SET tenant_guard.bypass = on.");
}

Refusal
damaged_guard(const char *relation, const char *damage)
{
	return (Refusal) {
		ERRCODE_BYPASSES_ISOLATION,
			psprintf("the guard of table %s is damaged", relation),
			psprintf("The table has a part of a guard, but %s.", damage),
			psprintf("As its owner, run SELECT tenant_guard.protect(%s).", quote_literal_cstr(relation))
	};
}

Refusal
materializes_rows(const char *relation)
{
	return (Refusal) {
		ERRCODE_BYPASSES_ISOLATION,
			psprintf("a materialized view of table %s would bypass the isolation of tenants", relation),
			"A materialized view cannot have row-level security: it would show the rows that it holds to every tenant.",
			"Use a view with security_invoker, or a table with the tenant column. If it is meant, run SET tenant_guard.bypass = on first."
	};
}

Refusal
holds_rows(const char *relation)
{
	return (Refusal) {
		ERRCODE_BYPASSES_ISOLATION,
			psprintf("a cursor WITH HOLD on table %s would bypass the isolation of tenants", relation),
			"It would carry the rows of this transaction's tenant into transactions of others.",
			"Declare the cursor without WITH HOLD, and fetch in the same transaction."
	};
}

Refusal
detaches_unseen(const char *relation)
{
	return (Refusal) {
		ERRCODE_BYPASSES_ISOLATION,
			psprintf("a partition cannot be detached by a role that sees only one tenant's rows of table %s", relation),
			"PostgreSQL looks for rows that still reference the partition, and would overlook those of other tenants.",
			"Let a superuser, or a role with BYPASSRLS that is a member of the owner, run SET row_security = off and detach it."
	};
}

Refusal
truncates_table(const char *relation)
{
	return (Refusal) {
		ERRCODE_WEAKENS_ISOLATION,
			psprintf("TRUNCATE of table %s would take every tenant's rows", relation),
			"Row-level security does not apply to TRUNCATE.",
			psprintf("Run DELETE FROM %s for the rows of the tenant that is set. If every tenant's rows are meant, a superuser runs SET tenant_guard.bypass = on first.",
					 relation)
	};
}

Refusal
shadows_table(const char *name, const char *relation)
{
	return (Refusal) {
		ERRCODE_WEAKENS_ISOLATION,
			psprintf("temporary relation %s would hide guarded table %s", quote_identifier(name), relation),
			"In a pooled session the next client would read and write the temporary relation in its place.",
			"Give it another name, or create a table with ON COMMIT DROP."
	};
}

Refusal
prepares_transaction(void)
{
	return (Refusal) {
		ERRCODE_WEAKENS_ISOLATION,
			"a transaction with a tenant cannot be prepared",
			"Any session of the role could finish it, whatever its tenant.",
			"Run COMMIT. If two-phase commit is meant, a superuser sets tenant_guard.bypass = on for the role that prepares."
	};
}
