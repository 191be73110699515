--
-- A key that cannot be made to carry the tenant is refused with what to do, and
-- nothing is changed.
--
\i test/setup/owner_and_app.sql
SET client_min_messages = warning;
CREATE ROLE regress_other;
CREATE ROLE regress_member IN ROLE regress_owner;
GRANT ALL ON SCHEMA t TO regress_other;
SET tenant_guard.foreign_keys = off;
SET ROLE regress_owner;
CREATE TABLE t.parents (id int PRIMARY KEY, tenant_id uuid);
CREATE TABLE t.children (id int, tenant_id uuid, p int CONSTRAINT by_p REFERENCES t.parents ON DELETE CASCADE,
	q bigint CONSTRAINT by_q REFERENCES t.parents, ok int CONSTRAINT by_ok REFERENCES t.parents);
RESET ROLE;

-- All that a refusal must leave as it was.
CREATE VIEW t.state AS
SELECT c.oid, c.conname, c.conrelid, c.conkey, c.confkey, c.convalidated, c.conindid, (SELECT array_agg(t.oid ORDER BY t.oid) FROM pg_trigger t WHERE t.tgconstraint = c.oid) AS triggers,
	(SELECT array_agg(i.indexrelid ORDER BY i.indexrelid) FROM pg_index i WHERE i.indrelid IN (c.conrelid, c.confrelid)) AS indexes
FROM pg_constraint c JOIN pg_class r ON r.oid = conrelid WHERE relnamespace = 't'::regnamespace AND contype = 'f';
CREATE TABLE t.before AS SELECT * FROM t.state;
CREATE FUNCTION t.changed() RETURNS SETOF name LANGUAGE sql SECURITY DEFINER AS
$$ (SELECT s.conname FROM (TABLE t.state EXCEPT TABLE t.before) s) UNION ALL (SELECT b.conname FROM (TABLE t.before EXCEPT TABLE t.state) b) $$;

SET tenant_guard.bypass = on;
INSERT INTO t.parents VALUES (1, :a), (2, :b);
INSERT INTO t.children VALUES (1, :a, 1, 1, 1), (2, :a, 2, 1, NULL), (3, :b, 1, 1, 2), (4, :b, 2, 2, 2), (5, :b, NULL, NULL, NULL);
RESET tenant_guard.bypass;
RESET client_min_messages;

--
-- Rows that cross tenants already.
--
-- The forced owner must be told of all of them, by key, without a tenant ...
SET ROLE regress_owner;
SELECT tenant_guard.pair_foreign_keys('t.children');

-- ... with one that sees none of them, or some ...
BEGIN;
SET LOCAL tenant_guard.tenant_id = 'cccccccc-cccc-cccc-cccc-cccccccccccc';
SELECT tenant_guard.pair_foreign_keys('t.parents');
ROLLBACK;
BEGIN;
SET LOCAL tenant_guard.tenant_id = :a;
SELECT tenant_guard.pair_foreign_keys('t.children');
ROLLBACK;
SELECT t.changed();

-- ... and so must a member of the owner, a superuser, and who sees an older
-- snapshot.
\set VERBOSITY terse
SET ROLE regress_member;
SELECT tenant_guard.pair_foreign_keys('t.children');
\echo :LAST_ERROR_SQLSTATE
RESET ROLE;
SELECT tenant_guard.pair_foreign_keys('t.children');
\echo :LAST_ERROR_SQLSTATE
SET row_security = off;
SELECT tenant_guard.pair_foreign_keys('t.children');
\echo :LAST_ERROR_SQLSTATE
RESET row_security;
SET tenant_guard.bypass = on;
SELECT tenant_guard.pair_foreign_keys('t.children');
\echo :LAST_ERROR_SQLSTATE
RESET tenant_guard.bypass;
SET ROLE regress_owner;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT tenant_guard.pair_foreign_keys('t.children');
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT tenant_guard.pair_foreign_keys('t.children');
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;

