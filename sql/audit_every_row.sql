--
-- Rules of audit() that go through a list: each row of it must be found.
--
\i test/setup/app.sql
SET client_min_messages = warning;
CREATE TABLE t.notes (id int, tenant_id uuid, PRIMARY KEY (tenant_id, id));
CREATE ROLE regress_login LOGIN;
CREATE VIEW t.findings AS SELECT rule, level, object, detail, remedy FROM tenant_guard.audit();

-- Languages and extensions that keep values beside tables: each must be found.
-- None of them needs to be installed for that.
CREATE FUNCTION t.of_extension() RETURNS int LANGUAGE sql AS 'SELECT 1';
REVOKE EXECUTE ON FUNCTION t.of_extension() FROM PUBLIC;
BEGIN;
CREATE TRUSTED LANGUAGE plperl HANDLER plpgsql_call_handler;
CREATE LANGUAGE plperlu HANDLER plpgsql_call_handler;
CREATE TRUSTED LANGUAGE pltcl HANDLER plpgsql_call_handler;
CREATE LANGUAGE pltclu HANDLER plpgsql_call_handler;
CREATE LANGUAGE plpython3u HANDLER plpgsql_call_handler;
CREATE TRUSTED LANGUAGE pllua HANDLER plpgsql_call_handler;
CREATE LANGUAGE plluau HANDLER plpgsql_call_handler;
CREATE TRUSTED LANGUAGE plv8 HANDLER plpgsql_call_handler;
INSERT INTO pg_extension SELECT 16000 + n, name, 10, 'public'::regnamespace, true, '1', NULL, NULL
FROM unnest(ARRAY['orafce', 'pg_variables', 'pg_qualstats', 'pageinspect', 'pg_dirtyread', 'pg_walinspect']) WITH ORDINALITY AS e (name, n);
SELECT level, object, split_part(detail, ';', 1) AS keeps, detail ~ 'only superusers may use it$' AS by_superusers FROM t.findings WHERE rule = 'beside_tables' ORDER BY object COLLATE "C";

-- Who may use them must be found: of a language those who may make functions in
-- it, if it is trusted, and who may call one; of an extension who may call its
-- functions, unless these ask for a superuser themselves.
INSERT INTO pg_depend SELECT 'pg_proc'::regclass, 't.of_extension()'::regprocedure, 0, 'pg_extension'::regclass, oid, 0, 'e' FROM pg_extension WHERE oid BETWEEN 16001 AND 16006;
REVOKE USAGE ON LANGUAGE plperl, pltcl, pllua, plv8 FROM PUBLIC;
GRANT USAGE ON LANGUAGE plperl TO regress_login;
CREATE FUNCTION t.in_python() RETURNS int LANGUAGE plpython3u AS '';
REVOKE EXECUTE ON FUNCTION t.in_python() FROM PUBLIC;
SELECT object FROM t.findings WHERE rule = 'beside_tables' AND detail ~ 'regress_login first$' ORDER BY object COLLATE "C";
GRANT EXECUTE ON FUNCTION t.in_python(), t.of_extension() TO regress_login;
SELECT level, object FROM t.findings WHERE rule = 'beside_tables' AND detail ~ 'regress_login first$' ORDER BY object COLLATE "C";

-- Where no table is guarded, none of them must be found, nor roles that reach
-- around policies.
CREATE ROLE regress_reads LOGIN REPLICATION IN ROLE pg_read_server_files, pg_read_all_stats, pg_read_all_data;
SET LOCAL tenant_guard.bypass = on;
DROP TABLE t.notes;
SELECT object FROM t.findings WHERE rule IN ('beside_tables', 'role_reaches_around', 'statements_readable', 'statistics_readable');
ROLLBACK;

