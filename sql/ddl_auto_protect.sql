--
-- Promise 4: a table with the tenant column is guarded by the statement that
-- makes it, or the statement fails.
--
\i test/setup/tenants.sql
CREATE ROLE regress_owner;
CREATE SCHEMA t;
GRANT ALL ON SCHEMA t TO regress_owner;
CREATE FUNCTION t.status(regclass) RETURNS text LANGUAGE sql SECURITY DEFINER AS
'SELECT status FROM tenant_guard.tables_and_partitions WHERE relation = $1';
SET ROLE regress_owner;

-- Every form of statement that makes a table must guard it.
CREATE TABLE t.plain (id int, tenant_id uuid);
CREATE UNLOGGED TABLE t.unlogged (tenant_id uuid NOT NULL);
CREATE TEMPORARY TABLE temporary (tenant_id uuid);
CREATE TABLE t.copied (LIKE t.plain);
CREATE TABLE t.copied_all (LIKE t.plain INCLUDING ALL);
CREATE TABLE t.made_as AS SELECT 1 AS id, :a::uuid AS tenant_id;
CREATE TABLE t.made_empty AS SELECT 1 AS id, :a::uuid AS tenant_id WITH NO DATA;
SELECT 1 AS id, :b::uuid AS tenant_id INTO t.selected_into;
DO $$ BEGIN EXECUTE 'EXPLAIN ANALYZE CREATE TABLE t.explained AS SELECT gen_random_uuid() AS tenant_id'; END $$;
PREPARE make AS SELECT :a::uuid AS tenant_id;
CREATE TABLE t.made_as_execute AS EXECUTE make;
CREATE TYPE t.row_type AS (id int, tenant_id uuid);
CREATE TABLE t.typed OF t.row_type;
DO $$ BEGIN CREATE TABLE t.from_do (tenant_id uuid); END $$;
CREATE FUNCTION t.make_table() RETURNS void LANGUAGE plpgsql AS
'BEGIN EXECUTE ''CREATE TABLE t.from_function AS SELECT gen_random_uuid() AS tenant_id''; END';
SELECT t.make_table();
RESET ROLE;
CREATE SCHEMA t_elements AUTHORIZATION regress_owner
	CREATE TABLE one (tenant_id uuid)
	CREATE TABLE two (tenant_id uuid)
	CREATE VIEW three AS SELECT * FROM one;
SET ROLE regress_owner;

-- So must every form that brings the column to a table.
CREATE TABLE t.added (id int);
INSERT INTO t.added VALUES (1);
ALTER TABLE t.added ADD COLUMN tenant_id uuid NOT NULL DEFAULT :a;
CREATE TABLE t.renamed (id int, org uuid);
ALTER TABLE t.renamed RENAME COLUMN org TO tenant_id;
CREATE TABLE t.renamed_rows AS SELECT :a::uuid AS org;
ALTER TABLE t.renamed_rows RENAME org TO tenant_id;
RESET ROLE;
SET tenant_guard.excluded_schemas = 'nowhere, "T Staging", t_staging';
CREATE SCHEMA "T Staging" AUTHORIZATION regress_owner;
SET ROLE regress_owner;
CREATE TABLE "T Staging".moved (tenant_id uuid);
SELECT t.status('"T Staging".moved');
ALTER TABLE "T Staging".moved SET SCHEMA t;
CREATE TABLE t.to_be_typed (id int, tenant_id uuid);
RESET ROLE;
RESET tenant_guard.excluded_schemas;

-- All of these must be guarded now.
SELECT relation, status FROM tenant_guard.tables_and_partitions WHERE status <> 'guarded' AND relation::text ~ '^(t|t_elements|pg_temp.*)\.|temporary' ORDER BY relation::text COLLATE "C";
SELECT count(*) FROM tenant_guard.tables_and_partitions WHERE status = 'guarded' AND relation::text ~ '^(t|t_elements|pg_temp.*)\.|temporary';
SET ROLE regress_owner;

-- A table that rolls back takes its guard with it.
BEGIN;
CREATE TABLE t.undone (tenant_id uuid);
ROLLBACK;
SELECT to_regclass('t.undone');

-- A statement whose table cannot be guarded must fail whole.
CREATE TABLE t.wrong (tenant_id text);
\echo :LAST_ERROR_SQLSTATE
CREATE TABLE t.wrong AS SELECT 1 AS tenant_id;
SELECT 'x'::varchar AS tenant_id INTO t.wrong;
EXPLAIN (ANALYZE, COSTS OFF) CREATE TABLE t.wrong AS SELECT 1 AS tenant_id;
SELECT to_regclass('t.wrong');
CREATE TABLE t.fine (id int);
ALTER TABLE t.fine ADD COLUMN tenant_id text;
ALTER TABLE t.fine ADD COLUMN org text;
ALTER TABLE t.fine RENAME org TO tenant_id;
\d t.fine

