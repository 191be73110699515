--
-- A finding that somebody has accepted is listed as such, as long as it says
-- the same and its time has not come.
--
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE ROLE regress_owner;
CREATE ROLE regress_other LOGIN BYPASSRLS;
CREATE SCHEMA t;
GRANT CREATE, USAGE ON SCHEMA t TO regress_owner;
-- what the label says of who accepted a finding of this session, and the database's name, are not the same everywhere
CREATE FUNCTION pg_temp.same(text) RETURNS text LANGUAGE sql AS $$ SELECT replace(replace($1, ' ' || quote_ident(session_user), ' me'), current_database(), 'this') $$;
CREATE TEMP VIEW findings AS
SELECT rule, level, pg_temp.same(object) AS object, pg_temp.same(detail) AS detail, remedy FROM tenant_guard.audit()
WHERE rule IN ('tenant_index_missing', 'unique_without_tenant', 'view_bypasses', 'definer_function_bypasses', 'undecided_table', 'unprotected_table',
			   'nothing_guarded', 'policy_before_isolation', 'tenant_column_missing')
	  OR rule = 'role_bypasses' AND object = 'regress_other' OR rule = 'setting_loosened' AND detail LIKE '%missing_tenant%';
CREATE TEMP VIEW labels AS
SELECT objtype, pg_temp.same(objname) AS objname, regexp_replace(replace(label, 'by=''' || session_user || '''', 'by=''me'''), 'details=''[0-9a-f ]*''', 'details=...', 'g') AS label
FROM pg_seclabels WHERE provider = 'tenant_guard';

SET ROLE regress_owner;
CREATE TABLE t.plans (id int);
CREATE TABLE t."it's on me" (id int, tenant_id uuid, code text UNIQUE, a int, b int, UNIQUE (a, b));
CREATE TABLE t.gone (id int, tenant_id uuid PRIMARY KEY);
SELECT tenant_guard.unprotect('t.gone', 'moves');
RESET ROLE;
CREATE VIEW t.counted AS SELECT count(*) FROM t."it's on me";
CREATE FUNCTION t.counts(int, VARIADIC text[]) RETURNS bigint LANGUAGE sql SECURITY DEFINER AS $$ SELECT count(*) FROM t."it's on me" $$;
CREATE POLICY a ON t."it's on me" AS RESTRICTIVE USING (true);
SELECT rule, level, object FROM findings;

-- A rule and an object as audit() writes them, and a reason, must be given.
SELECT tenant_guard.accept_finding('view_bypasses', 't.counted', NULL);
SELECT tenant_guard.accept_finding('view_bypasses', 't.counted', E' \n');
SELECT tenant_guard.accept_finding('view_bypasses', 'counted', 'why');
SELECT tenant_guard.accept_finding('view_bypasses', NULL, 'why');
SELECT tenant_guard.accept_finding('undecided_table', 't.gone', 'why');
SELECT tenant_guard.accept_finding('rule_bypasses', 't.counted', 'why');
SELECT tenant_guard.accept_finding('view_bypass', 't.counted', 'why');
SELECT tenant_guard.accept_finding(NULL, 't.counted', 'why');
SELECT tenant_guard.accept_finding('view_bypasses', 't.counted', 'why', '2000-01-01');
SELECT count(*) FROM labels WHERE label ~ 'accepted';

-- Accepted, each must be listed as such, by its reason, and last; and must have no remedy.
SELECT tenant_guard.accept_finding('view_bypasses', 't.counted', 'a number, no row''s');
SELECT tenant_guard.accept_finding('definer_function_bypasses', 't.counts(integer,text[])', 'a number', '2100-01-01');
SELECT tenant_guard.accept_finding('tenant_index_missing', 't."it''s on me"', 'ten rows', '2100-01-01 12:00');
SELECT tenant_guard.accept_finding('policy_before_isolation', 'a on t."it''s on me"', E'no row is in it;\naccepted rule=''x''', 'infinity');
SELECT tenant_guard.accept_finding('unique_without_tenant', '"it''s on me_code_key" on t."it''s on me"', 'codes are ours');
SELECT tenant_guard.accept_finding('undecided_table', 't.plans', 'soon');
SELECT tenant_guard.accept_finding('unprotected_table', 't.gone', 'known');
SELECT tenant_guard.accept_finding('role_bypasses', 'regress_other', 'reports');
\a \x
SELECT * FROM findings;
\a \x
SELECT * FROM labels ORDER BY objtype, objname COLLATE "C";
SELECT s.errors = f.errors AND s.warnings = f.warnings AND s.infos = f.infos AS counted, s.accepted FROM tenant_guard.status s,
	   (SELECT count(*) FILTER (WHERE level = 'error') AS errors, count(*) FILTER (WHERE level = 'warning') AS warnings, count(*) FILTER (WHERE level = 'info') AS infos FROM tenant_guard.audit()) f;
