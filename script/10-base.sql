
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

-- A session that has loaded another library than this script's, which is replaced when the session or the server begins anew, lacks what
-- the script names.
DO $$
DECLARE
	version text := (SELECT e.extversion FROM pg_catalog.pg_extension e WHERE e.extname = 'tenant_guard');
BEGIN
	IF tenant_guard.library_version() <> version THEN
		RAISE EXCEPTION 'this session has loaded tenant_guard %, and this is version % of the extension', tenant_guard.library_version(), version
			USING ERRCODE = 'object_not_in_prerequisite_state',
				  HINT = 'Reconnect, or restart the server where shared_preload_libraries lists tenant_guard.';
	END IF;
END
$$;

-- Who may ask: see 82-audit/10-facts.sql.
CREATE FUNCTION tenant_guard_internal.schema_is_excluded(schema name) RETURNS boolean
LANGUAGE C STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tenant_guard_schema_is_excluded';
COMMENT ON FUNCTION tenant_guard_internal.schema_is_excluded(name) IS 'whether tenant_guard.excluded_schemas names a schema';

--
-- Labels, read and written by the one parser (src/base/label.c)
--
CREATE FUNCTION tenant_guard_internal.label_clauses(label text, OUT word text, OUT rule text, OUT object text,
													OUT details text, OUT reason text, OUT until text, OUT by text)
RETURNS SETOF record
LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'tenant_guard_label_clauses';
COMMENT ON FUNCTION tenant_guard_internal.label_clauses(text) IS 'what a security label of tenant_guard says';

CREATE FUNCTION tenant_guard_internal.label_with(label text, rule text, object text, details text, reason text, until text, by text)
RETURNS text
LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'tenant_guard_label_with';
COMMENT ON FUNCTION tenant_guard_internal.label_with(text, text, text, text, text, text, text) IS 'a label with a finding accepted in it; a part of accept_finding()';

CREATE FUNCTION tenant_guard_internal.label_without(label text, rule text, object text) RETURNS text
LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'tenant_guard_label_without';
COMMENT ON FUNCTION tenant_guard_internal.label_without(text, text, text) IS 'a label without an acceptance; a part of reopen_finding()';

CREATE FUNCTION tenant_guard_internal.label_on(classoid oid, objoid oid) RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT s.label FROM pg_seclabel s WHERE s.provider = 'tenant_guard' AND s.classoid = label_on.classoid AND s.objoid = label_on.objoid AND s.objsubid = 0
UNION ALL
SELECT s.label FROM pg_shseclabel s WHERE s.provider = 'tenant_guard' AND s.classoid = label_on.classoid AND s.objoid = label_on.objoid
$$;
COMMENT ON FUNCTION tenant_guard_internal.label_on(oid, oid) IS 'the security label of tenant_guard on an object';
