--
-- A plan that is kept serves every tenant. One that was made for a tenant with
-- many more rows than others, or hardly any, must not be what others get.
--
\i test/setup/app.sql
SET tenant_guard.trusted_filters = on;
\set large '''aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa'''
\set small '''bbbbbbbb-bbbb-bbbb-bbbb-000000000001'''
\set other '''bbbbbbbb-bbbb-bbbb-bbbb-000000000002'''
SET client_min_messages = warning;
CREATE TABLE t.notes (id int, tenant_id uuid, body text);
SET tenant_guard.bypass = on;
INSERT INTO t.notes
SELECT i, CASE WHEN i % 2 = 0 THEN 'aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa' ELSE 'bbbbbbbb-bbbb-bbbb-bbbb-' || lpad((i % 401)::text, 12, '0') END::uuid, 'note ' || i
FROM generate_series(1, 80000) i;
RESET tenant_guard.bypass;
CREATE INDEX ON t.notes (tenant_id, id);
VACUUM ANALYZE t.notes;
GRANT ALL ON t.notes TO regress_app;
RESET client_min_messages;
SET ROLE regress_app;
SET enable_bitmapscan = off;
SET enable_seqscan = on;
SET enable_indexscan = on;
SET enable_indexonlyscan = on;
SET max_parallel_workers_per_gather = 0;
SET seq_page_cost = 1;
SET random_page_cost = 4;
SET cpu_tuple_cost = 0.01;
SET cpu_index_tuple_cost = 0.005;
SET cpu_operator_cost = 0.0025;
SET plan_cache_mode = auto;

-- It is folded, and so called, whenever a statement is planned.
CREATE FUNCTION t.planned(what text) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
	RAISE NOTICE '% is planned', what;
	RETURN 0;
END
$$;
CREATE FUNCTION t.scan(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
		IF line ~ 'Nested Loop|Hash Join|Merge Join| Scan ' THEN RETURN substring(line FROM 'Nested Loop|Hash Join|Merge Join|\w+ Scan'); END IF;
	END LOOP;
END
$$;
PREPARE whole AS SELECT count(body) FROM t.notes WHERE id > t.planned('whole');
PREPARE point AS SELECT count(body) FROM t.notes WHERE id = 2 + t.planned('point');

-- The large tenant's plan must read the table, and be kept while it is that tenant's turn.
BEGIN;
SELECT tenant_guard.set_tenant(:large);
SELECT t.scan('EXECUTE whole');
EXECUTE whole;
EXECUTE point;
COMMIT;
BEGIN;
SELECT tenant_guard.set_tenant(:large);
EXECUTE whole;
EXECUTE point;
COMMIT;

-- For another tenant it must be made anew, and only this one: what is cheap for everyone stays.
BEGIN;
SELECT tenant_guard.set_tenant(:small);
SELECT t.scan('EXECUTE whole');
EXECUTE whole;
EXECUTE point;
COMMIT;

-- Then it must stay, whose turn ever it is.
BEGIN;
SELECT tenant_guard.set_tenant(:other);
EXECUTE whole;
COMMIT;
BEGIN;
SELECT tenant_guard.set_tenant(:large);
EXECUTE whole;
EXECUTE point;
COMMIT;

-- So it must be in functions.
CREATE FUNCTION t.count_notes() RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
	RETURN (SELECT count(body) FROM t.notes WHERE id > t.planned('the function''s query'));
END
$$;
BEGIN;
SELECT tenant_guard.set_tenant(:large);
SELECT t.count_notes();
SELECT t.count_notes();
COMMIT;
BEGIN;
SELECT tenant_guard.set_tenant(:small);
SELECT t.count_notes();
COMMIT;
BEGIN;
SELECT tenant_guard.set_tenant(:other);
SELECT t.count_notes();
COMMIT;

-- A tenant that comes back by ROLLBACK TO is set, too.
DEALLOCATE whole;
PREPARE whole AS SELECT count(body) FROM t.notes WHERE id > t.planned('whole');
RESET ROLE;
SET tenant_guard.scope = session;
SET ROLE regress_app;
SET tenant_guard.tenant_id = :small;
BEGIN;
SAVEPOINT s;
SET LOCAL tenant_guard.tenant_id = :large;
EXECUTE whole;
ROLLBACK TO s;
-- It must be refused, since the transaction has used the other, and the plan must be gone.
EXECUTE whole;
ROLLBACK;
RESET tenant_guard.tenant_id;
RESET ROLE;
RESET tenant_guard.scope;
SET ROLE regress_app;
BEGIN;
SET LOCAL tenant_guard.tenant_id = :large;
EXECUTE whole;
COMMIT;

-- Tenants of equal size must share what is planned once.
RESET ROLE;
SET tenant_guard.bypass = on;
DELETE FROM t.notes WHERE tenant_id = :large;
RESET tenant_guard.bypass;
VACUUM ANALYZE t.notes;
SET ROLE regress_app;
DEALLOCATE whole;
SET enable_indexscan = off;
SET enable_indexonlyscan = off;
PREPARE whole AS SELECT count(body) FROM t.notes WHERE id > t.planned('whole');
BEGIN;
SELECT tenant_guard.set_tenant(:small);
EXECUTE whole;
COMMIT;
BEGIN;
SELECT tenant_guard.set_tenant(:other);
EXECUTE whole;
COMMIT;

-- A tenant that ANALYZE has found grown must be a large one from then on.
RESET ROLE;
SET tenant_guard.bypass = on;
INSERT INTO t.notes SELECT i, :small, 'note ' || i FROM generate_series(1, 40000) i;
RESET tenant_guard.bypass;
VACUUM ANALYZE t.notes;
SET ROLE regress_app;
SET enable_indexscan = on;
BEGIN;
SELECT tenant_guard.set_tenant(:small);
SELECT t.scan('EXECUTE whole');
COMMIT;
BEGIN;
SELECT tenant_guard.set_tenant(:other);
SELECT t.scan('EXECUTE whole');
COMMIT;

RESET enable_indexscan;
RESET enable_indexonlyscan;

-- LIMIT must not hide what a plan costs: the large tenant's last rows are found where the newest are, others' are not.
RESET ROLE;
SET client_min_messages = warning;
SET tenant_guard.tenant_type = 'bigint';
CREATE TABLE t.lists (id int, tenant_id bigint);
SET tenant_guard.bypass = on;
INSERT INTO t.lists SELECT i, CASE WHEN i > 4000 THEN 1 ELSE 2 + i % 100 END FROM generate_series(1, 40000) i;
CREATE INDEX ON t.lists (tenant_id);
CREATE INDEX lists_newest ON t.lists (id);
VACUUM ANALYZE t.lists;
RESET tenant_guard.bypass;
GRANT ALL ON t.lists TO regress_app;
RESET client_min_messages;
SET ROLE regress_app;
CREATE FUNCTION t.by_newest() RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) EXECUTE newest' LOOP
		IF line LIKE '%lists_newest%' THEN RETURN true; END IF;
	END LOOP;
	RETURN false;
