--
-- What a trusted function makes of a value may be too large, and that is an
-- error. Another tenant's value must not make a query fail.
--
\i test/setup/app.sql
SET tenant_guard.trusted_filters = on;
SET client_min_messages = warning;
CREATE TABLE t.notes (id int, tenant_id uuid, body text, doc jsonb, amount numeric);
CREATE TABLE t.shared (id int, tenant_id uuid, doc jsonb);
SELECT FROM tenant_guard.protect('t.shared', null_rows => 'shared');
CREATE TABLE t.parts (id int, tenant_id uuid, doc jsonb) PARTITION BY RANGE (id);
CREATE TABLE t.part PARTITION OF t.parts DEFAULT;
SET tenant_guard.bypass = on;
-- A hundred kilobytes, and as text a gigabyte.
INSERT INTO t.notes SELECT 1, :b, 'theirs', jsonb_build_object('k', jsonb_agg(1e131071)) FROM generate_series(1, 8200);
INSERT INTO t.notes VALUES (2, :a, 'mine', '{"k": 1}');
INSERT INTO t.shared SELECT id, tenant_id, doc FROM t.notes;
INSERT INTO t.parts SELECT id, tenant_id, doc FROM t.notes;
RESET tenant_guard.bypass;
ANALYZE t.notes, t.shared, t.parts;
GRANT ALL ON t.notes, t.shared, t.parts, t.part TO regress_app;
RESET client_min_messages;
SET ROLE regress_app;
CREATE FUNCTION t.filters(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
		IF line ~ 'Filter:|Tenant Filter' THEN RETURN NEXT regexp_replace(trim(line), '^(Tenant Filter) on [^:]+', '\1'); END IF;
	END LOOP;
END
$$;
BEGIN;
SELECT tenant_guard.set_tenant(:a);

-- The tenant's own filter must come before what makes a value, which costs the planner the same.
SELECT t.filters($$SELECT FROM t.notes WHERE doc ->> 'k' IS NOT NULL$$);
SELECT id FROM t.notes WHERE doc ->> 'k' IS NOT NULL;
SELECT id FROM t.notes WHERE (doc #>> '{k}') IS NOT NULL OR id = 7;
SELECT id FROM t.shared WHERE doc ->> 'k' IS NOT NULL;
SELECT id FROM t.parts WHERE doc ->> 'k' IS NOT NULL;
SELECT id FROM t.part WHERE doc ->> 'k' IS NOT NULL;
SELECT a.id, b.id FROM t.notes a LEFT JOIN t.notes b ON a.id = b.id AND b.doc ->> 'k' IS NOT NULL;
UPDATE t.notes SET body = 'still mine' WHERE doc ->> 'k' IS NOT NULL RETURNING id;
-- So it must with the others that do, among them what an array or a row is made of.
SELECT filter, line FROM unnest(ARRAY['body ILIKE ''%x%''', 'body ~ ''x''', 'body ~* ''x''', 'lower(body) IS NOT NULL', 'body || ''x'' IS NOT NULL', 'doc @> ''[1]''',
	'ARRAY[body] = ''{x}''', 'body LIKE ''%x%''']) filter, t.filters('SELECT FROM t.notes WHERE ' || filter) line WHERE line LIKE 'Filter%';
-- What reads short values only must stay where the planner has put it.
SELECT t.filters('SELECT FROM t.notes WHERE amount < 5');
ROLLBACK;

RESET ROLE;
SET client_min_messages = warning;
DROP SCHEMA t CASCADE;
DROP ROLE regress_app;
