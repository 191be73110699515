/* made of the files in script/ */

-- complain if script is sourced in psql, rather than via CREATE EXTENSION
\echo Use "CREATE EXTENSION tenant_guard" to load this file. \quit

-- A schema that someone else prepared could shadow the functions below.
DO $$
BEGIN
	IF NOT EXISTS (SELECT FROM pg_catalog.pg_namespace n JOIN pg_catalog.pg_roles r ON r.oid = n.nspowner
				   WHERE n.nspname = 'tenant_guard' AND r.rolsuper) THEN
		RAISE EXCEPTION 'schema "tenant_guard" does not belong to a superuser'
			USING ERRCODE = 'insufficient_privilege',
				  HINT = 'Look at what the schema holds, drop it, and run CREATE EXTENSION again.';
	END IF;
END
$$;

GRANT USAGE ON SCHEMA tenant_guard TO PUBLIC;
COMMENT ON SCHEMA tenant_guard IS 'keeps the tenants of shared tables apart';

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

CREATE FUNCTION clear_tenant() RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'tenant_guard_clear_tenant';
COMMENT ON FUNCTION clear_tenant() IS 'unsets the tenant; another cannot be set in a transaction that has used one';

-- They cost a few instructions.  With any cost that counts, the tenant's filter would be estimated dearer than a
-- hand-written one, and be evaluated after others.
CREATE FUNCTION current_tenant() RETURNS uuid
LANGUAGE C STABLE PARALLEL SAFE LEAKPROOF COST 1e-30 AS 'MODULE_PATHNAME', 'tenant_guard_current_tenant';
COMMENT ON FUNCTION current_tenant() IS 'the tenant of the transaction where tenant_guard.tenant_type is uuid; an error where none is set';

CREATE FUNCTION current_tenant_text() RETURNS text
LANGUAGE C STABLE PARALLEL SAFE LEAKPROOF COST 1e-30 AS 'MODULE_PATHNAME', 'tenant_guard_current_tenant';
COMMENT ON FUNCTION current_tenant_text() IS 'the tenant of the transaction where tenant_guard.tenant_type is text; an error where none is set';

CREATE FUNCTION current_tenant_bigint() RETURNS bigint
LANGUAGE C STABLE PARALLEL SAFE LEAKPROOF COST 1e-30 AS 'MODULE_PATHNAME', 'tenant_guard_current_tenant';
COMMENT ON FUNCTION current_tenant_bigint() IS 'the tenant of the transaction where tenant_guard.tenant_type is bigint; an error where none is set';

CREATE FUNCTION has_tenant() RETURNS boolean
LANGUAGE C STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'tenant_guard_has_tenant';
COMMENT ON FUNCTION has_tenant() IS 'whether a tenant is set that this transaction may use; never an error';

CREATE FUNCTION guarded() RETURNS boolean
LANGUAGE C IMMUTABLE PARALLEL SAFE LEAKPROOF AS 'MODULE_PATHNAME', 'tenant_guard_guarded';
COMMENT ON FUNCTION guarded() IS 'true; the qual of policy tenant_access, which goes with the extension';

-- PostgreSQL calls them for the rows that a foreign key's action meets, as the owner of the table: so everyone may.
CREATE FUNCTION check_key_action(relation oid, foreign_key oid, tenant "any") RETURNS boolean
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'tenant_guard_check_key_action';
COMMENT ON FUNCTION check_key_action(oid, oid, "any") IS 'true, or an error where the row that a foreign key''s action meets is another tenant''s; not to be called by hand';

CREATE FUNCTION check_key_action(relation oid, foreign_key oid, tenant "any", becomes "any") RETURNS boolean
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'tenant_guard_check_key_action';
COMMENT ON FUNCTION check_key_action(oid, oid, "any", "any") IS 'the same of a row that the action would give a new tenant';

CREATE FUNCTION check_tenant_kept(relation oid, changed boolean, tenant "any") RETURNS boolean
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'tenant_guard_check_tenant_kept';
COMMENT ON FUNCTION check_tenant_kept(oid, boolean, "any") IS 'true, or an error where a trigger has changed the tenant of the row that a foreign key''s action changes; not to be called by hand';

--
-- Tables: for their owners, as ALTER TABLE is; each checks ownership
--
CREATE FUNCTION protect(relation regclass, tenant_column name DEFAULT NULL) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'tenant_guard_protect';
COMMENT ON FUNCTION protect(regclass, name) IS 'guards a table and its partitions and children';

CREATE FUNCTION protect_schema(schema regnamespace, tenant_column name DEFAULT NULL,
							   OUT relation regclass, OUT status text, OUT detail text)
RETURNS SETOF record
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'tenant_guard_protect_schema';
COMMENT ON FUNCTION protect_schema(regnamespace, name) IS 'guards every table of a schema that has the tenant column, and reports on each';

CREATE FUNCTION unprotect(relation regclass) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'tenant_guard_unprotect';
COMMENT ON FUNCTION unprotect(regclass) IS 'takes the guard off a table and its partitions and children';

CREATE FUNCTION share(relation regclass) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'tenant_guard_share';
COMMENT ON FUNCTION share(regclass) IS 'declares a table as shared by all tenants';

