
--
-- The library: for the DBA, and whom the DBA grants it to
--
CREATE FUNCTION library_version() RETURNS text
LANGUAGE C STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'tenant_guard_library_version';
COMMENT ON FUNCTION library_version() IS 'the version of the library that this session has loaded';
REVOKE ALL ON FUNCTION library_version() FROM PUBLIC;

CREATE FUNCTION library_preloaded() RETURNS boolean
LANGUAGE C STABLE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'tenant_guard_library_preloaded';
COMMENT ON FUNCTION library_preloaded() IS 'whether the library was loaded before the first statement of this session';
REVOKE ALL ON FUNCTION library_preloaded() FROM PUBLIC;

-- Who may ask: see 82-audit/10-facts.sql.
CREATE FUNCTION tenant_guard_internal.schema_is_excluded(schema name) RETURNS boolean
LANGUAGE C STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tenant_guard_schema_is_excluded';
COMMENT ON FUNCTION tenant_guard_internal.schema_is_excluded(name) IS 'whether tenant_guard.excluded_schemas names a schema';
