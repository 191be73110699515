/* tenant_guard--1.0.sql */

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
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'set_tenant_text';
COMMENT ON FUNCTION set_tenant(text, boolean) IS 'sets the tenant of the transaction and returns its canonical form';

CREATE FUNCTION set_tenant(tenant uuid, is_local boolean DEFAULT true) RETURNS text
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'set_tenant_uuid';
COMMENT ON FUNCTION set_tenant(uuid, boolean) IS 'sets the tenant of the transaction and returns its canonical form';

CREATE FUNCTION set_tenant(tenant bigint, is_local boolean DEFAULT true) RETURNS text
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'set_tenant_bigint';
COMMENT ON FUNCTION set_tenant(bigint, boolean) IS 'sets the tenant of the transaction and returns its canonical form';

CREATE FUNCTION clear_tenant() RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION clear_tenant() IS 'unsets the tenant; another cannot be set in a transaction that has used one';

CREATE FUNCTION current_tenant() RETURNS uuid
LANGUAGE C STABLE PARALLEL SAFE LEAKPROOF AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION current_tenant() IS 'the tenant of the transaction where tenant_guard.tenant_type is uuid; an error where none is set';

CREATE FUNCTION current_tenant_text() RETURNS text
LANGUAGE C STABLE PARALLEL SAFE LEAKPROOF AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION current_tenant_text() IS 'the tenant of the transaction where tenant_guard.tenant_type is text; an error where none is set';

CREATE FUNCTION current_tenant_bigint() RETURNS bigint
LANGUAGE C STABLE PARALLEL SAFE LEAKPROOF AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION current_tenant_bigint() IS 'the tenant of the transaction where tenant_guard.tenant_type is bigint; an error where none is set';

CREATE FUNCTION has_tenant() RETURNS boolean
LANGUAGE C STABLE PARALLEL SAFE AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION has_tenant() IS 'whether a tenant is set that this transaction may use; never an error';

CREATE FUNCTION guarded() RETURNS boolean
LANGUAGE C IMMUTABLE PARALLEL SAFE LEAKPROOF AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION guarded() IS 'true; the qual of policy tenant_access, which goes with the extension';

--
-- Tables: for their owners, as ALTER TABLE is; each checks ownership
--
CREATE FUNCTION protect(relation regclass, tenant_column name DEFAULT NULL) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION protect(regclass, name) IS 'guards a table and its partitions and children';

CREATE FUNCTION protect_schema(schema regnamespace, tenant_column name DEFAULT NULL,
							   OUT relation regclass, OUT status text, OUT detail text)
RETURNS SETOF record
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION protect_schema(regnamespace, name) IS 'guards every table of a schema that has the tenant column, and reports on each';

CREATE FUNCTION unprotect(relation regclass) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION unprotect(regclass) IS 'takes the guard off a table and its partitions and children';

CREATE FUNCTION share(relation regclass) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION share(regclass) IS 'declares a table as shared by all tenants';

CREATE FUNCTION unshare(relation regclass) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION unshare(regclass) IS 'takes back that a table is shared by all tenants';

CREATE FUNCTION pair_foreign_keys(relation regclass, validate boolean DEFAULT true) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION pair_foreign_keys(regclass, boolean) IS 'makes foreign keys between a guarded table and others carry the tenant';

CREATE FUNCTION derive_tenant_column(relation regclass, foreign_key name DEFAULT NULL) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION derive_tenant_column(regclass, name) IS 'adds the tenant column to a table that has its tenant only by a foreign key, fills and guards it';

--
-- Where isolation stands: for the DBA, and whom the DBA grants it to
--
CREATE FUNCTION guard_status(relation regclass, OUT status text, OUT tenant_column name, OUT detail text)
LANGUAGE C STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION guard_status(regclass) IS 'whether a table is guarded, damaged, shared, unprotected or unguarded, by which column, and what is wrong or missing';
REVOKE ALL ON FUNCTION guard_status(regclass) FROM PUBLIC;

CREATE VIEW tables AS
SELECT c.oid::pg_catalog.regclass AS relation,
	   g.status,
	   g.tenant_column,
	   a.atttypid::pg_catalog.regtype AS tenant_type,
	   g.detail
FROM pg_catalog.pg_class c
	 JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
	 CROSS JOIN LATERAL tenant_guard.guard_status(c.oid) g
	 LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attname = g.tenant_column
WHERE c.relkind IN ('r', 'p', 'f')
	  AND n.nspname NOT IN ('pg_catalog', 'information_schema')
	  AND n.nspname !~ '^pg_toast' AND NOT pg_catalog.pg_is_other_temp_schema(n.oid)
	  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
					  WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
							AND d.objid = c.oid AND d.deptype = 'e');
COMMENT ON VIEW tables IS 'every table of a user, and whether it is guarded';
COMMENT ON COLUMN tables.status IS 'guarded, damaged, shared, unprotected or unguarded';
COMMENT ON COLUMN tables.detail IS 'what damages the guard, or why there is none';

CREATE FUNCTION mixed_comparisons_of(catalog oid, object oid, OUT detail text, OUT remedy text)
RETURNS SETOF record
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION mixed_comparisons_of(oid, oid) IS 'where an object of a catalog takes a tenant for text';
REVOKE ALL ON FUNCTION mixed_comparisons_of(oid, oid) FROM PUBLIC;

CREATE FUNCTION mixed_comparisons(OUT object text, OUT kind text, OUT detail text, OUT remedy text)
RETURNS SETOF record
LANGUAGE sql VOLATILE PARALLEL UNSAFE
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
		 CROSS JOIN LATERAL tenant_guard.mixed_comparisons_of(s.catalog, s.oid) m
		 CROSS JOIN LATERAL pg_identify_object(s.catalog, s.oid, 0) o
		 LEFT JOIN pg_rewrite r ON s.catalog = 'pg_rewrite'::regclass AND r.oid = s.oid AND r.rulename = '_RETURN'
		 LEFT JOIN pg_class v ON v.oid = r.ev_class
		 LEFT JOIN pg_attrdef d ON s.catalog = 'pg_attrdef'::regclass AND d.oid = s.oid
	WHERE s.oid >= 16384
	ORDER BY 2, 1, 3;
END;
COMMENT ON FUNCTION mixed_comparisons() IS 'views, functions, policies and other stored code that take a tenant for text';
REVOKE ALL ON FUNCTION mixed_comparisons() FROM PUBLIC;

--
-- Event triggers: guard what is created, refuse what weakens a guard
--
CREATE FUNCTION on_ddl_command_start() RETURNS event_trigger LANGUAGE C AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION on_ddl_command_start() IS 'loads the library, and refuses to drop or retype a tenant column';
REVOKE ALL ON FUNCTION on_ddl_command_start() FROM PUBLIC;

CREATE FUNCTION on_ddl_command_end() RETURNS event_trigger LANGUAGE C AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION on_ddl_command_end() IS 'guards tables that a statement made, and refuses one that weakened a guard';
REVOKE ALL ON FUNCTION on_ddl_command_end() FROM PUBLIC;

CREATE FUNCTION on_sql_drop() RETURNS event_trigger LANGUAGE C AS 'MODULE_PATHNAME';
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