-- row_security = off must not let an owner pass whom row-level security binds.
SET row_security = off;
SELECT tenant_guard.pair_foreign_keys('t.children');
\echo :LAST_ERROR_SQLSTATE
RESET row_security;
\set VERBOSITY default
SELECT t.changed();
RESET ROLE;

-- The queries of the hint must list them.
SET row_security = off;
SELECT c.* FROM t.children AS c JOIN t.parents AS p ON p.id = c.p WHERE c.tenant_id <> p.tenant_id;
SELECT c.* FROM t.children AS c JOIN t.parents AS p ON p.id = c.q WHERE c.tenant_id <> p.tenant_id;
RESET row_security;

-- An earlier statement of the same transaction must count as well, and a caught
-- refusal must leave the session as it was.
SET tenant_guard.bypass = on;
DELETE FROM t.children WHERE id IN (2, 3);
RESET tenant_guard.bypass;
SET ROLE regress_owner;
BEGIN;
SET LOCAL tenant_guard.tenant_id = :a;
INSERT INTO t.children VALUES (6, DEFAULT, 2);
SET CONSTRAINTS ALL IMMEDIATE;
DO $$ BEGIN
	PERFORM tenant_guard.pair_foreign_keys('t.children');
EXCEPTION WHEN SQLSTATE 'TG007' THEN
	RAISE NOTICE 'refused: sees % children, search_path %, replication role %', (SELECT count(*) FROM t.children), current_setting('search_path'), current_setting('session_replication_role');
END $$;
ROLLBACK;
SELECT t.changed();

-- Rows of a partitioned table, and of a self-reference, must be counted too.
SET client_min_messages = warning;
CREATE TABLE t.tree (id int PRIMARY KEY, tenant_id uuid, up int CONSTRAINT upward REFERENCES t.tree);
CREATE TABLE t.whole (id int, tenant_id uuid, p int CONSTRAINT whole_p REFERENCES t.parents) PARTITION BY RANGE (id);
CREATE TABLE t.part PARTITION OF t.whole FOR VALUES FROM (1) TO (10);
RESET ROLE;
SET tenant_guard.bypass = on;
INSERT INTO t.tree VALUES (1, :a, NULL), (2, :b, 1), (3, :b, 2);
INSERT INTO t.whole VALUES (1, :a, 2), (2, :a, 1);
RESET tenant_guard.bypass;
TRUNCATE t.before;
INSERT INTO t.before TABLE t.state;
SET ROLE regress_owner;
RESET client_min_messages;
SELECT tenant_guard.pair_foreign_keys('t.tree');
SELECT tenant_guard.pair_foreign_keys('t.whole');

-- A partition has no key of its own here.
SELECT tenant_guard.pair_foreign_keys('t.part');
SELECT t.changed();

-- What protect and ALTER TABLE do on their own must be refused likewise.
RESET ROLE;
SET tenant_guard.foreign_keys = pair;
SET ROLE regress_owner;
SELECT tenant_guard.protect('t.tree');
\set VERBOSITY terse
ALTER TABLE t.whole ADD CONSTRAINT one_more FOREIGN KEY (p) REFERENCES t.parents;
\set VERBOSITY default
SELECT t.changed();
RESET ROLE;
SET tenant_guard.foreign_keys = off;
SET client_min_messages = warning;
DROP TABLE t.tree, t.whole, t.children;

--
-- Parents of other owners.
--
SET ROLE regress_other;
CREATE TABLE t.others (id int PRIMARY KEY, tenant_id uuid);
GRANT REFERENCES ON t.others TO regress_owner;
SET ROLE regress_owner;
CREATE TABLE t.mine (id int, tenant_id uuid, o int CONSTRAINT by_o REFERENCES t.others);
RESET ROLE;
SET tenant_guard.bypass = on;
INSERT INTO t.others VALUES (1, :a), (2, :b);
INSERT INTO t.mine VALUES (1, :a, 2);
RESET tenant_guard.bypass;
TRUNCATE t.before;
INSERT INTO t.before TABLE t.state;
RESET client_min_messages;

