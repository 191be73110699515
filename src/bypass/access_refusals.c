/*-------------------------------------------------------------------------
 *
 * access_refusals.c
 *	  Refusals of access to a guarded table.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"

#include "access_refusals.h"
#include "catalog.h"
#include "guard_refusals.h"
#include "settings.h"

/* The refusals of an accidental bypass have the same message. */
static Refusal
bypass(Oid relid, char *detail, const char *hint)
{
	return (Refusal) {
		ERRCODE_WOULD_BYPASS,
			psprintf("access to table %s would bypass the isolation of tenants", relation_name(relid)),
			detail,
			hint
	};
}

/*
 * What the current user, to whom row-level security does not apply, runs to opt
 * in to bypassing isolation: what leaves new tables guarded first.
 */
static const char *
how_to_bypass(void)
{
	const char *user = quote_identifier(GetUserNameFromId(GetUserId(), false));

	if (user_may_set(BYPASS))
		return "run SET " BYPASS " = on; first.";
	return psprintf("run SET row_security = off; first. New tables are not guarded under it: if it makes any, a superuser runs GRANT SET ON PARAMETER %s TO %s; and it runs SET %s = on; instead.",
					BYPASS, user, BYPASS);
}

Refusal
bypass_by_role(Oid relid, Oid role)
{
	return bypass(relid,
				  psprintf("Row-level security does not apply to role \"%s\".", GetUserNameFromId(role, true)),
				  psprintf("If every tenant's rows are meant, %s For one tenant's rows, connect as a role without SUPERUSER and BYPASSRLS.",
						   how_to_bypass()));
}

Refusal
bypass_by_toast(Oid relid)
{
	return bypass(relid,
				  pstrdup("Its TOAST table has the long values of its rows, and no policy."),
				  psprintf("Read the values from the table itself. If every tenant's are meant, %s",
						   has_bypassrls_privilege(GetUserId()) ? how_to_bypass() : "a superuser runs SET " BYPASS " = on; first."));
}

Refusal
bypass_by_view(Oid relid, Oid view, Oid owner)
{
	const char *name = relation_name(view);

	return bypass(relid,
				  psprintf("View %s reads and writes it as its owner \"%s\", to whom row-level security does not apply.",
						   name, GetUserNameFromId(owner, true)),
				  psprintf("Run ALTER VIEW %s SET (security_invoker = true), or give it an owner without SUPERUSER and BYPASSRLS.",
						   name));
}

Refusal
bypass_by_rule(Oid relid, Oid owner)
{
	return bypass(relid,
				  psprintf("A rule reads or writes it as its owner \"%s\", to whom row-level security does not apply.",
						   GetUserNameFromId(owner, true)),
				  "Replace the rule by a trigger, or give its table or view an owner without SUPERUSER and BYPASSRLS.");
}

/* "funcid" is the function, or InvalidOid if it is not known. */
Refusal
bypass_by_function(Oid relid, Oid owner, Oid funcid)
{
	const char *role = GetUserNameFromId(owner, true);
	const char *function = OidIsValid(funcid) ? format_procedure_qualified(funcid) : NULL;

	if (function != NULL)
		return bypass(relid,
					  psprintf("SECURITY DEFINER function %s reads or writes it as \"%s\", to whom row-level security does not apply.", function, role),
					  psprintf("If the function is meant to, as a trigger that keeps a log, run ALTER ROUTINE %s SET " BYPASS " = on; as a superuser who owns it. "
							   "Or run ALTER ROUTINE %s OWNER TO a role without SUPERUSER and BYPASSRLS that has the privileges on the table.", function, function));
	return bypass(relid,
				  psprintf("A SECURITY DEFINER function, or a trigger that a foreign key's action fired, reads or writes it as \"%s\", to whom row-level security does not apply.", role),
				  "If the function is meant to, as a trigger that keeps a log, run ALTER FUNCTION ... SET tenant_guard.bypass = on as a superuser who owns it. Or run ALTER FUNCTION (where a key fired the trigger: ALTER TABLE) ... OWNER TO a role without SUPERUSER and BYPASSRLS.");
}

