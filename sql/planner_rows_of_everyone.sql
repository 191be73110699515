--
-- Plans of queries on tables with rows of everyone.
--
\i test/setup/app.sql
\i test/setup/plan.sql
SET client_min_messages = warning;
SET tenant_guard.trusted_filters = on;
CREATE TABLE t.templates (id int PRIMARY KEY, tenant_id uuid, title text);
CREATE INDEX ON t.templates (tenant_id, title text_pattern_ops);
SELECT tenant_guard.protect('t.templates', null_rows => 'shared');
GRANT ALL ON t.templates TO regress_app;
SET tenant_guard.bypass = on;
INSERT INTO t.templates VALUES (1, NULL, 'shared'), (2, :a, 'own'), (3, :b, 'secret');
INSERT INTO t.templates SELECT 10 + n, CASE WHEN n % 100 = 0 THEN NULL ELSE md5((n % 50)::text)::uuid END, 'x' || n FROM generate_series(1, 5000) n;
ANALYZE t.templates;
RESET tenant_guard.bypass;
-- The cheap function tells what it is called with.
CREATE FUNCTION t.talk(value text) RETURNS boolean LANGUAGE plpgsql COST 0.0001 AS $$ BEGIN RAISE NOTICE 'talk: %', value; RETURN true; END $$;
CREATE FUNCTION t.talk() RETURNS boolean LANGUAGE plpgsql COST 0.0001 AS $$ BEGIN RAISE NOTICE 'talk'; RETURN true; END $$;
RESET client_min_messages;
SET ROLE regress_app;
SET tenant_guard.tenant_id = :a;
SET enable_seqscan = off;

-- Trusted filters use the index, as with the hand-written OR.
BEGIN;
SELECT tenant_guard.set_tenant(:a);
SELECT * FROM t.plan($q$SELECT title FROM t.templates WHERE title LIKE 'own%'$q$);
SELECT id FROM t.templates WHERE title LIKE 'own%' OR title LIKE 'shared%' OR title LIKE 'secret%' ORDER BY id;
-- Own rows alone, in order.
SELECT * FROM t.plan($q$SELECT title FROM t.templates WHERE tenant_id = tenant_guard.current_tenant() ORDER BY title USING ~<~ LIMIT 10$q$);
-- Filters that are not trusted stay behind the barrier, and the tenant's comes before them.
SET LOCAL enable_seqscan = on;
SELECT * FROM t.plan($q$SELECT title FROM t.templates WHERE t.talk(title) AND id < 10$q$);
SELECT id FROM t.templates WHERE t.talk(title) AND id < 10 ORDER BY id;
SELECT id FROM t.templates WHERE CASE WHEN title = 'secret' THEN t.talk() ELSE id < 10 END ORDER BY id;
-- So it is where the query compares the tenant column itself, with a value that may change, too.
SELECT id FROM t.templates WHERE tenant_id = :b AND CASE WHEN title = 'secret' THEN t.talk() ELSE true END;
SELECT id FROM t.templates WHERE tenant_id = current_setting('app.other', true)::uuid AND CASE WHEN title = 'secret' THEN t.talk() ELSE true END;
SELECT id FROM t.templates WHERE (tenant_id = :b OR tenant_id IS NULL) AND CASE WHEN title = 'secret' THEN t.talk() ELSE id < 10 END;
-- UPDATE and DELETE compare with the tenant alone, and stay behind the barrier.
SELECT * FROM t.plan($q$UPDATE t.templates SET title = 'y' WHERE title LIKE 'own%'$q$);
SELECT * FROM t.plan($q$DELETE FROM t.templates$q$);
UPDATE t.templates SET title = title WHERE t.talk(title) AND id < 10 RETURNING id;
SAVEPOINT s;
DELETE FROM t.templates WHERE CASE WHEN title = 'secret' THEN t.talk() ELSE id < 10 END RETURNING id;
ROLLBACK TO s;
-- Upserts and MERGE tell nothing of another tenant's row.
INSERT INTO t.templates AS n (id, title) VALUES (3, 'mine') ON CONFLICT (id) DO UPDATE SET title = 'mine' WHERE t.talk(n.title);
ROLLBACK TO s;
MERGE INTO t.templates n USING (VALUES (1), (3)) v (k) ON n.id = v.k WHEN MATCHED AND t.talk(n.title) THEN DO NOTHING WHEN NOT MATCHED THEN DO NOTHING;
ROLLBACK TO s;
-- A check that is known to hold is left out of an INSERT; the row of an UPDATE is checked.
SELECT * FROM t.plan($q$INSERT INTO t.templates (id, title) VALUES (9, 'new') RETURNING id$q$);
UPDATE t.templates SET tenant_id = tenant_guard.current_tenant(), title = 'own' RETURNING id;
ROLLBACK;

-- In an outer join a row that has no partner is not one of everyone.
BEGIN;
SELECT tenant_guard.set_tenant(:a);
SELECT v.k, n.id FROM (VALUES (1), (2), (3)) v (k) LEFT JOIN t.templates n ON n.id = v.k ORDER BY 1;
SELECT v.k, n.id FROM t.templates n RIGHT JOIN (VALUES (1), (2), (3)) v (k) ON n.id = v.k ORDER BY 1;
SELECT v.k, n.id FROM (SELECT * FROM t.templates WHERE id < 10) n FULL JOIN (VALUES (1), (2), (3), (4)) v (k) ON n.id = v.k ORDER BY 1;
SELECT count(*) FROM (VALUES (1), (2), (3)) v (k) WHERE NOT EXISTS (SELECT FROM t.templates n WHERE n.id = v.k);
ROLLBACK;

-- A cached plan shows each tenant its own rows.
RESET tenant_guard.tenant_id;
SET plan_cache_mode = force_generic_plan;
PREPARE few AS SELECT id FROM t.templates WHERE id < 10 ORDER BY id;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
EXECUTE few;
COMMIT;
BEGIN;
SELECT tenant_guard.set_tenant(:b);
EXECUTE few;
COMMIT;
RESET ROLE;
-- A partial index on the rows of everyone serves, and shows no more.
CREATE INDEX ON t.templates (title) WHERE tenant_id IS NULL;
SET ROLE regress_app;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
SELECT title FROM t.templates WHERE tenant_id IS NULL AND title < 't' ORDER BY title;
ROLLBACK;
RESET ROLE;
\set VERBOSITY terse
SET client_min_messages = warning;
DROP SCHEMA t CASCADE;
DROP ROLE regress_app;