-- Without an index there must be said who can make it, and without ownership
-- of the child who can do it.
SET ROLE regress_owner;
SELECT tenant_guard.pair_foreign_keys('t.mine');
SET ROLE regress_other;
SELECT tenant_guard.pair_foreign_keys('t.others');
SELECT tenant_guard.pair_foreign_keys('t.mine');
SET ROLE regress_app;
SELECT tenant_guard.pair_foreign_keys('t.mine');
RESET ROLE;
SELECT t.changed();

-- With an index the rows of the parent, which the owner may not read, must stand
-- in the way all the same.
SET ROLE regress_other;
CREATE UNIQUE INDEX ON t.others (tenant_id, id);
SET ROLE regress_owner;
\set VERBOSITY sqlstate
SELECT tenant_guard.pair_foreign_keys('t.mine');
BEGIN;
SET LOCAL tenant_guard.tenant_id = :b;
SELECT tenant_guard.pair_foreign_keys('t.mine');
ROLLBACK;
\set VERBOSITY default
RESET ROLE;
SET tenant_guard.bypass = on;
DELETE FROM t.mine;
INSERT INTO t.mine VALUES (1, :a, 1);
RESET tenant_guard.bypass;
SET ROLE regress_owner;
SELECT tenant_guard.pair_foreign_keys('t.mine');
SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'by_o';
RESET ROLE;
DROP TABLE t.mine, t.others;

--
-- Deferred checks that are still to come.
--
SET client_min_messages = warning;
SET ROLE regress_owner;
CREATE TABLE t.late (id int, tenant_id uuid, p int CONSTRAINT by_late REFERENCES t.parents DEFERRABLE INITIALLY DEFERRED);
CREATE TABLE t.also (id int PRIMARY KEY, tenant_id uuid, p int CONSTRAINT by_also REFERENCES t.parents DEFERRABLE INITIALLY DEFERRED);
CREATE TABLE t.of_also (id int, tenant_id uuid, p int CONSTRAINT by_of_also REFERENCES t.also);
RESET ROLE;
TRUNCATE t.before;
INSERT INTO t.before TABLE t.state;
SET ROLE regress_owner;
RESET client_min_messages;
BEGIN;
SET LOCAL tenant_guard.tenant_id = :a;
INSERT INTO t.late VALUES (1, DEFAULT, 2);
SELECT tenant_guard.pair_foreign_keys('t.late');
ROLLBACK;

-- On the parent too, which is to get an index.
BEGIN;
SET LOCAL tenant_guard.tenant_id = :a;
INSERT INTO t.also VALUES (1, DEFAULT, 1);
SELECT tenant_guard.pair_foreign_keys('t.of_also');
ROLLBACK;
SELECT t.changed();

-- Once they are done, it must work.
BEGIN;
SET LOCAL tenant_guard.tenant_id = :a;
INSERT INTO t.late VALUES (1, DEFAULT, 1);
SET CONSTRAINTS ALL IMMEDIATE;
SELECT tenant_guard.pair_foreign_keys('t.late');
ROLLBACK;
DROP TABLE t.late, t.of_also, t.also;

