/*-------------------------------------------------------------------------
 *
 * tenant_refusals.c
 *	  Refusals of the transaction's tenant.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "commands/dbcommands.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "catalog.h"
#include "library.h"
#include "settings.h"
#include "tenant_refusals.h"

/* Returns a clause for hints with the statement that sets a parameter for this database; palloc'd. */
static char *
set_for_database(const char *parameter, const char *value)
{
	const char *database = get_database_name(MyDatabaseId);

	return psprintf("a superuser runs ALTER DATABASE %s SET %s = '%s'; for new sessions.",
					database ? quote_identifier(database) : "...", parameter, value);
}

/* Returns the part of a hint with the statement that sets another tenant type for this database; palloc'd. */
char *
set_tenant_type(TenantType type)
{
	return set_for_database("tenant_guard.tenant_type", tenant_type_name(type));
}

/* Returns a clause for the DETAIL of an error about another type: why tenants are of this one; palloc'd. */
char *
why_type(TenantType type)
{
	return psprintf(tenant_type_is_set() || type == TENANT_UUID ? "Parameter \"tenant_guard.tenant_type\" is %s" :
					"Parameter \"tenant_guard.tenant_type\" is not set, and the tenants of guarded tables are of type %s",
					tenant_type_name(type));
}

/* Does the role own a table with FORCE ROW LEVEL SECURITY, as guarded tables have, or have the privileges of its owner? */
static bool
owns_forced_table(Oid role)
{
	CatalogScan scan = begin_catalog_scan(RelationRelationId, InvalidOid, InvalidAttrNumber, InvalidOid, NULL);
	bool		found = false;
	HeapTuple	tuple;

	while (!found && HeapTupleIsValid(tuple = next_catalog_row(&scan)))
	{
		Form_pg_class class = (Form_pg_class) GETSTRUCT(tuple);

		found = class->relforcerowsecurity && has_privs_of_role(role, class->relowner);
	}
	end_catalog_scan(&scan);
	return found;
}

/* The name of a setting, as SET takes it: a part of it may be a keyword; palloc'd. */
static const char *
quoted_setting(const char *name)
{
	StringInfoData quoted;
	char	   *parts = pstrdup(name);
	char	   *rest = parts;
	char	   *part;

	initStringInfo(&quoted);
	while ((part = strsep(&rest, ".")) != NULL)
		appendStringInfo(&quoted, "%s%s", quoted.len > 0 ? "." : "", quote_identifier(part));
	pfree(parts);
	return quoted.data;
}

/* The names of all settings that can name the tenant; palloc'd or constant. */
static const char *
names_of_settings(const char *conjunction)
{
	StringInfoData names;
	int			count = count_of_settings();

	initStringInfo(&names);
	for (int i = 0; i < count; i++)
		appendStringInfo(&names, "%s\"%s\"", i == 0 ? "" : i < count - 1 ? ", " : psprintf(" %s ", conjunction), nth_source(i)->name);
	return names.data;
}

/* The statement that sets the tenant; an application that has a setting of its own sets that.  palloc'd or constant. */
static const char *
statement_that_sets(const NamingSource *source)
{
	if (source->kind == SOURCE_IS_TOKEN)
		return "SELECT tenant_guard.set_tenant_by_token('...')";
	return source->kind == SOURCE_IS_TENANT_ID ? "SELECT tenant_guard.set_tenant('...')" :
		psprintf("SET LOCAL %s = '...';", quoted_setting(source->name));
}

/* Returns the statement that sets the tenant, for hints, where anyone may set it; palloc'd or constant. */
static const char *
how_to_set(void)
{
	if (count_of_settings() == 1)
		return "Run SELECT tenant_guard.set_tenant('...') first, in the same transaction.";
	return psprintf("Run SELECT tenant_guard.set_tenant('...') first, in the same transaction, or %s",
					statement_that_sets(nth_source(1)));
}

/* Returns a sentence for hints: how this session comes by a tenant; palloc'd or constant. */
static const char *
how_to_come_by_tenant(AuthorityVerdict verdict)
{
	switch (verdict)
	{
		case MAY_SET_TENANT:
			break;
		case IS_NOT_GRANTED:
			return "Call the function of the application that sets the tenant first, in the same transaction.";
		case IS_NO_TOKEN:
			return "Run SELECT tenant_guard.set_tenant_by_token('...') first, in the same transaction.";
		case IS_FROM_CONNECTION:
			return psprintf("Remove parameter \"%s\" from the connection's options.", source_of_connection()->name);
		case IS_NOT_PINNED:
			return "Do not unset the tenant: it is stored for the database, the role or the server.";
		case NONE_IS_PINNED:
			return psprintf("To store one, %s", set_for_database(TENANT_ID, "..."));
		case AUTHORITY_IS_HIDDEN:
			return "Remove parameter \"tenant_guard.authority\" from the connection's options.";
	}
	return how_to_set();
}

