--
-- Whatever brings a scan of a guarded table into a plan, it must compare the
-- tenant: by its filter, by its index, or by what is its index's below it.
--
\i test/setup/app.sql
SET tenant_guard.trusted_filters = on;
SET client_min_messages = warning;
CREATE TABLE t.notes (id int PRIMARY KEY, tenant_id uuid, body text, n int);
CREATE INDEX notes_tenant ON t.notes (tenant_id, n);
CREATE INDEX notes_body ON t.notes (body) INCLUDE (tenant_id);
CREATE TABLE t.parts (id int, tenant_id uuid, n int) PARTITION BY RANGE (n);
CREATE TABLE t.part_1 PARTITION OF t.parts FOR VALUES FROM (0) TO (10);
CREATE TABLE t.part_2 PARTITION OF t.parts FOR VALUES FROM (10) TO (100) PARTITION BY LIST (tenant_id);
CREATE TABLE t.part_2a PARTITION OF t.part_2 FOR VALUES IN (:a);
CREATE TABLE t.part_2x PARTITION OF t.part_2 DEFAULT;
CREATE TABLE t.parent (id int, tenant_id uuid, n int);
CREATE TABLE t.child () INHERITS (t.parent);
CREATE TABLE t.own (id int, tenant_id uuid, n int);
CREATE POLICY own ON t.own AS RESTRICTIVE USING (n IS NOT NULL);
CREATE TABLE t.plain (id int PRIMARY KEY, n int);
SET tenant_guard.bypass = on;
INSERT INTO t.notes SELECT i, md5((i % 3)::text)::uuid, 'note ' || i, i % 7 FROM generate_series(1, 600) i;
INSERT INTO t.parts SELECT id, tenant_id, n * 12 FROM t.notes;
INSERT INTO t.child SELECT id, tenant_id, n FROM t.notes;
RESET tenant_guard.bypass;
INSERT INTO t.plain SELECT i, i % 7 FROM generate_series(1, 50) i;
CREATE VIEW t.invoker WITH (security_invoker = true) AS SELECT * FROM t.notes WHERE n > 0;
CREATE VIEW t.barrier WITH (security_invoker = true, security_barrier = true) AS SELECT * FROM t.parts UNION ALL SELECT id, tenant_id, n FROM t.notes;
ANALYZE t.notes, t.parts, t.parent, t.child, t.plain;
GRANT ALL ON ALL TABLES IN SCHEMA t TO regress_app;
RESET client_min_messages;
SET ROLE regress_app;
CREATE VIEW t.definer AS SELECT * FROM t.notes;
CREATE FUNCTION t.inlined(int) RETURNS SETOF t.notes LANGUAGE sql STABLE AS 'SELECT * FROM t.notes WHERE n > $1';
CREATE FUNCTION t.count_of(int) RETURNS bigint LANGUAGE sql STABLE AS 'SELECT count(*) FROM t.parts WHERE n = $1';
CREATE FUNCTION t.talk() RETURNS boolean LANGUAGE plpgsql STABLE AS 'BEGIN RETURN true; END';

-- The scans of guarded tables in a plan, each with what it compares the tenant by, or null.
CREATE FUNCTION t.scans(query text) RETURNS TABLE (scan text, tenant_by text) LANGUAGE plpgsql AS $$
DECLARE
	tenant text := '(tenant_id|"\*SELECT\* \d".tenant_id)\)? = (tenant_guard\.current_tenant\(\)|''aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa''::uuid|\$\d+|\(InitPlan (expr_)?\d+\)\.col1)';
BEGIN
	RETURN QUERY SELECT format('%s on %s', node->>'Node Type', node->>'Relation Name'),
		(SELECT string_agg(key, ', ') FROM jsonb_each_text(node) WHERE key IN ('Filter', 'Index Cond', 'Recheck Cond') AND value ~ tenant)
	FROM jsonb_path_query(t.plan_of(query), 'strict $.**') node
	WHERE jsonb_typeof(node) = 'object' AND node->>'Node Type' ~ 'Scan$' AND node->>'Relation Name' <> 'plain' AND node ? 'Relation Name';
END
$$;
CREATE FUNCTION t.plan_of(query text) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
	plan jsonb;
BEGIN
	EXECUTE 'EXPLAIN (FORMAT JSON, COSTS OFF) ' || query INTO plan;
	RETURN plan;
