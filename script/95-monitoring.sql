
--
-- Roles that monitor the server see what the views and audit() tell: names, settings and what is in the catalogs, which these roles
-- may read by themselves, never a row of a table. What is in tenant_guard_internal for them is granted to PUBLIC, which has no USAGE there.
--
GRANT USAGE ON SCHEMA tenant_guard_internal TO pg_monitor;
GRANT SELECT ON tenant_guard.tables, tenant_guard.tables_and_partitions, tenant_guard.status, tenant_guard.accepted_findings, tenant_guard.trusted_functions,
	tenant_guard.stat_tenants_info, tenant_guard.stat_activity TO pg_monitor;
GRANT EXECUTE ON FUNCTION tenant_guard.audit, tenant_guard.guard_status, tenant_guard.broken_invariants, tenant_guard.library_version,
	tenant_guard.library_preloaded, tenant_guard.preload_statement, tenant_guard.type_mismatches, tenant_guard_internal.type_mismatches_of,
	tenant_guard_internal.trusted_built_ins TO pg_monitor;
