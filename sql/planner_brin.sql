--
-- Where a tenant has few rows, the statistics of a column in a BRIN index are
-- ignored. The planner must be told that there are none: it crashed.
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
ANALYZE t.notes;
GRANT ALL ON t.notes TO regress_app;
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
COMMIT;

RESET ROLE;
SET client_min_messages = warning;
DROP SCHEMA t CASCADE;
DROP ROLE regress_app;
