/*-------------------------------------------------------------------------
 *
 * setting_names.c
 *	  tenant_guard.setting_names: which other settings name the tenant.
 *
 * An application that has row-level security already sets the tenant by a
 * setting of its own, such as app.current_tenant.  The list is read when the
 * library is loaded, and each name becomes a setting of the extension
 * (tenant_setting.c).  A name that cannot become one is reported by a WARNING
 * and by audit(), and never fails the start of the server or of a session.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/parallel.h"
#include "catalog/pg_authid.h"
#include "common/hashfn.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/varlena.h"

#include "compat.h"
#include "guc_compat.h"
#include "library.h"
#include "named_tenant.h"
#include "setting_names.h"
#include "tenant_setting.h"

#define LEADER_NAMES "tenant_guard.leader_names"

/* A name of the list, and why it does not name the tenant: what "setting x" is followed by, or NULL. */
typedef struct OtherName
{
	const char *name;
	const char *problem;
} OtherName;

static char *setting_names = NULL;
static List *other_names = NIL; /* of OtherName; in TopMemoryContext */

/* A hash of the names of this process, which must be those of the leader in a parallel worker. */
static int	leader_names = 0;
static int	own_names = 0;

PG_FUNCTION_INFO_V1(tenant_guard_setting_names);

/* ----------------------------------------------------------------
 *		Judging a name
 * ----------------------------------------------------------------
 */

/* Can a setting of a library have this name: identifiers with dots between them?  What guc.c accepts for names that it does not know. */
static bool
is_custom_name(const char *name)
{
	bool		begins = true;
	bool		has_dot = false;

	for (const char *p = name; *p != '\0'; p++)
	{
		bool		letter = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || *p == '_' || IS_HIGHBIT_SET(*p);

		if (*p == '.' && !begins)
			has_dot = begins = true;
		else if (letter || (!begins && ((*p >= '0' && *p <= '9') || *p == '$')))
			begins = false;
		else
			return false;
	}
	return has_dot && !begins;
}

static bool
is_listed(const char *name)
{
	ListCell   *lc;

	foreach(lc, other_names)
		if (pg_strcasecmp(((OtherName *) lfirst(lc))->name, name) == 0)
			return true;
	return false;
}

/*
 * Why can this extension not define a setting of this name?  Returns what
 * follows "it", or NULL if it can.  Defining one that exists would be an error.
 */
static const char *
problem_of(const char *name)
{
	const struct config_generic *record;

	if (!is_custom_name(name))
		return "is not the name of a custom setting, as app.current_tenant is";
	if (pg_strncasecmp(name, EXTENSION_NAME ".", strlen(EXTENSION_NAME ".")) == 0)
		return "has the prefix of tenant_guard's own settings";
	if (is_listed(name))
		return "is in the list twice";
	if (count_of_sources() > MAX_OTHER_SETTINGS)
		return "is one name too many";
	record = find_guc(name);
	if (record != NULL && (record->flags & GUC_CUSTOM_PLACEHOLDER) == 0)
		return "is a setting of another library";
	/* guc.c does not say which prefixes are reserved, but refuses to assign to unknown names with them; the postmaster has no user */
	if (record == NULL && set_config_option_ext(name, "", PGC_USERSET, PGC_S_SESSION, BOOTSTRAP_SUPERUSERID,
												GUC_ACTION_SET, false, DEBUG5, false) == 0)
		return "has a prefix that another library has reserved";
	return NULL;
}

static void
warn_of_name(const OtherName *other)
{
	ereport(InitializingParallelWorker ? DEBUG1 : WARNING,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("setting \"%s\" cannot name the tenant", other->name),
			 errdetail("Parameter \"tenant_guard.setting_names\" lists it, but it %s.", other->problem),
			 errhint("The settings that can are used. Correct the list, and restart the server or begin a new session.")));
}

/* ----------------------------------------------------------------
 *		Reading the list
 * ----------------------------------------------------------------
 */

