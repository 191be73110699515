--
-- Promise 5: a superuser or a role with BYPASSRLS is refused on a guarded
-- table, unless it says so on purpose.
--
\i test/setup/tenants.sql
SET client_min_messages = warning;
-- Messages name this superuser, whoever runs the tests.
CREATE ROLE regress_dba SUPERUSER;
SET SESSION AUTHORIZATION regress_dba;
CREATE ROLE regress_bypassrls BYPASSRLS;
CREATE ROLE regress_app;
CREATE SCHEMA t;
GRANT ALL ON SCHEMA t TO regress_bypassrls, regress_app;
CREATE TABLE t.notes (id int PRIMARY KEY, tenant_id uuid, body text);
CREATE TABLE t.plain (id int);
CREATE TABLE t.parted (tenant_id uuid, n int) PARTITION BY LIST (n);
CREATE TABLE t.part PARTITION OF t.parted FOR VALUES IN (1);
GRANT ALL ON ALL TABLES IN SCHEMA t TO regress_bypassrls, regress_app;
SET tenant_guard.bypass = on;
INSERT INTO t.notes VALUES (1, :a, 'of a'), (2, :b, 'of b');
INSERT INTO t.parted VALUES (:a, 1), (:b, 1);
RESET tenant_guard.bypass;
RESET client_min_messages;

-- A superuser must be refused, whatever the statement, and whether or not a
-- tenant is set.
SELECT count(*) FROM t.notes;
\echo :LAST_ERROR_SQLSTATE
BEGIN;
SELECT tenant_guard.set_tenant(:a);
SELECT count(*) FROM t.notes;
ROLLBACK;
\set VERBOSITY terse
INSERT INTO t.notes VALUES (3, :a, 'new');
UPDATE t.notes SET body = '';
DELETE FROM t.notes;
MERGE INTO t.notes n USING (VALUES (1)) v(id) ON n.id = v.id WHEN MATCHED THEN DELETE;
MERGE INTO t.plain p USING t.notes n ON n.id = p.id WHEN NOT MATCHED THEN INSERT VALUES (n.id);
INSERT INTO t.notes VALUES (1, :a, 'new') ON CONFLICT (id) DO UPDATE SET body = '';
COPY t.notes TO stdout;
COPY (SELECT * FROM t.notes) TO stdout;
COPY t.notes FROM '/dev/null';
SELECT * FROM t.plain WHERE id IN (SELECT id FROM t.notes);
WITH n AS (SELECT * FROM t.notes) SELECT * FROM n;
WITH n AS (DELETE FROM t.notes RETURNING id) SELECT * FROM n;
SELECT 1 FROM t.notes FOR UPDATE;
SELECT * FROM t.plain UNION ALL SELECT id FROM t.notes;
TABLE t.part;
SELECT * FROM ONLY t.parted;
EXPLAIN SELECT * FROM t.notes;
EXPLAIN ANALYZE DELETE FROM t.notes;
CREATE TABLE t.copied AS SELECT * FROM t.notes;
SELECT * INTO t.copied FROM t.notes;
INSERT INTO t.plain SELECT id FROM t.notes;
PREPARE q AS SELECT * FROM t.notes;
EXECUTE q;
DEALLOCATE q;
BEGIN;
DECLARE c CURSOR FOR SELECT * FROM t.notes;
ROLLBACK;
DO $$ BEGIN PERFORM 1 FROM t.notes; END $$;
DO $$ BEGIN EXECUTE 'DELETE FROM t.notes'; END $$;
\set VERBOSITY default

-- So must a role with BYPASSRLS.
SET ROLE regress_bypassrls;
SELECT count(*) FROM t.notes;
DELETE FROM t.notes;
RESET ROLE;

-- A superuser that has taken a bound role is bound.
SET ROLE regress_app;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
SELECT body FROM t.notes;
COMMIT;
RESET ROLE;

-- A plan made by one role must not serve another.
SET ROLE regress_app;
PREPARE q AS SELECT body FROM t.notes ORDER BY id;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
EXECUTE q;
COMMIT;
RESET ROLE;
EXECUTE q;
SET ROLE regress_app;
BEGIN;
SELECT tenant_guard.set_tenant(:b);
EXECUTE q;
COMMIT;
DEALLOCATE q;
RESET ROLE;

-- What is not guarded must stay as it was.
SELECT count(*) FROM t.plain;
INSERT INTO t.plain VALUES (1);

-- No tenant must be an error even where no row would be read.
SET ROLE regress_app;
SELECT * FROM t.notes WHERE false;
SELECT * FROM t.plain WHERE id = 7 AND EXISTS (SELECT FROM t.notes);
INSERT INTO t.notes SELECT 1, :a WHERE false;
SET plan_cache_mode = force_generic_plan;
PREPARE q(boolean) AS SELECT * FROM t.notes WHERE $1;
EXECUTE q(false);
RESET plan_cache_mode;

-- Touching a table, rows or not, must fix the tenant.
BEGIN;
SELECT tenant_guard.set_tenant(:a);
SELECT * FROM t.notes WHERE false;
SELECT tenant_guard.set_tenant(:b);
ROLLBACK;

-- A tenant that the same statement sets comes too late.
SELECT tenant_guard.set_tenant(:a), count(*) FROM t.notes;
BEGIN;
SELECT s.set_tenant, n.body FROM (SELECT tenant_guard.set_tenant(:a) OFFSET 0) s, t.notes n;
ROLLBACK;

-- A trigger must not change it either, at once or deferred.
CREATE FUNCTION t.change_tenant() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM tenant_guard.set_tenant('bbbbbbbb-bbbb-bbbb-bbbb-bbbbbbbbbbbb'); RETURN NULL; END $$;
RESET ROLE;
CREATE TRIGGER change_tenant AFTER INSERT ON t.notes FOR EACH ROW EXECUTE FUNCTION t.change_tenant();
SET ROLE regress_app;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
INSERT INTO t.notes VALUES (5);
ROLLBACK;
RESET ROLE;
DROP TRIGGER change_tenant ON t.notes;
CREATE CONSTRAINT TRIGGER change_tenant AFTER INSERT ON t.notes DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW EXECUTE FUNCTION t.change_tenant();
SET ROLE regress_app;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
INSERT INTO t.notes VALUES (5);
COMMIT;
RESET ROLE;

SET client_min_messages = warning;
DROP SCHEMA t CASCADE;
RESET SESSION AUTHORIZATION;
DROP ROLE regress_app, regress_bypassrls, regress_dba;
