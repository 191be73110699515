/* made of the files in script/ */

-- complain if script is sourced in psql, rather than via CREATE EXTENSION
\echo Use "CREATE EXTENSION tenant_guard" to load this file. \quit

-- The schemas are the extension's: DROP EXTENSION takes them, pg_dump leaves them out, and nobody but a superuser owns them. Whoever has
-- made one of these names could keep what is in it, and the privileges on it, and shadow the functions below.
DO $$
DECLARE
	taken name;
	owner name;
BEGIN
	SELECT n.nspname, pg_catalog.pg_get_userbyid(n.nspowner) INTO taken, owner
	FROM pg_catalog.pg_namespace n WHERE n.nspname IN ('tenant_guard', 'tenant_guard_internal') ORDER BY 1;
	IF taken IS NOT NULL THEN
		RAISE EXCEPTION 'schema "%" exists already', taken
			USING ERRCODE = 'duplicate_schema',
				  DETAIL = pg_catalog.format('It belongs to %I. The extension creates the schema itself.', owner),
				  HINT = 'Look at what the schema holds, drop it, and run CREATE EXTENSION again.';
	END IF;
END
$$;
CREATE SCHEMA tenant_guard;
COMMENT ON SCHEMA tenant_guard IS 'keeps the tenants of shared tables apart';
GRANT USAGE ON SCHEMA tenant_guard TO PUBLIC;

-- What nobody calls by name.
CREATE SCHEMA tenant_guard_internal;
COMMENT ON SCHEMA tenant_guard_internal IS 'the internal functions and views of tenant_guard; not to be called by hand';

-- The extension is in pg_catalog, as an extension cannot be in a schema that is its own; what it creates below is in tenant_guard.
SET LOCAL search_path = tenant_guard, pg_temp;

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

--
-- Functions that may see every tenant's rows, since they cannot tell
--
CREATE FUNCTION tenant_guard_internal.trusted_built_ins(OUT function regprocedure, OUT condition text, OUT reason text)
RETURNS SETOF record
LANGUAGE C STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tenant_guard_trusted_built_ins';
COMMENT ON FUNCTION tenant_guard_internal.trusted_built_ins() IS 'the built-in functions that are trusted without being LEAKPROOF, on what condition, and why';
REVOKE ALL ON FUNCTION tenant_guard_internal.trusted_built_ins() FROM PUBLIC;

CREATE VIEW trusted_functions AS
SELECT b.function, 'built-in' AS declared_by, b.condition, b.reason
FROM tenant_guard_internal.trusted_built_ins() b
UNION ALL
SELECT l.objoid::pg_catalog.regprocedure, 'label', NULL, c.reason
FROM pg_catalog.pg_seclabel l CROSS JOIN LATERAL tenant_guard_internal.label_clauses(l.label) c
WHERE l.provider = 'tenant_guard' AND c.word = 'trusted'
	  AND l.classoid = 'pg_catalog.pg_proc'::pg_catalog.regclass;
COMMENT ON VIEW trusted_functions IS 'functions that filters may call for rows of every tenant without being LEAKPROOF';
COMMENT ON COLUMN trusted_functions.declared_by IS 'built-in, or label if a superuser declared it by SECURITY LABEL';
COMMENT ON COLUMN trusted_functions.condition IS 'the condition on which a call is trusted; null if every call is';
COMMENT ON COLUMN trusted_functions.reason IS 'why the function cannot reveal a value; of a label, what it says, if it does';

--
-- Stored code that takes a tenant for text: for the DBA, and whom the DBA grants it to
--
CREATE FUNCTION tenant_guard_internal.type_mismatches_of(catalog oid, object oid, OUT detail text, OUT remedy text)
RETURNS SETOF record
LANGUAGE C VOLATILE STRICT ROWS 1 PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'tenant_guard_type_mismatches_of';
COMMENT ON FUNCTION tenant_guard_internal.type_mismatches_of(oid, oid) IS 'the comparisons of a tenant as text in an object of a catalog';
REVOKE ALL ON FUNCTION tenant_guard_internal.type_mismatches_of(oid, oid) FROM PUBLIC;

CREATE FUNCTION type_mismatches(OUT object text, OUT kind text, OUT detail text, OUT remedy text)
RETURNS SETOF record
LANGUAGE sql VOLATILE PARALLEL UNSAFE
SET jit = off -- each statement is run once
BEGIN ATOMIC -- without a search_path of its own: bodies of functions are parsed with the caller's
	WITH stored (catalog, oid) AS (
		SELECT 'pg_rewrite'::regclass, r.oid FROM pg_rewrite r
		UNION ALL SELECT 'pg_policy'::regclass, p.oid FROM pg_policy p
		UNION ALL SELECT 'pg_constraint'::regclass, c.oid FROM pg_constraint c WHERE c.contype = 'c' AND c.conrelid <> 0
		UNION ALL SELECT 'pg_attrdef'::regclass, d.oid
			FROM pg_attrdef d JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
			WHERE a.attgenerated <> ''
		UNION ALL SELECT 'pg_class'::regclass, i.indexrelid FROM pg_index i
			WHERE i.indexprs IS NOT NULL OR i.indpred IS NOT NULL
		UNION ALL SELECT 'pg_class'::regclass, t.partrelid FROM pg_partitioned_table t WHERE t.partexprs IS NOT NULL
		UNION ALL SELECT 'pg_trigger'::regclass, t.oid FROM pg_trigger t WHERE t.tgqual IS NOT NULL
		UNION ALL SELECT 'pg_publication_rel'::regclass, p.oid FROM pg_publication_rel p WHERE p.prqual IS NOT NULL
		UNION ALL SELECT 'pg_proc'::regclass, f.oid
			FROM pg_proc f JOIN pg_language l ON l.oid = f.prolang
			WHERE l.lanname IN ('sql', 'plpgsql') AND f.prokind IN ('f', 'p')
				  AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_proc'::regclass
								  AND e.objid = f.oid AND e.deptype = 'e')
	)
	SELECT CASE WHEN v.oid IS NOT NULL THEN (pg_identify_object('pg_class'::regclass, v.oid, 0)).identity
				WHEN d.oid IS NOT NULL THEN (pg_identify_object('pg_class'::regclass, d.adrelid, d.adnum)).identity
				ELSE o.identity END COLLATE "C",
		   CASE WHEN v.relkind = 'm' THEN 'materialized view'
				WHEN v.oid IS NOT NULL THEN 'view'
				WHEN d.oid IS NOT NULL THEN 'generated column'
				ELSE o.type END COLLATE "C",
		   m.detail, m.remedy
	FROM stored s
		 CROSS JOIN LATERAL tenant_guard_internal.type_mismatches_of(s.catalog, s.oid) m
		 CROSS JOIN LATERAL pg_identify_object(s.catalog, s.oid, 0) o
		 LEFT JOIN pg_rewrite r ON s.catalog = 'pg_rewrite'::regclass AND r.oid = s.oid AND r.rulename = '_RETURN'
		 LEFT JOIN pg_class v ON v.oid = r.ev_class
		 LEFT JOIN pg_attrdef d ON s.catalog = 'pg_attrdef'::regclass AND d.oid = s.oid
	WHERE s.oid >= 16384
	ORDER BY 2, 1, 3;
END;
COMMENT ON FUNCTION type_mismatches() IS 'views, functions, policies and other stored code that compare a tenant as text';
REVOKE ALL ON FUNCTION type_mismatches() FROM PUBLIC;

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

--
-- Tables: for their owners, as ALTER TABLE is; each checks ownership
--
CREATE FUNCTION protect(relation regclass, tenant_column name DEFAULT NULL, null_rows text DEFAULT 'refuse',
						replace_policies boolean DEFAULT false) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'tenant_guard_protect';
COMMENT ON FUNCTION protect(regclass, name, text, boolean) IS 'guards a table and its partitions and children';

CREATE FUNCTION protect_schema(schema regnamespace, tenant_column name DEFAULT NULL, replace_policies boolean DEFAULT false,
							   OUT relation regclass, OUT status text, OUT detail text)
RETURNS SETOF record
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'tenant_guard_protect_schema';
COMMENT ON FUNCTION protect_schema(regnamespace, name, boolean) IS 'guards every table of a schema that has the tenant column, and reports on each';

CREATE PROCEDURE protect_tables(schema regnamespace, tenant_column name DEFAULT NULL, replace_policies boolean DEFAULT false,
								lock_timeout text DEFAULT '1s', retries integer DEFAULT 10)
LANGUAGE C AS 'MODULE_PATHNAME', 'tenant_guard_protect_tables';
COMMENT ON PROCEDURE protect_tables(regnamespace, name, boolean, text, integer) IS 'guards every table of a schema that has the tenant column, each in a transaction of its own';

CREATE FUNCTION unprotect(relation regclass, reason text DEFAULT NULL) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'tenant_guard_unprotect';
COMMENT ON FUNCTION unprotect(regclass, text) IS 'removes the guard of a table and its partitions and children';

CREATE FUNCTION unprotect_schema(schema regnamespace, reason text DEFAULT NULL,
								 OUT relation regclass, OUT status text, OUT detail text)
RETURNS SETOF record
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'tenant_guard_unprotect_schema';
COMMENT ON FUNCTION unprotect_schema(regnamespace, text) IS 'removes the guard of every guarded table of a schema, and reports on each';

CREATE FUNCTION share(relation regclass, reason text DEFAULT NULL) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'tenant_guard_share';
COMMENT ON FUNCTION share(regclass, text) IS 'declares a table as shared by all tenants';

CREATE FUNCTION unshare(relation regclass) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'tenant_guard_unshare';
COMMENT ON FUNCTION unshare(regclass) IS 'revokes that a table is shared by all tenants';

CREATE FUNCTION derive_tenant_column(relation regclass, foreign_key name DEFAULT NULL) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'tenant_guard_derive_tenant_column';
COMMENT ON FUNCTION derive_tenant_column(regclass, name) IS 'adds the tenant column to a table that has its tenant only by a foreign key, fills and guards it';

--
-- Tenant columns and the type of tenants: what audit() asks
--
CREATE FUNCTION tenant_guard_internal.tenant_columns(relation oid) RETURNS name[]
LANGUAGE C STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tenant_guard_tenant_columns';
COMMENT ON FUNCTION tenant_guard_internal.tenant_columns(oid) IS 'the names of tenant columns, of which a table''s is the first that it has';

CREATE FUNCTION tenant_guard_internal.tenant_settings(OUT columns name[], OUT type text, OUT type_in_force text)
LANGUAGE C STABLE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'tenant_guard_tenant_settings';
COMMENT ON FUNCTION tenant_guard_internal.tenant_settings() IS 'tenant_guard.tenant_column and tenant_guard.tenant_type, null where they have their defaults; and the type that tenants have';

CREATE FUNCTION tenant_guard_internal.guard_counts(OUT owner oid, OUT tenant_column name, OUT tenant_type text, OUT tables bigint, OUT decides boolean)
RETURNS SETOF record
LANGUAGE C STABLE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'tenant_guard_guard_counts';
COMMENT ON FUNCTION tenant_guard_internal.guard_counts() IS 'how many tables are guarded by which column, and whether these say the tenant columns of tables of every owner where no setting does';

--
-- Which table is guarded: for the DBA, and whom the DBA grants it to
--
-- A table of an extension is no user's, but where it is guarded, or a part of a guarded one, that counts.
CREATE VIEW tables_and_partitions AS
SELECT c.oid::pg_catalog.regclass AS relation,
	   g.status,
	   g.tenant_column,
	   a.atttypid::pg_catalog.regtype AS tenant_type,
	   g.null_rows,
	   CASE WHEN c.reltuples >= 0 THEN c.reltuples::pg_catalog.int8 END AS estimated_rows,
	   CASE WHEN c.relispartition THEN pg_catalog.pg_partition_root(c.oid) END AS partition_of,
	   g.detail,
	   g.reason
FROM pg_catalog.pg_class c
	 JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
	 CROSS JOIN LATERAL tenant_guard.guard_status(c.oid) g
	 LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attname = g.tenant_column
WHERE c.relkind IN ('r', 'p', 'f')
	  AND n.nspname NOT IN ('pg_catalog', 'information_schema')
	  AND n.nspname !~ '^pg_toast' AND NOT pg_catalog.pg_is_other_temp_schema(n.oid)
	  AND (g.status IN ('guarded', 'damaged')
		   OR NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
						  WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
								AND d.objid = c.oid AND d.deptype = 'e')
		   OR EXISTS (SELECT FROM tenant_guard.broken_invariants(c.oid)));
COMMENT ON VIEW tables_and_partitions IS 'every table of a user, each partition by itself, and whether it is guarded';

-- A partition is told with the partitioned table that it is a part of, unless it differs in status.
CREATE VIEW tables AS
SELECT t.relation,
	   t.status,
	   t.tenant_column,
	   t.tenant_type,
	   t.null_rows,
	   COALESCE(parts.estimated_rows, t.estimated_rows) AS estimated_rows,
	   parts.partitions,
	   t.detail,
	   t.reason
FROM tenant_guard.tables_and_partitions t
	 LEFT JOIN (SELECT pg_catalog.pg_partition_root(p.oid) AS root,
					   pg_catalog.count(*) AS partitions,
					   pg_catalog.sum(p.reltuples::pg_catalog.int8) FILTER (WHERE p.reltuples >= 0)::pg_catalog.int8 AS estimated_rows
				FROM pg_catalog.pg_class p
				WHERE p.relispartition AND p.relkind IN ('r', 'f')
				GROUP BY 1) parts ON parts.root = t.relation
WHERE t.partition_of IS NULL
	  OR t.status IS DISTINCT FROM (tenant_guard.guard_status(t.partition_of)).status;
COMMENT ON VIEW tables IS 'every table of a user, and whether it is guarded; a partition only if its status differs from that of the partitioned table';
COMMENT ON COLUMN tables.status IS 'guarded, damaged, shared, unprotected or unguarded';
COMMENT ON COLUMN tables.null_rows IS 'of a guarded table, what protect() was told of rows without a tenant: refuse, or shared if they are everyone''s';
COMMENT ON COLUMN tables.estimated_rows IS 'as counted by the last VACUUM or ANALYZE, partitions included; null if there was none';
COMMENT ON COLUMN tables.partitions IS 'for a partitioned table, the number of partitions that store rows';
COMMENT ON COLUMN tables.detail IS 'what damages the guard, why there is none, or that rows without a tenant are everyone''s';
COMMENT ON COLUMN tables.reason IS 'why it is shared or unprotected, as share() or unprotect() was told';

--
-- What several rules of audit() speak of
--
-- A role that may call audit() needs SELECT on these views and EXECUTE on the functions with the rules. PUBLIC has both; but
-- PUBLIC has no USAGE on the schema, nor EXECUTE on the functions of tenant_guard that the views and rules call.
--
-- These are views, except what depends on the version of PostgreSQL: that is a function, whose body is parsed when it is called.
-- A view is parsed when it is created, and would keep the columns of that version through pg_upgrade.
--
CREATE TYPE tenant_guard_internal.finding AS (rule text, level text, object text, detail text, remedy text, step integer);
COMMENT ON TYPE tenant_guard_internal.finding IS 'a row of audit(); "step" orders findings of one rule whose remedies must be run in an order';

CREATE VIEW tenant_guard_internal.schemas_left_alone AS
SELECT n.oid AS schema
FROM pg_namespace n
WHERE n.nspname IN ('information_schema', 'tenant_guard', 'tenant_guard_internal') OR n.nspname ~ '^pg_' OR tenant_guard_internal.schema_is_excluded(n.nspname);
COMMENT ON VIEW tenant_guard_internal.schemas_left_alone IS 'schemas that audit() leaves alone; a part of audit()';

-- "serves" is the tenant type that the tenant column could hold, or null. Where rows without a tenant are everyone's, each command
-- has a policy of its own, and protect() is to be told so.
CREATE VIEW tenant_guard_internal.audited_tables AS
SELECT c.oid, c.oid::regclass::text AS name, c.relname, c.relnamespace, c.relkind, c.relowner,
	   g.status, g.detail, g.reason, a.atttypid::regtype AS tenant_type, g.partition_of,
	   a.attname AS tenant_column, quote_ident(a.attname) AS key, a.attnum AS tenant_attnum, a.attnotnull,
	   tenant_guard_internal.tenant_type_of(a.atttypid) AS serves,
	   e.has AS has_rows_of_everyone, CASE WHEN e.has THEN ', null_rows => ''shared''' ELSE '' END AS how
FROM tenant_guard.tables_and_partitions g
	 JOIN pg_class c ON c.oid = g.relation
	 CROSS JOIN LATERAL (SELECT g.status IN ('guarded', 'damaged')
								AND EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND NOT p.polpermissive
											AND (p.polname = tenant_guard_internal.isolation_policy() AND p.polcmd = 'r'
												 OR p.polname IN ('tenant_isolation_inserts', 'tenant_isolation_updates', 'tenant_isolation_deletes')))) e (has)
	 LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = g.tenant_column AND NOT a.attisdropped
WHERE c.relpersistence <> 't' AND c.relnamespace NOT IN (SELECT l.schema FROM tenant_guard_internal.schemas_left_alone l);
COMMENT ON VIEW tenant_guard_internal.audited_tables IS 'every table that audit() looks at; a part of audit()';

CREATE VIEW tenant_guard_internal.guarded_tables AS
SELECT * FROM tenant_guard_internal.audited_tables t WHERE t.status IN ('guarded', 'damaged');
COMMENT ON VIEW tenant_guard_internal.guarded_tables IS 'audited tables that have a guard; a part of audit()';

-- the roles to which row-level security does not apply
CREATE VIEW tenant_guard_internal.unbound_roles AS
SELECT r.oid, r.rolname, r.rolsuper, CASE WHEN r.rolsuper THEN 'is a superuser' ELSE 'has BYPASSRLS' END AS why
FROM pg_roles r WHERE r.rolsuper OR r.rolbypassrls;
COMMENT ON VIEW tenant_guard_internal.unbound_roles IS 'roles to which row-level security does not apply; a part of audit()';

-- the privileges that roles other than the owner have on a relation, or on its column "attnum"; grantee 0 is PUBLIC
CREATE VIEW tenant_guard_internal.granted_privileges AS
SELECT c.oid AS relation, NULL::int2 AS attnum, e.grantee, e.privilege_type AS privilege
FROM pg_class c, aclexplode(c.relacl) e WHERE e.grantee <> c.relowner
UNION ALL
SELECT c.oid, a.attnum, e.grantee, e.privilege_type
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid, aclexplode(a.attacl) e WHERE e.grantee <> c.relowner;
COMMENT ON VIEW tenant_guard_internal.granted_privileges IS 'privileges of roles other than the owner on relations; a part of audit()';

-- materialized views and foreign tables, which cannot have row-level security, and the roles that have privileges on them
CREATE VIEW tenant_guard_internal.open_relations AS
SELECT c.oid, string_agg(DISTINCT CASE WHEN g.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(g.grantee)) END, ', ') AS roles
FROM pg_class c JOIN tenant_guard_internal.granted_privileges g ON g.relation = c.oid
WHERE c.relkind IN ('m', 'f')
GROUP BY c.oid;
COMMENT ON VIEW tenant_guard_internal.open_relations IS 'materialized views and foreign tables, and the roles with privileges on them; a part of audit()';

-- every foreign key, without those that a partition inherits from its partitioned table
CREATE FUNCTION tenant_guard_internal.foreign_keys(
	OUT oid oid, OUT conname name, OUT conrelid oid, OUT confrelid oid, OUT conkey smallint[], OUT confkey smallint[], OUT confdeltype "char",
	OUT confupdtype "char", OUT confdelsetcols smallint[], OUT convalidated boolean, OUT enforced boolean)
RETURNS SETOF record
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT k.oid, k.conname, k.conrelid, k.confrelid, k.conkey, k.confkey, k.confdeltype, k.confupdtype, k.confdelsetcols, k.convalidated,
	   -- before 18 pg_constraint has no column conenforced, and the name refers to the null of the outer query
	   (SELECT conenforced::text FROM pg_constraint i WHERE i.oid = k.oid) IS DISTINCT FROM 'false' AS enforced
FROM (SELECT k.oid, k.conname, k.conrelid, k.confrelid, k.conkey, k.confkey, k.confdeltype, k.confupdtype, k.confdelsetcols, k.convalidated,
			 NULL::text AS conenforced
	  FROM pg_constraint k WHERE k.contype = 'f' AND k.conparentid = 0) k
$$;
COMMENT ON FUNCTION tenant_guard_internal.foreign_keys() IS 'every foreign key; a part of audit()';

-- the relations that a view's or a rule's query names
CREATE VIEW tenant_guard_internal.named_relations AS
SELECT DISTINCT r.oid AS rule, r.ev_class AS relation, r.ev_type, d.refobjid AS names
FROM pg_rewrite r
	 JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
						 AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> r.ev_class;
COMMENT ON VIEW tenant_guard_internal.named_relations IS 'the relations that the queries of views and rules name; a part of audit()';

CREATE VIEW tenant_guard_internal.views_of_guarded AS
WITH RECURSIVE guarded AS MATERIALIZED (SELECT g.oid, g.name FROM tenant_guard_internal.guarded_tables g),
-- views and the guarded tables that they read, also through other views
reads (view, relation) AS (
	SELECT n.relation, n.names FROM tenant_guard_internal.named_relations n WHERE n.ev_type = '1'
	UNION
	SELECT n.relation, r.relation FROM tenant_guard_internal.named_relations n JOIN reads r ON r.view = n.names WHERE n.ev_type = '1'
)
SELECT c.oid, c.oid::regclass::text AS name, c.relname, c.relkind, c.relowner,
	   EXISTS (SELECT FROM unnest(c.reloptions) o WHERE o ~* '^security_invoker=(on|1|t|tr|tru|true|y|ye|yes)$') AS invoker,
	   (SELECT string_agg(g.name, ', ' ORDER BY g.name) FROM reads r JOIN guarded g ON g.oid = r.relation
		WHERE r.view = c.oid) AS guarded
FROM pg_class c
WHERE c.relkind IN ('v', 'm') AND c.oid IN (SELECT r.view FROM reads r JOIN guarded g ON g.oid = r.relation)
	  AND c.relnamespace NOT IN (SELECT l.schema FROM tenant_guard_internal.schemas_left_alone l)
	  AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e');
COMMENT ON VIEW tenant_guard_internal.views_of_guarded IS 'views that read guarded tables; a part of audit()';

-- relations through which a role that row-level security does not bind sees the rows of every tenant: guarded tables, and
-- views with security_invoker that read them
CREATE VIEW tenant_guard_internal.bypassable_relations AS
WITH RECURSIVE touchable (oid, relname, name) AS (
	SELECT g.oid, g.relname, g.name FROM tenant_guard_internal.guarded_tables g
	UNION
	SELECT v.oid, v.relname, v.name FROM touchable x JOIN tenant_guard_internal.named_relations n ON n.names = x.oid AND n.ev_type = '1' JOIN tenant_guard_internal.views_of_guarded v ON v.oid = n.relation AND v.invoker
)
SELECT * FROM touchable;
COMMENT ON VIEW tenant_guard_internal.bypassable_relations IS 'relations through which a role that row-level security does not bind sees all rows; a part of audit()';

-- Relations that call functions of ordinary roles when they are read or rewritten: by the query of a view, a CHECK, a generated column, a
-- cast of a column's type. Who owns or alters one runs these with his privileges; indexes are built with the owner's. "planned": functions that
-- only the planning of a query on the relation calls, with its reader's privileges, in expressions of indexes, statistics and partition keys.
CREATE VIEW tenant_guard_internal.relations_with_code AS
WITH RECURSIVE calling (classid, objid, planned) AS (
	SELECT 'pg_proc'::regclass::oid, p.oid, false FROM pg_proc p JOIN pg_roles r ON r.oid = p.proowner AND NOT r.rolsuper
	UNION
	SELECT n.classid, n.objid, c.planned OR n.planned
	FROM calling c
		 CROSS JOIN LATERAL (SELECT d.classid, d.objid, false AS planned FROM pg_depend d
							 WHERE d.refclassid = c.classid AND d.refobjid = c.objid
								   AND d.classid IN ('pg_proc'::regclass, 'pg_operator'::regclass, 'pg_type'::regclass, 'pg_cast'::regclass, 'pg_rewrite'::regclass,
													 'pg_constraint'::regclass, 'pg_attrdef'::regclass, 'pg_class'::regclass, 'pg_statistic_ext'::regclass)
							 UNION ALL
							 SELECT 'pg_class'::regclass, r.ev_class, false FROM pg_rewrite r WHERE c.classid = 'pg_rewrite'::regclass AND r.oid = c.objid
							 UNION ALL
							 SELECT x.classid, x.objid, false
							 FROM pg_constraint k CROSS JOIN LATERAL (VALUES ('pg_class'::regclass::oid, k.conrelid), ('pg_type'::regclass, k.contypid)) x (classid, objid)
							 WHERE c.classid = 'pg_constraint'::regclass AND k.oid = c.objid AND k.contype = 'c' AND x.objid <> 0
							 UNION ALL
							 SELECT 'pg_class'::regclass, a.attrelid, false FROM pg_attrdef f JOIN pg_attribute a ON a.attrelid = f.adrelid AND a.attnum = f.adnum AND a.attgenerated <> ''
							 WHERE c.classid = 'pg_attrdef'::regclass AND f.oid = c.objid
							 UNION ALL
							 SELECT 'pg_type'::regclass, t.castsource, false FROM pg_cast t WHERE c.classid = 'pg_cast'::regclass AND t.oid = c.objid
							 UNION ALL
							 SELECT 'pg_class'::regclass, i.inhparent, false FROM pg_inherits i WHERE c.classid = 'pg_class'::regclass AND i.inhrelid = c.objid
							 UNION ALL
							 SELECT 'pg_class'::regclass, i.indrelid, true FROM pg_index i WHERE c.classid = 'pg_class'::regclass AND i.indexrelid = c.objid
							 UNION ALL
							 SELECT 'pg_class'::regclass, s.stxrelid, true FROM pg_statistic_ext s WHERE c.classid = 'pg_statistic_ext'::regclass AND s.oid = c.objid
							 UNION ALL
							 SELECT 'pg_class'::regclass, i.inhrelid, true FROM pg_partitioned_table w JOIN pg_inherits i ON i.inhparent = w.partrelid
							 WHERE c.classid = 'pg_class'::regclass AND w.partrelid = c.objid) n
)
SELECT c.objid AS oid, bool_and(c.planned) AS planned FROM calling c WHERE c.classid = 'pg_class'::regclass GROUP BY c.objid;
COMMENT ON VIEW tenant_guard_internal.relations_with_code IS 'relations that call functions of ordinary roles; a part of audit()';

-- functions of users
CREATE VIEW tenant_guard_internal.user_functions AS
SELECT p.oid, p.oid::regprocedure::text AS name, p.prosrc, p.proowner, p.prosecdef, p.proconfig, p.proacl,
	   p.proleakproof, p.prosqlbody, l.lanname,
	   EXISTS (SELECT FROM unnest(p.proconfig) s WHERE s ~* '^tenant_guard\.bypass=(on|1|t|tr|tru|true|y|ye|yes)$') AS declares_bypass,
	   EXISTS (SELECT FROM unnest(p.proconfig) s WHERE s ~ '^search_path=') AS pinned
FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
WHERE p.pronamespace NOT IN (SELECT l.schema FROM tenant_guard_internal.schemas_left_alone l)
	  AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_proc'::regclass AND e.objid = p.oid AND e.deptype = 'e');
COMMENT ON VIEW tenant_guard_internal.user_functions IS 'functions that are not of the system or of an extension; a part of audit()';

-- the guarded tables that functions' bodies name; what they put together at run time cannot be seen
CREATE VIEW tenant_guard_internal.named_in_functions AS
WITH touchable AS MATERIALIZED (SELECT * FROM tenant_guard_internal.bypassable_relations),
bodies AS MATERIALIZED (
	SELECT f.oid, f.prosrc FROM tenant_guard_internal.user_functions f
	WHERE f.lanname NOT IN ('c', 'internal')
		  AND (f.prosecdef OR f.oid IN (SELECT g.tgfoid FROM pg_trigger g WHERE NOT g.tgisinternal))
)
SELECT x.function, string_agg(DISTINCT x.name, ', ' ORDER BY x.name) AS guarded
FROM (SELECT b.oid AS function, r.name
	  FROM bodies b
		   CROSS JOIN LATERAL regexp_matches(b.prosrc, '[[:alpha:]_][[:alnum:]_$]*', 'g') w
		   JOIN touchable r ON r.relname = lower(w[1])
	  UNION
	  SELECT b.oid, r.name
	  FROM bodies b JOIN touchable r ON r.relname !~ '^[[:lower:]_][[:lower:][:digit:]_$]*$' AND strpos(b.prosrc, r.relname) > 0
	  UNION
	  SELECT d.objid, r.name
	  FROM pg_depend d JOIN touchable r ON d.refclassid = 'pg_class'::regclass AND d.refobjid = r.oid
	  WHERE d.classid = 'pg_proc'::regclass AND d.objid IN (SELECT b.oid FROM bodies b)) x
GROUP BY x.function;
COMMENT ON VIEW tenant_guard_internal.named_in_functions IS 'the guarded tables that the bodies of functions name; a part of audit()';

CREATE VIEW tenant_guard_internal.stored_settings AS
SELECT s.setdatabase, s.setrole, lower(split_part(kv, '=', 1)) AS setting, lower(substr(kv, strpos(kv, '=') + 1)) AS value
FROM pg_db_role_setting s CROSS JOIN LATERAL unnest(s.setconfig) kv
WHERE s.setdatabase IN (0, (SELECT d.oid FROM pg_database d WHERE d.datname = current_database()));
COMMENT ON VIEW tenant_guard_internal.stored_settings IS 'settings stored for this database and for roles in it; a part of audit()';

-- Roles with a session_preload_libraries of their own; "statement" adds the library to it, and is null if it is in the list.
CREATE VIEW tenant_guard_internal.roles_without_library AS
SELECT s.setrole, s.setdatabase, tenant_guard.preload_statement(s.setdatabase, s.setrole) AS statement
FROM tenant_guard_internal.stored_settings s
WHERE s.setting = 'session_preload_libraries' AND s.setrole <> 0;
COMMENT ON VIEW tenant_guard_internal.roles_without_library IS 'roles with a session_preload_libraries of their own; a part of audit()';

GRANT SELECT ON tenant_guard_internal.schemas_left_alone, tenant_guard_internal.audited_tables, tenant_guard_internal.guarded_tables,
	tenant_guard_internal.unbound_roles, tenant_guard_internal.granted_privileges, tenant_guard_internal.open_relations,
	tenant_guard_internal.named_relations, tenant_guard_internal.views_of_guarded, tenant_guard_internal.bypassable_relations,
	tenant_guard_internal.relations_with_code, tenant_guard_internal.user_functions, tenant_guard_internal.named_in_functions,
	tenant_guard_internal.stored_settings, tenant_guard_internal.roles_without_library TO PUBLIC;

--
-- Rules about tables
--
-- Guards, and what is to hold of parts and parents of guarded tables.
CREATE FUNCTION tenant_guard_internal.audit_guards() RETURNS SETOF tenant_guard_internal.finding
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $rules$
WITH t AS MATERIALIZED (SELECT * FROM tenant_guard_internal.audited_tables),
broken AS MATERIALIZED (SELECT b.* FROM tenant_guard.broken_invariants() b JOIN t ON t.oid = b.relation),
settings AS MATERIALIZED (SELECT type_in_force AS tenant_type FROM tenant_guard_internal.tenant_settings())

-- a table has the tenant column, of the right type, and no guard
SELECT 'unguarded_table', 'error', t.name,
	   format('has column %s and no guard: every tenant sees every row', t.key),
	   format('SELECT tenant_guard.protect(%L)', t.name), 0
FROM t LEFT JOIN t whole ON whole.oid = t.partition_of
WHERE t.status = 'unguarded' AND t.relkind IN ('r', 'p') AND t.serves = (SELECT tenant_type FROM settings)
	  AND whole.status IS DISTINCT FROM 'unguarded'

-- a part of a guard is missing or not as it was made
UNION ALL
SELECT 'guard_incomplete', 'error', t.name, b.detail, format('SELECT tenant_guard.protect(%L%s)', t.name, t.how), 0
FROM broken b JOIN t ON t.oid = b.relation WHERE b.invariant = 'guard_damaged'

-- a part of a guarded table is open by its own name, or guarded by another column; a guarded table is open by that of a parent.
-- Foreign tables and tables with the column have rules of their own.
UNION ALL
SELECT b.invariant, 'error', b.relation::text, b.detail,
	   CASE WHEN b.invariant = 'parent_unguarded' AND b.other IN (SELECT o.oid FROM t o WHERE o.status = 'unprotected') THEN format('SELECT tenant_guard.protect(%L)', b.other::text) END, 0
FROM broken b JOIN pg_class c ON c.oid = b.relation
WHERE b.invariant = 'parent_unguarded' AND b.other NOT IN (SELECT o.oid FROM t o WHERE o.status = 'unguarded' AND o.tenant_attnum IS NOT NULL)
	  OR b.invariant = 'part_unguarded' AND c.relkind <> 'f' AND b.relation NOT IN (SELECT o.oid FROM t o WHERE o.status = 'unguarded' AND o.tenant_attnum IS NOT NULL)

-- row-level security without a permissive policy shows nobody anything
UNION ALL
SELECT 'permissive_policy_missing', 'warning', t.name, 'has no permissive policy: no tenant sees its own rows',
	   format('SELECT tenant_guard.protect(%L%s)', t.name, t.how), 0
FROM t
WHERE t.status = 'guarded' AND NOT EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = t.oid AND p.polpermissive)

-- taken out on purpose, and perhaps forgotten
UNION ALL
SELECT 'unprotected_table', 'warning', t.name, concat('was taken out by unprotect()', ' (' || t.reason || ')', ': every tenant sees every row'),
	   format('SELECT tenant_guard.protect(%L)', t.name), 0
FROM t LEFT JOIN t whole ON whole.oid = t.partition_of
WHERE t.status = 'unprotected' AND whole.status IS DISTINCT FROM 'unprotected'
$rules$;
COMMENT ON FUNCTION tenant_guard_internal.audit_guards() IS 'rules about guards; a part of audit()';

-- The tables that tenant columns reference, whose rows are the tenants, and the column that says which.
CREATE VIEW tenant_guard_internal.tables_of_tenants AS
WITH t AS MATERIALIZED (SELECT * FROM tenant_guard_internal.audited_tables),
foreign_keys AS MATERIALIZED (SELECT * FROM tenant_guard_internal.foreign_keys())
SELECT p.oid, p.name, p.status, a.attnum, a.attname AS column, tenant_guard_internal.tenant_type_of(a.atttypid) AS serves,
	   string_agg(DISTINCT c.name, ', ') AS referenced_by
FROM foreign_keys k
	 JOIN t c ON c.oid = k.conrelid AND k.conkey = ARRAY[c.tenant_attnum] AND c.status IN ('guarded', 'damaged')
	 JOIN t p ON p.oid = k.confrelid AND p.status NOT IN ('guarded', 'damaged')
	 JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = k.confkey[1]
GROUP BY p.oid, p.name, p.status, a.attnum, a.attname, a.atttypid;
COMMENT ON VIEW tenant_guard_internal.tables_of_tenants IS 'tables without a guard that tenant columns reference; a part of audit()';
GRANT SELECT ON tenant_guard_internal.tables_of_tenants TO PUBLIC;

-- Tables that have no tenant column, or one of another name.
CREATE FUNCTION tenant_guard_internal.audit_missing_columns() RETURNS SETOF tenant_guard_internal.finding
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $rules$
WITH RECURSIVE t AS MATERIALIZED (SELECT * FROM tenant_guard_internal.audited_tables),
foreign_keys AS MATERIALIZED (SELECT * FROM tenant_guard_internal.foreign_keys()),
settings AS MATERIALIZED (SELECT type_in_force AS tenant_type FROM tenant_guard_internal.tenant_settings()),
tenants AS MATERIALIZED (SELECT * FROM tenant_guard_internal.tables_of_tenants),
-- what tells the tenant: guarded tables, and the tenants' own, guarded or not; "attnum" is the column that does
tellers AS MATERIALIZED (
	SELECT t.oid, t.tenant_attnum AS attnum, false AS open FROM t WHERE t.status IN ('guarded', 'damaged')
	UNION ALL
	SELECT n.oid, n.attnum, true FROM tenants n
),
-- keys that reach one
telling AS MATERIALIZED (
	SELECT k.oid, k.conrelid, k.confrelid, w.attnum, w.open FROM foreign_keys k JOIN tellers w ON w.oid = k.confrelid
),
-- tables that reach one by foreign keys and have no tenant column
adrift (oid, via, foreign_key, step) AS (
	SELECT c.oid, k.confrelid, k.oid, 1
	FROM t c JOIN telling k ON k.conrelid = c.oid
	WHERE c.status = 'unguarded' AND c.tenant_attnum IS NULL AND c.oid NOT IN (SELECT n.oid FROM tenants n)
	UNION
	SELECT c.oid, a.oid, k.oid, a.step + 1
	FROM adrift a JOIN foreign_keys k ON k.confrelid = a.oid JOIN t c ON c.oid = k.conrelid
	WHERE c.status = 'unguarded' AND c.tenant_attnum IS NULL AND a.step < 20 AND c.oid NOT IN (SELECT n.oid FROM tenants n)
		  AND NOT EXISTS (SELECT FROM telling d WHERE d.conrelid = c.oid)
),
-- by which key each is a tenant's: one that references the tenant column, the nearest, one whose columns are not null ("mandatory"), one
-- that deletes the row with the other; "ways" counts those between which only its author can decide
ways AS MATERIALIZED (
	SELECT b.oid, b.step, min(b.conname::text) AS foreign_key, min(b.via::oid) AS parent, min(b.via::text) AS via, bool_or(b.open) AS open, count(*) AS ways,
		   string_agg(DISTINCT quote_ident(b.conname), ', ') AS foreign_keys, min(b.direct) AS direct, min(b.serves) AS serves, bool_and(b.mandatory) AS mandatory
	FROM (SELECT x.oid, x.step, k.conname, x.via::regclass AS via, m.direct, m.serves, m.mandatory, COALESCE(w.open, false) AS open,
				 rank() OVER (PARTITION BY x.oid ORDER BY m.direct IS NULL, x.step, NOT m.mandatory, k.confdeltype <> 'c') AS rank
		  FROM adrift x JOIN foreign_keys k ON k.oid = x.foreign_key LEFT JOIN telling w ON w.oid = k.oid
			   CROSS JOIN LATERAL (SELECT min(n.attname::text) FILTER (WHERE pair.parent = w.attnum) AS direct, bool_and(n.attnotnull) AS mandatory,
										  min(tenant_guard_internal.tenant_type_of(n.atttypid)) FILTER (WHERE pair.parent = w.attnum) AS serves
								   FROM unnest(k.conkey, k.confkey) AS pair (child, parent)
										JOIN pg_attribute n ON n.attrelid = k.conrelid AND n.attnum = pair.child) m) b
	WHERE b.rank = 1
	GROUP BY b.oid, b.step
),
-- tables on the way of each to its tenant
route (oid, through) AS (
	SELECT a.oid, a.parent FROM ways a
	UNION
	SELECT r.oid, a.parent FROM route r JOIN ways a ON a.oid = r.through
),
-- where a key may be null, one that may not be, to a table that reaches its tenant by itself and is to get the column first
better AS MATERIALIZED (
	SELECT DISTINCT ON (a.oid) a.oid, k.conname AS foreign_key, k.confrelid AS parent
	FROM ways a JOIN foreign_keys k ON k.conrelid = a.oid JOIN ways p ON p.oid = k.confrelid
	WHERE NOT a.mandatory AND a.direct IS NULL AND p.oid <> a.oid AND (p.oid, a.oid) NOT IN (SELECT r.oid, r.through FROM route r)
		  AND NOT EXISTS (SELECT FROM unnest(k.conkey) AS c (attnum) JOIN pg_attribute n ON n.attrelid = k.conrelid AND n.attnum = c.attnum AND NOT n.attnotnull)
	ORDER BY a.oid, k.confdeltype <> 'c', k.conname
),
-- those that wait: for a decision about themselves, for a better key, or for the table that each reaches first
waiting (oid) AS (
	SELECT b.oid FROM better b
	UNION
	SELECT a.oid FROM ways a CROSS JOIN settings s
	WHERE a.ways > 1 OR a.open AND a.direct IS NULL OR a.direct IS NOT NULL AND a.serves IS DISTINCT FROM s.tenant_type
	UNION
	SELECT a.oid FROM waiting w JOIN ways a ON a.parent = w.oid
)

-- rows that are a tenant's by what they reference, in a table without the column, or with one of another name
SELECT 'tenant_column_missing', 'error', c.name,
	   CASE WHEN b.oid IS NOT NULL THEN format('references %s by foreign key %s, which can be null, and has no tenant column: every tenant sees every row. '
											   'Foreign key %I, which cannot, tells the tenant when table %s has the column: run that remedy first',
											   CASE WHEN a.open THEN 'the tenants'' own table ' || a.via ELSE 'guarded tables' END, a.foreign_keys, b.foreign_key, b.parent::regclass)
			WHEN a.ways > 1 THEN format('references %s by foreign keys %s and has no tenant column: every tenant sees every row. Which of them tells the tenant is to be decided',
										CASE WHEN a.open THEN 'the tenants'' own table ' || a.via ELSE 'guarded tables' END, a.foreign_keys)
			WHEN a.direct IS NOT NULL THEN format('references %s by column %I, as tenant columns do, and has no guard: every tenant sees every row', a.via, a.direct)
			ELSE format('references %s by foreign key %I and has no tenant column: every tenant sees every row', a.via, a.foreign_key) END,
	   CASE WHEN a.oid IN (SELECT w.oid FROM waiting w) THEN NULL
			WHEN a.direct IS NOT NULL THEN format('SELECT tenant_guard.protect(%L, %L)', c.name, a.direct)
			ELSE format('SELECT tenant_guard.derive_tenant_column(%L, %L)', c.name, a.foreign_key) END, a.step
FROM ways a JOIN t c ON c.oid = a.oid LEFT JOIN better b ON b.oid = a.oid

-- the table of the tenants themselves, which each tenant may read in whole
UNION ALL
SELECT 'tenants_table_open', 'error', n.name, format('is referenced by tenant columns, of %s, and has no guard: every tenant sees the rows of all tenants', n.referenced_by),
	   CASE WHEN n.serves = (SELECT tenant_type FROM settings) THEN format('SELECT tenant_guard.protect(%L, %L)', n.name, n.column) END, 0
FROM tenants n
WHERE n.status = 'unguarded'
$rules$;
COMMENT ON FUNCTION tenant_guard_internal.audit_missing_columns() IS 'rules about tables without a tenant column; a part of audit()';

-- Tables of which nobody has said whose rows they have. In a database that guards nothing they are all of that kind, and one finding says so.
CREATE FUNCTION tenant_guard_internal.audit_undecided() RETURNS SETOF tenant_guard_internal.finding
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $rules$
WITH RECURSIVE t AS MATERIALIZED (SELECT * FROM tenant_guard_internal.audited_tables),
foreign_keys AS MATERIALIZED (SELECT * FROM tenant_guard_internal.foreign_keys()),
-- tables that a rule above speaks of: the tenants' own, and those that reach it, or a guarded one
told (oid) AS (
	SELECT n.oid FROM tenant_guard_internal.tables_of_tenants n
	UNION
	SELECT t.oid FROM t WHERE t.status IN ('guarded', 'damaged')
	UNION
	SELECT k.conrelid FROM told r JOIN foreign_keys k ON k.confrelid = r.oid JOIN t c ON c.oid = k.conrelid AND c.status = 'unguarded' AND c.tenant_attnum IS NULL
),
-- of partitions and children the first counts
undecided AS MATERIALIZED (
	SELECT t.oid, t.name FROM t
	WHERE t.status = 'unguarded' AND t.tenant_attnum IS NULL AND t.oid NOT IN (SELECT r.oid FROM told r)
		  AND NOT EXISTS (SELECT FROM pg_inherits i JOIN t p ON p.oid = i.inhparent AND p.status = 'unguarded' WHERE i.inhrelid = t.oid)
),
guards AS MATERIALIZED (SELECT EXISTS (SELECT FROM t WHERE t.status IN ('guarded', 'damaged')) AS any),
-- columns that many tables have, most of all if they reference one table
candidates AS MATERIALIZED (
	SELECT a.attname, count(DISTINCT a.attrelid) AS tables, k.confrelid::regclass::text AS parent
	FROM t JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
		 LEFT JOIN foreign_keys k ON k.conrelid = a.attrelid AND k.conkey = ARRAY[a.attnum]
	WHERE NOT (SELECT g.any FROM guards g) AND t.relkind IN ('r', 'p') AND t.partition_of IS NULL
		  AND tenant_guard_internal.tenant_type_of(a.atttypid) IS NOT NULL AND a.attname ~* '.(id|uuid)$'
	GROUP BY a.attname, k.confrelid
	HAVING count(DISTINCT a.attrelid) > 1
	ORDER BY count(DISTINCT a.attrelid) DESC, a.attname, k.confrelid
	LIMIT 3
)

-- a table in which nothing tells the tenant, and of which nobody has said that this is right
SELECT 'undecided_table', 'warning', u.name,
	   format('is neither guarded nor shared: every tenant sees every row. Guard it by the column that tells the tenant, or say why all may see them: SELECT tenant_guard.share(%L, ''why'')', u.name),
	   NULL, 0
FROM undecided u
WHERE (SELECT g.any FROM guards g)

-- a database in which the extension does nothing yet
UNION ALL
SELECT 'nothing_guarded', 'warning', current_database()::text,
	   format('no table is guarded yet, and in %s nothing tells the tenant. %s', CASE count(*) WHEN 1 THEN 'one table' ELSE count(*) || ' tables' END,
			  CASE WHEN EXISTS (SELECT FROM t WHERE t.status = 'unguarded' AND t.tenant_attnum IS NOT NULL) THEN 'Guard those that have the tenant column, then look at the others'
				   ELSE format('Choose the column that does (ALTER DATABASE %I SET tenant_guard.tenant_column = ...), then call tenant_guard.protect_schema()', current_database()) END)
	   || COALESCE((SELECT '. Columns of many tables: ' || string_agg(format('%I in %s%s', c.attname, c.tables, ', to ' || c.parent), '; ' ORDER BY c.tables DESC, c.attname, c.parent) FROM candidates c), ''),
	   NULL, 0
FROM undecided u
WHERE NOT (SELECT g.any FROM guards g)
HAVING count(*) > 0
$rules$;
COMMENT ON FUNCTION tenant_guard_internal.audit_undecided() IS 'rules about tables of which nothing is said; a part of audit()';

-- Tenant columns, and what they lack.
CREATE FUNCTION tenant_guard_internal.audit_tenant_columns() RETURNS SETOF tenant_guard_internal.finding
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $rules$
WITH t AS MATERIALIZED (SELECT * FROM tenant_guard_internal.audited_tables),
settings AS MATERIALIZED (SELECT type_in_force AS tenant_type FROM tenant_guard_internal.tenant_settings()),
-- Sets of columns for the rules below. Conditions with NOT IN are hashed, also where the catalogs have no
-- statistics; without them the planner has NOT EXISTS read a catalog for each table.
unproven_columns AS MATERIALIZED (SELECT k.conrelid AS relid, k.conkey[1] AS attnum FROM pg_constraint k WHERE k.contype = 'n' AND NOT k.convalidated),
indexed_columns AS MATERIALIZED (
	SELECT i.indrelid AS relid, u.attnum
	FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am m ON m.oid = c.relam
		 CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS u (attnum, place)
	-- to a GIN index all its columns are alike
	WHERE i.indisvalid AND i.indpred IS NULL AND (u.place = 1 OR m.amname = 'gin')
),
defaulted_columns AS MATERIALIZED (
	SELECT d.adrelid AS relid, d.adnum AS attnum
	FROM pg_attrdef d JOIN pg_depend e ON e.classid = 'pg_attrdef'::regclass AND e.objid = d.oid AND e.refclassid = 'pg_proc'::regclass
	WHERE e.refobjid IN (SELECT f.oid FROM pg_proc f WHERE f.pronamespace = to_regnamespace('tenant_guard'))
)

-- a column of a name that tenant columns have, in a table that it does not guard
SELECT 'tenant_column_unused', CASE WHEN t.status = 'shared' THEN 'info' ELSE 'warning' END, t.name,
	   CASE WHEN t.status = 'shared' THEN format('has column %I and is declared as shared by all tenants', u.name)
			ELSE format('is guarded by column %s, and has a column %I too: what is written there says nothing of whose a row is', t.key, u.name) END,
	   NULL, 0
FROM t CROSS JOIN LATERAL (SELECT c.name FROM unnest(tenant_guard_internal.tenant_columns(t.oid)) WITH ORDINALITY AS c (name, place)
								  JOIN pg_attribute a ON a.attrelid = t.oid AND a.attname = c.name AND NOT a.attisdropped
						   WHERE t.status = 'shared' OR c.name <> t.tenant_column
						   ORDER BY c.place LIMIT 1) u
WHERE t.partition_of IS NULL AND t.status IN ('shared', 'guarded', 'damaged')

-- a tenant column that cannot hold this database's tenants
UNION ALL
SELECT 'tenant_type_differs', CASE WHEN t.status = 'unguarded' THEN 'error' ELSE 'warning' END, t.name,
	   format('column %s is of type %s, and tenants are of type %s: %s', t.key, t.tenant_type, s.tenant_type,
			  CASE WHEN t.status = 'unguarded' THEN 'it cannot be guarded' ELSE 'every use of the table is an error' END)
	   || CASE WHEN r.runs_code AND t.status = 'unguarded' THEN format('. Only its owner, role %I, should change it: functions of ordinary roles are called meanwhile', pg_get_userbyid(t.relowner)) ELSE '' END,
	   CASE WHEN t.status = 'unguarded' AND NOT r.runs_code AND (s.tenant_type = 'text' OR p.typcategory = 'S' OR (s.tenant_type = 'bigint' AND p.typcategory = 'N'))
			THEN format('ALTER TABLE %1$s ALTER COLUMN %2$s DROP DEFAULT, ALTER COLUMN %2$s TYPE %3$s USING %2$s::%3$s; SELECT tenant_guard.protect(%4$L)',
						t.name, t.key, s.tenant_type, t.name) END, 0
FROM t JOIN pg_type p ON p.oid = t.tenant_type CROSS JOIN settings s
	 CROSS JOIN LATERAL (SELECT t.oid IN (SELECT w.oid FROM tenant_guard_internal.relations_with_code w WHERE NOT w.planned) AS runs_code) r
WHERE t.status IN ('unguarded', 'guarded', 'damaged') AND t.relkind IN ('r', 'p') AND t.partition_of IS NULL
	  AND t.serves IS DISTINCT FROM s.tenant_type

-- the tenant column takes nulls, or its rows have not been looked at: such rows are nobody's
UNION ALL
SELECT 'not_null_pending', 'warning', t.name, format('column %s is not yet NOT NULL for all rows: nobody sees those with a null', t.key),
	   format('ALTER TABLE %s ALTER COLUMN %s SET NOT NULL', t.name, t.key), 0
FROM t
WHERE t.status = 'guarded' AND t.partition_of IS NULL AND NOT t.has_rows_of_everyone
	  AND (NOT t.attnotnull OR (t.oid, t.tenant_attnum) IN (SELECT u.relid, u.attnum FROM unproven_columns u))

-- every query of a tenant is a scan of all tenants' rows
UNION ALL
SELECT 'tenant_index_missing', 'warning', t.name, format('has no index that begins with column %s: a query of one tenant reads the rows of all', t.key),
	   format('CREATE INDEX ON %s (%s)', t.name, t.key), 0
FROM t LEFT JOIN pg_partitioned_table p ON p.partrelid = t.oid
WHERE t.status = 'guarded' AND t.partition_of IS NULL AND p.partattrs[0] IS DISTINCT FROM t.tenant_attnum
	  AND (t.oid, t.tenant_attnum) NOT IN (SELECT i.relid, i.attnum FROM indexed_columns i)

-- Django drops defaults after ADD COLUMN
UNION ALL
SELECT 'tenant_default_missing', 'info', t.name, format('column %s has no default of tenant_guard: an INSERT that leaves it out does not get the tenant', t.key),
	   concat_ws('; ', CASE WHEN a.attidentity <> '' THEN format('ALTER TABLE %s ALTER COLUMN %s DROP IDENTITY', t.name, t.key) END, format('SELECT tenant_guard.protect(%L%s)', t.name, t.how)), 0
FROM t JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = t.tenant_attnum AND a.attgenerated = ''
WHERE t.status = 'guarded' AND t.partition_of IS NULL
	  AND (t.oid, t.tenant_attnum) NOT IN (SELECT d.relid, d.attnum FROM defaulted_columns d)
$rules$;
COMMENT ON FUNCTION tenant_guard_internal.audit_tenant_columns() IS 'rules about tenant columns; a part of audit()';

-- Indexes for searches, in which small tenants' few rows lie among those of all.
CREATE FUNCTION tenant_guard_internal.audit_gin_indexes() RETURNS SETOF tenant_guard_internal.finding
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $rules$
WITH t AS MATERIALIZED (SELECT * FROM tenant_guard_internal.audited_tables),
-- Columns are what stands between the parentheses of the definition, and what follows; what stands before is known, whatever the names are.
gin_indexes AS MATERIALIZED (
	SELECT i.indrelid AS relid, c.relname AS name, i.indkey::int2[] AS attnums,
		   pg_get_expr(i.indexprs, i.indrelid) AS expressions, pg_get_expr(i.indpred, i.indrelid) AS condition,
		   CASE WHEN starts_with(d.definition, d.before) THEN substr(d.definition, length(d.before) + 1) END AS columns
	FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am m ON m.oid = c.relam AND m.amname = 'gin'
		 JOIN pg_class r ON r.oid = i.indrelid JOIN pg_namespace n ON n.oid = r.relnamespace
		 CROSS JOIN LATERAL (SELECT pg_get_indexdef(i.indexrelid) AS definition,
									format('CREATE INDEX %I ON %s%I.%I USING gin (', c.relname, CASE c.relkind WHEN 'I' THEN 'ONLY ' ELSE '' END, n.nspname, r.relname) AS before) d
	WHERE i.indisvalid
),
-- indexes for nearest neighbours: their operators serve ORDER BY alone (src/planner/approximate_index.c)
approximate_indexes AS MATERIALIZED (
	SELECT i.indrelid AS relid, c.relname AS name, m.amname
	FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am m ON m.oid = c.relam JOIN pg_opclass o ON o.oid = i.indclass[0]
	-- not to ask each index of the database for its properties
	WHERE i.indisvalid AND CASE WHEN o.opcfamily IN (SELECT p.amopfamily FROM pg_amop p WHERE p.amoppurpose = 'o') THEN NOT pg_index_has_property(i.indexrelid, 'bitmap_scan') END
),
-- as far as whoever asks may read statistics: columns with ten values at least
columns_of_many AS MATERIALIZED (
	SELECT r.oid AS relid, s.attname, v.number
	FROM pg_stats s JOIN pg_namespace n ON n.nspname = s.schemaname JOIN pg_class r ON r.relnamespace = n.oid AND r.relname = s.tablename
		 CROSS JOIN LATERAL (SELECT CASE WHEN s.n_distinct < 0 THEN -s.n_distinct * r.reltuples ELSE s.n_distinct END AS number) v
	WHERE r.oid IN (SELECT i.relid FROM gin_indexes i UNION SELECT i.relid FROM approximate_indexes i) AND v.number >= 10
)
SELECT 'gin_without_tenant', 'info', format('%I on %s', i.name, t.name),
	   format('contains the rows of many tenants, and not column %s: a search for a small tenant takes as long as one for all. An index that begins with the column serves tenants of every size', t.key),
	   CASE WHEN i.columns IS NULL THEN NULL
			WHEN EXISTS (SELECT FROM pg_extension e WHERE e.extname = 'btree_gin')
			THEN format('CREATE INDEX %sON %s USING gin (%s, %s', CASE WHEN t.relkind = 'r' THEN 'CONCURRENTLY ' ELSE '' END, t.name, t.key, i.columns)
			ELSE format('CREATE EXTENSION btree_gin; CREATE INDEX ON %s USING gin (%s, %s', t.name, t.key, i.columns) END, 0
FROM t JOIN gin_indexes i ON i.relid = t.oid
WHERE t.status = 'guarded' AND t.partition_of IS NULL AND t.tenant_attnum <> ALL (i.attnums)
	  AND (t.oid, t.tenant_column) IN (SELECT m.relid, m.attname FROM columns_of_many m WHERE m.number >= 100)
	  -- an index of the same columns and the tenant's may be there already
	  AND NOT EXISTS (SELECT FROM gin_indexes o
					  WHERE o.relid = i.relid AND t.tenant_attnum = ANY (o.attnums) AND i.attnums <@ o.attnums
							AND o.expressions IS NOT DISTINCT FROM i.expressions AND o.condition IS NOT DISTINCT FROM i.condition)

-- An index for nearest neighbours returns a number of rows of all tenants. Where the planner may read the tenant's instead, an index that begins with the
-- tenant column serves every tenant; an iterative scan goes on until there are enough.
UNION ALL
SELECT 'vector_search_overfilters', 'warning', format('%I on %s', i.name, t.name),
	   format('returns the nearest rows of all tenants, of which those of other tenants are removed: a tenant with one row in a hundred gets fewer rows than LIMIT says, or none. %s',
			  CASE WHEN p.reads_exactly THEN format('With an index that begins with column %s, such a tenant''s rows are read and compared instead. So do iterative scans (%I.iterative_scan) find enough, and partitions of few tenants', t.key, i.amname)
				   ELSE format('Iterative scans (%I.iterative_scan) find enough, and so do partitions of one tenant each', i.amname) END),
	   CASE WHEN p.reads_exactly THEN format('CREATE INDEX %sON %s (%s)', CASE WHEN t.relkind = 'r' THEN 'CONCURRENTLY ' ELSE '' END, t.name, t.key)
			WHEN current_setting(i.amname || '.iterative_scan', true) IS NOT NULL THEN format('ALTER DATABASE %I SET %I.iterative_scan = %L', current_database(), i.amname, 'relaxed_order') END, 0
FROM t JOIN approximate_indexes i ON i.relid = t.oid
	 CROSS JOIN LATERAL (SELECT COALESCE(current_setting('tenant_guard.small_tenant_paths', true) = 'on', false) AND NOT t.has_rows_of_everyone AS reads_exactly) p
	 LEFT JOIN pg_partitioned_table a ON a.partrelid = t.oid
WHERE t.status = 'guarded' AND t.partition_of IS NULL AND a.partattrs[0] IS DISTINCT FROM t.tenant_attnum
	  AND (t.oid, t.tenant_column) IN (SELECT m.relid, m.attname FROM columns_of_many m)
	  AND COALESCE(current_setting(i.amname || '.iterative_scan', true), 'off') = 'off'
	  AND NOT (p.reads_exactly
			   AND EXISTS (SELECT FROM pg_index x JOIN pg_class c ON c.oid = x.indexrelid JOIN pg_am m ON m.oid = c.relam AND m.amname = 'btree'
						   WHERE x.indrelid = t.oid AND x.indisvalid AND x.indpred IS NULL AND x.indkey[0] = t.tenant_attnum))
$rules$;
COMMENT ON FUNCTION tenant_guard_internal.audit_gin_indexes() IS 'rules about indexes for searches; a part of audit()';

-- Foreign tables, which have no row-level security.
CREATE FUNCTION tenant_guard_internal.audit_foreign_tables() RETURNS SETOF tenant_guard_internal.finding
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $rules$
WITH RECURSIVE t AS MATERIALIZED (SELECT * FROM tenant_guard_internal.audited_tables),
guarded AS MATERIALIZED (SELECT * FROM t WHERE t.status IN ('guarded', 'damaged')),
unbound AS MATERIALIZED (SELECT * FROM tenant_guard_internal.unbound_roles),
open_to AS MATERIALIZED (SELECT * FROM tenant_guard_internal.open_relations),
-- what a query of a guarded table reads and writes
below_guarded (oid) AS (
	SELECT g.oid FROM guarded g
	UNION
	SELECT i.inhrelid FROM below_guarded b JOIN pg_inherits i ON i.inhparent = b.oid
)

-- a foreign table below a guarded one
SELECT 'foreign_part', 'error', c.oid::regclass::text,
	   format('is a foreign table and a part of %s: filters may be sent to its server before the tenant''s, and rows of any tenant can be written', i.inhparent::regclass),
	   CASE WHEN c.relispartition THEN format('ALTER TABLE %s DETACH PARTITION %s', i.inhparent::regclass, c.oid::regclass)
			ELSE format('ALTER FOREIGN TABLE %s NO INHERIT %s', c.oid::regclass, i.inhparent::regclass) END, 0
FROM pg_class c JOIN pg_inherits i ON i.inhrelid = c.oid
WHERE c.relkind = 'f' AND i.inhparent IN (SELECT b.oid FROM below_guarded b)

-- a foreign table with the tenant column
UNION ALL
SELECT 'foreign_table_exposes', 'error', t.name,
	   format('cannot have row-level security, and is open to %s', concat_ws(', ', CASE WHEN u.oid IS NULL THEN 'its owner ' || quote_ident(pg_get_userbyid(t.relowner)) END, o.roles)),
	   NULLIF(concat_ws('; ', format('REVOKE ALL ON %s FROM ', t.name) || o.roles,
						CASE WHEN u.oid IS NULL AND t.oid NOT IN (SELECT w.oid FROM tenant_guard_internal.relations_with_code w)
							 THEN format('ALTER FOREIGN TABLE %s OWNER TO %I', t.name, current_user) END), ''), 0
FROM t LEFT JOIN unbound u ON u.oid = t.relowner LEFT JOIN open_to o ON o.oid = t.oid
WHERE t.relkind = 'f' AND t.status = 'unguarded' AND t.tenant_attnum IS NOT NULL AND (u.oid IS NULL OR o.oid IS NOT NULL)
$rules$;
COMMENT ON FUNCTION tenant_guard_internal.audit_foreign_tables() IS 'rules about foreign tables; a part of audit()';

-- Policies of the application on guarded tables.
CREATE FUNCTION tenant_guard_internal.audit_policies() RETURNS SETOF tenant_guard_internal.finding
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $rules$
WITH t AS MATERIALIZED (SELECT * FROM tenant_guard_internal.audited_tables),
guarded AS MATERIALIZED (SELECT * FROM t WHERE t.status IN ('guarded', 'damaged')),
functions AS MATERIALIZED (SELECT * FROM tenant_guard_internal.user_functions),
-- few, where every guarded table has policies: so this is first
calls AS MATERIALIZED (
	SELECT p.polname, p.polrelid, f.oid, f.name
	FROM functions f JOIN pg_depend d ON d.classid = 'pg_policy'::regclass AND d.refclassid = 'pg_proc'::regclass AND d.refobjid = f.oid
		 JOIN pg_policy p ON p.oid = d.objid
	WHERE f.lanname NOT IN ('c', 'internal') AND f.prosqlbody IS NULL AND NOT f.pinned
)

-- a policy that calls a function whose meaning the caller's search_path decides
SELECT DISTINCT 'policy_reads_unsafe_function', 'warning', format('%I on %s', k.polname, t.name),
	   format('calls %s, whose search_path is its caller''s', k.name),
	   format('ALTER FUNCTION %s SET search_path = pg_catalog, %I, pg_temp', k.name, n.nspname), 0
FROM calls k JOIN guarded t ON t.oid = k.polrelid
	 JOIN pg_proc r ON r.oid = k.oid JOIN pg_namespace n ON n.oid = r.pronamespace

-- restrictive policies are evaluated in the order of their names, where each command has its own those of one command
UNION ALL
SELECT 'policy_before_isolation', 'warning', format('%I on %s', p.polname, t.name),
	   format('its name sorts before %s: it is evaluated on every tenant''s rows, and an error or notice of it may tell of them', i.policy),
	   format('ALTER POLICY %I ON %s RENAME TO %I', p.polname, t.name,
			  -- a name takes what fits of it
			  (SELECT n.name FROM (VALUES (format('%s_%s', i.policy, p.polname)::name, 1), (format('%s_%s', i.policy, md5(p.polname))::name, 2)) n (name, place)
			   WHERE NOT EXISTS (SELECT FROM pg_policy o WHERE o.polrelid = p.polrelid AND o.polname = n.name) ORDER BY n.place LIMIT 1)), 0
FROM pg_policy p JOIN t ON t.oid = p.polrelid AND t.status = 'guarded' CROSS JOIN tenant_guard_internal.isolation_policy() o (policy)
	 CROSS JOIN LATERAL (SELECT CASE WHEN NOT t.has_rows_of_everyone OR p.polcmd IN ('r', 'a') THEN o.policy
									 WHEN p.polcmd = 'd' THEN 'tenant_isolation_deletes' ELSE 'tenant_isolation_updates' END) i (policy)
WHERE NOT p.polpermissive AND p.polname < i.policy
$rules$;
COMMENT ON FUNCTION tenant_guard_internal.audit_policies() IS 'rules about policies; a part of audit()';

--
-- Rules about keys
--
-- Foreign keys between guarded tables.
CREATE FUNCTION tenant_guard_internal.audit_foreign_keys() RETURNS SETOF tenant_guard_internal.finding
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $rules$
WITH t AS MATERIALIZED (SELECT * FROM tenant_guard_internal.audited_tables),
guarded AS MATERIALIZED (SELECT * FROM t WHERE t.status IN ('guarded', 'damaged')),
broken AS MATERIALIZED (SELECT b.* FROM tenant_guard.broken_invariants() b JOIN t ON t.oid = b.relation),
foreign_keys AS MATERIALIZED (SELECT * FROM tenant_guard_internal.foreign_keys()),
-- those between guarded tables: what a key says of tenants, and what one that crosses would say with the row's own
guarded_keys AS MATERIALIZED (
	SELECT k.*, c.name AS child, p.name AS parent, v.kind, v.own_tenants_key
	FROM guarded c CROSS JOIN LATERAL tenant_guard_internal.key_kinds(c.oid) v
		 JOIN foreign_keys k ON k.oid = v.foreign_key JOIN guarded p ON p.oid = k.confrelid
)

-- a foreign key between guarded tables that does not carry the tenant, and has no companion that does (src/foreign_keys/companion_key.c);
-- of a table all that one remedy pairs
SELECT 'unpaired_foreign_key', 'error', CASE count(*) WHEN 1 THEN format('%I on %s', min(k.conname), k.child) ELSE k.child END,
	   CASE count(*) WHEN 1 THEN format('may reference rows of another tenant in %s', min(k.parent))
			ELSE format('%s foreign keys may reference rows of another tenant: %s', count(*), string_agg(format('%I to %s', k.conname, k.parent), ', ' ORDER BY k.conname)) END,
	   format('SELECT tenant_guard.pair_foreign_keys(%L)', k.child), 0
FROM guarded_keys k
WHERE k.kind = 'unpaired' AND (k.conrelid, k.conname) IN (SELECT b.relation, b.foreign_key FROM broken b WHERE b.invariant = 'key_unpaired')
GROUP BY k.conrelid, k.child

-- one by which something else than the tenant column says whose the referenced row is
UNION ALL
SELECT 'unpaired_foreign_key', CASE k.kind WHEN 'names_tenant' THEN 'warning' ELSE 'error' END, format('%I on %s', k.conname, k.child),
	   CASE k.kind WHEN 'crosses_tenants' THEN format('references rows of any tenant in %s: what says whose is not the tenant column', k.parent)
			WHEN 'names_tenant' THEN format('names another tenant of %s, and tells whether it exists', k.parent)
			ELSE format('may reference rows of another tenant in %s', k.parent) END,
	   CASE k.kind WHEN 'crosses_tenants' THEN format('ALTER TABLE %s DROP CONSTRAINT %I, ADD %s', k.child, k.conname, k.own_tenants_key)
			WHEN 'reaches_everyone' THEN format('SELECT tenant_guard.pair_foreign_keys(%L)', k.child) END, 0
FROM guarded_keys k
WHERE k.kind IN ('names_tenant', 'crosses_tenants')
	  OR k.kind <> 'unpaired' AND (k.conrelid, k.conname) IN (SELECT b.relation, b.foreign_key FROM broken b WHERE b.invariant = 'key_unpaired')

-- one that does, and was added without looking at the rows that were there, or looks at none
UNION ALL
SELECT 'foreign_key_not_valid', 'warning', format('%I on %s', k.conname, k.child),
	   CASE WHEN k.enforced THEN format('was never checked: rows that were there may reference another tenant''s in %s', k.parent)
			ELSE format('is not enforced: rows may reference another tenant''s in %s', k.parent) END,
	   CASE WHEN k.enforced THEN format('ALTER TABLE %s VALIDATE CONSTRAINT %I', k.child, k.conname)
			ELSE format('ALTER TABLE %s ALTER CONSTRAINT %I ENFORCED', k.child, k.conname) END, 0
FROM guarded_keys k
WHERE k.kind = 'carries_tenant' AND NOT (k.convalidated AND k.enforced)

-- one that does, and whose triggers a superuser has disabled, as pg_restore --disable-triggers does while it loads rows
UNION ALL
SELECT 'foreign_key_disabled', 'error', format('%I on %s', k.conname, k.child),
	   format('is not kept: triggers of it are disabled, and rows may reference another tenant''s in %s', k.parent),
	   string_agg(format('ALTER TABLE %s ENABLE TRIGGER %I', g.tgrelid::regclass, g.tgname), '; ' ORDER BY g.oid), 0
FROM guarded_keys k JOIN pg_trigger g ON g.tgconstraint = k.oid AND g.tgenabled NOT IN ('O', 'A')
WHERE k.kind = 'carries_tenant'
GROUP BY k.oid, k.conname, k.child, k.parent
$rules$;
COMMENT ON FUNCTION tenant_guard_internal.audit_foreign_keys() IS 'rules about foreign keys between guarded tables; a part of audit()';

-- Actions of foreign keys on rows of guarded tables.
CREATE FUNCTION tenant_guard_internal.audit_key_actions() RETURNS SETOF tenant_guard_internal.finding
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $rules$
WITH t AS MATERIALIZED (SELECT * FROM tenant_guard_internal.audited_tables),
guarded AS MATERIALIZED (SELECT * FROM t WHERE t.status IN ('guarded', 'damaged')),
foreign_keys AS MATERIALIZED (SELECT * FROM tenant_guard_internal.foreign_keys()),
unbound AS MATERIALIZED (SELECT * FROM tenant_guard_internal.unbound_roles),
grants AS MATERIALIZED (SELECT * FROM tenant_guard_internal.granted_privileges),
without_library AS MATERIALIZED (SELECT * FROM tenant_guard_internal.roles_without_library),
-- those from guarded tables to others; "parent_column" is what the tenant column references
outer_keys AS MATERIALIZED (
	SELECT k.*, (SELECT a.attname FROM unnest(k.conkey, k.confkey) AS pair (child, parent) JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = pair.parent
				 WHERE pair.child = c.tenant_attnum LIMIT 1) AS parent_column,
		   (SELECT p.status FROM t p WHERE p.oid = k.confrelid) AS parent_status
	FROM foreign_keys k JOIN guarded c ON c.oid = k.conrelid
	WHERE k.confrelid NOT IN (SELECT g.oid FROM guarded g)
),
-- May a session be without the library's hooks?
hooks AS MATERIALIZED (
	SELECT NOT tenant_guard.library_preloaded() OR EXISTS (SELECT FROM without_library w WHERE w.statement IS NOT NULL) AS missing
),
-- those of them that have actions, with what allows them
acting AS MATERIALIZED (
	SELECT k.confrelid::regclass AS parent, k.parent_column IS NOT NULL AS of_tenant, format('%I on %s', k.conname, c.name) AS key, a.actions,
		   a.by IS NOT NULL AS granted, a.crosses AND h.missing AS open,
		   concat(CASE WHEN NOT a.crosses THEN '' WHEN NOT h.missing THEN '; refused where the row is another tenant''s'
					   ELSE '; in a session that has not loaded the library nothing is refused' END,
				  '; triggers see those rows, and may copy them to where this tenant reads: ' || s.triggers) AS more,
		   CASE WHEN v.guards THEN format('SELECT tenant_guard.protect(%L, %L)', k.confrelid::regclass, k.parent_column) END AS remedy,
		   -- whether an application has to change such rows is its decision
		   CASE WHEN NOT v.guards THEN a.revokes END AS revokes
	FROM outer_keys k JOIN guarded c ON c.oid = k.conrelid CROSS JOIN hooks h
		 CROSS JOIN LATERAL (SELECT k.parent_column IS NOT NULL AND k.parent_status = 'unguarded' AS guards) v
		 CROSS JOIN LATERAL (SELECT string_agg(DISTINCT format('ON %s %s', x.privilege, x.action), ', ') AS actions,
									bool_or(x.crosses AND g.grantee IS NOT NULL) AS crosses, bool_or(NOT x.crosses) AS sets,
									max(x.privilege) FILTER (WHERE g.grantee IS NOT NULL) AS by,
									string_agg(DISTINCT format('REVOKE %s%s ON %s FROM %s', x.privilege, CASE WHEN g.attnum IS NOT NULL THEN (SELECT format(' (%I)', n.attname) FROM pg_attribute n WHERE n.attrelid = k.confrelid AND n.attnum = g.attnum) END,
																	 k.confrelid::regclass, CASE WHEN g.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(g.grantee)) END), '; ')
										FILTER (WHERE g.grantee IS NOT NULL) AS revokes
							 FROM (SELECT d.privilege, CASE d.type WHEN 'c' THEN 'CASCADE' WHEN 'n' THEN 'SET NULL' WHEN 'd' THEN 'SET DEFAULT' END,
										  d.type = 'c' OR c.tenant_attnum = ANY (CASE WHEN cardinality(d.columns) > 0 THEN d.columns ELSE k.conkey END)
								   FROM (VALUES ('DELETE', k.confdeltype, k.confdelsetcols), ('UPDATE', k.confupdtype, NULL)) AS d (privilege, type, columns)) AS x (privilege, action, crosses)
								  LEFT JOIN grants g ON g.relation = k.confrelid AND g.privilege = x.privilege AND (g.attnum IS NULL OR g.attnum = ANY (k.confkey))
							 WHERE x.action IS NOT NULL) a
		 -- for each row that is updated, or with transition tables
		 CROSS JOIN LATERAL (SELECT string_agg(DISTINCT quote_ident(g.tgname), ', ') AS triggers
							 FROM pg_trigger g
							 WHERE a.sets AND (g.tgrelid = c.oid OR g.tgrelid IN (SELECT p.relid FROM pg_partition_tree(c.oid) p))
								   AND NOT g.tgisinternal AND g.tgenabled <> 'D' AND g.tgtype & 16 <> 0
								   AND (g.tgtype & 1 <> 0 OR g.tgoldtable IS NOT NULL OR g.tgnewtable IS NOT NULL)) s
	WHERE a.actions IS NOT NULL AND (k.parent_column IS NULL OR a.by IS NOT NULL)
)

-- A key by which a change to a table that is not guarded is one to rows of tenants. CASCADE onto another tenant's row,
-- and what changes a row's tenant, is refused where the library is loaded, and nowhere else; SET NULL and SET DEFAULT of
-- other columns go on. By the tenant column it is a key to the tenants' own table, or to one of which each row is a
-- tenant's: then that one can be guarded. Of one table all keys
-- that one statement covers are one finding.
SELECT 'cascade_from_outside', CASE WHEN NOT k.granted THEN 'info' WHEN k.open THEN 'error' ELSE 'warning' END, CASE count(*) WHEN 1 THEN min(k.key) ELSE k.parent::text END,
	   format(CASE WHEN k.of_tenant THEN 'whoever may change a tenant''s row of %s, which is not guarded, changes the tenant''s rows' ELSE 'whoever may change a row of %s, which is not guarded, changes every tenant''s rows that reference it' END,
			  k.parent)
	   || CASE count(*) WHEN 1 THEN ': ' || min(k.actions)
			   ELSE format(', by %s foreign keys: %s%s', count(*), array_to_string((array_agg(format('%s (%s)', k.key, k.actions) ORDER BY k.key))[1:10], ', '), CASE WHEN count(*) > 10 THEN ', ...' END) END
	   || k.more || COALESCE('. Where no application needs the privilege: ' || k.revokes, ''),
	   k.remedy, 0
FROM acting k
GROUP BY k.parent, k.granted, k.open, k.of_tenant, k.more, k.remedy, k.revokes

-- An action that sets the tenant column, too, of a key that carries the tenant: it fails on each row that it finds.
UNION ALL
SELECT 'key_action_sets_tenant', 'warning', format('%I on %s', k.conname, c.name),
	   format('ON DELETE SET NULL sets column %s, too: a DELETE of a row of %s fails if a row references it', c.key, k.confrelid::regclass),
	   CASE WHEN cardinality(k.conkey) > 1 AND d.definition ~ d.action
			THEN format('ALTER TABLE %1$s DROP CONSTRAINT %2$I, ADD CONSTRAINT %2$I %3$s', c.name, k.conname,
						regexp_replace(d.definition, d.action, replace(format(' ON DELETE SET NULL (%s)', d.others), '\', '\\') || '\1')) END, 0
FROM foreign_keys k JOIN guarded c ON c.oid = k.conrelid AND c.tenant_attnum = ANY (CASE WHEN cardinality(k.confdelsetcols) > 0 THEN k.confdelsetcols ELSE k.conkey END)
	 JOIN guarded p ON p.oid = k.confrelid
	 CROSS JOIN LATERAL (SELECT pg_get_constraintdef(k.oid) AS definition,
								' ON DELETE SET NULL(?: \([^()]*\))?((?: (?:NOT )?(?:DEFERRABLE|ENFORCED|VALID)| INITIALLY (?:DEFERRED|IMMEDIATE))*)$' AS action,
								(SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY u.place)
								 FROM unnest(k.conkey) WITH ORDINALITY AS u (attnum, place) JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.attnum
								 WHERE u.attnum <> c.tenant_attnum) AS others) d
WHERE k.confdeltype = 'n'

-- a table whose keys act on its rows as an owner who sees all of them
UNION ALL
SELECT 'cascade_as_unbound_owner', CASE WHEN h.missing THEN 'warning' ELSE 'info' END, g.name,
	   format('foreign key %I acts on its rows as the owner %I, who %s: %s', min(k.conname), u.rolname, u.why,
			  CASE WHEN h.missing THEN 'its errors may show other tenants'' rows'
				   ELSE 'the server log may show rows in its errors' END), NULL, 0
FROM foreign_keys k JOIN guarded g ON g.oid = k.conrelid JOIN unbound u ON u.oid = g.relowner CROSS JOIN hooks h
WHERE k.confdeltype IN ('c', 'n', 'd') OR k.confupdtype IN ('c', 'n', 'd')
GROUP BY g.oid, g.name, u.rolname, u.why, h.missing
$rules$;
COMMENT ON FUNCTION tenant_guard_internal.audit_key_actions() IS 'rules about actions of foreign keys; a part of audit()';

-- Functions that foreign keys and their actions call.
CREATE FUNCTION tenant_guard_internal.audit_key_functions() RETURNS SETOF tenant_guard_internal.finding
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $rules$
WITH RECURSIVE guarded AS MATERIALIZED (SELECT * FROM tenant_guard_internal.guarded_tables),
-- tables that the actions of keys reach from those of a role with rights over tenants
reached_by_actions (oid, role) AS (
	SELECT c.oid, c.relowner FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner
	WHERE c.relkind IN ('r', 'p') AND (r.rolsuper OR c.relowner IN (SELECT g.relowner FROM guarded g))
	UNION
	SELECT k.conrelid, a.role FROM reached_by_actions a JOIN pg_constraint k ON k.confrelid = a.oid
	WHERE k.contype = 'f' AND (k.confdeltype IN ('c', 'n', 'd') OR k.confupdtype IN ('c', 'n', 'd'))
)

-- a key that calls a function of another role as an owner of guarded tables: it existed before the table was guarded, or a script created it
SELECT DISTINCT ON (k.oid) 'key_calls_function', 'error', format('%I on %s', k.conname, k.conrelid::regclass),
	   format('calls function %s of role %I as role %I, which owns guarded tables', f.oid::regprocedure, f.proowner::regrole, p.relowner::regrole),
	   format('ALTER TABLE %s DROP CONSTRAINT %I', k.conrelid::regclass, k.conname), 0
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_class p ON p.oid = k.confrelid JOIN pg_roles r ON r.oid = p.relowner
	 CROSS JOIN unnest(k.conpfeqop, k.conkey, k.confkey) AS x (operator, child, parent) JOIN pg_operator o ON o.oid = x.operator
	 JOIN pg_attribute a ON (a.attrelid, a.attnum) IN ((k.conrelid, x.child), (k.confrelid, x.parent))
	 JOIN pg_cast n ON n.casttarget IN (o.oprleft, o.oprright)
	 JOIN pg_proc f ON f.oid = n.castfunc AND f.proowner <> p.relowner JOIN pg_roles w ON w.oid = f.proowner AND NOT w.rolsuper
WHERE k.contype = 'f' AND k.conparentid = 0 AND c.relowner <> p.relowner
	  AND (r.rolsuper OR p.relowner IN (SELECT g.relowner FROM guarded g))
	  AND n.casttarget = CASE WHEN a.attrelid = k.confrelid AND a.attnum = x.parent THEN o.oprleft ELSE o.oprright END
	  AND n.castsource = (WITH RECURSIVE b (type) AS (
							  SELECT a.atttypid
							  UNION ALL
							  SELECT d.typbasetype FROM b JOIN pg_type d ON d.oid = b.type AND d.typtype = 'd')
						  SELECT b.type FROM b JOIN pg_type e ON e.oid = b.type WHERE e.typtype <> 'd')

-- a trigger that a key's action fires: before PostgreSQL 18 an AFTER trigger runs as whoever changes the other table, most often its owner
UNION ALL
SELECT 'key_calls_function', 'warning', format('%I on %s', g.tgname, g.tgrelid::regclass),
	   format('calls function %1$s of role %2$I as who changes tables of role %3$s, with rights over guarded tables: actions of keys fire it; as SECURITY DEFINER it would run as role %2$I',
			  f.oid::regprocedure, f.proowner::regrole, string_agg(DISTINCT quote_ident(pg_get_userbyid(a.role)), ', ')), NULL, 0
FROM reached_by_actions a JOIN pg_class c ON c.oid = a.oid AND c.relowner <> a.role JOIN pg_trigger g ON g.tgrelid = a.oid
	 JOIN pg_proc f ON f.oid = g.tgfoid AND NOT f.prosecdef AND f.proowner <> a.role JOIN pg_roles w ON w.oid = f.proowner AND NOT w.rolsuper
WHERE current_setting('server_version_num')::int < 180000 AND NOT g.tgisinternal AND g.tgenabled <> 'D'
	  AND g.tgtype & 66 = 0 AND g.tgtype & 24 <> 0 -- AFTER; DELETE or UPDATE
GROUP BY g.oid, g.tgname, g.tgrelid, f.oid, f.proowner
$rules$;
COMMENT ON FUNCTION tenant_guard_internal.audit_key_functions() IS 'rules about functions that foreign keys call; a part of audit()';

-- Keys that are unique over all tenants.
CREATE FUNCTION tenant_guard_internal.audit_unique_keys() RETURNS SETOF tenant_guard_internal.finding
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $rules$
WITH guarded AS MATERIALIZED (SELECT * FROM tenant_guard_internal.guarded_tables),
-- foreign keys that need an index
uses AS MATERIALIZED (
	SELECT f.conindid AS index, string_agg(quote_ident(f.conname), ', ' ORDER BY f.conname) AS needed_by
	FROM pg_constraint f WHERE f.contype = 'f' AND f.conparentid = 0
	GROUP BY f.conindid
),
-- columns that reference a guarded table
referencing AS MATERIALIZED (
	SELECT f.conrelid AS relation, c.attnum
	FROM tenant_guard_internal.foreign_keys() f JOIN guarded p ON p.oid = f.confrelid CROSS JOIN unnest(f.conkey) AS c (attnum)
),
-- unique indexes and exclusion constraints of guarded tables whose key has no tenant column. "private" is a key that
-- holds what nobody guesses, or what another rule keeps inside the tenant.
keys AS MATERIALIZED (
	SELECT g.oid, g.name, g.key, g.relowner, i.indexrelid, i.indisexclusion AS excludes, k.oid AS constraint, k.conname, k.contype,
		   c.relname AS index,
		   pg_get_constraintdef(k.oid) AS definition, u.needed_by,
		   i.indnkeyatts, v.random, v.numbered, v.random OR v.numbered OR v.owned AS private
	FROM guarded g
		 JOIN pg_index i ON i.indrelid = g.oid AND (i.indisunique OR i.indisexclusion)
		 JOIN pg_class c ON c.oid = i.indexrelid AND NOT c.relispartition
		 LEFT JOIN uses u ON u.index = i.indexrelid
		 LEFT JOIN pg_constraint k ON k.conindid = i.indexrelid AND k.conrelid = g.oid AND k.contype IN ('p', 'u', 'x')
		 CROSS JOIN LATERAL (SELECT COALESCE(bool_or(a.atttypid = 'uuid'::regtype), false) AS random,
									COALESCE(bool_or(a.attidentity <> '' OR pg_get_expr(d.adbin, d.adrelid) LIKE 'nextval(%'), false) AS numbered,
									COALESCE(bool_or((g.oid, n) IN (SELECT r.relation, r.attnum FROM referencing r)), false) AS owned
							 FROM unnest(i.indkey::int2[]) n JOIN pg_attribute a ON a.attrelid = g.oid AND a.attnum = n
								  LEFT JOIN pg_attrdef d ON d.adrelid = g.oid AND d.adnum = n) v
	WHERE g.tenant_attnum <> ALL ((i.indkey::int2[])[0:i.indnkeyatts - 1])
)

-- a key that is unique over all tenants: an error, or a lock wait, tells that another tenant has the value
SELECT 'unique_without_tenant', 'warning', format('%I on %s', k.index, k.name),
	   CASE WHEN k.needed_by IS NOT NULL THEN format('is unique over all tenants, and foreign keys need it: %s', k.needed_by)
			WHEN k.excludes THEN 'holds over all tenants: an error tells that another tenant has a row that conflicts'
			ELSE format('is unique over all tenants: an error tells that another tenant has the value. If each tenant may have it, %s comes first in '
						'the key, and in each ON CONFLICT, GROUP BY and REFERENCES that names its column%s', k.key,
						CASE WHEN k.indnkeyatts > 1 THEN 's' END) END,
	   -- whether a value may be used once or once a tenant is the application's decision, and what it says in ON CONFLICT nobody else knows
	   CASE WHEN k.needed_by IS NULL AND k.excludes
			THEN concat_ws('; ', CASE WHEN k.definition LIKE 'EXCLUDE USING gist %' THEN 'CREATE EXTENSION IF NOT EXISTS btree_gist' END,
						   format('ALTER TABLE %s DROP CONSTRAINT %I, ADD CONSTRAINT %I %s', k.name, k.conname, k.conname,
								  regexp_replace(k.definition, '\(', '(' || replace(k.key, '\', '\\') || CASE WHEN k.contype = 'x' THEN ' WITH =, ' ELSE ', ' END))) END, 0
FROM keys k WHERE k.excludes OR NOT k.private

-- one that tells nothing of the kind: for each reason one finding
UNION ALL
SELECT 'unique_without_tenant', 'info', CASE count(*) WHEN 1 THEN min(k.key) ELSE current_database() END,
	   CASE count(*) WHEN 1 THEN 'is unique over all tenants; ' || k.reason
			ELSE format('%s keys are unique over all tenants; of each %s: %s%s', count(*), regexp_replace(k.reason, '^its| of it', CASE WHEN k.reason LIKE 'its%' THEN 'the' ELSE '' END), array_to_string((array_agg(k.key ORDER BY k.key))[1:10], ', '), CASE WHEN count(*) > 10 THEN ', ...' END) END,
	   NULL, 0
FROM (SELECT format('%I on %s', k.index, k.name) AS key,
			 CASE WHEN k.random THEN 'its values are not easily guessed'
				  WHEN k.numbered THEN 'its values come from a sequence, which tells how many rows there are'
				  ELSE 'a column of it references a guarded table, and so a row of one tenant' END AS reason
	  FROM keys k WHERE k.private AND NOT k.excludes) k
GROUP BY k.reason
$rules$;
COMMENT ON FUNCTION tenant_guard_internal.audit_unique_keys() IS 'rules about unique keys; a part of audit()';

--
-- Rules about views, functions and triggers
--
-- Views, materialized views and rules.
CREATE FUNCTION tenant_guard_internal.audit_views() RETURNS SETOF tenant_guard_internal.finding
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $rules$
WITH unbound AS MATERIALIZED (SELECT * FROM tenant_guard_internal.unbound_roles),
named_by AS MATERIALIZED (SELECT * FROM tenant_guard_internal.named_relations),
views AS MATERIALIZED (SELECT * FROM tenant_guard_internal.views_of_guarded),
touchable AS MATERIALIZED (SELECT * FROM tenant_guard_internal.bypassable_relations),
open_to AS MATERIALIZED (SELECT * FROM tenant_guard_internal.open_relations),
left_alone AS MATERIALIZED (SELECT * FROM tenant_guard_internal.schemas_left_alone)

-- a view that reads for its owner, whom row-level security does not bind
SELECT 'view_bypasses', 'error', v.name,
	   format('reads %s as its owner %I, who %s', (SELECT string_agg(g.name, ', ' ORDER BY g.name) FROM named_by n JOIN touchable g ON g.oid = n.names WHERE n.relation = v.oid),
			  u.rolname, u.why),
	   format('ALTER VIEW %s SET (security_invoker = true)', v.name), 0
FROM views v JOIN unbound u ON u.oid = v.relowner
WHERE v.relkind = 'v' AND NOT v.invoker
	  AND EXISTS (SELECT FROM named_by n JOIN touchable g ON g.oid = n.names WHERE n.relation = v.oid)

-- so does a rule, for the owner of its table
UNION ALL
SELECT 'rule_bypasses', 'error', format('%I on %s', r.rulename, r.ev_class::regclass),
	   format('reads or writes %s with the privileges of role %I, which owns the rule''s table and %s; a trigger in its place would run as the user', string_agg(DISTINCT g.name, ', '), u.rolname, u.why), NULL, 0
FROM named_by n JOIN pg_rewrite r ON r.oid = n.rule AND r.ev_type <> '1'
	 JOIN touchable g ON g.oid = n.names
	 JOIN pg_class c ON c.oid = n.relation AND c.relnamespace NOT IN (SELECT schema FROM left_alone)
	 JOIN unbound u ON u.oid = c.relowner
GROUP BY r.rulename, r.ev_class, u.rolname, u.why

-- a materialized view contains the rows of every tenant, and cannot have row-level security
UNION ALL
SELECT 'materialized_view_exposes', 'error', v.name,
	   format('keeps rows of %s, and is open to %s', v.guarded, concat_ws(', ', CASE WHEN u.oid IS NULL THEN 'its owner ' || quote_ident(pg_get_userbyid(v.relowner)) END, o.roles))
	   || CASE WHEN u.oid IS NULL AND r.runs_code THEN '. No superuser should own it: its query calls functions of ordinary roles' ELSE '' END,
	   NULLIF(concat_ws('; ', format('REVOKE ALL ON %s FROM ', v.name) || o.roles,
						CASE WHEN u.oid IS NULL AND NOT r.runs_code THEN format('ALTER MATERIALIZED VIEW %s OWNER TO %I', v.name, current_user) END), ''), 0
FROM views v LEFT JOIN unbound u ON u.oid = v.relowner LEFT JOIN open_to o ON o.oid = v.oid
	 CROSS JOIN LATERAL (SELECT v.oid IN (SELECT w.oid FROM tenant_guard_internal.relations_with_code w) AS runs_code) r
WHERE v.relkind = 'm' AND (u.oid IS NULL OR o.oid IS NOT NULL)
$rules$;
COMMENT ON FUNCTION tenant_guard_internal.audit_views() IS 'rules about views and rules; a part of audit()';

-- SECURITY DEFINER functions.
CREATE FUNCTION tenant_guard_internal.audit_definers() RETURNS SETOF tenant_guard_internal.finding
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $rules$
WITH guarded AS MATERIALIZED (SELECT * FROM tenant_guard_internal.guarded_tables),
unbound AS MATERIALIZED (SELECT * FROM tenant_guard_internal.unbound_roles),
functions AS MATERIALIZED (SELECT * FROM tenant_guard_internal.user_functions),
touches AS MATERIALIZED (SELECT * FROM tenant_guard_internal.named_in_functions),
-- SECURITY DEFINER functions, those of extensions too
definers AS MATERIALIZED (
	SELECT p.oid, p.oid::regprocedure::text AS name, p.prosrc, p.proowner, p.prorettype, l.lanname, f.oid IS NULL AS of_extension,
		   EXISTS (SELECT FROM unnest(p.proconfig) s WHERE s ~* '^tenant_guard\.bypass=(on|1|t|tr|tru|true|y|ye|yes)$') AS declares_bypass,
		   EXISTS (SELECT FROM aclexplode(COALESCE(p.proacl, acldefault('f', p.proowner))) e WHERE e.grantee = 0) AS for_everyone
	FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang LEFT JOIN functions f ON f.oid = p.oid
	WHERE p.prosecdef
),
-- functions that triggers of guarded tables call, and the roles that own tables with such triggers, whichever they are
fired AS MATERIALIZED (
	SELECT g.tgfoid AS function, string_agg(DISTINCT format('trigger %I on %s', g.tgname, t.name), ', ') AS triggers,
		   string_agg(DISTINCT quote_ident(r.rolname), ', ') FILTER (WHERE NOT r.rolsuper) AS owners
	FROM pg_trigger g JOIN guarded t ON t.oid = g.tgrelid JOIN pg_roles r ON r.oid = t.relowner
	WHERE NOT g.tgisinternal AND g.tgparentid = 0
	GROUP BY g.tgfoid
),
-- the roles that were granted something to do with rows of users' tables, guarded already or not yet
workers AS MATERIALIZED (
	SELECT string_agg(DISTINCT quote_ident(pg_get_userbyid(e.grantee)), ', ') AS roles
	FROM tenant_guard_internal.granted_privileges e
	WHERE e.grantee <> 0 AND e.relation IN (SELECT t.oid FROM tenant_guard_internal.audited_tables t) AND e.privilege IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE')
)

-- a SECURITY DEFINER function that names guarded tables, of a role whom row-level security does not bind; or one that triggers of
-- guarded tables call, and that puts names together at run time, or is in C: also of an extension, as one that keeps a history.
-- A trigger function writes for the row that fires it: a superuser's is to say that it means it (src/bypass/access_refusals.c has the
-- same hint). As the table's owner, or as its caller, it would lack the privileges for what it writes.
SELECT 'definer_function_bypasses', CASE WHEN x.guarded IS NULL THEN 'warning' ELSE 'error' END, f.name,
	   format('runs as %I, who %s, ', u.rolname, u.why)
	   || CASE WHEN x.guarded IS NOT NULL THEN format('and names %s; one that means it declares SET tenant_guard.bypass = on', x.guarded)
			   ELSE format('for %s: if it reads or writes guarded tables, the statement that fires it is refused', g.triggers) END,
	   CASE WHEN f.prorettype <> 'trigger'::regtype THEN format('ALTER ROUTINE %s SECURITY INVOKER', f.name)
			WHEN u.rolsuper THEN concat_ws('; ', format('ALTER FUNCTION %s SET tenant_guard.bypass = on', f.name),
										   CASE WHEN f.for_everyone AND NOT f.of_extension THEN format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', f.name) END,
										   CASE WHEN f.for_everyone AND NOT f.of_extension THEN format('GRANT EXECUTE ON FUNCTION %s TO ', f.name) || g.owners END) END, 0
FROM definers f LEFT JOIN touches x ON x.function = f.oid LEFT JOIN fired g ON g.function = f.oid JOIN unbound u ON u.oid = f.proowner
WHERE NOT f.declares_bypass
	  AND (x.guarded IS NOT NULL OR g.function IS NOT NULL AND (f.lanname IN ('c', 'internal') OR f.prosrc ~* '\mexecute\M'))

-- one that means it, and lets everyone: of a trigger, who may call it may put it on a table of its own
UNION ALL
SELECT 'bypass_for_everyone', 'warning', f.name, 'declares tenant_guard.bypass, and every role may call it',
	   concat_ws('; ', format('REVOKE EXECUTE ON ROUTINE %s FROM PUBLIC', f.name),
				 -- roles that work with tenants' rows go on to call it, and owners to make triggers of it
				 format('GRANT EXECUTE ON ROUTINE %s TO ', f.name) || CASE WHEN f.prorettype = 'trigger'::regtype THEN g.owners ELSE (SELECT w.roles FROM workers w) END), 0
FROM definers f LEFT JOIN fired g ON g.function = f.oid
WHERE f.declares_bypass AND f.for_everyone AND NOT f.of_extension
$rules$;
COMMENT ON FUNCTION tenant_guard_internal.audit_definers() IS 'rules about SECURITY DEFINER functions; a part of audit()';

-- Other functions, and triggers that call them.
CREATE FUNCTION tenant_guard_internal.audit_functions() RETURNS SETOF tenant_guard_internal.finding
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $rules$
WITH guarded AS MATERIALIZED (SELECT * FROM tenant_guard_internal.guarded_tables),
unbound AS MATERIALIZED (SELECT * FROM tenant_guard_internal.unbound_roles),
functions AS MATERIALIZED (SELECT * FROM tenant_guard_internal.user_functions),
foreign_keys AS MATERIALIZED (SELECT * FROM tenant_guard_internal.foreign_keys()),
touches AS MATERIALIZED (SELECT * FROM tenant_guard_internal.named_in_functions)

-- a function that the planner may run on rows of other tenants, as its owner says that it tells nothing
SELECT 'leakproof_function', 'warning', f.name, 'is LEAKPROOF: it may be called with values of any tenant''s rows',
	   format('ALTER FUNCTION %s NOT LEAKPROOF', f.name), 0
FROM functions f WHERE f.proleakproof

-- functions that a superuser has let filters call beside the tenant's
UNION ALL
SELECT 'trusted_function', 'info', f.function::text, 'is labelled trusted: filters may call it with values of any tenant''s rows',
	   format('SECURITY LABEL FOR tenant_guard ON FUNCTION %s IS NULL', f.function), 0
FROM tenant_guard.trusted_functions f WHERE f.declared_by = 'label'

-- a trigger that a foreign key's action fires runs as the owner of the table, not as the user
UNION ALL
SELECT 'trigger_runs_as_owner', 'warning', format('%I on %s', g.tgname, t.name),
	   format('a cascade of foreign key %I fires it as %I, who %s, and it names %s', min(k.conname), pg_get_userbyid(t.relowner), u.why, min(x.guarded)), NULL, 0
FROM pg_trigger g
	 JOIN guarded t ON t.oid = g.tgrelid
	 JOIN foreign_keys k ON k.conrelid = t.oid
							AND ((k.confdeltype = 'c' AND g.tgtype & 8 <> 0) OR (k.confdeltype IN ('n', 'd') AND g.tgtype & 16 <> 0)
								 OR (k.confupdtype IN ('c', 'n', 'd') AND g.tgtype & 16 <> 0))
	 JOIN functions f ON f.oid = g.tgfoid AND NOT f.prosecdef AND NOT f.declares_bypass
	 JOIN touches x ON x.function = f.oid
	 JOIN unbound u ON u.oid = t.relowner
WHERE NOT g.tgisinternal AND g.tgparentid = 0 AND g.tgenabled <> 'D'
GROUP BY g.tgname, t.name, t.relowner, u.why
$rules$;
COMMENT ON FUNCTION tenant_guard_internal.audit_functions() IS 'rules about functions; a part of audit()';

-- Comparisons in stored code.
CREATE FUNCTION tenant_guard_internal.audit_comparisons() RETURNS SETOF tenant_guard_internal.finding
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $rules$

-- stored code that takes a tenant for text; bodies of functions only as far as they name what they use by its schema
SELECT 'mixed_comparison', 'warning', m.object, m.detail || COALESCE(': ' || m.remedy, ''), NULL, 0
FROM tenant_guard.type_mismatches() m
$rules$;
COMMENT ON FUNCTION tenant_guard_internal.audit_comparisons() IS 'rules about comparisons in stored code; a part of audit()';

-- Triggers of other roles, and who may make some.
CREATE FUNCTION tenant_guard_internal.audit_triggers() RETURNS SETOF tenant_guard_internal.finding
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $rules$
WITH RECURSIVE t AS MATERIALIZED (SELECT * FROM tenant_guard_internal.audited_tables),
guarded AS MATERIALIZED (SELECT * FROM t WHERE t.status IN ('guarded', 'damaged')),
foreign_keys AS MATERIALIZED (SELECT * FROM tenant_guard_internal.foreign_keys()),
views AS MATERIALIZED (SELECT * FROM tenant_guard_internal.views_of_guarded),
grants AS MATERIALIZED (SELECT * FROM tenant_guard_internal.granted_privileges),
-- roles that have the privileges of an owner of guarded tables
owners_with_rights AS MATERIALIZED (
	SELECT r.oid FROM pg_roles r WHERE EXISTS (SELECT FROM guarded g WHERE pg_has_role(r.oid, g.relowner, 'USAGE'))
),
-- tables on which a key acts as such an owner; parts of such tables too
acted_on (oid) AS (
	SELECT k.conrelid
	FROM foreign_keys k JOIN pg_class c ON c.oid = k.conrelid
	WHERE (k.confdeltype IN ('c', 'n', 'd') OR k.confupdtype IN ('c', 'n', 'd'))
		  AND c.relowner IN (SELECT o.oid FROM owners_with_rights o)
	UNION
	SELECT i.inhrelid FROM acted_on a JOIN pg_inherits i ON i.inhparent = a.oid
),
-- tables and views whose triggers have rights over tenants' rows (src/ddl/trigger_owner.c)
with_rights AS MATERIALIZED (
	SELECT t.oid, t.name, t.relowner, t.oid IN (SELECT a.oid FROM acted_on a) AS acted_on
	FROM t
	WHERE t.oid IN (SELECT g.oid FROM guarded g UNION ALL SELECT a.oid FROM acted_on a) OR t.relowner IN (SELECT o.oid FROM owners_with_rights o)
	UNION ALL
	SELECT v.oid, v.name, v.relowner, false FROM views v WHERE v.relkind = 'v'
)

-- TRIGGER and REFERENCES, which GRANT ALL includes, granted to PUBLIC or to a role, if a role that can log in has them by that
-- grant and is no member of the owner. A trigger that a foreign key's action fires runs as the owner; the errors of a foreign
-- key reveal which rows the referenced table has.
SELECT 'trigger_granted', 'warning', CASE WHEN h.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(h.grantee)) END,
	   format('has privileges by which log-in roles such as %s can %s', quote_ident(h.first_role),
			  concat_ws('; and can ', CASE WHEN h.may_trigger THEN format('create triggers on %s, which see what every tenant writes, and run as the owner of the table in a foreign key''s action', h.triggers) END,
						CASE WHEN h.may_reference THEN format('make foreign keys to %s, whose errors reveal which rows exist', h.referenced) END)),
	   (SELECT string_agg(format('REVOKE %s ON %s FROM %s', v.privileges, v.names, CASE WHEN h.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(h.grantee)) END), '; ')
		FROM (SELECT string_agg(v.privilege, ', ') AS privileges, v.names FROM (VALUES ('TRIGGER', h.triggers), ('REFERENCES', h.referenced)) v (privilege, names)
			  WHERE v.names IS NOT NULL GROUP BY v.names ORDER BY min(v.privilege) DESC) v), 0
FROM (SELECT e.grantee, min(r.rolname) AS first_role,
			 bool_or(e.privilege = 'TRIGGER') AS may_trigger, bool_or(e.privilege = 'REFERENCES') AS may_reference,
			 string_agg(DISTINCT g.name, ', ') FILTER (WHERE e.privilege = 'TRIGGER') AS triggers,
			 string_agg(DISTINCT g.name, ', ') FILTER (WHERE e.privilege = 'REFERENCES') AS referenced
	  FROM grants e JOIN with_rights g ON g.oid = e.relation
		   JOIN pg_roles r ON r.rolcanlogin AND NOT pg_has_role(r.oid, g.relowner, 'MEMBER')
							  AND CASE e.grantee WHEN 0 THEN true ELSE pg_has_role(r.oid, e.grantee, 'MEMBER') END
	  WHERE e.privilege = 'TRIGGER' OR (e.privilege = 'REFERENCES' AND g.oid IN (SELECT o.oid FROM guarded o))
	  GROUP BY e.grantee) h

-- a trigger that existed before the table was guarded, by which the owner of its function gets the privileges of the table's owner
UNION ALL
SELECT 'trigger_of_other', CASE WHEN w.acted_on THEN 'error' ELSE 'warning' END, w.name,
	   format('trigger %1$I calls %2$s%3$s. Read what it calls; if that is as it should be, let role %4$I own it (ALTER ROUTINE ... OWNER TO), or else run DROP TRIGGER %1$I ON %5$s',
			  g.tgname, string_agg(format('function %s of role %I', f.oid::regprocedure, r.rolname), ', ' ORDER BY f.oid::regprocedure::text),
			  CASE WHEN w.acted_on THEN format(', and a foreign key''s action runs it as role %I', pg_get_userbyid(w.relowner)) END,
			  pg_get_userbyid(w.relowner), w.name), NULL, 0
FROM with_rights w
	 JOIN pg_trigger g ON g.tgrelid = w.oid AND NOT g.tgisinternal AND g.tgparentid = 0
	 JOIN pg_depend d ON d.classid = 'pg_trigger'::regclass AND d.objid = g.oid
	 LEFT JOIN pg_operator o ON d.refclassid = 'pg_operator'::regclass AND o.oid = d.refobjid
	 JOIN pg_proc f ON f.oid = CASE WHEN d.refclassid = 'pg_proc'::regclass THEN d.refobjid ELSE o.oprcode END
	 JOIN pg_roles r ON r.oid = f.proowner AND NOT r.rolsuper AND NOT pg_has_role(r.oid, w.relowner, 'MEMBER')
GROUP BY w.oid, w.name, w.relowner, w.acted_on, g.oid, g.tgname
$rules$;
COMMENT ON FUNCTION tenant_guard_internal.audit_triggers() IS 'rules about triggers; a part of audit()';

--
-- Rules about roles
--
-- Roles that are not bound, or have ways around row-level security.
CREATE FUNCTION tenant_guard_internal.audit_roles() RETURNS SETOF tenant_guard_internal.finding
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $rules$
WITH guarded AS MATERIALIZED (SELECT * FROM tenant_guard_internal.guarded_tables),
unbound AS MATERIALIZED (SELECT * FROM tenant_guard_internal.unbound_roles),
stored AS MATERIALIZED (SELECT * FROM tenant_guard_internal.stored_settings)

-- roles that can log in and are superusers or have BYPASSRLS, except the superuser that initdb creates
SELECT 'role_bypasses', CASE WHEN r.rolsuper THEN 'warning' ELSE 'info' END, quote_ident(r.rolname),
	   format('logs in and %s: row-level security does not bind it', u.why) || CASE WHEN d.meant THEN ', as is meant for a role that reports, backs up or runs jobs' ELSE '' END,
	   CASE WHEN r.rolsuper OR NOT d.meant
			THEN format('ALTER ROLE %I%s%s', r.rolname, CASE WHEN r.rolsuper THEN ' NOSUPERUSER' END, CASE WHEN r.rolbypassrls THEN ' NOBYPASSRLS' END) END, 0
FROM pg_roles r JOIN unbound u ON u.oid = r.oid
	 -- what says so: settings, or pg_dump's privilege (docs/roles.md)
	 CROSS JOIN LATERAL (SELECT pg_has_role(r.oid, 'pg_read_all_data', 'USAGE')
								OR EXISTS (SELECT FROM stored s WHERE s.setrole = r.oid AND (s.setting, s.value) IN (('row_security', 'off'), ('tenant_guard.bypass', 'on'))) AS meant) d
WHERE r.rolcanlogin AND r.oid <> 10
UNION ALL
SELECT 'role_bypasses', 'warning', quote_ident(r.rolname),
	   format('logs in and may SET ROLE %I, who %s', u.rolname, u.why),
	   CASE WHEN EXISTS (SELECT FROM pg_auth_members m WHERE m.roleid = u.oid AND m.member = r.oid) THEN format('REVOKE %I FROM %I', u.rolname, r.rolname) END, 0
FROM pg_roles r JOIN unbound u ON pg_has_role(r.oid, u.oid, 'MEMBER')
WHERE r.rolcanlogin AND r.oid NOT IN (SELECT b.oid FROM unbound b)

-- roles that can log in and can read rows without a policy: by files or programs of the server, or its write-ahead log
UNION ALL
SELECT 'role_reaches_around', w.level, quote_ident(r.rolname), format('logs in and is a member of %s: it %s', w.name, w.consequence),
	   CASE WHEN EXISTS (SELECT FROM pg_auth_members m WHERE m.roleid = p.oid AND m.member = r.oid) THEN format('REVOKE %s FROM %I', w.name, r.rolname) END, 0
FROM (VALUES ('pg_read_server_files', 'warning', 'may read the server''s files, in which are the rows of every tenant'),
			 ('pg_write_server_files', 'warning', 'may write the server''s files, its configuration and its libraries among them'),
			 ('pg_execute_server_program', 'warning', 'may run programs as the server''s user of the operating system'),
			 ('pg_maintain', 'info', 'may lock, analyze and rewrite every table, and is told how many rows all tenants have')) AS w (name, level, consequence)
	 JOIN pg_roles p ON p.rolname = w.name
	 JOIN pg_roles r ON r.rolcanlogin AND NOT r.rolsuper AND pg_has_role(r.oid, p.oid, 'MEMBER')
WHERE EXISTS (SELECT FROM guarded)
UNION ALL
SELECT 'role_reaches_around', w.level, quote_ident(r.rolname),
	   format('logs in and %s %s: it %s', CASE WHEN r.oid = p.oid THEN 'has' ELSE format('may SET ROLE %I, which has', p.rolname) END, w.attribute, w.consequence),
	   CASE WHEN r.oid = p.oid THEN format('ALTER ROLE %I NO%s', r.rolname, w.attribute)
			WHEN EXISTS (SELECT FROM pg_auth_members m WHERE m.roleid = p.oid AND m.member = r.oid) THEN format('REVOKE %I FROM %I', p.rolname, r.rolname) END, 0
FROM pg_roles p
	 CROSS JOIN (VALUES ('REPLICATION', 'info', 'may copy the server, and follow every tenant''s changes'),
						-- from 16 on it may grant only what it was granted itself, or made
						('CREATEROLE', 'warning', 'may make itself a member of any role that is no superuser')) AS w (attribute, level, consequence)
	 JOIN pg_roles r ON r.rolcanlogin AND NOT r.rolsuper AND pg_has_role(r.oid, p.oid, 'MEMBER')
WHERE NOT p.rolsuper AND EXISTS (SELECT FROM guarded)
	  AND CASE w.attribute WHEN 'REPLICATION' THEN p.rolreplication ELSE p.rolcreaterole AND current_setting('server_version_num')::int < 160000 END

-- a role that logs in and may unprotect tables, or make some that are not guarded. One that becomes the owner as it logs in is for
-- migrations. To the others what they need is granted first.
UNION ALL
SELECT 'application_owns_table', CASE WHEN m.migrates THEN 'info' ELSE 'warning' END, quote_ident(r.rolname),
	   format('logs in and %s %s guarded tables, %s first', CASE WHEN o.owner = r.oid THEN 'owns' ELSE format('is a member of %I, the owner of', pg_get_userbyid(o.owner)) END, o.tables, o.first)
	   || CASE WHEN m.migrates THEN ': its setting "role" makes it that owner, as migrations need it' ELSE '' END,
	   CASE WHEN m.migrates THEN NULL
			WHEN o.owner = r.oid OR EXISTS (SELECT FROM pg_auth_members m WHERE m.roleid = o.owner AND m.member = r.oid)
			THEN concat_ws('; ', CASE WHEN o.owner = r.oid AND to_regrole(quote_ident(w.name)) IS NULL THEN format('CREATE ROLE %I', w.name) END,
						   CASE WHEN o.owner = r.oid THEN format('REASSIGN OWNED BY %I TO %I', r.rolname, w.name) END,
						   format('GRANT USAGE ON SCHEMA %s TO %I', o.schemas, r.rolname),
						   format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO %I', o.names, r.rolname),
						   'GRANT USAGE ON SEQUENCE ' || (SELECT string_agg(DISTINCT d.objid::regclass::text, ', ')
														  FROM guarded g JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass
																							 AND d.refobjid = g.oid AND d.deptype IN ('a', 'i')
															   JOIN pg_class q ON q.oid = d.objid AND q.relkind = 'S'
														  WHERE g.relowner = o.owner) || format(' TO %I', r.rolname),
						   -- and on what migrations make later
						   format('ALTER DEFAULT PRIVILEGES FOR ROLE %1$I IN SCHEMA %2$s GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO %3$I; '
								  'ALTER DEFAULT PRIVILEGES FOR ROLE %1$I IN SCHEMA %2$s GRANT USAGE ON SEQUENCES TO %3$I',
								  CASE WHEN o.owner = r.oid THEN w.name ELSE pg_get_userbyid(o.owner) END, o.schemas, r.rolname),
						   CASE WHEN o.owner <> r.oid THEN format('REVOKE %I FROM %I', pg_get_userbyid(o.owner), r.rolname) END) END, 0
FROM (SELECT g.relowner AS owner, count(*) FILTER (WHERE g.partition_of IS NULL) AS tables, min(g.name) AS first, string_agg(g.name, ', ' ORDER BY g.name) AS names,
			 string_agg(DISTINCT g.relnamespace::regnamespace::text, ', ') AS schemas
	  FROM guarded g GROUP BY g.relowner) o
	 JOIN pg_roles r ON r.rolcanlogin AND pg_has_role(r.oid, o.owner, 'MEMBER') AND r.oid NOT IN (SELECT u.oid FROM unbound u)
	 -- a name takes what fits of it; a role that has more rights would run the functions that it gets with these
	 CROSS JOIN LATERAL (SELECT c.name
						 FROM (VALUES (r.rolname || '_owner', octet_length(r.rolname) > 57, 1), ('owner_' || md5(r.rolname), false, 2)) c (name, is_long, place)
							  LEFT JOIN pg_roles e ON e.rolname = c.name
						 WHERE NOT c.is_long
						 ORDER BY COALESCE(e.rolsuper OR e.rolbypassrls OR e.rolcanlogin, false), c.place LIMIT 1) w
	 CROSS JOIN LATERAL (SELECT o.owner <> r.oid AND EXISTS (SELECT FROM pg_db_role_setting s CROSS JOIN unnest(s.setconfig) c
															 WHERE s.setrole = r.oid AND c = 'role=' || pg_get_userbyid(o.owner)) AS migrates) m

-- nobody could back the database up
UNION ALL
SELECT 'backup_role_missing', 'warning', current_database()::text, 'no role that logs in may read all guarded tables of all tenants: pg_dump fails',
	   format('CREATE ROLE %1$I LOGIN BYPASSRLS; GRANT pg_read_all_data TO %1$I', n.name), 0
FROM (SELECT min(c.name) AS name FROM (VALUES ('backup'), ('backup_of_tenants'), ('tenant_guard_backup')) c (name) WHERE to_regrole(c.name) IS NULL) n
WHERE EXISTS (SELECT FROM guarded)
	  AND NOT EXISTS (SELECT FROM pg_roles r
					  WHERE r.rolcanlogin AND (r.rolsuper
											   OR r.rolbypassrls AND NOT EXISTS (SELECT FROM guarded g WHERE NOT has_table_privilege(r.oid, g.oid, 'SELECT'))))
$rules$;
COMMENT ON FUNCTION tenant_guard_internal.audit_roles() IS 'rules about roles; a part of audit()';

-- Who may read the planner's statistics, and other sessions' statements.
CREATE FUNCTION tenant_guard_internal.audit_statistics() RETURNS SETOF tenant_guard_internal.finding
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $rules$
WITH guarded AS MATERIALIZED (SELECT * FROM tenant_guard_internal.guarded_tables),
unbound AS MATERIALIZED (SELECT * FROM tenant_guard_internal.unbound_roles),
grants AS MATERIALIZED (SELECT * FROM tenant_guard_internal.granted_privileges),
-- who may read the planner's statistics, as far as somebody granted it
statistics_grantees AS MATERIALIZED (
	SELECT DISTINCT g.grantee FROM grants g
	WHERE g.relation IN ('pg_statistic'::regclass, 'pg_statistic_ext_data'::regclass) AND g.privilege = 'SELECT'
)

-- the planner's statistics hold values of every tenant's rows; pg_stats hides from a role what row-level security does
SELECT 'statistics_readable', 'warning', quote_ident(r.rolname),
	   'logs in and may read pg_statistic or pg_statistic_ext_data, which hold values of every tenant''s rows',
	   CASE WHEN EXISTS (SELECT FROM pg_auth_members m WHERE m.roleid = 'pg_read_all_data'::regrole AND m.member = r.oid) THEN format('REVOKE pg_read_all_data FROM %I', r.rolname)
			WHEN EXISTS (SELECT FROM statistics_grantees s WHERE s.grantee = r.oid) THEN format('REVOKE SELECT ON pg_statistic, pg_statistic_ext_data FROM %I', r.rolname) END, 0
FROM pg_roles r
WHERE r.rolcanlogin AND r.oid NOT IN (SELECT u.oid FROM unbound u) AND EXISTS (SELECT FROM guarded)
	  AND (pg_has_role(r.oid, 'pg_read_all_data', 'MEMBER')
		   OR EXISTS (SELECT FROM statistics_grantees s WHERE s.grantee = 0 OR pg_has_role(r.oid, s.grantee, 'MEMBER')))

-- functions of extensions tell them too, PostGIS's of the extent and the selectivity; one reads the extent from an index. Most of
-- them ask for no privilege on the table
UNION ALL
SELECT 'statistics_readable', 'warning', p.oid::regprocedure::text,
	   format('of extension %s %s of every tenant''s rows, also of %s', e.extname,
			  CASE p.proname WHEN '_postgis_index_extent' THEN 'reads from an index the extent' ELSE 'computes with the planner''s statistics' END,
			  string_agg(DISTINCT format('%s.%I', g.name, a.attname), ', ')),
	   format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC%s', p.oid::regprocedure,
			  (SELECT string_agg(format(', %I', o.rolname), '' ORDER BY o.rolname)
			   FROM aclexplode(p.proacl) x JOIN pg_roles o ON o.oid = x.grantee AND x.grantee <> p.proowner)), 0
FROM pg_proc p
	 JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
	 JOIN pg_extension e ON e.oid = d.refobjid
	 JOIN pg_depend y ON y.classid = 'pg_type'::regclass AND y.refclassid = 'pg_extension'::regclass AND y.refobjid = e.oid AND y.deptype = 'e'
	 JOIN pg_attribute a ON a.atttypid = y.objid AND NOT a.attisdropped
	 JOIN guarded g ON g.oid = a.attrelid AND g.partition_of IS NULL
WHERE p.proname IN ('st_estimatedextent', 'st_estimated_extent', '_postgis_selectivity', '_postgis_join_selectivity', '_postgis_stats', '_postgis_index_extent')
	  AND EXISTS (SELECT FROM pg_roles r WHERE r.rolcanlogin AND NOT r.rolsuper AND has_function_privilege(r.oid, p.oid, 'EXECUTE'))
GROUP BY p.oid, p.proname, p.proacl, p.proowner, e.extname

-- statements hold values: pg_stat_activity those of every session, extensions those of the past
UNION ALL
SELECT 'statements_readable', 'info', quote_ident(r.rolname),
	   'logs in and is a member of pg_read_all_stats: it may read the statements of every session, with the values in them'
	   || COALESCE(', also by ' || (SELECT string_agg(e.extname, ', ' ORDER BY e.extname) FROM pg_extension e WHERE e.extname IN ('pg_show_plans', 'pg_stat_monitor', 'pg_stat_statements')), ''),
	   (SELECT string_agg(format('REVOKE %I FROM %I', g.rolname, r.rolname), '; ' ORDER BY g.rolname)
		FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid
		WHERE m.member = r.oid AND g.rolname IN ('pg_monitor', 'pg_read_all_stats')), 0
FROM pg_roles r
WHERE r.rolcanlogin AND NOT r.rolsuper AND pg_has_role(r.oid, 'pg_read_all_stats', 'MEMBER') AND EXISTS (SELECT FROM guarded)
$rules$;
COMMENT ON FUNCTION tenant_guard_internal.audit_statistics() IS 'rules about statistics; a part of audit()';

-- What keeps values, or reads rows, where no guard stands.
CREATE FUNCTION tenant_guard_internal.audit_beside_tables() RETURNS SETOF tenant_guard_internal.finding
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $rules$
WITH guarded AS MATERIALIZED (SELECT * FROM tenant_guard_internal.guarded_tables)

-- extensions and languages that keep values, or read rows, where no guard stands (docs/beside-tables.md)
SELECT 'beside_tables', CASE WHEN o.first IS NOT NULL AND w.raw THEN 'warning' ELSE 'info' END, w.name,
	   format('%s; %s', w.keeps, COALESCE('open to log-in roles, ' || o.first || ' first', 'only superusers may use it')), NULL, 0
FROM (VALUES ('plperl', false, 'functions in it keep values in %_SHARED and in global variables, in a pooled session for the next tenant'),
			 ('plperlu', false, 'functions in it keep values in %_SHARED and in global variables, in a pooled session for the next tenant'),
			 ('pltcl', false, 'functions in it keep values in GD and in global variables, in a pooled session for the next tenant'),
			 ('pltclu', false, 'functions in it keep values in GD and in global variables, in a pooled session for the next tenant'),
			 ('plpython3u', false, 'functions in it keep values in GD, SD and modules, in a pooled session for the next tenant'),
			 ('pllua', false, 'functions in it keep values in global variables, in a pooled session for the next tenant'),
			 ('plluau', false, 'functions in it keep values in global variables, in a pooled session for the next tenant'),
			 ('plv8', false, 'functions in it keep values in global variables, in a pooled session for the next tenant'),
			 ('orafce', false, 'dbms_output keeps lines in the session, dbms_pipe and dbms_alert hand values to other sessions'),
			 ('pg_variables', false, 'keeps values in the session'),
			 ('pg_qualstats', false, 'shows constants of every session''s filters to every role'),
			 ('pageinspect', true, 'reads the pages of tables past every policy, with no line in the log'),
			 ('pg_dirtyread', true, 'reads the rows of tables past every policy, deleted ones too, with no line in the log'),
			 ('pg_walinspect', true, 'reads the changes of every tenant, with no line in the log')) AS w (name, raw, keeps)
	 JOIN (SELECT l.lanname AS name, l.oid AS language, NULL::oid AS extension FROM pg_language l
		   UNION ALL SELECT e.extname, NULL, e.oid FROM pg_extension e WHERE e.extname NOT IN (SELECT l.lanname FROM pg_language l)) i ON i.name = w.name
	 CROSS JOIN LATERAL (SELECT min(quote_ident(r.rolname)) AS first
						 FROM pg_roles r
						 WHERE r.rolcanlogin AND NOT r.rolsuper
							   AND (EXISTS (SELECT FROM pg_language l WHERE l.oid = i.language AND l.lanpltrusted AND has_language_privilege(r.oid, l.oid, 'USAGE'))
									OR EXISTS (SELECT FROM pg_proc f WHERE f.prolang = i.language AND has_function_privilege(r.oid, f.oid, 'EXECUTE'))
									-- those two ask for a superuser themselves, whatever is granted
									OR w.name NOT IN ('pageinspect', 'pg_dirtyread')
									   AND EXISTS (SELECT FROM pg_depend d
												   WHERE d.classid = 'pg_proc'::regclass AND d.refclassid = 'pg_extension'::regclass AND d.refobjid = i.extension
														 AND d.deptype = 'e' AND has_function_privilege(r.oid, d.objid, 'EXECUTE')))) o
WHERE EXISTS (SELECT FROM guarded)

-- triggers that PostgreSQL supplies, whose effect goes beyond the table
UNION ALL
SELECT 'beside_tables', 'info', format('trigger %I on %s', t.tgname, g.name), w.does, NULL, 0
FROM (VALUES ('triggered_change_notification', 'sends the primary key of each row that is written to every session of the database that listens'),
			 ('lo_manage', 'deletes the large object that a row names, also one of another tenant: they belong to roles, not to tenants')) AS w (symbol, does)
	 JOIN pg_proc p ON p.prosrc = w.symbol
	 JOIN pg_language l ON l.oid = p.prolang AND l.lanname = 'c'
	 JOIN pg_trigger t ON t.tgfoid = p.oid AND t.tgparentid = 0
	 JOIN guarded g ON g.oid = t.tgrelid
$rules$;
COMMENT ON FUNCTION tenant_guard_internal.audit_beside_tables() IS 'rules about extensions and languages; a part of audit()';

--
-- Rules about the library, settings, replication and the server
--
-- The library, and what of the extension was changed.
CREATE FUNCTION tenant_guard_internal.audit_library() RETURNS SETOF tenant_guard_internal.finding
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $rules$
WITH stored AS MATERIALIZED (SELECT * FROM tenant_guard_internal.stored_settings),
without_library AS MATERIALIZED (SELECT * FROM tenant_guard_internal.roles_without_library)

-- without the library's hooks only row-level security applies, and the filters of a query can make it read rows of another tenant;
-- so a query that is planned without the hooks is refused
SELECT 'not_preloaded', 'warning', current_database()::text,
	   'sessions like this one do not preload the library: until something loads it, superusers, their views and the actions of foreign keys reach rows of every tenant; and if a query on a guarded table loads it, all queries of the session on guarded tables fail',
	   COALESCE((SELECT tenant_guard.preload_statement(d.oid, 0) FROM pg_database d WHERE d.datname = current_database()),
				CASE WHEN EXISTS (SELECT FROM stored s WHERE s.setting = 'session_preload_libraries' AND s.setrole = 0)
						  OR (SELECT l.source !~ '^(user|database user|client|session)$' FROM pg_settings l WHERE l.name = 'session_preload_libraries')
					 THEN '-- reconnect (poolers too): sessions that begin now preload it'
					 ELSE '-- connect without a session_preload_libraries of the role or the connection, and call audit() again' END), 0
WHERE NOT tenant_guard.library_preloaded()
UNION ALL
SELECT 'not_preloaded', 'warning', concat_ws(' in ', 'role ' || quote_ident(pg_get_userbyid(w.setrole)), CASE WHEN w.setdatabase <> 0 THEN 'database ' || quote_ident(current_database()) END),
	   'has its own session_preload_libraries, which does not name the library', w.statement, 0
FROM without_library w
WHERE w.statement IS NOT NULL

-- an event trigger that does not fire, or not always
UNION ALL
SELECT 'event_trigger_disabled', CASE WHEN e.evtenabled IN ('O', 'R') THEN 'warning' ELSE 'error' END, o.name,
	   CASE WHEN e.oid IS NULL THEN 'is missing' WHEN e.evtenabled = 'D' THEN 'is disabled' ELSE 'does not fire in every session_replication_role' END
	   || ': new tables are not guarded, and guards may be weakened',
	   concat_ws('; ', CASE WHEN e.oid IS NULL THEN format('CREATE EVENT TRIGGER %s ON %s EXECUTE FUNCTION tenant_guard_internal.on_%s(); ALTER EXTENSION tenant_guard ADD EVENT TRIGGER %s', o.name, o.event, o.event, o.name) END,
				 format('ALTER EVENT TRIGGER %s ENABLE ALWAYS', o.name)), 0
FROM (VALUES ('tenant_guard_ddl_command_start', 'ddl_command_start'), ('tenant_guard_ddl_command_end', 'ddl_command_end'),
			 ('tenant_guard_sql_drop', 'sql_drop')) AS o (name, event)
	 LEFT JOIN pg_event_trigger e ON e.evtname = o.name
WHERE e.evtenabled IS DISTINCT FROM 'A'

-- a function that guards call is not the library's any more
UNION ALL
SELECT 'function_replaced', 'error', p.oid::regprocedure::text, 'is not the function that the extension made: no guard that calls it holds',
	   format('CREATE OR REPLACE FUNCTION %s RETURNS %s LANGUAGE C %s AS %L, %L', o.signature, o.type, o.attributes, '$libdir/tenant_guard', o.symbol), 0
FROM (SELECT g.getter, 'tenant_guard_current_tenant', g.type, 'STABLE PARALLEL SAFE LEAKPROOF', 's', 's', true
	  FROM tenant_guard_internal.tenant_getters() g
	  UNION ALL
	  VALUES ('tenant_guard.guarded()', 'tenant_guard_guarded', 'boolean', 'IMMUTABLE PARALLEL SAFE LEAKPROOF', 'i', 's', true),
			 ('tenant_guard_internal.on_ddl_command_start()', 'tenant_guard_on_ddl_command_start', 'event_trigger', '', 'v', 'u', false),
			 ('tenant_guard_internal.on_ddl_command_end()', 'tenant_guard_on_ddl_command_end', 'event_trigger', '', 'v', 'u', false),
			 ('tenant_guard_internal.on_sql_drop()', 'tenant_guard_on_sql_drop', 'event_trigger', '', 'v', 'u', false)) AS o (signature, symbol, type, attributes, volatility, parallel, leakproof)
	 JOIN pg_proc p ON p.oid = to_regprocedure(o.signature)
	 JOIN pg_language l ON l.oid = p.prolang
WHERE (l.lanname, p.prosrc, p.probin, p.provolatile::text, p.proparallel::text, p.proleakproof, p.prosecdef, p.proconfig IS NULL)
	  IS DISTINCT FROM ('c', o.symbol, '$libdir/tenant_guard', o.volatility, o.parallel, o.leakproof, false, true)
$rules$;
COMMENT ON FUNCTION tenant_guard_internal.audit_library() IS 'rules about the library; a part of audit()';

-- The release of PostgreSQL.
CREATE FUNCTION tenant_guard_internal.audit_server() RETURNS SETOF tenant_guard_internal.finding
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $rules$
-- Minor releases that mended row-level security, by PostgreSQL's release notes: E.15.3 (CVE-2023-2455, an inlined
-- set-returning function kept another role's policies), 15.4 (CVE-2023-39418, MERGE), 15.9, 16.5 and 17.1
-- (CVE-2024-10976, plans of another role below a subquery; CVE-2024-10978, SET ROLE undone wrongly, whose mend was
-- mended in 15.10, 16.6 and 17.2), 15.14, 16.10 and 17.6 (CVE-2025-8713, statistics told values past a policy),
-- 15.19, 16.15, 17.11 and 18.6 (CVE-2026-14666, plans outlived a change of role), 15.20, 16.16, 17.12 and 18.7
-- (CVE-2026-120154, the WHERE of ON CONFLICT came before the policy). By all of these but the one of MERGE values may cross,
-- and a server that lacks that mend lacks others.
SELECT 'server_outdated', 'error', 'PostgreSQL ' || current_setting('server_version'),
	   format('has faults of row-level security that minor release %s.%s mends: %s', v.major, max(f.minor), string_agg(c.cve, ', ' ORDER BY c.cve)), NULL, 0
FROM (SELECT current_setting('server_version_num')::int / 10000, current_setting('server_version_num')::int % 10000) v (major, minor)
	 CROSS JOIN (VALUES ('CVE-2023-2455', ARRAY[3, 0, 0, 0]),
						('CVE-2023-39418', ARRAY[4, 0, 0, 0]),
						('CVE-2024-10976', ARRAY[9, 5, 1, 0]),
						('CVE-2024-10978', ARRAY[10, 6, 2, 0]),
						('CVE-2025-8713', ARRAY[14, 10, 6, 0]),
						('CVE-2026-14666', ARRAY[19, 15, 11, 6]),
						('CVE-2026-120154', ARRAY[20, 16, 12, 7])) AS c (cve, mended)
	 CROSS JOIN LATERAL (SELECT c.mended[v.major - 14] AS minor) f
WHERE v.minor < f.minor
GROUP BY v.major
$rules$;
COMMENT ON FUNCTION tenant_guard_internal.audit_server() IS 'rules about the server; a part of audit()';

-- Settings, and who may change them.
CREATE FUNCTION tenant_guard_internal.audit_settings() RETURNS SETOF tenant_guard_internal.finding
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $rules$
WITH stored AS MATERIALIZED (SELECT * FROM tenant_guard_internal.stored_settings),
-- settings and values that weaken a guarantee, and the consequence
loose (setting, loose, level, consequence) AS (
	VALUES ('tenant_guard.bypass', '^(on|1|t|tr|tru|true|y|ye|yes)$', 'error', 'nothing that would bypass isolation is refused'),
		   ('event_triggers', '^(of|off|0|f|fa|fal|fals|false|n|no)$', 'error', 'new tables are not guarded, and guards may be weakened'),
		   ('tenant_guard.auto_protect', '^(of|off|0|f|fa|fal|fals|false|n|no)$', 'warning', 'new tables are not guarded'),
		   ('tenant_guard.one_tenant_per_transaction', '^(of|off|0|f|fa|fal|fals|false|n|no)$', 'warning', 'a transaction may go from tenant to tenant'),
		   ('tenant_guard.late_loading', '^allow$', 'warning', 'queries that were planned before the library came are not refused, and their filters can read another tenant''s rows'),
		   ('tenant_guard.scope', '^session$', 'warning', 'behind a pooler the tenant stays for the next client'),
		   ('tenant_guard.log_bypass', '^(of|off|0|f|fa|fal|fals|false|n|no)$', 'warning', 'the server log does not tell who bypasses'),
		   ('tenant_guard.foreign_keys', '^(off|warning)$', 'warning', 'new foreign keys may reference rows of another tenant'),
		   ('tenant_guard.foreign_key_actions', '^(off|warning)$', 'warning', 'actions of foreign keys may reach rows of another tenant'),
		   ('tenant_guard.temporary_tables', '^off$', 'warning', 'temporary tables show a tenant''s rows to the next client of a pooler'),
		   ('tenant_guard.type_mismatch', '^(off|warning)$', 'warning', 'comparisons that mix types of tenants are not refused'),
		   ('row_security', '^(of|off|0|f|fa|fal|fals|false|n|no)$', 'warning', 'new tables are not guarded, and roles that may bypass row-level security do'),
		   ('session_replication_role', '^(replica|local)$', 'warning', 'triggers and foreign keys are not as they should be'),
		   ('tenant_guard.missing_tenant', '^empty$', 'info', 'a forgotten tenant shows as an empty result, not as an error')
),
-- what this session has of tenant_column and tenant_type, and where they would be changed
tenants AS MATERIALIZED (
	SELECT s.columns, s.type, s.type_in_force, (SELECT string_agg(quote_ident(c.name), ', ' ORDER BY c.place) FROM unnest(s.columns) WITH ORDINALITY AS c (name, place)) AS list,
		   CASE WHEN EXISTS (SELECT FROM stored o WHERE o.setting IN ('tenant_guard.tenant_column', 'tenant_guard.tenant_type') AND o.setrole = session_user::regrole)
				THEN format('ROLE %I IN DATABASE ', session_user) ELSE 'DATABASE ' END || quote_ident(current_database()) AS keeps
	FROM tenant_guard_internal.tenant_settings() s
),
-- by whose tables the settings can be mended: those that decide where none is set or, if there are none, those of the only owner
guards AS MATERIALIZED (
	SELECT g.owner, g.tenant_column, g.tenant_type, g.tables, COALESCE(g.tenant_column = ANY (t.columns), true) AS listed,
		   g.decides OR NOT bool_or(g.decides) OVER () AND min(g.owner) OVER () = max(g.owner) OVER () AS decides
	FROM tenant_guard_internal.guard_counts() g CROSS JOIN tenants t
)

-- a setting that is looser than the default, for a database, a role, or all of the server
SELECT 'setting_loosened', CASE WHEN d.declares THEN 'info' WHEN l.level = 'error' AND s.setrole <> 0 THEN 'warning' ELSE l.level END,
	   concat_ws(' in ', CASE WHEN s.setrole <> 0 THEN 'role ' || quote_ident(pg_get_userbyid(s.setrole)) WHEN s.setdatabase = 0 THEN 'all roles' END,
				 CASE WHEN s.setdatabase <> 0 THEN 'database ' || quote_ident(current_database()) END),
	   format('%s = %s: %s', l.setting, s.value, l.consequence) || CASE WHEN d.declares THEN '; of a role with BYPASSRLS it says that the bypass is meant' ELSE '' END,
	   CASE WHEN NOT d.declares THEN format('ALTER %s RESET %s', CASE WHEN s.setrole <> 0 THEN concat_ws(' IN DATABASE ', 'ROLE ' || quote_ident(pg_get_userbyid(s.setrole)), CASE WHEN s.setdatabase <> 0 THEN quote_ident(current_database()) END)
										WHEN s.setdatabase <> 0 THEN 'DATABASE ' || quote_ident(current_database()) ELSE 'ROLE ALL' END, l.setting) END, 0
FROM loose l JOIN stored s ON s.setting = l.setting AND s.value ~ l.loose
	 -- roles for reports, backups and jobs declare it so (docs/roles.md)
	 CROSS JOIN LATERAL (SELECT l.setting IN ('row_security', 'tenant_guard.bypass') AND EXISTS (SELECT FROM pg_roles r WHERE r.oid = s.setrole AND r.rolbypassrls AND NOT r.rolsuper) AS declares) d
UNION ALL
SELECT 'setting_loosened', l.level, 'server', format('%s = %s: %s', l.setting, v.value, l.consequence),
	   format('ALTER DATABASE %I SET %s = %s', current_database(), l.setting, s.boot_val), 0
FROM loose l JOIN pg_settings s ON s.name = l.setting
	 CROSS JOIN LATERAL (SELECT lower(CASE WHEN s.source = 'session' THEN s.reset_val ELSE s.setting END) AS value) v
WHERE v.value ~ l.loose
	  AND (s.source IN ('configuration file', 'command line', 'environment variable')
		   OR s.source = 'session' AND NOT EXISTS (SELECT FROM stored x WHERE x.setting = l.setting))

-- Tables are guarded by columns that the setting does not list. Those of a role that does not decide may be there to mislead.
UNION ALL
SELECT 'setting_disagrees', 'error', g.object,
	   format('%s guarded tables have their tenant in %s, and tenant_guard.tenant_column is %s: new tables with such a column are not guarded',
			  sum(g.tables), string_agg(DISTINCT quote_ident(g.tenant_column), ', '), t.list),
	   CASE WHEN g.decides THEN format('ALTER %s SET tenant_guard.tenant_column = %L', t.keeps, concat_ws(', ', t.list, string_agg(DISTINCT quote_ident(g.tenant_column), ', '))) END, 0
FROM (SELECT *, CASE WHEN decides THEN 'tenant_guard.tenant_column' ELSE quote_ident(pg_get_userbyid(owner)) END AS object FROM guards) g CROSS JOIN tenants t
WHERE NOT g.listed
GROUP BY g.object, g.decides, t.list, t.keeps

-- the tenants of guarded tables are of another type than the setting says, or of several, and none is set
UNION ALL
SELECT 'setting_disagrees', 'error', g.object,
	   format('%s guarded tables have tenants of type %s, and tenant_guard.tenant_type is %s: every use of these tables is an error',
			  sum(g.tables), string_agg(DISTINCT g.tenant_type, ', '), COALESCE(t.type, 'not set, which stands for ' || t.type_in_force)),
	   CASE WHEN g.decides AND (SELECT count(DISTINCT d.tenant_type) FROM guards d WHERE d.decides) = 1
			THEN format('ALTER %s SET tenant_guard.tenant_type = %L', t.keeps, min(g.tenant_type)) END, 0
FROM (SELECT *, CASE WHEN decides THEN 'tenant_guard.tenant_type' ELSE quote_ident(pg_get_userbyid(owner)) END AS object FROM guards) g CROSS JOIN tenants t
WHERE g.tenant_type <> t.type_in_force
GROUP BY g.object, g.decides, t.type, t.type_in_force, t.keeps

-- roles that a superuser has let bypass
UNION ALL
SELECT 'bypass_granted', 'info', CASE WHEN e.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(e.grantee)) END,
	   'may set tenant_guard.bypass',
	   -- a role that logs in and is bound has no use of it, where the others do
	   CASE WHEN e.grantee = 0 OR EXISTS (SELECT FROM pg_roles r WHERE r.oid = e.grantee AND r.rolcanlogin AND NOT r.rolbypassrls)
			THEN format('REVOKE SET ON PARAMETER tenant_guard.bypass FROM %s', CASE WHEN e.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(e.grantee)) END) END, 0
FROM pg_parameter_acl p CROSS JOIN LATERAL aclexplode(p.paracl) e
WHERE p.parname = 'tenant_guard.bypass' AND e.privilege_type = 'SET' AND e.grantee <> 10

-- and those that it has let loosen something else, for themselves or for the server
UNION ALL
SELECT 'setting_granted', 'info', CASE WHEN e.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(e.grantee)) END,
	   format(CASE WHEN e.privilege_type = 'SET' THEN 'may set %s' ELSE 'may set %s for the server, by ALTER SYSTEM' END, p.parname),
	   -- who migrates, and does not log in, needs it to add the column to tables with rows
	   CASE WHEN p.parname <> 'tenant_guard.auto_protect' OR e.privilege_type <> 'SET' OR e.grantee = 0 OR EXISTS (SELECT FROM pg_roles r WHERE r.oid = e.grantee AND r.rolcanlogin)
			THEN format('REVOKE %s ON PARAMETER %s FROM %s', e.privilege_type, p.parname, CASE WHEN e.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(e.grantee)) END) END, 0
FROM pg_parameter_acl p CROSS JOIN LATERAL aclexplode(p.paracl) e
WHERE (p.parname ~ '^tenant_guard\.' OR p.parname IN ('session_preload_libraries', 'shared_preload_libraries', 'session_replication_role', 'event_triggers', 'row_security'))
	  AND e.grantee <> 10
	  AND CASE WHEN p.parname IN ('tenant_guard.tenant_id', 'row_security') THEN e.privilege_type = 'ALTER SYSTEM'
			   ELSE e.privilege_type <> 'SET' OR p.parname <> 'tenant_guard.bypass' END
$rules$;
COMMENT ON FUNCTION tenant_guard_internal.audit_settings() IS 'rules about settings; a part of audit()';

-- Settings that tenant_guard.setting_names names, who may set a tenant, and what the application's row-level security says beside the guards.
CREATE FUNCTION tenant_guard_internal.audit_other_settings() RETURNS SETOF tenant_guard_internal.finding
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $rules$
WITH guarded AS MATERIALIZED (SELECT * FROM tenant_guard_internal.guarded_tables),
stored AS MATERIALIZED (SELECT * FROM tenant_guard_internal.stored_settings),
names AS MATERIALIZED (SELECT * FROM tenant_guard_internal.setting_names()),
-- current_setting(name, true): of SQL as it is deparsed and as it is written
reads AS MATERIALIZED (
	SELECT n.name, format('(?<![.\w])current_setting\s*\(\s*''%s''(?:::text)?\s*,\s*(?:true|''t(?:rue)?''(?:::bool(?:ean)?)?)\s*\)', regexp_replace(n.name, '(\W)', '\\\1', 'g')) AS pattern
	FROM names n WHERE n.problem IS NULL
),
-- what can call it: expressions that have its OID in them, and functions
code (object, what, body) AS (
	SELECT format('%I on %s', p.polname, p.polrelid::regclass), 'the policy', concat_ws(' ', pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid))
	FROM pg_policy p WHERE concat_ws(' ', p.polqual::text, p.polwithcheck::text) ~ ':funcid 3294\M'
	UNION ALL
	SELECT d.adrelid::regclass::text, format('the default of column %I', a.attname), pg_get_expr(d.adbin, d.adrelid)
	FROM pg_attrdef d JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum WHERE d.adbin::text ~ ':funcid 3294\M'
	UNION ALL
	SELECT r.ev_class::regclass::text, 'the view', pg_get_viewdef(r.ev_class)
	FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class AND c.relnamespace NOT IN (SELECT l.schema FROM tenant_guard_internal.schemas_left_alone l)
	WHERE r.ev_type = '1' AND r.rulename = '_RETURN' AND r.ev_action::text ~ ':funcid 3294\M'
	UNION ALL
	SELECT f.name, 'the function', COALESCE(pg_get_function_sqlbody(f.oid), f.prosrc)
	FROM tenant_guard_internal.user_functions f WHERE f.lanname NOT IN ('c', 'internal')
)

-- names of the list that set no tenant
SELECT 'setting_name_refused', 'warning', quote_ident(n.name), format('is listed in tenant_guard.setting_names, and %s: it does not set the tenant', n.problem), NULL, 0
FROM names n WHERE n.problem IS NOT NULL

-- code that takes a setting that was never set to be null: as a setting of the extension it is ''
UNION ALL
SELECT 'setting_read_empty', 'warning', c.object,
	   format('%s reads %s without NULLIF(%s, %L): where it was null, if the session had never set it, it is %L', c.what, string_agg(r.name, ', '), format('current_setting(%L, true)', min(r.name)), '', ''), NULL, 0
FROM reads r JOIN code c ON regexp_count(c.body, r.pattern, 1, 'i') > regexp_count(c.body, 'NULLIF\s*\(\s*(?:\(\s*SELECT\s+)?' || r.pattern, 1, 'i')
GROUP BY c.object, c.what

-- a policy of the application that does what the guard does, and slower
UNION ALL
SELECT 'policy_superfluous', 'info', format('%I on %s', p.polname, g.name),
	   'says no more than the guard: it is evaluated for each row, and keeps filters such as LIKE and jsonb''s from indexes and statistics',
	   format('SELECT tenant_guard.protect(%L, replace_policies => true)', g.name), 0
FROM guarded g JOIN pg_policy p ON p.polrelid = g.oid
WHERE tenant_guard_internal.policy_is_superfluous(p.oid)

-- An authority that is stored for a role binds sessions that log in as the role. Who logs in as another may become it, and sets every
-- tenant. It is harmless to bind whoever does not own tables, and so migrates none, in the same way.
UNION ALL
SELECT 'authority_by_role', 'warning', quote_ident(l.rolname),
	   format('logs in with tenant_guard.authority = open, and may SET ROLE %s, for which it is %s: that binds sessions that log in as the role, and no others',
			  string_agg(DISTINCT quote_ident(r.rolname), ', '), string_agg(DISTINCT b.value, ', ')),
	   CASE WHEN min(b.value) = max(b.value) AND min(b.value) IN ('granted', 'token')
				 AND NOT EXISTS (SELECT FROM guarded g WHERE pg_has_role(l.oid, g.relowner, 'MEMBER'))
			THEN format('ALTER ROLE %I SET tenant_guard.authority = %L', l.rolname, min(b.value)) END, 0
FROM (SELECT r.oid, r.rolname, r.rolcanlogin AND NOT r.rolsuper AS logs_in,
			 (SELECT s.value FROM stored s WHERE s.setting = 'tenant_guard.authority' AND s.setrole IN (r.oid, 0) ORDER BY s.setrole = 0, s.setdatabase = 0 LIMIT 1) AS value
	  FROM pg_roles r) l
	 JOIN stored b ON b.setting = 'tenant_guard.authority' AND b.setrole <> l.oid AND b.value <> 'open'
	 JOIN pg_roles r ON r.oid = b.setrole AND pg_has_role(l.oid, r.oid, 'MEMBER')
WHERE l.logs_in AND COALESCE(l.value, (SELECT s.setting FROM pg_settings s WHERE s.name = 'tenant_guard.authority' AND s.source IN ('configuration file', 'command line')), 'open') = 'open'
GROUP BY l.oid, l.rolname
$rules$;
COMMENT ON FUNCTION tenant_guard_internal.audit_other_settings() IS 'rules about settings that name the tenant, who may set them, and policies that read them; a part of audit()';

-- Publications and subscriptions.
CREATE FUNCTION tenant_guard_internal.audit_replication() RETURNS SETOF tenant_guard_internal.finding
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $rules$
WITH RECURSIVE guarded AS MATERIALIZED (SELECT * FROM tenant_guard_internal.guarded_tables),
unbound AS MATERIALIZED (SELECT * FROM tenant_guard_internal.unbound_roles),
-- Row filters of publications, as far as they are one AND of several conditions: "body" is that list, in which a comparison
-- of the tenant column with constants is a semicolon, which stands nowhere else, and what is in parentheses goes step by
-- step. Names and values in quotes are question marks first: they may hold anything.
row_filters (publication, relation, body) AS (
	SELECT r.prpubid, r.prrelid, CASE f.marked WHEN ';' THEN ';' ELSE substr(f.marked, 2, length(f.marked) - 2) END
	FROM pg_publication_rel r JOIN guarded g ON g.oid = r.prrelid
		 CROSS JOIN LATERAL (SELECT regexp_replace(g.key, '(\W)', '\\\1', 'g') AS key) k
		 CROSS JOIN LATERAL (SELECT regexp_replace(
			regexp_replace(pg_get_expr(r.prqual, r.prrelid), '(' || k.key || ')|"(?:[^"]|"")*"|E?''(?:[^'']|'''')*''', '\1?', 'g'),
			replace(replace('\((?:K\?|\(K\?\)::(?:text|uuid|bigint|integer)) = (?:C|ANY \((?:\?::[a-z?][a-z0-9_ .?]*\[\]|\(?ARRAY\[C(?:, C)*\]\)?(?:::[a-z?][a-z0-9_ .?]*\[\])?)\))\)',
							'C', '(?:[0-9]+|\?::[a-z?][a-z0-9_ .?]*)'), 'K', k.key), ';', 'g') AS marked) f
	WHERE r.prqual IS NOT NULL
	UNION
	SELECT f.publication, f.relation, regexp_replace(f.body, '\([^()]*\)', '_', 'g') FROM row_filters f
),
of_tenants AS MATERIALIZED (
	SELECT f.publication, f.relation FROM row_filters f WHERE strpos(f.body, '(') = 0 AND f.body ~ '(^| AND );( AND |$)'
)

-- whoever subscribes has every tenant's rows: whether it may takes a decision
SELECT 'publication_unfiltered', 'warning', p.pubname::text,
	   format('publishes %s guarded tables without a row filter that compares the tenant column with constants, %s first: who subscribes has the rows of every tenant', count(*), min(g.name)), NULL, 0
FROM pg_publication p
	 JOIN pg_publication_tables l ON l.pubname = p.pubname
	 JOIN pg_namespace n ON n.nspname = l.schemaname
	 JOIN guarded g ON g.relname = l.tablename AND g.relnamespace = n.oid
WHERE l.rowfilter IS NULL OR (p.oid, g.oid) NOT IN (SELECT o.publication, o.relation FROM of_tenants o)
GROUP BY p.oid, p.pubname

-- A row filter by a column that the replica identity does not have: UPDATE and DELETE of every tenant fail (42P10). A unique index on
-- the tenant column and the primary key, as pairing makes it, is an identity that has both.
UNION ALL
SELECT 'publication_refuses_changes', 'warning', format('%I on %s', p.pubname, g.name),
	   format('its row filter reads column %s, which the replica identity of the table does not have: UPDATE and DELETE fail', string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum)),
	   COALESCE('ALTER TABLE ' || g.name || ' REPLICA IDENTITY USING INDEX ' ||
				(SELECT quote_ident(x.relname)
				 FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid
				 -- what has all of the identity that there is takes nothing from another publication
				 WHERE i.indrelid = g.oid AND min(c.relreplident) = 'd' AND array_agg(a.attnum) || COALESCE((SELECT k.indkey::int2[] FROM pg_index k WHERE k.indrelid = g.oid AND k.indisprimary), '{}') <@ (i.indkey::int2[])[0:i.indnkeyatts - 1]
					   AND i.indisunique AND i.indimmediate AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL
					   AND NOT EXISTS (SELECT FROM pg_attribute n WHERE n.attrelid = g.oid AND n.attnum = ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1]) AND NOT n.attnotnull)
				 ORDER BY i.indnkeyatts, x.relname LIMIT 1),
				format('ALTER TABLE %s REPLICA IDENTITY FULL', g.name)), 0
FROM pg_publication p
	 JOIN pg_publication_rel r ON r.prpubid = p.oid AND r.prqual IS NOT NULL
	 CROSS JOIN LATERAL (SELECT g.* FROM guarded g
						 WHERE g.relkind = 'r' AND (g.oid = r.prrelid OR p.pubviaroot AND r.prrelid IN (SELECT o.relid FROM pg_partition_ancestors(g.oid) o))) g
	 JOIN pg_class c ON c.oid = g.oid AND c.relreplident <> 'f'
	 JOIN pg_depend d ON d.classid = 'pg_publication_rel'::regclass AND d.objid = r.oid AND d.refclassid = 'pg_class'::regclass AND d.refobjid = r.prrelid AND d.refobjsubid > 0
	 JOIN pg_attribute f ON f.attrelid = r.prrelid AND f.attnum = d.refobjsubid
	 JOIN pg_attribute a ON a.attrelid = g.oid AND a.attname = f.attname
WHERE (p.pubupdate OR p.pubdelete)
	  AND NOT EXISTS (SELECT FROM pg_index i
					  WHERE i.indrelid = g.oid AND CASE c.relreplident WHEN 'd' THEN i.indisprimary WHEN 'i' THEN i.indisreplident END
							AND a.attnum = ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1]))
GROUP BY p.pubname, g.oid, g.name

-- rows that arrive by replication are refused: until 15 they are written as the subscription's owner, from 16 on as
-- the table's unless the subscription says run_as_owner. (15 has no such column: the name is then the outer one's.)
UNION ALL
SELECT 'subscription_will_fail', 'warning', s.subname::text,
	   format('writes as %s, whom row-level security binds, into %s guarded tables, %s first', string_agg(DISTINCT quote_ident(pg_get_userbyid(w.role)), ', '), count(*), min(g.name)),
	   CASE WHEN min(s.as_owner) IS NULL OR bool_or(w.role = s.subowner)
			THEN format('ALTER SUBSCRIPTION %I OWNER TO %I', s.subname, current_user)
			WHEN s.subowner IN (SELECT u.oid FROM unbound u) THEN format('ALTER SUBSCRIPTION %I SET (run_as_owner = true)', s.subname) END, 0
FROM (SELECT b.oid, b.subname, b.subowner, b.subdbid,
			 (SELECT subrunasowner::text FROM pg_subscription i WHERE i.oid = b.oid) AS as_owner
	  FROM (SELECT b.oid, b.subname, b.subowner, b.subdbid, NULL::text AS subrunasowner FROM pg_subscription b) b) s
	 JOIN pg_subscription_rel r ON r.srsubid = s.oid
	 JOIN guarded g ON g.oid = r.srrelid
	 CROSS JOIN LATERAL (SELECT CASE WHEN s.as_owner = 'false' THEN g.relowner ELSE s.subowner END AS role) w
WHERE s.subdbid = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
	  AND w.role NOT IN (SELECT u.oid FROM unbound u)
GROUP BY s.subname, s.subowner
$rules$;
COMMENT ON FUNCTION tenant_guard_internal.audit_replication() IS 'rules about replication; a part of audit()';

--
-- What SQL costs before it is run
--
CREATE TYPE tenant_guard.plan_step AS (step integer, object text, statement text, lock text, scans boolean, rewrites boolean, pages bigint, needs text, undo text);
COMMENT ON TYPE tenant_guard.plan_step IS 'a statement that is to be run: its place, the object that it changes, the lock that it takes there, whether it reads or rewrites all of it, how many pages that are, what it asks of the application, and the statement that takes it back';

-- The statements that remedies consist of. NAME stands for a name, LITERAL for a string; the first of them is the object. The first pattern that matches counts.
-- "beginning" is what such statements begin with: PostgreSQL keeps 32 regular expressions, and would compile all of these for each statement.
CREATE VIEW tenant_guard_internal.priced_statements AS
SELECT v.place, v.beginning, replace(replace(v.pattern, 'NAME', '((?:"(?:[^"]|"")*"|[^" .(]+)(?:\.(?:"(?:[^"]|"")*"|[^" .(]+))?)'), 'LITERAL', '(E?''(?:[^'']|'''')*'')') AS pattern,
	   v.lock, v.scans, v.rewrites, v.needs
FROM (VALUES
	  (0, 'ALTER TABLE ', '^ALTER TABLE NAME DROP CONSTRAINT .* EXCLUDE USING ', 'ACCESS EXCLUSIVE', true, false, NULL),
	  (1, 'SELECT tenant_guard.protect', '^SELECT tenant_guard\.protect\(LITERAL', 'ACCESS EXCLUSIVE', true, false, 'each statement on it needs a tenant'),
	  (2, 'SELECT tenant_guard.derive_tenant_column', '^SELECT tenant_guard\.derive_tenant_column\(LITERAL', 'ACCESS EXCLUSIVE', true, true, 'each statement on it needs a tenant; an INSERT without columns gives one more value'),
	  (3, 'SELECT tenant_guard.pair_foreign_keys', '^SELECT tenant_guard\.pair_foreign_keys\(LITERAL', 'ACCESS EXCLUSIVE', true, false, NULL),
	  (4, 'SELECT tenant_guard.share', '^SELECT tenant_guard\.share\(LITERAL', 'SHARE UPDATE EXCLUSIVE', false, false, NULL),
	  (5, 'ALTER TABLE ', '^ALTER TABLE NAME .* TYPE ', 'ACCESS EXCLUSIVE', true, true, 'what compares the column with its old type has to change'),
	  (6, 'ALTER TABLE ', '^ALTER TABLE NAME VALIDATE CONSTRAINT ', 'SHARE UPDATE EXCLUSIVE', true, false, NULL),
	  (7, 'ALTER TABLE ', '^ALTER TABLE NAME ALTER CONSTRAINT .* ENFORCED$', 'ACCESS EXCLUSIVE', true, false, NULL),
	  (8, 'ALTER TABLE ', '^ALTER TABLE NAME ALTER COLUMN .* SET NOT NULL$', 'ACCESS EXCLUSIVE', true, false, NULL),
	  (9, 'ALTER TABLE ', '^ALTER TABLE NAME DROP CONSTRAINT .* FOREIGN KEY .* NOT (?:VALID|ENFORCED)$', 'ACCESS EXCLUSIVE', false, false, NULL),
	  (10, 'ALTER TABLE ', '^ALTER TABLE NAME DROP CONSTRAINT .* FOREIGN KEY ', 'ACCESS EXCLUSIVE', true, false, NULL),
	  (11, 'ALTER TABLE ', '^ALTER TABLE NAME ENABLE TRIGGER ', 'SHARE ROW EXCLUSIVE', false, false, NULL),
	  (12, 'ALTER TABLE ', '^ALTER TABLE NAME REPLICA IDENTITY FULL$', 'ACCESS EXCLUSIVE', false, false, 'each change writes the old row to the write-ahead log'),
	  (13, 'ALTER ', '^ALTER TABLE NAME DETACH PARTITION |^ALTER FOREIGN TABLE NAME NO INHERIT ', 'ACCESS EXCLUSIVE', false, false, 'queries of the whole no longer see its rows'),
	  (14, 'ALTER ', '^ALTER (?:MATERIALIZED VIEW|FOREIGN TABLE) NAME OWNER TO ', 'ACCESS EXCLUSIVE', false, false, 'who was its owner needs privileges'),
	  (15, 'ALTER VIEW ', '^ALTER VIEW NAME SET \(security_invoker', 'ACCESS EXCLUSIVE', false, false, 'who reads it needs a tenant, and privileges for what it reads'),
	  (16, 'ALTER ', '^ALTER (?:FOREIGN )?TABLE NAME ', 'ACCESS EXCLUSIVE', false, false, NULL),
	  (17, 'ALTER POLICY ', '^ALTER POLICY (?:"(?:[^"]|"")*"|[^" ]+) ON NAME ', 'ACCESS EXCLUSIVE', false, false, NULL),
	  (18, 'CREATE INDEX CONCURRENTLY ON ', '^CREATE INDEX CONCURRENTLY ON NAME ', 'SHARE UPDATE EXCLUSIVE', true, false, 'it runs outside transaction blocks, and each change of a row changes one more index'),
	  (27, 'CREATE UNIQUE INDEX CONCURRENTLY ', '^CREATE UNIQUE INDEX CONCURRENTLY (?:"(?:[^"]|"")*"|[^" .(]+) ON NAME ', 'SHARE UPDATE EXCLUSIVE', true, false, 'outside of a transaction block'),
	  (19, 'CREATE INDEX ON ', '^CREATE INDEX ON NAME ', 'SHARE', true, false, 'CREATE INDEX CONCURRENTLY does not block writes'),
	  (20, 'CREATE UNIQUE INDEX ', '^CREATE UNIQUE INDEX (?:"(?:[^"]|"")*"|[^" .(]+) ON ONLY NAME ', 'SHARE', false, false, NULL),
	  (21, 'REASSIGN OWNED BY ', '^REASSIGN OWNED BY NAME ', 'ACCESS EXCLUSIVE', false, false, 'what changes its tables has to become the new owner'),
	  (22, 'ALTER ', '^ALTER (?:FUNCTION|ROUTINE) .* SECURITY INVOKER$', NULL, false, false, 'who calls it needs a tenant, and privileges for what it does'),
	  (23, 'ALTER FUNCTION ', '^ALTER FUNCTION .* SET tenant_guard\.bypass = on$', NULL, false, false, 'it reaches the rows of every tenant'),
	  (24, 'ALTER ROLE ', '^ALTER ROLE .* NO(?:SUPERUSER|BYPASSRLS|REPLICATION|CREATEROLE)', NULL, false, false, 'the role loses the attribute'),
	  (25, 'ALTER ', '^ALTER (?:ROLE|DATABASE) .* (?:SET|RESET) ', NULL, false, false, 'sessions that begin later have it'),
	  (26, 'REVOKE ', '^REVOKE ', NULL, false, false, 'what uses the privilege is refused'),
	  (28, 'DROP INDEX CONCURRENTLY ', '^DROP INDEX CONCURRENTLY NAME$', 'SHARE UPDATE EXCLUSIVE', false, false, 'outside of a transaction block'),
	  (29, 'COMMENT ON ', '^COMMENT ON (?:INDEX|CONSTRAINT (?:"(?:[^"]|"")*"|[^" .(]+) ON) NAME IS ', 'SHARE UPDATE EXCLUSIVE', false, false, NULL),
	  (30, 'ALTER INDEX ', '^ALTER INDEX (?:(?:"(?:[^"]|"")*"|[^" .(]+)\.)?(?:"(?:[^"]|"")*"|[^" .(]+) ATTACH PARTITION NAME$', 'ACCESS EXCLUSIVE', false, false, NULL),
	  (31, '', '^(?:SELECT|ALTER|CREATE|GRANT|SECURITY) ', NULL, false, false, NULL)) v (place, beginning, pattern, lock, scans, rewrites, needs);
COMMENT ON VIEW tenant_guard_internal.priced_statements IS 'the statements of remedies, and what they cost; a part of audit()';
GRANT SELECT ON tenant_guard_internal.priced_statements TO PUBLIC;

-- The statements of a remedy as steps. Pages are those of a table with its parts, with their indexes where all of them are written.
CREATE FUNCTION tenant_guard_internal.plan_steps(statements text) RETURNS SETOF tenant_guard.plan_step
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT s.step::int, COALESCE(i.relation::text, s.object), s.statement, s.lock, s.scans, s.rewrites,
	   CASE WHEN s.scans OR s.rewrites
			THEN (WITH RECURSIVE parts (oid) AS (
					  SELECT i.relation::oid
					  UNION
					  SELECT h.inhrelid FROM parts p JOIN pg_inherits h ON h.inhparent = p.oid)
				  SELECT sum(CASE WHEN s.rewrites THEN pg_total_relation_size(p.oid) ELSE pg_relation_size(p.oid) END)::bigint / current_setting('block_size')::int FROM parts p) END,
	   -- to change a foreign key is to change both of its tables
	   NULLIF(concat_ws('; ', s.needs, CASE WHEN s.place IN (1, 2, 3, 9, 10) AND EXISTS (SELECT FROM pg_constraint k WHERE k.contype = 'f' AND i.relation IN (k.conrelid, k.confrelid) AND k.conrelid <> k.confrelid)
											THEN 'tables that foreign keys connect with it are locked as well' END), ''),
	   CASE s.place WHEN 1 THEN format('SELECT tenant_guard.unprotect(%L)', s.object) WHEN 4 THEN format('SELECT tenant_guard.unshare(%L)', s.object) END
FROM (SELECT DISTINCT ON (m.step) m.step, m.statement, p.place, p.lock, p.scans, p.rewrites, p.needs,
			 CASE WHEN o.name ~ '^E?''' THEN replace(replace(regexp_replace(o.name, '^E?''|''$', '', 'g'), '''''', ''''), '\\', '\') ELSE o.name END AS object
	  FROM (SELECT trim(m.statement[1]) AS statement, m.step
			FROM regexp_matches(plan_steps.statements, '(?:[^;''"]|''(?:[^'']|'''')*''|"(?:[^"]|"")*")+', 'g') WITH ORDINALITY AS m (statement, step)) m
		   JOIN tenant_guard_internal.priced_statements p ON CASE WHEN starts_with(m.statement, p.beginning) THEN m.statement ~ p.pattern END
		   CROSS JOIN LATERAL (SELECT CASE WHEN p.lock IS NOT NULL THEN (SELECT min(n) FROM unnest(regexp_match(m.statement, p.pattern)) n) END AS name) o
	  ORDER BY m.step, p.place) s
	 -- an index is changed with its table
	 LEFT JOIN LATERAL (SELECT COALESCE(x.indrelid, c.oid)::regclass AS relation
						FROM parse_ident(s.object, false) n -- not by a cast: who audits may lack USAGE on the schema
							 JOIN pg_namespace m ON m.nspname = n[1] JOIN pg_class c ON c.relnamespace = m.oid AND c.relname = n[2]
							 LEFT JOIN pg_index x ON x.indexrelid = c.oid
						WHERE s.place <> 21) i ON true
ORDER BY s.step
$$;
COMMENT ON FUNCTION tenant_guard_internal.plan_steps(text) IS 'the statements of a remedy as steps, with what they cost; a part of audit()';

-- What a DBA is to know of steps before he runs them, in a line.
CREATE FUNCTION tenant_guard_internal.price(steps tenant_guard.plan_step[]) RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT concat_ws('; ', COALESCE(string_agg(format('%s lock on %s', s.lock, s.object), ', ') FILTER (WHERE s.lock IS NOT NULL AND s.place = 1), 'no lock'),
				 'reads ' || ltrim(to_char(sum(s.pages) FILTER (WHERE s.scans AND NOT s.rewrites), '999,999,999,999,990')) || CASE sum(s.pages) FILTER (WHERE s.scans AND NOT s.rewrites) WHEN 1 THEN ' page' ELSE ' pages' END,
				 'rewrites ' || ltrim(to_char(sum(s.pages) FILTER (WHERE s.rewrites), '999,999,999,999,990')) || CASE sum(s.pages) FILTER (WHERE s.rewrites) WHEN 1 THEN ' page' ELSE ' pages' END,
				 string_agg(DISTINCT s.needs, '; '))
FROM (SELECT s.*, row_number() OVER (PARTITION BY s.object ORDER BY array_position('{ACCESS EXCLUSIVE,EXCLUSIVE,SHARE ROW EXCLUSIVE,SHARE,SHARE UPDATE EXCLUSIVE}', s.lock), s.step) AS place
	  FROM unnest(price.steps) s) s
HAVING count(*) > 0
$$;
COMMENT ON FUNCTION tenant_guard_internal.price(tenant_guard.plan_step[]) IS 'what steps cost, in a line; a part of audit()';

--
-- Findings that somebody has accepted: for the DBA, and whom the DBA grants it to
--
-- An acceptance is a clause of a security label (src/base/label.c), on the object that the finding is about, or to which what
-- it is about belongs: a table, with its keys, policies and triggers; a view; a function; a role, of what is so in every
-- database; and otherwise the database. Whoever owns that object may accept it, as for SECURITY LABEL.
--
-- What a finding says, so that it is one again when it says something else. Where that grows with every table, and is no worse for it,
-- the level alone counts.
CREATE FUNCTION tenant_guard_internal.finding_digest(rule text, level text, detail text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT left(encode(sha256(convert_to(concat(level, ' ', CASE WHEN rule IN ('application_owns_table', 'tenants_table_open', 'trigger_granted') THEN NULL
																	  -- one finding for all such keys: without how many they are, and their names
																	  WHEN rule = 'unique_without_tenant' AND level = 'info' THEN regexp_replace(detail, '^\d+ (keys [^:]*):.*$', '\1')
																	  ELSE detail END), 'UTF8')), 'hex'), 16)
$$;
COMMENT ON FUNCTION tenant_guard_internal.finding_digest(text, text, text) IS 'what a finding says, in short; a part of accept_finding()';

-- Where the acceptance of a finding belongs: the object, what of it the finding is about, and the object's name for SECURITY LABEL.
CREATE FUNCTION tenant_guard_internal.place_of_finding(rule text, object text, OUT classoid oid, OUT objoid oid, OUT part text, OUT target text)
RETURNS record
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT p.classoid, p.objoid, p.part, p.target
FROM (SELECT 'pg_authid'::regclass::oid AS classoid, r.oid AS objoid, NULL::text AS part, 'ROLE ' || quote_ident(r.rolname) AS target, 1 AS rank
	  FROM pg_roles r
	  WHERE rule IN ('bypass_granted', 'role_bypasses', 'role_reaches_around', 'setting_granted') AND quote_ident(r.rolname) = object
	  UNION ALL
	  SELECT 'pg_class'::regclass, c.oid, CASE WHEN object <> n.name THEN left(object, -length(' on ' || n.name)) END,
			 CASE c.relkind WHEN 'v' THEN 'VIEW ' WHEN 'm' THEN 'MATERIALIZED VIEW ' WHEN 'f' THEN 'FOREIGN TABLE ' ELSE 'TABLE ' END || n.name, 2
	  FROM pg_class c CROSS JOIN LATERAL (SELECT c.oid::regclass::text AS name) n
	  WHERE c.oid >= 16384 AND c.relkind IN ('r', 'p', 'f', 'v', 'm') AND strpos(object, quote_ident(c.relname)) > 0
			AND (object = n.name OR right(object, length(' on ' || n.name)) = ' on ' || n.name)
	  UNION ALL
	  SELECT 'pg_proc'::regclass, f.oid, NULL, 'ROUTINE ' || n.name, 3
	  FROM pg_proc f CROSS JOIN LATERAL (SELECT f.oid::regprocedure::text AS name) n
	  WHERE f.oid >= 16384 AND strpos(object, quote_ident(f.proname)) > 0 AND object = n.name
	  UNION ALL
	  SELECT 'pg_database'::regclass, d.oid, object, 'DATABASE ' || quote_ident(d.datname), 4
	  FROM pg_database d WHERE d.datname = current_database()) p
-- what is named there is no table, whatever it is called
WHERE p.rank IN (1, 4) OR rule NOT IN ('application_owns_table', 'backup_role_missing', 'beside_tables', 'bypass_granted', 'event_trigger_disabled', 'function_replaced',
									   'nothing_guarded', 'not_preloaded', 'publication_unfiltered', 'role_bypasses', 'role_reaches_around', 'server_outdated', 'setting_granted',
									   'setting_loosened', 'statements_readable', 'statistics_readable', 'subscription_will_fail', 'trigger_granted')
ORDER BY p.rank
LIMIT 1
$$;
COMMENT ON FUNCTION tenant_guard_internal.place_of_finding(text, text) IS 'the object on whose label a finding is accepted; a part of accept_finding()';

CREATE TYPE tenant_guard_internal.acceptance AS (classoid oid, objoid oid, rule text, object text, part text, target text,
												 details text[], reason text, until timestamptz, accepted_by text);
COMMENT ON TYPE tenant_guard_internal.acceptance IS 'a finding that a label accepts; a part of audit()';

-- What labels accept; "object" as audit() writes it. An owner who is no superuser may have written what he likes: who accepted is his word. So it is
-- with a role's label, which roles with CREATEROLE may write: for a superuser's name there may be one of theirs.
CREATE FUNCTION tenant_guard_internal.acceptances() RETURNS SETOF tenant_guard_internal.acceptance
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT l.classoid, l.objoid, c.rule, concat_ws(' on ', c.object, o.name), c.object, o.target,
	   string_to_array(c.details, ' '), c.reason, c.until::timestamptz,
	   COALESCE(quote_ident(c.by), 'somebody')
	   || CASE WHEN w.oid IS NULL AND NOT EXISTS (SELECT FROM pg_roles b WHERE b.rolname = c.by AND NOT b.rolsuper)
					AND EXISTS (SELECT FROM pg_roles b WHERE b.rolcreaterole AND NOT b.rolsuper) THEN ' (so says the label, which roles with CREATEROLE may write)'
			   WHEN c.by IS DISTINCT FROM w.rolname AND NOT w.rolsuper THEN format(' (so says the label, which is %I''s)', w.rolname) ELSE '' END
FROM (SELECT s.classoid, s.objoid, s.label FROM pg_seclabel s WHERE s.provider = 'tenant_guard' AND s.objsubid = 0
	  UNION ALL
	  SELECT s.classoid, s.objoid, s.label FROM pg_shseclabel s
	  WHERE s.provider = 'tenant_guard' AND (s.classoid = 'pg_authid'::regclass OR s.objoid = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database()))) l
	 CROSS JOIN LATERAL tenant_guard_internal.label_clauses(l.label) c
	 CROSS JOIN LATERAL (SELECT r.oid::regclass::text AS name, r.relowner AS owner,
								CASE r.relkind WHEN 'v' THEN 'VIEW ' WHEN 'm' THEN 'MATERIALIZED VIEW ' WHEN 'f' THEN 'FOREIGN TABLE ' ELSE 'TABLE ' END || r.oid::regclass AS target
						 FROM pg_class r WHERE l.classoid = 'pg_class'::regclass AND r.oid = l.objoid
						 UNION ALL
						 SELECT f.oid::regprocedure::text, f.proowner, 'ROUTINE ' || f.oid::regprocedure FROM pg_proc f WHERE l.classoid = 'pg_proc'::regclass AND f.oid = l.objoid
						 UNION ALL
						 SELECT quote_ident(r.rolname), NULL, 'ROLE ' || quote_ident(r.rolname) FROM pg_roles r WHERE l.classoid = 'pg_authid'::regclass AND r.oid = l.objoid
						 UNION ALL
						 SELECT NULL, d.datdba, 'DATABASE ' || quote_ident(d.datname) FROM pg_database d WHERE l.classoid = 'pg_database'::regclass AND d.oid = l.objoid) o
	 LEFT JOIN pg_roles w ON w.oid = o.owner
WHERE c.word = 'accepted'
$$;
COMMENT ON FUNCTION tenant_guard_internal.acceptances() IS 'the findings that labels accept; a part of audit()';

CREATE FUNCTION accept_finding(rule text, object text, reason text, until timestamptz DEFAULT NULL) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
	place record;
	digests text;
	others text;
BEGIN
	IF reason IS NULL OR reason ~ '^\s*$' THEN
		RAISE EXCEPTION 'a finding is accepted for a reason'
			USING ERRCODE = 'invalid_parameter_value',
				  HINT = format('Say why it may stay as it is: SELECT tenant_guard.accept_finding(%L, %L, ''...'');', rule, object);
	ELSIF until <= now() THEN
		RAISE EXCEPTION 'the acceptance would have ended on %', until
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Give a time to come, or none.';
	ELSIF rule IS NULL OR NOT EXISTS (SELECT FROM tenant_guard_internal.audit_rules r WHERE r.rule = accept_finding.rule) THEN
		RAISE EXCEPTION 'audit() has no rule "%"', rule
			USING ERRCODE = 'invalid_parameter_value',
				  HINT = format('Rules are %s.', (SELECT string_agg(r.rule, ', ' ORDER BY r.rule COLLATE "C") FROM tenant_guard_internal.audit_rules r));
	END IF;
	SELECT string_agg(DISTINCT tenant_guard_internal.finding_digest(f.rule, f.level, f.detail), ' ') FILTER (WHERE f.object = accept_finding.object),
		   array_to_string((array_agg(DISTINCT quote_literal(f.object)))[1:5], ', ') || CASE WHEN count(DISTINCT f.object) > 5 THEN ', ...' ELSE '' END
	INTO digests, others
	FROM tenant_guard_internal.findings(NULL, (SELECT array_agg(r.rule) FROM tenant_guard_internal.audit_rules r WHERE r.rule <> accept_finding.rule)) f;
	IF digests IS NULL THEN
		RAISE EXCEPTION 'audit() does not find % of object %', rule, object
			USING ERRCODE = 'undefined_object', HINT = COALESCE('It finds it of ' || others || '.', 'It finds it of no object.');
	END IF;
	place := tenant_guard_internal.place_of_finding(rule, object);
	IF place.target LIKE 'TABLE %' THEN
		-- what the label says otherwise is written again, and must not be changed between
		EXECUTE format('LOCK TABLE ONLY %s IN SHARE UPDATE EXCLUSIVE MODE', substr(place.target, 7));
	END IF;
	EXECUTE format('SECURITY LABEL FOR tenant_guard ON %s IS %L', place.target,
				   tenant_guard_internal.label_with(tenant_guard_internal.label_on(place.classoid, place.objoid), rule, place.part, digests, reason,
													to_char(CASE WHEN until < '9999-12-31' THEN until END AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), current_user));
END
$$;
COMMENT ON FUNCTION accept_finding(text, text, text, timestamptz) IS 'accepts a finding of audit() for a reason, and for a time';
REVOKE ALL ON FUNCTION accept_finding(text, text, text, timestamptz) FROM PUBLIC;

CREATE FUNCTION reopen_finding(rule text, object text) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
	accepted record;
BEGIN
	IF NOT EXISTS (SELECT FROM tenant_guard_internal.acceptances() a WHERE a.rule = reopen_finding.rule AND a.object = reopen_finding.object) THEN
		RAISE EXCEPTION 'nobody has accepted % of object %', rule, object
			USING ERRCODE = 'undefined_object',
				  HINT = COALESCE((SELECT 'Accepted are ' || string_agg(format('%s of %L', a.rule, a.object), ', ' ORDER BY a.rule COLLATE "C", a.object COLLATE "C") || '.'
								   FROM tenant_guard_internal.acceptances() a), 'No finding is accepted.');
	END IF;
	FOR accepted IN SELECT a.* FROM tenant_guard_internal.acceptances() a WHERE a.rule = reopen_finding.rule AND a.object = reopen_finding.object LOOP
		IF accepted.target LIKE 'TABLE %' THEN
			EXECUTE format('LOCK TABLE ONLY %s IN SHARE UPDATE EXCLUSIVE MODE', substr(accepted.target, 7));
		END IF;
		EXECUTE format('SECURITY LABEL FOR tenant_guard ON %s IS %L', accepted.target,
					   tenant_guard_internal.label_without(tenant_guard_internal.label_on(accepted.classoid, accepted.objoid), rule, accepted.part));
	END LOOP;
END
$$;
COMMENT ON FUNCTION reopen_finding(text, text) IS 'takes back that a finding of audit() is accepted';
REVOKE ALL ON FUNCTION reopen_finding(text, text) FROM PUBLIC;

--
-- What is wrong, or should be known: for the DBA, and whom the DBA grants it to
--
-- A rule is one query of five columns and an order: name, level, object, detail, remedy, and, where remedies must be
-- run in a certain order within the rule, a number to sort by. The levels:
--   error     rows can cross tenants now, at least in a session that has not loaded the library
--   warning   one step more is needed
--   info      a DBA should know
--   accepted  somebody has accepted it (85-accepted.sql), for a reason and perhaps for a time; no rule has this level
-- No rule may find anything in a database where nobody has made a mistake. A remedy is SQL that makes the finding
-- go away, and null where that takes a decision. What belongs to an extension, or lies in a schema that
-- tenant_guard.excluded_schemas names, is left alone. A rule needs its fault planted, and its remedy run, in
-- sql/audit_findings.sql, in a test of its own beside it, or in test/t/ (030_audit.pl and others) where that takes a server of its own.
-- The rules, the most severe level of each, and the function that has it.
CREATE VIEW tenant_guard_internal.audit_rules AS
SELECT v.rule, v.level, v.part
FROM (VALUES
	   ('guard_incomplete', 'error', 'audit_guards'),
	   ('parent_unguarded', 'error', 'audit_guards'),
	   ('part_unguarded', 'error', 'audit_guards'),
	   ('permissive_policy_missing', 'warning', 'audit_guards'),
	   ('unguarded_table', 'error', 'audit_guards'),
	   ('unprotected_table', 'warning', 'audit_guards'),
	   ('tenant_column_missing', 'error', 'audit_missing_columns'),
	   ('tenants_table_open', 'error', 'audit_missing_columns'),
	   ('nothing_guarded', 'warning', 'audit_undecided'),
	   ('undecided_table', 'warning', 'audit_undecided'),
	   ('not_null_pending', 'warning', 'audit_tenant_columns'),
	   ('tenant_column_unused', 'warning', 'audit_tenant_columns'),
	   ('tenant_default_missing', 'info', 'audit_tenant_columns'),
	   ('tenant_index_missing', 'warning', 'audit_tenant_columns'),
	   ('tenant_type_differs', 'error', 'audit_tenant_columns'),
	   ('gin_without_tenant', 'info', 'audit_gin_indexes'),
	   ('vector_search_overfilters', 'warning', 'audit_gin_indexes'),
	   ('foreign_part', 'error', 'audit_foreign_tables'),
	   ('foreign_table_exposes', 'error', 'audit_foreign_tables'),
	   ('policy_before_isolation', 'warning', 'audit_policies'),
	   ('policy_reads_unsafe_function', 'warning', 'audit_policies'),
	   ('foreign_key_disabled', 'error', 'audit_foreign_keys'),
	   ('foreign_key_not_valid', 'warning', 'audit_foreign_keys'),
	   ('unpaired_foreign_key', 'error', 'audit_foreign_keys'),
	   ('cascade_as_unbound_owner', 'warning', 'audit_key_actions'),
	   ('cascade_from_outside', 'error', 'audit_key_actions'),
	   ('key_action_sets_tenant', 'warning', 'audit_key_actions'),
	   ('key_calls_function', 'error', 'audit_key_functions'),
	   ('unique_without_tenant', 'warning', 'audit_unique_keys'),
	   ('materialized_view_exposes', 'error', 'audit_views'),
	   ('rule_bypasses', 'error', 'audit_views'),
	   ('view_bypasses', 'error', 'audit_views'),
	   ('bypass_for_everyone', 'warning', 'audit_definers'),
	   ('definer_function_bypasses', 'error', 'audit_definers'),
	   ('leakproof_function', 'warning', 'audit_functions'),
	   ('trigger_runs_as_owner', 'warning', 'audit_functions'),
	   ('trusted_function', 'info', 'audit_functions'),
	   ('mixed_comparison', 'warning', 'audit_comparisons'),
	   ('trigger_granted', 'warning', 'audit_triggers'),
	   ('trigger_of_other', 'error', 'audit_triggers'),
	   ('application_owns_table', 'warning', 'audit_roles'),
	   ('backup_role_missing', 'warning', 'audit_roles'),
	   ('role_bypasses', 'warning', 'audit_roles'),
	   ('role_reaches_around', 'warning', 'audit_roles'),
	   ('statements_readable', 'info', 'audit_statistics'),
	   ('statistics_readable', 'warning', 'audit_statistics'),
	   ('beside_tables', 'warning', 'audit_beside_tables'),
	   ('event_trigger_disabled', 'error', 'audit_library'),
	   ('function_replaced', 'error', 'audit_library'),
	   ('not_preloaded', 'warning', 'audit_library'),
	   ('server_outdated', 'error', 'audit_server'),
	   ('bypass_granted', 'info', 'audit_settings'),
	   ('setting_granted', 'info', 'audit_settings'),
	   ('setting_disagrees', 'error', 'audit_settings'),
	   ('setting_loosened', 'error', 'audit_settings'),
	   ('authority_by_role', 'warning', 'audit_other_settings'),
	   ('policy_superfluous', 'info', 'audit_other_settings'),
	   ('setting_name_refused', 'warning', 'audit_other_settings'),
	   ('setting_read_empty', 'warning', 'audit_other_settings'),
	   ('publication_refuses_changes', 'warning', 'audit_replication'),
	   ('publication_unfiltered', 'warning', 'audit_replication'),
	   ('subscription_will_fail', 'warning', 'audit_replication')) v (rule, level, part);
COMMENT ON VIEW tenant_guard_internal.audit_rules IS 'the rules of audit(), and the functions that have them; a part of audit()';
GRANT SELECT ON tenant_guard_internal.audit_rules TO PUBLIC;

-- What the rules find, at this level or a more severe one. A function all of whose rules are left out is not called.
CREATE FUNCTION tenant_guard_internal.findings(wanted text, without text[]) RETURNS SETOF tenant_guard_internal.finding
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET jit = off -- each statement is run once
AS $$
DECLARE
	levels CONSTANT text[] := ARRAY['error', 'warning', 'info', 'accepted'];
	least CONSTANT int := COALESCE(array_position(levels, COALESCE(wanted, 'accepted')), 0);
	left_out CONSTANT text[] := ARRAY(SELECT w.rule FROM unnest(without) w (rule) WHERE w.rule IS NOT NULL); -- beside a null nothing would be found
	rules text;
	unknown text;
	part text;
BEGIN
	IF least = 0 THEN
		RAISE EXCEPTION 'invalid level for audit(): "%"', wanted
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Levels are "error", "warning", "info" and "accepted".';
	END IF;
	SELECT string_agg(DISTINCT format('"%s"', w.rule), ', ') INTO unknown
	FROM unnest(left_out) w (rule) WHERE w.rule NOT IN (SELECT r.rule FROM tenant_guard_internal.audit_rules r);
	IF unknown IS NOT NULL THEN
		SELECT string_agg(r.rule, ', ' ORDER BY r.rule COLLATE "C") INTO rules FROM tenant_guard_internal.audit_rules r;
		RAISE EXCEPTION 'audit() has no rule %', unknown
			USING ERRCODE = 'invalid_parameter_value', HINT = format('Rules are %s.', rules);
	END IF;
	FOR part IN
		SELECT r.part FROM tenant_guard_internal.audit_rules r
		WHERE r.rule <> ALL (left_out) AND array_position(levels, r.level) <= least
		GROUP BY r.part
	LOOP
		RETURN QUERY EXECUTE format('SELECT f.* FROM tenant_guard_internal.%I() f WHERE f.rule <> ALL ($1) AND array_position($2, f.level) <= $3', part)
			USING left_out, levels, least;
	END LOOP;
END
$$;
COMMENT ON FUNCTION tenant_guard_internal.findings(text, text[]) IS 'what the rules find, before it is put in order; a part of audit()';

-- The acceptances that count: those where their finding belongs, whatever other labels say.
CREATE FUNCTION tenant_guard_internal.acceptances_in_place() RETURNS SETOF tenant_guard_internal.acceptance
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT a.* FROM tenant_guard_internal.acceptances() a
WHERE (a.classoid, a.objoid) = (SELECT p.classoid, p.objoid FROM tenant_guard_internal.place_of_finding(a.rule, a.object) p)
$$;
COMMENT ON FUNCTION tenant_guard_internal.acceptances_in_place() IS 'the findings that labels accept where they belong; a part of audit()';

-- One that has ended, or is of a finding that said something else, is none.
CREATE FUNCTION tenant_guard_internal.acceptance_status(until timestamptz, details text[], rule text, level text, detail text) RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT CASE WHEN until <= now() THEN 'ended'
			WHEN details IS NULL OR tenant_guard_internal.finding_digest(rule, level, detail) = ANY (details) THEN 'accepted'
			ELSE 'changed' END
$$;
COMMENT ON FUNCTION tenant_guard_internal.acceptance_status(timestamptz, text[], text, text, text) IS 'whether a finding is accepted, or why it is not any more; a part of audit()';

-- What the rules find, with those that somebody has accepted as such, if they are wanted.
CREATE FUNCTION tenant_guard_internal.judged_findings(wanted text, without text[]) RETURNS SETOF tenant_guard_internal.finding
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
WITH accepted AS MATERIALIZED (SELECT * FROM tenant_guard_internal.acceptances_in_place())
SELECT f.rule, CASE WHEN v.status = 'accepted' THEN 'accepted' ELSE f.level END, f.object,
	   CASE v.status
	   WHEN 'accepted' THEN format('accepted%s%s: %s (%s: %s)', ' by ' || a.accepted_by, ' until ' || v.until, a.reason, f.level, f.detail)
	   WHEN 'ended' THEN format('%s (was accepted until %s: %s)', f.detail, v.until, a.reason)
	   WHEN 'changed' THEN format('%s (what was accepted said something else: %s)', f.detail, a.reason)
	   ELSE f.detail END,
	   CASE WHEN v.status IS DISTINCT FROM 'accepted' THEN f.remedy END, f.step
FROM tenant_guard_internal.findings(wanted, without) f
	 LEFT JOIN accepted a ON a.rule = f.rule AND a.object = f.object
	 LEFT JOIN LATERAL (SELECT tenant_guard_internal.acceptance_status(a.until, a.details, f.rule, f.level, f.detail) AS status,
							   to_char(a.until, CASE WHEN a.until = date_trunc('day', a.until) THEN 'YYYY-MM-DD' ELSE 'YYYY-MM-DD HH24:MI TZ' END) AS until) v ON a.rule IS NOT NULL
WHERE COALESCE(wanted, 'accepted') = 'accepted' OR v.status IS DISTINCT FROM 'accepted'
$$;
COMMENT ON FUNCTION tenant_guard_internal.judged_findings(text, text[]) IS 'what the rules find, and whether it is accepted; a part of audit()';

-- Findings stand by the object that is to be changed: of a key, a policy or a trigger, its table ("... on table"). First the objects with
-- the most severe findings; among them those whose remedies must be run first.
CREATE FUNCTION audit(level text DEFAULT NULL, without text[] DEFAULT NULL, OUT rule text, OUT level text, OUT object text, OUT detail text, OUT remedy text, OUT price text)
RETURNS SETOF record
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
SET jit = off -- each statement is run once
AS $$
SELECT f.rule, f.level, f.object, f.detail, f.remedy, tenant_guard_internal.price(ARRAY(SELECT s FROM tenant_guard_internal.plan_steps(f.remedy) s))
FROM (SELECT f.*, s.severity, g.changed,
			 min(s.severity) OVER of_object AS worst, min(f.step) FILTER (WHERE f.remedy IS NOT NULL) OVER of_object AS first_step
	  FROM tenant_guard_internal.judged_findings(audit.level, audit.without) f
		   CROSS JOIN LATERAL (SELECT array_position(ARRAY['error', 'warning', 'info', 'accepted'], f.level) AS severity) s
		   CROSS JOIN LATERAL (SELECT regexp_replace(f.object, '^("([^"]|"")*"|[^" ]+) on ', '') AS changed) g
	  WINDOW of_object AS (PARTITION BY g.changed)) f
ORDER BY f.worst, f.first_step, f.changed COLLATE "C", f.severity, f.step, f.rule COLLATE "C", f.object COLLATE "C"
$$;
COMMENT ON FUNCTION audit(text, text[]) IS 'what is wrong with the isolation of tenants, or should be known, and the SQL that corrects it';
REVOKE ALL ON FUNCTION audit(text, text[]) FROM PUBLIC;

-- Acceptances with the level that their finding has without them. Rules that nobody has accepted are not looked at.
CREATE VIEW accepted_findings AS
SELECT a.rule, a.object, f.level,
	   CASE WHEN f.rule IS NULL THEN 'not found'
			ELSE tenant_guard_internal.acceptance_status(a.until, a.details, f.rule, f.level, f.detail) END AS status,
	   a.reason, a.accepted_by, a.until, f.detail
FROM tenant_guard_internal.acceptances_in_place() a
	 LEFT JOIN tenant_guard_internal.findings(NULL, ARRAY(SELECT r.rule FROM tenant_guard_internal.audit_rules r
														  WHERE r.rule NOT IN (SELECT o.rule FROM tenant_guard_internal.acceptances() o))) f
			   ON f.rule = a.rule AND f.object = a.object;
COMMENT ON VIEW accepted_findings IS 'the findings of audit() that somebody has accepted, by whom and why, and whether that still counts';
COMMENT ON COLUMN accepted_findings.level IS 'the level that the finding has when it is not accepted; null if it is not found any more';
COMMENT ON COLUMN accepted_findings.status IS 'accepted, ended, changed or not found';
COMMENT ON COLUMN accepted_findings.detail IS 'what is found now';

-- One row, for dashboards.
CREATE VIEW status AS
SELECT t.guarded, t.damaged, t.unguarded, t.unprotected, t.shared, t.null_rows_shared,
	   a.errors, a.warnings, a.infos, a.accepted,
	   tenant_guard.library_preloaded() AS preloaded,
	   e.extversion AS version,
	   tenant_guard.library_version() AS library_version,
	   CASE WHEN NOT tenant_guard.library_preloaded() THEN tenant_guard.preload_statement(d.oid, 0) END AS to_preload
FROM (SELECT pg_catalog.count(*) FILTER (WHERE status = 'guarded') AS guarded,
			 pg_catalog.count(*) FILTER (WHERE status = 'damaged') AS damaged,
			 pg_catalog.count(*) FILTER (WHERE status = 'unguarded') AS unguarded,
			 pg_catalog.count(*) FILTER (WHERE status = 'unprotected') AS unprotected,
			 pg_catalog.count(*) FILTER (WHERE status = 'shared') AS shared,
			 pg_catalog.count(*) FILTER (WHERE null_rows = 'shared') AS null_rows_shared
	  FROM tenant_guard.tables) t
	 CROSS JOIN (SELECT pg_catalog.count(*) FILTER (WHERE level = 'error') AS errors,
						pg_catalog.count(*) FILTER (WHERE level = 'warning') AS warnings,
						pg_catalog.count(*) FILTER (WHERE level = 'info') AS infos,
						pg_catalog.count(*) FILTER (WHERE level = 'accepted') AS accepted
				 FROM tenant_guard.audit()) a
	 CROSS JOIN pg_catalog.pg_extension e
	 CROSS JOIN pg_catalog.pg_database d
WHERE e.extname = 'tenant_guard' AND d.datname = pg_catalog.current_database();
COMMENT ON VIEW status IS 'one row: how many tables are guarded, how many findings audit() has, and what is installed';

--
-- Does isolation hold? For superusers: prove() tries to break it
--
-- What is tried is tried as a role that row-level security binds, in a subtransaction that is rolled back. The rows are
-- made with session_replication_role = replica, so that neither triggers nor foreign keys stand in the way; only they, since
-- each change of that setting makes the server plan everything anew.
--
-- Nothing of a table's owner, a trigger, default, CHECK, cast or view, may run as the superuser who proves: a statement
-- that names a table of the user's, or a type, goes through execute_as(), those that make rows and look at them as the
-- table's owner. The functions themselves speak of catalogs alone, in which pg_catalog comes first and pg_temp last (and is
-- never searched for functions), and of what stands there they read names, numbers and the text of expressions, which takes
-- built-in functions. Beside that the superuser makes roles, grants, revokes, and disables triggers: no user's code is called.

CREATE FUNCTION tenant_guard_internal.execute_as(role oid, search_path text, statement text, unforced boolean DEFAULT false) RETURNS text
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'tenant_guard_execute_as';
COMMENT ON FUNCTION tenant_guard_internal.execute_as(oid, text, text, boolean) IS 'carries out a statement as another role and returns its first value, or how many rows it changed; a part of prove()';
REVOKE ALL ON FUNCTION tenant_guard_internal.execute_as(oid, text, text, boolean) FROM PUBLIC;

-- A table, and what is a part or a child of it.
CREATE FUNCTION tenant_guard_internal.probe_tree(relation regclass) RETURNS oid[]
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
WITH RECURSIVE tree (part) AS (SELECT relation::oid UNION SELECT i.inhrelid FROM tree JOIN pg_inherits i ON i.inhparent = part)
SELECT array_agg(part) FROM tree
$$;
COMMENT ON FUNCTION tenant_guard_internal.probe_tree(regclass) IS 'a table, its partitions and its children; a part of prove()';
REVOKE ALL ON FUNCTION tenant_guard_internal.probe_tree(regclass) FROM PUBLIC;

-- Gives a role that prove() made what it is to have and nothing else. What it calls may belong to any of the owners, and
-- reads and writes with the role's privileges: so the role gets none that one of them lacks. "Writable" are tables and
-- views to write too; of all of them the schemas, those of the columns' types included.
CREATE FUNCTION tenant_guard_internal.probe_grant(role oid, owners oid[], writable oid[], readable oid[] DEFAULT '{}') RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET session_replication_role = replica
AS $$
DECLARE
	statement text;
BEGIN
	FOR statement IN
		SELECT format('REVOKE ALL ON %s FROM %I', CASE d.classid WHEN 'pg_class'::regclass THEN d.objid::regclass::text ELSE 'SCHEMA ' || d.objid::regnamespace END, pg_get_userbyid(role))
		FROM pg_shdepend d
		WHERE d.refclassid = 'pg_authid'::regclass AND d.refobjid = role AND d.deptype = 'a' AND d.classid IN ('pg_class'::regclass, 'pg_namespace'::regclass)
		UNION ALL
		SELECT format('GRANT %s ON %s TO %I', string_agg(p.privilege, ', '), r.relation::regclass, pg_get_userbyid(role))
		FROM (SELECT unnest(writable), true UNION SELECT unnest(readable), false) r (relation, written)
			 CROSS JOIN unnest(CASE WHEN r.written THEN '{SELECT,INSERT,UPDATE,DELETE}' ELSE '{SELECT}' END::text[]) p (privilege)
		WHERE (SELECT bool_and(has_table_privilege(o, r.relation, p.privilege)) FROM unnest(owners) o)
		GROUP BY r.relation
		UNION ALL
		SELECT format('GRANT USAGE ON SCHEMA %s TO %I', n.schema::regnamespace, pg_get_userbyid(role))
		FROM (SELECT c.relnamespace FROM pg_class c WHERE c.oid = ANY (writable || readable)
			  UNION
			  SELECT t.typnamespace FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
			  WHERE a.attrelid = ANY (writable) AND a.attnum > 0 AND t.typnamespace NOT IN ('pg_catalog'::regnamespace, 'tenant_guard'::regnamespace)) n (schema)
		WHERE (SELECT bool_and(has_schema_privilege(o, n.schema, 'USAGE')) FROM unnest(owners) o)
	LOOP
		EXECUTE statement;
	END LOOP;
	-- whoever owns a schema may have given its name to another meanwhile
	IF EXISTS (SELECT FROM pg_shdepend d
			   WHERE d.refclassid = 'pg_authid'::regclass AND d.refobjid = role AND d.deptype = 'a' AND d.classid = 'pg_class'::regclass
					 AND d.objid <> ALL (writable || readable)) THEN
		RAISE object_in_use USING MESSAGE = 'relations were renamed meanwhile';
	END IF;
END
$$;
COMMENT ON FUNCTION tenant_guard_internal.probe_grant(oid, oid[], oid[], oid[]) IS 'gives a role that prove() made the privileges that a probe needs; a part of prove()';
REVOKE ALL ON FUNCTION tenant_guard_internal.probe_grant(oid, oid[], oid[], oid[]) FROM PUBLIC;

CREATE FUNCTION tenant_guard_internal.foreign_function(relation regclass) RETURNS regprocedure
LANGUAGE C STABLE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'tenant_guard_foreign_function';
COMMENT ON FUNCTION tenant_guard_internal.foreign_function(regclass) IS 'a function of an ordinary role that a superuser''s table calls; a part of prove()';
REVOKE ALL ON FUNCTION tenant_guard_internal.foreign_function(regclass) FROM PUBLIC;

-- Who makes and finds the rows of a table: its owner. What would call functions of the one owner with the privileges of
-- another, or of an ordinary role with a superuser's, is not tried.
CREATE FUNCTION tenant_guard_internal.probe_maker(relation regclass) RETURNS oid
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	owner oid;
	super boolean;
	stranger regclass;
	foreign_function regprocedure;
BEGIN
	SELECT c.relowner, r.rolsuper INTO owner, super FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner WHERE c.oid = relation;
	IF EXISTS (SELECT FROM pg_inherits i WHERE i.inhparent = relation OR i.inhrelid = relation) THEN
		WITH RECURSIVE above (whole) AS (SELECT relation::oid UNION SELECT i.inhparent FROM above JOIN pg_inherits i ON i.inhrelid = whole)
		SELECT c.oid INTO stranger FROM pg_class c
		WHERE (c.oid = ANY (tenant_guard_internal.probe_tree(relation)) OR NOT super AND c.oid IN (SELECT whole FROM above))
			  AND c.relowner <> owner AND NOT pg_has_role(c.relowner, owner, 'MEMBER')
		ORDER BY c.oid LIMIT 1;
		IF stranger IS NOT NULL THEN
			RAISE EXCEPTION USING ERRCODE = 'TGP02', MESSAGE = format('%s and %s have different owners, and functions of the one would be called with the privileges of the other', relation, stranger);
		END IF;
	END IF;
	IF super THEN
		SELECT tenant_guard_internal.foreign_function(part) INTO foreign_function FROM unnest(tenant_guard_internal.probe_tree(relation)) part
		WHERE tenant_guard_internal.foreign_function(part) IS NOT NULL LIMIT 1;
		IF foreign_function IS NOT NULL THEN
			RAISE EXCEPTION USING ERRCODE = 'TGP02', MESSAGE = format('a superuser owns the table, and function %s, which an ordinary role owns, would be called with his privileges', foreign_function);
		END IF;
	END IF;
	RETURN owner;
END
$$;
COMMENT ON FUNCTION tenant_guard_internal.probe_maker(regclass) IS 'the role that makes and finds the rows of a table; a part of prove()';
REVOKE ALL ON FUNCTION tenant_guard_internal.probe_maker(regclass) FROM PUBLIC;

-- As the owner of a table, whom FORCE does not bind meanwhile: to make and find rows of every tenant.
CREATE FUNCTION tenant_guard_internal.execute_as_owner(relation regclass, statement text) RETURNS text
LANGUAGE sql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT tenant_guard_internal.execute_as(CASE WHEN o.rolsuper OR EXISTS (SELECT FROM pg_inherits i WHERE i.inhparent = relation OR i.inhrelid = relation)
									THEN tenant_guard_internal.probe_maker(relation) ELSE o.oid END, 'pg_catalog, pg_temp', statement, true)
FROM pg_class c JOIN pg_authid o ON o.oid = c.relowner WHERE c.oid = relation
$$;
COMMENT ON FUNCTION tenant_guard_internal.execute_as_owner(regclass, text) IS 'carries out a statement as the owner of a table, with FORCE ROW LEVEL SECURITY suspended; a part of prove()';
REVOKE ALL ON FUNCTION tenant_guard_internal.execute_as_owner(regclass, text) FROM PUBLIC;

-- A role that is nothing special, and, with an owner, a member of that role: of no other, for what a table's owner wrote is
-- to do under it no more than under the owner. It goes with the transaction of the proof.
CREATE FUNCTION tenant_guard_internal.probe_role(owner oid DEFAULT NULL) RETURNS oid
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	name text := concat_ws('_', 'tenant_guard_probe', pg_backend_pid(), owner);
BEGIN
	-- which nobody can be made a member of
	IF owner = 'pg_database_owner'::regrole THEN
		SELECT d.datdba INTO owner FROM pg_database d WHERE d.datname = current_database();
	END IF;
	IF to_regrole(name) IS NULL THEN
		EXECUTE format('CREATE ROLE %I', name);
		IF owner IS NOT NULL THEN
			EXECUTE format('GRANT %I TO %I', pg_get_userbyid(owner), name);
		END IF;
	END IF;
	RETURN to_regrole(name);
END
$$;
COMMENT ON FUNCTION tenant_guard_internal.probe_role(oid) IS 'makes an ordinary role, or a member of a table''s owner; a part of prove()';
REVOKE ALL ON FUNCTION tenant_guard_internal.probe_role(oid) FROM PUBLIC;

-- What a view reads, itself first and the views that it reads included.
CREATE FUNCTION tenant_guard_internal.probe_reads(view regclass) RETURNS TABLE (relation oid, kind "char", owner oid)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
WITH RECURSIVE reads (relation) AS (
	SELECT view::oid
	UNION
	SELECT d.refobjid FROM reads r JOIN pg_rewrite w ON w.ev_class = r.relation AND w.ev_type = '1'
							  JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid AND d.refclassid = 'pg_class'::regclass
)
SELECT c.oid, c.relkind, c.relowner FROM reads r JOIN pg_class c ON c.oid = r.relation WHERE c.relkind IN ('r', 'p', 'f', 'v', 'm')
$$;
COMMENT ON FUNCTION tenant_guard_internal.probe_reads(regclass) IS 'the relations that a view reads; a part of prove()';
REVOKE ALL ON FUNCTION tenant_guard_internal.probe_reads(regclass) FROM PUBLIC;

-- Lets the role that prove() made try a table, or a view of it.
CREATE FUNCTION tenant_guard_internal.probe_allow(role oid, relation regclass, view regclass DEFAULT NULL) RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT tenant_guard_internal.probe_grant(role,
	ARRAY(SELECT c.relowner FROM pg_class c WHERE c.oid = ANY (tenant_guard_internal.probe_tree(relation)) UNION SELECT r.owner FROM tenant_guard_internal.probe_reads(view) r),
	ARRAY(SELECT relation::oid UNION SELECT r.relation FROM tenant_guard_internal.probe_reads(view) r WHERE r.kind = 'v'),
	ARRAY(SELECT r.relation FROM tenant_guard_internal.probe_reads(view) r WHERE r.kind <> 'v' AND r.relation <> probe_allow.relation))
$$;
COMMENT ON FUNCTION tenant_guard_internal.probe_allow(oid, regclass, regclass) IS 'gives a role the privileges on a table, or a view of it; a part of prove()';
REVOKE ALL ON FUNCTION tenant_guard_internal.probe_allow(oid, regclass, regclass) FROM PUBLIC;

--
-- Values that constraints accept
--
-- Where a pattern's first group, class or character ends: what a quantifier after it is of. Null where it does not end.
CREATE FUNCTION tenant_guard_internal.probe_atom(pattern text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	depth integer := 0;
	part text;
	atom text := '';
BEGIN
	FOR part IN SELECT m[1] FROM regexp_matches(pattern, '(\\.|\[\^?\]?(?:\[:\w+:\]|[^\]])*\]|.)', 'g') m LOOP
		atom := atom || part;
		depth := depth + CASE part WHEN '(' THEN 1 WHEN ')' THEN -1 ELSE 0 END;
		IF depth = 0 THEN
			RETURN atom;
		END IF;
	END LOOP;
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION tenant_guard_internal.probe_atom(text) IS 'the first group, class or character of a regular expression; a part of prove()';
REVOKE ALL ON FUNCTION tenant_guard_internal.probe_atom(text) FROM PUBLIC;

-- A string that a simple regular expression matches, which "seed" makes unlike others: characters, classes and groups of
-- these, repeated, of alternatives the first. The expression itself is never matched: it can be made to take for ever.
CREATE FUNCTION tenant_guard_internal.probe_matching(pattern text, seed bigint) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	alphabet constant text := 'bcdfghjklmnpqrstvwxz0123456789aeiouyABCDEFGHIJKLMNOPQRSTUVWXYZ-_.@/ ';
	made text := '';
	rest text := pattern;
	atom text;
	bounds text[];
	times integer;
	allowed text;
BEGIN
	WHILE rest <> '' LOOP
		atom := tenant_guard_internal.probe_atom(rest);
		rest := substr(rest, length(atom) + 1);
		EXIT WHEN atom = '|';
		CONTINUE WHEN atom IN ('^', '$');
		bounds := regexp_match(rest, '^(?:\{(\d{1,3})(,?)(\d{0,3})\}|([*+?]))\??');
		rest := regexp_replace(rest, '^(?:\{\d{1,3}(?:,\d{0,3})?\}|[*+?])\??', '');
		-- long enough to be unlike others, where that is free
		times := CASE WHEN bounds IS NULL OR bounds[4] = '?' THEN 1 WHEN bounds[4] IS NOT NULL THEN 8 WHEN bounds[2] = '' THEN bounds[1]::integer
					  WHEN bounds[3] = '' THEN greatest(bounds[1]::integer, 8) ELSE least(greatest(bounds[1]::integer, 8), bounds[3]::integer) END;
		IF starts_with(atom, '(') THEN
			made := made || left(repeat(tenant_guard_internal.probe_matching(regexp_replace(substr(atom, 2, length(atom) - 2), '^\?:', ''), seed), times), 1000);
		ELSIF atom ~ '^(\[|\\[dwsDWS]$|\.$)' THEN
			SELECT string_agg(c, '' ORDER BY n) INTO allowed FROM unnest(string_to_array(alphabet, NULL)) WITH ORDINALITY u (c, n) WHERE c ~ ('^' || atom || '$');
			SELECT made || string_agg(substr(allowed, 1 + ((hashint8extended(seed, length(made) + i) & 2147483647) % length(allowed))::integer, 1), '' ORDER BY i) INTO made
			FROM generate_series(1, times) i;
		ELSE
			made := made || repeat(right(atom, 1), times);
		END IF;
		EXIT WHEN made IS NULL OR length(made) > 1000;
	END LOOP;
	RETURN made;
EXCEPTION WHEN invalid_regular_expression THEN
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION tenant_guard_internal.probe_matching(text, bigint) IS 'a string that a simple regular expression matches; a part of prove()';
REVOKE ALL ON FUNCTION tenant_guard_internal.probe_matching(text, bigint) FROM PUBLIC;

-- Strings that an expression about a string may ask for: that match the patterns in it, or have the lengths.
CREATE FUNCTION tenant_guard_internal.probe_strings(expression text, seed bigint) RETURNS text[]
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT COALESCE(array_agg(x.made ORDER BY x.kind, x.place) FILTER (WHERE x.made <> ''), '{}')
FROM (SELECT 1 AS kind, s.place, CASE WHEN length(m[1]) < 300 THEN tenant_guard_internal.probe_matching(replace(m[1], '''''', ''''), seed) END AS made
	  FROM regexp_matches(expression, ' ~\*? ''((?:[^'']|'''')*)''', 'g') WITH ORDINALITY AS s (m, place)
	  UNION ALL
	  SELECT 2, s.place, replace(replace(p.pattern, '%', left(repeat(md5(seed::text), 8), COALESCE(greatest(l.wanted - length(replace(p.pattern, '%', '')), 0), 12))), '_', left(md5(seed::text), 1))
	  FROM regexp_matches(expression, ' ~~\*? ''((?:[^'']|'''')*)''', 'g') WITH ORDINALITY AS s (m, place)
		   CROSS JOIN LATERAL (SELECT replace(m[1], '''''', '''')) p (pattern)
		   CROSS JOIN LATERAL (SELECT (regexp_match(expression, 'length\([^<>=]*[<>=]+ (\d{1,3})\M'))[1]::integer) l (wanted)
	  UNION ALL
	  SELECT 3, s.place, left(repeat(md5(seed::text), 8), m[1]::integer)
	  FROM regexp_matches(expression, 'length\([^<>=]*[<>=]+ (\d{1,3})\M', 'g') WITH ORDINALITY AS s (m, place)
	  LIMIT 10) x
$$;
COMMENT ON FUNCTION tenant_guard_internal.probe_strings(text, bigint) IS 'strings that an expression may ask for; a part of prove()';
REVOKE ALL ON FUNCTION tenant_guard_internal.probe_strings(text, bigint) FROM PUBLIC;

-- Strings and numbers, and the numbers beside these, in the text of an expression: a CHECK, or a partition's bound.
CREATE FUNCTION tenant_guard_internal.probe_literals(expression text) RETURNS text[]
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT array_agg(x.literal ORDER BY x.place)
FROM (SELECT replace(m[1], '''''', ''''), place
	  FROM regexp_matches(expression, '''((?:[^'']|'''')*)''', 'g') WITH ORDINALITY AS s (m, place)
	  UNION ALL
	  SELECT (m[1]::numeric + delta)::text, 1000 + place * 3 + delta
	  FROM regexp_matches(regexp_replace(expression, '''(?:[^'']|'''')*''', '', 'g'), '\m(\d{1,18}(?:\.\d{1,9})?)\M', 'g') WITH ORDINALITY AS s (m, place)
		   CROSS JOIN (VALUES (0), (1), (-1)) AS beside (delta)
	  LIMIT 60) x (literal, place)
$$;
COMMENT ON FUNCTION tenant_guard_internal.probe_literals(text) IS 'the constants in the text of an expression; a part of prove()';
REVOKE ALL ON FUNCTION tenant_guard_internal.probe_literals(text) FROM PUBLIC;

-- Values that a column of a type may take, as text, the one that "seed" makes unlike others first.
CREATE FUNCTION tenant_guard_internal.probe_values(type oid, typmod integer, seed bigint) RETURNS text[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	t pg_type;
	part text[];
	made text[];
	room integer := CASE WHEN typmod > 4 THEN typmod - 4 ELSE 1000000 END;
	digits integer := CASE WHEN typmod > 4 THEN ((typmod - 4) >> 16 & 65535) - (typmod - 4 & 65535) ELSE 15 END;
	day text := (date '2024-01-01' + (seed % 3000)::integer)::text;
BEGIN
	SELECT * INTO STRICT t FROM pg_type WHERE oid = type;
	CASE
		WHEN t.typtype = 'd' THEN
			SELECT array_agg(l.literal), array_agg(l.made) INTO part, made
			FROM pg_constraint k CROSS JOIN LATERAL ROWS FROM (unnest(tenant_guard_internal.probe_literals(pg_get_constraintdef(k.oid))),
															   unnest(tenant_guard_internal.probe_strings(pg_get_constraintdef(k.oid), seed))) l (literal, made)
			WHERE k.contypid = type;
			RETURN array_remove(made, NULL) || tenant_guard_internal.probe_values(t.typbasetype, CASE WHEN t.typtypmod >= 0 THEN t.typtypmod ELSE typmod END, seed) || part;
		WHEN t.typtype = 'e' THEN
			RETURN ARRAY(SELECT e.enumlabel::text FROM pg_enum e WHERE e.enumtypid = type ORDER BY e.enumsortorder);
		WHEN t.typtype = 'r' THEN
			SELECT tenant_guard_internal.probe_values(r.rngsubtype, -1, seed) INTO part FROM pg_range r WHERE r.rngtypid = type;
			RETURN ARRAY[format('["%s","%s"]', part[1], part[1]), 'empty'];
		WHEN t.typtype = 'm' THEN
			RETURN ARRAY['{}'];
		WHEN t.typtype = 'c' THEN
			RETURN ARRAY(SELECT '(' || repeat(',', count(*)::integer - 1) || ')' FROM pg_attribute a WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped);
		WHEN t.typcategory = 'A' AND t.typelem <> 0 THEN
			RETURN ARRAY['{}'] || (SELECT array_agg(format('{"%s"}', replace(replace(v, '\', '\\'), '"', '\"'))) FROM unnest(tenant_guard_internal.probe_values(t.typelem, -1, seed)) v);
		WHEN t.oid = 'bool'::regtype THEN RETURN ARRAY['false', 'true'];
		WHEN t.oid = 'int2'::regtype THEN RETURN ARRAY[(seed % 30000 + 1)::text, '1', '0', '2', '-1', '10', '100'];
		WHEN t.oid IN ('int4'::regtype, 'int8'::regtype, 'oid'::regtype) THEN
			RETURN ARRAY[(seed % 2000000000 + 1)::text, '1', '0', '2', '-1', '10', '100', '1000', '2024'];
		WHEN t.oid = 'numeric'::regtype THEN
			RETURN ARRAY[CASE WHEN digits > 0 THEN (seed % (10::numeric ^ least(digits, 15)))::bigint::text ELSE '0' END, '1', '0', '0.5', '2', '-1', '10', '100'];
		WHEN t.oid IN ('float4'::regtype, 'float8'::regtype, 'money'::regtype) THEN RETURN ARRAY[(seed % 100000)::text, '1', '0', '0.5', '-1', '10', '100'];
		WHEN t.oid = 'uuid'::regtype THEN RETURN ARRAY[md5(seed::text)];
		WHEN t.oid IN ('date'::regtype, 'timestamp'::regtype, 'timestamptz'::regtype) THEN
			RETURN ARRAY[day, current_date::text, (current_date + 1)::text, '1980-01-01', '2999-12-31'];
		WHEN t.oid IN ('time'::regtype, 'timetz'::regtype) THEN RETURN ARRAY['12:00', '00:00'];
		WHEN t.oid = 'interval'::regtype THEN RETURN ARRAY['1 day', '0', '1 year'];
		WHEN t.oid IN ('json'::regtype, 'jsonb'::regtype) THEN RETURN ARRAY['{}', '[]', format('{"a": %s}', seed), '"a"', '1'];
		WHEN t.oid = 'bytea'::regtype THEN RETURN ARRAY['\x' || md5(seed::text), '\x'];
		WHEN t.oid IN ('inet'::regtype, 'cidr'::regtype) THEN RETURN ARRAY['10.' || seed % 250 || '.0.0/32'];
		WHEN t.oid IN ('macaddr'::regtype, 'macaddr8'::regtype) THEN RETURN ARRAY['08:00:2b:01:02:03'];
		WHEN t.typcategory = 'G' THEN RETURN ARRAY['(1,1)', '((0,0),(1,1))', '<(0,0),1>', '{1,1,1}'];
		WHEN t.typcategory = 'V' THEN RETURN ARRAY[repeat('0', CASE WHEN typmod > 0 THEN typmod ELSE 1 END)];
		WHEN t.oid = 'xml'::regtype THEN RETURN ARRAY['<a/>'];
		WHEN t.typcategory = 'S' THEN
			RETURN (SELECT array_agg(left(v, room)) FROM unnest(ARRAY['p' || substr(md5(seed::text), 1, 11), 'A', 'a@example.com', 'AA', 'AAA', '1', 'https://example.com', '']) v);
		ELSE RETURN ARRAY['1', 'a', '{}', '()', ''];
	END CASE;
END
$$;
COMMENT ON FUNCTION tenant_guard_internal.probe_values(oid, integer, bigint) IS 'values that a column of a type may take; a part of prove()';
REVOKE ALL ON FUNCTION tenant_guard_internal.probe_values(oid, integer, bigint) FROM PUBLIC;

-- Everything that is written about a column's values, and strings that would meet it: CHECKs that name it, and the bounds of
-- partitions if it is in the partition key.
CREATE FUNCTION tenant_guard_internal.probe_column_literals(relation regclass, attnum smallint, seed bigint) RETURNS text[]
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT array_agg(x.literal)
FROM (SELECT unnest(tenant_guard_internal.probe_strings(pg_get_constraintdef(k.oid), seed) || tenant_guard_internal.probe_literals(pg_get_constraintdef(k.oid)))
	  FROM pg_constraint k WHERE k.conrelid = relation AND k.contype = 'c' AND attnum = ANY (k.conkey)
	  UNION ALL
	  SELECT unnest(tenant_guard_internal.probe_literals(pg_get_expr(c.relpartbound, c.oid)))
	  FROM pg_class c
	  WHERE c.oid = ANY (ARRAY(SELECT d.relid FROM pg_partition_tree(relation) d)) AND c.relispartition
			AND EXISTS (SELECT FROM pg_partition_ancestors(c.oid) u
							 JOIN pg_partitioned_table p ON p.partrelid = u.relid
							 JOIN pg_attribute a ON a.attrelid = p.partrelid AND a.attnum = ANY (p.partattrs)
							 JOIN pg_attribute o ON o.attrelid = relation AND o.attname = a.attname
						WHERE o.attnum = probe_column_literals.attnum)
	  LIMIT 60) x (literal)
$$;
COMMENT ON FUNCTION tenant_guard_internal.probe_column_literals(regclass, smallint, bigint) IS 'constants that constraints and partition bounds name for a column; a part of prove()';
REVOKE ALL ON FUNCTION tenant_guard_internal.probe_column_literals(regclass, smallint, bigint) FROM PUBLIC;

-- The columns of which that can say anything: a constraint names them, or the table is a part of a partitioned one, or that.
CREATE FUNCTION tenant_guard_internal.probe_described(relation regclass) RETURNS smallint[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN ARRAY(SELECT unnest(k.conkey) FROM pg_constraint k WHERE k.conrelid = relation AND k.contype = 'c'
				 UNION ALL SELECT a.attnum FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid WHERE c.oid = relation AND (c.relispartition OR c.relkind = 'p'));
END
$$;
COMMENT ON FUNCTION tenant_guard_internal.probe_described(regclass) IS 'the columns that constraints and partition bounds name; a part of prove()';
REVOKE ALL ON FUNCTION tenant_guard_internal.probe_described(regclass) FROM PUBLIC;


--
-- Rows of tenants, which constraints accept
--
-- Makes a row, or finds one, and says where it is and what is in it.
CREATE FUNCTION tenant_guard_internal.probe_locate(relation regclass, statement text, condition text DEFAULT '', OUT part oid, OUT place tid, OUT content jsonb)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	located constant text := 'jsonb_build_object(''part'', t.tableoid, ''place'', t.ctid, ''content'', to_jsonb(t.*))';
	found jsonb;
BEGIN
	found := tenant_guard_internal.execute_as_owner(relation, CASE WHEN condition = '' THEN concat_ws(' ', statement, 'RETURNING', located)
														  ELSE format('SELECT %s FROM %s t WHERE %s LIMIT 1', located, relation, condition) END);
	part := found ->> 'part'; place := found ->> 'place'; content := found -> 'content';
END
$$;
COMMENT ON FUNCTION tenant_guard_internal.probe_locate(regclass, text, text) IS 'makes a row or finds one; a part of prove()';
REVOKE ALL ON FUNCTION tenant_guard_internal.probe_locate(regclass, text, text) FROM PUBLIC;

-- Which columns' values has an error refused? By the constraint, the domain or the column that it names.
CREATE FUNCTION tenant_guard_internal.probe_suspects(relation regclass, wanted smallint[], state text, culprit text, domain text, missing text)
RETURNS smallint[]
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT CASE
	WHEN state = '23502' THEN ARRAY(SELECT a.attnum FROM pg_attribute a WHERE a.attrelid = relation AND a.attname = missing)
	WHEN culprit <> '' AND domain = '' THEN
		ARRAY(SELECT DISTINCT n FROM (SELECT unnest(k.conkey) FROM pg_constraint k WHERE k.conrelid = relation AND k.conname = culprit
									  UNION ALL SELECT unnest(i.indkey::int2[]) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
												WHERE i.indrelid = ANY (ARRAY(SELECT d.relid FROM pg_partition_tree(relation) d UNION SELECT relation)) AND c.relname = culprit) s (n)
			  WHERE n > 0)
	WHEN domain <> '' THEN ARRAY(SELECT a.attnum FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid WHERE a.attrelid = relation AND t.typname = domain AND a.attnum > 0)
	WHEN state = '23514' THEN
		ARRAY(SELECT DISTINCT o.attnum FROM pg_partitioned_table p
				   JOIN pg_attribute a ON a.attrelid = p.partrelid AND a.attnum = ANY (p.partattrs)
				   JOIN pg_attribute o ON o.attrelid = relation AND o.attname = a.attname
			  WHERE p.partrelid IN (SELECT d.relid FROM pg_partition_tree(relation) d UNION SELECT u.relid FROM pg_partition_ancestors(relation) u))
	ELSE wanted END
$$;
COMMENT ON FUNCTION tenant_guard_internal.probe_suspects(regclass, smallint[], text, text, text, text) IS 'the columns whose values an error has refused; a part of prove()';
REVOKE ALL ON FUNCTION tenant_guard_internal.probe_suspects(regclass, smallint[], text, text, text, text) FROM PUBLIC;

-- Inserts a copy of a row that is there, unlike it by the given values and by keys.
CREATE FUNCTION tenant_guard_internal.probe_copy(relation regclass, fixed jsonb, seed bigint, OUT part oid, OUT place tid, OUT content jsonb)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	names text;
BEGIN
	-- A row that is there already keeps what constraints ask for: the same, but for the keys.
	SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum),
		   COALESCE(jsonb_object_agg(a.attname, (tenant_guard_internal.probe_values(a.atttypid, a.atttypmod, seed))[1])
					FILTER (WHERE EXISTS (SELECT FROM pg_index i WHERE i.indrelid = relation AND i.indisunique AND a.attnum = ANY (i.indkey))), '{}') || fixed
	INTO names, fixed
	FROM pg_attribute a WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '';
	BEGIN
		SELECT * INTO part, place, content
		FROM tenant_guard_internal.probe_locate(relation, format('INSERT INTO %1$s AS t (%2$s) OVERRIDING SYSTEM VALUE'
														' SELECT %2$s FROM (SELECT (jsonb_populate_record(o.*, %3$L)).* FROM %1$s o LIMIT 1) s', relation, names, fixed));
	EXCEPTION WHEN OTHERS THEN
		NULL;
	END;
END
$$;
COMMENT ON FUNCTION tenant_guard_internal.probe_copy(regclass, jsonb, bigint) IS 'inserts a copy of a row that is there; a part of prove()';
REVOKE ALL ON FUNCTION tenant_guard_internal.probe_copy(regclass, jsonb, bigint) FROM PUBLIC;

-- A partitioned table without partitions can hold no rows.
CREATE FUNCTION tenant_guard_internal.probe_unpartitioned(relation regclass) RETURNS boolean
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN EXISTS (SELECT FROM pg_partitioned_table p WHERE p.partrelid = relation) AND NOT EXISTS (SELECT FROM pg_partition_tree(relation) d WHERE d.isleaf);
END
$$;
COMMENT ON FUNCTION tenant_guard_internal.probe_unpartitioned(regclass) IS 'whether a partitioned table has no partitions; a part of prove()';
REVOKE ALL ON FUNCTION tenant_guard_internal.probe_unpartitioned(regclass) FROM PUBLIC;

-- Inserts a row with the given values of some columns, and values of its own for what else is needed or named. A constraint that
-- refuses it names itself, and its columns' next values are tried. Null, and the last error, where none was accepted.
CREATE FUNCTION tenant_guard_internal.probe_row(relation regclass, fixed jsonb, filled name[] DEFAULT '{}', OUT part oid, OUT place tid, OUT content jsonb, OUT problem text)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET session_replication_role = replica
AS $$
DECLARE
	seed bigint := 1000000 + floor(random() * 100000000)::bigint;
	wanted smallint[];			-- columns that get a value
	described smallint[];		-- columns about whose values something is written
	suspects smallint[];		-- columns whose values were refused
	turn jsonb := '{}';			-- column: which of its values
	choices jsonb := '{}';		-- column: its values
	col record;
	names text;
	vals text;
	state text;
	culprit text;
	domain text;
	missing text;
BEGIN
	IF tenant_guard_internal.probe_unpartitioned(relation) THEN
		problem := format('%s has no partitions', relation);
		RETURN;
	END IF;
	SELECT array_agg(a.attnum) INTO wanted
	FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
	WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
		  AND (fixed ? a.attname OR a.attname = ANY (filled) OR (a.attnotnull OR t.typnotnull) AND a.attidentity = '' AND NOT a.atthasdef);
	described := tenant_guard_internal.probe_described(relation);
	FOR attempt IN 1..80 LOOP
		names := ''; vals := '';
		FOR col IN SELECT a.attnum, a.attname, a.atttypid, a.atttypmod, a.attnotnull FROM pg_attribute a WHERE a.attrelid = relation AND a.attnum = ANY (wanted) ORDER BY a.attnum
		LOOP
			IF NOT fixed ? col.attname AND NOT choices ? col.attnum::text THEN
				-- a CHECK may ask that it be null where another is not
				choices := choices || jsonb_build_object(col.attnum, to_jsonb(CASE WHEN col.attnum = ANY (described) THEN COALESCE(tenant_guard_internal.probe_column_literals(relation, col.attnum, seed), '{}') ELSE '{}' END
																	 || tenant_guard_internal.probe_values(col.atttypid, col.atttypmod, seed)) || CASE WHEN col.attnotnull THEN '[]' ELSE '[null]'::jsonb END);
			END IF;
			names := names || format('%s%I', CASE WHEN names <> '' THEN ', ' END, col.attname);
			vals := vals || format('%s%L::%s', CASE WHEN vals <> '' THEN ', ' END,
								   CASE WHEN fixed ? col.attname THEN fixed ->> col.attname
										ELSE choices -> col.attnum::text ->> COALESCE((turn ->> col.attnum::text)::integer, 0) END,
								   format_type(col.atttypid, col.atttypmod));
		END LOOP;
		BEGIN
			SELECT * INTO part, place, content
			FROM tenant_guard_internal.probe_locate(relation, format('INSERT INTO %s AS t %s', relation,
										   CASE WHEN names = '' THEN 'DEFAULT VALUES' ELSE format('(%s) OVERRIDING SYSTEM VALUE VALUES (%s)', names, vals) END));
			problem := NULL;
			RETURN;
		EXCEPTION
			-- others use the table, or it has several owners: no other values would do
			WHEN lock_not_available OR deadlock_detected OR SQLSTATE 'TGP02' THEN
				RAISE;
			WHEN OTHERS THEN
				GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, problem = MESSAGE_TEXT, culprit = CONSTRAINT_NAME, domain = PG_DATATYPE_NAME, missing = COLUMN_NAME;
		END;

		suspects := tenant_guard_internal.probe_suspects(relation, wanted, state, culprit, domain, missing);
		SELECT array_agg(a.attnum) INTO suspects FROM pg_attribute a
		WHERE a.attrelid = relation AND a.attnum = ANY (suspects) AND NOT fixed ? a.attname AND a.attgenerated = '';
		EXIT WHEN suspects IS NULL;
		wanted := ARRAY(SELECT DISTINCT unnest(wanted || suspects));
		IF state IN ('23505', '23P01') THEN
			-- unlike any other, then
			seed := seed + 1 + floor(random() * 1000)::bigint;
			FOR col IN SELECT a.attnum, a.atttypid, a.atttypmod FROM pg_attribute a WHERE a.attrelid = relation AND a.attnum = ANY (suspects) LOOP
				choices := choices || jsonb_build_object(col.attnum, to_jsonb(tenant_guard_internal.probe_values(col.atttypid, col.atttypmod, seed)
																	 || COALESCE(tenant_guard_internal.probe_column_literals(relation, col.attnum, seed), '{}')));
				turn := turn || jsonb_build_object(col.attnum, CASE WHEN attempt > 5 THEN floor(random() * jsonb_array_length(choices -> col.attnum::text))::integer ELSE 0 END);
			END LOOP;
		ELSIF attempt > 40 THEN
			-- one by one has not done
			SELECT turn || jsonb_object_agg(s.n, floor(random() * jsonb_array_length(choices -> s.n::text))::integer) INTO turn
			FROM unnest(suspects) s (n) WHERE choices ? s.n::text;
			turn := COALESCE(turn, '{}');
		ELSE
			-- the next value of the first column, and of the second when the first has had all
			FOR col IN SELECT s.n, jsonb_array_length(choices -> s.n::text) AS choices, COALESCE((turn ->> s.n::text)::integer, 0) AS turn FROM unnest(suspects) s (n) LOOP
				EXIT WHEN col.choices IS NULL;
				turn := turn || jsonb_build_object(col.n, (col.turn + 1) % col.choices);
				EXIT WHEN col.turn + 1 < col.choices;
			END LOOP;
		END IF;
	END LOOP;
	SELECT c.part, c.place, c.content, CASE WHEN c.content IS NULL THEN problem END INTO part, place, content, problem
	FROM tenant_guard_internal.probe_copy(relation, fixed, seed) c;
END
$$;
COMMENT ON FUNCTION tenant_guard_internal.probe_row(regclass, jsonb, name[]) IS 'inserts a row that the constraints accept; a part of prove()';
REVOKE ALL ON FUNCTION tenant_guard_internal.probe_row(regclass, jsonb, name[]) FROM PUBLIC;

-- The tenants to probe a table with, likely ones first: those that constraints or partitions name, and invented ones; of
-- these several kinds where a constraint or a domain restricts them.
CREATE FUNCTION tenant_guard_internal.probe_tenants(relation regclass, attnum smallint) RETURNS text[]
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	col record;
	tenants text[] := '{}';
	seed bigint := (random() * 1000000000)::bigint;
BEGIN
	SELECT a.atttypid, a.atttypmod, t.typtype = 'd' AS domain, c.relispartition OR c.relkind = 'p' AS parted,
		   EXISTS (SELECT FROM pg_constraint k WHERE k.conrelid = relation AND k.contype = 'c' AND a.attnum = ANY (k.conkey)) AS checked
	INTO col FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid JOIN pg_class c ON c.oid = a.attrelid
	WHERE a.attrelid = relation AND a.attnum = probe_tenants.attnum;
	IF col.parted OR col.checked THEN
		tenants := COALESCE(tenant_guard_internal.probe_column_literals(relation, attnum, seed), '{}');
	END IF;
	FOR n IN 1..CASE WHEN col.parted THEN 200 ELSE 12 END LOOP
		tenants := tenants || (tenant_guard_internal.probe_values(col.atttypid, col.atttypmod, seed + n))[1:CASE WHEN col.domain THEN 4 ELSE 1 END];
		IF col.checked AND n <= 12 THEN
			tenants := tenants || (tenant_guard_internal.probe_column_literals(relation, attnum, seed + n))[1:4];
		END IF;
	END LOOP;
	RETURN ARRAY(SELECT t.tenant FROM (SELECT u.tenant, min(u.n) AS n FROM unnest(tenants) WITH ORDINALITY u (tenant, n) GROUP BY 1) t ORDER BY t.n);
END
$$;
COMMENT ON FUNCTION tenant_guard_internal.probe_tenants(regclass, smallint) IS 'identifiers of tenants to probe a table with; a part of prove()';
REVOKE ALL ON FUNCTION tenant_guard_internal.probe_tenants(regclass, smallint) FROM PUBLIC;

-- Tenants that are there: of the table that the tenant column references, and of others whose tenant column has that type.
CREATE FUNCTION tenant_guard_internal.probe_known_tenants(relation regclass, attnum smallint) RETURNS text[]
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	source record;
	tenants text[] := '{}';
BEGIN
	FOR source IN
		SELECT x.relation, quote_ident(p.attname) AS key
		FROM pg_attribute a
			 CROSS JOIN LATERAL (SELECT 0, k.confrelid::regclass, k.confkey[1] FROM pg_constraint k
								 WHERE k.conrelid = a.attrelid AND k.contype = 'f' AND k.conkey = ARRAY[a.attnum]
								 UNION ALL
								 SELECT 1, t.relation, o.attnum FROM tenant_guard.tables t JOIN pg_attribute o ON o.attrelid = t.relation AND o.attname = t.tenant_column
								 WHERE t.status = 'guarded' AND o.atttypid = a.atttypid AND t.relation <> a.attrelid) x (place, relation, attnum)
			 JOIN pg_attribute p ON p.attrelid = x.relation AND p.attnum = x.attnum JOIN pg_class c ON c.oid = x.relation
		WHERE a.attrelid = probe_known_tenants.relation AND a.attnum = probe_known_tenants.attnum
		ORDER BY x.place, c.reltuples DESC LIMIT 20
	LOOP
		BEGIN
			tenants := tenants || tenant_guard_internal.execute_as_owner(source.relation,
				format('SELECT array_agg(DISTINCT s.tenant) FROM (SELECT t.%s::text FROM %s t WHERE t.%1$s IS NOT NULL LIMIT 1000) s (tenant)', source.key, source.relation))::text[];
		EXCEPTION WHEN OTHERS THEN
			NULL; -- another table's, then
		END;
		EXIT WHEN cardinality(tenants) > 20;
	END LOOP;
	RETURN tenants;
END
$$;
COMMENT ON FUNCTION tenant_guard_internal.probe_known_tenants(regclass, smallint) IS 'identifiers of tenants that are there; a part of prove()';
REVOKE ALL ON FUNCTION tenant_guard_internal.probe_known_tenants(regclass, smallint) FROM PUBLIC;

-- A row of a table that a key references, with the given values, and some in the columns that it references: one that has them, where they are a key of the table and
-- a second cannot be (the tenants' own), else a new one.
CREATE FUNCTION tenant_guard_internal.probe_parent(relation regclass, fixed jsonb, filled name[], OUT part oid, OUT place tid, OUT content jsonb, OUT problem text)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET session_replication_role = replica
AS $$
BEGIN
	IF EXISTS (SELECT FROM pg_index i
			   WHERE i.indrelid = relation AND i.indisunique AND i.indpred IS NULL AND i.indexprs IS NULL
					 AND NOT EXISTS (SELECT FROM unnest((i.indkey::int2[])[0:i.indnkeyatts - 1]) n JOIN pg_attribute a ON a.attrelid = relation AND a.attnum = n
									 WHERE NOT fixed ? a.attname)) THEN
		SELECT l.part, l.place, l.content INTO part, place, content
		FROM tenant_guard_internal.probe_locate(relation, NULL,
			(SELECT string_agg(format('t.%I = %L::%s', a.attname, fixed ->> a.attname, format_type(a.atttypid, a.atttypmod)), ' AND ')
			 FROM pg_attribute a WHERE a.attrelid = relation AND fixed ? a.attname)) l;
	END IF;
	IF content IS NULL THEN
		SELECT r.part, r.place, r.content, r.problem INTO part, place, content, problem FROM tenant_guard_internal.probe_row(relation, fixed, filled) r;
	END IF;
	-- a key with a null references nothing
	IF EXISTS (SELECT FROM unnest(filled) f WHERE content ->> f IS NULL) AND content IS NOT NULL THEN
		content := NULL;
		problem := 'a column that the key references is null';
	END IF;
END
$$;
COMMENT ON FUNCTION tenant_guard_internal.probe_parent(regclass, jsonb, name[]) IS 'makes or finds a row for a foreign key to reference; a part of prove()';
REVOKE ALL ON FUNCTION tenant_guard_internal.probe_parent(regclass, jsonb, name[]) FROM PUBLIC;

-- Values for the foreign keys of a table that nothing is to be wrong with: of the key that is to be probed, those of a row
-- made for it; of the others too, or null where that may be. The tenant's rows reference rows of the tenant. Null, and the
-- key and the error, where no row could be made.
CREATE FUNCTION tenant_guard_internal.probe_parents(relation regclass, tenant text, probed_key oid, OUT filled jsonb, OUT problem text)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET session_replication_role = replica
AS $$
DECLARE
	key record;
	parent record;
	status record;
	own_column name := (tenant_guard.guard_status(relation)).tenant_column;
BEGIN
	filled := '{}';
	FOR key IN
		SELECT k.oid, k.conname, k.confrelid,
			   (SELECT jsonb_object_agg(c.attname, p.attname) FROM unnest(k.conkey, k.confkey) AS n (c, p)
					   JOIN pg_attribute c ON c.attrelid = k.conrelid AND c.attnum = n.c
					   JOIN pg_attribute p ON p.attrelid = k.confrelid AND p.attnum = n.p) AS columns,
			   EXISTS (SELECT FROM unnest(k.conkey) n JOIN pg_attribute c ON c.attrelid = k.conrelid AND c.attnum = n WHERE NOT c.attnotnull AND NOT c.atthasdef) AS nullable
		FROM pg_constraint k
		WHERE k.conrelid = relation AND k.contype = 'f'
		ORDER BY k.oid <> probed_key, k.conname
	LOOP
		CONTINUE WHEN key.nullable AND key.oid <> probed_key;
		SELECT * INTO status FROM tenant_guard.guard_status(key.confrelid);
		-- what the row has already it keeps: a key and its companion, or the tenants' own table and another
		SELECT * INTO parent FROM tenant_guard_internal.probe_parent(key.confrelid,
			(SELECT COALESCE(jsonb_object_agg(p, COALESCE(filled -> c, to_jsonb(tenant))) FILTER (WHERE filled ? c OR c = own_column), '{}') FROM jsonb_each_text(key.columns) AS k (c, p))
			|| CASE WHEN status.status IN ('guarded', 'damaged') THEN jsonb_build_object(status.tenant_column, tenant) ELSE '{}' END,
			ARRAY(SELECT p FROM jsonb_each_text(key.columns) AS k (c, p)));
		IF parent.content IS NULL THEN
			filled := NULL;
			problem := format('no row of %s could be made for its key %I: %s', key.confrelid::regclass, key.conname, parent.problem);
			RETURN;
		END IF;
		filled := filled || (SELECT jsonb_object_agg(c, parent.content -> p) FROM jsonb_each_text(key.columns) AS c (c, p));
	END LOOP;
	filled := filled || jsonb_build_object(own_column, tenant);
END
$$;
COMMENT ON FUNCTION tenant_guard_internal.probe_parents(regclass, text, oid) IS 'makes rows for a row''s foreign keys to reference; a part of prove()';
REVOKE ALL ON FUNCTION tenant_guard_internal.probe_parents(regclass, text, oid) FROM PUBLIC;

-- Makes the rows that a row references beside those that were made for it: values that a CHECK asked for were invented.
CREATE FUNCTION tenant_guard_internal.probe_other_parents(relation regclass, content jsonb, filled jsonb) RETURNS text
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET session_replication_role = replica
AS $$
DECLARE
	key record;
	problem text;
BEGIN
	FOR key IN
		SELECT k.conname, k.confrelid, jsonb_object_agg(p.attname, content -> c.attname) AS wanted
		FROM pg_constraint k CROSS JOIN LATERAL unnest(k.conkey, k.confkey) AS n (c, p)
			 JOIN pg_attribute c ON c.attrelid = k.conrelid AND c.attnum = n.c
			 JOIN pg_attribute p ON p.attrelid = k.confrelid AND p.attnum = n.p
		WHERE k.conrelid = relation AND k.contype = 'f'
		GROUP BY k.oid HAVING bool_and(content ->> c.attname IS NOT NULL) AND NOT bool_and(filled ? c.attname)
		ORDER BY cardinality(k.conkey) DESC, k.conname
	LOOP
		SELECT p.problem INTO problem FROM tenant_guard_internal.probe_parent(key.confrelid, key.wanted, '{}') p;
		IF problem IS NOT NULL THEN
			RETURN format('no row of %s could be made for its key %I: %s', key.confrelid::regclass, key.conname, problem);
		END IF;
	END LOOP;
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION tenant_guard_internal.probe_other_parents(regclass, jsonb, jsonb) IS 'makes the rows that a row references; a part of prove()';
REVOKE ALL ON FUNCTION tenant_guard_internal.probe_other_parents(regclass, jsonb, jsonb) FROM PUBLIC;

--
-- Trying a statement, and what that tells
--
-- Disables the triggers and rules of a table that would fire, until the try is undone: they may refuse, or swallow, what the
-- policies would let pass.
CREATE FUNCTION tenant_guard_internal.probe_silence(relation regclass, replica boolean) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET session_replication_role = replica
AS $$
DECLARE
	firing constant "char"[] := CASE WHEN replica THEN '{A,R}' ELSE '{A,O}' END;
	statement text;
BEGIN
	FOR statement IN
		SELECT format('ALTER TABLE ONLY %s DISABLE TRIGGER %I', g.tgrelid::regclass, g.tgname) FROM pg_trigger g
		WHERE g.tgrelid = ANY (tenant_guard_internal.probe_tree(relation)) AND NOT g.tgisinternal AND g.tgenabled = ANY (firing)
		UNION ALL
		SELECT format('ALTER TABLE ONLY %s DISABLE RULE %I', w.ev_class::regclass, w.rulename) FROM pg_rewrite w
		WHERE w.ev_class = relation AND w.ev_enabled = ANY (firing)
	LOOP
		EXECUTE statement;
	END LOOP;
END
$$;
COMMENT ON FUNCTION tenant_guard_internal.probe_silence(regclass, boolean) IS 'disables the triggers and rules of a table; a part of prove()';
REVOKE ALL ON FUNCTION tenant_guard_internal.probe_silence(regclass, boolean) FROM PUBLIC;

-- Tries a statement as a role and a tenant, looks what it has done, and undoes it. "before" and "afterwards" are said as
-- the owner of "relation"; "state" is 00000, or the SQLSTATE of the error, and "refused" says if that was a refusal. What a
-- role that prove() made has no privilege for is none, nor is with bypass what tenant_guard's functions raise.
CREATE FUNCTION tenant_guard_internal.probe_try(role oid, search_path text, tenant text, statement text, bypass boolean DEFAULT false, replica boolean DEFAULT false,
						  relation regclass DEFAULT NULL, before text DEFAULT NULL, afterwards text DEFAULT NULL, silent boolean DEFAULT false,
						  OUT result text, OUT seen text, OUT state text, OUT message text, OUT culprit text, OUT refused boolean)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	trying boolean := false;
BEGIN
	BEGIN
		IF silent THEN
			PERFORM tenant_guard_internal.probe_silence(relation, replica);
		END IF;
		IF before IS NOT NULL THEN
			PERFORM set_config('session_replication_role', 'replica', true);
			PERFORM tenant_guard_internal.execute_as_owner(relation, before);
		END IF;
		-- a superuser may set any tenant then, and what the statement calls may not
		PERFORM set_config('tenant_guard.authority', 'granted', true) WHERE current_setting('tenant_guard.authority') <> 'open';
		PERFORM set_config('tenant_guard.tenant_id', tenant, true),
				set_config('tenant_guard.bypass', bypass::text, true),
				set_config('session_replication_role', CASE WHEN replica THEN 'replica' ELSE 'origin' END, true);
		trying := true;
		result := tenant_guard_internal.execute_as(role, search_path, statement);
		trying := false;
		IF afterwards IS NOT NULL THEN
			PERFORM set_config('tenant_guard.bypass', 'on', true);
			seen := tenant_guard_internal.execute_as_owner(relation, afterwards);
		END IF;
		state := '00000';
		RAISE EXCEPTION 'undo' USING ERRCODE = 'TGP01';
	EXCEPTION
		WHEN SQLSTATE 'TGP01' THEN
			NULL;
		WHEN OTHERS THEN
			GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, culprit = CONSTRAINT_NAME;
	END;
	refused := trying AND (state LIKE 'TG%' AND NOT bypass OR state = '42501');
	IF state IN ('42501', '38000') AND message LIKE 'permission denied for%' AND starts_with(pg_get_userbyid(role), format('tenant_guard_probe_%s', pg_backend_pid())) THEN
		refused := false;
		message := message || '; prove() gives its role nothing that an owner lacks: name one that has it by prove(role => ...)';
	END IF;
END
$$;
COMMENT ON FUNCTION tenant_guard_internal.probe_try(oid, text, text, text, boolean, boolean, regclass, text, text, boolean) IS 'tries a statement and undoes it; a part of prove()';
REVOKE ALL ON FUNCTION tenant_guard_internal.probe_try(oid, text, text, text, boolean, boolean, regclass, text, text, boolean) FROM PUBLIC;

-- Does this error come from behind the policies? They are judged before constraints are, and triggers, types and the
-- choice of a partition before them.
CREATE FUNCTION tenant_guard_internal.passed_policies(state text, culprit text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT state IN ('23502', '23503', '23505', '23P01') OR state = '23514' AND culprit <> ''
$$;
COMMENT ON FUNCTION tenant_guard_internal.passed_policies(text, text) IS 'whether a row that an error refused had passed the policies; a part of prove()';
REVOKE ALL ON FUNCTION tenant_guard_internal.passed_policies(text, text) FROM PUBLIC;

-- What a try tells. An error that is neither a refusal nor from behind the policies tells nothing.
CREATE FUNCTION tenant_guard_internal.probe_verdict(state text, refused boolean, message text, broken boolean, good text, bad text, OUT ok boolean, OUT detail text)
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT CASE WHEN refused THEN true
			WHEN state = '00000' THEN NOT broken END,
	   CASE WHEN refused THEN CASE state WHEN '38002' THEN 'what the view''s trigger did was refused' ELSE format('refused: %s', state) END
			WHEN state = '00000' THEN CASE WHEN broken THEN bad ELSE good END
			WHEN state IN ('38000', '38002') THEN format('not tried: a function that it calls raised: %s', message)
			ELSE format('not tried: %s: %s', state, message) END
$$;
COMMENT ON FUNCTION tenant_guard_internal.probe_verdict(text, boolean, text, boolean, text, text) IS 'the result of a statement that was tried; a part of prove()';
REVOKE ALL ON FUNCTION tenant_guard_internal.probe_verdict(text, boolean, text, boolean, text, text) FROM PUBLIC;

-- Tries to insert a row, and if it is refused, or swallowed, tries again without triggers: it may have been one's doing.
CREATE FUNCTION tenant_guard_internal.probe_insert(relation regclass, role oid, search_path text, tenant text, columns text, content jsonb, ways integer,
							 OUT state text, OUT refused boolean, OUT message text, OUT passed boolean)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	statement text := format('INSERT INTO %1$s (%2$s) OVERRIDING SYSTEM VALUE SELECT %2$s FROM jsonb_populate_record(NULL::%1$s, %3$L)', relation, columns, content);
	tried record;
BEGIN
	FOR way IN 0..ways LOOP
		tried := tenant_guard_internal.probe_try(role, search_path, tenant, statement, true, way > 0, relation, silent => way = 2);
		state := tried.state; refused := tried.refused; message := tried.message;
		passed := tried.state = '00000' AND tried.result <> '0' OR tenant_guard_internal.passed_policies(tried.state, tried.culprit);
		EXIT WHEN passed;
	END LOOP;
END
$$;
COMMENT ON FUNCTION tenant_guard_internal.probe_insert(regclass, oid, text, text, text, jsonb, integer) IS 'tries to insert a row and undoes it; a part of prove()';
REVOKE ALL ON FUNCTION tenant_guard_internal.probe_insert(regclass, oid, text, text, text, jsonb, integer) FROM PUBLIC;

--
-- What is tried of a table
--
-- What is probed, and what was made for it.
CREATE TYPE tenant_guard_internal.probe_subject AS (
	relation regclass,
	role oid,					-- who tries
	named boolean,				-- the caller named that role, and it is not prove()'s own
	search_path text,
	status text,				-- as guard_status() says
	detail text,
	tenant_column name,
	tenant_attnum smallint,
	key text,					-- the tenant column, quoted
	key_type text,
	key_oid oid,
	key_typmod integer,
	ways integer,				-- of trying: as it is; as in a replica; there without what would fire even so: 0, or 0 to 1 or 2
	relations oid[],			-- the table and its parts and children
	narrowed boolean,			-- policies of the application's own may hide a tenant's rows from it
	preloaded boolean,
	small boolean,				-- a statement without WHERE does no harm, though it is undone
	attacker oid,				-- who owns what the table's owner owns
	super boolean,				-- the owner is a superuser
	insertable text,			-- columns
	settable text,				-- a column, and
	setting text,				--   a value for it
	origin text,				-- where the rows are from, or why there are none
	choosy boolean,				-- a constraint, a domain or a partition does not accept every tenant
	alone boolean,				-- the table can hold rows of one tenant alone
	tenants text[],				-- who tries, and whose rows are tried
	at_a text,					-- where the row of the one is, and of the other; null: there are none
	at_b text,
	content_b jsonb,
	look_b text,				-- a query that tells if the other tenant's row is as it was,
	before_b text,				--   which is so
	everyones boolean);			-- rows without a tenant are everyone's
COMMENT ON TYPE tenant_guard_internal.probe_subject IS 'what prove() probes, and what it made for that';

-- What the catalogs say of a table that is probed.
CREATE FUNCTION tenant_guard_internal.probe_subject(relation regclass, role oid, named boolean, search_path text, OUT subject tenant_guard_internal.probe_subject)
RETURNS tenant_guard_internal.probe_subject
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	subject.relation := relation; subject.role := role; subject.named := named; subject.search_path := search_path;
	SELECT g.status, g.detail, g.tenant_column INTO subject.status, subject.detail, subject.tenant_column FROM tenant_guard.guard_status(relation) g;
	SELECT a.attnum, quote_ident(a.attname), format_type(a.atttypid, a.atttypmod), a.atttypid, a.atttypmod
	INTO subject.tenant_attnum, subject.key, subject.key_type, subject.key_oid, subject.key_typmod
	FROM pg_attribute a WHERE a.attrelid = relation AND a.attname = subject.tenant_column AND NOT a.attisdropped;
	subject.narrowed := EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = relation AND p.polname NOT IN (tenant_guard_internal.isolation_policy(), tenant_guard_internal.access_policy(), 'tenant_isolation_inserts', 'tenant_isolation_updates', 'tenant_isolation_deletes'));
	subject.choosy := EXISTS (SELECT FROM pg_class c WHERE c.oid = relation AND (c.relispartition OR c.relkind = 'p')
							  UNION ALL SELECT FROM pg_type t WHERE t.oid = subject.key_oid AND t.typtype = 'd'
							  UNION ALL SELECT FROM pg_constraint k WHERE k.conrelid = relation AND k.contype = 'c' AND subject.tenant_attnum = ANY (k.conkey));
	subject.everyones := EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = relation AND p.polname = tenant_guard_internal.isolation_policy() AND p.polcmd = 'r');
	subject.relations := tenant_guard_internal.probe_tree(relation);
	subject.preloaded := tenant_guard.library_preloaded();
	-- triggers and rules may refuse, or swallow, what policies would let pass
	SELECT COALESCE(max(CASE f.enabled WHEN 'O' THEN 1 ELSE 2 END), 0) INTO subject.ways
	FROM (SELECT g.tgenabled FROM pg_trigger g WHERE g.tgrelid = ANY (subject.relations) AND NOT g.tgisinternal
		  UNION ALL SELECT w.ev_enabled FROM pg_rewrite w WHERE w.ev_class = relation) f (enabled) WHERE f.enabled <> 'D';
	SELECT sum(c.reltuples) < 100000 AND COALESCE(sum(pg_relation_size(c.oid)), 0) < 32 * 1024 * 1024 INTO subject.small
	FROM pg_class c WHERE c.oid = ANY (subject.relations);
	SELECT r.rolsuper, tenant_guard_internal.probe_role(r.oid) INTO subject.super, subject.attacker
	FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner WHERE c.oid = relation;
	SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) FILTER (WHERE a.attgenerated = ''),
		   (array_agg(quote_ident(a.attname) ORDER BY a.attnum <> subject.tenant_attnum, a.attnum) FILTER (WHERE a.attgenerated = '' AND a.attidentity <> 'a'))[1]
	INTO subject.insertable, subject.settable
	FROM pg_attribute a WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped;
END
$$;
COMMENT ON FUNCTION tenant_guard_internal.probe_subject(regclass, oid, boolean, text) IS 'what the catalogs say of a table; a part of prove()';
REVOKE ALL ON FUNCTION tenant_guard_internal.probe_subject(regclass, oid, boolean, text) FROM PUBLIC;

-- Two tenants with a row each, made or found.
CREATE FUNCTION tenant_guard_internal.probe_two_rows(INOUT subject tenant_guard_internal.probe_subject)
RETURNS tenant_guard_internal.probe_subject
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	candidates text[];
	candidate text;
	known boolean := false;
	made record;
	row_a record;
	row_b record;
	told text;
BEGIN
	subject.alone := false; subject.tenants := '{}';
	IF tenant_guard_internal.probe_unpartitioned(subject.relation) THEN
		subject.origin := 'not tried: it has no partitions, and so can hold no rows';
		RETURN;
	END IF;
	candidates := tenant_guard_internal.probe_tenants(subject.relation, subject.tenant_attnum);
	LOOP
		-- where none of the invented ones will do, those that are there
		IF candidates = '{}' THEN
			EXIT WHEN known;
			known := true;
			candidates := tenant_guard_internal.probe_known_tenants(subject.relation, subject.tenant_attnum);
			CONTINUE;
		END IF;
		candidate := candidates[1];
		candidates := candidates[2:];
		CONTINUE WHEN candidate = ANY (subject.tenants);
		SELECT * INTO made FROM tenant_guard_internal.probe_row(subject.relation, jsonb_build_object(subject.tenant_column, candidate));
		IF made.content IS NOT NULL AND subject.tenants = '{}' THEN
			row_a := made; subject.tenants := ARRAY[made.content ->> subject.tenant_column];
		ELSIF made.content IS NOT NULL AND made.content ->> subject.tenant_column <> ALL (subject.tenants) THEN
			row_b := made; subject.tenants := subject.tenants || (made.content ->> subject.tenant_column);
			EXIT;
		END IF;
		told := COALESCE(made.problem, told);
		-- no other tenant's would do either
		EXIT WHEN made.problem IS NOT NULL AND NOT subject.choosy;
	END LOOP;
	subject.origin := 'two tenants were made, with a row each';
	IF cardinality(subject.tenants) < 2 THEN
		SELECT * INTO row_a FROM tenant_guard_internal.probe_locate(subject.relation, NULL, format('t.%s IS NOT NULL', subject.key));
		row_b := row_a;
		IF row_a.content IS NOT NULL THEN
			SELECT * INTO row_b FROM tenant_guard_internal.probe_locate(subject.relation, NULL, format('t.%s <> %L::%s', subject.key, row_a.content ->> subject.tenant_column, subject.key_type));
		END IF;
		IF row_a.content IS NULL THEN
			subject.origin := format('not tried: no rows could be made (%s), and there are none', told);
			RETURN;
		ELSIF row_b.content IS NULL THEN
			-- a partition of one tenant: its row is looked at by another, who has none
			subject.alone := true;
			row_b := row_a;
			subject.tenants := ARRAY[(tenant_guard_internal.probe_values(subject.key_oid, subject.key_typmod, (random() * 1000000000)::bigint))[1], row_b.content ->> subject.tenant_column];
			subject.origin := 'a row of one tenant was made or found, and none of another: what needs two is left out' || COALESCE(format(' (%s)', told), '');
		ELSE
			subject.tenants := ARRAY[row_a.content ->> subject.tenant_column, row_b.content ->> subject.tenant_column];
			subject.origin := format('rows of two tenants that are there were used, as none could be made (%s)', told);
		END IF;
	END IF;
	subject.at_a := format('tableoid = %s AND ctid = %L', row_a.part, row_a.place);
	subject.at_b := format('tableoid = %s AND ctid = %L', row_b.part, row_b.place);
	subject.content_b := row_b.content;
	subject.look_b := format('SELECT to_jsonb(t.*)::text FROM %s t WHERE t.tableoid = %s AND t.ctid = %L', subject.relation, row_b.part, row_b.place);
	subject.before_b := tenant_guard_internal.execute_as_owner(subject.relation, subject.look_b);
	subject.setting := CASE WHEN subject.settable = subject.key THEN format('%L::%s', subject.tenants[1], subject.key_type) ELSE subject.settable END;
END
$$;
COMMENT ON FUNCTION tenant_guard_internal.probe_two_rows(tenant_guard_internal.probe_subject) IS 'makes two tenants with a row each; a part of prove()';
REVOKE ALL ON FUNCTION tenant_guard_internal.probe_two_rows(tenant_guard_internal.probe_subject) FROM PUBLIC;

-- Reading another tenant's row.
CREATE FUNCTION tenant_guard_internal.probe_reading(subject tenant_guard_internal.probe_subject, OUT probe text, OUT ok boolean, OUT detail text, OUT ended timestamptz)
RETURNS SETOF record
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	tried record;
BEGIN
	-- A tenant sees its own row. All that follows would hold of a table that shows nobody anything.
	IF NOT subject.alone THEN
		probe := 'select_own';
		tried := tenant_guard_internal.probe_try(subject.role, subject.search_path, subject.tenants[1], format('SELECT EXISTS (SELECT FROM %s WHERE %s)', subject.relation, subject.at_a));
		IF tried.refused AND NOT has_table_privilege(subject.role, subject.relation, 'SELECT') THEN
			ok := true; detail := 'the role may not SELECT';
		ELSIF tried.state = '38000' OR tried.state = '42501' AND NOT tried.refused THEN
			SELECT * INTO ok, detail FROM tenant_guard_internal.probe_verdict(tried.state, false, tried.message, true, '', '');
		ELSIF tried.state <> '00000' THEN
			ok := false; detail := format('%s: %s', tried.state, tried.message);
		ELSIF tried.result = 't' THEN
			ok := true; detail := 'seen';
		ELSE
			ok := CASE WHEN subject.narrowed THEN NULL ELSE false END;
			detail := CASE WHEN subject.narrowed THEN 'not seen: policies of the application''s own may hide it' ELSE 'a tenant does not see its own row' END;
		END IF;
		ended := clock_timestamp();
		RETURN NEXT;
	END IF;

	probe := 'no_tenant';
	tried := tenant_guard_internal.probe_try(subject.role, subject.search_path, '', format('SELECT EXISTS (SELECT FROM %s%s)', subject.relation, CASE WHEN subject.everyones THEN format(' WHERE %s IS NOT NULL', subject.key) END));
	ok := CASE WHEN tried.state = '38000' OR tried.state = '42501' AND NOT tried.refused THEN NULL
			   ELSE tried.refused AND tried.state IN ('TG001', '42501') OR tried.state = '00000' AND tried.result = 'f' END;
	detail := CASE WHEN tried.state <> '00000' THEN format('%s: %s', tried.state, tried.message) WHEN ok THEN 'nothing is seen' ELSE 'rows are seen without a tenant' END;
	ended := clock_timestamp();
	RETURN NEXT;

	-- What follows is tried with tenant_guard.bypass on: it lifts the refusals of the library's hooks, and leaves what
	-- row-level security does alone, in sessions too that have not loaded the library.
	probe := 'select';
	tried := tenant_guard_internal.probe_try(subject.role, subject.search_path, subject.tenants[1],
		format('SELECT EXISTS (SELECT FROM %1$s WHERE %2$s) OR EXISTS (SELECT FROM %1$s WHERE %3$s %6$s %4$L::%5$s)', subject.relation, subject.at_b, subject.key, subject.tenants[1], subject.key_type,
				   CASE WHEN subject.everyones THEN '<>' ELSE 'IS DISTINCT FROM' END), true);
	SELECT * INTO ok, detail FROM tenant_guard_internal.probe_verdict(tried.state, tried.refused, tried.message, tried.result = 't', 'another tenant''s rows are not seen', 'another tenant''s rows are seen');
	ended := clock_timestamp();
	RETURN NEXT;

	-- the same for who owns what the owner does: FORCE binds him
	probe := 'select_as_owner';
	IF subject.super AND EXISTS (SELECT FROM pg_policy p JOIN pg_depend d ON d.classid = 'pg_policy'::regclass AND d.objid = p.oid AND d.refclassid <> 'pg_class'::regclass
						 WHERE p.polrelid = subject.relation AND p.polname NOT IN (tenant_guard_internal.isolation_policy(), tenant_guard_internal.access_policy(), 'tenant_isolation_inserts', 'tenant_isolation_updates', 'tenant_isolation_deletes')) THEN
		ok := NULL; detail := 'not tried: a superuser owns the table, and what its policies call would have his privileges';
	ELSE
		IF subject.super THEN
			-- who is his member has no schema by that
			PERFORM tenant_guard_internal.probe_allow(subject.attacker, subject.relation);
		END IF;
		tried := tenant_guard_internal.probe_try(subject.attacker, subject.search_path, subject.tenants[1],
			format('SELECT EXISTS (SELECT FROM %1$s WHERE %2$s) OR EXISTS (SELECT FROM %1$s WHERE %3$s %6$s %4$L::%5$s)', subject.relation, subject.at_b, subject.key, subject.tenants[1], subject.key_type,
				   CASE WHEN subject.everyones THEN '<>' ELSE 'IS DISTINCT FROM' END), true);
		SELECT * INTO ok, detail FROM tenant_guard_internal.probe_verdict(tried.state, tried.refused, tried.message, tried.result = 't', 'another tenant''s rows are not seen', 'the owner sees another tenant''s rows');
	END IF;
	ended := clock_timestamp();
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION tenant_guard_internal.probe_reading(tenant_guard_internal.probe_subject) IS 'tries to read another tenant''s row; a part of prove()';
REVOKE ALL ON FUNCTION tenant_guard_internal.probe_reading(tenant_guard_internal.probe_subject) FROM PUBLIC;

-- A row of everyone: both tenants see it, and neither makes, changes or deletes one, or gives a row of its own to everyone.
CREATE FUNCTION tenant_guard_internal.probe_everyones(subject tenant_guard_internal.probe_subject, OUT probe text, OUT ok boolean, OUT detail text, OUT ended timestamptz)
RETURNS SETOF record
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	made record;
	place text;
	item record;
	tried record;
	look text;
	before text;
BEGIN
	probe := 'everyones_row';
	SELECT * INTO made FROM tenant_guard_internal.probe_row(subject.relation, jsonb_build_object(subject.tenant_column, NULL));
	IF made.content IS NULL OR made.content ->> subject.tenant_column IS NOT NULL THEN
		ok := NULL; detail := format('not tried: no row without a tenant could be made (%s)', made.problem);
		ended := clock_timestamp();
		RETURN NEXT;
		RETURN;
	END IF;
	place := format('tableoid = %s AND ctid = %L', made.part, made.place);
	look := format('SELECT to_jsonb(t.*)::text FROM %s t WHERE t.tableoid = %s AND t.ctid = %L', subject.relation, made.part, made.place);
	before := tenant_guard_internal.execute_as_owner(subject.relation, look);
	FOR item IN SELECT t.tenant FROM unnest(subject.tenants) t (tenant) LOOP
		tried := tenant_guard_internal.probe_try(subject.role, subject.search_path, item.tenant, format('SELECT EXISTS (SELECT FROM %s WHERE %s)', subject.relation, place));
		ok := CASE WHEN tried.result = 't' OR tried.refused AND NOT has_table_privilege(subject.role, subject.relation, 'SELECT') THEN true
				   WHEN NOT subject.narrowed AND tried.state = '00000' THEN false END;
		detail := CASE WHEN tried.result = 't' THEN 'both tenants see it' ELSE concat_ws(' ', 'a tenant does not see it:', tried.state, tried.message) END;
		EXIT WHEN ok IS DISTINCT FROM true;
	END LOOP;
	ended := clock_timestamp();
	RETURN NEXT;

	FOR item IN
		SELECT v.probe, v.statement, v.wrong, v.inserts FROM (VALUES
			('everyones_row_insert', format('INSERT INTO %1$s (%2$s) OVERRIDING SYSTEM VALUE SELECT %2$s FROM jsonb_populate_record(NULL::%1$s, %3$L)', subject.relation, subject.insertable, made.content), 'a tenant makes a row of everyone', true),
			('everyones_row_update', format('UPDATE %s SET %s = %s WHERE %s', subject.relation, subject.settable, subject.settable, place), 'a tenant changes a row of everyone', false),
			('everyones_row_take', CASE WHEN subject.settable = subject.key THEN format('UPDATE %s SET %s = %L::%s WHERE %s', subject.relation, subject.key, subject.tenants[1], subject.key_type, place) END, 'a tenant takes a row of everyone', false),
			('everyones_row_delete', format('DELETE FROM %s WHERE %s', subject.relation, place), 'a tenant deletes a row of everyone', false),
			('everyones_row_give', CASE WHEN subject.settable = subject.key THEN format('UPDATE %s SET %s = NULL WHERE %s', subject.relation, subject.key, subject.at_a) END, 'a tenant gives its row to everyone', true)) AS v (probe, statement, wrong, inserts)
		WHERE v.statement IS NOT NULL
	LOOP
		probe := item.probe;
		FOR way IN 0..greatest(subject.ways, 1) LOOP
			tried := tenant_guard_internal.probe_try(subject.role, subject.search_path, subject.tenants[1], item.statement, true, way > 0, subject.relation, NULL, look, way = 2);
			EXIT WHEN tried.state = '00000' AND (tried.seen IS DISTINCT FROM before OR item.inserts AND tried.result <> '0')
				OR item.inserts AND tenant_guard_internal.passed_policies(tried.state, tried.culprit) OR subject.ways = 0 AND (tried.state = '00000' OR tried.refused);
		END LOOP;
		SELECT * INTO ok, detail FROM tenant_guard_internal.probe_verdict(CASE WHEN item.inserts AND tenant_guard_internal.passed_policies(tried.state, tried.culprit) THEN '00000' ELSE tried.state END,
			tried.refused, tried.message, tried.state <> '00000' OR tried.seen IS DISTINCT FROM before OR item.inserts AND tried.result <> '0', 'it is as it was', item.wrong);
		ended := clock_timestamp();
		RETURN NEXT;
	END LOOP;
END
$$;
COMMENT ON FUNCTION tenant_guard_internal.probe_everyones(tenant_guard_internal.probe_subject) IS 'tries to write a row of everyone; a part of prove()';
REVOKE ALL ON FUNCTION tenant_guard_internal.probe_everyones(tenant_guard_internal.probe_subject) FROM PUBLIC;

-- Inserting a row, of the tenant's own and of another's.
CREATE FUNCTION tenant_guard_internal.probe_inserting(subject tenant_guard_internal.probe_subject, OUT probe text, OUT ok boolean, OUT detail text, OUT ended timestamptz)
RETURNS SETOF record
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	tried record;
BEGIN
	-- a row of the tenant's own is let in, as far as row-level security is concerned
	IF NOT subject.alone THEN
		probe := 'insert_own';
		tried := tenant_guard_internal.probe_insert(subject.relation, subject.role, subject.search_path, subject.tenants[1], subject.insertable, subject.content_b || jsonb_build_object(subject.tenant_column, subject.tenants[1]), subject.ways);
		IF tried.refused AND (subject.narrowed OR NOT has_table_privilege(subject.role, subject.relation, 'INSERT')) THEN
			ok := CASE WHEN subject.narrowed THEN NULL ELSE true END; detail := tried.message;
		ELSIF tried.passed THEN
			ok := true; detail := 'let in';
		ELSE
			SELECT * INTO ok, detail FROM tenant_guard_internal.probe_verdict(tried.state, false, tried.message, true, '', 'not let in');
			IF tried.refused OR tried.state LIKE 'TG%' THEN
				ok := false; detail := format('%s: %s', tried.state, tried.message);
			END IF;
		END IF;
		ended := clock_timestamp();
		RETURN NEXT;
	END IF;

	probe := 'insert';
	tried := tenant_guard_internal.probe_insert(subject.relation, subject.role, subject.search_path, subject.tenants[1], subject.insertable, subject.content_b, subject.ways);
	SELECT * INTO ok, detail FROM tenant_guard_internal.probe_verdict(CASE WHEN tried.passed THEN '00000' ELSE tried.state END, tried.refused, tried.message, tried.passed,
		'no row was inserted', 'a row is inserted for another tenant');
	ended := clock_timestamp();
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION tenant_guard_internal.probe_inserting(tenant_guard_internal.probe_subject) IS 'tries to insert rows; a part of prove()';
REVOKE ALL ON FUNCTION tenant_guard_internal.probe_inserting(tenant_guard_internal.probe_subject) FROM PUBLIC;

-- Changing another tenant's row, and a row's tenant.
CREATE FUNCTION tenant_guard_internal.probe_changing(subject tenant_guard_internal.probe_subject, OUT probe text, OUT ok boolean, OUT detail text, OUT ended timestamptz)
RETURNS SETOF record
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	item record;
	tried record;
BEGIN
	-- changes of the other tenant's row, which must be as it was
	FOR item IN
		SELECT v.probe, v.statement, v.wrong, v.possible FROM (VALUES
			('update', format('UPDATE %s SET %s = %s WHERE %s', subject.relation, subject.settable, subject.settable, subject.at_b), 'another tenant''s row is updated', true),
			('update_all', format('UPDATE %s SET %s = %s', subject.relation, subject.settable, subject.setting), 'another tenant''s row is updated', subject.small),
			('delete', format('DELETE FROM %s WHERE %s', subject.relation, subject.at_b), 'another tenant''s row is deleted', true),
			('delete_all', format('DELETE FROM %s', subject.relation), 'another tenant''s row is deleted', subject.small)) AS v (probe, statement, wrong, possible)
		WHERE v.statement IS NOT NULL
	LOOP
		probe := item.probe;
		IF NOT item.possible THEN
			ok := NULL; detail := 'not tried: were it to succeed, too many rows would be changed and rolled back';
			ended := clock_timestamp();
			RETURN NEXT;
			CONTINUE;
		END IF;
		FOR way IN 0..greatest(subject.ways, 1) LOOP
			tried := tenant_guard_internal.probe_try(subject.role, subject.search_path, subject.tenants[1], item.statement, true, way > 0, subject.relation, NULL, subject.look_b, way = 2);
			EXIT WHEN tried.state = '00000' AND tried.seen IS DISTINCT FROM subject.before_b OR subject.ways = 0 AND (tried.state = '00000' OR tried.refused);
		END LOOP;
		SELECT * INTO ok, detail FROM tenant_guard_internal.probe_verdict(tried.state, tried.refused, tried.message, tried.seen IS DISTINCT FROM subject.before_b, 'another tenant''s row is as it was', item.wrong);
		ended := clock_timestamp();
		RETURN NEXT;
	END LOOP;

	IF NOT subject.alone THEN
		probe := 'move';
		IF subject.settable = subject.key THEN
			FOR way IN 0..greatest(subject.ways, 1) LOOP
				tried := tenant_guard_internal.probe_try(subject.role, subject.search_path, subject.tenants[1], format('UPDATE %s SET %s = %L::%s WHERE %s', subject.relation, subject.key, subject.tenants[2], subject.key_type, subject.at_a), true, way > 0, subject.relation, silent => way = 2);
				EXIT WHEN tried.state = '00000' AND tried.result <> '0' OR tenant_guard_internal.passed_policies(tried.state, tried.culprit)
					OR subject.ways = 0 AND (tried.state = '00000' OR tried.refused);
			END LOOP;
			SELECT * INTO ok, detail FROM tenant_guard_internal.probe_verdict(CASE WHEN tenant_guard_internal.passed_policies(tried.state, tried.culprit) THEN '00000' ELSE tried.state END, tried.refused, tried.message,
				tried.state <> '00000' OR tried.result <> '0', 'no row was moved', 'a row is moved to another tenant');
		ELSE
			ok := true; detail := 'the tenant column is computed';
		END IF;
		ended := clock_timestamp();
		RETURN NEXT;
	END IF;
END
$$;
COMMENT ON FUNCTION tenant_guard_internal.probe_changing(tenant_guard_internal.probe_subject) IS 'tries to change and to move rows; a part of prove()';
REVOKE ALL ON FUNCTION tenant_guard_internal.probe_changing(tenant_guard_internal.probe_subject) FROM PUBLIC;

-- INSERT ... ON CONFLICT with another tenant's row.
CREATE FUNCTION tenant_guard_internal.probe_upserting(subject tenant_guard_internal.probe_subject, OUT probe text, OUT ok boolean, OUT detail text, OUT ended timestamptz)
RETURNS SETOF record
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	item record;
	tried record;
	told text;
BEGIN
	-- a row whose key another tenant's row has: by a key without the tenant, if there is one
	SELECT string_agg(quote_ident(a.attname), ', ') AS columns, bool_or(a.attnum = subject.tenant_attnum) AS with_tenant INTO item
	FROM (SELECT i.indkey, i.indnkeyatts FROM pg_index i
		  WHERE i.indrelid = subject.relation AND i.indisunique AND i.indimmediate AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL
		  -- but where a tenant has one row only, as in the tenants' own table, by its key
		  ORDER BY (subject.tenant_attnum = ANY (i.indkey)) <> EXISTS (SELECT FROM pg_index o WHERE o.indrelid = subject.relation AND o.indisunique AND o.indkey::text = subject.tenant_attnum::text), i.indexrelid LIMIT 1) i
		 CROSS JOIN LATERAL unnest((i.indkey::int2[])[0:i.indnkeyatts - 1]) n
		 JOIN pg_attribute a ON a.attrelid = subject.relation AND a.attnum = n;
	IF item.columns IS NOT NULL AND subject.settable IS NOT NULL THEN
		probe := 'upsert';
		told := format('INSERT INTO %1$s (%2$s) OVERRIDING SYSTEM VALUE SELECT %2$s FROM jsonb_populate_record(NULL::%1$s, %3$L) ON CONFLICT (%4$s) DO UPDATE SET %5$s = EXCLUDED.%5$s',
					   subject.relation, subject.insertable, subject.content_b || CASE WHEN item.with_tenant THEN '{}' ELSE jsonb_build_object(subject.tenant_column, subject.tenants[1]) END, item.columns, subject.settable);
		FOR way IN 0..greatest(subject.ways, 1) LOOP
			tried := tenant_guard_internal.probe_try(subject.role, subject.search_path, subject.tenants[1], told, true, way > 0, subject.relation, NULL, subject.look_b, way = 2);
			EXIT WHEN tried.state = '00000' AND tried.seen IS DISTINCT FROM subject.before_b OR subject.ways = 0 AND (tried.state = '00000' OR tried.refused);
		END LOOP;
		SELECT * INTO ok, detail FROM tenant_guard_internal.probe_verdict(tried.state, tried.refused, tried.message, tried.seen IS DISTINCT FROM subject.before_b, 'another tenant''s row is as it was', 'another tenant''s row is updated');
		ended := clock_timestamp();
		RETURN NEXT;
	END IF;
END
$$;
COMMENT ON FUNCTION tenant_guard_internal.probe_upserting(tenant_guard_internal.probe_subject) IS 'tries to update another tenant''s row by ON CONFLICT; a part of prove()';
REVOKE ALL ON FUNCTION tenant_guard_internal.probe_upserting(tenant_guard_internal.probe_subject) FROM PUBLIC;

-- Letting a row of the tenant's own reference another tenant's row by a key.
CREATE FUNCTION tenant_guard_internal.probe_reference(subject tenant_guard_internal.probe_subject, foreign_key oid, OUT probe text, OUT ok boolean, OUT detail text)
RETURNS record
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	item record;
	made record;
	tried record;
	told text;
	other jsonb;
	own_row text;
BEGIN
	SELECT k.oid, k.conname, k.confrelid::regclass AS parent, (tenant_guard.guard_status(k.confrelid)).tenant_column AS parent_key,
		   (SELECT array_agg(c.attname ORDER BY n.place) FROM unnest(k.conkey) WITH ORDINALITY n (num, place) JOIN pg_attribute c ON c.attrelid = k.conrelid AND c.attnum = n.num) AS columns,
		   (SELECT array_agg(c.attname ORDER BY n.place) FROM unnest(k.confkey) WITH ORDINALITY n (num, place) JOIN pg_attribute c ON c.attrelid = k.confrelid AND c.attnum = n.num) AS parent_columns
	INTO item FROM pg_constraint k WHERE k.oid = foreign_key;
	probe := 'reference ' || item.conname;
	detail := NULL;
	SELECT r.filled, r.problem INTO other, told FROM tenant_guard_internal.probe_parents(subject.relation, subject.tenants[1], item.oid) r;
	IF told IS NULL THEN
		SELECT * INTO made FROM tenant_guard_internal.probe_row(subject.relation, other);
		IF made.problem IS NULL THEN
			told := tenant_guard_internal.probe_other_parents(subject.relation, made.content, other);
		END IF;
		told := COALESCE(told, 'no row of ' || subject.relation::text || ' could be made for it: ' || made.problem); -- null where it was made
	END IF;
	IF told IS NOT NULL THEN
		ok := NULL; detail := 'not tried: ' || told;
	ELSE
		own_row := format('tableoid = %s AND ctid = %L', made.part, made.place);
		SELECT * INTO made FROM tenant_guard_internal.probe_parent(item.parent, jsonb_build_object(item.parent_key, subject.tenants[2]), item.parent_columns);
		IF made.content IS NULL THEN
			ok := NULL; detail := format('not tried: no row of %s could be made to reference: %s', item.parent, made.problem);
		ELSE
			SELECT format('UPDATE %s SET %s WHERE %s', subject.relation, string_agg(format('%I = %L', c, made.content ->> p), ', '), own_row) INTO told
			FROM unnest(item.columns, item.parent_columns) AS n (c, p) WHERE c <> subject.tenant_column;
			-- here the keys must fire, and in the second way the table's own triggers not
			FOR way IN 0..least(subject.ways, 1) LOOP
				tried := tenant_guard_internal.probe_try(subject.role, subject.search_path, subject.tenants[1], told, true, false, subject.relation, silent => way = 1);
				EXIT WHEN tried.refused OR tried.state = '23503' OR tried.state = '00000' AND tried.result <> '0';
			END LOOP;
			IF tried.state = '00000' THEN
				ok := tried.result = '0'; detail := CASE WHEN ok THEN 'no row was changed' ELSE format('references a row of another tenant in %s', item.parent) END;
			ELSIF tried.refused
				  -- by the key itself, or by its companion
				  OR tried.state = '23503' AND (tried.culprit = item.conname
												OR EXISTS (SELECT FROM pg_constraint k JOIN pg_constraint o ON o.conrelid = k.conrelid AND o.confrelid = k.confrelid AND o.conkey @> k.conkey
														   WHERE k.oid = item.oid AND o.contype = 'f' AND o.conname = tried.culprit)) THEN
				ok := true; detail := format('refused: %s', tried.state);
			ELSE
				SELECT * INTO ok, detail FROM tenant_guard_internal.probe_verdict(tried.state, false, tried.message, true, '', '');
			END IF;
		END IF;
	END IF;
END
$$;
COMMENT ON FUNCTION tenant_guard_internal.probe_reference(tenant_guard_internal.probe_subject, oid) IS 'tries to let a row reference another tenant''s row; a part of prove()';
REVOKE ALL ON FUNCTION tenant_guard_internal.probe_reference(tenant_guard_internal.probe_subject, oid) FROM PUBLIC;

-- The same by each foreign key to a guarded table. What another references belongs to no tenant, and if it was declared so
-- there is nothing to try.
CREATE FUNCTION tenant_guard_internal.probe_references(subject tenant_guard_internal.probe_subject, OUT probe text, OUT ok boolean, OUT detail text, OUT ended timestamptz)
RETURNS SETOF record
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	foreign_key record;
	verdicts jsonb := '{}'; -- of columns: a key and its companion are tried by one statement
BEGIN
	FOR foreign_key IN
		SELECT k.oid, k.conname, k.confrelid::regclass AS parent, (tenant_guard.guard_status(k.confrelid)).status,
			   (SELECT k.confrelid || ':' || string_agg(n.c || '-' || n.p, ',' ORDER BY n.c) FROM unnest(k.conkey, k.confkey) AS n (c, p) WHERE n.c <> subject.tenant_attnum) AS columns
		FROM pg_constraint k
		WHERE NOT subject.alone AND k.conrelid = subject.relation AND k.contype = 'f' AND EXISTS (SELECT FROM unnest(k.conkey) n WHERE n <> subject.tenant_attnum)
			  AND (k.conparentid = 0 OR NOT EXISTS (SELECT FROM pg_constraint w WHERE w.oid = k.conparentid AND w.conrelid = subject.relation))
		ORDER BY k.conname
	LOOP
		probe := 'reference ' || foreign_key.conname;
		IF verdicts ? foreign_key.columns THEN
			ok := verdicts -> foreign_key.columns ->> 'ok'; detail := verdicts -> foreign_key.columns ->> 'detail';
		ELSIF foreign_key.status IN ('guarded', 'damaged') THEN
			SELECT r.ok, r.detail INTO ok, detail FROM tenant_guard_internal.probe_reference(subject, foreign_key.oid) r;
			verdicts := verdicts || jsonb_build_object(foreign_key.columns, jsonb_build_object('ok', ok, 'detail', detail));
		ELSE
			CONTINUE WHEN foreign_key.status = 'shared';
			ok := NULL;
			detail := format('not tried: %s is %s: its rows are no tenant''s, and any tenant''s rows can reference them', foreign_key.parent, foreign_key.status);
		END IF;
		ended := clock_timestamp();
		RETURN NEXT;
	END LOOP;
END
$$;
COMMENT ON FUNCTION tenant_guard_internal.probe_references(tenant_guard_internal.probe_subject) IS 'tries each foreign key; a part of prove()';
REVOKE ALL ON FUNCTION tenant_guard_internal.probe_references(tenant_guard_internal.probe_subject) FROM PUBLIC;

-- TRUNCATE
CREATE FUNCTION tenant_guard_internal.probe_truncating(subject tenant_guard_internal.probe_subject, OUT probe text, OUT ok boolean, OUT detail text, OUT ended timestamptz)
RETURNS SETOF record
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	tried record;
BEGIN
	-- by who owns what the owner does: other roles seldom have the privilege
	probe := 'truncate';
	tried := tenant_guard_internal.probe_try(subject.attacker, subject.search_path, subject.tenants[1], format('TRUNCATE %s', subject.relation));
	IF tried.state = '55P03' THEN
		ok := NULL; detail := 'not tried: others use the table';
	ELSE
		SELECT * INTO ok, detail FROM tenant_guard_internal.probe_verdict(CASE WHEN tried.state = '0A000' THEN '00000' ELSE tried.state END, tried.refused, tried.message, true, '', 'it is truncated');
	END IF;
	ended := clock_timestamp();
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION tenant_guard_internal.probe_truncating(tenant_guard_internal.probe_subject) IS 'tries to truncate a table; a part of prove()';
REVOKE ALL ON FUNCTION tenant_guard_internal.probe_truncating(tenant_guard_internal.probe_subject) FROM PUBLIC;

--
-- What is tried through the views of a table
--
-- Reading another tenant's row through a view, of which view_key is the tenant column, or null.
CREATE FUNCTION tenant_guard_internal.probe_view_reading(subject tenant_guard_internal.probe_subject, view regclass, view_key text, OUT probe text, OUT ok boolean, OUT detail text)
RETURNS record
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	told text;
	tried record;
BEGIN
	-- without the tenant column what the view shows must not change with the other tenant's row
	probe := format('view %s', view);
	IF view_key IS NOT NULL THEN
		tried := tenant_guard_internal.probe_try(subject.role, subject.search_path, subject.tenants[1], format('SELECT EXISTS (SELECT FROM %s WHERE %s::text <> %L::%s::text)', view, view_key, subject.tenants[1], subject.key_type), NOT subject.preloaded);
		SELECT * INTO ok, detail FROM tenant_guard_internal.probe_verdict(tried.state, tried.refused, tried.message, tried.result = 't', 'another tenant''s rows are not seen', 'another tenant''s rows are seen');
	END IF;
	IF view_key IS NULL OR ok THEN
		told := format('SELECT count(*) || COALESCE(md5(string_agg(md5((v.*)::text), '''' ORDER BY md5((v.*)::text))), '''') FROM %s v', view);
		tried := tenant_guard_internal.probe_try(subject.role, subject.search_path, subject.tenants[1], told, NOT subject.preloaded);
		SELECT * INTO ok, detail FROM tenant_guard_internal.probe_verdict(tried.state, tried.refused, tried.message, false, 'another tenant''s rows are not seen', '');
		IF tried.state = '00000' THEN
			detail := tried.result;
			tried := tenant_guard_internal.probe_try(subject.role, subject.search_path, subject.tenants[1], told, NOT subject.preloaded, false, subject.relation, format('DELETE FROM %s WHERE %s', subject.relation, subject.at_b));
			IF tried.state = '00000' AND tried.result = detail THEN
				detail := 'another tenant''s rows are not seen';
			ELSIF tried.state = '00000' AND (tenant_guard_internal.probe_try(subject.role, subject.search_path, subject.tenants[1], told, NOT subject.preloaded)).result = detail THEN
				ok := false; detail := 'what it shows depends on another tenant''s row';
			ELSE
				ok := NULL; detail := concat_ws(': ', 'not tried: what it shows changes by itself', tried.message);
			END IF;
		END IF;
	END IF;
END
$$;
COMMENT ON FUNCTION tenant_guard_internal.probe_view_reading(tenant_guard_internal.probe_subject, regclass, text) IS 'tries to read another tenant''s row through a view; a part of prove()';
REVOKE ALL ON FUNCTION tenant_guard_internal.probe_view_reading(tenant_guard_internal.probe_subject, regclass, text) FROM PUBLIC;

-- Inserting and changing another tenant's row through a view.
CREATE FUNCTION tenant_guard_internal.probe_view_changing(subject tenant_guard_internal.probe_subject, view regclass, view_key text, OUT probe text, OUT ok boolean, OUT detail text, OUT ended timestamptz)
RETURNS SETOF record
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	updatable constant integer := pg_relation_is_updatable(view, true);
	by_trigger constant boolean := pg_relation_is_updatable(view, false) = 0;
	columns text;
	made record;
	look text;
	told text;
	tried record;
BEGIN
	SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) INTO columns
	FROM pg_attribute a JOIN pg_attribute o ON o.attrelid = subject.relation AND o.attname = a.attname AND o.atttypid = a.atttypid
	WHERE a.attrelid = view AND a.attnum > 0 AND o.attgenerated = '' AND o.attidentity <> 'a'
		  AND (pg_column_is_updatable(view, a.attnum, true) OR by_trigger);
	FOR made IN
		SELECT v.probe, v.statement FROM (VALUES
			('update through', format('UPDATE %s SET %s = %s WHERE %s::text = %L::%s::text', view, view_key, view_key, view_key, subject.tenants[2], subject.key_type), 4, view_key IS NOT NULL),
			('update_all through', format('UPDATE %s SET %s = %L::%s', view, view_key, subject.tenants[1], subject.key_type), 4, view_key IS NOT NULL AND subject.small),
			('delete through', format('DELETE FROM %s WHERE %s::text = %L::%s::text', view, view_key, subject.tenants[2], subject.key_type), 16, view_key IS NOT NULL),
			('delete_all through', format('DELETE FROM %s', view), 16, subject.small),
			('insert through', format('INSERT INTO %1$s (%2$s) SELECT %2$s FROM jsonb_populate_record(NULL::%3$s, %4$L)', view, columns, subject.relation, subject.content_b), 8, view_key IS NOT NULL AND columns IS NOT NULL)) AS v (probe, statement, may, possible)
		WHERE updatable & v.may <> 0 AND v.possible AND v.statement IS NOT NULL
	LOOP
		probe := format('%s %s', made.probe, view);
		-- what was inserted, or was not, is told by what passed; the rest by the row of the other tenant
		look := CASE WHEN made.probe LIKE 'insert%' THEN format('SELECT count(*)::text FROM %s WHERE %s = %L::%s', subject.relation, subject.key, subject.tenants[2], subject.key_type) ELSE subject.look_b END;
		told := tenant_guard_internal.execute_as_owner(subject.relation, look);
		FOR way IN 0..CASE WHEN by_trigger THEN 0 ELSE greatest(subject.ways, 1) END LOOP
			tried := tenant_guard_internal.probe_try(subject.role, subject.search_path, subject.tenants[1], made.statement, NOT subject.preloaded, way > 0, subject.relation, NULL, look, way = 2);
			EXIT WHEN tried.state = '00000' AND tried.seen IS DISTINCT FROM told OR subject.ways = 0 AND (tried.state = '00000' OR tried.refused)
				OR made.probe LIKE 'insert%' AND tenant_guard_internal.passed_policies(tried.state, tried.culprit);
		END LOOP;
		-- what an INSTEAD OF trigger was refused, the table's own triggers aside, is what the view does
		tried.refused := tried.refused OR tried.state = '38002' AND subject.ways < 2 AND by_trigger;
		IF made.probe LIKE 'insert%' THEN
			SELECT * INTO ok, detail FROM tenant_guard_internal.probe_verdict(CASE WHEN tenant_guard_internal.passed_policies(tried.state, tried.culprit) THEN '00000' ELSE tried.state END, tried.refused, tried.message,
				tried.seen IS DISTINCT FROM told, 'no row was inserted', 'a row is inserted for another tenant');
		ELSE
			SELECT * INTO ok, detail FROM tenant_guard_internal.probe_verdict(tried.state, tried.refused, tried.message, tried.seen IS DISTINCT FROM subject.before_b, 'another tenant''s row is as it was', 'another tenant''s row is changed');
		END IF;
		ended := clock_timestamp();
		RETURN NEXT;
	END LOOP;
END
$$;
COMMENT ON FUNCTION tenant_guard_internal.probe_view_changing(tenant_guard_internal.probe_subject, regclass, text) IS 'tries to change another tenant''s row through a view; a part of prove()';
REVOKE ALL ON FUNCTION tenant_guard_internal.probe_view_changing(tenant_guard_internal.probe_subject, regclass, text) FROM PUBLIC;

-- The same through each view. Where the library is preloaded its hooks are a part of the answer.
CREATE FUNCTION tenant_guard_internal.probe_views(subject tenant_guard_internal.probe_subject, OUT probe text, OUT ok boolean, OUT detail text, OUT ended timestamptz)
RETURNS SETOF record
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	item record;
BEGIN
	FOR item IN
		WITH RECURSIVE reads (view) AS (
			SELECT w.ev_class FROM pg_rewrite w JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid
			WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = subject.relation AND w.ev_type = '1' AND w.ev_class <> subject.relation
			UNION
			SELECT w.ev_class FROM reads r JOIN pg_depend d ON d.refobjid = r.view
								  JOIN pg_rewrite w ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid
			WHERE d.refclassid = 'pg_class'::regclass AND w.ev_type = '1' AND w.ev_class <> r.view
		)
		SELECT c.oid::regclass AS view, quote_ident(a.attname) AS key
		FROM reads r JOIN pg_class c ON c.oid = r.view AND c.relkind = 'v'
			 LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = subject.tenant_column AND NOT a.attisdropped
		WHERE NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
		ORDER BY c.oid::regclass::text
	LOOP
		IF NOT subject.named THEN
			PERFORM tenant_guard_internal.probe_allow(subject.role, subject.relation, item.view);
		END IF;
		SELECT r.probe, r.ok, r.detail INTO probe, ok, detail FROM tenant_guard_internal.probe_view_reading(subject, item.view, item.key) r;
		ended := clock_timestamp();
		RETURN NEXT;
		RETURN QUERY SELECT * FROM tenant_guard_internal.probe_view_changing(subject, item.view, item.key);
	END LOOP;
END
$$;
COMMENT ON FUNCTION tenant_guard_internal.probe_views(tenant_guard_internal.probe_subject) IS 'tries what can be done through each view; a part of prove()';
REVOKE ALL ON FUNCTION tenant_guard_internal.probe_views(tenant_guard_internal.probe_subject) FROM PUBLIC;

--
-- prove() itself
--
-- Every probe of one table. Rows made here stay until the caller undoes them.
CREATE FUNCTION tenant_guard_internal.probe_table(relation regclass, role oid, named boolean, search_path text, OUT probe text, OUT ok boolean, OUT detail text, OUT ended timestamptz)
RETURNS SETOF record
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	subject tenant_guard_internal.probe_subject := tenant_guard_internal.probe_subject(relation, role, named, search_path);
	told text;
BEGIN
	-- row-level security does not bind them, and who knows what is undone there
	SELECT string_agg(c.oid::regclass::text, ', ' ORDER BY c.oid::regclass::text) INTO told
	FROM pg_class c WHERE c.oid = ANY (subject.relations) AND c.relkind = 'f' AND (c.oid = relation OR subject.status IN ('guarded', 'damaged'));
	IF told IS NOT NULL THEN
		probe := 'foreign_part'; ok := NULL; detail := format('not tried: row-level security does not bind foreign tables: %s', told);
	ELSIF subject.status NOT IN ('guarded', 'damaged') THEN
		probe := 'guard'; ok := false; detail := format('is %s: there is nothing to prove', subject.status);
	ELSIF subject.tenant_attnum IS NULL THEN
		probe := 'guard'; ok := false; detail := subject.detail;
	ELSE
		subject := tenant_guard_internal.probe_two_rows(subject);
		probe := 'rows'; ok := CASE WHEN subject.at_a IS NOT NULL THEN true END; detail := subject.origin;
	END IF;
	ended := clock_timestamp();
	RETURN NEXT;
	IF subject.at_a IS NULL THEN
		RETURN;
	END IF;

	IF NOT named THEN
		PERFORM tenant_guard_internal.probe_allow(role, relation);
	END IF;
	RETURN QUERY SELECT * FROM tenant_guard_internal.probe_reading(subject);
	IF subject.everyones AND NOT subject.alone THEN
		RETURN QUERY SELECT * FROM tenant_guard_internal.probe_everyones(subject);
	END IF;
	RETURN QUERY SELECT * FROM tenant_guard_internal.probe_inserting(subject);
	RETURN QUERY SELECT * FROM tenant_guard_internal.probe_changing(subject);
	RETURN QUERY SELECT * FROM tenant_guard_internal.probe_upserting(subject);
	RETURN QUERY SELECT * FROM tenant_guard_internal.probe_references(subject);
	RETURN QUERY SELECT * FROM tenant_guard_internal.probe_truncating(subject);
	RETURN QUERY SELECT * FROM tenant_guard_internal.probe_views(subject);

	SELECT string_agg(quote_ident(g.tgname), ', ' ORDER BY g.tgname) INTO told
	FROM pg_trigger g WHERE g.tgrelid = subject.relation AND NOT g.tgisinternal AND g.tgenabled <> 'D' AND g.tgtype & 28 <> 0;
	IF told IS NOT NULL THEN
		probe := 'triggers'; ok := true;
		detail := format('could fire, and what they do outside of the database is not undone: %s', told);
		ended := clock_timestamp();
		RETURN NEXT;
	END IF;
END
$$;
COMMENT ON FUNCTION tenant_guard_internal.probe_table(regclass, oid, boolean, text) IS 'every probe of one table; a part of prove()';
REVOKE ALL ON FUNCTION tenant_guard_internal.probe_table(regclass, oid, boolean, text) FROM PUBLIC;

-- Raises an error for what prove() cannot look at: no rows would look like a success.
CREATE FUNCTION tenant_guard_internal.probe_able(relation regclass) RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	hint constant text := 'Name a table, or none for all guarded tables.';
	kind "char";
	temporary boolean;
	extension name;
BEGIN
	SELECT c.relkind, pg_is_other_temp_schema(c.relnamespace) INTO kind, temporary FROM pg_class c WHERE c.oid = relation;
	SELECT e.extname INTO extension FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
	WHERE d.classid = 'pg_class'::regclass AND d.objid = relation AND d.deptype = 'e';
	IF kind IS NULL THEN
		RAISE undefined_table USING MESSAGE = format('relation with OID %s does not exist', relation::oid), HINT = hint;
	ELSIF kind IN ('v', 'm') THEN
		RAISE wrong_object_type USING MESSAGE = format(CASE kind WHEN 'v' THEN '%s is a view' ELSE '%s is a materialized view' END, relation),
			HINT = CASE kind WHEN 'v' THEN 'Name a table that the view reads: what can be done through the view is tried with it.' ELSE hint END;
	ELSIF kind NOT IN ('r', 'p') THEN
		RAISE wrong_object_type USING MESSAGE = format('%s is not a table', relation), HINT = hint;
	ELSIF EXISTS (SELECT FROM tenant_guard.tables_and_partitions t WHERE t.relation = probe_able.relation) THEN
		RETURN;
	ELSIF extension IS NOT NULL THEN
		RAISE wrong_object_type USING MESSAGE = format('table %s belongs to extension "%s"', relation, extension),
			DETAIL = 'Tables of extensions are not guarded, but as parts of guarded ones.', HINT = hint;
	ELSE
		RAISE wrong_object_type USING MESSAGE = format(CASE WHEN temporary THEN '%s is a temporary table of another session' ELSE '%s is a table of the system' END, relation), HINT = hint;
	END IF;
END
$$;
COMMENT ON FUNCTION tenant_guard_internal.probe_able(regclass) IS 'raises an error for what is no table of a user; a part of prove()';
REVOKE ALL ON FUNCTION tenant_guard_internal.probe_able(regclass) FROM PUBLIC;

-- Rows like those of TAP: "ok" is null for what could not be tried, or, if that is strict, false; and the detail says why.
-- "duration" is the time since the row before, or since the table was begun.
CREATE FUNCTION prove(INOUT relation regclass DEFAULT NULL, role name DEFAULT NULL,
					  search_path text DEFAULT pg_catalog.current_setting('search_path'), strict boolean DEFAULT false,
					  OUT probe text, OUT ok boolean, OUT duration interval, OUT detail text)
RETURNS SETOF record
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	wanted regclass := relation;
	named boolean := role IS NOT NULL;
	prober oid := to_regrole(quote_ident(role));
	untried constant boolean := CASE WHEN strict THEN false END;
	target record;
	found record;
	began timestamptz; -- the probe
BEGIN
	IF NOT (SELECT r.rolsuper FROM pg_roles r WHERE r.rolname = current_user) THEN
		RAISE insufficient_privilege USING MESSAGE = 'must be superuser to prove the isolation of tenants',
			DETAIL = 'The proof makes rows of two tenants, and changes roles.';
	ELSIF prober IS NULL AND role IS NOT NULL THEN
		RAISE undefined_object USING MESSAGE = format('role "%s" does not exist', role);
	ELSIF (SELECT r.rolsuper FROM pg_roles r WHERE r.oid = prober) THEN
		RAISE invalid_parameter_value USING MESSAGE = format('role "%s" is a superuser', role),
			DETAIL = 'Row-level security does not bind it, and what tables'' triggers and policies call would run as a superuser.',
			HINT = 'Name the role that the application connects as, or none.';
	ELSIF tenant_guard.has_tenant() THEN
		RAISE object_not_in_prerequisite_state USING MESSAGE = 'isolation cannot be proved while a tenant is set',
			DETAIL = 'The proof acts for tenants of its own.',
			HINT = CASE WHEN (SELECT s.source FROM pg_settings s WHERE s.name = 'tenant_guard.tenant_id') = 'session'
						THEN 'Run SELECT * FROM tenant_guard.prove() in a transaction of its own.'
						ELSE 'A tenant is stored for the database, the role or the server. Run SELECT tenant_guard.clear_tenant(); and in the same session SELECT * FROM tenant_guard.prove().' END;
	END IF;
	PERFORM tenant_guard.check_library();
	IF wanted IS NOT NULL THEN
		PERFORM tenant_guard_internal.probe_able(wanted);
	END IF;
	RAISE LOG 'tenant_guard: role "%" proves the isolation of tenants in database "%"', current_user, current_database();

	BEGIN
		PERFORM set_config('tenant_guard.one_tenant_per_transaction', 'off', true),
				set_config('tenant_guard.bypass', 'on', true),
				set_config('tenant_guard.log_bypass', 'off', true),
				set_config('row_security', 'on', true),
				set_config('tenant_guard.type_mismatch', 'off', true), -- a view may show the tenant as text
				set_config('session_replication_role', 'replica', true), -- but while a statement is tried
				set_config('lc_messages', 'C', true),
				set_config('lock_timeout', '1s', true);
		-- What is deferred would be carried out after the statement, by the superuser. What the caller's own transaction has
		-- deferred is so here and when it commits: it is the caller who changed those tables.
		SET CONSTRAINTS ALL IMMEDIATE;
		-- one of such a name that someone has made may have any privileges, or none
		IF EXISTS (SELECT FROM pg_roles r WHERE starts_with(r.rolname, format('tenant_guard_probe_%s', pg_backend_pid()))) THEN
			RAISE duplicate_object USING MESSAGE = format('a role whose name begins with "tenant_guard_probe_%s" exists', pg_backend_pid()),
				DETAIL = 'The proof makes roles of that name, and takes them back.', HINT = 'Drop the role, or prove in another session.';
		END IF;
		prober := COALESCE(prober, tenant_guard_internal.probe_role());
		FOR target IN
			-- a temporary table's name stands without its schema, and is not to find another's
			SELECT t.relation, (SELECT c.relpersistence = 't' FROM pg_class c WHERE c.oid = t.relation) AS temporary,
				   row_number() OVER (ORDER BY t.relation::text COLLATE "C") AS n, count(*) OVER () AS tables FROM tenant_guard.tables_and_partitions t
			WHERE CASE WHEN wanted IS NULL THEN t.status IN ('guarded', 'damaged')
					   ELSE t.relation = wanted OR t.relation IN (SELECT d.relid FROM pg_partition_tree(wanted) d) END
			ORDER BY t.relation::text COLLATE "C"
		LOOP
			relation := target.relation; began := clock_timestamp();
			PERFORM tenant_guard_internal.probe_role((SELECT c.relowner FROM pg_class c WHERE c.oid = target.relation)); -- once an owner, not a table
			BEGIN
				FOR found IN SELECT * FROM tenant_guard_internal.probe_table(target.relation, prober, named, CASE WHEN target.temporary THEN concat_ws(', ', 'pg_temp', NULLIF(search_path, '')) ELSE search_path END) LOOP
					probe := found.probe; ok := COALESCE(found.ok, untried); detail := found.detail; duration := found.ended - began; began := found.ended;
					RETURN NEXT;
				END LOOP;
				RAISE EXCEPTION 'undo' USING ERRCODE = 'TGP01';
			EXCEPTION
				WHEN SQLSTATE 'TGP01' THEN
					NULL;
				WHEN SQLSTATE 'TGP02' THEN
					probe := 'proof'; ok := untried; detail := format('not tried: %s', SQLERRM); duration := clock_timestamp() - began;
					RETURN NEXT;
				WHEN OTHERS THEN
					probe := 'proof'; ok := untried; detail := format('not tried: %s: %s', SQLSTATE, SQLERRM); duration := clock_timestamp() - began;
					RETURN NEXT;
			END;
			IF target.n % 100 = 0 AND target.n < target.tables THEN
				RAISE NOTICE 'prove() has tried % of % tables', target.n, target.tables;
			END IF;
		END LOOP;
		RAISE EXCEPTION 'undo' USING ERRCODE = 'TGP01';
	EXCEPTION WHEN SQLSTATE 'TGP01' THEN
		NULL;
	END;
END
$$;
COMMENT ON FUNCTION prove(regclass, name, text, boolean) IS 'tries to break the isolation of each guarded table, and undoes what it tried';
REVOKE ALL ON FUNCTION prove(regclass, name, text, boolean) FROM PUBLIC;

--
-- What is to be run until a schema is guarded: for the DBA, and whom the DBA grants it to
--
-- plan() reads the catalogs, and returns what leads to where protect_schema(), derive_tenant_column() and the pairing of keys lead: what
-- reads a table first, by statements that let others write meanwhile, and then protect(), which finds it done. What these
-- statements cannot do is left to protect(): keys between tables of two owners, and tables with code of ordinary roles, which protect()
-- runs as their owner and a superuser's ALTER TABLE would run as the superuser. Each step has the statements that take it back.
--
-- A table that plan() looks at: those of the schema with their parts, and guarded ones elsewhere ("wanted" is false), which keys may
-- connect with them. "root" is the topmost table of the schema that it is a part of. "does" is what becomes of it:
--   guarded   it is guarded, perhaps damaged
--   guard     it is to be guarded by the column
--   derive    it gets the column by a foreign key, as the "place"th table to do so
--   decide    it waits for a decision, which "why" says
--   column    it has no tenant column; only while this is found out
--   rest      it stays as it is
CREATE TYPE tenant_guard_internal.planned_table AS (
	oid oid, name text, relkind "char", owner oid, tenant_column name, root oid, does text, wanted boolean, place integer, foreign_key name, why text);
COMMENT ON TYPE tenant_guard_internal.planned_table IS 'a table, and what becomes of it; a part of plan()';

-- A foreign key that is to carry the tenant, or an index for it. "kind":
--   pair      one ALTER TABLE changes it to "definitions", the first that of its companion where there are two
--   leave     protect() changes it
--   derive    derive_tenant_column() does, for the "at"th table to get the column
--   everyone  it may reference rows of everyone, and stays; protect() makes triggers that check it
--   refuse    it cannot be changed, for the reason in "detail"
--   wait      another key of the table cannot
--   index     an index of a table ("parent"), or of one of its partitions
CREATE TYPE tenant_guard_internal.planned_key AS (
	kind text, relation oid, parent oid, names text[], definitions text[], validated boolean, index_columns text, detail text, number integer, conname name,
	at integer, undo text, comment text);
COMMENT ON TYPE tenant_guard_internal.planned_key IS 'a foreign key, and what becomes of it; a part of plan()';

-- A step, before it has its price: "phase", "place", "sort" and "number" say where it stands, "kind" is the statement's place in priced_statements, or null.
CREATE TYPE tenant_guard_internal.planned_step AS (
	phase integer, place integer, sort text, number bigint, object text, statement text, kind integer, scans boolean, relation oid, needs text, undo text);
COMMENT ON TYPE tenant_guard_internal.planned_step IS 'a step, before it has its price; a part of plan()';

CREATE FUNCTION tenant_guard_internal.planned_keys(
	tables oid[], columns name[], wanted boolean[],
	OUT kind text, OUT relation oid, OUT foreign_key oid, OUT parent oid, OUT names text[], OUT definitions text[], OUT validated boolean,
	OUT index_columns text, OUT detail text)
RETURNS SETOF record
LANGUAGE C STABLE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'tenant_guard_planned_keys';
COMMENT ON FUNCTION tenant_guard_internal.planned_keys(oid[], name[], boolean[]) IS 'the foreign keys that do not carry the tenant if these tables are guarded by these columns, and the indexes that they need; a part of plan()';

CREATE FUNCTION tenant_guard_internal.column_obstacle(relation oid, tenant_column name) RETURNS text
LANGUAGE C STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tenant_guard_column_obstacle';
COMMENT ON FUNCTION tenant_guard_internal.column_obstacle(oid, name) IS 'why a table cannot be guarded by this column, or null; a part of plan()';

-- A line that says something to whoever reads a script, and does nothing. What ends a line ends a comment; in a name it must not become a
-- space, or the name would be another table's.
CREATE FUNCTION tenant_guard_internal.remark(said text) RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT '-- ' || regexp_replace(replace(said, E';\n', '; '), '[[:cntrl:]\u0085\u2028\u2029]', '?', 'g') $$;
COMMENT ON FUNCTION tenant_guard_internal.remark(text) IS 'a text as a comment of one line; a part of plan()';

-- Tables that call functions of ordinary roles, by their indexes and statistics too: what a superuser's own statement would evaluate, protect() runs as their owner.
CREATE VIEW tenant_guard_internal.tables_with_code AS
SELECT w.oid FROM tenant_guard_internal.relations_with_code w;
COMMENT ON VIEW tenant_guard_internal.tables_with_code IS 'tables that call functions of ordinary roles; a part of plan()';
GRANT SELECT ON tenant_guard_internal.tables_with_code TO PUBLIC;

CREATE FUNCTION tenant_guard_internal.plan_relations(schema oid) RETURNS SETOF tenant_guard_internal.planned_table
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
WITH RECURSIVE below (oid, root) AS (
	SELECT c.oid, c.oid FROM pg_class c
	WHERE c.relnamespace = plan_relations.schema AND c.relkind IN ('r', 'p', 'f') AND c.relpersistence <> 't'
	UNION
	SELECT i.inhrelid, b.root FROM below b JOIN pg_inherits i ON i.inhparent = b.oid
),
topmost AS MATERIALIZED (
	SELECT b.oid, min(b.root) AS root FROM below b
	WHERE b.root NOT IN (SELECT o.oid FROM below o WHERE o.root <> o.oid)
	GROUP BY b.oid
),
relations AS (
	SELECT t.oid, t.root, true AS wanted FROM topmost t
	UNION ALL
	SELECT DISTINCT p.polrelid, p.polrelid, false FROM pg_policy p
	WHERE p.polname = tenant_guard_internal.isolation_policy() AND p.polrelid NOT IN (SELECT t.oid FROM topmost t)
)
SELECT c.oid, c.oid::regclass::text, c.relkind, c.relowner, g.tenant_column, r.root,
	   CASE WHEN g.status IN ('guarded', 'damaged') THEN 'guarded'
			-- a label on a part of a table that gets a guard does not count
			WHEN e.objid IS NOT NULL OR g.status <> 'unguarded' AND (c.oid = r.root OR (tenant_guard.guard_status(r.root)).status <> 'unguarded') THEN 'rest'
			WHEN g.tenant_column IS NULL THEN CASE WHEN o.owns THEN 'column' ELSE 'decide' END
			WHEN NOT o.owns OR o.obstacle IS NOT NULL THEN 'decide'
			ELSE 'guard' END,
	   r.wanted, NULL::int, NULL::name,
	   CASE WHEN NOT o.owns THEN format('table %s belongs to role %I, which has to decide about it', c.oid::regclass, pg_get_userbyid(c.relowner)) ELSE o.obstacle END
FROM relations r JOIN pg_class c ON c.oid = r.oid CROSS JOIN LATERAL tenant_guard.guard_status(c.oid) g
	 LEFT JOIN pg_depend e ON e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e'
	 CROSS JOIN LATERAL (SELECT pg_has_role(c.relowner, 'USAGE') AS owns,
								CASE WHEN g.status NOT IN ('guarded', 'damaged') THEN tenant_guard_internal.column_obstacle(c.oid, g.tenant_column) END AS obstacle) o
ORDER BY c.oid::regclass::text COLLATE "C"
$$;
COMMENT ON FUNCTION tenant_guard_internal.plan_relations(oid) IS 'the tables of a schema, before those that get the column are found; a part of plan()';

-- By which key each of these candidates reaches one of the tables that tell the tenant: keys that cannot be null come first, of these those that
-- delete a row with the other. "keys" counts those between which only its author can decide. "column" is what derive_tenant_column() would add.
CREATE FUNCTION tenant_guard_internal.plan_ways(
	tellers oid[], columns name[], candidates oid[], OUT child oid, OUT key oid, OUT keys bigint, OUT tenant_column name, OUT mandatory boolean)
RETURNS SETOF record
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT r.child, min(r.key), count(*), min(r.column::text)::name, bool_and(r.mandatory)
FROM (SELECT k.conrelid AS child, k.oid AS key, m.mandatory,
			 -- the name of the key of the tenants' own table says nothing elsewhere
			 CASE WHEN EXISTS (SELECT FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
							   WHERE i.indrelid = k.confrelid AND i.indisunique AND i.indnkeyatts = 1 AND a.attname = w.column)
				  THEN (tenant_guard_internal.tenant_columns(k.conrelid))[1] ELSE w.column END AS column,
			 rank() OVER (PARTITION BY k.conrelid ORDER BY NOT m.mandatory, k.confdeltype <> 'c') AS rank
	  FROM unnest(plan_ways.candidates) x (oid) JOIN pg_constraint k ON k.conrelid = x.oid AND k.contype = 'f' AND k.conparentid = 0 AND k.confrelid <> k.conrelid
		   JOIN unnest(plan_ways.tellers, plan_ways.columns) AS w (oid, "column") ON w.oid = k.confrelid
		   CROSS JOIN LATERAL (SELECT bool_and(a.attnotnull) AS mandatory FROM pg_attribute a WHERE a.attrelid = k.conrelid AND a.attnum = ANY (k.conkey)) m) r
WHERE r.rank = 1
GROUP BY r.child
ORDER BY r.child::regclass::text COLLATE "C"
$$;
COMMENT ON FUNCTION tenant_guard_internal.plan_ways(oid[], name[], oid[]) IS 'by which foreign keys tables reach tables that tell the tenant; a part of plan()';

-- The foreign keys of a table to any of these, for a remark.
CREATE FUNCTION tenant_guard_internal.keys_in_words(relation oid, parents oid[]) RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT string_agg(format('%I to %s', k.conname, k.confrelid::regclass), ', ' ORDER BY k.conname)
FROM pg_constraint k
WHERE k.conrelid = keys_in_words.relation AND k.contype = 'f' AND k.conparentid = 0 AND k.confrelid <> k.conrelid AND k.confrelid = ANY (keys_in_words.parents)
$$;
COMMENT ON FUNCTION tenant_guard_internal.keys_in_words(oid, oid[]) IS 'the foreign keys of a table to others, in words; a part of plan()';

CREATE FUNCTION tenant_guard_internal.plan_tables(schema oid) RETURNS SETOF tenant_guard_internal.planned_table
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	all_tables tenant_guard_internal.planned_table[] := ARRAY(SELECT t FROM tenant_guard_internal.plan_relations(plan_tables.schema) t);
	known oid[] := ARRAY(SELECT t.oid FROM unnest(all_tables) t WHERE t.does IN ('guarded', 'guard'));
	columns name[] := ARRAY(SELECT t.tenant_column FROM unnest(all_tables) t WHERE t.does IN ('guarded', 'guard'));
	candidates oid[] := ARRAY(SELECT t.oid FROM unnest(all_tables) t WHERE t.does = 'column' AND NOT EXISTS (SELECT FROM pg_inherits i WHERE i.inhrelid = t.oid));
	-- candidates that tenant columns reference, and those with a column of another name that does so, too
	tenants CONSTANT oid[] := ARRAY(SELECT k.confrelid FROM pg_constraint k JOIN unnest(known, columns) AS w (oid, "column") ON w.oid = k.conrelid
									WHERE k.contype = 'f' AND k.confrelid = ANY (candidates)
										  AND k.conkey = ARRAY[(SELECT a.attnum FROM pg_attribute a WHERE a.attrelid = k.conrelid AND a.attname = w.column)]);
	named CONSTANT oid[] := ARRAY(SELECT k.conrelid FROM pg_constraint k LEFT JOIN unnest(known, columns) AS w (oid, "column") ON w.oid = k.confrelid
								  WHERE k.contype = 'f' AND k.conrelid = ANY (candidates) AND k.conrelid <> ALL (tenants)
										AND (k.confrelid = ANY (tenants) AND cardinality(k.conkey) = 1
											 OR (SELECT a.attnum FROM pg_attribute a WHERE a.attrelid = k.confrelid AND a.attname = w.column) = ANY (k.confkey)));
	torn oid[] := '{}';
	found oid[] := '{}';
	waiting oid[];
	round record;
	way record;
	progress boolean;
	by_nullable boolean := false;
BEGIN
	RETURN QUERY SELECT t.* FROM unnest(all_tables) t WHERE t.does <> 'column';
	candidates := ARRAY(SELECT c FROM unnest(candidates) c WHERE c <> ALL (tenants || named));
	-- round by round, by keys that can be null only when no other is left
	LOOP
		progress := false;
		FOR way IN SELECT * FROM tenant_guard_internal.plan_ways(known, columns, candidates) w WHERE w.mandatory OR by_nullable LOOP
			progress := true;
			candidates := array_remove(candidates, way.child);
			IF way.keys > 1 THEN
				torn := torn || way.child;
				CONTINUE;
			END IF;
			found := found || way.child;
			known := known || way.child;
			columns := columns || way.tenant_column;
			RETURN QUERY
			SELECT c.oid, c.oid::regclass::text, c.relkind, c.relowner, way.tenant_column, c.oid, 'derive', true, cardinality(found), k.conname, NULL::text
			FROM pg_class c JOIN pg_constraint k ON k.oid = way.key WHERE c.oid = way.child;
		END LOOP;
		EXIT WHEN NOT progress AND by_nullable;
		by_nullable := NOT progress;
	END LOOP;

	RETURN QUERY
	SELECT t.oid, t.name, t.relkind, t.owner, NULL::name, t.oid, 'decide', true, NULL::int, NULL::name,
		   CASE WHEN t.oid = ANY (tenants) THEN format('table %s is the tenants'' own: which column shows each tenant its row? SELECT tenant_guard.protect(%L, ''...'');', t.name, t.name)
				WHEN t.oid = ANY (named) THEN
					format('table %s references by a column of another name what tenant columns do (%s). If that column tells whose a row is: SELECT tenant_guard.protect(%L, ''...'');',
						   t.name, tenant_guard_internal.keys_in_words(t.oid, known || tenants), t.name)
				WHEN t.oid = ANY (torn) THEN
					format('several foreign keys of table %s lead to the tenant (%s). Which of them tells whose a row is? SELECT tenant_guard.derive_tenant_column(%L, ''...'');',
						   t.name, tenant_guard_internal.keys_in_words(t.oid, known), t.name)
				ELSE format('nothing in table %s tells the tenant. If its rows are for all tenants: SELECT tenant_guard.share(%L, ''why'');', t.name, t.name) END
	FROM unnest(all_tables) t
	WHERE t.oid = ANY (tenants || named || torn || candidates);
END
$$;
COMMENT ON FUNCTION tenant_guard_internal.plan_tables(oid) IS 'the tables of a schema, and what becomes of each; a part of plan()';

-- The foreign keys that change. "at" is the place of the table that gets the column, if that changes them; "undo" puts the key back; where
-- looking at its rows would call functions of ordinary roles, without that, and not at all where that must be.
CREATE FUNCTION tenant_guard_internal.plan_keys(tables tenant_guard_internal.planned_table[]) RETURNS SETOF tenant_guard_internal.planned_key
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
WITH p AS MATERIALIZED (SELECT * FROM unnest(plan_keys.tables) t WHERE t.does IN ('guard', 'guarded', 'derive')),
careful AS MATERIALIZED (SELECT * FROM tenant_guard_internal.tables_with_code)
SELECT CASE WHEN k.kind = 'pair' AND w.runs_code THEN 'leave' ELSE k.kind END,
	   k.relation, k.parent, k.names, k.definitions, k.validated, k.index_columns, k.detail, k.number::int, f.conname,
	   GREATEST(c.place, o.place),
	   CASE WHEN k.kind = 'everyone' THEN k.detail
			WHEN f.oid IS NOT NULL AND NOT (v.unvalidated AND t.relkind = 'p' AND current_setting('server_version_num')::int < 180000) THEN
			concat_ws('; ', format('ALTER TABLE %s %s, ADD CONSTRAINT %I %s', f.conrelid::regclass,
								   (SELECT string_agg(format('DROP CONSTRAINT %I', n), ', ') FROM unnest(k.names) n), f.conname,
								   pg_get_constraintdef(f.oid) || CASE WHEN v.unvalidated THEN ' NOT VALID' ELSE '' END),
					  CASE WHEN d.comment IS NOT NULL THEN format('COMMENT ON CONSTRAINT %I ON %s IS %L', f.conname, f.conrelid::regclass, d.comment) END) END,
	   d.comment
FROM (SELECT array_agg(p.oid ORDER BY p.place NULLS FIRST, p.name COLLATE "C") AS oids, array_agg(p.tenant_column ORDER BY p.place NULLS FIRST, p.name COLLATE "C") AS columns,
			 array_agg(p.wanted ORDER BY p.place NULLS FIRST, p.name COLLATE "C") AS wanted
	  FROM p) a
	 CROSS JOIN LATERAL ROWS FROM (tenant_guard_internal.planned_keys(a.oids, a.columns, a.wanted))
		WITH ORDINALITY AS k (kind, relation, foreign_key, parent, names, definitions, validated, index_columns, detail, number)
	 LEFT JOIN pg_constraint f ON f.oid = k.foreign_key
	 LEFT JOIN p c ON c.oid = k.relation LEFT JOIN p o ON o.oid = k.parent
	 CROSS JOIN LATERAL (SELECT obj_description(f.oid, 'pg_constraint') AS comment) d
	 CROSS JOIN LATERAL (SELECT k.relation IN (SELECT c.oid FROM careful c) OR k.parent IN (SELECT c.oid FROM careful c) AS runs_code) w
	 LEFT JOIN pg_class t ON t.oid = f.conrelid
	 CROSS JOIN LATERAL (SELECT f.convalidated AND (w.runs_code OR k.detail IS NOT DISTINCT FROM 'code') AS unvalidated) v
$$;
COMMENT ON FUNCTION tenant_guard_internal.plan_keys(tenant_guard_internal.planned_table[]) IS 'the foreign keys that change when a schema is guarded, and the indexes that they need; a part of plan()';

-- Tables to be guarded whose tenant column may be null. "conname" is the CHECK that says meanwhile that it is not, for the topmost such table of each
-- hierarchy: one of a guard that is there, or a name that no constraint has. "is_left": protect() sees to it, since SET NOT NULL evaluates CHECKs.
CREATE FUNCTION tenant_guard_internal.plan_nullable(
	tables tenant_guard_internal.planned_table[], OUT oid oid, OUT tenant_column name, OUT conname text, OUT there boolean, OUT valid boolean, OUT is_left boolean)
RETURNS SETOF record
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
WITH RECURSIVE p AS MATERIALIZED (SELECT * FROM unnest(plan_nullable.tables)),
nullable AS MATERIALIZED (
	SELECT p.oid, p.tenant_column, p.root, format('(%I IS NOT NULL)', a.attname) AS says
	FROM p JOIN pg_class c ON c.oid = p.oid JOIN pg_attribute a ON a.attrelid = p.oid AND a.attname = p.tenant_column
	WHERE p.does = 'guard' AND p.relkind <> 'f'
		  AND (NOT a.attnotnull OR EXISTS (SELECT FROM pg_constraint n WHERE n.conrelid = p.oid AND n.contype = 'n' AND n.conkey = ARRAY[a.attnum] AND NOT n.convalidated))
		  AND NOT (c.relchecks > 0 AND EXISTS (SELECT FROM pg_constraint n WHERE n.conrelid = p.oid AND n.contype = 'c' AND n.convalidated AND n.conname <> 'tenant_not_null'
											   AND pg_get_expr(n.conbin, n.conrelid) = format('(%I IS NOT NULL)', a.attname)))
),
-- conditions with NOT IN are hashed, whatever the planner thinks of how many rows there are
topmost AS MATERIALIZED (
	SELECT n.*, b.conname, b.there, b.valid
	FROM nullable n
		 LEFT JOIN LATERAL (SELECT v.conname, o.oid IS NOT NULL AS there, COALESCE(o.convalidated, false) AS valid
							FROM unnest(ARRAY['tenant_not_null', 'tenant_not_null1', 'tenant_not_null2', 'tenant_not_null3']) WITH ORDINALITY AS v (conname, place)
								 LEFT JOIN pg_constraint o ON o.conrelid = n.oid AND o.conname = v.conname
							WHERE (o.oid IS NULL OR pg_get_expr(o.conbin, o.conrelid) = n.says AND pg_get_constraintdef(o.oid) !~ ' NOT ENFORCED$')
								  -- with all that is above and below it
								  AND n.root NOT IN (SELECT p.root FROM p WHERE p.relkind = 'f' OR p.oid IN (SELECT w.oid FROM tenant_guard_internal.tables_with_code w))
								  AND n.oid NOT IN (SELECT i.inhrelid FROM pg_inherits i WHERE i.inhparent IN (SELECT o.oid FROM nullable o))
							ORDER BY v.place LIMIT 1) b ON true
),
done (oid) AS (
	SELECT t.oid FROM topmost t WHERE t.conname IS NOT NULL
	UNION
	SELECT i.inhrelid FROM done d JOIN pg_inherits i ON i.inhparent = d.oid
)
SELECT t.oid, t.tenant_column, t.conname, t.there, t.valid, t.oid NOT IN (SELECT d.oid FROM done d)
FROM topmost t
$$;
COMMENT ON FUNCTION tenant_guard_internal.plan_nullable(tenant_guard_internal.planned_table[]) IS 'tables to be guarded whose tenant column may be null; a part of plan()';

-- How to take back that a table is guarded: by unprotect(), and by putting back what it does not. For each part: the default, row-level security
-- where it was otherwise than unprotect() leaves it, and the label. "more" stands before the labels.
CREATE FUNCTION tenant_guard_internal.undo_of_guard(relation oid, tenant_column name, more text) RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
WITH RECURSIVE parts (oid) AS (
	SELECT undo_of_guard.relation
	UNION
	SELECT i.inhrelid FROM parts p JOIN pg_inherits i ON i.inhparent = p.oid
)
SELECT concat_ws('; ', format('SELECT tenant_guard.unprotect(%L)', undo_of_guard.relation::regclass),
				 string_agg(s.before, '; ' ORDER BY s.oid), NULLIF(undo_of_guard.more, ''), string_agg(s.after, '; ' ORDER BY s.oid))
FROM (SELECT c.oid,
			 NULLIF(concat_ws('; ', CASE WHEN d.oid IS NOT NULL THEN format('ALTER TABLE ONLY %s ALTER COLUMN %I SET DEFAULT %s', c.oid::regclass, a.attname, pg_get_expr(d.adbin, d.adrelid)) END,
							  r.security), '') AS before,
			 format('SECURITY LABEL FOR tenant_guard ON TABLE %s IS %s', c.oid::regclass, COALESCE(quote_literal(l.label), 'NULL')) AS after
	  FROM parts p JOIN pg_class c ON c.oid = p.oid
		   LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = undo_of_guard.tenant_column AND a.attgenerated = ''
		   LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
		   LEFT JOIN pg_seclabel l ON l.classoid = 'pg_class'::regclass AND l.objoid = c.oid AND l.objsubid = 0 AND l.provider = 'tenant_guard'
		   CROSS JOIN LATERAL (SELECT EXISTS (SELECT FROM pg_policy o WHERE o.polrelid = c.oid) AS stays) o
		   CROSS JOIN LATERAL (SELECT 'ALTER TABLE ONLY ' || c.oid::regclass || ' '
									  || NULLIF(concat_ws(', ', CASE WHEN c.relrowsecurity AND NOT o.stays THEN 'ENABLE ROW LEVEL SECURITY'
																	 WHEN o.stays AND NOT c.relrowsecurity THEN 'DISABLE ROW LEVEL SECURITY' END,
														  CASE WHEN c.relforcerowsecurity AND NOT o.stays THEN 'FORCE ROW LEVEL SECURITY'
															   WHEN o.stays AND NOT c.relforcerowsecurity THEN 'NO FORCE ROW LEVEL SECURITY' END), '') AS security) r
	  WHERE c.relkind IN ('r', 'p')) s
$$;
COMMENT ON FUNCTION tenant_guard_internal.undo_of_guard(oid, name, text) IS 'the statements that take back the guard of a table that has none yet; a part of plan()';

-- What a person has to decide.
CREATE FUNCTION tenant_guard_internal.plan_decisions(tables tenant_guard_internal.planned_table[], keys tenant_guard_internal.planned_key[]) RETURNS SETOF tenant_guard_internal.planned_step
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
WITH p AS MATERIALIZED (SELECT * FROM unnest(plan_decisions.tables)),
k AS MATERIALIZED (SELECT * FROM unnest(plan_decisions.keys))
SELECT 1, 0, p.name, 0, p.name, tenant_guard_internal.remark(p.why), NULL::int, NULL::boolean, NULL::oid, NULL::text, NULL::text
FROM p WHERE p.does = 'decide'
UNION ALL
SELECT 1, 1, c.name, k.number, format('%I on %s', k.conname, c.name), tenant_guard_internal.remark(replace(k.detail, ' Nothing was changed.', '')), NULL, NULL, NULL, NULL, NULL
FROM k JOIN p c ON c.oid = k.relation WHERE k.kind = 'refuse'
UNION ALL
SELECT 1, 2, p.name, 0, p.name,
	   tenant_guard_internal.remark(format('about %s %% of the rows of table %s have no tenant: fill column %I before, or share these rows: SELECT tenant_guard.protect(%L, null_rows => ''shared'');',
										   ltrim(to_char(100 * s.null_frac, '990.99')), p.name, p.tenant_column, p.name)), NULL, NULL, NULL, NULL, NULL
FROM tenant_guard_internal.plan_nullable(plan_decisions.tables) n JOIN p ON p.oid = n.oid JOIN pg_class c ON c.oid = n.oid JOIN pg_namespace m ON m.oid = c.relnamespace
	 JOIN pg_stats s ON s.schemaname = m.nspname AND s.tablename = c.relname AND s.attname = n.tenant_column AND s.null_frac > 0 AND NOT s.inherited
UNION ALL
SELECT 1, 3, v.oid::regclass::text, 0, v.oid::regclass::text,
	   tenant_guard_internal.remark(CASE WHEN v.relkind = 'm' THEN format('materialized view %s keeps rows of %s, and shows them to whoever may read it: REVOKE the privileges on it', v.oid::regclass, v.reads)
										 ELSE format('view %s reads %s as its owner %I, whom row-level security does not bind: ALTER VIEW %s SET (security_invoker = true);', v.oid::regclass, v.reads, v.owner, v.oid::regclass) END),
	   NULL, NULL, NULL, NULL, NULL
FROM (SELECT c.oid, c.relkind, r.rolname AS owner, string_agg(DISTINCT p.name, ', ') AS reads
	  FROM tenant_guard_internal.named_relations n JOIN p ON p.oid = n.names AND p.does IN ('guard', 'derive') JOIN pg_class c ON c.oid = n.relation JOIN pg_roles r ON r.oid = c.relowner
	  WHERE n.ev_type = '1' AND (c.relkind = 'm' OR c.relkind = 'v' AND (r.rolsuper OR r.rolbypassrls)
																 AND NOT EXISTS (SELECT FROM unnest(c.reloptions) o WHERE o ~* '^security_invoker=(on|1|t|tr|tru|true|y|ye|yes)$'))
	  GROUP BY c.oid, c.relkind, r.rolname) v
UNION ALL
SELECT 1, 4, r.rolname, 0, quote_ident(r.rolname),
	   tenant_guard_internal.remark(format('role %I %s: guards do not bind it, and what it reads or writes is refused. No application should connect as it.', r.rolname, r.why)), NULL, NULL, NULL, NULL, NULL
FROM tenant_guard_internal.unbound_roles r JOIN pg_roles l ON l.oid = r.oid AND l.rolcanlogin
WHERE r.oid <> 10 AND EXISTS (SELECT FROM p WHERE p.does IN ('guard', 'derive'))
UNION ALL
SELECT 1, 5, '', 0, NULL,
   tenant_guard_internal.remark('rows that reference rows of another tenant make VALIDATE CONSTRAINT fail: decide whose they are. What "needs" says of that step lists them.'), NULL, NULL, NULL, NULL, NULL
WHERE EXISTS (SELECT FROM k WHERE k.kind = 'pair' AND k.detail IS NOT NULL)
$$;
COMMENT ON FUNCTION tenant_guard_internal.plan_decisions(tenant_guard_internal.planned_table[], tenant_guard_internal.planned_key[]) IS 'what a person has to decide; a part of plan()';

-- Unique indexes that keys will reference, those of tables that get the column when they have it.
CREATE FUNCTION tenant_guard_internal.plan_indexes(tables tenant_guard_internal.planned_table[], keys tenant_guard_internal.planned_key[]) RETURNS SETOF tenant_guard_internal.planned_step
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
WITH p AS MATERIALIZED (SELECT * FROM unnest(plan_indexes.tables)),
k AS MATERIALIZED (SELECT * FROM unnest(plan_indexes.keys))
SELECT CASE WHEN o.place IS NULL THEN 2 ELSE 6 END, COALESCE(o.place, 0), CASE WHEN o.place IS NULL THEN o.name ELSE '' END,
	   (10::bigint * min(i.number) OVER (PARTITION BY i.parent, i.index_columns) + s.class) * 10000000 + s.number,
	   s.object, s.statement, s.kind, s.kind = 27, i.relation, NULL, s.undo
FROM k i JOIN p o ON o.oid = i.parent JOIN pg_class c ON c.oid = i.relation JOIN pg_namespace m ON m.oid = c.relnamespace
	 CROSS JOIN LATERAL (SELECT i.relation::regclass::text AS relation, format('%I.%I', m.nspname, i.names[1]) AS index,
								i.detail IS NULL OR i.detail = 'invalid' AS missing, i.relation = i.parent AS is_top, 'made by tenant_guard for foreign keys that carry the tenant' AS comment) x
	 CROSS JOIN LATERAL (
		-- partitions first, then what they are parts of, the whole last: so they can be dropped in the opposite order
		SELECT 1, 10 * i.number, format('%s.%s', quote_ident(m.nspname), quote_ident(i.names[2])), format('DROP INDEX CONCURRENTLY %s.%s', quote_ident(m.nspname), quote_ident(i.names[2])), 28, NULL
		WHERE i.detail = 'invalid'
		UNION ALL
		SELECT 1, 10 * i.number + 1, x.relation, format('CREATE UNIQUE INDEX CONCURRENTLY %I ON %s (%s)', i.names[1], x.relation, i.index_columns), 27,
			   format('DROP INDEX CONCURRENTLY IF EXISTS %s', x.index)
		WHERE c.relkind = 'r' AND x.missing
		UNION ALL
		SELECT 2, 1000000 - i.number, x.relation, format('CREATE UNIQUE INDEX %I ON ONLY %s (%s)', i.names[1], x.relation, i.index_columns), 20,
			   concat_ws('; ', format('DROP INDEX IF EXISTS %s', x.index),
						 -- with it go the indexes of partitions that it found
						 (SELECT string_agg(pg_get_indexdef(l.oid) || COALESCE('; COMMENT ON INDEX ' || l.oid::regclass || ' IS ' || quote_literal(obj_description(l.oid, 'pg_class')), ''), '; ')
						  FROM k f JOIN pg_class r ON r.oid = f.relation JOIN pg_class l ON l.relnamespace = r.relnamespace AND l.relname = f.names[1]
						  WHERE x.is_top AND f.kind = 'index' AND f.parent = i.parent AND f.index_columns = i.index_columns AND f.detail = 'valid'))
		WHERE c.relkind = 'p' AND x.missing
		UNION ALL
		SELECT 3, i.number, x.index, format('COMMENT ON INDEX %s IS %L', x.index, x.comment), 29, format('COMMENT ON INDEX %s IS NULL', x.index) WHERE x.is_top AND x.missing
		UNION ALL
		SELECT 4, i.number, x.index, format('ALTER INDEX %I.%I ATTACH PARTITION %s', w.nspname, i.definitions[1], x.index), 30, NULL
		FROM pg_inherits h JOIN pg_class a ON a.oid = h.inhparent JOIN pg_namespace w ON w.oid = a.relnamespace
		WHERE h.inhrelid = i.relation AND NOT x.is_top AND i.detail IS DISTINCT FROM 'attached') s (class, number, object, statement, kind, undo)
WHERE i.kind = 'index'
	  -- what is guarded before makes the index when its key is paired
	  AND (o.place IS NULL OR NOT EXISTS (SELECT FROM k f WHERE f.kind <> 'index' AND f.parent = i.parent AND f.index_columns = i.index_columns AND f.at <= o.place))
$$;
COMMENT ON FUNCTION tenant_guard_internal.plan_indexes(tenant_guard_internal.planned_table[], tenant_guard_internal.planned_key[]) IS 'the steps that make indexes; a part of plan()';

CREATE FUNCTION tenant_guard_internal.plan_not_null(tables tenant_guard_internal.planned_table[]) RETURNS SETOF tenant_guard_internal.planned_step
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
WITH p AS MATERIALIZED (SELECT * FROM unnest(plan_not_null.tables))
SELECT 3, 0, c.name, s.number, c.name, s.statement, s.kind, s.kind = 6, c.oid, s.needs, s.undo
FROM (SELECT n.*, n.oid::regclass::text AS name, n.tenant_column AS column FROM tenant_guard_internal.plan_nullable(plan_not_null.tables) n WHERE n.conname IS NOT NULL) c
	 LEFT JOIN pg_constraint o ON c.there AND o.conrelid = c.oid AND o.conname = c.conname
	 -- what undoes a step brings back a constraint that was there as it was
	 CROSS JOIN LATERAL (SELECT COALESCE(regexp_replace(pg_get_constraintdef(o.oid), ' NOT VALID$', ''), format('CHECK (%I IS NOT NULL)', c.column)) AS check,
								format('ALTER TABLE %s', c.name) AS alter,
								(SELECT format('; COMMENT ON CONSTRAINT %I ON %s IS %L', o.conname, c.name, d.description)
								 FROM pg_description d WHERE d.classoid = 'pg_constraint'::regclass AND d.objoid = o.oid) AS comment) x
	 CROSS JOIN LATERAL (
		SELECT 1, format('%s ADD CONSTRAINT %I %s NOT VALID', x.alter, c.conname, x.check), 16, NULL, format('%s DROP CONSTRAINT %I', x.alter, c.conname) WHERE NOT c.there
		UNION ALL
		SELECT 2, format('%s VALIDATE CONSTRAINT %I', x.alter, c.conname), 6, format('no row whose column %I is null', c.column),
			   format('%1$s DROP CONSTRAINT %2$I, ADD CONSTRAINT %2$I %3$s NOT VALID%4$s', x.alter, c.conname, x.check, x.comment)
		WHERE NOT c.valid
		UNION ALL
		SELECT 3, format('%s ALTER COLUMN %I SET NOT NULL', x.alter, c.column), 8, NULL,
			   concat_ws('; ', format('%s ALTER COLUMN %I DROP NOT NULL', x.alter, c.column),
						 -- this reaches parts that had it before
						 (WITH RECURSIVE below (oid) AS (SELECT i.inhrelid FROM pg_inherits i WHERE i.inhparent = c.oid
														 UNION SELECT i.inhrelid FROM below b JOIN pg_inherits i ON i.inhparent = b.oid)
						  SELECT string_agg(format('ALTER TABLE %s ALTER COLUMN %I SET NOT NULL', a.attrelid::regclass, a.attname), '; ' ORDER BY a.attrelid)
						  FROM below b JOIN pg_attribute a ON a.attrelid = b.oid AND a.attname = c.column AND a.attnotnull))
		UNION ALL
		SELECT 4, format('%s DROP CONSTRAINT %I', x.alter, c.conname), 16, NULL,
			   format('%1$s ADD CONSTRAINT %2$I %3$s NOT VALID; %1$s VALIDATE CONSTRAINT %2$I%4$s', x.alter, c.conname, x.check, x.comment)) s (number, statement, kind, needs, undo)
$$;
COMMENT ON FUNCTION tenant_guard_internal.plan_not_null(tenant_guard_internal.planned_table[]) IS 'the steps that make tenant columns NOT NULL; a part of plan()';

CREATE FUNCTION tenant_guard_internal.plan_pairing(tables tenant_guard_internal.planned_table[], keys tenant_guard_internal.planned_key[]) RETURNS SETOF tenant_guard_internal.planned_step
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
WITH p AS MATERIALIZED (SELECT * FROM unnest(plan_pairing.tables)),
k AS MATERIALIZED (SELECT * FROM unnest(plan_pairing.keys))
SELECT 4, 0, c.name, 10 * k.number + s.number, c.name, s.statement, s.kind, s.kind IN (6, 10), k.relation, s.needs, s.undo
FROM k JOIN p c ON c.oid = k.relation
	 CROSS JOIN LATERAL (SELECT format('ALTER TABLE %s', c.name) AS alter, cardinality(k.names) AS last) x
	 CROSS JOIN LATERAL (
		SELECT 0, format('%s DROP CONSTRAINT %I, ADD %s', x.alter, k.conname, array_to_string(k.definitions, ', ADD ')),
			   CASE WHEN k.definitions[x.last] ~ ' NOT (VALID|ENFORCED)$' THEN 9 ELSE 10 END,
			   concat_ws('; ', CASE WHEN k.relation <> k.parent THEN format('table %s is locked as well', k.parent::regclass) END,
						 CASE WHEN k.definitions[x.last] !~ ' NOT (VALID|ENFORCED)$' THEN 'no row that references another tenant''s: ' || rtrim(k.detail, ';') END), k.undo
		UNION ALL
		SELECT n, format('%s VALIDATE CONSTRAINT %I', x.alter, k.names[n]), 6, CASE WHEN n = 1 THEN 'no row that references another tenant''s: ' || rtrim(k.detail, ';') END,
			   format('%s %s, ADD %s', x.alter, (SELECT string_agg(format('DROP CONSTRAINT %I', d), ', ') FROM unnest(k.names[n:]) d), array_to_string(k.definitions[n:], ', ADD '))
		FROM generate_series(1, x.last) n WHERE k.validated
		UNION ALL
		SELECT 9, format('COMMENT ON CONSTRAINT %I ON %s IS %L', k.conname, c.name, k.comment), 29, NULL, format('COMMENT ON CONSTRAINT %I ON %s IS NULL', k.conname, c.name)
		WHERE k.comment IS NOT NULL) s (number, statement, kind, needs, undo)
WHERE k.kind = 'pair'
$$;
COMMENT ON FUNCTION tenant_guard_internal.plan_pairing(tenant_guard_internal.planned_table[], tenant_guard_internal.planned_key[]) IS 'the steps that make foreign keys carry the tenant; a part of plan()';

CREATE FUNCTION tenant_guard_internal.plan_guards(tables tenant_guard_internal.planned_table[], keys tenant_guard_internal.planned_key[]) RETURNS SETOF tenant_guard_internal.planned_step
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
WITH p AS MATERIALIZED (SELECT * FROM unnest(plan_guards.tables)),
k AS MATERIALIZED (SELECT * FROM unnest(plan_guards.keys)),
-- tables that are guarded by protect() itself, and not with the table above them, in their order
tops AS MATERIALIZED (
	SELECT t.*, row_number() OVER (ORDER BY EXISTS (SELECT FROM pg_inherits i WHERE i.inhrelid = t.oid), t.name COLLATE "C")::int AS at
	FROM p t
	WHERE (t.does = 'guard' OR t.does = 'guarded' AND t.wanted AND (tenant_guard.guard_status(t.oid)).status = 'damaged')
		  AND NOT EXISTS (SELECT FROM pg_inherits i JOIN p o ON o.oid = i.inhparent WHERE i.inhrelid = t.oid AND o.does = 'guard')
),
-- both ends of the keys that no statement of the plan changes, and when each is guarded
ends AS MATERIALIZED (
	SELECT k.number, k.kind, k.relation, k.undo, o.at
	FROM k CROSS JOIN LATERAL unnest(ARRAY[k.relation, k.parent]) e (oid) JOIN p m ON m.oid = e.oid LEFT JOIN tops o ON o.root = m.root
	WHERE k.kind IN ('leave', 'everyone', 'wait', 'refuse')
),
-- when tables are guarded whose keys stand in the way
obstructed AS MATERIALIZED (SELECT DISTINCT e.at FROM ends e WHERE e.kind IN ('wait', 'refuse') AND e.at IS NOT NULL),
left_keys AS MATERIALIZED (
	SELECT e.number, e.relation, e.undo, max(e.at) AS at, bool_and(e.at IS NULL) OR bool_or(e.at IN (SELECT w.at FROM obstructed w)) AS is_late
	FROM ends e WHERE e.kind IN ('leave', 'everyone')
	GROUP BY e.number, e.relation, e.undo
),
keys_of_protect AS MATERIALIZED (SELECT l.at, COALESCE(string_agg(l.undo, '; ' ORDER BY l.number), '') AS undo FROM left_keys l WHERE l.is_late IS NOT TRUE GROUP BY l.at),
columns_of_protect AS MATERIALIZED (
	SELECT m.root, string_agg(format('ALTER TABLE %s ALTER COLUMN %I DROP NOT NULL', n.oid::regclass, n.tenant_column), '; ' ORDER BY n.oid) AS undo
	FROM tenant_guard_internal.plan_nullable(plan_guards.tables) n JOIN p m ON m.oid = n.oid WHERE n.is_left
	GROUP BY m.root
)
SELECT 5, t.at, t.name, 0, t.name, format('SELECT tenant_guard.protect(%L%s)%s', t.name, h.how, h.without_keys), 1, l.undo IS NOT NULL OR n.undo IS NOT NULL, t.oid,
	   CASE WHEN h.without_keys <> '' THEN 'a superuser, or a role that may set tenant_guard.foreign_keys' END,
	   CASE WHEN t.does = 'guard' THEN tenant_guard_internal.undo_of_guard(t.oid, t.tenant_column, concat_ws('; ', n.undo, NULLIF(l.undo, ''))) END
FROM tops t
	 LEFT JOIN keys_of_protect l ON l.at = t.at LEFT JOIN columns_of_protect n ON n.root = t.root
	 -- a damaged guard is repaired in its shape
	 CROSS JOIN LATERAL (SELECT CASE WHEN t.does = 'guarded' AND EXISTS (SELECT FROM pg_policy o WHERE o.polrelid = t.oid AND NOT o.polpermissive
																		 AND (o.polname = tenant_guard_internal.isolation_policy() AND o.polcmd = 'r'
																			  OR o.polname IN ('tenant_isolation_inserts', 'tenant_isolation_updates', 'tenant_isolation_deletes')))
									 THEN ', null_rows => ''shared''' ELSE '' END AS how,
								CASE WHEN t.at IN (SELECT w.at FROM obstructed w) THEN ' FROM pg_catalog.set_config(''tenant_guard.foreign_keys'', ''off'', true)' ELSE '' END AS without_keys) h
UNION ALL
SELECT 5, 1000000, c.name, 0, c.name, format('SELECT tenant_guard.pair_foreign_keys(%L)', c.name), 3, true, c.oid, NULL, string_agg(l.undo, '; ' ORDER BY l.number)
FROM left_keys l JOIN p c ON c.oid = l.relation
WHERE l.is_late
GROUP BY c.oid, c.name
$$;
COMMENT ON FUNCTION tenant_guard_internal.plan_guards(tenant_guard_internal.planned_table[], tenant_guard_internal.planned_key[]) IS 'the steps that guard tables; a part of plan()';

CREATE FUNCTION tenant_guard_internal.plan_derivations(tables tenant_guard_internal.planned_table[], keys tenant_guard_internal.planned_key[]) RETURNS SETOF tenant_guard_internal.planned_step
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
WITH p AS MATERIALIZED (SELECT * FROM unnest(plan_derivations.tables)),
k AS MATERIALIZED (SELECT * FROM unnest(plan_derivations.keys))
SELECT 6, p.place, '', 0, p.name, format('SELECT tenant_guard.derive_tenant_column(%L, %L)', p.name, p.foreign_key), 2, true, p.oid,
	   (SELECT 'no row of which a column of the key is null' FROM pg_constraint f JOIN pg_attribute a ON a.attrelid = f.conrelid AND a.attnum = ANY (f.conkey) AND NOT a.attnotnull
		WHERE f.conrelid = p.oid AND f.conname = p.foreign_key AND f.contype = 'f' LIMIT 1),
	   tenant_guard_internal.undo_of_guard(p.oid, p.tenant_column, concat_ws('; ', (SELECT string_agg(k.undo, '; ' ORDER BY k.number) FROM k WHERE k.kind = 'derive' AND k.at = p.place),
																			 -- which would take with it a key that stays
																			 (SELECT format('ALTER TABLE %s DROP COLUMN %I', p.name, p.tenant_column)
																			  WHERE NOT EXISTS (SELECT FROM k WHERE k.kind = 'derive' AND k.at = p.place AND k.conname IS NOT NULL AND k.undo IS NULL))))
FROM p WHERE p.does = 'derive'
$$;
COMMENT ON FUNCTION tenant_guard_internal.plan_derivations(tenant_guard_internal.planned_table[], tenant_guard_internal.planned_key[]) IS 'the steps that add tenant columns; a part of plan()';

CREATE FUNCTION plan(schema regnamespace) RETURNS SETOF tenant_guard.plan_step
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET jit = off -- each statement is run once
AS $$
DECLARE
	tables CONSTANT tenant_guard_internal.planned_table[] := ARRAY(SELECT t FROM tenant_guard_internal.plan_tables(plan.schema) t);
	keys tenant_guard_internal.planned_key[] := '{}';
BEGIN
	IF plan.schema IS NULL THEN
		RAISE EXCEPTION 'schema must not be null' USING ERRCODE = 'null_value_not_allowed';
	END IF;
	-- the library is loaded now
	IF current_setting('tenant_guard.foreign_keys', true) = 'pair' THEN
		keys := ARRAY(SELECT k FROM tenant_guard_internal.plan_keys(tables) k);
	END IF;
	RETURN QUERY
	WITH RECURSIVE steps AS (
		SELECT * FROM tenant_guard_internal.plan_decisions(tables, keys)
		UNION ALL SELECT * FROM tenant_guard_internal.plan_indexes(tables, keys)
		UNION ALL SELECT * FROM tenant_guard_internal.plan_not_null(tables)
		UNION ALL SELECT * FROM tenant_guard_internal.plan_pairing(tables, keys)
		UNION ALL SELECT * FROM tenant_guard_internal.plan_guards(tables, keys)
		UNION ALL SELECT * FROM tenant_guard_internal.plan_derivations(tables, keys)
	),
	r AS MATERIALIZED (SELECT s.*, row_number() OVER (ORDER BY s.phase, s.place, s.sort COLLATE "C", s.number) AS step FROM steps s),
	parts (whole, oid) AS (
		SELECT DISTINCT r.relation, r.relation FROM r WHERE r.scans
		UNION
		SELECT p.whole, i.inhrelid FROM parts p JOIN pg_inherits i ON i.inhparent = p.oid
	),
	sizes AS MATERIALIZED (
		SELECT p.whole, sum(pg_relation_size(p.oid))::bigint / current_setting('block_size')::int AS pages FROM parts p GROUP BY p.whole
	)
	SELECT r.step::int, r.object, r.statement || CASE WHEN r.kind IS NULL THEN '' ELSE ';' END, p.lock, CASE WHEN p.lock IS NOT NULL THEN r.scans END, p.rewrites,
		   CASE WHEN p.rewrites THEN (WITH RECURSIVE w (oid) AS (SELECT r.relation UNION SELECT i.inhrelid FROM w JOIN pg_inherits i ON i.inhparent = w.oid)
									  SELECT sum(pg_total_relation_size(w.oid))::bigint / current_setting('block_size')::int FROM w)
				WHEN r.scans THEN s.pages END,
		   NULLIF(concat_ws('; ', p.needs, NULLIF(r.needs, ''),
							CASE WHEN c.relowner <> (SELECT u.oid FROM pg_roles u WHERE u.rolname = current_user) THEN format('role %I, which owns it, or a superuser', pg_get_userbyid(c.relowner)) END), ''),
		   r.undo || ';'
	FROM r LEFT JOIN tenant_guard_internal.priced_statements p ON p.place = r.kind LEFT JOIN pg_class c ON c.oid = r.relation LEFT JOIN sizes s ON s.whole = r.relation
	ORDER BY r.step;
	IF NOT FOUND THEN
		RAISE NOTICE 'nothing is to be done in schema "%"', (SELECT n.nspname FROM pg_namespace n WHERE n.oid = plan.schema);
	END IF;
END
$$;
COMMENT ON FUNCTION plan(regnamespace) IS 'the statements that guard a schema step by step, with what each costs and how it is taken back';
REVOKE ALL ON FUNCTION plan(regnamespace) FROM PUBLIC;

--
-- A tenant's life: for the DBA, and whom the DBA grants it to. What reads or deletes rows does it as the owners of the tables, whose
-- rights the caller must have.
--
CREATE FUNCTION tenant_guard_internal.canonical_tenant(tenant text) RETURNS text
LANGUAGE C STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tenant_guard_canonical_tenant';
COMMENT ON FUNCTION tenant_guard_internal.canonical_tenant(text) IS 'a tenant as set_tenant() returns it; an error if it is none';

CREATE FUNCTION tenant_guard_internal.count_tenant_rows(relation oid, tenant_column name, tenant text) RETURNS bigint
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'tenant_guard_count_tenant_rows';
COMMENT ON FUNCTION tenant_guard_internal.count_tenant_rows(oid, name, text) IS 'how many rows of a tenant a table has; a part of tenant_inventory()';

CREATE FUNCTION tenant_guard_internal.try_count(relation oid, tenant_column name, tenant text, OUT rows bigint, OUT problem text)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	rows := tenant_guard_internal.count_tenant_rows(try_count.relation, try_count.tenant_column, try_count.tenant);
EXCEPTION WHEN OTHERS THEN -- a function in the condition of an index can raise what it wants, and must not keep other tables from being counted
	problem := SQLERRM;
END
$$;
COMMENT ON FUNCTION tenant_guard_internal.try_count(oid, name, text) IS 'how many rows of a tenant a table has, or why they cannot be counted; a part of tenant_inventory()';

CREATE FUNCTION tenant_guard_internal.delete_tenant_rows(relations oid[], tenant_columns name[], tenant text, rows bigint) RETURNS bigint[]
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'tenant_guard_delete_tenant_rows';
COMMENT ON FUNCTION tenant_guard_internal.delete_tenant_rows(oid[], name[], text, bigint) IS 'deletes rows of a tenant, of each table at most so many if that is not 0; a part of purge_tenant()';

CREATE FUNCTION tenants(relation regclass) RETURNS SETOF text
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'tenant_guard_tenants';
COMMENT ON FUNCTION tenants(regclass) IS 'the tenants of which a guarded table has rows, in order, by look-ups in the index that begins with the tenant column';
REVOKE ALL ON FUNCTION tenants(regclass) FROM PUBLIC;

-- A table with a tenant column is counted with its partitions and children. "why" says why it cannot be.
CREATE VIEW tenant_guard_internal.tenant_tables AS
WITH tables AS MATERIALIZED (
	SELECT t.relation, c.relkind, t.status, t.tenant_column, t.tenant_type, t.estimated_rows
	FROM tenant_guard.tables_and_partitions t JOIN pg_catalog.pg_class c ON c.oid = t.relation
	WHERE t.tenant_column IS NOT NULL
)
SELECT t.relation, t.status, t.tenant_column, t.estimated_rows, c.relpages,
	   CASE WHEN t.relkind = 'f' THEN 'its rows are on a foreign server'
			WHEN t.tenant_type IS NULL THEN 'it has no such column'
			WHEN tenant_guard_internal.tenant_type_of(t.tenant_type) IS DISTINCT FROM (SELECT s.type_in_force FROM tenant_guard_internal.tenant_settings() s)
			THEN pg_catalog.format('its column %I is of type %s', t.tenant_column, t.tenant_type) END AS why
FROM tables t JOIN pg_catalog.pg_class c ON c.oid = t.relation
WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_inherits i WHERE i.inhrelid = t.relation AND i.inhparent IN (SELECT p.relation FROM tables p));
COMMENT ON VIEW tenant_guard_internal.tenant_tables IS 'tables that have a tenant column, each with its partitions and children; a part of tenant_inventory()';
GRANT SELECT ON tenant_guard_internal.tenant_tables TO PUBLIC;

-- Tables without a tenant column whose rows belong to tenants by foreign keys alone, and the first key on the way there.
CREATE VIEW tenant_guard_internal.tables_by_key AS
WITH RECURSIVE reached (relation, key) AS (
	SELECT t.relation::pg_catalog.oid, NULL::pg_catalog.oid FROM tenant_guard_internal.tenant_tables t
	UNION
	SELECT k.conrelid, k.oid FROM reached r JOIN pg_catalog.pg_constraint k ON k.confrelid = r.relation
	WHERE k.contype = 'f' AND k.conparentid = 0
)
SELECT r.relation, pg_catalog.min(r.key) AS key
FROM reached r
WHERE r.key IS NOT NULL AND (tenant_guard.guard_status(r.relation)).tenant_column IS NULL
GROUP BY r.relation;
COMMENT ON VIEW tenant_guard_internal.tables_by_key IS 'tables that reach tenants by a foreign key only; a part of tenant_inventory()';
GRANT SELECT ON tenant_guard_internal.tables_by_key TO PUBLIC;

-- The tables of the tenants themselves: what tenant columns reference. A key counts that a role has made who may delete rows of the table that
-- it references, or the owner of the database: with REFERENCES alone nobody chooses of which tables a superuser deletes a row.
CREATE VIEW tenant_guard_internal.tenant_rows_themselves AS
SELECT DISTINCT k.confrelid::pg_catalog.regclass AS relation, a.attname AS key_column
FROM tenant_guard_internal.tenant_tables t
	 JOIN pg_catalog.pg_attribute c ON c.attrelid = t.relation AND c.attname = t.tenant_column
	 JOIN pg_catalog.pg_constraint k ON k.conrelid = t.relation AND k.contype = 'f' AND k.conkey = ARRAY[c.attnum]
	 JOIN pg_catalog.pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = k.confkey[1]
	 JOIN pg_catalog.pg_class o ON o.oid = t.relation
WHERE (pg_catalog.has_table_privilege(o.relowner, k.confrelid, 'DELETE') OR o.relowner = (SELECT d.datdba FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()))
	  AND k.confrelid NOT IN (SELECT o.relation FROM tenant_guard_internal.tenant_tables o)
	  AND tenant_guard_internal.tenant_type_of(a.atttypid) = (SELECT s.type_in_force FROM tenant_guard_internal.tenant_settings() s);
COMMENT ON VIEW tenant_guard_internal.tenant_rows_themselves IS 'the tables in which a tenant is a row; a part of tenant_inventory()';
GRANT SELECT ON tenant_guard_internal.tenant_rows_themselves TO PUBLIC;

CREATE FUNCTION tenant_guard_internal.parts_of(relation oid) RETURNS SETOF oid
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
WITH RECURSIVE parts (oid) AS (SELECT parts_of.relation UNION SELECT i.inhrelid FROM parts p JOIN pg_inherits i ON i.inhparent = p.oid)
SELECT p.oid FROM parts p
$$;
COMMENT ON FUNCTION tenant_guard_internal.parts_of(oid) IS 'a table with its partitions and children; a part of tenant_inventory()';

-- Materialized views that read tables of tenants, by themselves or by other views.
CREATE VIEW tenant_guard_internal.views_of_tenants AS
WITH RECURSIVE reads (relation, of) AS (
	SELECT t.relation::pg_catalog.oid, t.relation::pg_catalog.oid FROM tenant_guard_internal.tenant_tables t
	UNION
	SELECT w.ev_class, r.of
	FROM reads r JOIN pg_catalog.pg_depend d ON d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid = r.relation
		 AND d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass
		 JOIN pg_catalog.pg_rewrite w ON w.oid = d.objid
	WHERE w.ev_class <> r.relation
)
SELECT c.oid::pg_catalog.regclass AS relation, pg_catalog.string_agg(DISTINCT r.of::pg_catalog.regclass::pg_catalog.text, ', ') AS reads
FROM reads r JOIN pg_catalog.pg_class c ON c.oid = r.relation
WHERE c.relkind = 'm'
GROUP BY c.oid;
COMMENT ON VIEW tenant_guard_internal.views_of_tenants IS 'materialized views that keep rows of tenants; a part of tenant_inventory()';
GRANT SELECT ON tenant_guard_internal.views_of_tenants TO PUBLIC;

CREATE VIEW tenant_guard_internal.publications_of_tenants AS
SELECT p.pubname, pg_catalog.string_agg(DISTINCT t.relation::pg_catalog.regclass::pg_catalog.text, ', ') AS publishes
FROM tenant_guard_internal.tenant_tables t CROSS JOIN LATERAL tenant_guard_internal.parts_of(t.relation) o (oid)
	 JOIN pg_catalog.pg_class c ON c.oid = o.oid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
	 JOIN pg_catalog.pg_publication_tables p ON p.schemaname = n.nspname AND p.tablename = c.relname
GROUP BY p.pubname;
COMMENT ON VIEW tenant_guard_internal.publications_of_tenants IS 'publications of rows of tenants; a part of tenant_inventory()';
GRANT SELECT ON tenant_guard_internal.publications_of_tenants TO PUBLIC;

CREATE FUNCTION tenant_inventory(tenant text, OUT kind text, OUT object text, OUT rows bigint, OUT estimated_bytes bigint, OUT detail text)
RETURNS SETOF record
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $$
DECLARE
	canonical text := tenant_guard_internal.canonical_tenant(tenant_inventory.tenant);
	item record;
BEGIN
	IF canonical IS NULL THEN
		RAISE EXCEPTION 'tenant must not be null' USING ERRCODE = 'null_value_not_allowed';
	END IF;
	FOR item IN
		SELECT t.relation, t.status, t.tenant_column, t.estimated_rows, t.why, 1 AS place FROM tenant_guard_internal.tenant_tables t
		UNION ALL
		SELECT o.relation, 'tenant', o.key_column, NULL, NULL, 2 FROM tenant_guard_internal.tenant_rows_themselves o
		ORDER BY 6, 1
	LOOP
		kind := item.status;
		object := item.relation::text;
		rows := NULL;
		estimated_bytes := NULL;
		detail := 'not counted: ' || item.why;
		IF item.why IS NULL THEN
			SELECT c.rows, 'not counted: ' || c.problem INTO rows, detail FROM tenant_guard_internal.try_count(item.relation, item.tenant_column, canonical) c;
			estimated_bytes := CASE WHEN rows = 0 THEN 0
									WHEN item.estimated_rows > 0
									THEN (SELECT round(sum(pg_table_size(p.relid)) * least(rows::numeric / item.estimated_rows, 1)) FROM tenant_guard_internal.parts_of(item.relation) p (relid)) END;
		END IF;
		RETURN NEXT;
	END LOOP;
	rows := NULL;
	estimated_bytes := NULL;
	FOR kind, object, detail IN
		SELECT 'by key', r.relation::regclass::text,
			   format('not counted: its rows have a tenant by foreign key %I to %s only; tenant_guard.derive_tenant_column(%L) gives them the column', k.conname, k.confrelid::regclass, r.relation::regclass)
		FROM tenant_guard_internal.tables_by_key r JOIN pg_constraint k ON k.oid = r.key
		UNION ALL
		SELECT 'materialized view', v.relation::text, format('not counted: it keeps rows of %s until it is refreshed', v.reads)
		FROM tenant_guard_internal.views_of_tenants v
		UNION ALL
		SELECT 'publication', quote_ident(p.pubname), format('not counted: subscribers have copies of rows of %s', p.publishes)
		FROM tenant_guard_internal.publications_of_tenants p
		UNION ALL
		SELECT 'large objects', t.relation::text, format('not counted: its column %I has identifiers of large objects', a.attname)
		FROM tenant_guard_internal.tenant_tables t JOIN pg_attribute a ON a.attrelid = t.relation AND a.attnum > 0 AND NOT a.attisdropped
		WHERE a.atttypid = 'oid'::regtype OR a.atttypid IN (SELECT y.oid FROM pg_type y WHERE y.typname = 'lo' AND y.typbasetype = 'oid'::regtype)
		ORDER BY 1, 2
	LOOP
		RETURN NEXT;
	END LOOP;
END
$$;
COMMENT ON FUNCTION tenant_inventory(text) IS 'how many rows of a tenant each table has, and what cannot be counted';
REVOKE ALL ON FUNCTION tenant_inventory(text) FROM PUBLIC;

-- In which order rows are deleted: those that reference others first. Tables that reference each other are one group; their rows, and those
-- of a table that references itself, are deleted all at once ("whole").
CREATE FUNCTION tenant_guard_internal.purge_groups(OUT relations oid[], OUT tenant_columns name[], OUT whole boolean) RETURNS SETOF record
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $$
DECLARE
	remaining oid[];
	columns jsonb;
	children oid[];
	parents oid[];
	self oid[];
	free oid[];
	one oid;
BEGIN
	SELECT array_agg(t.relation::oid ORDER BY t.relation::text COLLATE "C"), jsonb_object_agg(t.relation::oid, t.tenant_column) INTO remaining, columns
	FROM tenant_guard_internal.tenant_tables t WHERE t.why IS NULL;
	WITH parts AS MATERIALIZED (SELECT p.oid, r.oid AS root FROM unnest(remaining) r (oid) CROSS JOIN LATERAL tenant_guard_internal.parts_of(r.oid) p (oid)),
		 keys AS MATERIALIZED (SELECT DISTINCT c.root AS child, p.root AS parent
							   FROM pg_constraint k JOIN parts c ON c.oid = k.conrelid JOIN parts p ON p.oid = k.confrelid WHERE k.contype = 'f')
	SELECT array_agg(k.child) FILTER (WHERE k.child <> k.parent), array_agg(k.parent) FILTER (WHERE k.child <> k.parent), array_agg(k.child) FILTER (WHERE k.child = k.parent)
	INTO children, parents, self FROM keys k;
	WHILE cardinality(remaining) > 0 LOOP
		SELECT array_agg(r.oid ORDER BY r.place) INTO free
		FROM unnest(remaining) WITH ORDINALITY r (oid, place)
		WHERE NOT EXISTS (SELECT FROM unnest(children, parents) k (child, parent) WHERE k.parent = r.oid AND k.child = ANY (remaining));
		IF free IS NOT NULL THEN
			FOREACH one IN ARRAY free LOOP
				relations := ARRAY[one];
				tenant_columns := ARRAY[columns ->> one::text];
				whole := one = ANY (coalesce(self, '{}'));
				RETURN NEXT;
			END LOOP;
		ELSE
			-- a circle that nothing outside of it references
			WITH RECURSIVE reaches (a, b) AS (
				SELECT k.child, k.parent FROM unnest(children, parents) k (child, parent) WHERE k.child = ANY (remaining) AND k.parent = ANY (remaining)
				UNION
				SELECT r.a, k.parent FROM reaches r JOIN unnest(children, parents) k (child, parent) ON k.child = r.b WHERE k.parent = ANY (remaining)
			),
			circles AS (SELECT r.a, array_agg(r.b ORDER BY r.b) AS members FROM reaches r WHERE EXISTS (SELECT FROM reaches o WHERE o.a = r.b AND o.b = r.a) GROUP BY r.a)
			SELECT c.members INTO free FROM circles c
			WHERE NOT EXISTS (SELECT FROM reaches r WHERE r.b = c.a AND r.a <> ALL (c.members))
			ORDER BY c.members LIMIT 1;
			relations := free;
			SELECT array_agg(columns ->> f.oid::text ORDER BY f.place) INTO tenant_columns FROM unnest(free) WITH ORDINALITY f (oid, place);
			whole := true;
			RETURN NEXT;
		END IF;
		remaining := ARRAY(SELECT r.oid FROM unnest(remaining) WITH ORDINALITY r (oid, place) WHERE r.oid <> ALL (free) ORDER BY r.place);
	END LOOP;
END
$$;
COMMENT ON FUNCTION tenant_guard_internal.purge_groups() IS 'in which order the rows of a tenant are deleted; a part of purge_tenant()';

-- Deletes rows of a group, as the tenant. Its triggers find that tenant set; those that are deferrable fire at the end of each statement, since
-- later they would not run as the owner of their table.
CREATE FUNCTION tenant_guard_internal.purge_group(relations oid[], tenant_columns name[], tenant text, rows bigint) RETURNS bigint[]
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	schema text;
	other text;
	key text;
	authority CONSTANT text := current_setting('tenant_guard.authority');
	numbers bigint[];
BEGIN
	IF current_setting('session_replication_role') = 'replica' THEN
		RAISE EXCEPTION 'rows of a tenant cannot be deleted while session_replication_role is replica'
		USING ERRCODE = 'object_not_in_prerequisite_state', DETAIL = 'Foreign keys would not be checked, and rows that reference the deleted ones would be left unseen.',
			  HINT = 'Run SET session_replication_role = origin; first.';
	END IF;
	-- a superuser may set any tenant then, and what the triggers call may not
	PERFORM set_config('tenant_guard.authority', 'granted', true) WHERE authority <> 'open';
	PERFORM tenant_guard.set_tenant(purge_group.tenant);
	SET CONSTRAINTS ALL IMMEDIATE;
	numbers := tenant_guard_internal.delete_tenant_rows(purge_group.relations, purge_group.tenant_columns, purge_group.tenant, purge_group.rows);
	PERFORM set_config('tenant_guard.authority', authority, true) WHERE authority <> 'open';
	RETURN numbers;
EXCEPTION WHEN foreign_key_violation THEN
	GET STACKED DIAGNOSTICS schema = SCHEMA_NAME, other = TABLE_NAME, key = CONSTRAINT_NAME;
	RAISE EXCEPTION 'rows of the tenant are referenced from table %', format('%I.%I', schema, other)
	USING ERRCODE = 'TG007', DETAIL = format('Foreign key %I of that table, which has no tenant column, stands in the way.', key),
		  HINT = format('Run SELECT * FROM tenant_guard.tenant_inventory(%L); it lists such tables, with the statement that gives each a tenant column. Or delete their rows first.', purge_group.tenant);
END
$$;
COMMENT ON FUNCTION tenant_guard_internal.purge_group(oid[], name[], text, bigint) IS 'deletes rows of a tenant from tables that reference each other, as that tenant; a part of purge_tenant()';

CREATE FUNCTION purge_tenant(tenant text, dry_run boolean DEFAULT true, tenants_row boolean DEFAULT false,
							 OUT relation regclass, OUT deleted bigint, OUT remaining bigint, OUT detail text)
RETURNS SETOF record
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $$
DECLARE
	canonical text := tenant_guard_internal.canonical_tenant(purge_tenant.tenant);
	counts jsonb := '{}';
	numbers bigint[];
	again boolean;
	item record;
BEGIN
	IF canonical IS NULL OR purge_tenant.dry_run IS NULL OR purge_tenant.tenants_row IS NULL THEN
		RAISE EXCEPTION 'arguments of purge_tenant() must not be null' USING ERRCODE = 'null_value_not_allowed';
	END IF;
	IF NOT purge_tenant.dry_run THEN
		-- a trigger may write rows of the tenant to a table whose rows are deleted already
		FOR pass IN 1 .. 3 LOOP
			again := false;
			FOR item IN SELECT g.relations, g.tenant_columns FROM tenant_guard_internal.purge_groups() g LOOP
				numbers := tenant_guard_internal.purge_group(item.relations, item.tenant_columns, canonical, 0);
				FOR i IN 1 .. cardinality(numbers) LOOP
					counts := jsonb_set(counts, ARRAY[item.relations[i]::text], to_jsonb(coalesce((counts ->> item.relations[i]::text)::bigint, 0) + numbers[i]));
					again := again OR numbers[i] > 0;
				END LOOP;
			END LOOP;
			EXIT WHEN NOT again;
		END LOOP;
		IF purge_tenant.tenants_row THEN
			FOR item IN SELECT o.relation, o.key_column FROM tenant_guard_internal.tenant_rows_themselves o LOOP
				numbers := tenant_guard_internal.purge_group(ARRAY[item.relation::oid], ARRAY[item.key_column], canonical, 0);
				counts := jsonb_set(counts, ARRAY[item.relation::oid::text], to_jsonb(numbers[1]));
			END LOOP;
		END IF;
	END IF;
	FOR item IN
		SELECT r.oid, g.columns[r.place] AS tenant_column, NULL::text AS why, g.number AS place
		FROM (SELECT p.relations, p.tenant_columns AS columns, row_number() OVER () AS number FROM tenant_guard_internal.purge_groups() p) g
			 CROSS JOIN LATERAL unnest(g.relations) WITH ORDINALITY r (oid, place)
		UNION ALL
		SELECT o.relation, o.key_column, NULL, NULL FROM tenant_guard_internal.tenant_rows_themselves o WHERE purge_tenant.tenants_row
		UNION ALL
		SELECT t.relation, t.tenant_column, t.why, NULL FROM tenant_guard_internal.tenant_tables t WHERE t.why IS NOT NULL
		ORDER BY 4 NULLS LAST, 1
	LOOP
		relation := item.oid::regclass;
		detail := 'not purged: ' || item.why;
		deleted := CASE WHEN item.why IS NULL THEN coalesce((counts ->> item.oid::text)::bigint, 0) END;
		remaining := NULL;
		IF item.why IS NULL THEN
			SELECT c.rows, 'not counted: ' || c.problem INTO remaining, detail FROM tenant_guard_internal.try_count(item.oid, item.tenant_column, canonical) c;
		END IF;
		RETURN NEXT;
	END LOOP;
END
$$;
COMMENT ON FUNCTION purge_tenant(text, boolean, boolean) IS 'deletes all rows of a tenant in one transaction, or counts them; returns what was deleted from each table and what is left';
REVOKE ALL ON FUNCTION purge_tenant(text, boolean, boolean) FROM PUBLIC;

CREATE FUNCTION tenant_guard_internal.purge_step(tenant text, place bigint, rows bigint, INOUT groups jsonb, OUT relation text, OUT deleted bigint, OUT done boolean)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	one jsonb;
	whole boolean;
BEGIN
	IF groups IS NULL THEN
		SELECT jsonb_agg(to_jsonb(g)) INTO groups FROM tenant_guard_internal.purge_groups() g;
	END IF;
	one := groups -> purge_step.place::integer;
	IF one IS NULL THEN
		RETURN;
	END IF;
	whole := (one ->> 'whole')::boolean;
	SELECT sum(n) INTO deleted
	FROM unnest(tenant_guard_internal.purge_group(ARRAY(SELECT jsonb_array_elements_text(one -> 'relations')::oid), ARRAY(SELECT jsonb_array_elements_text(one -> 'tenant_columns')::name),
												  tenant_guard_internal.canonical_tenant(purge_step.tenant), CASE WHEN whole THEN 0 ELSE purge_step.rows END)) n;
	relation := (one -> 'relations' ->> 0)::oid::regclass::text;
	done := whole OR deleted < purge_step.rows;
END
$$;
COMMENT ON FUNCTION tenant_guard_internal.purge_step(text, bigint, bigint, jsonb) IS 'deletes a batch of rows of a tenant from the group of tables at this place; a part of purge_tenant_in_batches()';

CREATE FUNCTION tenant_guard_internal.purge_receipt(tenant text, tenants_row boolean, OUT relation text, OUT deleted bigint, OUT remaining bigint, OUT detail text)
RETURNS SETOF record
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN QUERY SELECT p.relation::text, p.deleted, p.remaining, p.detail FROM tenant_guard.purge_tenant(purge_receipt.tenant, NOT purge_receipt.tenants_row, purge_receipt.tenants_row) p;
END
$$;
COMMENT ON FUNCTION tenant_guard_internal.purge_receipt(text, boolean) IS 'what is left of a tenant; a part of purge_tenant_in_batches()';

CREATE PROCEDURE purge_tenant_in_batches(tenant text, rows integer DEFAULT 10000, tenants_row boolean DEFAULT false)
LANGUAGE C AS 'MODULE_PATHNAME', 'tenant_guard_purge_tenant_in_batches';
COMMENT ON PROCEDURE purge_tenant_in_batches(text, integer, boolean) IS 'deletes all rows of a tenant, at most so many of a table in a transaction; a second call goes on where one was ended';
REVOKE ALL ON PROCEDURE purge_tenant_in_batches(text, integer, boolean) FROM PUBLIC;

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

--
-- What is still to be done
--
DO $$
DECLARE
	statement text;
BEGIN
	IF NOT tenant_guard.library_preloaded() THEN
		SELECT tenant_guard.preload_statement(d.oid, 0) INTO statement FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database();
		RAISE WARNING 'sessions of this database do not preload tenant_guard'
			USING DETAIL = 'Where a query on a guarded table is what loads the library, it is refused.',
				  HINT = COALESCE('Run ' || statement || '; then reconnect (poolers too).', 'Reconnect (poolers too); where that does not do, SELECT remedy FROM tenant_guard.audit() WHERE rule = ''not_preloaded''.');
	END IF;
END
$$;

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
