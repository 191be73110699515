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

-- What nobody calls by name has a schema of its own, which is the extension's: DROP EXTENSION takes it, pg_dump leaves it out.
-- Whoever has one of this name could keep what is in it, and the privileges on it.
DO $$
BEGIN
	IF EXISTS (SELECT FROM pg_catalog.pg_namespace n WHERE n.nspname = 'tenant_guard_internal') THEN
		RAISE EXCEPTION 'schema "tenant_guard_internal" exists already'
			USING ERRCODE = 'duplicate_schema',
				  HINT = 'Look at what the schema holds, drop it, and run CREATE EXTENSION again.';
	END IF;
END
$$;
CREATE SCHEMA tenant_guard_internal;
COMMENT ON SCHEMA tenant_guard_internal IS 'the internal functions and views of tenant_guard; not to be called by hand';

GRANT USAGE ON SCHEMA tenant_guard TO PUBLIC;
COMMENT ON SCHEMA tenant_guard IS 'keeps the tenants of shared tables apart';
