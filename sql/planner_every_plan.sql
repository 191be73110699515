--
-- A plan belongs to no tenant: cached, generic, parallel or held by a cursor,
-- it runs for the tenant of its transaction.
--
\i test/setup/app.sql
SET tenant_guard.trusted_filters = on;
SET client_min_messages = warning;
CREATE TABLE t.notes (id int, tenant_id uuid, body text);
CREATE INDEX ON t.notes (tenant_id);
GRANT ALL ON t.notes TO regress_app;
SET tenant_guard.bypass = on;
INSERT INTO t.notes
SELECT i, CASE WHEN i % 4 = 0 THEN :a ELSE :b END::uuid, 'note ' || i FROM generate_series(1, 4000) i;
RESET tenant_guard.bypass;
ANALYZE t.notes;
\i test/setup/plan.sql
RESET client_min_messages;
SET ROLE regress_app;

-- A generic plan made under one tenant must serve another.
SET plan_cache_mode = force_generic_plan;
PREPARE q AS SELECT count(*), min(id) FROM t.notes;
BEGIN; SELECT tenant_guard.set_tenant(:a); EXECUTE q; COMMIT;
BEGIN; SELECT tenant_guard.set_tenant(:b); EXECUTE q; COMMIT;
BEGIN; EXECUTE q; ROLLBACK;
RESET plan_cache_mode;

-- So must a function's cached plan.
CREATE FUNCTION t.f() RETURNS bigint LANGUAGE plpgsql STABLE AS
'BEGIN RETURN (SELECT count(*) FROM t.notes); END';
BEGIN; SELECT tenant_guard.set_tenant(:a); SELECT t.f(); COMMIT;
BEGIN; SELECT tenant_guard.set_tenant(:b); SELECT t.f(); COMMIT;
SELECT t.f();

-- The qual must be served by the index, and its estimate must know the tenant.
BEGIN;
SELECT tenant_guard.set_tenant(:a);
SET LOCAL enable_seqscan = off;
SET LOCAL enable_bitmapscan = off;
SELECT t.plan($$SELECT * FROM t.notes$$);
CREATE FUNCTION t.estimate(query text) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
	plan json;
BEGIN
	EXECUTE 'EXPLAIN (FORMAT JSON) ' || query INTO plan;
	RETURN (plan->0->'Plan'->>'Plan Rows')::int;
END
$$;
SELECT t.estimate('SELECT * FROM t.notes') BETWEEN 900 AND 1100 AS knows_a;
COMMIT;
BEGIN;
SELECT tenant_guard.set_tenant(:b);
SELECT t.estimate('SELECT * FROM t.notes') BETWEEN 2900 AND 3100 AS knows_b;
COMMIT;

-- The permissive policy must be folded away: one qual, and not two.
BEGIN;
SELECT tenant_guard.set_tenant(:a);
SET LOCAL enable_indexscan = off;
SET LOCAL enable_bitmapscan = off;
SELECT t.plan($$SELECT * FROM t.notes$$);
COMMIT;

-- Parallel workers must have their leader's tenant, and its verdicts.
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
SET parallel_leader_participation = off;
SET enable_indexscan = off;
SET enable_bitmapscan = off;
SET enable_indexonlyscan = off;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
SELECT t.plan($$SELECT count(*) FROM t.notes WHERE body LIKE 'note%'$$);
SELECT count(*) FROM t.notes WHERE body LIKE 'note%';
COMMIT;
BEGIN; SELECT tenant_guard.set_tenant(:b); SELECT count(*) FROM t.notes WHERE body LIKE 'note%'; COMMIT;
BEGIN; SET tenant_guard.tenant_id = :b; SELECT count(*) FROM t.notes WHERE body LIKE 'note%'; COMMIT;
SELECT count(*) FROM t.notes WHERE body LIKE 'note%';
SELECT tenant_guard.clear_tenant();
SELECT count(*) FROM t.notes WHERE body LIKE 'note%';

-- A text tenant reaches a worker before the type does.
RESET ROLE;
SET client_min_messages = warning;
SET tenant_guard.tenant_type = 'text';
CREATE TABLE t.texts (id int, tenant_id text);
SET tenant_guard.bypass = on;
INSERT INTO t.texts SELECT i, CASE WHEN i % 4 = 0 THEN 'it''s A' ELSE 'B' END FROM generate_series(1, 4000) i;
RESET tenant_guard.bypass;
ANALYZE t.texts;
GRANT ALL ON t.texts TO regress_app;
RESET client_min_messages;
SET ROLE regress_app;
BEGIN;
SELECT tenant_guard.set_tenant('it''s A');
SELECT count(*) FROM t.texts WHERE id > 0;
COMMIT;
RESET ROLE;
RESET tenant_guard.tenant_type;

-- Workers that judge for themselves, with nothing guarded in the query, must
-- come to their leader's verdict: none set, set, stale, departed from the seal.
CREATE TABLE t.plain AS SELECT i AS one FROM generate_series(1, 5000) i;
GRANT SELECT ON t.plain TO regress_app;
ANALYZE t.plain;
SET ROLE regress_app;
SELECT t.plan($$SELECT tenant_guard.current_tenant() FROM t.plain WHERE one = 1$$);
\set SHOW_CONTEXT errors
SELECT tenant_guard.current_tenant() FROM t.plain WHERE one = 1;
SELECT tenant_guard.has_tenant() FROM t.plain WHERE one = 1;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
SELECT tenant_guard.current_tenant() FROM t.plain WHERE one = 1;
SELECT tenant_guard.has_tenant() FROM t.plain WHERE one = 1;
COMMIT;
SET tenant_guard.tenant_id = :b;
SELECT tenant_guard.current_tenant() FROM t.plain WHERE one = 1;
SELECT tenant_guard.has_tenant() FROM t.plain WHERE one = 1;
-- One of an earlier transaction that still stands comes back by ROLLBACK TO, after another was used.
RESET ROLE;
SET tenant_guard.scope = session;
SET ROLE regress_app;
BEGIN;
SAVEPOINT s;
SELECT tenant_guard.set_tenant(:a);
SELECT count(*) FROM t.notes;
ROLLBACK TO s;
SAVEPOINT s2;
SELECT tenant_guard.current_tenant() FROM t.plain WHERE one = 1;
ROLLBACK TO s2;
SELECT tenant_guard.has_tenant() FROM t.plain WHERE one = 1;
SELECT tenant_guard.set_tenant(:a);
SELECT tenant_guard.current_tenant() FROM t.plain WHERE one = 1;
ROLLBACK;
-- Where another was set in a savepoint, and not used, it comes back and is good.
BEGIN;
SAVEPOINT s;
SELECT tenant_guard.set_tenant(:a);
ROLLBACK TO s;
SELECT tenant_guard.current_tenant() FROM t.plain WHERE one = 1;
ROLLBACK;
RESET ROLE;
RESET tenant_guard.scope;
SET ROLE regress_app;

-- A function that sets a tenant of its own must not do so in a worker.
CREATE FUNCTION t.as_b() RETURNS uuid LANGUAGE plpgsql PARALLEL SAFE
SET tenant_guard.tenant_id = 'bbbbbbbb-bbbb-bbbb-bbbb-bbbbbbbbbbbb'
AS 'BEGIN RETURN tenant_guard.current_tenant(); END';
BEGIN;
SELECT tenant_guard.set_tenant(:a);
SELECT t.as_b() FROM t.plain WHERE one = 1;
ROLLBACK;

RESET ROLE;
SET client_min_messages = warning;
DROP SCHEMA t CASCADE;
DROP ROLE regress_app;
