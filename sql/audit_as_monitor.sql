--
-- Roles that monitor the server read every view and audit(), and nothing more
--
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE ROLE regress_owner;
CREATE ROLE regress_monitor IN ROLE pg_monitor;
CREATE SCHEMA t AUTHORIZATION regress_owner;
CREATE SCHEMA "not its" AUTHORIZATION regress_owner;
SET ROLE regress_owner;
CREATE TABLE t.notes (id int PRIMARY KEY, tenant_id uuid);
CREATE TABLE "not its"."a.b" (id int, tenant_id uuid);
CREATE TABLE t.lines (note int REFERENCES t.notes);
CREATE FUNCTION t.f(uuid) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RETURN (SELECT n.tenant_id::text = 'a' FROM t.notes n); END $$;
RESET ROLE;
CREATE FUNCTION t.backwards(text) RETURNS text LANGUAGE internal IMMUTABLE STRICT AS 'text_reverse';
SECURITY LABEL FOR tenant_guard ON FUNCTION t.backwards(text) IS 'trusted; accepted rule=''trusted_function'' reason=''a test''';

-- Every view must be read, and tell what it tells a superuser. (Those of statistics need shared memory.)
CREATE TABLE t.told (row text);
SELECT tenant_guard.share('t.told');
INSERT INTO t.told SELECT a::text FROM tenant_guard.audit() a;
GRANT USAGE ON SCHEMA t TO regress_monitor;
GRANT SELECT ON t.told TO regress_monitor;
\pset format unaligned
SELECT string_agg(format('SELECT %L AS view, count(*) > 0 AS read FROM %s', c.relname, c.oid::regclass), ' UNION ALL ' ORDER BY c.relname) AS of_views
FROM pg_class c WHERE c.relnamespace = 'tenant_guard'::regnamespace AND c.relkind = 'v' AND c.relname !~ '^stat_' \gset
SET ROLE regress_monitor;
:of_views;
SELECT a::text FROM tenant_guard.audit() a EXCEPT SELECT row FROM t.told;
SELECT row FROM t.told EXCEPT SELECT a::text FROM tenant_guard.audit() a;
SELECT count(*) > 0 AS found FROM tenant_guard.audit('error', '{unguarded_table}');
SELECT relation, status FROM tenant_guard.tables WHERE relation::text ~ '^t\.' ORDER BY relation::text COLLATE "C";

-- It must change nothing.
SELECT tenant_guard.protect('t.lines');
SELECT tenant_guard.unprotect('t.notes');
SELECT tenant_guard.share('t.lines');
SELECT count(*) FROM tenant_guard.prove();
RESET ROLE;

-- A role that is no member of pg_monitor must not look.
SET ROLE regress_owner;
SELECT rule FROM tenant_guard.audit();
SELECT * FROM tenant_guard.status;
RESET ROLE;

DROP SCHEMA t, "not its" CASCADE;
DROP ROLE regress_owner, regress_monitor;
