--
-- Promise 6, where tenants are numbers or texts.
--
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE SCHEMA t;
SET search_path = t, public;

-- A number taken for text must be refused like a uuid: '042' is not '42'.
SET tenant_guard.tenant_type = 'bigint';
CREATE TABLE notes (id int PRIMARY KEY, tenant_id bigint, body text);
CREATE TABLE small (id int PRIMARY KEY, tenant_id int);
SELECT * FROM notes WHERE tenant_id::text = '042';
SELECT * FROM notes WHERE tenant_id::text IN ('042', '43');
SELECT * FROM notes WHERE tenant_id::text = ANY ('{42}');
SELECT * FROM small s JOIN notes n ON s.tenant_id::text = n.body;
SELECT * FROM small WHERE tenant_id || '' = '42';
SELECT * FROM notes WHERE to_char(tenant_id, 'FM0000') = '0042';
CREATE INDEX ON small ((tenant_id::varchar));

-- What counts and computes must not.
PREPARE counts AS SELECT count(tenant_id)::text = '1', (tenant_id + 1)::text = '43', sum(tenant_id)::text = '42' FROM notes GROUP BY tenant_id;
PREPARE compares AS SELECT * FROM notes WHERE tenant_id = '42' AND tenant_id IN (SELECT body::bigint FROM notes);
DEALLOCATE ALL;
DROP TABLE notes, small;

-- A text is a text: nothing is mixed.
SET tenant_guard.tenant_type = 'text';
CREATE TABLE notes (id int PRIMARY KEY, tenant_id text, body text);
CREATE TABLE short (id int PRIMARY KEY, tenant_id varchar(20));
PREPARE compares AS SELECT * FROM notes n JOIN short s ON lower(n.tenant_id) = s.tenant_id::text WHERE s.tenant_id LIKE 'A%' AND n.tenant_id = n.body;
CREATE INDEX ON notes (lower(tenant_id));
ALTER TABLE notes ADD CHECK (tenant_id <> '');
DEALLOCATE ALL;

-- But a uuid in another spelling would be a second tenant beside the one in
-- PostgreSQL's: it must be refused, however it is set.
BEGIN;
SELECT tenant_guard.set_tenant('7f1c9d0e-6f0e-4f6b-9a53-2f6c0f3f8a11');
SAVEPOINT s;
SELECT tenant_guard.set_tenant('7F1C9D0E-6F0E-4F6B-9A53-2F6C0F3F8A11');
\echo :LAST_ERROR_SQLSTATE
ROLLBACK TO s;
SELECT tenant_guard.set_tenant('{7f1c9d0e-6f0e-4f6b-9a53-2f6c0f3f8a11}');
ROLLBACK TO s;
SELECT tenant_guard.set_tenant('7f1c9d0e6f0e4f6b9a532f6c0f3f8a11');
ROLLBACK TO s;
SET LOCAL tenant_guard.tenant_id = '7f1c-9d0e-6f0e-4f6b-9a53-2f6c-0f3f-8a11';
ROLLBACK TO s;
SELECT tenant_guard.current_tenant_text();
ROLLBACK;

-- What only resembles a uuid is a text like any other.
BEGIN;
SAVEPOINT s;
SELECT tenant_guard.set_tenant('7F1C9D0E-6F0E-4F6B-9A53-2F6C0F3F8A1');
ROLLBACK TO s;
SELECT tenant_guard.set_tenant('{ACME}');
ROLLBACK TO s;
SELECT tenant_guard.set_tenant('7F1C9D0E-6F0E-4F6B-9A53-2F6C0F3F8A11X');
ROLLBACK;

-- A database that has another spelling throughout may say so.
SET tenant_guard.canonical_uuids = off;
BEGIN;
SELECT tenant_guard.set_tenant('7F1C9D0E-6F0E-4F6B-9A53-2F6C0F3F8A11');
SELECT tenant_guard.current_tenant_text();
ROLLBACK;
RESET tenant_guard.canonical_uuids;
DROP SCHEMA t CASCADE;
