/*-------------------------------------------------------------------------
 *
 * settings.c
 *	  The extension's parameters, except those about tenants: tenant_id
 *	  (tenant_setting.c), tenant_type (tenant_type.c) and what a parallel worker
 *	  gets from its leader (tenant_source.c).
 *
 * The parameters of this file are PGC_SUSET: besides superusers only a role that
 * was granted SET on one can change it, in a session or with ALTER ROLE or ALTER
 * DATABASE.  The tenant is PGC_USERSET; authority.c says who can set it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/plancache.h"
#include "utils/varlena.h"

#include "compat.h"
#include "settings.h"

PG_FUNCTION_INFO_V1(tenant_guard_schema_is_excluded);

const TenantColumns *setting_tenant_columns = NULL;
int			setting_scope = SCOPE_TRANSACTION;
int			setting_missing_tenant = MISSING_IS_ERROR;
bool		setting_auto_protect = true;
char	   *setting_excluded_schemas = NULL;
int			setting_foreign_keys = FOREIGN_KEYS_PAIR;
int			setting_companion_keys = COMPANIONS_OF_FRAMEWORKS;
int			setting_foreign_key_actions = ACTIONS_ARE_ERRORS;
int			setting_temporary_tables = TEMPORARY_TABLES_OF_TENANT;
int			setting_type_mismatch = MISMATCH_IS_ERROR;
bool		setting_bypass = false;
bool		setting_log_bypass = true;
bool		setting_trusted_filters = true;
bool		setting_small_tenant_paths = true;
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

static const struct config_enum_entry companion_keys_options[] = {
	{"frameworks", COMPANIONS_OF_FRAMEWORKS, false},
	{"all", COMPANIONS_OF_ALL, false},
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

/* The text of tenant_guard.tenant_column, which "setting_tenant_columns" has as a list. */
static char *tenant_column = NULL;

/* Makes the "extra" of a value of tenant_column; NULL if out of memory, as a check hook must return. */
static TenantColumns *
make_tenant_columns(List *names, GucSource source)
{
	TenantColumns *columns = guc_malloc(LOG, offsetof(TenantColumns, names) + list_length(names) * sizeof(NameData));
	ListCell   *lc;

	if (columns == NULL)
		return NULL;
	columns->are_set = source > PGC_S_DYNAMIC_DEFAULT;
	columns->count = 0;
	foreach(lc, names)
		namestrcpy(&columns->names[columns->count++], lfirst(lc));
	return columns;
}

/* The names are read as in SQL: folded to lower case, but for those in quotes, and truncated as the column's own was. */
static bool
check_tenant_column(char **newval, void **extra, GucSource source)
{
	char	   *copy = pstrdup(*newval);
	List	   *names = NIL;
	bool		ok = SplitIdentifierString(copy, ',', &names) && names != NIL;

	if (ok)
		*extra = make_tenant_columns(names, source);
	else
	{
		GUC_check_errdetail("It is not a list of column names.");
		GUC_check_errhint("Write the list as one string, with names that have capital letters in double quotes: 'tenant_id, \"tenantId\"'.");
	}
	list_free(names);
	pfree(copy);
	return ok && *extra != NULL;
}

