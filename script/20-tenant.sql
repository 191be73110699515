
--
-- The tenant of the transaction: for everyone
--
CREATE FUNCTION set_tenant(tenant text, is_local boolean DEFAULT true) RETURNS text
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'tenant_guard_set_tenant';
COMMENT ON FUNCTION set_tenant(text, boolean) IS 'sets the tenant of the transaction and returns its canonical form';

CREATE FUNCTION set_tenant(tenant uuid, is_local boolean DEFAULT true) RETURNS text
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'tenant_guard_set_tenant';
COMMENT ON FUNCTION set_tenant(uuid, boolean) IS 'sets the tenant of the transaction and returns its canonical form';

CREATE FUNCTION set_tenant(tenant bigint, is_local boolean DEFAULT true) RETURNS text
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'tenant_guard_set_tenant';
COMMENT ON FUNCTION set_tenant(bigint, boolean) IS 'sets the tenant of the transaction and returns its canonical form';

CREATE FUNCTION set_tenant_by_token(token text, is_local boolean DEFAULT true) RETURNS text
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'tenant_guard_set_tenant_by_token';
COMMENT ON FUNCTION set_tenant_by_token(text, boolean) IS 'sets the tenant of the transaction by a signed token, and returns its canonical form';

CREATE FUNCTION token_claims() RETURNS jsonb
LANGUAGE C STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'tenant_guard_token_claims';
COMMENT ON FUNCTION token_claims() IS 'what the token says that names the tenant of the transaction; null if no token does';

CREATE FUNCTION clear_tenant() RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'tenant_guard_clear_tenant';
COMMENT ON FUNCTION clear_tenant() IS 'unsets the tenant; a transaction that has set one cannot set another';

-- They cost a few instructions.  With any cost that counts, the tenant's filter would be estimated dearer than a
-- hand-written one, and be evaluated after others.
CREATE FUNCTION current_tenant() RETURNS uuid
LANGUAGE C STABLE PARALLEL SAFE LEAKPROOF COST 1e-30 AS 'MODULE_PATHNAME', 'tenant_guard_current_tenant';
COMMENT ON FUNCTION current_tenant() IS 'the tenant of the transaction if tenant_guard.tenant_type is uuid; raises an error if none is set';

CREATE FUNCTION current_tenant_text() RETURNS text
LANGUAGE C STABLE PARALLEL SAFE LEAKPROOF COST 1e-30 AS 'MODULE_PATHNAME', 'tenant_guard_current_tenant';
COMMENT ON FUNCTION current_tenant_text() IS 'the tenant of the transaction if tenant_guard.tenant_type is text; raises an error if none is set';

CREATE FUNCTION current_tenant_bigint() RETURNS bigint
LANGUAGE C STABLE PARALLEL SAFE LEAKPROOF COST 1e-30 AS 'MODULE_PATHNAME', 'tenant_guard_current_tenant';
COMMENT ON FUNCTION current_tenant_bigint() IS 'the tenant of the transaction if tenant_guard.tenant_type is bigint; raises an error if none is set';

CREATE FUNCTION has_tenant() RETURNS boolean
LANGUAGE C STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'tenant_guard_has_tenant';
COMMENT ON FUNCTION has_tenant() IS 'whether a tenant is set that this transaction can use; raises no error';

CREATE FUNCTION tenant_guard_internal.setting_names(OUT name text, OUT problem text) RETURNS SETOF record
LANGUAGE C STABLE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'tenant_guard_setting_names';
COMMENT ON FUNCTION tenant_guard_internal.setting_names() IS 'the names of tenant_guard.setting_names, and why one does not set the tenant';

--
-- How sessions load the library: for the DBA, and whom the DBA grants it to
--
CREATE FUNCTION preload_statement(database oid, role oid) RETURNS text
LANGUAGE C VOLATILE PARALLEL RESTRICTED STRICT AS 'MODULE_PATHNAME', 'tenant_guard_preload_statement';
COMMENT ON FUNCTION preload_statement(oid, oid) IS 'the statement that adds the library to session_preload_libraries of a database, a role, or a role in a database; 0 is any';
REVOKE ALL ON FUNCTION preload_statement(oid, oid) FROM PUBLIC;

CREATE FUNCTION check_library() RETURNS void
LANGUAGE C VOLATILE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'tenant_guard_check_library';
COMMENT ON FUNCTION check_library() IS 'raises an error if this session refuses queries on guarded tables, because one of them loaded the library';
REVOKE ALL ON FUNCTION check_library() FROM PUBLIC;

--
-- Which types tenants may have
--
CREATE FUNCTION tenant_guard_internal.tenant_type_of(type oid) RETURNS text
LANGUAGE C STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tenant_guard_tenant_type_of';
COMMENT ON FUNCTION tenant_guard_internal.tenant_type_of(oid) IS 'the value of tenant_guard.tenant_type that a column of a type serves, or null';

CREATE FUNCTION tenant_guard_internal.tenant_getters(OUT type text, OUT getter text) RETURNS SETOF record
LANGUAGE C STABLE PARALLEL SAFE ROWS 3 AS 'MODULE_PATHNAME', 'tenant_guard_tenant_getters';
COMMENT ON FUNCTION tenant_guard_internal.tenant_getters() IS 'each value of tenant_guard.tenant_type, and the call that returns a tenant of that type';
