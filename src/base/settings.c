/*-------------------------------------------------------------------------
 *
 * settings.c
 *	  Every parameter of the extension but the tenant itself, and whether a
 *	  transaction has one (current_tenant.c).
 *
 * All are PGC_SUSET: a superuser, or a role granted SET on one, may change
 * them for the server, a database, a role or a session.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/plancache.h"
#include "utils/varlena.h"

#include "settings.h"

PG_FUNCTION_INFO_V1(tenant_guard_schema_is_excluded);

char	   *setting_tenant_column = NULL;
int			setting_scope = SCOPE_TRANSACTION;
int			setting_missing_tenant = MISSING_IS_ERROR;
bool		setting_auto_protect = true;
char	   *setting_excluded_schemas = NULL;
int			setting_foreign_keys = FOREIGN_KEYS_PAIR;
int			setting_foreign_key_actions = ACTIONS_ARE_ERRORS;
int			setting_temporary_tables = TEMPORARY_TABLES_OF_TENANT;
int			setting_type_mismatch = MISMATCH_IS_ERROR;
bool		setting_bypass = false;
bool		setting_log_bypass = true;
bool		setting_trusted_filters = true;
int			setting_late_loading = LATE_IS_REFUSED;

static const struct config_enum_entry scope_options[] = {
	{"transaction", SCOPE_TRANSACTION, false},
	{"session", SCOPE_SESSION, false},
	{NULL, 0, false}
};

static const struct config_enum_entry missing_tenant_options[] = {
	{"error", MISSING_IS_ERROR, false},
	{"empty", MISSING_IS_EMPTY, false},
	{NULL, 0, false}
};

static const struct config_enum_entry foreign_keys_options[] = {
	{"pair", FOREIGN_KEYS_PAIR, false},
	{"warning", FOREIGN_KEYS_WARNING, false},
	{"error", FOREIGN_KEYS_ERROR, false},
	{"off", FOREIGN_KEYS_OFF, false},
	{NULL, 0, false}
};

static const struct config_enum_entry foreign_key_actions_options[] = {
	{"error", ACTIONS_ARE_ERRORS, false},
	{"warning", ACTIONS_ARE_WARNED_OF, false},
	{"off", ACTIONS_ARE_IGNORED, false},
	{NULL, 0, false}
};

static const struct config_enum_entry temporary_tables_options[] = {
	{"tenant", TEMPORARY_TABLES_OF_TENANT, false},
	{"off", TEMPORARY_TABLES_IGNORED, false},
	{NULL, 0, false}
};

static const struct config_enum_entry type_mismatch_options[] = {
	{"error", MISMATCH_IS_ERROR, false},
	{"warning", MISMATCH_IS_WARNING, false},
	{"off", MISMATCH_IS_IGNORED, false},
	{NULL, 0, false}
};

static const struct config_enum_entry late_loading_options[] = {
	{"refuse", LATE_IS_REFUSED, false},
	{"allow", LATE_IS_ALLOWED, false},
	{NULL, 0, false}
};

/*
 * A column name is taken as it stands, as in a catalog: not folded, not
 * truncated, since a truncated one would match nothing and guard nothing.
 */
static bool
check_tenant_column(char **newval, void **extra, GucSource source)
{
	size_t		len = strlen(*newval);

	if (len > 0 && len < NAMEDATALEN)
		return true;
	GUC_check_errdetail("A column name has from 1 to %d bytes.", NAMEDATALEN - 1);
	return false;
}

static bool
check_excluded_schemas(char **newval, void **extra, GucSource source)
{
	char	   *copy = pstrdup(*newval);
	List	   *names;
	bool		ok = SplitIdentifierString(copy, ',', &names);

	if (!ok)
	{
		GUC_check_errdetail("List syntax is invalid.");
		GUC_check_errhint("Write the list as one string: 'staging, \"My Schema\"'.");
	}
	list_free(names);
	pfree(copy);
	return ok;
}

/* Does tenant_guard.excluded_schemas name this schema? */
bool
schema_is_excluded(const char *schema)
{
	char	   *copy;
	List	   *names;
	ListCell   *lc;
	bool		found = false;

	if (setting_excluded_schemas == NULL || setting_excluded_schemas[0] == '\0')
		return false;

	copy = pstrdup(setting_excluded_schemas);
	if (SplitIdentifierString(copy, ',', &names))
		foreach(lc, names)
			found |= (strcmp((char *) lfirst(lc), schema) == 0);
	list_free(names);
	pfree(copy);
	return found;
}

