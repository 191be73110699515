--
-- Where a tenant has few rows, the statistics of a column in a BRIN index are
-- ignored. The planner must be told that there are none: it crashed. So it did
-- where the tenant column was in the index, and tenants were many.
--
\i test/setup/app.sql
SET tenant_guard.trusted_filters = on;
SET client_min_messages = warning;
CREATE TABLE t.notes (id int, tenant_id uuid);
SET tenant_guard.bypass = on;
INSERT INTO t.notes SELECT i, :b FROM generate_series(1, 2000) i;
INSERT INTO t.notes SELECT i, :a FROM generate_series(1, 9) i;
RESET tenant_guard.bypass;
CREATE INDEX notes_brin ON t.notes USING brin (id);
CREATE INDEX notes_tenant ON t.notes (tenant_id, id);
CREATE TABLE t.marks (id int, tenant_id uuid);
SET tenant_guard.bypass = on;
INSERT INTO t.marks SELECT i, md5(i::text)::uuid FROM generate_series(1, 3000) i;
INSERT INTO t.marks VALUES (1, :a);
INSERT INTO t.marks SELECT 1, :b FROM generate_series(1, 100);
RESET tenant_guard.bypass;
CREATE INDEX marks_brin ON t.marks USING brin (tenant_id, id);
ANALYZE t.notes, t.marks;
GRANT ALL ON t.notes, t.marks TO regress_app;
\i test/setup/plan.sql
RESET client_min_messages;
SET ROLE regress_app;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
SET LOCAL enable_seqscan = off;
SET LOCAL enable_indexscan = off;
SET LOCAL enable_indexonlyscan = off;
SELECT t.plan('SELECT id FROM t.notes WHERE id = 5');
SELECT id FROM t.notes WHERE id = 5;
SELECT id FROM t.notes WHERE id < 3 ORDER BY id;
SELECT id FROM t.marks WHERE id = 1;
SELECT a.id FROM t.marks a JOIN t.marks b USING (id);
COMMIT;

RESET ROLE;
SET client_min_messages = warning;
DROP SCHEMA t CASCADE;
DROP ROLE regress_app;