-- What level each has otherwise must be told, and each count as accepted.
SELECT rule, pg_temp.same(object) AS object, level, status, reason, pg_temp.same(' ' || accepted_by) AS accepted_by, until AT TIME ZONE 'UTC' AS until FROM tenant_guard.accepted_findings ORDER BY rule;
-- Where a level is named they must be left out.
SELECT count(*) FROM tenant_guard.audit('info') WHERE level = 'accepted' OR object ~ 'counts';
SELECT count(*) FROM tenant_guard.audit('error') WHERE level <> 'error' OR object ~ 'counts';
SELECT count(*) FROM tenant_guard.audit('accepted', '{unprotected_table,role_bypasses}') WHERE level = 'accepted';

-- Renamed or moved, a table must keep what is accepted of it. Accepted again, the last reason counts.
ALTER TABLE t."it's on me" RENAME TO mine;
SELECT tenant_guard.accept_finding('tenant_index_missing', 't.mine', 'twelve rows');
SELECT rule, level, object, detail FROM findings WHERE object ~ 'mine' ORDER BY rule;

-- A finding that says something else must be one again.
CREATE TABLE t.more (tenant_id uuid PRIMARY KEY);
CREATE OR REPLACE VIEW t.counted AS SELECT count(*) FROM t.mine, t.more;
ALTER ROLE regress_other SUPERUSER;
SELECT rule, level, object, detail, remedy IS NOT NULL AS remedy FROM findings WHERE object IN ('t.counted', 'regress_other');
ALTER ROLE regress_other NOSUPERUSER;
SELECT rule, level, object FROM findings WHERE object = 'regress_other';
-- So must one whose time has come.
SECURITY LABEL FOR tenant_guard ON VIEW t.counted IS 'accepted rule=''view_bypasses'' reason=''for a while'' until=''2020-01-01''';
SELECT level, detail FROM findings WHERE object = 't.counted';
-- What is accepted and does not count must be told as such, also where nothing is found any more.
ALTER ROLE regress_other SUPERUSER;
SECURITY LABEL FOR tenant_guard ON FUNCTION t.counts IS 'accepted rule=''definer_function_bypasses'' reason=''ok''; accepted rule=''trusted_function'' reason=''never found''';
SELECT rule, object, level, status, pg_temp.same(detail) AS detail FROM tenant_guard.accepted_findings WHERE object IN ('t.counted', 'regress_other', 't.counts(integer,text[])') ORDER BY rule;
ALTER ROLE regress_other NOSUPERUSER;

-- What is declared of a table must stay beside what is accepted of it; declared as something else, what was accepted of the table
-- as a whole must be open again.
SELECT tenant_guard.share('t.plans', 'prices'), tenant_guard.protect('t.gone');
SELECT objname, label FROM labels WHERE objname IN ('t.plans', 't.gone');
SELECT tenant_guard.unprotect('t.gone', 'again');
SELECT level, object FROM findings WHERE object = 't.gone';
SELECT tenant_guard.accept_finding('unprotected_table', 't.gone', 'known');
SELECT tenant_guard.unprotect('t.gone', 'another reason');
SELECT level, detail FROM findings WHERE object = 't.gone';
SELECT objname, label FROM labels WHERE objname = 't.gone';
-- A table of which only a finding is accepted must be guarded as any other.
SET tenant_guard.auto_protect = off;
CREATE TABLE t.later (id int);
SELECT tenant_guard.accept_finding('undecided_table', 't.later', 'empty');
RESET tenant_guard.auto_protect;
ALTER TABLE t.later ADD tenant_id uuid;
SELECT status FROM tenant_guard.tables WHERE relation = 't.later'::regclass;

-- So must one of which the guard is mended.
SET tenant_guard.bypass = on;
ALTER TABLE t.later NO FORCE ROW LEVEL SECURITY;
SELECT tenant_guard.accept_finding('guard_incomplete', 't.later', 'a test');
SELECT tenant_guard.protect('t.later');
ALTER TABLE t.later NO FORCE ROW LEVEL SECURITY;
SELECT level, object FROM tenant_guard.audit() WHERE rule = 'guard_incomplete';
RESET tenant_guard.bypass;
SELECT tenant_guard.protect('t.later');

-- What is about no table, view, function or role must be kept by the database; of several findings of one object each counts.
SET tenant_guard.missing_tenant = empty;
DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET tenant_guard.missing_tenant = empty', current_database()); END $$;
DO $$ BEGIN PERFORM tenant_guard.accept_finding('setting_loosened', f.object, 'legacy') FROM tenant_guard.audit() f WHERE f.rule = 'setting_loosened' AND f.detail ~ 'missing_tenant'; END $$;
SELECT level, object FROM findings WHERE rule = 'setting_loosened';
DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET tenant_guard.scope = session', current_database()); END $$;
SELECT level, pg_temp.same(object) AS object, pg_temp.same(detail) AS detail FROM tenant_guard.audit() WHERE rule = 'setting_loosened' AND object = 'database ' || quote_ident(current_database()) ORDER BY level;
DO $$ BEGIN EXECUTE format('ALTER DATABASE %I RESET tenant_guard.scope', current_database()); EXECUTE format('ALTER DATABASE %I RESET tenant_guard.missing_tenant', current_database()); END $$;
RESET tenant_guard.missing_tenant;
SELECT objtype, objname, regexp_replace(label, 'database .*'' details', 'database ...'' details') AS label FROM labels WHERE objtype = 'database';
DO $$ BEGIN PERFORM tenant_guard.reopen_finding('setting_loosened', 'database ' || quote_ident(current_database())); END $$;
SELECT count(*) FROM labels WHERE objtype = 'database';