/* An owner of guarded tables may mean every tenant's rows, in a migration. */
static const char *
how_to_set_tenant(void)
{
	const char *set = how_to_come_by_tenant(judge_current_user());

	if (superuser() || !owns_forced_table(GetUserId()))
		return set;
	return psprintf("%s If every tenant's rows are meant, as in a migration, a superuser runs SET %s = on; and then the statement.", set, BYPASS);
}

Refusal
no_tenant(void)
{
	return (Refusal) {
		ERRCODE_NO_TENANT,
			"no tenant is set",
			count_of_settings() == 1 ?
			"Parameter \"tenant_guard.tenant_id\" is empty in this transaction, and the rows of a guarded table each belong to a tenant." :
			psprintf("Parameters %s are empty in this transaction, and the rows of a guarded table each belong to a tenant.", names_of_settings("and")),
			setting_bypass ?
			"Parameter \"tenant_guard.bypass\" allows what tenant_guard refuses, but row-level security still applies to this role: to see every tenant's rows it needs BYPASSRLS." :
			how_to_set_tenant()
	};
}

/* No tenant is set, but the transaction has used one: a deferred trigger may need it, for instance. */
Refusal
tenant_unset(void)
{
	return (Refusal) {
		ERRCODE_NO_TENANT,
			"no tenant is set",
			"The tenant of this transaction was unset, and later statements and deferred triggers have none.",
			"Do not call tenant_guard.clear_tenant(): the tenant ends with the transaction. Or run SET CONSTRAINTS ALL IMMEDIATE; before it."
	};
}

Refusal
stale_tenant(const NamingSource *source)
{
	return (Refusal) {
		ERRCODE_TENANT_STALE,
			"the tenant was set in an earlier transaction",
			psprintf("Parameter \"%s\" still has the value that an earlier transaction of this session set, perhaps for another client of the connection pool.",
					 source->name),
			psprintf("Run %s in each transaction, after BEGIN.", statement_that_sets(source))
	};
}

/* Two settings that are in force at the same time. */
Refusal
tenant_named_twice(const NamingSource *source, const NamingSource *other)
{
	return (Refusal) {
		ERRCODE_TENANT_CHANGED,
			"two settings name different tenants",
			psprintf("Parameters \"%s\" and \"%s\" both name the tenant, and their values differ.", source->name, other->name),
			psprintf("Set one of them only: SET LOCAL %s = ''; leaves it to the other.", quoted_setting(other->name))
	};
}

/* How the current user goes on after tenant_fixed.  Only an owner of guarded tables has migrations to run. */
static const char *
how_to_change_tenant(void)
{
	const char *end = "End the transaction with COMMIT or ROLLBACK, then set the other tenant in a new one.";

	if (!IsTransactionState())
		return end;
	if (user_may_set(ONE_TENANT_PER_TRANSACTION))
		return psprintf("%s If this transaction is meant to have several tenants in turn, run SET LOCAL %s = off; at its beginning.",
						end, ONE_TENANT_PER_TRANSACTION);
	if (owns_forced_table(GetUserId()))
		return psprintf("%s For a migration that has several tenants in turn, a superuser runs GRANT SET ON PARAMETER %s TO %s; and it runs SET LOCAL %s = off; at the transaction's beginning.",
						end, ONE_TENANT_PER_TRANSACTION, quote_identifier(GetUserNameFromId(GetUserId(), false)), ONE_TENANT_PER_TRANSACTION);
	return end;
}

/* The role that has set what a source says; the current user for NULL.  palloc'd. */
static const char *
name_of_setter(const NamingSource *source)
{
	char	   *name = GetUserNameFromId(source != NULL ? source->record->srole : GetUserId(), true);

	return name != NULL ? name : "?";
}