CREATE FUNCTION unshare(relation regclass) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'tenant_guard_unshare';
COMMENT ON FUNCTION unshare(regclass) IS 'takes back that a table is shared by all tenants';

CREATE FUNCTION pair_foreign_keys(relation regclass, validate boolean DEFAULT true) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'tenant_guard_pair_foreign_keys';
COMMENT ON FUNCTION pair_foreign_keys(regclass, boolean) IS 'makes foreign keys between a guarded table and others carry the tenant';

CREATE FUNCTION derive_tenant_column(relation regclass, foreign_key name DEFAULT NULL) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'tenant_guard_derive_tenant_column';
COMMENT ON FUNCTION derive_tenant_column(regclass, name) IS 'adds the tenant column to a table that has its tenant only by a foreign key, fills and guards it';

--
-- Where isolation stands: for the DBA, and whom the DBA grants it to
--
CREATE FUNCTION guard_status(relation regclass, OUT status text, OUT tenant_column name, OUT detail text)
LANGUAGE C STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tenant_guard_guard_status';
COMMENT ON FUNCTION guard_status(regclass) IS 'whether a table is guarded, damaged, shared, unprotected or unguarded, by which column, and what is wrong or missing';
REVOKE ALL ON FUNCTION guard_status(regclass) FROM PUBLIC;

--
-- Functions that may see every tenant's rows, since they cannot tell
--
CREATE FUNCTION trusted_built_ins(OUT function regprocedure, OUT condition text, OUT reason text)
RETURNS SETOF record
LANGUAGE C STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tenant_guard_trusted_built_ins';
COMMENT ON FUNCTION trusted_built_ins() IS 'the built-in functions that are trusted without being LEAKPROOF, on what condition, and why';
REVOKE ALL ON FUNCTION trusted_built_ins() FROM PUBLIC;

CREATE VIEW trusted_functions AS
SELECT b.function, 'built-in' AS declared_by, b.condition, b.reason
FROM tenant_guard.trusted_built_ins() b
UNION ALL
SELECT l.objoid::pg_catalog.regprocedure, 'label', NULL, NULL
FROM pg_catalog.pg_seclabel l
WHERE l.provider = 'tenant_guard' AND l.label = 'trusted'
	  AND l.classoid = 'pg_catalog.pg_proc'::pg_catalog.regclass;
COMMENT ON VIEW trusted_functions IS 'the functions that are trusted with every tenant''s rows without being LEAKPROOF';
COMMENT ON COLUMN trusted_functions.declared_by IS 'built-in, or label: a superuser, by SECURITY LABEL';
COMMENT ON COLUMN trusted_functions.condition IS 'when a call of the function is trusted; null: always';
COMMENT ON COLUMN trusted_functions.reason IS 'why it cannot tell of a row';

--
-- Event triggers: guard what is created, refuse what weakens a guard
--
CREATE FUNCTION on_ddl_command_start() RETURNS event_trigger LANGUAGE C AS 'MODULE_PATHNAME', 'tenant_guard_on_ddl_command_start';
COMMENT ON FUNCTION on_ddl_command_start() IS 'loads the library, and refuses to drop or retype a tenant column';
REVOKE ALL ON FUNCTION on_ddl_command_start() FROM PUBLIC;

CREATE FUNCTION on_ddl_command_end() RETURNS event_trigger LANGUAGE C AS 'MODULE_PATHNAME', 'tenant_guard_on_ddl_command_end';
COMMENT ON FUNCTION on_ddl_command_end() IS 'guards tables that a statement made, and refuses one that weakened a guard';
REVOKE ALL ON FUNCTION on_ddl_command_end() FROM PUBLIC;

CREATE FUNCTION on_sql_drop() RETURNS event_trigger LANGUAGE C AS 'MODULE_PATHNAME', 'tenant_guard_on_sql_drop';
COMMENT ON FUNCTION on_sql_drop() IS 'refuses a statement that dropped the policy of a guarded table';
REVOKE ALL ON FUNCTION on_sql_drop() FROM PUBLIC;

CREATE EVENT TRIGGER tenant_guard_ddl_command_start ON ddl_command_start
	EXECUTE FUNCTION tenant_guard.on_ddl_command_start();
COMMENT ON EVENT TRIGGER tenant_guard_ddl_command_start IS 'loads the library, and refuses to drop or retype a tenant column';
CREATE EVENT TRIGGER tenant_guard_ddl_command_end ON ddl_command_end
	EXECUTE FUNCTION tenant_guard.on_ddl_command_end();
COMMENT ON EVENT TRIGGER tenant_guard_ddl_command_end IS 'guards tables that a statement made, and refuses one that weakened a guard';
CREATE EVENT TRIGGER tenant_guard_sql_drop ON sql_drop
	EXECUTE FUNCTION tenant_guard.on_sql_drop();
COMMENT ON EVENT TRIGGER tenant_guard_sql_drop IS 'refuses a statement that dropped the policy of a guarded table';

-- session_replication_role = replica must not skip them
ALTER EVENT TRIGGER tenant_guard_ddl_command_start ENABLE ALWAYS;
ALTER EVENT TRIGGER tenant_guard_ddl_command_end ENABLE ALWAYS;
ALTER EVENT TRIGGER tenant_guard_sql_drop ENABLE ALWAYS;