-- Opened again, it must be a finding as before, and the rest of the label stay.
SELECT tenant_guard.reopen_finding('tenant_index_missing', 't.mine');
SELECT tenant_guard.reopen_finding('tenant_index_missing', 't.mine');
SELECT tenant_guard.reopen_finding('role_bypasses', 'regress_other');
SELECT tenant_guard.reopen_finding('definer_function_bypasses', 't.counts(integer,text[])');
SELECT level, rule, object FROM findings WHERE object IN ('t.mine', 'regress_other', 't.counts(integer,text[])');
SELECT objname, label FROM labels WHERE objname IN ('t.mine', 'regress_other', 't.counts(integer,text[])');

-- Nobody may accept findings of what he does not own, nor without being let.
GRANT USAGE ON SCHEMA tenant_guard_internal TO regress_owner;
SET ROLE regress_owner;
SELECT tenant_guard.accept_finding('view_bypasses', 't.counted', 'mine');
SELECT tenant_guard.reopen_finding('view_bypasses', 't.counted');
RESET ROLE;
GRANT EXECUTE ON FUNCTION tenant_guard.accept_finding, tenant_guard.reopen_finding, tenant_guard.audit, tenant_guard.guard_status, tenant_guard.broken_invariants, tenant_guard.library_preloaded,
	tenant_guard.preload_statement, tenant_guard.type_mismatches, tenant_guard_internal.type_mismatches_of TO regress_owner;
GRANT SELECT ON tenant_guard.tables, tenant_guard.tables_and_partitions, tenant_guard.trusted_functions TO regress_owner;
SET ROLE regress_owner;
SELECT tenant_guard.accept_finding('view_bypasses', 't.counted', 'mine');
SELECT tenant_guard.reopen_finding('view_bypasses', 't.counted');
\set VERBOSITY sqlstate
SELECT tenant_guard.accept_finding('role_bypasses', 'regress_other', 'mine');
\set VERBOSITY default
SELECT tenant_guard.accept_finding('undecided_table', 't.plans', 'mine');
SELECT tenant_guard.unshare('t.plans');
SELECT tenant_guard.accept_finding('undecided_table', 't.plans', 'mine');
-- An owner's label is his word: it must count for his objects alone, and another's name in it be told as what it is.
SECURITY LABEL FOR tenant_guard ON TABLE t.gone IS 'unprotected; accepted rule=''unprotected_table'' reason=''ok'' by=''regress_other''; accepted rule=''view_bypasses'' object=''t.counted'' reason=''ok''';
CREATE TABLE t.regress_other (id int);
SECURITY LABEL FOR tenant_guard ON TABLE t.regress_other IS 'accepted rule=''role_bypasses'' reason=''ok''';
RESET ROLE;
SELECT rule, level, object, detail FROM findings WHERE object IN ('t.plans', 't.gone', 't.counted', 'regress_other');
SELECT rule, object, status FROM tenant_guard.accepted_findings WHERE object IN ('t.gone', 't.counted', 'regress_other') ORDER BY rule;
-- So must a superuser's name be that a role with CREATEROLE can have written, and a name that is missing.
CREATE ROLE regress_creator CREATEROLE;
SECURITY LABEL FOR tenant_guard ON ROLE regress_other IS 'accepted rule=''role_bypasses'' reason=''a job'' by=''superuser''';
SECURITY LABEL FOR tenant_guard ON TABLE t.plans IS 'accepted rule=''undecided_table'' reason=''by nobody''';
SELECT rule, level, object, detail FROM findings WHERE object IN ('t.plans', 'regress_other');
DROP ROLE regress_creator;
SELECT rule, level, object, detail FROM findings WHERE object = 'regress_other';

-- Who monitors the server must be told, and nobody else.
CREATE ROLE regress_monitor IN ROLE pg_monitor;
SET ROLE regress_monitor;
SELECT rule, object, status FROM tenant_guard.accepted_findings WHERE object = 't.plans';
SET ROLE regress_owner;
SELECT count(*) FROM tenant_guard.accepted_findings;
RESET ROLE;
DROP ROLE regress_monitor;

DROP OWNED BY regress_owner CASCADE;
DROP VIEW findings, labels;
DROP SCHEMA t CASCADE;
DROP ROLE regress_owner, regress_other;