--
-- What a key with the tenant cannot say.
--
SET client_min_messages = warning;
CREATE TABLE t.pairs (x int, y int, tenant_id uuid, PRIMARY KEY (x, y));
CREATE TABLE t.set_null (id int, tenant_id uuid, p int CONSTRAINT k REFERENCES t.parents ON UPDATE SET NULL);
CREATE TABLE t.set_default (id int, tenant_id uuid, p int CONSTRAINT k REFERENCES t.parents ON UPDATE SET DEFAULT);
CREATE TABLE t.full (id int, tenant_id uuid, x int, y int, CONSTRAINT k FOREIGN KEY (x, y) REFERENCES t.pairs MATCH FULL);
CREATE TABLE t.full_not_null (id int, tenant_id uuid, x int NOT NULL, y int NOT NULL, CONSTRAINT k FOREIGN KEY (x, y) REFERENCES t.pairs MATCH FULL);
CREATE TABLE t.generated_cascade (id int, tenant uuid, tenant_id uuid GENERATED ALWAYS AS (tenant) STORED, p int CONSTRAINT k REFERENCES t.parents ON UPDATE CASCADE);
CREATE TABLE t.generated_null (id int, tenant uuid, tenant_id uuid GENERATED ALWAYS AS (tenant) STORED, p int CONSTRAINT k REFERENCES t.parents ON DELETE SET NULL);
CREATE TABLE t.generated_plain (id int, tenant uuid, tenant_id uuid GENERATED ALWAYS AS (tenant) STORED, p int CONSTRAINT k REFERENCES t.parents ON DELETE CASCADE);
CREATE TABLE t.by_uuid (id uuid PRIMARY KEY, tenant_id uuid);
CREATE TABLE t.only_tenant (id int, tenant_id uuid CONSTRAINT k REFERENCES t.by_uuid ON DELETE SET NULL);
RESET ROLE;
TRUNCATE t.before;
INSERT INTO t.before TABLE t.state;
SET ROLE regress_owner;
RESET client_min_messages;
SELECT tenant_guard.pair_foreign_keys('t.set_null');
SELECT tenant_guard.pair_foreign_keys('t.set_default');
SELECT tenant_guard.pair_foreign_keys('t.full');
SELECT tenant_guard.pair_foreign_keys('t.generated_cascade');
SELECT tenant_guard.pair_foreign_keys('t.generated_null');
SELECT tenant_guard.pair_foreign_keys('t.only_tenant');

-- One of many that cannot must keep all of them as they were.
SELECT tenant_guard.pair_foreign_keys('t.pairs');
\set VERBOSITY terse
SELECT tenant_guard.pair_foreign_keys('t.parents');
\set VERBOSITY default
SELECT t.changed();

-- And what can be said, must.
SELECT tenant_guard.pair_foreign_keys('t.full_not_null');
SELECT tenant_guard.pair_foreign_keys('t.generated_plain');
SELECT conrelid::regclass, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid IN ('t.full_not_null'::regclass, 't.generated_plain'::regclass) AND contype = 'f'
ORDER BY conrelid::regclass::text COLLATE "C";
DROP TABLE t.set_null, t.set_default, t.full, t.full_not_null, t.generated_cascade, t.generated_null, t.generated_plain, t.only_tenant, t.by_uuid, t.pairs;

--
-- Keys of as many columns as an index has.
--
RESET ROLE;
SET client_min_messages = warning;
DO $$ DECLARE
	columns_31 text := (SELECT string_agg('c' || i, ', ') FROM generate_series(1, 31) i);
	types_31 text := (SELECT string_agg('c' || i || ' int', ', ') FROM generate_series(1, 31) i);
BEGIN
	EXECUTE format('CREATE TABLE t.p31 (%s, tenant_id uuid, PRIMARY KEY (%s))', types_31, columns_31);
	EXECUTE format('CREATE TABLE t.c31 (%s, tenant_id uuid, CONSTRAINT k31 FOREIGN KEY (%s) REFERENCES t.p31)', types_31, columns_31);
	EXECUTE format('CREATE TABLE t.p32 (%s, c32 int, tenant_id uuid, PRIMARY KEY (%s, c32))', types_31, columns_31);
	EXECUTE format('CREATE TABLE t.c32 (%s, c32 int, tenant_id uuid, CONSTRAINT k32 FOREIGN KEY (%s, c32) REFERENCES t.p32)', types_31, columns_31);
END $$;
TRUNCATE t.before;
INSERT INTO t.before TABLE t.state;
RESET client_min_messages;
SELECT tenant_guard.pair_foreign_keys('t.c32');
SELECT t.changed();
SELECT tenant_guard.pair_foreign_keys('t.c31');

SET client_min_messages = warning;
DROP SCHEMA t CASCADE;
DROP ROLE regress_owner, regress_other, regress_app, regress_member;
