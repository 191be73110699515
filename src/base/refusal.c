/*-------------------------------------------------------------------------
 *
 * refusal.c
 *	  Refusals: how they are pronounced, and those of the transaction's tenant
 *	  and of access to guarded tables.
 *
 * Texts follow PostgreSQL's error style guide.  None shows the value of a
 * tenant other than one that the caller has just written.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "commands/dbcommands.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"

#include "refusal.h"

void
raise_refusal(Refusal refusal)
{
	ereport(ERROR,
			(errcode(refusal.sqlstate),
			 errmsg("%s", refusal.message),
			 refusal.detail ? errdetail("%s", refusal.detail) : 0,
			 refusal.hint ? errhint("%s", refusal.hint) : 0));
}

/* For a check hook: leaves the texts to guc.c and returns false. */
bool
reject_setting(Refusal refusal)
{
	GUC_check_errcode(refusal.sqlstate);
	GUC_check_errmsg("%s", refusal.message);
	if (refusal.detail)
		GUC_check_errdetail("%s", refusal.detail);
	if (refusal.hint)
		GUC_check_errhint("%s", refusal.hint);
	return false;
}

/* Of an object that is not in the state that is needed. */
Refusal
wrong_state(const char *message, const char *detail, const char *hint)
{
	return (Refusal) {ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, message, detail, hint};
}

/* The getter that fits a tenant type. */
static const char *
getter_name(TenantType type)
{
	static const char *const names[] = {
		[TENANT_UUID] = "tenant_guard.current_tenant()",
		[TENANT_BIGINT] = "tenant_guard.current_tenant_bigint()",
		[TENANT_TEXT] = "tenant_guard.current_tenant_text()",
	};

	return names[type];
}

/* The statement that declares another tenant type for this database; palloc'd. */
char *
set_tenant_type(TenantType type)
{
	const char *database = get_database_name(MyDatabaseId);

	return psprintf("a superuser runs ALTER DATABASE %s SET tenant_guard.tenant_type = '%s'; for new sessions.",
					database ? quote_identifier(database) : "...",
					tenant_type_name(type));
}

/* ----------------------------------------------------------------
 *		The tenant of the transaction
 * ----------------------------------------------------------------
 */

Refusal
no_tenant(void)
{
	return (Refusal) {
		ERRCODE_NO_TENANT,
			"no tenant is set",
			"Parameter \"tenant_guard.tenant_id\" is empty in this transaction, and the rows of a guarded table each belong to a tenant.",
			setting_bypass ?
			"Parameter \"tenant_guard.bypass\" lifts what tenant_guard refuses, but row-level security binds this role: to see every tenant's rows it needs BYPASSRLS." :
			"Run SELECT tenant_guard.set_tenant('...') first, in the same transaction."
	};
}

/* The same where the transaction has used one, and what runs at its end may need it. */
Refusal
tenant_unset(void)
{
	return (Refusal) {
		ERRCODE_NO_TENANT,
			"no tenant is set",
			"The tenant of this transaction has been unset. What comes after that, deferred triggers at COMMIT among it, has none.",
			"Leave tenant_guard.clear_tenant() out: the tenant ends with the transaction. Or run SET CONSTRAINTS ALL IMMEDIATE; before it."
	};
}

Refusal
stale_tenant(void)
{
	return (Refusal) {
		ERRCODE_STALE_TENANT,
			"the tenant was set in an earlier transaction",
			"Parameter \"tenant_guard.tenant_id\" still holds what an earlier transaction of this session has set, perhaps for another client of the connection pool.",
			"Run SELECT tenant_guard.set_tenant('...') in each transaction, after BEGIN."
	};
}

/* May the current user SET this parameter, which is a superuser's? */
static bool
may_set(const char *name)
{
	return superuser() || pg_parameter_aclcheck(name, GetUserId(), ACL_SET) == ACLCHECK_OK;
}

Refusal
tenant_fixed(void)
{
	return (Refusal) {
		ERRCODE_TENANT_FIXED,
			"the tenant cannot change in this transaction",
			"This transaction has set or used parameter \"tenant_guard.tenant_id\" with another value, and has one tenant until it ends.",
			may_set(ONE_TENANT_PER_TRANSACTION) ?
			"End the transaction with COMMIT or ROLLBACK, then set the other tenant in a new one. If this transaction is meant to go from tenant to tenant, run SET LOCAL " ONE_TENANT_PER_TRANSACTION " = off; in it." :
			"End the transaction with COMMIT or ROLLBACK, then set the other tenant in a new one."
	};
}

/* Where a transaction may have several tenants. */
Refusal
tenant_fixed_in_statement(void)
{
	return (Refusal) {
		ERRCODE_TENANT_FIXED,
			"the tenant cannot change while a statement on guarded tables is running",
			"A function that the statement calls has set another tenant, and the statement would go on with that one's rows.",
			"Set the tenant by a statement of its own, before or after this one."
	};
}

Refusal
triggers_are_pending(Oid relid)
{
	const char *name = get_rel_name(relid);

	return (Refusal) {
		ERRCODE_TENANT_FIXED,
			"the tenant cannot change while triggers are pending",
			psprintf("Triggers of table \"%s\" have yet to run, for the tenant that was set when they were queued.",
					 name ? name : "?"),
			"Set the tenant by a statement of its own. If the triggers are deferred, run SET CONSTRAINTS ALL IMMEDIATE; before it."
	};
}

Refusal
tenant_fixed_in_worker(void)
{
	return (Refusal) {
		ERRCODE_TENANT_FIXED,
			"the tenant cannot change in a parallel worker",
			"A function that sets parameter \"tenant_guard.tenant_id\" was run by a parallel worker.",
			"Mark the function with ALTER FUNCTION ... PARALLEL UNSAFE."
	};
}

