--
-- A query that compares the tenant column itself, with a value that becomes
-- another while it runs, must read and write no other tenant's rows.
--
\i test/setup/app.sql
SET jit = off; -- plans that are forced cost much
SET client_min_messages = warning;
CREATE ROLE regress_other;
GRANT regress_other TO regress_app;
CREATE TABLE t.notes (id int PRIMARY KEY, tenant_id uuid, body text);
CREATE INDEX ON t.notes (tenant_id, id) INCLUDE (body);
CREATE INDEX ON t.notes (body);
CREATE TABLE t.parts (id int, tenant_id uuid, body text) PARTITION BY RANGE (id);
CREATE TABLE t.part PARTITION OF t.parts FOR VALUES FROM (0) TO (12);
CREATE TABLE t.other_order (gone int, body text, tenant_id uuid NOT NULL, id int);
ALTER TABLE t.other_order DROP gone;
ALTER TABLE t.parts ATTACH PARTITION t.other_order DEFAULT;
CREATE INDEX ON t.parts (body);
-- A part whose own guard somebody has taken off.
CREATE TABLE t.open_part (body text, id int, tenant_id uuid NOT NULL);
ALTER TABLE t.parts ATTACH PARTITION t.open_part FOR VALUES FROM (20) TO (200);
SET tenant_guard.bypass = on;
DROP POLICY tenant_isolation ON t.open_part;
DROP POLICY tenant_access ON t.open_part;
ALTER TABLE t.open_part DISABLE ROW LEVEL SECURITY, NO FORCE ROW LEVEL SECURITY;
RESET tenant_guard.bypass;
-- So of a child.
CREATE TABLE t.parent (id int, tenant_id uuid, body text);
CREATE TABLE t.child () INHERITS (t.parent);
SET tenant_guard.bypass = on;
DROP POLICY tenant_isolation ON t.child;
DROP POLICY tenant_access ON t.child;
ALTER TABLE t.child DISABLE ROW LEVEL SECURITY, NO FORCE ROW LEVEL SECURITY;
RESET tenant_guard.bypass;
CREATE TABLE t.copy (id int, tenant_id uuid, body text);
SELECT tenant_guard.unprotect('t.copy');
CREATE VIEW t.seen WITH (security_invoker = true, security_barrier = true) AS SELECT * FROM t.notes UNION ALL SELECT * FROM t.notes;
\i test/setup/plan.sql
SET tenant_guard.bypass = on;
INSERT INTO t.notes SELECT i, CASE WHEN i % 2 = 0 THEN :a ELSE :b END::uuid, CASE WHEN i % 2 = 0 THEN 'mine ' ELSE 'CANARY ' END || i FROM generate_series(1, 24) i;
INSERT INTO t.parts SELECT * FROM t.notes;
INSERT INTO t.child SELECT * FROM t.notes;
INSERT INTO t.copy SELECT * FROM t.notes;
RESET tenant_guard.bypass;
ANALYZE t.notes, t.parts, t.copy;
GRANT ALL ON ALL TABLES IN SCHEMA t TO regress_app, regress_other;
GRANT USAGE ON SCHEMA t TO regress_other;
RESET client_min_messages;
SET ROLE regress_app;

-- Stable by its writer's word: the tenant's own when it is asked first.
CREATE FUNCTION t.liar() RETURNS uuid LANGUAGE plpgsql STABLE COST 0.0000000001 AS $$
DECLARE
	n int := current_setting('x.n')::int;
BEGIN
	PERFORM set_config('x.n', (n + 1)::text, true);
	RETURN CASE WHEN n < current_setting('x.lies_after')::int THEN 'aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa' ELSE 'bbbbbbbb-bbbb-bbbb-bbbb-bbbbbbbbbbbb' END;
