/*-------------------------------------------------------------------------
 *
 * preloading.c
 *	  How sessions can preload the library, and errors for those that did not.
 *
 * Setting session_preload_libraries for a database needs no restart.  But it
 * replaces the server's list, as a role's replaces the database's.  So the
 * statement that we suggest sets the list that is in effect, with the library
 * added.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/parallel.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/pg_authid.h"
#include "commands/dbcommands.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "postmaster/bgworker.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/varlena.h"

#include "compat.h"
#include "guc_compat.h"
#include "library.h"
#include "preloading.h"
#include "settings.h"
#include "tenant_for_role.h"
#include "tenant_refusals.h"

#define LIST_OF_LIBRARIES "session_preload_libraries"

PG_FUNCTION_INFO_V1(tenant_guard_preload_statement);
PG_FUNCTION_INFO_V1(tenant_guard_check_library);

/* Returns the server's list; NULL if this session has one of a role, a database or the connection, which hides it. */
static const char *
list_of_server(void)
{
	struct config_generic *record = find_guc(LIST_OF_LIBRARIES);

	return record != NULL && record->source <= PGC_S_ARGV && session_preload_libraries_string != NULL ?
		session_preload_libraries_string : NULL;
}

/*
 * Returns the list that is in effect for a role, for a database, or for a role
 * in a database.  NULL if that is not known, or if the role has none.
 */
static const char *
list_in_force(Oid database, Oid role)
{
	const char *list = stored_setting(LIST_OF_LIBRARIES, database, role, NULL);

	if (list == NULL && !OidIsValid(role))
		list = stored_setting(LIST_OF_LIBRARIES, InvalidOid, InvalidOid, NULL);
	if (list == NULL && !OidIsValid(role))
		list = list_of_server();
	return list;
}

/* Is the library in a list of libraries? */
static bool
has_this_library(const List *libraries)
{
	ListCell   *lc;

	foreach(lc, libraries)
	{
		const char *library = lfirst(lc);

		if (strcmp(library, EXTENSION_NAME) == 0 || strcmp(library, "$libdir/" EXTENSION_NAME) == 0)
			return true;
	}
	return false;
}

/*
 * Returns the object of ALTER ... SET: "ROLE a IN DATABASE d", "ROLE a" or
 * "DATABASE d"; palloc'd.  NULL if the role or database was dropped, or both are
 * InvalidOid.
 */
static char *
object_with_list(Oid database, Oid role)
{
	const char *in_database = OidIsValid(database) ? get_database_name(database) : NULL;
	const char *of_role = OidIsValid(role) ? GetUserNameFromId(role, true) : NULL;

	if ((in_database == NULL) == OidIsValid(database) || (of_role == NULL) == OidIsValid(role))
		return NULL;
	if (of_role == NULL)
		return in_database ? psprintf("DATABASE %s", quote_identifier(in_database)) : NULL;
	if (in_database == NULL)
		return psprintf("ROLE %s", quote_identifier(of_role));
	return psprintf("ROLE %s IN DATABASE %s", pstrdup(quote_identifier(of_role)), quote_identifier(in_database));
}

/*
 * Returns the statement that adds the library to the list; palloc'd.  NULL if
 * the list is not known, or has the library already; *listed says which.
 */
static char *
statement_for(Oid database, Oid role, bool *listed)
{
	const char *list = list_in_force(database, role);
	const char *object = object_with_list(database, role);
	List	   *libraries;
	ListCell   *lc;
	StringInfoData statement;

	*listed = false;
	if (list == NULL || object == NULL || !SplitDirectoriesString(pstrdup(list), ',', &libraries))
		return NULL;
	*listed = has_this_library(libraries);
	if (*listed)
		return NULL;
	initStringInfo(&statement);
	appendStringInfo(&statement, "ALTER %s SET %s = ", object, LIST_OF_LIBRARIES);
	foreach(lc, libraries)
		if (((const char *) lfirst(lc))[0] != '\0')
			appendStringInfo(&statement, "%s, ", quote_literal_cstr(lfirst(lc)));
	appendStringInfoString(&statement, quote_literal_cstr(EXTENSION_NAME));
	return statement.data;
}

/*
 * Can the user see the list that a hint would contain?  Settings of roles and
 * databases are in a catalog that everyone can read; the server's list needs
 * pg_read_all_settings, unless it is empty.
 */
static bool
may_read_list(Oid database, Oid role)
{
	const char *servers = list_of_server();

	return (servers != NULL && servers[0] == '\0') ||
		stored_setting(LIST_OF_LIBRARIES, database, role, NULL) != NULL ||
		has_privs_of_role(GetOuterUserId(), ROLE_PG_READ_ALL_SETTINGS);
}

/*
 * Returns the hint for a session that did not preload the library; palloc'd or
 * constant.
 */
const char *
how_to_preload(void)
{
	Oid			database = MyDatabaseId;
	Oid			role = GetAuthenticatedUserId();
	bool		listed;
	char	   *statement;

	/* a parallel worker loads its leader's libraries, so the hint is about the leader */
	if (MyBgworkerEntry != NULL && !IsParallelWorker())
		return "List tenant_guard in shared_preload_libraries, or call tenant_guard.set_tenant() first.";
	if (stored_setting(LIST_OF_LIBRARIES, database, role, NULL) == NULL)
	{
		if (stored_setting(LIST_OF_LIBRARIES, InvalidOid, role, NULL) != NULL)
			database = InvalidOid;
		else
			role = InvalidOid;
	}
	statement = statement_for(database, role, &listed);
	if (listed)
		return "Sessions that begin now load it in time: reconnect (poolers too).";
	if (statement == NULL || !may_read_list(database, role))
		return "A superuser runs the remedy that tenant_guard.audit() gives for the rule not_preloaded; then reconnect (poolers too).";
	return psprintf(RecoveryInProgress() ?
					"On the primary, a superuser runs %s; or list it in this server's configuration; then reconnect (poolers too)." :
					"A superuser runs %s; then reconnect (poolers too).", statement);
}

/*
 * preload_statement(database oid, role oid), for audit(): 0 stands for none.
 * NULL if the library is preloaded already, or the list is not known.
 */
Datum
tenant_guard_preload_statement(PG_FUNCTION_ARGS)
{
	bool		listed;
	char	   *statement = server_preloads_library() ? NULL :
		statement_for(PG_GETARG_OID(0), PG_GETARG_OID(1), &listed);

	if (statement == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(statement));
}

/*
 * Raises an error if the library is loaded by a parallel query, during which
 * PostgreSQL lets neither the leader nor a worker define parameters.  Must be
 * called before anything is defined, so that the session can load the library
 * later.
 */
void
check_may_load(void)
{
	if (IsInParallelMode() && !InitializingParallelWorker)
		raise_refusal(loaded_by_parallel_query(how_to_preload()));
}

/* Must queries of this session on guarded tables fail, since one that was planned without the library loaded it? */
bool
session_is_refused(void)
{
	return guard_brought_library() && setting_late_loading == LATE_IS_REFUSED;
}

void
refuse_session(void)
{
	raise_refusal(library_came_too_late(how_to_preload()));
}

/* check_library(), for prove(): in such a session each of its statements would fail for that reason alone. */
Datum
tenant_guard_check_library(PG_FUNCTION_ARGS)
{
	if (session_is_refused())
		refuse_session();
	PG_RETURN_VOID();
}