-- A populated table that gets the column empty must be guarded at once, by a
-- CHECK that lets no new null in; SET NOT NULL completes it.
CREATE TABLE t.later (id int);
INSERT INTO t.later VALUES (1), (2);
ALTER TABLE t.later ADD COLUMN tenant_id uuid;
\d t.later
SELECT t.status('t.later');
BEGIN;
SELECT tenant_guard.set_tenant(:a);
SELECT * FROM t.later;
INSERT INTO t.later VALUES (3);
ROLLBACK;
ALTER TABLE t.later ALTER COLUMN tenant_id SET NOT NULL;
RESET ROLE;
SET tenant_guard.bypass = on;
UPDATE t.later SET tenant_id = :a;
INSERT INTO t.later VALUES (4, NULL);
RESET tenant_guard.bypass;
SET ROLE regress_owner;
ALTER TABLE t.later ALTER COLUMN tenant_id SET NOT NULL;
\d t.later

-- So must a CREATE TABLE AS with nulls in it.
CREATE TABLE t.as_nulls AS SELECT NULL::uuid AS tenant_id FROM generate_series(1, 3);
SELECT t.status('t.as_nulls');

-- Staging tables that end with their transaction must be left alone.
BEGIN;
CREATE TEMPORARY TABLE stage (LIKE t.plain) ON COMMIT DROP;
COPY stage FROM stdin;
1	bbbbbbbb-bbbb-bbbb-bbbb-bbbbbbbbbbbb
\.
ALTER TABLE stage ADD COLUMN note text;
CREATE TEMPORARY TABLE stage_as ON COMMIT DROP AS SELECT * FROM stage;
SELECT relname, relrowsecurity FROM pg_class WHERE relname LIKE 'stage%' ORDER BY relname COLLATE "C";
COMMIT;

-- Others that stay must not.
CREATE TEMPORARY TABLE kept (tenant_id uuid) ON COMMIT DELETE ROWS;
SELECT relrowsecurity FROM pg_class WHERE oid = 'kept'::regclass;

-- Tables without the column must be left alone, and so must those that had it
-- before the extension was there, until someone protects them.
CREATE TABLE t.untouched (id int);
SELECT relrowsecurity FROM pg_class WHERE oid = 't.untouched'::regclass;
RESET ROLE;
SET tenant_guard.auto_protect = off;
SET ROLE regress_owner;
CREATE TABLE t.legacy (id int, tenant_id uuid);
RESET ROLE;
RESET tenant_guard.auto_protect;
SET ROLE regress_owner;
ALTER TABLE t.legacy ADD COLUMN note text;
CREATE INDEX ON t.legacy (tenant_id);
SELECT t.status('t.legacy');

-- Moving one must guard it: the schema it came from may be an excluded one.
RESET ROLE;
GRANT CREATE ON SCHEMA t_elements TO regress_owner;
SET ROLE regress_owner;
ALTER TABLE t.legacy SET SCHEMA t_elements;
SELECT t.status('t_elements.legacy');

-- With row_security off, as in a script of pg_dump, nothing must be guarded,
-- and each table left must be named.
SET row_security = off;
CREATE TABLE t.restored (tenant_id uuid);
RESET row_security;
SELECT t.status('t.restored');

-- An application role must not be able to turn the guarding off.
SET tenant_guard.auto_protect = off;
SET tenant_guard.tenant_column = 'nothing';
SET tenant_guard.excluded_schemas = 't';

-- Nor must a replica session skip it.
RESET ROLE;
SET session_replication_role = replica;
CREATE TABLE t.replicated (tenant_id uuid);
RESET session_replication_role;
SELECT t.status('t.replicated');

-- A table of an extension must be left alone, and guarded when it leaves it.
CREATE TABLE t.member (id int);
ALTER EXTENSION tenant_guard ADD TABLE t.member;
ALTER TABLE t.member ADD COLUMN tenant_id uuid;
SELECT relrowsecurity FROM pg_class WHERE oid = 't.member'::regclass;
SELECT tenant_guard.protect('t.member');
ALTER EXTENSION tenant_guard DROP TABLE t.member;
SELECT t.status('t.member');

-- Another column may be the tenant's.
SET tenant_guard.tenant_column = '"Org Id"';
CREATE TABLE t.orgs ("Org Id" uuid, tenant_id int);
SELECT relation, status, tenant_column FROM tenant_guard.tables_and_partitions WHERE relation = 't.orgs'::regclass;
RESET tenant_guard.tenant_column;

-- A foreign table cannot be guarded, and must be named.
CREATE FOREIGN DATA WRAPPER regress_fdw;
CREATE SERVER regress_server FOREIGN DATA WRAPPER regress_fdw;
CREATE FOREIGN TABLE t.remote (tenant_id uuid) SERVER regress_server;
SELECT status, detail FROM tenant_guard.tables_and_partitions WHERE relation = 't.remote'::regclass;
SELECT tenant_guard.protect('t.remote');

SET client_min_messages = warning;
DROP FOREIGN DATA WRAPPER regress_fdw CASCADE;
DROP SCHEMA t, t_elements, "T Staging" CASCADE;
DROP OWNED BY regress_owner;
DROP ROLE regress_owner;