END $$;
CREATE FUNCTION t.all_notes() RETURNS SETOF t.notes LANGUAGE sql STABLE AS 'SELECT * FROM t.notes WHERE tenant_id = t.liar()';
CREATE FUNCTION t.all_parts() RETURNS SETOF t.parts LANGUAGE sql STABLE AS 'SELECT * FROM t.parts WHERE tenant_id = t.liar()';
CREATE FUNCTION t.all_children() RETURNS SETOF t.parent LANGUAGE sql STABLE AS 'SELECT * FROM t.parent WHERE tenant_id = t.liar()';
CREATE TABLE t.heard (body text);
CREATE FUNCTION t.hear(body text) RETURNS boolean LANGUAGE plpgsql COST 0.0000000001 AS
'BEGIN INSERT INTO t.heard VALUES (body); RETURN true; END';

-- Runs a statement that returns texts, or none; what it returned or heard that is another tenant's, how many of its own.
CREATE FUNCTION t.try(statement text, OUT others bigint, OUT own bigint) LANGUAGE plpgsql AS $$
DECLARE
	got text;
	got_all text[] = '{}';
BEGIN
	DELETE FROM t.heard;
	PERFORM set_config('x.n', '0', true), set_config('x.t', 'aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa', true);
	FOR got IN EXECUTE statement LOOP
		got_all = got_all || got;
	END LOOP;
	PERFORM set_config('role', 'regress_app', true);
	SELECT count(*) FILTER (WHERE s LIKE '%CANARY%'), count(*) FILTER (WHERE s NOT LIKE '%CANARY%')
	INTO others, own FROM (SELECT unnest(got_all) AS s UNION ALL SELECT body FROM t.heard) AS x;
END $$;

-- Nothing must come of another tenant's, however the table is read; on a copy that is open all of it does.
CREATE TABLE t.tries (query text);
INSERT INTO t.tries VALUES
	('SELECT body FROM t.notes WHERE tenant_id = t.liar()'),
	('SELECT body FROM t.notes WHERE t.liar() = tenant_id AND id > 1'),
	('SELECT body FROM (SELECT body, set_config(''x.t'', ''bbbbbbbb-bbbb-bbbb-bbbb-bbbbbbbbbbbb'', true) FROM t.notes WHERE tenant_id = current_setting(''x.t'')::uuid OFFSET 0) s'),
	('SELECT body FROM (SELECT body, set_config(''role'', ''regress_other'', true) FROM t.notes WHERE tenant_id = CASE WHEN current_user = ''regress_app'' THEN ''aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa''::uuid ELSE ''bbbbbbbb-bbbb-bbbb-bbbb-bbbbbbbbbbbb''::uuid END OFFSET 0) s'),
	('SELECT body FROM t.notes WHERE tenant_id = t.liar() AND body LIKE ''CANARY%'''),
	('SELECT body FROM t.notes WHERE tenant_id = t.liar() AND tenant_id <> ''cccccccc-cccc-cccc-cccc-cccccccccccc'''),
	('SELECT body FROM t.notes WHERE tenant_id = t.liar() AND tenant_id > ''00000000-0000-0000-0000-000000000000'''),
	('SELECT body FROM t.notes WHERE tenant_id = t.liar() AND t.hear(body)'),
	('SELECT body FROM t.notes WHERE tenant_id = t.liar() OFFSET 0 FOR UPDATE'),
	('SELECT n.body FROM t.notes n JOIN t.notes o ON o.tenant_id = n.tenant_id AND o.id = n.id AND o.tenant_id = t.liar()'),
	('SELECT n.body FROM t.notes n LEFT JOIN t.notes o ON o.tenant_id = t.liar() AND o.id = n.id WHERE n.tenant_id = t.liar()'),
	('SELECT max(body) FROM t.notes WHERE tenant_id = t.liar() GROUP BY id'),
	('SELECT max(body) FROM t.notes WHERE tenant_id = t.liar()'),
	('SELECT body FROM t.notes WHERE tenant_id = t.liar() AND (id = 7 OR id = 8 OR body = ''CANARY 9'')'),
	('SELECT body FROM t.notes TABLESAMPLE SYSTEM (100) WHERE tenant_id = t.liar()'),
	('SELECT body FROM t.notes WHERE tenant_id = t.liar() AND ctid > ''(0,0)'''),
	('SELECT body FROM t.notes WHERE tenant_id = t.liar() AND ctid = ''(0,1)'''),
	('SELECT body FROM t.seen WHERE tenant_id = t.liar()'),
	('SELECT body FROM t.all_notes()'),
	('SELECT body FROM t.parts WHERE tenant_id = t.liar()'),
	('SELECT body FROM t.parts WHERE tenant_id = t.liar() AND id >= 20'),
	('UPDATE t.parts SET body = ''changed '' || body WHERE tenant_id = t.liar() AND id >= 20 RETURNING body'),
	('SELECT body FROM t.parts WHERE tenant_id = t.liar() AND id >= 12 ORDER BY body'),
	('SELECT body FROM t.all_parts() WHERE id >= 20'),
	('SELECT body FROM t.parent WHERE tenant_id = t.liar()'),
	('SELECT body FROM t.all_children()'),
	('SELECT body FROM t.part WHERE tenant_id = t.liar()'),
	('WITH w AS MATERIALIZED (SELECT * FROM t.notes WHERE tenant_id = t.liar()) SELECT body FROM w'),
	('SELECT (SELECT string_agg(body, '','') FROM t.notes WHERE tenant_id = t.liar())'),
	('SELECT body FROM t.copy c WHERE EXISTS (SELECT FROM t.notes n WHERE n.tenant_id = t.liar() AND n.id = c.id)'),
	('UPDATE t.notes SET body = ''changed '' || body WHERE tenant_id = t.liar() RETURNING body'),
	('UPDATE t.parts SET body = ''changed '' || body WHERE tenant_id = t.liar() RETURNING body'),
	('DELETE FROM t.notes WHERE tenant_id = t.liar() RETURNING body'),
	('DELETE FROM t.notes USING t.copy c WHERE notes.tenant_id = t.liar() AND c.id = notes.id RETURNING notes.body'),
	('WITH d AS (DELETE FROM t.parts WHERE tenant_id = t.liar() RETURNING body) SELECT body FROM d');
