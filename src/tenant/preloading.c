/*-------------------------------------------------------------------------
 *
 * preloading.c
 *	  The statement by which sessions preload the library, and those that did not.
 *
 * session_preload_libraries of a database needs no restart.  It takes the place
 * of the server's list, as a role's takes the place of the database's: the
 * statement changes the list that is in force, and keeps what is in it.
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
#include "library.h"
#include "preloading.h"
#include "settings.h"
#include "tenant_for_role.h"
#include "tenant_refusals.h"

#define LIBRARY "tenant_guard"
#define LIST_OF_LIBRARIES "session_preload_libraries"

PG_FUNCTION_INFO_V1(tenant_guard_preload_statement);
PG_FUNCTION_INFO_V1(tenant_guard_check_library);

/* The server's own list, or NULL: a session does not know it where it has one of its role's, say. */
static const char *
list_of_server(void)
{
	struct config_generic *record = find_guc(LIST_OF_LIBRARIES);

	return record != NULL && record->source <= PGC_S_ARGV && session_preload_libraries_string != NULL ?
		session_preload_libraries_string : NULL;
}

/* The list that is in force for a role, for a database, or for a role in a database; NULL: unknown, or none of the role's. */
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

		if (strcmp(library, LIBRARY) == 0 || strcmp(library, "$libdir/" LIBRARY) == 0)
			return true;
	}
	return false;
}

/* Whose list a statement changes: ROLE a IN DATABASE d, ROLE a, DATABASE d.  Palloc'd; NULL where it is not there. */
static char *
whose_list(Oid database, Oid role)
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
 * The statement that adds the library to a list; palloc'd.  NULL where the list
 * is not known, or "*listed", where the library is in it.
 */
static char *
statement_for(Oid database, Oid role, bool *listed)
{
	const char *list = list_in_force(database, role);
	const char *whose = whose_list(database, role);
	List	   *libraries;
	ListCell   *lc;
	StringInfoData statement;

	*listed = false;
	if (list == NULL || whose == NULL || !SplitDirectoriesString(pstrdup(list), ',', &libraries))
		return NULL;
	*listed = has_this_library(libraries);
	if (*listed)
		return NULL;
	initStringInfo(&statement);
	appendStringInfo(&statement, "ALTER %s SET %s = ", whose, LIST_OF_LIBRARIES);
	foreach(lc, libraries)
		if (((const char *) lfirst(lc))[0] != '\0')
			appendStringInfo(&statement, "%s, ", quote_literal_cstr(lfirst(lc)));
	appendStringInfoString(&statement, quote_literal_cstr(LIBRARY));
	return statement.data;
}

/* What is stored for roles and databases anyone may read; the server's list, whom PostgreSQL lets. */
static bool
may_read_list(Oid database, Oid role)
{
	const char *servers = list_of_server();

	return (servers != NULL && servers[0] == '\0') ||
		stored_setting(LIST_OF_LIBRARIES, database, role, NULL) != NULL ||
		has_privs_of_role(GetOuterUserId(), ROLE_PG_READ_ALL_SETTINGS);
}

/*
 * The hint for a session that did not preload the library.  In the current
 * memory context, or constant.
 */
const char *
how_to_preload(void)
{
	Oid			database = MyDatabaseId;
	Oid			role = GetAuthenticatedUserId();
	bool		listed;
	char	   *statement;

	/* a parallel worker has its leader's libraries */
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

/* For audit(): a database, a role, or both; 0 is none.  NULL where nothing need be done, or nothing can be said. */
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
 * PostgreSQL defines no parameter during a parallel query, neither in a worker
 * nor in its leader.  An error before anything of ours is defined lets the
 * session load the library later.
 */
void
check_may_load(void)
{
	if (IsInParallelMode() && !InitializingParallelWorker)
		raise_refusal(loaded_by_parallel_query(how_to_preload()));
}

/* Did a query that was planned without the library load it, so that no guarded query of the session runs? */
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

/* For prove(), which would find nothing else. */
Datum
tenant_guard_check_library(PG_FUNCTION_ARGS)
{
	if (session_is_refused())
		refuse_session();
	PG_RETURN_VOID();
}
