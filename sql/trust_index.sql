--
-- A filter that cannot tell of a row uses indexes and statistics as if no
-- policy were there; any other waits behind the barrier, and EXPLAIN says why.
--
\i test/setup/app.sql
SET tenant_guard.trusted_filters = on;
SET client_min_messages = warning;
CREATE TABLE t.notes (id int, tenant_id uuid, body text, amount numeric, doc jsonb, words tsvector);
CREATE INDEX notes_body ON t.notes (tenant_id, body text_pattern_ops);
CREATE INDEX notes_amount ON t.notes (tenant_id, amount);
CREATE INDEX notes_doc ON t.notes USING gin (doc);
CREATE TABLE t.marks (note_id int, tenant_id uuid, mark text);
CREATE TABLE t.own (id int, tenant_id uuid, body text);
CREATE POLICY own ON t.own AS RESTRICTIVE USING (body <> 'secret');
CREATE TABLE t.parts (id int, tenant_id uuid, body text) PARTITION BY LIST (tenant_id);
CREATE TABLE t.parts_a PARTITION OF t.parts FOR VALUES IN (:a);
CREATE TABLE t.parts_b PARTITION OF t.parts FOR VALUES IN (:b);
SET tenant_guard.bypass = on;
INSERT INTO t.notes
SELECT i, CASE WHEN i % 2 = 0 THEN :a ELSE :b END::uuid, 'note ' || i, i, jsonb_build_object('k', i), to_tsvector('simple', 'word' || i)
FROM generate_series(1, 4000) i;
INSERT INTO t.marks SELECT id, tenant_id, 'mark' FROM t.notes;
RESET tenant_guard.bypass;
ANALYZE t.notes, t.marks;
GRANT ALL ON ALL TABLES IN SCHEMA t TO regress_app;
\i test/setup/plan.sql
RESET client_min_messages;
SET ROLE regress_app;
SET enable_bitmapscan = off;
SET enable_seqscan = off;
BEGIN;
SELECT tenant_guard.set_tenant(:a);

-- LIKE with a known prefix, and a range of numbers, must be index conditions.
SELECT t.plan($$SELECT * FROM t.notes WHERE body LIKE 'note 12%'$$);
SELECT t.plan($$SELECT * FROM t.notes WHERE amount BETWEEN 10 AND 20$$);
-- So they must in what updates, deletes and locks.
SELECT t.plan($$UPDATE t.notes SET doc = NULL WHERE body LIKE 'note 12%'$$);
SELECT t.plan($$DELETE FROM t.notes WHERE amount = 10$$);
SELECT t.plan($$SELECT * FROM t.notes WHERE amount = 10 FOR UPDATE$$);
-- jsonb must reach its GIN index.
SET LOCAL enable_bitmapscan = on;
SELECT t.plan($$SELECT * FROM t.notes WHERE doc @> '{"k": 12}'$$);
SET LOCAL enable_bitmapscan = off;
-- Partitions must be pruned.
SET LOCAL enable_seqscan = on;
SELECT t.plan($$SELECT * FROM t.parts WHERE body LIKE 'x%'$$);
SET LOCAL enable_seqscan = off;

-- A function in the select list meets the tenant's rows only: it must not matter.
SELECT t.plan($$SELECT amount / (amount - 10), body::name FROM t.notes WHERE body LIKE 'note 12%'$$);
-- In a sub-select it must matter only where a filter refers to it.
SELECT t.plan($$SELECT id FROM (SELECT id, 1 / amount AS share FROM t.notes WHERE body LIKE 'note 12%') s WHERE id = 12$$);
SELECT t.plan($$SELECT id FROM (SELECT id, 1 / amount AS share FROM t.notes WHERE body LIKE 'note 12%') s WHERE share = 1$$);

-- The statistics must be open: half of the rows are the tenant's, and a tenth of those match.
CREATE FUNCTION t.estimate(query text) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
	plan json;
BEGIN
	EXECUTE 'EXPLAIN (FORMAT JSON) ' || query INTO plan;
	RETURN (plan->0->'Plan'->>'Plan Rows')::int;
END
$$;
SELECT t.estimate('SELECT * FROM t.notes WHERE amount < 400') BETWEEN 180 AND 220 AS knows;

-- What could fail, act or talk must wait behind the barrier.
SELECT t.plan($$SELECT * FROM t.notes WHERE substr(body, 6)::int = 12$$);
SELECT t.plan($$SELECT * FROM t.notes WHERE 1 / amount < 1 AND body LIKE 'note 12%'$$);
SELECT t.plan($$SELECT * FROM t.notes WHERE body LIKE 'note 12\'$$);
SELECT t.plan($$SELECT * FROM t.notes WHERE body ~ '(1)\1'$$);
SELECT t.plan($$SELECT * FROM t.notes WHERE random() < 2$$);
SELECT t.plan($$SELECT * FROM t.notes TABLESAMPLE system (100) WHERE body LIKE 'note 12%'$$);
-- A table with a policy of the application's own keeps its barrier.
SET LOCAL enable_seqscan = on;
SELECT t.plan($$SELECT * FROM t.own WHERE body LIKE 'x%'$$);
SET LOCAL enable_seqscan = off;

-- A parameter must be as good as a constant where the planner has its value, and a generic plan must be behind the
-- barrier; both must find the tenant's rows.
PREPARE q(text) AS SELECT count(*), min(id) FROM t.notes WHERE body LIKE $1;
CREATE FUNCTION t.note(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
		IF line LIKE '%Index Cond%~>=~%' THEN RETURN 'by the index'; END IF;
	END LOOP;
	RETURN 'not by the index';
END
$$;
SELECT t.note('EXECUTE q(''note 12%'')');
EXECUTE q('note 12%');
SET LOCAL plan_cache_mode = force_generic_plan;
SELECT t.note('EXECUTE q(''note 12%'')');
EXECUTE q('note 12%');
COMMIT;

-- A plan that is kept must follow the setting.
PREPARE k AS SELECT count(*) FROM t.notes WHERE body LIKE 'note 12%';
BEGIN;
SELECT tenant_guard.set_tenant(:a);
EXECUTE k;
SELECT t.note('EXECUTE k');
RESET ROLE;
SET LOCAL tenant_guard.trusted_filters = off;
SET ROLE regress_app;
EXECUTE k;
SELECT t.note('EXECUTE k');
SELECT t.plan($$SELECT * FROM t.notes WHERE body LIKE 'note 12%'$$);
COMMIT;
BEGIN;
SELECT tenant_guard.set_tenant(:b);
SELECT t.note('EXECUTE k');
EXECUTE k;
COMMIT;
-- The setting is a superuser's.
SET tenant_guard.trusted_filters = off;

RESET ROLE;
SET client_min_messages = warning;
DROP SCHEMA t CASCADE;
DROP ROLE regress_app;
