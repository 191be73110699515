--
-- What a small tenant's rows cost is bounded by their number, and so they are
-- read where the planner would search an index over the rows of all tenants.
--
\i test/setup/app.sql
\i test/setup/plan.sql
\set large '''aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa'''
\set middle '''cccccccc-cccc-cccc-cccc-cccccccccccc'''
\set small '''bbbbbbbb-bbbb-bbbb-bbbb-000000000001'''
\set other '''bbbbbbbb-bbbb-bbbb-bbbb-000000000002'''
\set new '''dddddddd-dddd-dddd-dddd-dddddddddddd'''
SET client_min_messages = warning;
-- The large tenant has half of the rows, the middle one 120, and five hundred others 20 each.
CREATE TABLE t.docs (id int, tenant_id uuid, doc jsonb, words text[], at int);
CREATE TABLE t.parts (id int, tenant_id uuid, doc jsonb) PARTITION BY RANGE (id);
CREATE TABLE t.parts_1 PARTITION OF t.parts FOR VALUES FROM (0) TO (10000);
CREATE TABLE t.parts_2 PARTITION OF t.parts FOR VALUES FROM (10000) TO (30000);
CREATE TABLE t.lines (doc_id int, tenant_id uuid, line text);
CREATE TABLE t.loose (id int, tenant_id uuid, doc jsonb);
SET tenant_guard.bypass = on;
INSERT INTO t.docs
SELECT i, CASE WHEN i % 2 = 0 THEN 'aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa' WHEN i < 240 THEN 'cccccccc-cccc-cccc-cccc-cccccccccccc'
	ELSE 'bbbbbbbb-bbbb-bbbb-bbbb-' || lpad((i / 2 % 500)::text, 12, '0') END::uuid,
	jsonb_build_object('k', i % 1000), ARRAY['a' || i % 1000, 'b' || i % 999, 'c' || i % 998], i
