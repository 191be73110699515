/*-------------------------------------------------------------------------
 *
 * settings.h
 *	  The extension's parameters, except those about tenant identifiers
 *	  (tenant_setting.c, tenant_type.c).
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_SETTINGS_H
#define TENANT_GUARD_SETTINGS_H

/* tenant_guard.scope: how long a tenant that the session set is valid */
typedef enum TenantScope
{
	SCOPE_TRANSACTION,
	SCOPE_SESSION
} TenantScope;

/* tenant_guard.missing_tenant: what the getters do when no tenant is set */
typedef enum MissingTenant
{
	MISSING_IS_ERROR,
	MISSING_IS_EMPTY
} MissingTenant;

/* tenant_guard.foreign_keys: what to do with a foreign key that does not carry the tenant */
typedef enum ForeignKeys
{
	FOREIGN_KEYS_PAIR,
	FOREIGN_KEYS_WARNING,
	FOREIGN_KEYS_ERROR,
	FOREIGN_KEYS_OFF
} ForeignKeys;

/* tenant_guard.companion_keys: which foreign keys keep their columns, and get a companion that carries the tenant */
typedef enum CompanionKeys
{
	COMPANIONS_OF_FRAMEWORKS,
	COMPANIONS_OF_ALL
} CompanionKeys;

/* tenant_guard.foreign_key_actions: what to do with a foreign key's action on another tenant's row */
typedef enum ForeignKeyActions
{
	ACTIONS_ARE_ERRORS,
	ACTIONS_ARE_WARNED_OF,
	ACTIONS_ARE_IGNORED
} ForeignKeyActions;

/* tenant_guard.temporary_tables: do temporary tables belong to the tenant that filled them? */
typedef enum TemporaryTables
{
	TEMPORARY_TABLES_OF_TENANT,
	TEMPORARY_TABLES_IGNORED
} TemporaryTables;

/* tenant_guard.type_mismatch: what to do with a comparison of a tenant as text */
typedef enum TypeMismatch
{
	MISMATCH_IS_ERROR,
	MISMATCH_IS_WARNING,
	MISMATCH_IS_IGNORED
} TypeMismatch;

/* The tenant column of tables where neither tenant_guard.tenant_column nor a guarded table says another */
#define DEFAULT_TENANT_COLUMN "tenant_id"

/* tenant_guard.tenant_column: the names of tenant columns; tenant_column.c says which one a table has */
typedef struct TenantColumns
{
	bool		are_set;		/* the parameter has another source than its default */
	int			count;
	NameData	names[FLEXIBLE_ARRAY_MEMBER];
} TenantColumns;

/* A parameter that current_tenant.c defines, and hints name */
#define BYPASS "tenant_guard.bypass"
#define ONE_TENANT_PER_TRANSACTION "tenant_guard.one_tenant_per_transaction"

/* tenant_guard.late_loading: what to do with queries on guarded tables that were planned without the library */
typedef enum LateLoading
{
	LATE_IS_REFUSED,
	LATE_IS_ALLOWED
} LateLoading;

extern const TenantColumns *setting_tenant_columns;
extern int	setting_scope;
extern int	setting_missing_tenant;
extern bool setting_auto_protect;
extern char *setting_excluded_schemas;
extern int	setting_foreign_keys;
extern int	setting_companion_keys;
extern int	setting_foreign_key_actions;
extern int	setting_temporary_tables;
extern int	setting_type_mismatch;
extern bool setting_bypass;
extern bool setting_log_bypass;
extern bool setting_trusted_filters;
extern bool setting_small_tenant_paths;
extern int	setting_late_loading;

extern void define_settings(void);
extern bool user_may_set(const char *name);
extern bool schema_is_excluded(const char *schema);

#endif							/* TENANT_GUARD_SETTINGS_H */
