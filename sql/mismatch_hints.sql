--
-- docs/operator-does-not-exist-uuid-text.md: each form of the page fails, and
-- what the page says to write works.
--
\set SHOW_CONTEXT never
\set a '''AAAAAAAA-AAAA-AAAA-AAAA-AAAAAAAAAAAA'''
SET client_min_messages = warning;
CREATE ROLE regress_app;
CREATE SCHEMA t;
SET search_path = t, public;
CREATE TABLE notes (id int PRIMARY KEY, tenant_id uuid, body text);
CREATE TABLE plain (t text, a text[], j jsonb);
CREATE TABLE tenants (id uuid PRIMARY KEY);
CREATE TABLE texts (tenant text);
INSERT INTO plain VALUES (:a, ARRAY[:a], jsonb_build_object('tenant', :a));
GRANT ALL ON SCHEMA t TO regress_app;
GRANT ALL ON ALL TABLES IN SCHEMA t TO regress_app;
RESET client_min_messages;
SET ROLE regress_app;

-- PostgreSQL must refuse each of these by itself.
\set VERBOSITY sqlstate
SELECT id FROM notes WHERE tenant_id = :a::text;
PREPARE s (text) AS SELECT id FROM notes WHERE tenant_id = $1;
SELECT id FROM notes WHERE tenant_id IN (SELECT t FROM plain);
SELECT id FROM notes WHERE tenant_id NOT IN (SELECT t FROM plain);
PREPARE s (text[]) AS SELECT id FROM notes WHERE tenant_id = ANY ($1);
SELECT id FROM notes JOIN plain ON tenant_id = t;
SELECT id FROM notes, plain WHERE tenant_id = j ->> 'tenant';
SELECT id FROM notes, plain WHERE tenant_id = lower(t);
SELECT id FROM notes WHERE tenant_id = current_setting('app.tenant');
SELECT id FROM notes WHERE tenant_id LIKE 'aaaa%';
SELECT coalesce(tenant_id, '') FROM notes WHERE false;
SELECT CASE tenant_id WHEN t THEN 1 END FROM notes, plain;
SELECT tenant_id FROM notes UNION SELECT t FROM plain;
INSERT INTO notes (id, tenant_id) SELECT 1, t FROM plain;
SELECT table_name FROM information_schema.tables, notes WHERE table_schema = tenant_id;
\set VERBOSITY default
DO $$ BEGIN
	EXECUTE 'SELECT id FROM notes JOIN (SELECT t AS tenant_id FROM plain) s USING (tenant_id)';
EXCEPTION WHEN undefined_function OR datatype_mismatch THEN RAISE NOTICE 'refused'; -- which, depends on the release
END $$;

-- Each of these must work.
BEGIN;
SELECT tenant_guard.set_tenant(:a);
INSERT INTO notes (id, tenant_id) SELECT 1, t::uuid FROM plain;
INSERT INTO notes (id) VALUES (2);
SELECT id FROM notes WHERE tenant_id = :a ORDER BY id;
PREPARE s (text) AS SELECT id FROM notes WHERE tenant_id = $1::uuid ORDER BY id;
EXECUTE s (:a);
SELECT id FROM notes WHERE tenant_id IN (SELECT t::uuid FROM plain) ORDER BY id;
SELECT id FROM notes WHERE tenant_id NOT IN (SELECT t::uuid FROM plain);
PREPARE r (text[]) AS SELECT id FROM notes WHERE tenant_id = ANY ($1::uuid[]) ORDER BY id;
EXECUTE r (ARRAY[:a]);
SELECT id FROM notes JOIN plain ON notes.tenant_id = plain.t::uuid ORDER BY id;
SELECT id FROM notes, plain WHERE tenant_id = (j ->> 'tenant')::uuid ORDER BY id;
SELECT id FROM notes WHERE tenant_id = tenant_guard.current_tenant() ORDER BY id;
SELECT id FROM notes WHERE tenant_id IS NULL;
SELECT id, CASE tenant_id WHEN t::uuid THEN 'its own' END FROM notes, plain ORDER BY id;
SELECT tenant_id FROM notes UNION SELECT t::uuid FROM plain;
SELECT count(*) FROM (SELECT tenant_id::text FROM notes UNION SELECT t FROM plain) s;
SELECT table_name FROM information_schema.tables WHERE table_schema = tenant_guard.current_tenant()::text;
ROLLBACK;
DEALLOCATE ALL;

-- The cast that comes to mind must be refused, also on a catalog.
SELECT id FROM notes WHERE tenant_id::text = :a;
SELECT table_name FROM information_schema.tables, notes WHERE table_schema = tenant_id::text;

-- A column of text must become a uuid, and then take the key.
RESET ROLE;
\set VERBOSITY sqlstate
ALTER TABLE texts ADD FOREIGN KEY (tenant) REFERENCES tenants;
\set VERBOSITY default
INSERT INTO tenants VALUES (:a);
INSERT INTO texts VALUES (:a);
ALTER TABLE texts ALTER COLUMN tenant TYPE uuid USING tenant::uuid, ADD FOREIGN KEY (tenant) REFERENCES tenants;
SELECT * FROM texts;

SET client_min_messages = warning;
DROP SCHEMA t CASCADE;
DROP ROLE regress_app;