END
$$;
PREPARE newest AS SELECT id FROM t.lists ORDER BY id DESC LIMIT 20;
BEGIN;
SELECT tenant_guard.set_tenant(1);
SELECT t.by_newest();
COMMIT;
BEGIN;
SELECT tenant_guard.set_tenant(7);
SELECT t.by_newest();
COMMIT;

-- So it must be where there are so many tenants that nobody has counted them.
RESET ROLE;
SET tenant_guard.bypass = on;
UPDATE t.lists SET tenant_id = id WHERE tenant_id <> 1;
INSERT INTO t.lists SELECT i, i FROM generate_series(40001, 60000) i;
VACUUM ANALYZE t.lists;
RESET tenant_guard.bypass;
SELECT stadistinct < 0 AS not_counted FROM pg_statistic WHERE starelid = 't.lists'::regclass AND staattnum = 2;
SET ROLE regress_app;
BEGIN;
SELECT tenant_guard.set_tenant(1);
SELECT t.by_newest();
COMMIT;
BEGIN;
SELECT tenant_guard.set_tenant(7);
SELECT t.by_newest();
COMMIT;

-- A tenant without rows loops over a loop; others must not.
RESET ROLE;
SET tenant_guard.bypass = on;
SET client_min_messages = warning;
CREATE TABLE t.one (k int, tenant_id bigint);
CREATE TABLE t.two (k int, tenant_id bigint);
INSERT INTO t.one SELECT i, i % 20 FROM generate_series(1, 20000) i;
INSERT INTO t.two SELECT i, i % 20 FROM generate_series(1, 20000) i;
VACUUM ANALYZE t.one, t.two;
RESET tenant_guard.bypass;
GRANT ALL ON t.one, t.two TO regress_app;
RESET client_min_messages;
SET ROLE regress_app;
SET enable_mergejoin = off;
PREPARE pair AS SELECT count(*) FROM t.one JOIN t.two USING (k);
BEGIN;
SELECT tenant_guard.set_tenant(20);
SELECT t.scan('EXECUTE pair');
COMMIT;
BEGIN;
SELECT tenant_guard.set_tenant(7);
SELECT t.scan('EXECUTE pair');
COMMIT;
-- What they have made must then be the new tenant's too.
BEGIN;
SELECT tenant_guard.set_tenant(20);
SELECT t.scan('EXECUTE pair');
COMMIT;

RESET ROLE;
RESET tenant_guard.tenant_type;
SET client_min_messages = warning;
DROP SCHEMA t CASCADE;
DROP ROLE regress_app;
