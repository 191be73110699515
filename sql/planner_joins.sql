--
-- Where the tenant's filter stands beside a query's own it must keep from a join
-- what it would keep from the tables, whatever the kinds of joins and their order.
--
\i test/setup/app.sql
SET tenant_guard.trusted_filters = on;
SET client_min_messages = warning;
CREATE TABLE t.x (tenant_id uuid, n int, body text);
CREATE TABLE t.y (tenant_id uuid, n int, body text);
CREATE TABLE t.z (tenant_id uuid, n int, body text);
SET tenant_guard.bypass = on;
INSERT INTO t.x SELECT CASE WHEN i % 2 = 0 THEN :a ELSE :b END::uuid, i % 5, 'x' || i FROM generate_series(1, 12) i;
INSERT INTO t.y SELECT CASE WHEN i % 3 = 0 THEN :a ELSE :b END::uuid, i % 4, 'y' || i FROM generate_series(1, 12) i;
INSERT INTO t.z SELECT CASE WHEN i % 4 < 2 THEN :a ELSE :b END::uuid, i % 7, 'z' || i FROM generate_series(1, 12) i;
-- The same rows without a guard, of which a query takes the tenant's by itself.
SET tenant_guard.auto_protect = off;
CREATE TABLE t.plain_x AS TABLE t.x;
CREATE TABLE t.plain_y AS TABLE t.y;
CREATE TABLE t.plain_z AS TABLE t.z;
RESET tenant_guard.auto_protect;
RESET tenant_guard.bypass;
ANALYZE t.x, t.y, t.z, t.plain_x, t.plain_y, t.plain_z;
GRANT ALL ON ALL TABLES IN SCHEMA t TO regress_app;
RESET client_min_messages;
SET ROLE regress_app;

-- What a query with guarded tables returns, beside one with the tenant's rows by hand; and what EXPLAIN says of its tables.
CREATE FUNCTION t.differs(query text, OUT rows int, OUT differs int) LANGUAGE plpgsql AS $$
DECLARE
	by_hand text := regexp_replace(query, 't\.([xyz])\M', '(SELECT * FROM t.plain_\1 WHERE tenant_id = ''aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa'')', 'g');
BEGIN
	EXECUTE format('WITH g AS MATERIALIZED (%s), h AS MATERIALIZED (%s) '
		'SELECT (SELECT count(*) FROM h), (SELECT count(*) FROM ((TABLE g EXCEPT ALL TABLE h) UNION ALL (TABLE h EXCEPT ALL TABLE g)) d)', query, by_hand)
	INTO rows, differs;
END
$$;
CREATE FUNCTION t.notes(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	line text;
	notes text[] = '{}';
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
		IF line LIKE '%Tenant Filter%' THEN notes := notes || regexp_replace(trim(line), '^Tenant Filter( on [^:]+)?: ', ''); END IF;
	END LOOP;
	RETURN (SELECT string_agg(DISTINCT note, '; ') FROM unnest(notes) note);
END
$$;
CREATE VIEW t.joins AS
SELECT join_1, join_2, format(shape, join_1, join_2, filter) AS query
FROM unnest(ARRAY['JOIN', 'LEFT JOIN', 'RIGHT JOIN', 'FULL JOIN']) join_1,
	unnest(ARRAY['JOIN', 'LEFT JOIN', 'RIGHT JOIN', 'FULL JOIN']) join_2,
	unnest(ARRAY['true', $$x.body LIKE 'x%'$$, 'y.n = 1', 'x.n IS NULL OR z.n > 2', 'y.body IS NULL']) filter,
	unnest(ARRAY[
		'SELECT x.body AS x, y.body AS y, z.body AS z FROM t.x x %s t.y y ON x.n = y.n %s t.z z ON y.n = z.n WHERE %s',
		'SELECT x.body AS x, y.body AS y, z.body AS z FROM t.x x %s t.y y ON x.n = y.n %s t.z z ON x.n = z.n WHERE %s',
		'SELECT x.body AS x, y.body AS y, z.body AS z FROM t.z z %2$s (t.x x %1$s t.y y ON x.n = y.n) ON z.n = x.n WHERE %3$s',
		'SELECT x.body AS x, y.body AS y, z.body AS z FROM t.z z %2$s (t.x x %1$s t.y y USING (n, tenant_id)) ON z.n = y.n WHERE %3$s',
		'SELECT x.body AS x, y.body AS y, z.body AS z FROM t.x x %1$s t.y y ON x.n = y.n, t.z z %2$s t.x w ON w.n = z.n WHERE x.n = z.n AND (%3$s)',
		'SELECT x.body AS x, y.body AS y, z.body AS z FROM t.x x %1$s (SELECT n, max(body) AS body FROM t.y i GROUP BY n) y ON x.n = y.n %2$s t.z z ON z.n = y.n WHERE %3$s']) shape;

-- All queries must return the same, many of them rows, and the filters of each table must be trusted, but below FULL JOIN, where
-- the tenant's filter has no place that a parser would give it.
BEGIN;
SELECT tenant_guard.set_tenant(:a);
SELECT count(*) AS queries, count(*) FILTER (WHERE rows > 0) > 300 AS many, count(*) FILTER (WHERE differs > 0) AS differ
FROM t.joins, t.differs(query);
SELECT query FROM t.joins, t.differs(query) WHERE differs > 0 LIMIT 5;
SELECT query LIKE '%FULL JOIN%' AS is_full, note, count(*) AS queries FROM t.joins, t.notes(query), string_to_table(notes, '; ') note GROUP BY 1, 2 ORDER BY 1, 2;

-- Statements that write or lock must meet the tenant's rows alone, too.
UPDATE t.x SET body = x.body || '!' FROM t.y y LEFT JOIN t.z z ON z.n = y.n WHERE x.n = y.n AND x.body LIKE 'x%';
DELETE FROM t.y USING t.z z LEFT JOIN t.x x ON x.n = z.n WHERE y.n = z.n AND z.body LIKE 'z%';
SELECT x.body, z.body FROM t.x x LEFT JOIN t.z z ON x.n = z.n WHERE x.body LIKE 'x4%' ORDER BY 1, 2 FOR UPDATE OF x;
INSERT INTO t.z (n, body) SELECT z.n, y.body FROM t.y y RIGHT JOIN t.z z ON z.n = y.n WHERE z.body LIKE 'z1%';
RESET ROLE;
SET LOCAL tenant_guard.bypass = on;
SELECT 'x' AS changed, count(*), bool_and(x.tenant_id = :a) AS own FROM t.x FULL JOIN t.plain_x USING (tenant_id, n, body) WHERE x IS NULL OR plain_x IS NULL
UNION ALL SELECT 'y', count(*), bool_and(p.tenant_id = :a) FROM t.plain_y p WHERE NOT EXISTS (SELECT FROM t.y WHERE y.body = p.body)
UNION ALL SELECT 'z', count(*), bool_and(z.tenant_id = :a) FROM t.z WHERE NOT EXISTS (SELECT FROM t.plain_z p WHERE p IS NOT DISTINCT FROM z);
ROLLBACK;

RESET ROLE;
SET client_min_messages = warning;
DROP SCHEMA t CASCADE;
DROP ROLE regress_app;
