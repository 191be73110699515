--
-- Promise 6, in what the catalogs hold: policies, constraints, indexes,
-- generated columns, triggers, rules and functions take no tenant for text.
--
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE ROLE regress_owner;
CREATE SCHEMA t AUTHORIZATION regress_owner;
SET search_path = t, public;
SET ROLE regress_owner;
CREATE TABLE notes (id int PRIMARY KEY, tenant_id uuid, body text);
CREATE TABLE plain (id int, t text, u uuid);
CREATE FUNCTION fires() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
RESET client_min_messages;

-- A policy must be refused, in both of its expressions, below a sub-select
-- too, and on a table that is not guarded.
CREATE POLICY p ON notes USING (tenant_id::text = current_setting('app.tenant'));
\echo :LAST_ERROR_SQLSTATE
CREATE POLICY p ON notes FOR INSERT WITH CHECK (lower(tenant_id::text) = body);
CREATE POLICY p ON plain USING (t IN (SELECT tenant_id::text FROM notes));
CREATE POLICY p ON notes USING (tenant_id = current_setting('app.tenant')::uuid);
ALTER POLICY p ON notes USING (tenant_id::text = current_setting('app.tenant'));
SELECT pg_get_expr(polqual, polrelid) FROM pg_policy WHERE polname = 'p';

-- A CHECK: of a new table, of a new column, on its own.
SET client_min_messages = warning;
CREATE TABLE checked (tenant_id uuid, CHECK (tenant_id::text <> ''));
CREATE TABLE checked (tenant_id uuid CHECK (tenant_id::varchar LIKE '7%'));
ALTER TABLE plain ADD COLUMN tenant_id uuid CHECK (t = tenant_id::text);
ALTER TABLE notes ADD CONSTRAINT c CHECK (body <> tenant_id::text) NOT VALID;
ALTER TABLE notes ADD COLUMN copy text CHECK (copy = tenant_id::text);
ALTER TABLE notes ADD COLUMN copy text, ADD CHECK (copy <> '');
RESET client_min_messages;

-- A generated column that holds the text, or compares it.
CREATE TABLE made (id int, tenant_id uuid, path text GENERATED ALWAYS AS ('/' || tenant_id::text || '/') STORED);
ALTER TABLE notes ADD COLUMN as_text text GENERATED ALWAYS AS (tenant_id::text) STORED;
ALTER TABLE notes ADD COLUMN as_json jsonb GENERATED ALWAYS AS (jsonb_object(ARRAY['tenant', tenant_id::text])) STORED;
ALTER TABLE notes ADD COLUMN is_mine boolean GENERATED ALWAYS AS (tenant_id::text = body) STORED;
ALTER TABLE notes ADD COLUMN size int GENERATED ALWAYS AS (length(tenant_id::text)) STORED;

-- An index: its keys, its condition, that of a constraint; and a partition key.
CREATE INDEX by_text ON notes ((tenant_id::text));
CREATE UNIQUE INDEX by_text ON notes (lower(tenant_id::text), body);
CREATE INDEX by_text ON notes (id) WHERE tenant_id::text LIKE '7%';
ALTER TABLE notes ADD EXCLUDE USING btree ((tenant_id::text) WITH =);
CREATE TABLE parted (tenant_id uuid, id int) PARTITION BY LIST ((tenant_id::text));
CREATE INDEX by_tenant ON notes (tenant_id, lower(body)) WHERE tenant_id <> 'aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa';

-- A trigger's condition, of either row.
CREATE TRIGGER fires BEFORE INSERT ON notes FOR EACH ROW WHEN (NEW.tenant_id::text = 'x') EXECUTE FUNCTION fires();
CREATE TRIGGER fires BEFORE UPDATE ON notes FOR EACH ROW WHEN (OLD.tenant_id::text <> NEW.body) EXECUTE FUNCTION fires();
CREATE TRIGGER fires BEFORE UPDATE ON notes FOR EACH ROW WHEN (OLD.tenant_id <> NEW.tenant_id) EXECUTE FUNCTION fires();