CREATE FUNCTION t.try_all() RETURNS TABLE (query text, lies_after int, paths text, others bigint) LANGUAGE plpgsql AS $$
BEGIN
	FOR query IN SELECT q.query FROM t.tries q LOOP
		FOREACH lies_after IN ARRAY ARRAY[1, 2, 4] LOOP
			FOREACH paths IN ARRAY ARRAY['on off off off', 'off on off on', 'off off on off'] LOOP
				PERFORM set_config('enable_seqscan', split_part(paths, ' ', 1), true), set_config('enable_indexscan', split_part(paths, ' ', 2), true),
					set_config('enable_bitmapscan', split_part(paths, ' ', 3), true), set_config('enable_indexonlyscan', split_part(paths, ' ', 4), true),
					set_config('x.lies_after', lies_after::text, true);
				BEGIN
					others = (t.try(query)).others;
					RAISE EXCEPTION USING ERRCODE = 'UNDO1';
				EXCEPTION WHEN SQLSTATE 'UNDO1' THEN
				END;
				RETURN NEXT;
			END LOOP;
		END LOOP;
	END LOOP;
END $$;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
CREATE TEMP TABLE tried ON COMMIT DROP AS SELECT * FROM t.try_all();
SELECT count(*) AS tries, count(others) AS done FROM tried;
SELECT * FROM tried WHERE others > 0;
UPDATE t.tries SET query = replace(replace(query, 't.notes', 't.copy'), 'notes.', 'copy.');
SELECT count(DISTINCT query) > 10 AS the_copy_is_open FROM t.try_all() WHERE others > 0;
ROLLBACK;

-- MERGE must neither tell nor change.
BEGIN;
SELECT tenant_guard.set_tenant(:a);
SET LOCAL x.n = 0;
SET LOCAL x.lies_after = 2;
MERGE INTO t.notes n USING (VALUES (1)) v ON n.id IN (7, 8) AND n.tenant_id = t.liar() WHEN MATCHED AND t.hear(n.body) THEN UPDATE SET body = 'merged' WHEN NOT MATCHED THEN DO NOTHING;
SELECT * FROM t.heard WHERE body LIKE 'CANARY%';
ROLLBACK;