FROM generate_series(1, 20240) i;
INSERT INTO t.parts SELECT id, tenant_id, doc FROM t.docs;
-- In the second part the small tenant has a half.
UPDATE t.parts_2 SET tenant_id = :small WHERE tenant_id = :large;
INSERT INTO t.lines SELECT id, tenant_id, 'line' FROM t.docs;
INSERT INTO t.loose SELECT id, tenant_id, doc FROM t.docs;
RESET tenant_guard.bypass;
CREATE INDEX docs_tenant ON t.docs (tenant_id);
CREATE INDEX docs_doc ON t.docs USING gin (doc);
CREATE INDEX docs_words ON t.docs USING gin (words);
CREATE INDEX docs_at ON t.docs (at);
CREATE INDEX parts_tenant ON t.parts (tenant_id);
CREATE INDEX parts_doc ON t.parts USING gin (doc);
CREATE INDEX lines_doc_id ON t.lines (tenant_id, doc_id);
CREATE INDEX loose_doc ON t.loose USING gin (doc);
VACUUM ANALYZE t.docs, t.parts, t.lines, t.loose;
GRANT ALL ON ALL TABLES IN SCHEMA t TO regress_app;
RESET client_min_messages;
SET tenant_guard.trusted_filters = on;
SET seq_page_cost = 1;
SET random_page_cost = 4;
SET max_parallel_workers_per_gather = 0;
SET plan_cache_mode = auto;
SET jit = off;
CREATE FUNCTION t.lines_of(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY EXECUTE 'EXPLAIN ' || query;
END
$$;
-- An application's role cannot turn this off.
SET ROLE regress_app;
SET tenant_guard.small_tenant_paths = off;

-- A small tenant's rows must be read, and EXPLAIN must say that this was chosen.
BEGIN;
SELECT tenant_guard.set_tenant(:small);
SELECT t.plan($$SELECT id FROM t.docs WHERE doc @> '{"k": 3}'$$);
SELECT t.plan($$SELECT id FROM t.docs WHERE words @> '{a3,b3,c3,a5,b5}'$$);
SELECT t.plan($$SELECT id FROM t.docs WHERE doc @> '{"k": 3}' OR words @> '{a3}'$$);
-- So they must in what changes rows, in joins and in sub-selects.
SELECT t.plan($$UPDATE t.docs SET at = 0 WHERE doc @> '{"k": 3}'$$);
SELECT t.plan($$SELECT line FROM t.docs d JOIN t.lines ON doc_id = id WHERE doc @> '{"k": 3}'$$);
SELECT t.plan($$WITH d AS MATERIALIZED (SELECT id FROM t.docs WHERE doc @> '{"k": 3}') SELECT * FROM d$$);
-- Where nothing asks for such an index, nothing must be said.
SELECT t.plan($$SELECT id FROM t.docs WHERE at > 3$$);
COMMIT;

-- The large tenant must have the plan of the hand-written query.
BEGIN;
SELECT tenant_guard.set_tenant(:large);
SELECT t.plan($$SELECT id FROM t.docs WHERE doc @> '{"k": 4}'$$);
SELECT t.plan($$SELECT id FROM t.docs WHERE words @> '{a4,b4,c4,a6,b6}'$$);
COMMIT;

-- One between them must have it where one key is looked up in the index, and not where there are several.
BEGIN;
SELECT tenant_guard.set_tenant(:middle);
SELECT t.plan($$SELECT id FROM t.docs WHERE doc @> '{"k": 3}'$$);
SELECT t.plan($$SELECT id FROM t.docs WHERE words @> '{a3,b3,c3,a5,b5}'$$);
COMMIT;

-- A new tenant is a small one.
BEGIN;
SELECT tenant_guard.set_tenant(:new);
SELECT t.plan($$SELECT id FROM t.docs WHERE doc @> '{"k": 3}'$$);
COMMIT;

-- Each part of a partitioned table must be judged by itself.
BEGIN;
SELECT tenant_guard.set_tenant(:small);
SELECT t.plan($$SELECT id FROM t.parts WHERE doc @> '{"k": 4}'$$);
COMMIT;

-- Without an index that begins with the tenant nothing must change, nor without statistics.
BEGIN;
SELECT tenant_guard.set_tenant(:small);
SELECT t.plan($$SELECT id FROM t.loose WHERE doc @> '{"k": 3}'$$);
SELECT substring(line FROM 'rows=\d+') AS rows FROM t.lines_of($$SELECT id FROM t.loose WHERE doc @> '{}'$$) line WHERE line LIKE '%Scan%';
COMMIT;
CREATE TABLE t.unknown (id int, tenant_id uuid, doc jsonb);
CREATE INDEX unknown_tenant ON t.unknown (tenant_id);
CREATE INDEX unknown_doc ON t.unknown USING gin (doc);
BEGIN;
SELECT tenant_guard.set_tenant(:small);
SELECT note FROM t.plan($$SELECT id FROM t.unknown WHERE doc @> '{"k": 3}'$$) note WHERE note LIKE 'Tenant Filter%';
COMMIT;

-- The newest of a small tenant may be old: its rows must be sorted. The large one's are found at once.
BEGIN;
SELECT tenant_guard.set_tenant(:small);
SELECT t.plan($$SELECT id FROM t.docs ORDER BY at DESC LIMIT 1$$);
SELECT t.plan($$SELECT max(at) FROM t.docs$$);
COMMIT;
BEGIN;
SELECT tenant_guard.set_tenant(:large);
SELECT t.plan($$SELECT id FROM t.docs ORDER BY at DESC LIMIT 2$$);
COMMIT;

-- With the setting off, the plans must be those of the hand-written query.
RESET ROLE;
SET tenant_guard.small_tenant_paths = off;
SET ROLE regress_app;
BEGIN;
SELECT tenant_guard.set_tenant(:small);
SELECT t.plan($$SELECT id FROM t.docs WHERE words @> '{a3,b3,c3,a5,b5}'$$);
SELECT t.plan($$SELECT id FROM t.docs ORDER BY at DESC LIMIT 1$$);
COMMIT;
RESET ROLE;
RESET tenant_guard.small_tenant_paths;

-- Whatever the plan, each tenant must get its own rows.
CREATE FUNCTION t.answers(tenant text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	answer text;
	answers text[] = '{}';
	query text;
BEGIN
	PERFORM tenant_guard.set_tenant(tenant);
	FOREACH query IN ARRAY ARRAY[
		$q$SELECT id FROM t.docs WHERE doc @> '{"k": 3}'$q$, $q$SELECT id FROM t.docs WHERE doc @> '{"k": 4}'$q$,
		$q$SELECT id FROM t.docs WHERE words && '{a3,b5,c7}'$q$, $q$SELECT id FROM t.docs WHERE doc @> '{"k": 3}' OR words @> '{a5}'$q$,
		$q$SELECT id FROM t.parts WHERE doc @> '{"k": 4}'$q$, $q$SELECT id FROM t.parts WHERE doc @> '{"k": 3}'$q$,
		$q$SELECT doc_id FROM t.docs d JOIN t.lines ON doc_id = id WHERE doc @> '{"k": 3}'$q$,
		$q$(SELECT id FROM t.docs ORDER BY at DESC LIMIT 2)$q$, $q$SELECT max(at) FROM t.docs$q$] LOOP
		EXECUTE 'SELECT string_agg(x::text, '' '' ORDER BY x) FROM (' || query || ') q(x)' INTO answer;
		answers := answers || coalesce(answer, '-');
	END LOOP;
	RETURN md5(array_to_string(answers, ';')) || ' ' || left(array_to_string(answers, ';'), 60);
END
$$;
GRANT EXECUTE ON FUNCTION t.answers TO regress_app;
CREATE TABLE t.said (tenant text, paths text, answer text);
GRANT ALL ON t.said TO regress_app;
CREATE PROCEDURE t.ask_all() LANGUAGE plpgsql AS $$
DECLARE
	who text;
BEGIN
	FOREACH who IN ARRAY ARRAY['aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa', 'cccccccc-cccc-cccc-cccc-cccccccccccc', 'bbbbbbbb-bbbb-bbbb-bbbb-000000000001',
							   'bbbbbbbb-bbbb-bbbb-bbbb-000000000002', 'dddddddd-dddd-dddd-dddd-dddddddddddd'] LOOP
		INSERT INTO t.said VALUES (who, current_setting('tenant_guard.small_tenant_paths'), t.answers(who));
		COMMIT;
	END LOOP;
END
$$;
SET ROLE regress_app;
CALL t.ask_all();
RESET ROLE;
SET tenant_guard.small_tenant_paths = off;
SET ROLE regress_app;
CALL t.ask_all();
RESET ROLE;
RESET tenant_guard.small_tenant_paths;
-- So it must be in parallel.
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET min_parallel_index_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
SET ROLE regress_app;
CALL t.ask_all();
RESET ROLE;
SET max_parallel_workers_per_gather = 0;
SELECT tenant, count(DISTINCT answer) AS answers, array_agg(paths ORDER BY paths) AS paths, substr(min(answer), 34) AS begins FROM t.said GROUP BY tenant ORDER BY tenant;

-- A cached plan must be that of all tenants of its kind, and of no other. It calls this whenever it is made.
CREATE FUNCTION t.planned(what text) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
	RAISE NOTICE '% is planned', what;
	RETURN 0;
END
$$;
SET ROLE regress_app;
PREPARE found AS SELECT count(*) + t.planned('found') FROM t.docs WHERE doc @> '{"k": 3}';
PREPARE joined AS SELECT count(*) FROM t.docs d JOIN t.docs e ON d.words && e.words WHERE d.id < 1000;
PREPARE found_by(text[]) AS SELECT count(*) + t.planned('found_by') FROM t.docs WHERE words && $1;
BEGIN;
SELECT tenant_guard.set_tenant(:small);
EXECUTE found;
SELECT t.plan('EXECUTE found');
SELECT t.plan('EXECUTE joined');
COMMIT;
-- Another small tenant must have the same plan,
BEGIN;
SELECT tenant_guard.set_tenant(:other);
EXECUTE found;
COMMIT;
-- the large one must have another,
BEGIN;
SELECT tenant_guard.set_tenant(:large);
EXECUTE found;
SELECT t.plan('EXECUTE found');
SELECT t.plan('EXECUTE joined');
COMMIT;
-- which is not the small one's.
BEGIN;
SELECT tenant_guard.set_tenant(:small);
EXECUTE found;
COMMIT;
-- So it must be with parameters, whether or not the plan is for their values.
SET plan_cache_mode = force_generic_plan;
BEGIN;
SELECT tenant_guard.set_tenant(:small);
EXECUTE found_by('{a3}');
SELECT t.plan($$EXECUTE found_by('{a3}')$$);
COMMIT;
BEGIN;
SELECT tenant_guard.set_tenant(:other);
EXECUTE found_by('{a5}');
COMMIT;
BEGIN;
SELECT tenant_guard.set_tenant(:large);
SELECT t.plan($$EXECUTE found_by('{a4}')$$);
COMMIT;
SET plan_cache_mode = force_custom_plan;
BEGIN;
SELECT tenant_guard.set_tenant(:large);
SELECT t.plan($$EXECUTE found_by('{a4}')$$);
COMMIT;
BEGIN;
SELECT tenant_guard.set_tenant(:small);
SELECT t.plan($$EXECUTE found_by('{a3}')$$);
COMMIT;
RESET plan_cache_mode;

-- A tenant that ANALYZE has found grown must be a large one from then on.
RESET ROLE;
SET client_min_messages = warning;
SET tenant_guard.bypass = on;
INSERT INTO t.docs SELECT id, :new, doc, words, at FROM t.docs WHERE tenant_id = :large;
RESET tenant_guard.bypass;
VACUUM ANALYZE t.docs;
RESET client_min_messages;
SET ROLE regress_app;
BEGIN;
SELECT tenant_guard.set_tenant(:new);
SELECT t.plan('EXECUTE found');
COMMIT;

-- The nearest rows by a GiST index: it returns all rows in order, and must serve the large tenant.
RESET ROLE;
SET client_min_messages = warning;
CREATE TABLE t.places (id int, tenant_id uuid, place point);
SET tenant_guard.bypass = on;
INSERT INTO t.places SELECT id, tenant_id, point(id % 100, id / 100) FROM t.docs;
RESET tenant_guard.bypass;
CREATE INDEX places_tenant ON t.places (tenant_id);
CREATE INDEX places_place ON t.places USING gist (place);
VACUUM ANALYZE t.places;
GRANT SELECT ON t.places TO regress_app;
RESET client_min_messages;
SET ROLE regress_app;
PREPARE nearest AS SELECT id FROM t.places ORDER BY place <-> '(50,50)' LIMIT 5;
BEGIN;
SELECT tenant_guard.set_tenant(:large);
SELECT t.plan('EXECUTE nearest');
COMMIT;
-- The small tenant's rows must be read, and a cached plan for them must not be the large tenant's.
DEALLOCATE nearest;
PREPARE nearest AS SELECT id FROM t.places ORDER BY place <-> '(50,50)' LIMIT 5;
BEGIN;
SELECT tenant_guard.set_tenant(:small);
SELECT t.plan('EXECUTE nearest');
COMMIT;
BEGIN;
SELECT tenant_guard.set_tenant(:large);
SELECT t.plan('EXECUTE nearest');
COMMIT;

RESET ROLE;
SET client_min_messages = warning;
DROP SCHEMA t CASCADE;
DROP ROLE regress_app;