/* Why is a tenant not allowed?  "source" is the one that names it, or NULL: the current user is setting it.  palloc'd or constant. */
static const char *
why_not_allowed(AuthorityVerdict verdict, const NamingSource *source)
{
	switch (verdict)
	{
		case IS_NOT_GRANTED:
			return psprintf("Parameter \"tenant_guard.authority\" is granted, and role \"%s\", which has set the tenant, was not granted SET on parameter \"" TENANT_ID "\".",
							name_of_setter(source));
		case IS_NO_TOKEN:
			return "Parameter \"tenant_guard.authority\" is token, and the tenant was not set by a signed token.";
		case IS_FROM_CONNECTION:
			return psprintf("Parameter \"tenant_guard.authority\" is pinned, and the connection's options name parameter \"%s\", whose value is stored.",
							source_of_connection()->name);
		case IS_NOT_PINNED:
			return "Parameter \"tenant_guard.authority\" is pinned, and the tenant that is stored for the database, the role or the server is another one.";
		case NONE_IS_PINNED:
			return "Parameter \"tenant_guard.authority\" is pinned, and no tenant is stored for the database, the role or the server.";
		case AUTHORITY_IS_HIDDEN:
			return "The connection's options name parameter \"tenant_guard.authority\", which this role may not set, and so hide its value of the database.";
		case MAY_SET_TENANT:
			break;
	}
	return NULL;
}

/* "source" is the one that names the tenant, or NULL: the current user is setting it. */
Refusal
tenant_not_allowed(AuthorityVerdict verdict, const NamingSource *source)
{
	const char *hint = how_to_come_by_tenant(verdict);

	Assert(verdict != MAY_SET_TENANT);
	if (verdict == IS_NOT_GRANTED)
		hint = psprintf("%s If the role is to set every tenant, a superuser runs GRANT SET ON PARAMETER " TENANT_ID " TO %s;",
						hint, quote_identifier(name_of_setter(source)));
	else if (verdict == IS_NOT_PINNED)
		hint = "Connect to the database, or as the role, of the tenant that is meant.";
	return (Refusal) {
		ERRCODE_TENANT_NOT_ALLOWED,
			"this session may not set this tenant",
			why_not_allowed(verdict, source),
			hint
	};
}

Refusal
tenant_fixed(void)
{
	return (Refusal) {
		ERRCODE_TENANT_CHANGED,
			"the tenant cannot change in this transaction",
			count_of_settings() == 1 ?
			"This transaction has set or used parameter \"tenant_guard.tenant_id\" with another value, and has one tenant until it ends." :
			psprintf("This transaction has set or used another tenant, by parameter %s, and has one tenant until it ends.", names_of_settings("or")),
			how_to_change_tenant()
	};
}

/* With one_tenant_per_transaction off. */
Refusal
tenant_fixed_in_statement(void)
{
	return (Refusal) {
		ERRCODE_TENANT_CHANGED,
			"the tenant cannot change while a statement on guarded tables is running",
			"A function that the statement calls has set another tenant, and the statement would go on with that one's rows.",
			"Set the tenant by a statement of its own, before or after this one."
	};
}

Refusal
begun_for_other_tenant(void)
{
	return (Refusal) {
		ERRCODE_TENANT_CHANGED,
			"the query was begun for another tenant",
			"A cursor, or a loop over a query, on guarded tables goes on with the rows of the tenant that was set when it began.",
			"Close the cursor and open it again, or set its tenant again before its next row is read."
	};
}

Refusal
triggers_are_pending(Oid relid)
{
	const char *name = get_rel_name(relid);

	return (Refusal) {
		ERRCODE_TENANT_CHANGED,
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
		ERRCODE_TENANT_CHANGED,
			"the tenant cannot change in a parallel worker",
			psprintf("A function that sets parameter %s was run by a parallel worker.", names_of_settings("or")),
			"Mark the function with ALTER FUNCTION ... PARALLEL UNSAFE."
	};
}

Refusal
invalid_tenant(TenantType type, const char *value)
{
	const char *database = MyDatabaseId ? "in this database " : "";

	if (type == TENANT_TEXT && *value != '\0')
		return (Refusal) {
			ERRCODE_TENANT_TYPE_MISMATCH,
				psprintf("invalid tenant identifier for type text: \"%s\"", value),
				"It is a uuid in another spelling than PostgreSQL's, and as text each spelling is a tenant of its own.",
				"Write it in lower case, with hyphens and without braces. If the tenants of a database have another spelling throughout, a superuser runs ALTER DATABASE ... SET tenant_guard.canonical_uuids = off; for new sessions."
		};
	return (Refusal) {
		ERRCODE_TENANT_TYPE_MISMATCH,
			psprintf("invalid tenant identifier for type %s: \"%s\"",
					 tenant_type_name(type), value),
			tenant_type_is_set() || type == TENANT_UUID ?
			psprintf("Tenant identifiers %sare of the type that parameter \"tenant_guard.tenant_type\" names: %s.",
					 database, tenant_type_name(type)) :
			psprintf("%s.", why_type(type)),
			psprintf("%s To unset the tenant, run SELECT tenant_guard.clear_tenant().", tenant_type_advice(type))
	};
}