END
$$;
CREATE TABLE t.queries (query text);
INSERT INTO t.queries VALUES
	('SELECT * FROM t.notes'), ('SELECT tenant_id, n FROM t.notes'), ('SELECT * FROM t.notes WHERE body LIKE ''note 1%'''), ('SELECT body FROM t.notes WHERE body > ''x'' AND t.talk()'),
	('SELECT * FROM t.notes WHERE id = 5'), ('SELECT * FROM t.notes WHERE id = 5 AND t.talk()'), ('SELECT * FROM t.notes WHERE ctid = ''(0,1)'''), ('SELECT * FROM t.notes WHERE ctid > ''(0,1)'''),
	('SELECT * FROM t.notes WHERE tenant_id = ''aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa'''), ('SELECT * FROM t.notes WHERE tenant_id = current_setting(''x.t'')::uuid'),
	('SELECT * FROM t.notes WHERE tenant_id = (SELECT current_setting(''x.t'')::uuid)'), ('SELECT * FROM t.notes TABLESAMPLE system (50)'), ('SELECT max(n) FROM t.notes'), ('SELECT min(body) FROM t.notes'),
	('SELECT count(*) FROM t.parts'), ('SELECT * FROM t.parts WHERE n = 24 AND t.talk()'), ('SELECT * FROM t.part_1'), ('SELECT * FROM t.part_2'), ('SELECT * FROM t.part_2x'), ('SELECT * FROM t.parent'), ('SELECT * FROM t.child'),
	('SELECT * FROM ONLY t.parent'), ('SELECT * FROM t.own'), ('SELECT * FROM t.invoker'), ('SELECT * FROM t.invoker WHERE t.talk()'), ('SELECT * FROM t.barrier WHERE n = 1'), ('SELECT * FROM t.barrier WHERE t.talk()'),
	('SELECT * FROM t.definer WHERE n = 1'), ('SELECT * FROM t.inlined(2)'), ('SELECT * FROM t.inlined(2) WHERE t.talk()'), ('SELECT t.count_of(n) FROM t.plain'), ('SELECT (SELECT count(*) FROM t.notes x WHERE x.n = p.n) FROM t.plain p'),
	('SELECT * FROM t.plain WHERE n NOT IN (SELECT n FROM t.notes)'), ('SELECT * FROM t.plain p WHERE EXISTS (SELECT FROM t.parts x WHERE x.n = p.n)'), ('SELECT * FROM t.plain p WHERE NOT EXISTS (SELECT FROM t.notes x WHERE x.n = p.n AND t.talk())'),
	('SELECT * FROM t.plain WHERE n = ANY (ARRAY(SELECT n FROM t.parent))'), ('SELECT * FROM t.notes x JOIN t.parts y USING (tenant_id, n)'), ('SELECT * FROM t.notes x LEFT JOIN t.parts y ON x.n = y.n'), ('SELECT * FROM t.notes x RIGHT JOIN t.parent y ON x.n = y.n AND t.talk()'),
	('SELECT * FROM t.notes x FULL JOIN t.parts y ON x.n = y.n'), ('SELECT * FROM t.plain p, LATERAL (SELECT * FROM t.notes x WHERE x.n = p.n LIMIT 2) l'), ('SELECT * FROM t.notes a, t.notes b WHERE a.id = b.id AND a.tenant_id = b.tenant_id'),
	('SELECT id FROM t.notes UNION ALL SELECT id FROM t.parts'), ('SELECT n FROM t.notes INTERSECT SELECT n FROM t.parent'), ('WITH w AS MATERIALIZED (SELECT * FROM t.notes) SELECT * FROM w a, w b'), ('WITH w AS (SELECT * FROM t.parts) SELECT * FROM w'),
	('WITH RECURSIVE r AS (SELECT id, n FROM t.notes UNION SELECT x.id, x.n FROM t.notes x, r WHERE x.id = r.n) SELECT * FROM r'), ('SELECT n, count(*), sum(count(*)) OVER () FROM t.notes GROUP BY GROUPING SETS ((n), ())'),
	('SELECT * FROM t.notes FOR UPDATE'), ('SELECT * FROM t.notes x JOIN t.parts y ON x.n = y.n FOR UPDATE OF x'), ('UPDATE t.notes SET n = 1'), ('UPDATE t.parts SET n = 2 WHERE t.talk()'), ('UPDATE t.parent SET n = p.n FROM t.plain p WHERE p.id = parent.id'),
	('UPDATE t.notes SET n = (SELECT max(x.n) FROM t.parts x) WHERE body LIKE ''note 2%'''), ('UPDATE t.invoker SET n = 3 WHERE t.talk()'), ('DELETE FROM t.notes'), ('DELETE FROM t.parts USING t.notes x WHERE x.n = parts.n'), ('DELETE FROM t.definer WHERE id = 4'),
	('WITH gone AS (DELETE FROM t.notes RETURNING *) INSERT INTO t.parts (id, n) SELECT id, n FROM gone'), ('INSERT INTO t.parent (id, n) SELECT id, n FROM t.notes'), ('INSERT INTO t.notes (id, n) SELECT id, n FROM t.parts ON CONFLICT (id) DO UPDATE SET n = (SELECT max(n) FROM t.parent)'),
	('MERGE INTO t.notes x USING t.plain p ON x.id = p.id WHEN MATCHED THEN UPDATE SET n = p.n WHEN NOT MATCHED THEN INSERT (id, n) VALUES (p.id, p.n)'), ('MERGE INTO t.parts x USING t.notes y ON x.id = y.id WHEN MATCHED AND t.talk() THEN DELETE'), ('MERGE INTO t.plain p USING t.parent x ON x.id = p.id WHEN MATCHED THEN UPDATE SET n = x.n'),
	('SELECT * FROM t.notes WHERE CASE WHEN body = ''x'' THEN t.talk() END'), ('SELECT * FROM (SELECT *, row_number() OVER () AS r FROM t.notes) s WHERE r < 3'),
	('EXECUTE one(''note 1%'')'), ('EXECUTE two(2)');