-- A rule: its condition and its action; and a view's query.
CREATE RULE r AS ON INSERT TO notes WHERE NEW.tenant_id::text = 'x' DO INSTEAD NOTHING;
CREATE RULE r AS ON INSERT TO plain DO ALSO UPDATE notes SET body = '' WHERE tenant_id::text = NEW.t;
CREATE RULE r AS ON INSERT TO plain DO ALSO UPDATE notes SET body = '' WHERE tenant_id = NEW.u;
CREATE VIEW v AS SELECT p.id FROM plain p JOIN notes n ON n.tenant_id::text = p.t;
CREATE VIEW v AS SELECT id, tenant_id::text AS tenant FROM notes;

-- A function in SQL, its body a string or not; an ATOMIC one is not parsed again.
CREATE FUNCTION f(text) RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM v WHERE tenant = $1';
CREATE FUNCTION f(text) RETURNS bigint LANGUAGE sql BEGIN ATOMIC; SELECT count(*) FROM v WHERE tenant = $1; END;
CREATE FUNCTION f(text) RETURNS bigint LANGUAGE sql RETURN (SELECT count(*) FROM notes WHERE tenant_id::text = $1);
CREATE PROCEDURE p(text) LANGUAGE sql BEGIN ATOMIC; SELECT 1; DELETE FROM notes WHERE tenant_id::text = $1; END;
CREATE FUNCTION f(uuid) RETURNS bigint LANGUAGE sql BEGIN ATOMIC; SELECT count(*) FROM notes WHERE tenant_id = $1; END;

-- What was there, and what others hold, must not be refused.
ALTER TABLE notes RENAME COLUMN body TO content;
COMMENT ON POLICY p ON notes IS 'a tenant';
RESET ROLE;
SET client_min_messages = warning;

-- A publication's row filter, where PostgreSQL takes one that turns it into text.
SET client_min_messages = error;
CREATE PUBLICATION regress_p FOR TABLE notes WHERE (encode(uuid_send(tenant_id), 'hex') = 'x');
CREATE PUBLICATION regress_p FOR TABLE notes WHERE (tenant_id = 'aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa');
ALTER PUBLICATION regress_p SET TABLE notes WHERE (encode(uuid_send(tenant_id), 'hex') = 'x');
DROP PUBLICATION regress_p;
SET client_min_messages = warning;

-- PostgreSQL itself must refuse a foreign key between a uuid and a text.
CREATE TABLE tenants (id uuid PRIMARY KEY);
CREATE TABLE tenants_as_text (id text PRIMARY KEY);
\set VERBOSITY sqlstate
CREATE TABLE keys (tenant text REFERENCES tenants);
ALTER TABLE notes ADD FOREIGN KEY (tenant_id) REFERENCES tenants_as_text;
\set VERBOSITY default

-- A tenant column of another type must be refused where it is written, also
-- by a change of type.
ALTER TABLE notes ALTER COLUMN tenant_id TYPE text;
\echo :LAST_ERROR_SQLSTATE
ALTER TABLE notes ALTER COLUMN tenant_id TYPE bigint USING 1;
\set VERBOSITY terse
ALTER TABLE notes ALTER COLUMN tenant_id TYPE uuid;
\set VERBOSITY default

