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
