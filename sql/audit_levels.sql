--
-- What audit() is asked for: a level, and rules that are left out; and the
-- order of what it returns
--
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE ROLE regress_owner;
CREATE SCHEMA t AUTHORIZATION regress_owner;
SET ROLE regress_owner;
CREATE TABLE t.a_notes (tenant_id uuid, mail text UNIQUE);
CREATE TABLE t.b_orders (id uuid PRIMARY KEY, tenant_id uuid);
CREATE TABLE t.c_lines (order_id uuid NOT NULL REFERENCES t.b_orders);
CREATE TABLE t.a_parts (line uuid);
ALTER TABLE t.c_lines ADD id uuid PRIMARY KEY;
ALTER TABLE t.a_parts ADD FOREIGN KEY (line) REFERENCES t.c_lines;
RESET ROLE;
\set here 'object ~ ''t\\.[abc]_'''

-- Of one object all findings must stand together, and the worst object first; a_parts has an error, but the remedy for c_lines comes
-- before its own.
SELECT rule, level, object FROM tenant_guard.audit() WHERE :here;

-- A level must leave out what is less severe.
SELECT rule, level, object FROM tenant_guard.audit('warning') WHERE :here;
SELECT DISTINCT rule, level FROM tenant_guard.audit('error') WHERE :here;
SELECT count(*) FROM tenant_guard.audit(level => NULL) WHERE :here;
SELECT rule FROM tenant_guard.audit('fatal');

-- Rules that are named must be left out, and a name that no rule has must be an error that names the rules.
SELECT rule, level, object FROM tenant_guard.audit(without => '{unique_without_tenant,tenant_column_missing}') WHERE :here;
-- A null is no rule: it must leave nothing out.
SELECT (SELECT count(*) FROM tenant_guard.audit(without => ARRAY[NULL])) = (SELECT count(*) FROM tenant_guard.audit()) AS same;
DO $$
DECLARE
	message text;
	hint text;
BEGIN
	PERFORM tenant_guard.audit(without => '{unique_without_tenants,unique_without_tenant,Orders}');
EXCEPTION WHEN invalid_parameter_value THEN
	GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
	RAISE WARNING '% (%)', message, substr(hint, 1, 36) || '...';
END $$;

-- A rule that is left out must not be run where it has a function of its own: this one would fail.
BEGIN;
CREATE OR REPLACE FUNCTION tenant_guard_internal.audit_unique_keys() RETURNS SETOF tenant_guard_internal.finding
LANGUAGE plpgsql AS $$ BEGIN RAISE 'it is run'; END $$;
SELECT count(*) FROM tenant_guard.audit(without => '{unique_without_tenant}') WHERE :here;
SELECT count(*) FROM tenant_guard.audit('error') WHERE :here;
SELECT count(*) FROM tenant_guard.audit('warning') WHERE :here;
ROLLBACK;

DROP SCHEMA t CASCADE;
DROP ROLE regress_owner;