-- What the query compares with a value that is honest must be its tenant's rows, by its index.
RESET ROLE;
SET tenant_guard.trusted_filters = on;
SET ROLE regress_app;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
SET LOCAL x.t = :a;
SET LOCAL enable_seqscan = off;
SET LOCAL enable_bitmapscan = off;
SELECT t.plan($$SELECT body FROM t.notes WHERE tenant_id = current_setting('x.t')::uuid AND id < 9$$);
SELECT body FROM t.notes WHERE tenant_id = current_setting('x.t')::uuid AND id < 9;
SET LOCAL x.t = :b;
SELECT body FROM t.notes WHERE tenant_id = current_setting('x.t')::uuid AND id < 9;
-- Where the index compares the tenant nothing need be added, be it an index-only scan.
SELECT t.plan('SELECT id FROM t.notes WHERE id < 9');
-- With a constant nothing need be added.
SELECT t.plan($$SELECT body FROM t.notes WHERE tenant_id = 'aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa' AND id < 9$$);
SELECT count(*) FROM t.notes WHERE tenant_id = :a;
SELECT count(*) FROM t.notes WHERE tenant_id = :b;
COMMIT;

-- Who may read all rows must read all that he asks for.
RESET ROLE;
SET x.t = :b;
SET tenant_guard.bypass = on;
SELECT count(*) FROM t.notes WHERE tenant_id = current_setting('x.t')::uuid;
RESET tenant_guard.bypass;
SET row_security = off;
SELECT count(*) FROM t.notes WHERE tenant_id = current_setting('x.t')::uuid;
RESET row_security;
-- Not so what he reads by a view of one who is bound.
ALTER VIEW t.seen RESET (security_invoker);
ALTER VIEW t.seen OWNER TO regress_other;
BEGIN;
SET LOCAL tenant_guard.bypass = on;
SELECT tenant_guard.set_tenant(:a);
SELECT count(*), (SELECT count(*) FROM t.notes WHERE tenant_id = current_setting('x.t')::uuid) AS all_of_b FROM t.seen WHERE tenant_id = current_setting('x.t')::uuid;
ROLLBACK;

-- Nor does a view of one who is not bound open what it does not show itself, where the planner makes one scan of both tables.
CREATE VIEW t.ids AS SELECT id FROM t.notes;
GRANT SELECT ON t.ids TO regress_app;
BEGIN;
SET LOCAL tenant_guard.bypass = on;
SET LOCAL ROLE regress_app;
SELECT tenant_guard.set_tenant(:a);
SELECT set_config('x.t', :a, true) AS tenant;
SET LOCAL enable_indexscan = off;
SET LOCAL enable_indexonlyscan = off;
SET LOCAL enable_bitmapscan = off;
SELECT count(*) FILTER (WHERE n.body LIKE 'CANARY%') AS of_b FROM t.ids i JOIN t.notes n USING (id)
WHERE n.tenant_id = current_setting('x.t')::uuid AND set_config('x.t', :b, true) <> i.id::text;
-- Both are still read as each may be.
SELECT count(*) AS ids, count(n.id) AS mine FROM t.ids i LEFT JOIN t.notes n USING (id);
SELECT count(*) AS mine FROM t.ids i JOIN t.notes n USING (id);
ROLLBACK;

-- Neither must a function of the query's be asked first, whatever it costs: that tells of a row.
SET ROLE regress_app;
CREATE FUNCTION t.asked() RETURNS uuid LANGUAGE plpgsql COST 1e-40 AS 'BEGIN RAISE WARNING ''another tenant has it''; RETURN NULL; END';
BEGIN;
SELECT tenant_guard.set_tenant(:a);
SET LOCAL enable_seqscan = off;
SELECT id FROM t.notes WHERE body = 'CANARY 7' AND tenant_id = t.asked();
SELECT id FROM t.notes WHERE body = 'CANARY 7' AND t.asked() = tenant_id AND id > 0;
COMMIT;
RESET ROLE;

SET client_min_messages = warning;
DROP SCHEMA t CASCADE;
DROP ROLE regress_app, regress_other;
