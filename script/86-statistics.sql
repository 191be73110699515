
--
-- What tenants use, and which session works for which. The functions below decide who sees which tenants; PUBLIC has no USAGE on their
-- schema, and calls them through the views.
--
CREATE FUNCTION tenant_guard_internal.tenant_usage(OUT datid oid, OUT tenant text, OUT xact_commit bigint, OUT xact_rollback bigint,
	OUT statements bigint, OUT total_time double precision, OUT active_time double precision, OUT cpu_user_time double precision,
	OUT cpu_system_time double precision, OUT shared_blks_hit bigint, OUT shared_blks_read bigint, OUT shared_blks_dirtied bigint,
	OUT temp_blks_written bigint, OUT wal_records bigint, OUT wal_bytes bigint, OUT refused bigint, OUT refused_by_sqlstate jsonb,
	OUT last_active timestamptz, OUT stats_since timestamptz)
RETURNS SETOF record
LANGUAGE C VOLATILE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'tenant_guard_tenant_usage';
COMMENT ON FUNCTION tenant_guard_internal.tenant_usage() IS 'what tenants have used; a part of stat_tenants';

CREATE FUNCTION tenant_guard_internal.tenant_usage_info(OUT dealloc bigint, OUT stats_reset timestamptz)
LANGUAGE C VOLATILE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'tenant_guard_tenant_usage_info';
COMMENT ON FUNCTION tenant_guard_internal.tenant_usage_info() IS 'about the statistics of tenants; a part of stat_tenants_info';

CREATE FUNCTION tenant_guard_internal.session_tenants(OUT pid integer, OUT tenant text, OUT source text, OUT sealed_since timestamptz)
RETURNS SETOF record
LANGUAGE C VOLATILE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'tenant_guard_session_tenants';
COMMENT ON FUNCTION tenant_guard_internal.session_tenants() IS 'the tenants of running transactions; a part of stat_activity';

CREATE VIEW stat_tenants AS
SELECT u.datid, u.tenant, u.xact_commit, u.xact_rollback, u.statements, u.total_time, u.active_time, u.cpu_user_time, u.cpu_system_time,
	   u.shared_blks_hit, u.shared_blks_read, u.shared_blks_dirtied, u.temp_blks_written, u.wal_bytes::numeric AS wal_bytes, u.wal_records,
	   u.refused, u.refused_by_sqlstate, u.last_active, u.stats_since
FROM tenant_guard_internal.tenant_usage() u;
COMMENT ON VIEW stat_tenants IS 'what each tenant''s transactions have used';
GRANT SELECT ON stat_tenants TO PUBLIC;

CREATE VIEW stat_tenants_info AS
SELECT i.dealloc, i.stats_reset FROM tenant_guard_internal.tenant_usage_info() i;
COMMENT ON VIEW stat_tenants_info IS 'how many tenants have made room for others in stat_tenants, and when it was reset';

CREATE VIEW stat_activity AS
SELECT a.datid, a.datname, a.pid, a.leader_pid, a.usesysid, a.usename, a.application_name, a.client_addr, a.client_hostname, a.client_port,
	   a.backend_start, a.xact_start, a.query_start, a.state_change, a.wait_event_type, a.wait_event, a.state, a.backend_xid, a.backend_xmin,
	   a.query_id, a.query, a.backend_type, t.tenant, t.source, t.sealed_since
FROM pg_catalog.pg_stat_activity a LEFT JOIN tenant_guard_internal.session_tenants() t ON t.pid = a.pid;
COMMENT ON VIEW stat_activity IS 'pg_stat_activity, with the tenant of each transaction that has one';

CREATE FUNCTION stat_tenants_reset(tenant text DEFAULT NULL) RETURNS void
LANGUAGE C VOLATILE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'tenant_guard_stat_tenants_reset';
COMMENT ON FUNCTION stat_tenants_reset(text) IS 'discards what stat_tenants has of a tenant, or all that it has';
REVOKE ALL ON FUNCTION stat_tenants_reset(text) FROM PUBLIC;