-- Roles that reach around the policies must be found, by each membership and
-- attribute.
BEGIN;
CREATE ROLE regress_reads LOGIN IN ROLE pg_read_server_files;
CREATE ROLE regress_writes LOGIN IN ROLE pg_write_server_files;
CREATE ROLE regress_executes LOGIN IN ROLE pg_execute_server_program;
CREATE ROLE regress_copies LOGIN REPLICATION;
CREATE ROLE regress_makes LOGIN CREATEROLE;
CREATE ROLE regress_maintains LOGIN;
DO $$ BEGIN IF to_regrole('pg_maintain') IS NOT NULL THEN GRANT pg_maintain TO regress_maintains; END IF; END $$;
-- A role that cannot log in and a superuser are none of those; who may become a superuser is one by membership alone.
CREATE ROLE regress_group IN ROLE pg_read_server_files;
CREATE ROLE regress_super SUPERUSER REPLICATION CREATEROLE LOGIN IN ROLE pg_read_server_files;
CREATE ROLE regress_becomes LOGIN IN ROLE regress_super;
SELECT level, object, detail, remedy FROM t.findings
WHERE rule = 'role_reaches_around' AND object ~ '^regress_' AND object NOT IN ('regress_makes', 'regress_maintains') ORDER BY object COLLATE "C";
-- Before 16 CREATEROLE makes its holder a member of any role; from 17 on there is pg_maintain.
SELECT count(*) FILTER (WHERE object = 'regress_makes') = (current_setting('server_version_num')::int < 160000)::int AS makes,
	   count(*) FILTER (WHERE object = 'regress_maintains') = (to_regrole('pg_maintain') IS NOT NULL)::int AS maintains
FROM t.findings WHERE rule = 'role_reaches_around';
ROLLBACK;

-- Roles that may read every session's statements must be found, with the
-- extensions that show those of the past.
BEGIN;
CREATE ROLE regress_monitors LOGIN IN ROLE pg_monitor;
CREATE ROLE regress_reads LOGIN IN ROLE pg_read_all_stats;
INSERT INTO pg_extension VALUES (16001, 'pg_stat_statements', 10, 'public'::regnamespace, true, '1', NULL, NULL), (16002, 'pg_show_plans', 10, 'public'::regnamespace, true, '1', NULL, NULL),
	(16003, 'pg_stat_monitor', 10, 'public'::regnamespace, true, '1', NULL, NULL);
SELECT level, object, detail, remedy FROM t.findings WHERE rule = 'statements_readable' AND object ~ '^regress_' ORDER BY object COLLATE "C";
ROLLBACK;

-- Roles that may read the planner's statistics must be found: by
-- pg_read_all_data, and by each catalog, granted to them or to all.
BEGIN;
CREATE ROLE regress_reads LOGIN IN ROLE pg_read_all_data;
GRANT SELECT ON pg_statistic TO regress_login;
SELECT object, remedy FROM t.findings WHERE rule = 'statistics_readable' AND object ~ '^regress_' ORDER BY object COLLATE "C";
REVOKE SELECT ON pg_statistic FROM regress_login;
GRANT SELECT (stxdmcv) ON pg_statistic_ext_data TO regress_login;
SELECT object, remedy FROM t.findings WHERE rule = 'statistics_readable' AND object ~ '^regress_' ORDER BY object COLLATE "C";
REVOKE SELECT (stxdmcv) ON pg_statistic_ext_data FROM regress_login;
SELECT object FROM t.findings WHERE rule = 'statistics_readable' AND object ~ '^regress_' ORDER BY object COLLATE "C";
GRANT SELECT ON pg_statistic TO PUBLIC;
SELECT object, remedy FROM t.findings WHERE rule = 'statistics_readable' AND object ~ '^regress_' ORDER BY object COLLATE "C";
ROLLBACK;

-- Functions of an extension that read statistics or an index past the policies must be
-- found: each that PostGIS has or had, if a role that logs in may call it.
BEGIN;
INSERT INTO pg_extension VALUES (16001, 'postgis', 10, 'public'::regnamespace, true, '1', NULL, NULL);
CREATE DOMAIN t.geometry AS text;
CREATE FUNCTION t.st_estimatedextent() RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION t.st_estimated_extent() RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION t._postgis_selectivity() RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION t._postgis_join_selectivity() RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION t._postgis_stats() RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION t._postgis_index_extent() RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION t.st_area() RETURNS int LANGUAGE sql AS 'SELECT 1';
INSERT INTO pg_depend SELECT 'pg_proc'::regclass, oid, 0, 'pg_extension'::regclass, 16001, 0, 'e' FROM pg_proc WHERE pronamespace = 't'::regnamespace AND proname ~ '^(st|_postgis)_';
INSERT INTO pg_depend VALUES ('pg_type'::regclass, 't.geometry'::regtype, 0, 'pg_extension'::regclass, 16001, 0, 'e');
ALTER TABLE t.notes ADD place t.geometry;
SELECT level, object, detail, remedy FROM t.findings WHERE rule = 'statistics_readable' AND object !~ '^\w+$' ORDER BY object COLLATE "C";
REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA t FROM PUBLIC;
SELECT object FROM t.findings WHERE rule = 'statistics_readable' AND object ~ '^t\.';
ROLLBACK;

