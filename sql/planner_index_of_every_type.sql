--
-- Columns of each type that can hold a tenant are guarded, and the guard's
-- qual is served by an index on them.
--
\set SHOW_CONTEXT never
SET tenant_guard.trusted_filters = on;
SET client_min_messages = warning;
CREATE ROLE regress_app;
CREATE SCHEMA t;
GRANT USAGE ON SCHEMA t TO regress_app;
CREATE DOMAIN t.org AS uuid;
CREATE DOMAIN t.code AS varchar(10) CHECK (VALUE <> '');
CREATE TABLE t.uuids (tenant_id uuid PRIMARY KEY);
CREATE TABLE t.domains (tenant_id t.org PRIMARY KEY);
SET tenant_guard.tenant_type = 'bigint';
CREATE TABLE t.bigints (tenant_id bigint PRIMARY KEY);
CREATE TABLE t.ints (tenant_id integer PRIMARY KEY);
CREATE TABLE t.smallints (tenant_id smallint PRIMARY KEY);
SET tenant_guard.tenant_type = 'text';
CREATE TABLE t.texts (tenant_id text PRIMARY KEY);
CREATE TABLE t.varchars (tenant_id varchar(10) PRIMARY KEY);
CREATE TABLE t.codes (tenant_id t.code PRIMARY KEY);
RESET tenant_guard.tenant_type;
\i test/setup/plan.sql
GRANT ALL ON ALL TABLES IN SCHEMA t TO regress_app;
RESET client_min_messages;

-- Each must be guarded.
SELECT relation, status, tenant_type FROM tenant_guard.tables WHERE relation::text LIKE 't.%' ORDER BY relation::text COLLATE "C";

-- Each must be scanned by its index, and give and take its own row alone.
SET enable_seqscan = off;
SET enable_bitmapscan = off;
SET enable_indexonlyscan = off;
SET ROLE regress_app;
BEGIN;
SELECT tenant_guard.set_tenant('7f1c9d0e-6f0e-4f6b-9a53-2f6c0f3f8a11');
SELECT t.plan($$SELECT * FROM t.uuids$$);
SELECT t.plan($$SELECT * FROM t.domains$$);
INSERT INTO t.uuids DEFAULT VALUES RETURNING *;
INSERT INTO t.domains DEFAULT VALUES RETURNING *;
SELECT * FROM t.uuids;
SELECT * FROM t.domains;
COMMIT;
BEGIN;
SELECT tenant_guard.set_tenant('00000000-0000-0000-0000-000000000000');
SELECT * FROM t.uuids;
SELECT * FROM t.domains;
COMMIT;

RESET ROLE;
SET tenant_guard.tenant_type = 'bigint';
SET ROLE regress_app;
BEGIN;
SELECT tenant_guard.set_tenant(42);
SELECT t.plan($$SELECT * FROM t.bigints$$);
SELECT t.plan($$SELECT * FROM t.ints$$);
SELECT t.plan($$SELECT * FROM t.smallints$$);
INSERT INTO t.bigints DEFAULT VALUES;
INSERT INTO t.ints DEFAULT VALUES;
INSERT INTO t.smallints DEFAULT VALUES;
SELECT * FROM t.bigints, t.ints, t.smallints;
COMMIT;

-- A tenant that a narrower column cannot hold has no rows there, and gets none.
BEGIN;
SELECT tenant_guard.set_tenant(70000);
SELECT * FROM t.smallints;
INSERT INTO t.smallints DEFAULT VALUES;
ROLLBACK;

RESET ROLE;
SET tenant_guard.tenant_type = 'text';
SET ROLE regress_app;
BEGIN;
SELECT tenant_guard.set_tenant('ALFKI');
SELECT t.plan($$SELECT * FROM t.texts$$);
SELECT t.plan($$SELECT * FROM t.varchars$$);
SELECT t.plan($$SELECT * FROM t.codes$$);
INSERT INTO t.texts DEFAULT VALUES;
INSERT INTO t.varchars DEFAULT VALUES;
INSERT INTO t.codes DEFAULT VALUES;
SELECT * FROM t.texts, t.varchars, t.codes;
COMMIT;
BEGIN;
SELECT tenant_guard.set_tenant('alfki');
SELECT * FROM t.texts;
SELECT * FROM t.varchars;
SELECT * FROM t.codes;
INSERT INTO t.texts DEFAULT VALUES;
COMMIT;

-- A table of one tenant type must refuse under another, and not show all.
RESET ROLE;
RESET tenant_guard.tenant_type;
SET ROLE regress_app;
BEGIN;
SELECT tenant_guard.set_tenant('7f1c9d0e-6f0e-4f6b-9a53-2f6c0f3f8a11');
SELECT * FROM t.texts;
ROLLBACK;

RESET ROLE;
SET client_min_messages = warning;
DROP SCHEMA t CASCADE;
DROP ROLE regress_app;