PREPARE one(text) AS SELECT * FROM t.notes WHERE body LIKE $1;
PREPARE two(int) AS SELECT * FROM t.parts x JOIN t.notes y ON x.n = y.n WHERE x.n > $1 AND t.talk();

-- Under all ways to plan, and with trusted filters and without, no scan must be without the tenant. The other sides of ON
-- CONFLICT are no scans: of them the executor asks the policy. No scan of a library is here.
CREATE FUNCTION t.all_scans() RETURNS TABLE (query text, scan text, tenant_by text) LANGUAGE plpgsql AS $$
DECLARE
	off text[];
BEGIN
	FOREACH off SLICE 1 IN ARRAY ARRAY[['work_mem', 'jit'], ['enable_seqscan', 'enable_bitmapscan'], ['enable_seqscan', 'enable_indexscan'], ['enable_hashjoin', 'enable_mergejoin'], ['enable_nestloop', 'enable_hashjoin'], ['enable_seqscan', 'enable_hashjoin']] LOOP
		PERFORM set_config(setting, CASE setting WHEN 'work_mem' THEN '4MB' ELSE 'off' END, true) FROM unnest(off) setting;
		RETURN QUERY SELECT q.query, s.scan, s.tenant_by FROM t.queries q, t.scans(q.query) s;
		PERFORM set_config(setting, CASE setting WHEN 'work_mem' THEN '4MB' ELSE 'on' END, true) FROM unnest(off) setting;
	END LOOP;
END
$$;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
SET LOCAL x.t = 'aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa';
SELECT DISTINCT query, scan FROM t.all_scans() WHERE tenant_by IS NULL;
SET LOCAL plan_cache_mode = force_generic_plan;
SET LOCAL enable_partitionwise_join = on;
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0;
SET LOCAL min_parallel_table_scan_size = 0;
SET LOCAL min_parallel_index_scan_size = 0;
SELECT DISTINCT query, scan FROM t.all_scans() WHERE tenant_by IS NULL;
RESET ROLE;
SET LOCAL tenant_guard.trusted_filters = off;
SET ROLE regress_app;
SELECT DISTINCT query, scan FROM t.all_scans() WHERE tenant_by IS NULL;
-- A sub-select that is given the tenant of an outer row compares that, which is the same for the whole scan, and is compared
-- with the tenant before it starts.
SELECT DISTINCT node->>'Node Type' AS node, node->>'Filter' AS filter, node->>'One-Time Filter' AS one_time_filter
FROM t.plan_of('SELECT * FROM t.notes x WHERE (SELECT count(*) FROM t.parts y WHERE y.tenant_id = x.tenant_id) > 1') plan, jsonb_path_query(plan, 'strict $.**') node
WHERE jsonb_typeof(node) = 'object' AND (node ? 'One-Time Filter' OR node->>'Alias' LIKE 'y%') ORDER BY 1;
-- All kinds of scans must have been among them.
SELECT DISTINCT split_part(scan, ' on ', 1) AS scan FROM t.all_scans() ORDER BY 1;
-- Of a cursor's row, too.
DECLARE c CURSOR FOR SELECT * FROM t.notes;
SELECT * FROM t.scans('UPDATE t.notes SET n = 4 WHERE CURRENT OF c');
ROLLBACK;

RESET ROLE;
SET client_min_messages = warning;
DROP SCHEMA t CASCADE;
DROP ROLE regress_app;