Refusal
invalid_tenant(TenantType type, const char *value)
{
	const char *database = MyDatabaseId ? "in this database " : "";

	if (type == TENANT_TEXT && *value != '\0')
		return (Refusal) {
			ERRCODE_TENANT_TYPE,
				psprintf("invalid tenant identifier for type text: \"%s\"", value),
				"It is a uuid in another spelling than PostgreSQL's, and as text each spelling is a tenant of its own.",
				"Write it in lower case, with hyphens and without braces. If the tenants of a database have another spelling throughout, a superuser runs ALTER DATABASE ... SET tenant_guard.canonical_uuids = off; for new sessions."
		};
	return (Refusal) {
		ERRCODE_TENANT_TYPE,
			psprintf("invalid tenant identifier for type %s: \"%s\"",
					 tenant_type_name(type), value),
			psprintf("Tenant identifiers %sare of the type that parameter \"tenant_guard.tenant_type\" names: %s.",
					 database, tenant_type_name(type)),
			type == TENANT_UUID ?
			"Write a uuid, such as '7f1c9d0e-6f0e-4f6b-9a53-2f6c0f3f8a11'. To unset the tenant, run SELECT tenant_guard.clear_tenant()." :
			type == TENANT_BIGINT ?
			"Write a whole number, such as '42'. To unset the tenant, run SELECT tenant_guard.clear_tenant()." :
			"Write a text that is not empty. To unset the tenant, run SELECT tenant_guard.clear_tenant()."
	};
}

/* One that a file, a database, a role or connection options brought. */
Refusal
invalid_tenant_below_session(TenantType type)
{
	return (Refusal) {
		ERRCODE_TENANT_TYPE,
			psprintf("the tenant that is set is not of type %s", tenant_type_name(type)),
			psprintf("Parameter \"tenant_guard.tenant_id\" has a value that does not fit parameter \"tenant_guard.tenant_type\": %s.",
					 tenant_type_name(type)),
			"If it was not set in this session, look for it in ALTER ROLE ... SET, ALTER DATABASE ... SET, the connection's options and postgresql.conf."
	};
}

Refusal
null_tenant(void)
{
	return (Refusal) {
		ERRCODE_TENANT_TYPE,
			"the tenant must not be null",
			"Function tenant_guard.set_tenant was given a null value.",
			"To unset the tenant, run SELECT tenant_guard.clear_tenant()."
	};
}

Refusal
setter_type_differs(TenantType given, TenantType wanted)
{
	return (Refusal) {
		ERRCODE_TENANT_TYPE,
			psprintf("the tenant was given as %s, but tenant identifiers are of type %s",
					 tenant_type_name(given), tenant_type_name(wanted)),
			psprintf("Parameter \"tenant_guard.tenant_type\" is %s.", tenant_type_name(wanted)),
			psprintf("Pass the tenant as %s. If its type is declared wrongly, %s",
					 tenant_type_name(wanted), set_tenant_type(given))
	};
}

Refusal
getter_type_differs(TenantType returned, TenantType wanted)
{
	return (Refusal) {
		ERRCODE_TENANT_TYPE,
			psprintf("%s returns %s, but tenant identifiers are of type %s",
					 getter_name(returned), tenant_type_name(returned), tenant_type_name(wanted)),
			psprintf("Parameter \"tenant_guard.tenant_type\" is %s.", tenant_type_name(wanted)),
			psprintf("Use %s. If the type is declared wrongly, %s",
					 getter_name(wanted), set_tenant_type(returned))
	};
}

Refusal
role_sets_own_tenant(void)
{
	return (Refusal) {
		ERRCODE_INSUFFICIENT_PRIVILEGE,
			"permission denied to set parameter \"tenant_guard.tenant_id\" for a role or database",
			"Such a setting would reach every later connection of the role or database.",
			"A superuser may run this statement. In a session, run SELECT tenant_guard.set_tenant('...')."
	};
}

/* ----------------------------------------------------------------
 *		Access to a guarded table
 * ----------------------------------------------------------------
 */

/* The message that the ways to bypass have in common. */
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
				  psprintf("Row-level security does not bind role \"%s\".", role),
				  "Connect as a role without SUPERUSER and BYPASSRLS. If every tenant's rows are meant, run SET row_security = off, or SET tenant_guard.bypass = on.");
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
				  psprintf("View %s reads and writes it as its owner \"%s\", whom row-level security does not bind.",
						   view, owner),
				  psprintf("Run ALTER VIEW %s SET (security_invoker = true), or give it an owner without SUPERUSER and BYPASSRLS.",
						   view));
}

Refusal
bypass_by_rule(const char *relation, const char *owner)
{
	return bypass(relation,
				  psprintf("A rule reads or writes it as its owner \"%s\", whom row-level security does not bind.", owner),
				  "Replace the rule by a trigger, or give its table or view an owner without SUPERUSER and BYPASSRLS.");
}

Refusal
bypass_by_function(const char *relation, const char *owner)
{
	return bypass(relation,
				  psprintf("A SECURITY DEFINER function, or a trigger that a foreign key's action fired, reads or writes it as \"%s\", whom row-level security does not bind.",
						   owner),
				  "Run ALTER FUNCTION (of a trigger: ALTER TABLE) ... OWNER TO a role without SUPERUSER and BYPASSRLS. If the function is to see every tenant's rows, run ALTER FUNCTION ... SET tenant_guard.bypass = on.");
}

Refusal
damaged_guard(const char *relation, const char *damage)
{
	return (Refusal) {
		ERRCODE_BYPASSES_ISOLATION,
			psprintf("the guard of table %s is damaged", relation),
			psprintf("A part of it is there, but %s.", damage),
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
