--
-- Tables with rows of everyone: partitions and children, and policies that a dump makes.
--
\i test/setup/app.sql
\set VERBOSITY terse
-- What becomes a part of such a table is guarded as it is.
CREATE TABLE t.whole (id int, tenant_id uuid, kind int) PARTITION BY LIST (kind);
CREATE TABLE t.part_1 PARTITION OF t.whole FOR VALUES IN (1);
SELECT tenant_guard.protect('t.whole', null_rows => 'shared');
CREATE TABLE t.part_2 PARTITION OF t.whole FOR VALUES IN (2);
CREATE TABLE t.part_3 (LIKE t.whole);
SELECT detail FROM tenant_guard.guard_status('t.part_3');
ALTER TABLE t.whole ATTACH PARTITION t.part_3 FOR VALUES IN (3);
CREATE TABLE t.parent (id int, tenant_id uuid);
SELECT tenant_guard.protect('t.parent', null_rows => 'shared');
CREATE TABLE t.child () INHERITS (t.parent);
SELECT relation, status, null_rows, detail FROM tenant_guard.tables_and_partitions ORDER BY relation::text;
SELECT * FROM tenant_guard.broken_invariants();
-- While a tenant is set no table is made a part if its rows without a tenant would be shown.
BEGIN;
SELECT tenant_guard.set_tenant(:a);
CREATE TABLE t.waiting AS SELECT 1 AS id, NULL::uuid AS tenant_id;
ALTER TABLE t.waiting INHERIT t.parent;
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
CREATE TABLE t.part_4 (LIKE t.whole);
ALTER TABLE t.whole ATTACH PARTITION t.part_4 FOR VALUES IN (4);
ROLLBACK;
-- A part cannot differ from the whole.
SELECT tenant_guard.protect('t.part_1');
\echo :LAST_ERROR_SQLSTATE
-- Rows of everyone are seen by the name of a part as by that of the whole, and written by neither.
SET tenant_guard.bypass = on;
INSERT INTO t.whole VALUES (1, NULL, 1), (2, :a, 1), (3, :b, 1);
RESET tenant_guard.bypass;
GRANT ALL ON t.whole, t.part_1 TO regress_app;
SET ROLE regress_app;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
SELECT id FROM t.whole ORDER BY id;
SELECT id FROM t.part_1 ORDER BY id;
UPDATE t.whole SET id = id RETURNING id;
UPDATE t.part_1 SET id = id RETURNING id;
UPDATE t.whole SET kind = 2 RETURNING id, tableoid::regclass;
DELETE FROM t.whole RETURNING id;
ROLLBACK;
RESET ROLE;
-- What leaves the whole keeps its guard.
ALTER TABLE t.whole DETACH PARTITION t.part_1;
SELECT status, detail FROM tenant_guard.guard_status('t.part_1');
-- Below a table whose rows each have a tenant, rows of everyone are in the way.
CREATE TABLE t.strict (id int, tenant_id uuid, kind int) PARTITION BY LIST (kind);
\set VERBOSITY sqlstate
ALTER TABLE t.strict ATTACH PARTITION t.part_1 FOR VALUES IN (1);
\set VERBOSITY terse
-- The whole goes back to rows of tenants with its parts.
SELECT tenant_guard.protect('t.whole');
SELECT relation, status, null_rows, detail FROM tenant_guard.tables_and_partitions WHERE relation::text LIKE 't.part%' ORDER BY relation::text;

-- Policies as a dump makes them are recognised; with some of them the guard is damaged, and with all it is whole.
SET row_security = off;
SET client_min_messages = error;
CREATE TABLE t.restored (id int, tenant_id uuid DEFAULT tenant_guard.current_tenant());
INSERT INTO t.restored VALUES (1, NULL);
CREATE POLICY tenant_access ON t.restored USING (tenant_guard.guarded());
CREATE POLICY tenant_isolation ON t.restored AS RESTRICTIVE FOR SELECT USING (((tenant_id = tenant_guard.current_tenant()) OR (tenant_id IS NULL)));
CREATE POLICY tenant_isolation_deletes ON t.restored AS RESTRICTIVE FOR DELETE USING ((tenant_id = tenant_guard.current_tenant()));
CREATE POLICY tenant_isolation_inserts ON t.restored AS RESTRICTIVE FOR INSERT WITH CHECK ((tenant_id = tenant_guard.current_tenant()));
SELECT status, detail FROM tenant_guard.guard_status('t.restored');
CREATE POLICY tenant_isolation_updates ON t.restored AS RESTRICTIVE FOR UPDATE USING ((tenant_id = tenant_guard.current_tenant())) WITH CHECK ((tenant_id = tenant_guard.current_tenant()));
ALTER TABLE t.restored ENABLE ROW LEVEL SECURITY;
ALTER TABLE ONLY t.restored FORCE ROW LEVEL SECURITY;
SELECT status, detail FROM tenant_guard.guard_status('t.restored');
RESET row_security;
RESET client_min_messages;
-- One that is there already is skipped; one of another shape is not taken for it.
CREATE POLICY tenant_isolation_deletes ON t.restored AS RESTRICTIVE FOR DELETE USING (tenant_id = tenant_guard.current_tenant());
CREATE POLICY tenant_isolation ON t.restored AS RESTRICTIVE USING (tenant_id = tenant_guard.current_tenant()) WITH CHECK (tenant_id = tenant_guard.current_tenant());
\echo :LAST_ERROR_SQLSTATE
SET client_min_messages = warning;
DROP SCHEMA t CASCADE;
DROP ROLE regress_app;