static void
assign_tenant_column(const char *newval, void *extra)
{
	setting_tenant_columns = extra;
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

/* Can the current user SET this PGC_SUSET parameter? */
bool
user_may_set(const char *name)
{
	return superuser() || pg_parameter_aclcheck(name, GetUserId(), ACL_SET) == ACLCHECK_OK;
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

/* Cached plans were made under the old value. */
static void
assign_trusted_filters(bool newval, void *extra)
{
	if (newval != setting_trusted_filters)
		ResetPlanCache();
}

/* Cached plans were made under the old value. */
static void
assign_small_tenant_paths(bool newval, void *extra)
{
	if (newval != setting_small_tenant_paths)
		ResetPlanCache();
}

/* Cached plans were made under the old value. */
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
							   "Sets the names of columns that identify a row's tenant; of these, a table's is the first that it has.",
							   "Tables with such a column are guarded when they are created. Where this is not set, it is what guarded tables have.",
							   &tenant_column,
							   DEFAULT_TENANT_COLUMN,
							   PGC_SUSET, 0, check_tenant_column, assign_tenant_column, NULL);
	DefineCustomEnumVariable("tenant_guard.scope",
							 "Sets how long a tenant set in a session is valid.",
							 "With \"transaction\", using a tenant that was set in an earlier transaction is an error.",
							 &setting_scope,
							 SCOPE_TRANSACTION, scope_options,
							 PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomEnumVariable("tenant_guard.missing_tenant",
							 "Sets what queries on guarded tables do when no tenant is set.",
							 "With \"error\" they fail, with \"empty\" they see no rows.",
							 &setting_missing_tenant,
							 MISSING_IS_ERROR, missing_tenant_options,
							 PGC_SUSET, 0, NULL, assign_missing_tenant, NULL);
	DefineCustomBoolVariable("tenant_guard.auto_protect",
							 "Guards tables with the tenant column automatically when they are created.",
							 NULL,
							 &setting_auto_protect,
							 true,
							 PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomStringVariable("tenant_guard.excluded_schemas",
							   "Sets the schemas whose tables are not guarded automatically.",
							   NULL,
							   &setting_excluded_schemas,
							   "",
							   PGC_SUSET, GUC_LIST_INPUT, check_excluded_schemas, NULL, NULL);
	DefineCustomEnumVariable("tenant_guard.foreign_keys",
							 "Sets what to do with foreign keys between guarded tables that do not include the tenant column.",
							 "With \"pair\" the tenant column is added to the key, with \"warning\" a warning is issued, with \"error\" the statement fails.",
							 &setting_foreign_keys,
							 FOREIGN_KEYS_PAIR, foreign_keys_options,
							 PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomEnumVariable("tenant_guard.companion_keys",
							 "Sets which foreign keys keep their columns and get a companion that carries the tenant.",
							 "With \"frameworks\" those with names that Django and Rails make, with \"all\" every one that is made to carry the tenant.",
							 &setting_companion_keys,
							 COMPANIONS_OF_FRAMEWORKS, companion_keys_options,
							 PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomEnumVariable("tenant_guard.foreign_key_actions",
							 "Sets what to do when a foreign key's action reaches a row of another tenant.",
							 "This is about CASCADE that deletes or updates such a row, and about any action that changes a row's tenant.",
							 &setting_foreign_key_actions,
							 ACTIONS_ARE_ERRORS, foreign_key_actions_options,
							 PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomEnumVariable("tenant_guard.temporary_tables",
							 "Sets whether a temporary table that is written while a tenant is set belongs to that tenant.",
							 "With \"tenant\", transactions of other tenants, or of none, cannot use the table while it has rows.",
							 &setting_temporary_tables,
							 TEMPORARY_TABLES_OF_TENANT, temporary_tables_options,
							 PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomEnumVariable("tenant_guard.type_mismatch",
							 "Sets what to do when a query compares a tenant column as text.",
							 "With \"error\" the query fails, with \"warning\" a warning is issued.",
							 &setting_type_mismatch,
							 MISMATCH_IS_ERROR, type_mismatch_options,
							 PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomBoolVariable("tenant_guard.bypass",
							 "Allows accesses that tenant_guard would otherwise refuse.",
							 "Row-level security still applies.",
							 &setting_bypass,
							 false,
							 PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomBoolVariable("tenant_guard.log_bypass",
							 "Logs each access that bypasses the isolation of tenants.",
							 NULL,
							 &setting_log_bypass,
							 true,
							 PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomBoolVariable("tenant_guard.trusted_filters",
							 "Evaluates leakproof filters, and a vetted list of others, outside the security barrier.",
							 "Such queries can use indexes and statistics as if the table had no policy.",
							 &setting_trusted_filters,
							 true,
							 PGC_SUSET, 0, NULL, assign_trusted_filters, NULL);
	DefineCustomBoolVariable("tenant_guard.small_tenant_paths",
							 "Reads a tenant's rows where they are few, rather than an index over the rows of all tenants.",
							 "The planner's estimate for such an index can be wrong by far; the cost of reading the tenant's rows is bounded by their number.",
							 &setting_small_tenant_paths,
							 true,
							 PGC_SUSET, 0, NULL, assign_small_tenant_paths, NULL);
	DefineCustomEnumVariable("tenant_guard.late_loading",
							 "Sets what to do with queries on guarded tables that were planned before the library was loaded.",
							 "With \"refuse\", if such a query loads the library, queries on guarded tables fail until the session ends.",
							 &setting_late_loading,
							 LATE_IS_REFUSED, late_loading_options,
							 PGC_SUSET, 0, NULL, NULL, NULL);
}