/* For a value from a file, a database, a role or connection options, and for one of an application's own setting. */
Refusal
named_tenant_invalid(TenantType type, const NamingSource *source)
{
	return (Refusal) {
		ERRCODE_TENANT_TYPE_MISMATCH,
			psprintf("the tenant that is set is not of type %s", tenant_type_name(type)),
			psprintf("Parameter \"%s\" has a value that does not fit parameter \"tenant_guard.tenant_type\": %s.",
					 source->name, tenant_type_name(type)),
			source->kind == SOURCE_IS_OTHER_SETTING && source->origin != NULL ?
			psprintf("Before a statement on a guarded table, run %s", statement_that_sets(source)) :
			"If it was not set in this session, look for it in ALTER ROLE ... SET, ALTER DATABASE ... SET, the connection's options and postgresql.conf."
	};
}

Refusal
null_tenant(void)
{
	return (Refusal) {
		ERRCODE_TENANT_TYPE_MISMATCH,
			"the tenant must not be null",
			"Function tenant_guard.set_tenant was given a null value.",
			"To unset the tenant, run SELECT tenant_guard.clear_tenant()."
	};
}

Refusal
setter_type_differs(TenantType given, TenantType wanted)
{
	return (Refusal) {
		ERRCODE_TENANT_TYPE_MISMATCH,
			psprintf("the tenant was given as %s, but tenant identifiers are of type %s",
					 tenant_type_name(given), tenant_type_name(wanted)),
			psprintf("%s.", why_type(wanted)),
			psprintf("Pass the tenant as %s. If its type is declared wrongly, %s",
					 tenant_type_name(wanted), set_tenant_type(given))
	};
}

Refusal
getter_type_differs(TenantType returned, TenantType wanted)
{
	return (Refusal) {
		ERRCODE_TENANT_TYPE_MISMATCH,
			psprintf("%s returns %s, but tenant identifiers are of type %s",
					 tenant_getter(returned), tenant_type_name(returned), tenant_type_name(wanted)),
			psprintf("%s.", why_type(wanted)),
			psprintf("Use %s. If the type is declared wrongly, %s",
					 tenant_getter(wanted), set_tenant_type(returned))
	};
}

Refusal
role_sets_own_tenant(const char *setting)
{
	return (Refusal) {
		ERRCODE_INSUFFICIENT_PRIVILEGE,
			psprintf("permission denied to set parameter \"%s\" for a role or database", setting),
			"Such a setting would reach every later connection of the role or database.",
			"A superuser may run this statement. In a session, run SELECT tenant_guard.set_tenant('...')."
	};
}

/* Raised by every query of the session on guarded tables: were it the first one only, a pool would seem to recover. */
Refusal
library_came_too_late(const char *hint)
{
	return (Refusal) {
		ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
			"this session loaded tenant_guard too late to guard its queries",
			"Its first query on a guarded table was planned without the library, and a filter could have changed the tenant whose rows it reads. The session's other queries on guarded tables are refused as well.",
			hint
	};
}

Refusal
loaded_by_parallel_query(const char *hint)
{
	return (Refusal) {
		ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
			"tenant_guard cannot be loaded by a parallel query",
			"A function that the query calls is the first of this session to need the library.",
			hint
	};
}

Refusal
planned_without_library(Oid relid, const char *hint)
{
	return (Refusal) {
		ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
			psprintf("a query on table %s was planned before tenant_guard was loaded", relation_name(relid)),
			"In a query that was planned without the library, a filter can change the tenant whose rows are read.",
			hint
	};
}

/* "older": the objects of the extension are of an older version than the library. */
Refusal
versions_differ(const char *library, const char *objects, bool older)
{
	const char *begin_anew = server_preloads_library() ? "restart the server" : "reconnect (poolers too)";

	return wrong_state(psprintf("this session has loaded tenant_guard %s, which does not work with version %s of the extension", library, objects),
					   "Guarded tables are not read or written, and no DDL is run, until the versions agree.",
					   older ? "A superuser runs ALTER EXTENSION " EXTENSION_NAME " UPDATE;" :
					   psprintf("Install the library of version %s, if that is not done, and %s.", objects, begin_anew));
}