/* schema_is_excluded(schema name): the same for SQL. */
Datum
tenant_guard_schema_is_excluded(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(schema_is_excluded(NameStr(*PG_GETARG_NAME(0))));
}

/* Plans that are kept were made under the setting that was. */
static void
assign_trusted_filters(bool newval, void *extra)
{
	if (newval != setting_trusted_filters)
		ResetPlanCache();
}

/* The same. */
static void
assign_missing_tenant(int newval, void *extra)
{
	if (newval != setting_missing_tenant)
		ResetPlanCache();
}

void
define_settings(void)
{
	DefineCustomStringVariable("tenant_guard.tenant_column",
							   "Name of the column that holds the tenant.",
							   "Tables with a column of this name are guarded when they are created.",
							   &setting_tenant_column,
							   "tenant_id",
							   PGC_SUSET, 0, check_tenant_column, NULL, NULL);
	DefineCustomEnumVariable("tenant_guard.scope",
							 "How long a tenant set in a session stands.",
							 "With \"transaction\", a value set in an earlier transaction is refused when it is used.",
							 &setting_scope,
							 SCOPE_TRANSACTION, scope_options,
							 PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomEnumVariable("tenant_guard.missing_tenant",
							 "What guarded tables do where no tenant is set.",
							 "\"error\" refuses the query, \"empty\" shows no rows.",
							 &setting_missing_tenant,
							 MISSING_IS_ERROR, missing_tenant_options,
							 PGC_SUSET, 0, NULL, assign_missing_tenant, NULL);
	DefineCustomBoolVariable("tenant_guard.auto_protect",
							 "Guards a table with the tenant column in the statement that creates it.",
							 NULL,
							 &setting_auto_protect,
							 true,
							 PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomStringVariable("tenant_guard.excluded_schemas",
							   "Schemas whose tables are not guarded automatically.",
							   NULL,
							   &setting_excluded_schemas,
							   "",
							   PGC_SUSET, GUC_LIST_INPUT, check_excluded_schemas, NULL, NULL);
	DefineCustomEnumVariable("tenant_guard.foreign_keys",
							 "What is done with a foreign key between guarded tables that does not carry the tenant.",
							 "\"pair\" makes it carry the tenant, \"warning\" reports it, \"error\" refuses it.",
							 &setting_foreign_keys,
							 FOREIGN_KEYS_PAIR, foreign_keys_options,
							 PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomEnumVariable("tenant_guard.foreign_key_actions",
							 "What to do where a foreign key's action meets a row of another tenant.",
							 "CASCADE that deletes or changes such a row, and any action that changes a row's tenant, is refused, or reported by a warning, or not looked for.",
							 &setting_foreign_key_actions,
							 ACTIONS_ARE_ERRORS, foreign_key_actions_options,
							 PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomEnumVariable("tenant_guard.temporary_tables",
							 "To whom temporary tables belong that are written after a tenant was set.",
							 "With \"tenant\", to that tenant: another one, or none, is refused them while they hold rows.",
							 &setting_temporary_tables,
							 TEMPORARY_TABLES_OF_TENANT, temporary_tables_options,
							 PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomEnumVariable("tenant_guard.type_mismatch",
							 "What to do with a comparison that takes a tenant column for text.",
							 "It is refused, or reported by a warning, or not looked for.",
							 &setting_type_mismatch,
							 MISMATCH_IS_ERROR, type_mismatch_options,
							 PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomBoolVariable("tenant_guard.bypass",
							 "Lifts what tenant_guard refuses, on purpose.",
							 "It does not lift row-level security.",
							 &setting_bypass,
							 false,
							 PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomBoolVariable("tenant_guard.log_bypass",
							 "Writes a line to the server log for each bypass.",
							 NULL,
							 &setting_log_bypass,
							 true,
							 PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomBoolVariable("tenant_guard.trusted_filters",
							 "Lets filters that cannot tell of a row run beside the tenant's.",
							 "Such queries then use indexes and statistics as if no policy were there.",
							 &setting_trusted_filters,
							 true,
							 PGC_SUSET, 0, NULL, assign_trusted_filters, NULL);
	DefineCustomEnumVariable("tenant_guard.late_loading",
							 "What to do with queries on guarded tables that were planned without the library.",
							 "Where a guard is what loads the library, \"refuse\" refuses such queries to the end of the session.",
							 &setting_late_loading,
							 LATE_IS_REFUSED, late_loading_options,
							 PGC_SUSET, 0, NULL, NULL, NULL);
}
