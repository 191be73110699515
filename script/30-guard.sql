
--
-- What guards call
--
CREATE FUNCTION guarded() RETURNS boolean
LANGUAGE C IMMUTABLE PARALLEL SAFE LEAKPROOF AS 'MODULE_PATHNAME', 'tenant_guard_guarded';
COMMENT ON FUNCTION guarded() IS 'returns true; the qual of policy tenant_access, which DROP EXTENSION CASCADE drops with it';

--
-- Where isolation stands: for the DBA, and whom the DBA grants it to
--
CREATE FUNCTION guard_status(relation regclass, OUT status text, OUT tenant_column name, OUT null_rows text, OUT detail text, OUT reason text)
LANGUAGE C STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tenant_guard_guard_status';
COMMENT ON FUNCTION guard_status(regclass) IS 'whether a table is guarded, damaged, shared, unprotected or unguarded, by which column, whose rows without a tenant are, what is wrong or missing, and why it is declared so';
REVOKE ALL ON FUNCTION guard_status(regclass) FROM PUBLIC;

--
-- What a guard's policies are called
--
CREATE FUNCTION tenant_guard_internal.isolation_policy() RETURNS name
LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'tenant_guard_isolation_policy';
COMMENT ON FUNCTION tenant_guard_internal.isolation_policy() IS 'the name of the restrictive policy of guarded tables';

CREATE FUNCTION tenant_guard_internal.access_policy() RETURNS name
LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'tenant_guard_access_policy';
COMMENT ON FUNCTION tenant_guard_internal.access_policy() IS 'the name of the permissive policy of guarded tables';

CREATE FUNCTION tenant_guard_internal.policy_is_superfluous(policy oid) RETURNS boolean
LANGUAGE C STABLE STRICT PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'tenant_guard_policy_is_superfluous';
COMMENT ON FUNCTION tenant_guard_internal.policy_is_superfluous(oid) IS 'whether a policy of a guarded table says no more than its guard';
