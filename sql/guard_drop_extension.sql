--
-- DROP EXTENSION CASCADE leaves guarded tables closed; CREATE EXTENSION and
-- protect bring them back.
--
\i test/setup/tenants.sql
CREATE ROLE regress_app;
CREATE SCHEMA t;
GRANT USAGE ON SCHEMA t TO regress_app;
CREATE TABLE t.notes (id int, tenant_id uuid);
CREATE TABLE t.parted (tenant_id uuid, n int) PARTITION BY LIST (n);
CREATE TABLE t.part PARTITION OF t.parted FOR VALUES IN (1);
CREATE TABLE t.later AS SELECT NULL::uuid AS tenant_id;
SET tenant_guard.bypass = on;
INSERT INTO t.notes VALUES (1, :a), (2, :b);
INSERT INTO t.parted VALUES (:a, 1), (:b, 1);
RESET tenant_guard.bypass;
GRANT ALL ON ALL TABLES IN SCHEMA t TO regress_app;

-- Without CASCADE it must be refused, since policies and defaults need it.
\set VERBOSITY terse
DROP EXTENSION tenant_guard;
SET client_min_messages = warning;
DROP EXTENSION tenant_guard CASCADE;
RESET client_min_messages;
\set VERBOSITY default

-- With it, the application and a plain owner must see nothing and write nothing.
SET ROLE regress_app;
SELECT count(*) FROM t.notes;
SELECT count(*) FROM t.parted;
SELECT count(*) FROM t.part;
SELECT count(*) FROM t.later;
INSERT INTO t.notes VALUES (3, :a);
UPDATE t.notes SET id = 4;
DELETE FROM t.notes;
RESET ROLE;
ALTER TABLE t.notes OWNER TO regress_app;
SET ROLE regress_app;
SELECT count(*) FROM t.notes;
RESET ROLE;
\d t.notes

-- No row must be lost.
SELECT count(*) FROM t.notes;

-- Nothing must be refused on its account, though the library is loaded: a key that calls a function, a domain's constraint,
-- a table that EXPLAIN makes.
CREATE SCHEMA own AUTHORIZATION regress_app;
SET ROLE regress_app;
CREATE DOMAIN own.message AS text;
CREATE TYPE own.word AS ENUM ('one');
CREATE FUNCTION own.as_int(own.word) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 1';
CREATE CAST (own.word AS int) WITH FUNCTION own.as_int(own.word) AS IMPLICIT;
RESET ROLE;
CREATE TABLE own.log (id int PRIMARY KEY, message own.message);
GRANT REFERENCES ON own.log TO regress_app;
SET ROLE regress_app;
ALTER DOMAIN own.message ADD CHECK (VALUE <> '');
CREATE TABLE own.uses (w own.word REFERENCES own.log);
DO $$ BEGIN
	EXECUTE 'EXPLAIN ANALYZE CREATE TABLE own.made AS SELECT NULL::uuid AS tenant_id';
END $$;
RESET ROLE;
SET client_min_messages = error;
DROP SCHEMA own CASCADE;
RESET client_min_messages;

-- CREATE EXTENSION and protect must bring it all back. (It warns where the library is not preloaded.)
SET client_min_messages = error;
CREATE EXTENSION tenant_guard;
RESET client_min_messages;
SELECT relation, status FROM tenant_guard.tables_and_partitions WHERE relation::text LIKE 't.%' ORDER BY relation::text COLLATE "C";
SELECT tenant_guard.protect('t.notes');
SELECT tenant_guard.protect('t.parted');
SELECT tenant_guard.protect('t.later');
SET ROLE regress_app;
SELECT count(*) FROM t.notes;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
SELECT count(*) FROM t.notes;
SELECT count(*) FROM t.part;
COMMIT;
RESET ROLE;

-- The schemas are the extension's: DROP SCHEMA must be refused.
DROP SCHEMA tenant_guard CASCADE;
DROP SCHEMA tenant_guard_internal CASCADE;
-- What somebody has put into one must not go unnoticed.
CREATE TABLE tenant_guard.somebodys (id int);
SET client_min_messages = error;
DROP EXTENSION tenant_guard;
DROP TABLE tenant_guard.somebodys;
-- They must go with the extension.
DROP EXTENSION tenant_guard CASCADE;
SELECT nspname FROM pg_namespace WHERE nspname ~ '^tenant_guard';
-- A schema that another role prepared must not be taken for the extension's, whatever it holds and whoever owns it.
CREATE SCHEMA tenant_guard AUTHORIZATION regress_app;
SET ROLE regress_app;
CREATE FUNCTION tenant_guard.current_tenant() RETURNS uuid LANGUAGE sql AS 'SELECT NULL::uuid';
RESET ROLE;
CREATE EXTENSION tenant_guard;
ALTER SCHEMA tenant_guard OWNER TO CURRENT_USER;
\set VERBOSITY terse
CREATE EXTENSION tenant_guard;
\set VERBOSITY default
SELECT count(*) FROM pg_extension WHERE extname = 'tenant_guard';
DROP SCHEMA tenant_guard CASCADE;
CREATE SCHEMA tenant_guard_internal AUTHORIZATION regress_app;
CREATE EXTENSION tenant_guard;
DROP SCHEMA tenant_guard_internal;
-- It cannot be made in another schema, and what it makes must be in its own whatever the search_path is.
CREATE EXTENSION tenant_guard SCHEMA public;
SET search_path = t;
CREATE EXTENSION tenant_guard;
RESET search_path;
SELECT DISTINCT n.nspname FROM pg_depend d JOIN pg_proc p ON p.oid = d.objid JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE d.classid = 'pg_proc'::regclass AND d.deptype = 'e' AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'tenant_guard') ORDER BY 1;
DROP SCHEMA t CASCADE;
DROP ROLE regress_app;
