
--
-- Foreign keys that carry the tenant, and the actions of those that do not
--
-- PostgreSQL calls them for the rows that a foreign key's action meets, as the owner of the table: so everyone may.
CREATE FUNCTION tenant_guard_internal.check_key_action(relation oid, foreign_key oid, tenant "any") RETURNS boolean
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'tenant_guard_check_key_action';
COMMENT ON FUNCTION tenant_guard_internal.check_key_action(oid, oid, "any") IS 'returns true, or raises an error if a foreign key''s action reaches a row of another tenant; not to be called by hand';

CREATE FUNCTION tenant_guard_internal.check_key_action(relation oid, foreign_key oid, tenant "any", becomes "any") RETURNS boolean
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'tenant_guard_check_key_action';
COMMENT ON FUNCTION tenant_guard_internal.check_key_action(oid, oid, "any", "any") IS 'the same for an action that updates the row; "becomes" is the tenant that the row would have; not to be called by hand';

CREATE FUNCTION tenant_guard_internal.check_tenant_kept(relation oid, changed boolean, tenant "any") RETURNS boolean
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'tenant_guard_check_tenant_kept';
COMMENT ON FUNCTION tenant_guard_internal.check_tenant_kept(oid, boolean, "any") IS 'returns true, or raises an error if a trigger has changed the tenant of a row that a foreign key''s action changes; not to be called by hand';

-- For the owner of the tables, as ALTER TABLE is: it checks ownership.
CREATE FUNCTION pair_foreign_keys(relation regclass, validate boolean DEFAULT true) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'tenant_guard_pair_foreign_keys';
COMMENT ON FUNCTION pair_foreign_keys(regclass, boolean) IS 'makes foreign keys between a guarded table and others carry the tenant';

--
-- Triggers beside foreign keys to tables with rows of everyone
--
-- Trigger functions, which do nothing but check the keys of their table: whoever owns such a table restores its triggers from
-- a dump, so everyone may.
CREATE FUNCTION check_reference() RETURNS trigger
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'tenant_guard_check_reference';
COMMENT ON FUNCTION check_reference() IS 'trigger of a table that references rows of everyone: a row may reference rows of its own tenant and of everyone';

CREATE FUNCTION check_referenced() RETURNS trigger
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'tenant_guard_check_referenced';
COMMENT ON FUNCTION check_referenced() IS 'trigger of a table with rows of everyone: a row does not become another tenant''s while rows of others reference it';

--
-- What foreign keys between guarded tables say
--
CREATE FUNCTION tenant_guard_internal.key_kinds(relation oid, OUT foreign_key oid, OUT kind text, OUT own_tenants_key text)
RETURNS SETOF record
LANGUAGE C STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tenant_guard_key_kinds';
COMMENT ON FUNCTION tenant_guard_internal.key_kinds(oid) IS 'the kind of each foreign key of a guarded table and, for a key that references rows of any tenant, the key to create instead; a part of audit()';
