--
-- protect_schema guards every table of a schema that has the column, and
-- reports each, those it cannot guard too.
--
\i test/setup/tenants.sql
SET tenant_guard.auto_protect = off;
CREATE ROLE regress_owner;
CREATE ROLE regress_other;
CREATE SCHEMA t;
GRANT ALL ON SCHEMA t TO regress_owner, regress_other;
SET ROLE regress_other;
CREATE TABLE t.foreign_owner (tenant_id uuid);
SET ROLE regress_owner;
CREATE TABLE t.good (tenant_id uuid);
CREATE TABLE t.done (tenant_id uuid);
CREATE TABLE t.nulls AS SELECT NULL::uuid AS tenant_id;
CREATE TABLE t.wrong_type (tenant_id text);
CREATE TABLE t.no_column (id int);
CREATE TABLE t.shared (tenant_id uuid);
CREATE TABLE t.parted (tenant_id uuid) PARTITION BY HASH (tenant_id);
CREATE TABLE t.a_part PARTITION OF t.parted FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE t.z_part PARTITION OF t.parted FOR VALUES WITH (MODULUS 2, REMAINDER 1);
CREATE VIEW t.view AS SELECT * FROM t.good;
SELECT tenant_guard.share('t.shared');
SELECT tenant_guard.protect('t.done');

-- Each must be guarded or named, and one failure must not stop the others.
SELECT * FROM tenant_guard.protect_schema('t') ORDER BY relation::text COLLATE "C";
RESET ROLE;
SELECT relation, status, detail FROM tenant_guard.tables_and_partitions WHERE relation::text LIKE 't.%' ORDER BY relation::text COLLATE "C";
SET ROLE regress_owner;

-- A second call must change nothing.
SELECT relation, status, detail FROM tenant_guard.protect_schema('t') WHERE status = 'guarded' ORDER BY relation::text COLLATE "C";

-- Another column may be named; a schema that is not there must be refused.
SELECT * FROM tenant_guard.protect_schema('t', 'id');
SELECT * FROM tenant_guard.protect_schema('no_such_schema');
SELECT * FROM tenant_guard.protect_schema(NULL);

-- So must the procedure be, inside a transaction block too, where its hint names the schema; there the hint must repeat the arguments.
CALL tenant_guard.protect_tables(99999999::regnamespace);
BEGIN;
CALL tenant_guard.protect_tables(99999999::regnamespace);
ROLLBACK;
BEGIN;
CALL tenant_guard.protect_tables('t', 'the id', true);
ROLLBACK;

RESET ROLE;
SET client_min_messages = warning;
DROP SCHEMA t CASCADE;
DROP ROLE regress_owner, regress_other;
