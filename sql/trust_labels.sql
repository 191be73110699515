--
-- A superuser, and nobody else, may trust a function with every tenant's rows,
-- and only one that nobody else could replace.
--
\i test/setup/app.sql
SET tenant_guard.trusted_filters = on;
SET client_min_messages = warning;
CREATE TABLE t.notes (id int, tenant_id uuid, body text);
GRANT ALL ON t.notes TO regress_app;
RESET client_min_messages;
CREATE FUNCTION t.backwards(text) RETURNS text LANGUAGE internal IMMUTABLE STRICT AS 'text_reverse';
CREATE FUNCTION t.note() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXPLAIN (COSTS OFF) SELECT FROM t.notes WHERE t.backwards(body) = 'x' LOOP
		IF line LIKE '%Tenant Filter%' THEN RETURN regexp_replace(trim(line), '^(Tenant Filter) on [^:]+', '\1'); END IF;
	END LOOP;
END
$$;

-- Without a label no function of a user's is trusted.
SET ROLE regress_app;
BEGIN; SELECT tenant_guard.set_tenant(:a); SELECT t.note(); COMMIT;

-- The owner of a function must not label it.
CREATE FUNCTION t.own(text) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true';
SECURITY LABEL FOR tenant_guard ON FUNCTION t.own(text) IS 'trusted';
RESET ROLE;
-- Nor may a superuser label one that its owner could replace, or that is not C, or acts, or acts as another.
SECURITY LABEL FOR tenant_guard ON FUNCTION t.own(text) IS 'trusted';
SECURITY LABEL FOR tenant_guard ON FUNCTION pg_catalog.random() IS 'trusted';
ALTER FUNCTION t.backwards(text) OWNER TO regress_app;
SECURITY LABEL FOR tenant_guard ON FUNCTION t.backwards(text) IS 'trusted';
ALTER FUNCTION t.backwards(text) OWNER TO CURRENT_USER;
ALTER FUNCTION t.backwards(text) SECURITY DEFINER;
SECURITY LABEL FOR tenant_guard ON FUNCTION t.backwards(text) IS 'trusted';
ALTER FUNCTION t.backwards(text) SECURITY INVOKER;
-- It is a label of functions, and theirs is none of tables.
SECURITY LABEL FOR tenant_guard ON TABLE t.notes IS 'trusted';
SECURITY LABEL FOR tenant_guard ON FUNCTION t.backwards(text) IS 'shared';
SECURITY LABEL FOR tenant_guard ON FUNCTION t.backwards(text) IS 'harmless';

-- A labelled one must be trusted at once, and be shown.
SECURITY LABEL FOR tenant_guard ON FUNCTION t.backwards(text) IS 'trusted reason=''reverses, and cannot fail''';
SET ROLE regress_app;
BEGIN; SELECT tenant_guard.set_tenant(:a); SELECT t.note(); COMMIT;
RESET ROLE;
SELECT * FROM tenant_guard.trusted_functions WHERE declared_by = 'label';

-- It must be trusted no longer once its owner could replace it, and again when no one can.
ALTER FUNCTION t.backwards(text) OWNER TO regress_app;
SET ROLE regress_app;
BEGIN; SELECT tenant_guard.set_tenant(:a); SELECT t.note(); COMMIT;
RESET ROLE;
ALTER FUNCTION t.backwards(text) OWNER TO CURRENT_USER;
SET ROLE regress_app;
BEGIN; SELECT tenant_guard.set_tenant(:a); SELECT t.note(); COMMIT;
RESET ROLE;
-- Nor may it be once it is another function.
CREATE OR REPLACE FUNCTION t.backwards(text) RETURNS text LANGUAGE plpgsql IMMUTABLE STRICT AS 'BEGIN RETURN $1; END';
SET ROLE regress_app;
BEGIN; SELECT tenant_guard.set_tenant(:a); SELECT t.note(); COMMIT;
RESET ROLE;
CREATE OR REPLACE FUNCTION t.backwards(text) RETURNS text LANGUAGE internal IMMUTABLE STRICT AS 'text_reverse';
-- And it must not be without its label.
SET ROLE regress_app;
BEGIN; SELECT tenant_guard.set_tenant(:a); SELECT t.note(); COMMIT;
RESET ROLE;
SECURITY LABEL FOR tenant_guard ON FUNCTION t.backwards(text) IS NULL;
SET ROLE regress_app;
BEGIN; SELECT tenant_guard.set_tenant(:a); SELECT t.note(); COMMIT;
RESET ROLE;

-- Every entry of the built-in list has a reason, and is what the list says.
SELECT count(*) > 190 AS listed, count(*) FILTER (WHERE reason IS NULL OR reason = '') AS without_reason,
	   count(*) FILTER (WHERE p.proleakproof OR p.provolatile = 'v') AS needless
FROM tenant_guard.trusted_functions f JOIN pg_proc p ON p.oid = f.function
WHERE f.declared_by = 'built-in';
-- A plain role reads neither, nor if it is granted the schema.
SET ROLE regress_app;
SELECT count(*) FROM tenant_guard.trusted_functions;
SELECT count(*) FROM tenant_guard_internal.trusted_built_ins();
RESET ROLE;
GRANT USAGE ON SCHEMA tenant_guard_internal TO regress_app;
SET ROLE regress_app;
SELECT count(*) FROM tenant_guard_internal.trusted_built_ins();
RESET ROLE;
REVOKE USAGE ON SCHEMA tenant_guard_internal FROM regress_app;

SET client_min_messages = warning;
DROP SCHEMA t CASCADE;
DROP ROLE regress_app;
