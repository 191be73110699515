/*-------------------------------------------------------------------------
 *
 * tenant_guard.c
 *	  The library's initialization.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/guc.h"

#include "access_check.h"
#include "constant_function.h"
#include "ddl_watch.h"
#include "extension_function.h"
#include "extension_version.h"
#include "guard.h"
#include "hooks.h"
#include "key_action.h"
#include "key_error.h"
#include "library.h"
#include "method_settings.h"
#include "pending_trigger.h"
#include "preloading.h"
#include "prepared_transaction.h"
#include "security_label.h"
#include "set_tenant.h"
#include "setting_names.h"
#include "settings.h"
#include "shared_memory.h"
#include "shared_table.h"
#include "table_label.h"
#include "temporary_statement.h"
#include "temporary_table.h"
#include "tenant_activity.h"
#include "tenant_column.h"
#include "tenant_kind.h"
#include "tenant_plan.h"
#include "tenant_setting.h"
#include "tenant_share.h"
#include "tenant_statistics.h"
#include "tenant_type.h"
#include "tenant_usage.h"
#include "token_setting.h"
#include "trusted_function.h"

PG_MODULE_MAGIC;

void		_PG_init(void);

/*
 * Works in the same way when the library is preloaded and when the first call
 * of a function loads it: nothing but what is shown to others needs shared memory.
 *
 * Interrupts are held off, since defining a parameter for which the session has
 * an invalid value issues a WARNING, and sending that processes interrupts.  If
 * a query cancel were processed there the session would have the parameters but
 * not the hooks, and could not load the library again.
 */
void
_PG_init(void)
{
	check_may_load();
	HOLD_INTERRUPTS();
	init_library();
	init_extension_functions();
	init_ddl_watch();
	init_extension_version();
	init_guard_cache();
	init_tenant_column();
	define_settings();
	define_tenant_type_settings();
	init_pending_triggers();
	define_tenant_settings();
	define_setting_names();
	define_token_settings();
	init_set_tenant();
	init_prepared_transactions();
	define_monitoring_settings();
	MarkGUCPrefixReserved(EXTENSION_NAME);
	init_tenant_plans();
	init_access();
	init_temporary_tables();
	init_temporary_statements();
	init_trusted();
	init_tenant_shares();
	init_tenant_statistics();
	init_tenant_kinds();
	init_method_settings();
	register_labels();
	init_key_actions();
	init_key_errors();
	init_constant_functions();
	init_shared_memory();
	init_shared_tables();
	init_tenant_usage();
	init_tenant_activity();
	install_hooks();
	RESUME_INTERRUPTS();
}