static OtherName *
add_name(const char *name, const char *problem)
{
	MemoryContext oldcontext = MemoryContextSwitchTo(TopMemoryContext);
	OtherName  *other = palloc(sizeof(OtherName));

	other->name = pstrdup(name);
	other->problem = problem;
	other_names = lappend(other_names, other);
	MemoryContextSwitchTo(oldcontext);
	return other;
}

/* Defines the setting of a name, or warns. */
static void
read_name(const char *name)
{
	OtherName  *other = add_name(name, problem_of(name));

	if (other->problem != NULL)
		warn_of_name(other);
	else
	{
		define_other_setting(other->name);
		own_names = (int) (hash_bytes((const unsigned char *) name, strlen(name)) + 31 * (uint32) own_names);
	}
}

static void
read_names(const char *list)
{
	char	   *copy = pstrdup(list);
	List	   *names;
	ListCell   *lc;

	if (!SplitGUCList(copy, ',', &names))
		warn_of_name(add_name(list, "is not a list of names"));
	else
		foreach(lc, names)
			read_name(lfirst(lc));
	list_free(names);
	pfree(copy);
}

/* setting_names(), for audit(): the names of the list, and why one does not name the tenant. */
Datum
tenant_guard_setting_names(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	ListCell   *lc;

	InitMaterializedSRF(fcinfo, 0);
	foreach(lc, other_names)
	{
		const OtherName *other = lfirst(lc);
		Datum		values[] = {CStringGetTextDatum(other->name), (Datum) 0};
		bool		nulls[] = {false, other->problem == NULL};

		if (other->problem != NULL)
			values[1] = CStringGetTextDatum(other->problem);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}

/* ----------------------------------------------------------------
 *		Defining the parameter
 * ----------------------------------------------------------------
 */

/*
 * A parallel worker that has not the library from the server reads the list
 * itself, and the file may have changed since the leader did.  It would then not
 * see the leader's tenant, or see another one.
 */
static bool
check_leader_names(int *newval, void **extra, GucSource source)
{
	if (source == PGC_S_DEFAULT || (source == PGC_S_OVERRIDE && *newval == own_names))
		return true;
	GUC_check_errcode(ERRCODE_CANT_CHANGE_RUNTIME_PARAM);
	GUC_check_errmsg("parallel workers of this session would read the tenant from other settings");
	GUC_check_errdetail("Parameter \"tenant_guard.setting_names\" has changed since the session began.");
	GUC_check_errhint("Reconnect.");
	return false;
}

/* Publishes the names to parallel workers; as define_leader_setting() does, but with a check. */
static void
publish_names(void)
{
	char		buf[12];

	DefineCustomIntVariable(LEADER_NAMES,
							"Carries state of the tenant to parallel workers.",
							NULL, &leader_names, 0, INT_MIN, INT_MAX,
							PGC_BACKEND,
							GUC_NO_SHOW_ALL | GUC_NO_RESET_ALL | GUC_NOT_IN_SAMPLE | GUC_DISALLOW_IN_FILE,
							check_leader_names, NULL, NULL);
	pg_ltoa(own_names, buf);
	SetConfigOption(LEADER_NAMES, buf, PGC_BACKEND, PGC_S_OVERRIDE);
}

/*
 * Must be called once, by _PG_init, when tenant_guard.tenant_id is defined.  A
 * session that loads the library for itself cannot define a PGC_POSTMASTER
 * parameter; there a change of the file has no effect until the next session.
 */
void
define_setting_names(void)
{
	DefineCustomStringVariable("tenant_guard.setting_names",
							   "Lists other settings that set the tenant as tenant_guard.tenant_id does.",
							   "It is read when the library is loaded.",
							   &setting_names,
							   "",
							   process_shared_preload_libraries_in_progress ? PGC_POSTMASTER : PGC_SIGHUP,
							   GUC_LIST_INPUT, NULL, NULL, NULL);
	read_names(setting_names);
	publish_names();
}
