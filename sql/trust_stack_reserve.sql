--
-- A filter that recurses fails where the stack ends. Whoever calls a query from
-- deep in functions of his own must not learn from that what another tenant's
-- row holds.
--
\i test/setup/app.sql
SET tenant_guard.trusted_filters = on;
SET max_stack_depth = '1500kB';
SET jit = off;
SET client_min_messages = warning;
CREATE TABLE t.notes (id int, tenant_id uuid, body text);
SET tenant_guard.bypass = on;
INSERT INTO t.notes VALUES (1, :a, 'mine'), (2, :b, 'CANARY');
INSERT INTO t.notes SELECT i, :b, 'SECRET' || repeat('a', 60) FROM generate_series(3, 500) i;
ANALYZE t.notes;
RESET tenant_guard.bypass;
GRANT ALL ON ALL TABLES IN SCHEMA t TO regress_app;
-- So dear that the tenant's own filter comes last.
ALTER FUNCTION tenant_guard.current_tenant() COST 1000000;
RESET client_min_messages;
SET ROLE regress_app;

-- The query is planned where there is room, and run "depth" calls deeper. There the executor goes down a level for each
-- sub-select, and compiles the pattern at the lowest, which recurses for each parenthesis; so many others come between that
-- the compiled one is not kept.
DO $$
BEGIN
	EXECUTE format($f$
	CREATE FUNCTION t.count_by(body text, depth int) RETURNS bigint LANGUAGE plpgsql AS $b$
	BEGIN
		IF depth > 0 THEN
			RETURN t.count_by(body, depth - 1);
		END IF;
		RETURN (SELECT count(*) FROM %s);
	END $b$ $f$, repeat('(SELECT * FROM ', 48) ||
		format('t.notes WHERE CASE WHEN notes.body = count_by.body THEN notes.body ~ %L ELSE false END', repeat('(', 99) || 'x*' || repeat(')', 99)) ||
		repeat(' OFFSET 0) x', 48));
END
$$;
-- The same, planned at that depth: what it estimates calls the filter with other tenants' values.
CREATE FUNCTION t.estimate(pattern text, depth int) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	IF depth > 0 THEN
		RETURN t.estimate(pattern, depth - 1);
	END IF;
	EXECUTE format('SELECT FROM t.notes WHERE body LIKE %L', pattern);
	RETURN 0;
END
$$;
CREATE FUNCTION t.plans(pattern text, depth int) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	RETURN t.estimate(pattern, depth);
EXCEPTION WHEN statement_too_complex THEN
	RETURN sqlerrm;
END
$$;
CREATE FUNCTION t.says(body text, depth int) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM count('x' ~ ('x' || i)) FROM generate_series(1, 40) i;
	RETURN t.count_by(body, depth);
EXCEPTION WHEN statement_too_complex OR invalid_regular_expression THEN
	RETURN sqlerrm;
END
$$;
CREATE FUNCTION t.deepest() RETURNS int LANGUAGE plpgsql AS $$
DECLARE
	good int := 0;
	bad int := 4096;
BEGIN
	WHILE bad - good > 1 LOOP
		IF t.says('nobody''s', (good + bad) / 2) = '0' THEN good := (good + bad) / 2; ELSE bad := (good + bad) / 2; END IF;
	END LOOP;
	RETURN good;
END
$$;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
SET LOCAL plan_cache_mode = force_generic_plan;
SELECT t.says('CANARY', 0);
-- At no depth must the other tenant's row make a difference.
SELECT depth - deepest AS depth, t.says('CANARY', depth), t.says('nobody''s', depth)
FROM t.deepest() deepest, generate_series(greatest(deepest - 40, 0), deepest + 40) depth
WHERE t.says('CANARY', depth) <> t.says('nobody''s', depth);
SELECT depth, t.plans('SECRET' || repeat('%a', 48), depth), t.plans('SECRXX' || repeat('%a', 48), depth)
FROM t.deepest() deepest, generate_series(greatest(deepest - 40, 0), deepest + 250) depth
WHERE t.plans('SECRET' || repeat('%a', 48), depth) <> t.plans('SECRXX' || repeat('%a', 48), depth);
-- Where there is no room the query must be refused, whatever the rows are.
SELECT t.count_by('nobody''s', t.deepest() + 20);
ROLLBACK;

-- Nor may a pattern or a query be trusted that needs more room than is kept for it.
CREATE FUNCTION t.note(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
		IF line LIKE '%Tenant Filter%' THEN RETURN regexp_replace(trim(line), '^(Tenant Filter) on [^:]+', '\1'); END IF;
	END LOOP;
END
$$;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
SELECT pattern, t.note(format('SELECT FROM t.notes WHERE body ~ %L', pattern))
FROM unnest(ARRAY['', '^[0-9]{3}-[0-9]{3}-[0-9]{4}$', 'x{2,}', 'x{200}y{200}', '(?x) x{ 255 }', '(?b)x\{255\}', 'x{200,}y{10}', '{']) pattern;
SELECT n, t.note(format('SELECT FROM t.notes WHERE body ~ %L', repeat('(', n) || 'x' || repeat(')', n))) FROM unnest(ARRAY[100, 101]) n;
SELECT n, t.note('SELECT FROM ' || repeat('(SELECT * FROM ', n) || 't.notes WHERE body LIKE ''x%'' OFFSET 0' || repeat(') x', n))
FROM unnest(ARRAY[49, 50]) n;
COMMIT;
RESET ROLE;

-- Where max_stack_depth is low, there is no room for anything else.
SET max_stack_depth = '500kB';
SET ROLE regress_app;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
SELECT t.note('SELECT FROM t.notes WHERE body LIKE ''x%''');
COMMIT;
RESET ROLE;

SET client_min_messages = warning;
ALTER FUNCTION tenant_guard.current_tenant() COST 1;
DROP SCHEMA t CASCADE;
DROP ROLE regress_app;
