
--
-- Event triggers: guard what is created, refuse what weakens a guard
--
CREATE FUNCTION tenant_guard_internal.on_ddl_command_start() RETURNS event_trigger LANGUAGE C AS 'MODULE_PATHNAME', 'tenant_guard_on_ddl_command_start';
COMMENT ON FUNCTION tenant_guard_internal.on_ddl_command_start() IS 'loads the library, and refuses statements that drop a tenant column or change its type';
REVOKE ALL ON FUNCTION tenant_guard_internal.on_ddl_command_start() FROM PUBLIC;

CREATE FUNCTION tenant_guard_internal.on_ddl_command_end() RETURNS event_trigger LANGUAGE C AS 'MODULE_PATHNAME', 'tenant_guard_on_ddl_command_end';
COMMENT ON FUNCTION tenant_guard_internal.on_ddl_command_end() IS 'guards tables that a statement created, and refuses statements that weakened a guard';
REVOKE ALL ON FUNCTION tenant_guard_internal.on_ddl_command_end() FROM PUBLIC;

CREATE FUNCTION tenant_guard_internal.on_sql_drop() RETURNS event_trigger LANGUAGE C AS 'MODULE_PATHNAME', 'tenant_guard_on_sql_drop';
COMMENT ON FUNCTION tenant_guard_internal.on_sql_drop() IS 'refuses statements that dropped a policy or column of a guarded table; drops foreign keys and companions with each other';
REVOKE ALL ON FUNCTION tenant_guard_internal.on_sql_drop() FROM PUBLIC;

CREATE EVENT TRIGGER tenant_guard_ddl_command_start ON ddl_command_start
	EXECUTE FUNCTION tenant_guard_internal.on_ddl_command_start();
COMMENT ON EVENT TRIGGER tenant_guard_ddl_command_start IS 'loads the library, and refuses statements that drop a tenant column or change its type';
CREATE EVENT TRIGGER tenant_guard_ddl_command_end ON ddl_command_end
	EXECUTE FUNCTION tenant_guard_internal.on_ddl_command_end();
COMMENT ON EVENT TRIGGER tenant_guard_ddl_command_end IS 'guards tables that a statement created, and refuses statements that weakened a guard';
CREATE EVENT TRIGGER tenant_guard_sql_drop ON sql_drop
	EXECUTE FUNCTION tenant_guard_internal.on_sql_drop();
COMMENT ON EVENT TRIGGER tenant_guard_sql_drop IS 'refuses statements that dropped a policy or column of a guarded table; drops foreign keys and companions with each other';

-- session_replication_role = replica must not skip them
ALTER EVENT TRIGGER tenant_guard_ddl_command_start ENABLE ALWAYS;
ALTER EVENT TRIGGER tenant_guard_ddl_command_end ENABLE ALWAYS;
ALTER EVENT TRIGGER tenant_guard_sql_drop ENABLE ALWAYS;

-- What a statement leaves behind is judged by the same function (src/ddl/invariant.c).
CREATE FUNCTION broken_invariants(INOUT relation regclass DEFAULT NULL, OUT invariant text, OUT other regclass, OUT foreign_key name, OUT detail text)
RETURNS SETOF record
LANGUAGE C STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'tenant_guard_broken_invariants';
COMMENT ON FUNCTION broken_invariants(regclass) IS 'what should hold of guarded tables after every statement and does not, of one table or of all';
REVOKE ALL ON FUNCTION broken_invariants(regclass) FROM PUBLIC;
