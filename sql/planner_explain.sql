--
-- EXPLAIN says of each guarded table that a plan reads whether the query's
-- filters are trusted: at its scan, or before PostgreSQL 18 in lines of the text
-- that name it, and there only.
--
\i test/setup/app.sql
SET tenant_guard.trusted_filters = on;
SET client_min_messages = warning;
CREATE TABLE t.orders (id int, tenant_id uuid, body text);
CREATE TABLE t."Lines" (id int, tenant_id uuid, body text);
CREATE TABLE t.own (id int, tenant_id uuid, body text);
CREATE POLICY own ON t.own AS RESTRICTIVE USING (body <> 'secret');
CREATE TABLE t.parts (id int, tenant_id uuid, body text) PARTITION BY LIST (id);
CREATE TABLE t.part_1 PARTITION OF t.parts FOR VALUES IN (1);
CREATE TABLE t.part_2 PARTITION OF t.parts FOR VALUES IN (2);
CREATE TABLE t.plain (id int);
CREATE TABLE t.ruled (id int);
CREATE RULE also AS ON DELETE TO t.ruled DO ALSO DELETE FROM t.orders WHERE id = old.id;
ALTER TABLE t.ruled OWNER TO regress_app;
GRANT ALL ON ALL TABLES IN SCHEMA t TO regress_app;
RESET client_min_messages;
SET ROLE regress_app;
SET enable_hashjoin = off;
SET enable_mergejoin = off;
SET enable_material = off;
SET enable_bitmapscan = off;
BEGIN;
SELECT tenant_guard.set_tenant(:a);

-- A table must be named as in FROM, and each that is read must be.
EXPLAIN (COSTS OFF) SELECT FROM t.orders;
EXPLAIN (COSTS OFF) SELECT FROM t.orders o JOIN t."Lines" "L" ON false OR o.id < 1 AND "L".id < 1;
EXPLAIN (COSTS OFF, VERBOSE) SELECT FROM t.orders o WHERE body::int = 1;
EXPLAIN (COSTS OFF) SELECT FROM t.own;
-- Partitions must count as their whole, or each by itself at its scan.
EXPLAIN (COSTS OFF) SELECT FROM t.parts p;
-- What is not read must not be named, nor what is not guarded.
EXPLAIN (COSTS OFF) SELECT FROM t.plain WHERE true OR id IN (SELECT id FROM t.orders);
EXPLAIN (COSTS OFF) SELECT FROM t.plain;
-- Of several plans each must have its own lines.
EXPLAIN (COSTS OFF) DELETE FROM t.ruled WHERE id < 1;

-- EXPLAIN EXECUTE must say the same, of a generic plan too, and whether or not the plan was kept.
PREPARE q(text) AS SELECT FROM t.orders o WHERE body LIKE $1;
EXPLAIN (COSTS OFF) EXECUTE q('a%');
SET LOCAL plan_cache_mode = force_generic_plan;
EXPLAIN (COSTS OFF) EXECUTE q('a%');
EXPLAIN (COSTS OFF, VERBOSE) EXECUTE q('a%');
EXPLAIN (COSTS OFF) CREATE TABLE t.made AS EXECUTE q('a%');
EXPLAIN (COSTS OFF, ANALYZE, TIMING OFF, SUMMARY OFF, BUFFERS OFF) EXECUTE q('a%');
-- An EXPLAIN inside what is explained must not mix with it.
CREATE FUNCTION t.explains_others() RETURNS int LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) EXECUTE q(''a%'')' LOOP END LOOP;
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) SELECT FROM t.own' LOOP END LOOP;
	RETURN 1;
END
$$;
CREATE FUNCTION t.explains() RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN t.explains_others(); END';
EXPLAIN (COSTS OFF) SELECT FROM t."Lines" WHERE id < t.explains();
PREPARE r(int) AS SELECT FROM t."Lines" WHERE id < $1;
EXPLAIN (COSTS OFF) EXECUTE r(t.explains());
-- Nor must a statement that runs while it is executed: its tables are not named.
CREATE FUNCTION t.reads_own() RETURNS int LANGUAGE plpgsql AS 'BEGIN PERFORM FROM t.own; RETURN 1; END';
CREATE FUNCTION t.lines(explain text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE explain LOOP RETURN NEXT line; END LOOP;
END
$$;
PREPARE runs AS SELECT t.reads_own(), count(*) FROM t.orders;
SELECT count(*) AS notes FROM t.lines('EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF, BUFFERS OFF) EXECUTE runs') line WHERE line ~ 'Tenant Filter.*trusted';
-- What cannot be explained must fail as ever.
SAVEPOINT s;
EXPLAIN EXECUTE nothing;
ROLLBACK TO s;
EXPLAIN (FORMAT pictures) EXECUTE q('a%');
ROLLBACK TO s;
EXPLAIN (COSTS OFF) SELECT FROM t.orders WHERE id < 1;

-- In JSON and XML there must be one plan a statement, and nothing but a plan.
CREATE FUNCTION t.keys(query text) RETURNS TABLE (nth bigint, element text) LANGUAGE plpgsql AS $$
DECLARE
	plan json;
BEGIN
	EXECUTE 'EXPLAIN (FORMAT JSON, COSTS OFF) ' || query INTO plan;
	RETURN QUERY SELECT n, string_agg(key, ', ') FROM json_array_elements(plan) WITH ORDINALITY e(element, n), json_object_keys(e.element) key GROUP BY n;
END
$$;
SELECT * FROM t.keys('SELECT FROM t.orders o, t.own');
SELECT * FROM t.keys('EXECUTE q(''a%'')');
SELECT count(*) AS rows FROM t.lines('EXPLAIN (FORMAT JSON) EXECUTE q(''a%'')');
SELECT * FROM t.keys('DELETE FROM t.ruled WHERE id < 1');
CREATE FUNCTION t.notes_in_json(query text) RETURNS SETOF json LANGUAGE plpgsql AS $$
DECLARE
	plan jsonb;
BEGIN
	EXECUTE 'EXPLAIN (FORMAT JSON, COSTS OFF) ' || query INTO plan;
	RETURN QUERY SELECT json_build_object(node->>'Node Type', node->'Tenant Filter') FROM jsonb_path_query(plan, 'strict $.**') node
	WHERE jsonb_typeof(node) = 'object' AND node ? 'Relation Name';
END
$$;
SELECT t.notes_in_json('SELECT FROM t.orders o, t.own');
SELECT t.notes_in_json('EXECUTE q(''a%'')');
CREATE FUNCTION t.elements(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	plan xml;
BEGIN
	EXECUTE 'EXPLAIN (FORMAT XML, COSTS OFF) ' || query INTO plan;
	RETURN QUERY SELECT unnest(xpath('name(/*/*/*)', plan))::text || ' ' || array_length(xpath('/*/*/*', plan), 1);
EXCEPTION WHEN feature_not_supported THEN
	RETURN NEXT 'Plan 1';
END
$$;
SELECT t.elements('SELECT FROM t.orders o, t.own');
ROLLBACK;

RESET ROLE;
SET client_min_messages = warning;
DROP SCHEMA t CASCADE;
DROP ROLE regress_app;