Refusal
damaged_guard(Oid relid, const char *damage)
{
	return (Refusal) {
		ERRCODE_WOULD_BYPASS,
			psprintf("the guard of table %s is damaged", relation_name(relid)),
			psprintf("The table has a part of a guard, but %s.", damage),
			psprintf("As its owner, run %s.", call_of_protect(relid))
	};
}

Refusal
materializes_rows(Oid relid)
{
	return (Refusal) {
		ERRCODE_WOULD_BYPASS,
			psprintf("a materialized view of table %s would bypass the isolation of tenants", relation_name(relid)),
			"A materialized view cannot have row-level security: it would show the rows that it holds to every tenant.",
			psprintf("Use a view with security_invoker, or a table with the tenant column. If it is meant, %s",
					 user_may_set(BYPASS) ? how_to_bypass() : "a superuser runs SET " BYPASS " = on; and creates or refreshes it.")
	};
}

Refusal
holds_rows(Oid relid)
{
	return (Refusal) {
		ERRCODE_WOULD_BYPASS,
			psprintf("a cursor WITH HOLD on table %s would bypass the isolation of tenants", relation_name(relid)),
			"It would carry the rows of this transaction's tenant into transactions of others.",
			"Declare the cursor without WITH HOLD, and fetch in the same transaction."
	};
}

Refusal
detaches_unseen(Oid relid)
{
	return (Refusal) {
		ERRCODE_WOULD_BYPASS,
			psprintf("a partition cannot be detached by a role that sees only one tenant's rows of table %s", relation_name(relid)),
			"PostgreSQL looks for rows that still reference the partition, and would overlook those of other tenants.",
			"Let a superuser, or a role with BYPASSRLS that is a member of the owner, run SET row_security = off and detach it."
	};
}

Refusal
truncates_table(Oid relid, bool has_tenant)
{
	const char *relation = relation_name(relid);

	return (Refusal) {
		ERRCODE_WOULD_WEAKEN,
			psprintf("TRUNCATE of table %s would take every tenant's rows", relation),
			"Row-level security does not apply to TRUNCATE.",
			has_bypassrls_privilege(GetUserId()) ? psprintf("If every tenant's rows are meant, %s", how_to_bypass()) :
			psprintf("For the rows of one tenant, run %sDELETE FROM %s; If every tenant's rows are meant, %s",
					 has_tenant ? "" : "SELECT tenant_guard.set_tenant('...'); and in the same transaction ", relation,
					 user_may_set(BYPASS) ? how_to_bypass() : "a superuser runs SET " BYPASS " = on; before this statement.")
	};
}

Refusal
shadows_table(Oid temporary, Oid relid)
{
	return (Refusal) {
		ERRCODE_WOULD_WEAKEN,
			psprintf("temporary relation %s would hide guarded table %s",
					 quote_identifier(get_rel_name(temporary)), relation_name(relid)),
			"In a pooled session the next client would read and write the temporary relation in its place.",
			"Give it another name, or create a table with ON COMMIT DROP."
	};
}

Refusal
prepares_transaction(void)
{
	return (Refusal) {
		ERRCODE_WOULD_WEAKEN,
			"a transaction with a tenant cannot be prepared",
			"Any session of the role could finish it, whatever its tenant.",
			"Run COMMIT. If two-phase commit is meant, a superuser sets tenant_guard.bypass = on for the role that prepares."
	};
}

Refusal
fires_trigger_as_other(Oid relid, const char *trigger, Oid role)
{
	const char *relation = relation_name(relid);

	return wrong_state(psprintf("trigger \"%s\" of table %s would run as role \"%s\"", trigger, relation, GetUserNameFromId(role, true)),
					   "A foreign key's action fires it, after the rows that it references are deleted as that role; and another role wrote its function.",
					   psprintf("Run ALTER TABLE %s DISABLE TRIGGER %s; and enable it again when the rows are deleted.", relation, quote_identifier(trigger)));
}