-- By warning, all of it must be let through and be told, once.
RESET client_min_messages;
SET ROLE regress_owner;
SET tenant_guard.type_mismatch = warning;
RESET ROLE;
SET tenant_guard.type_mismatch = warning;
SET ROLE regress_owner;
CREATE POLICY mixed_policy ON notes AS RESTRICTIVE USING (tenant_id::text <> content);
ALTER TABLE notes ADD CONSTRAINT mixed_check CHECK (tenant_id::text <> content);
CREATE INDEX mixed_index ON notes ((tenant_id::text)) WHERE tenant_id::text LIKE '7%';
ALTER TABLE notes ADD COLUMN as_text text GENERATED ALWAYS AS (tenant_id::text) STORED;
CREATE TRIGGER mixed_trigger BEFORE INSERT ON notes FOR EACH ROW WHEN (NEW.tenant_id::text = 'x') EXECUTE FUNCTION fires();
CREATE RULE mixed_rule AS ON UPDATE TO plain DO ALSO UPDATE notes SET content = '' WHERE tenant_id::text = NEW.t;
CREATE VIEW mixed_view AS SELECT p.id, n.tenant_id::text AS tenant FROM plain p JOIN notes n ON n.tenant_id::text = p.t;
CREATE FUNCTION mixed_string(text) RETURNS bigint LANGUAGE sql SET search_path = t
AS 'SELECT 1; SELECT count(*) FROM notes WHERE tenant_id::text = $1';
CREATE FUNCTION mixed_by_path(text) RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM notes WHERE tenant_id::text = $1';
CREATE FUNCTION mixed_atomic(text) RETURNS bigint LANGUAGE sql BEGIN ATOMIC; SELECT count(*) FROM notes WHERE tenant_id::text = $1; END;
CREATE FUNCTION mixed_plpgsql(wanted text) RETURNS bigint LANGUAGE plpgsql AS
'BEGIN RETURN (SELECT count(*) FROM notes WHERE tenant_id::text = wanted); END';
CREATE FUNCTION broken(text) RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM t.v WHERE tenant = $1';
BEGIN;
SELECT tenant_guard.set_tenant('aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa');
SELECT id FROM notes WHERE tenant_id::text = 'x' OR tenant_id::text LIKE 'y%';
SELECT mixed_plpgsql('x');
EXPLAIN (COSTS OFF) SELECT FROM plain WHERE true OR t IN (SELECT tenant_id::text FROM notes);
DECLARE c CURSOR FOR SELECT id FROM notes WHERE tenant_id::text = 'x';
CREATE TEMPORARY TABLE staged ON COMMIT DROP AS SELECT id FROM notes WHERE tenant_id::text = 'x';
EXPLAIN (COSTS OFF) CREATE TABLE staged_again AS SELECT FROM plain WHERE true OR t IN (SELECT tenant_id::text FROM notes);
ROLLBACK;

-- Switched off, nothing.
RESET ROLE;
SET tenant_guard.type_mismatch = off;
SET ROLE regress_owner;
PREPARE s AS SELECT id FROM notes WHERE tenant_id::text = 'x';
CREATE INDEX mixed_when_off ON notes ((tenant_id::text));
DEALLOCATE s;

-- Later statements on the same table must not be refused for what is there.
RESET ROLE;
RESET tenant_guard.type_mismatch;
SET ROLE regress_owner;
ALTER TABLE notes ADD COLUMN later int CHECK (later > 0);
ALTER TABLE notes RENAME CONSTRAINT mixed_check TO mixed_check_renamed;
ALTER INDEX mixed_index RENAME TO mixed_index_renamed;
ALTER TABLE notes ADD CONSTRAINT mixed_again CHECK (tenant_id::text <> content);

-- All that is there must be listed, each with its remedy, also while the check
-- is off, and nothing else; for the DBA alone.
DROP VIEW v;
SELECT * FROM tenant_guard.type_mismatches();
RESET ROLE;
SELECT object, kind, detail FROM tenant_guard.type_mismatches();
SELECT DISTINCT remedy COLLATE "C" AS remedy FROM tenant_guard.type_mismatches() ORDER BY 1;
SET tenant_guard.type_mismatch = off;
SELECT count(*) FROM tenant_guard.type_mismatches();
RESET tenant_guard.type_mismatch;
SHOW check_function_bodies;
SHOW search_path;

-- A script of pg_dump must restore what was there: a warning.
SET row_security = off;
CREATE POLICY restored ON notes USING (tenant_id::text = 'x');
RESET row_security;

SET client_min_messages = warning;
DROP SCHEMA t CASCADE;
DROP ROLE regress_owner;
