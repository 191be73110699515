
--
-- COPY FROM into guarded tables
--
-- PostgreSQL calls them for COPY, as the role that runs it: so everyone may.
CREATE FUNCTION tenant_guard_internal.check_copied_tenant(relation oid, tenant "any") RETURNS boolean
LANGUAGE C STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'tenant_guard_check_copied_tenant';
COMMENT ON FUNCTION tenant_guard_internal.check_copied_tenant(oid, "any") IS 'returns true, or raises an error if a row that COPY FROM reads does not belong to the tenant; not to be called by hand';

CREATE PROCEDURE tenant_guard_internal.run_copy(relation oid)
LANGUAGE C AS 'MODULE_PATHNAME', 'tenant_guard_run_copy';
COMMENT ON PROCEDURE tenant_guard_internal.run_copy(oid) IS 'runs COPY FROM into a guarded table where another library sees the statement after this one; not to be called by hand';
