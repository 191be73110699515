--
-- What a statement made or moved must be judged by the catalogs: what a name means may change while it runs.
--
\set VERBOSITY terse
\set SHOW_CONTEXT never
\set a '''11111111-1111-1111-1111-111111111111'''
CREATE ROLE regress_owner;
CREATE SCHEMA v AUTHORIZATION regress_owner;
CREATE SCHEMA evil AUTHORIZATION regress_owner;
SET ROLE regress_owner;
SET search_path = v;
CREATE TABLE orders (tenant_id uuid, id int);

-- A table that EXPLAIN makes must be guarded, whatever search_path its query sets.
BEGIN;
SELECT tenant_guard.set_tenant(:a);
INSERT INTO orders VALUES (:a, 1);
DO $$ BEGIN
	EXECUTE $x$EXPLAIN ANALYZE CREATE TABLE steal AS SELECT set_config('search_path', 'evil', false), * FROM orders$x$;
END $$;
SELECT relrowsecurity, relforcerowsecurity FROM pg_class WHERE oid = 'v.steal'::regclass;
SELECT polname FROM pg_policy WHERE polrelid = 'v.steal'::regclass ORDER BY 1;
ROLLBACK;
SET search_path = v;

-- A function of its query may make tables too, with EXPLAIN or without, and take some back: each must be guarded, and none besides.
CREATE FUNCTION make(name text, fails boolean) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('EXPLAIN ANALYZE CREATE TABLE %s_1 AS SELECT tenant_id FROM v.orders', name);
	EXECUTE format('CREATE TABLE %s_2 (tenant_id uuid)', name);
	EXECUTE format('CREATE TABLE %s_3 (id int)', name);
	IF fails THEN RAISE division_by_zero; END IF;
	RETURN true;
EXCEPTION WHEN division_by_zero THEN
	RETURN false;
END $$;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
DO $$ BEGIN
	EXECUTE $x$EXPLAIN ANALYZE CREATE TABLE outermost AS SELECT make('kept', false) AS kept, make('gone', true) AS gone, current_setting('tenant_guard.tenant_id')::uuid AS tenant_id$x$;
END $$;
COMMIT;
SELECT relname, relrowsecurity, relforcerowsecurity FROM pg_class WHERE relnamespace = 'v'::regnamespace AND relkind = 'r' ORDER BY 1;

-- One that fails must make none, and nothing of it must be remembered.
DO $$ BEGIN
	EXECUTE 'EXPLAIN ANALYZE CREATE TABLE failed AS SELECT 1 / 0 AS id';
EXCEPTION WHEN division_by_zero THEN
	EXECUTE 'EXPLAIN ANALYZE CREATE TABLE after_it AS SELECT NULL::uuid AS tenant_id';
END $$;
SELECT relname, relrowsecurity FROM pg_class WHERE relname IN ('failed', 'after_it') AND relnamespace = 'v'::regnamespace;

-- A staging table of the transaction must stay as it is, and one that stays must not.
BEGIN;
DO $$ BEGIN
	EXECUTE 'EXPLAIN ANALYZE CREATE TEMPORARY TABLE staging ON COMMIT DROP AS SELECT NULL::uuid AS tenant_id';
	EXECUTE 'EXPLAIN ANALYZE CREATE TEMPORARY TABLE staying AS SELECT NULL::uuid AS tenant_id';
END $$;
SELECT relname, relrowsecurity FROM pg_class WHERE relname IN ('staging', 'staying') ORDER BY 1;
ROLLBACK;

-- One that hides a guarded table would be found by the next tenant: it must be refused.
DO $$ BEGIN
	EXECUTE 'EXPLAIN ANALYZE CREATE TEMPORARY TABLE orders AS SELECT 1 AS id';
END $$;
SELECT count(*) FROM pg_class WHERE relname = 'orders' AND relpersistence = 't';

-- What a function of its query makes stays, whatever is said of its own table: it must be guarded when it gets the column.
CREATE FUNCTION make_temporary() RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	CREATE TEMPORARY TABLE made_inside (id int);
	RETURN true;
END $$;
BEGIN;
DO $$ BEGIN
	EXECUTE 'EXPLAIN ANALYZE CREATE TEMPORARY TABLE staging ON COMMIT DROP AS SELECT make_temporary()';
END $$;
ALTER TABLE made_inside ADD COLUMN tenant_id uuid;
SELECT relname, relrowsecurity FROM pg_class WHERE relname = 'made_inside';
ROLLBACK;

-- A part that is detached takes a guard with it by what it is, not by what it was called.
CREATE TABLE whole (tenant_id uuid NOT NULL, id int) PARTITION BY LIST (id);
CREATE TABLE part PARTITION OF whole FOR VALUES IN (1);
CREATE TABLE evil.part (id int);
RESET ROLE;
SET tenant_guard.bypass = on;
DROP POLICY tenant_isolation ON part;
DROP POLICY tenant_access ON part;
RESET tenant_guard.bypass;
CREATE FUNCTION v.move_path() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('search_path', 'evil, v', false);
END $$;
CREATE EVENT TRIGGER a_regress_moves ON ddl_command_end WHEN TAG IN ('ALTER TABLE') EXECUTE FUNCTION v.move_path();
SET ROLE regress_owner;
SET search_path = v;
ALTER TABLE whole DETACH PARTITION part;
RESET ROLE;
DROP EVENT TRIGGER a_regress_moves;
SELECT oid::regclass, relrowsecurity, (SELECT count(*) FROM pg_policy WHERE polrelid = c.oid) AS policies
FROM pg_class c WHERE relname = 'part' AND relnamespace IN ('v'::regnamespace, 'evil'::regnamespace);

SET client_min_messages = warning;
DROP SCHEMA v, evil CASCADE;
DROP ROLE regress_owner;
