--
-- The long values of a guarded table's rows lie in its TOAST table, which can
-- have no policy: who reads that bypasses the table's.
--
\i test/setup/tenants.sql
SET client_min_messages = warning;
CREATE ROLE regress_reader;
GRANT pg_read_all_data TO regress_reader;
CREATE SCHEMA t;
CREATE TABLE t.notes (tenant_id uuid, body text);
CREATE INDEX notes_tenant ON t.notes (tenant_id);
ALTER TABLE t.notes ALTER body SET STORAGE EXTERNAL;
CREATE TABLE t.plain (body text);
ALTER TABLE t.plain ALTER body SET STORAGE EXTERNAL;
SET tenant_guard.bypass = on;
INSERT INTO t.notes VALUES (:a, repeat('a', 3000)), (:b, repeat('b', 3000));
INSERT INTO t.plain VALUES (repeat('p', 3000));
RESET tenant_guard.bypass;
RESET client_min_messages;
SELECT reltoastrelid::regclass AS toast FROM pg_class WHERE oid = 't.notes'::regclass \gset
SELECT reltoastrelid::regclass AS plain_toast FROM pg_class WHERE oid = 't.plain'::regclass \gset
\set query 'SELECT count(*) FROM ' :toast ' WHERE chunk_data IS NOT NULL'
\set plain_query 'SELECT count(*) > 0 AS plain FROM ' :plain_toast

-- A superuser must be refused, whether or not a tenant is set, and by every form of statement; of a table that is not
-- guarded all is open.
:query;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
:query;
ROLLBACK;
COPY (:query) TO stdout;
CREATE TABLE t.copy AS :query;
CREATE MATERIALIZED VIEW t.copy AS :query;
DO $$ DECLARE n bigint; BEGIN EXECUTE 'SELECT count(*) FROM ' || (SELECT reltoastrelid::regclass FROM pg_class WHERE oid = 't.notes'::regclass) INTO n; END $$;
:plain_query;

-- A role that may read all data is bound by the policies on the table, and must not go round them, with or without a tenant.
SET ROLE regress_reader;
:query;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
SELECT left(body, 3) FROM t.notes;
:query;
ROLLBACK;
SET row_security = off;
:query;
RESET row_security;
:plain_query;
RESET ROLE;

-- A view over it is no way round.
CREATE VIEW t.seen AS :query;
SELECT * FROM t.seen;

-- When tables were rewritten the name is another table's, which must not matter.
CLUSTER t.notes USING notes_tenant;
VACUUM FULL t.notes;
SELECT reltoastrelid::regclass AS toast FROM pg_class WHERE oid = 't.notes'::regclass \gset
\set query 'SELECT count(*) FROM ' :toast ' WHERE chunk_data IS NOT NULL'
:query;
SET allow_system_table_mods = on;
ALTER TABLE :toast RENAME TO pg_toast_1;
:plain_query;
SELECT count(*) FROM pg_toast.pg_toast_1;
ALTER TABLE pg_toast.pg_toast_1 RENAME TO some_other_name;
SELECT count(*) FROM pg_toast.some_other_name;
RESET allow_system_table_mods;

-- One of which no table is known must be refused.
BEGIN;
UPDATE pg_class SET reltoastrelid = 0 WHERE oid = 't.notes'::regclass;
SELECT count(*) FROM pg_toast.some_other_name;
ROLLBACK;

-- Who means it must be let through.
SET tenant_guard.bypass = on;
SELECT count(*) > 0 AS meant FROM pg_toast.some_other_name;
RESET tenant_guard.bypass;
SET row_security = off;
SELECT count(*) > 0 AS meant FROM pg_toast.some_other_name;
RESET row_security;
SELECT count(*) FROM pg_toast.some_other_name;

SET client_min_messages = warning;
DROP SCHEMA t CASCADE;
DROP ROLE regress_reader;