-- Triggers in C that tell other sessions of a guarded table's rows, or delete
-- large objects, must be found; others, and those of other tables, must not.
BEGIN;
CREATE FUNCTION t.tells() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE FUNCTION t.deletes() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE FUNCTION t.keeps() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TABLE t.unguarded (id int);
CREATE TRIGGER tells AFTER UPDATE ON t.notes FOR EACH ROW EXECUTE FUNCTION t.tells();
CREATE TRIGGER tells AFTER UPDATE ON t.unguarded FOR EACH ROW EXECUTE FUNCTION t.tells();
CREATE TRIGGER deletes BEFORE UPDATE ON t.notes FOR EACH ROW EXECUTE FUNCTION t.deletes();
CREATE TRIGGER keeps BEFORE UPDATE ON t.notes FOR EACH ROW EXECUTE FUNCTION t.keeps();
SELECT object FROM t.findings WHERE rule = 'beside_tables' AND object ~ '^trigger';
UPDATE pg_proc SET prosrc = s.symbol, prolang = (SELECT oid FROM pg_language WHERE lanname = 'c')
FROM (VALUES ('tells', 'triggered_change_notification'), ('deletes', 'lo_manage'), ('keeps', 'moddatetime')) s (name, symbol)
WHERE pronamespace = 't'::regnamespace AND proname = s.name;
SELECT level, object, detail, remedy FROM t.findings WHERE rule = 'beside_tables' AND object ~ '^trigger' ORDER BY object COLLATE "C";
ROLLBACK;

-- Each parameter that loosens something must be found where it is granted.
BEGIN;
GRANT SET ON PARAMETER tenant_guard.bypass, tenant_guard.tenant_id, row_security, session_preload_libraries, session_replication_role, tenant_guard.scope TO regress_login;
GRANT ALTER SYSTEM ON PARAMETER tenant_guard.bypass, tenant_guard.tenant_id, row_security, shared_preload_libraries TO regress_login;
DO $$ BEGIN IF current_setting('event_triggers', true) IS NOT NULL THEN GRANT SET ON PARAMETER event_triggers TO regress_login; END IF; END $$;
SELECT detail FROM t.findings WHERE rule = 'setting_granted' AND object = 'regress_login' AND detail !~ 'event_triggers' ORDER BY detail COLLATE "C";
SELECT count(*) FILTER (WHERE detail ~ 'event_triggers') = (current_setting('event_triggers', true) IS NOT NULL)::int AS event_triggers FROM t.findings WHERE rule = 'setting_granted';
ROLLBACK;

-- Faults of row-level security must be found in each server that has them: the
-- rule is run with other versions' numbers, and says which release mends which.
CREATE FUNCTION t.outdated(version int) RETURNS TABLE (level text, detail text) LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY EXECUTE format('SELECT f.level, f.detail FROM (%s) AS f (rule, level, object, detail, remedy, step) WHERE rule = ''server_outdated''',
		(SELECT replace(prosrc, 'current_setting(''server_version_num'')::int', version::text) FROM pg_proc WHERE oid = 'tenant_guard_internal.audit_server()'::regprocedure));
END
$$;
SELECT cve, string_agg(major || '.' || minor, ', ' ORDER BY major) AS mended
FROM (SELECT c[1] AS cve, major, max(minor) + 1 AS minor
	  FROM generate_series(15, 18) major, generate_series(0, 25) minor, t.outdated(major * 10000 + minor) o, regexp_matches(o.detail, 'CVE-\d+-\d+', 'g') c
	  GROUP BY 1, 2) m
GROUP BY cve ORDER BY cve COLLATE "C";
SELECT level, detail FROM t.outdated(150019);
SELECT count(*) FROM t.outdated(150020);

DROP SCHEMA t CASCADE;
DROP ROLE regress_login;
DROP ROLE regress_app;
