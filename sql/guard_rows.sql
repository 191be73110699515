--
-- Promise 3: only a row's own tenant can see it, write it, move it or delete
-- it.  (Foreign keys: see foreign_keys_*.)
--
\i test/setup/app.sql
SET client_min_messages = warning;
CREATE TABLE t.notes (id int, tenant_id uuid, body text, PRIMARY KEY (tenant_id, id));
GRANT ALL ON t.notes TO regress_app;
SET tenant_guard.bypass = on;
INSERT INTO t.notes VALUES (1, :a, 'of a'), (1, :b, 'of b'), (2, :b, 'of b too');
RESET tenant_guard.bypass;
RESET client_min_messages;
SET ROLE regress_app;

-- Each statement must reach the tenant's own rows alone.
BEGIN;
SELECT tenant_guard.set_tenant(:a);
SELECT id, body FROM t.notes ORDER BY id;
UPDATE t.notes SET body = body || '!' RETURNING id, body;
DELETE FROM t.notes WHERE id = 2;
SELECT body FROM t.notes WHERE tenant_id = :b;
SELECT n.body FROM t.notes n JOIN t.notes m ON true ORDER BY 1;
SELECT body FROM t.notes FOR UPDATE;
COPY t.notes TO stdout;
COPY (SELECT body FROM t.notes) TO stdout;
WITH d AS (DELETE FROM t.notes RETURNING body) SELECT * FROM d;
ROLLBACK;

-- A row that names no tenant must get the tenant that is set.
BEGIN;
SELECT tenant_guard.set_tenant(:a);
INSERT INTO t.notes (id, body) VALUES (3, 'new') RETURNING *;
ROLLBACK;

-- A row of another tenant must be refused: inserted, moved, upserted, merged.
BEGIN;
SELECT tenant_guard.set_tenant(:a);
SAVEPOINT s;
INSERT INTO t.notes (id, tenant_id, body) VALUES (4, :b, 'smuggled');
\echo :LAST_ERROR_SQLSTATE
ROLLBACK TO s;
UPDATE t.notes SET tenant_id = :b;
ROLLBACK TO s;
INSERT INTO t.notes (id, tenant_id, body) VALUES (1, :b, 'smuggled') ON CONFLICT DO NOTHING;
ROLLBACK TO s;
INSERT INTO t.notes (id, tenant_id, body) VALUES (1, :b, 'smuggled')
ON CONFLICT (tenant_id, id) DO UPDATE SET body = 'stolen';
ROLLBACK TO s;
INSERT INTO t.notes (id, body) VALUES (1, 'smuggled')
ON CONFLICT (tenant_id, id) DO UPDATE SET tenant_id = :b;
ROLLBACK TO s;
MERGE INTO t.notes n USING (VALUES (1)) v(id) ON n.id = v.id
WHEN MATCHED THEN UPDATE SET tenant_id = :b;
ROLLBACK TO s;
MERGE INTO t.notes n USING (VALUES (9)) v(id) ON n.id = v.id
WHEN NOT MATCHED THEN INSERT (id, tenant_id, body) VALUES (9, :b, 'smuggled');
ROLLBACK TO s;

-- An explicit null is no way to name no tenant.
INSERT INTO t.notes (id, tenant_id, body) VALUES (5, NULL, 'nobody''s');
ROLLBACK TO s;

-- Own rows must upsert and merge.
INSERT INTO t.notes (id, body) VALUES (1, 'again')
ON CONFLICT (tenant_id, id) DO UPDATE SET body = EXCLUDED.body RETURNING body;
MERGE INTO t.notes n USING (VALUES (1), (2)) v(id) ON n.id = v.id
WHEN MATCHED THEN UPDATE SET body = 'merged'
WHEN NOT MATCHED THEN INSERT (id, body) VALUES (v.id, 'merged too');
SELECT id, body FROM t.notes ORDER BY id;
ROLLBACK;

-- A view that passes on its caller's rights must show the tenant's rows alone.
RESET ROLE;
CREATE VIEW t.note_view WITH (security_invoker = true) AS SELECT * FROM t.notes;
GRANT ALL ON t.note_view TO regress_app;
SET ROLE regress_app;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
SELECT id, body FROM t.note_view;
UPDATE t.note_view SET body = 'through the view';
INSERT INTO t.note_view (id, tenant_id, body) VALUES (7, :b, 'smuggled');
ROLLBACK;

-- A filter that talks must not hear of other tenants' rows.
CREATE FUNCTION t.talk(text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS
'BEGIN RAISE NOTICE ''%'', $1; RETURN true; END';
BEGIN;
SELECT tenant_guard.set_tenant(:a);
SELECT id FROM t.notes WHERE t.talk(body);
ROLLBACK;

-- The application's own policies must narrow and cannot widen.
RESET ROLE;
CREATE POLICY everything ON t.notes USING (true) WITH CHECK (true);
SET ROLE regress_app;
BEGIN; SELECT tenant_guard.set_tenant(:a); SELECT count(*) FROM t.notes; COMMIT;
RESET ROLE;
DROP POLICY everything ON t.notes;
DROP POLICY tenant_access ON t.notes;
CREATE POLICY even_notes ON t.notes USING (id % 2 = 0);
SELECT status FROM tenant_guard.tables WHERE relation = 't.notes'::regclass;
SET ROLE regress_app;
BEGIN; SELECT tenant_guard.set_tenant(:b); SELECT id, body FROM t.notes; COMMIT;

-- An owner must be bound as everyone is.
RESET ROLE;
ALTER TABLE t.notes OWNER TO regress_app;
SET ROLE regress_app;
BEGIN; SELECT tenant_guard.set_tenant(:b); SELECT id, body FROM t.notes; COMMIT;
SELECT count(*) FROM t.notes;

RESET ROLE;
SET client_min_messages = warning;
DROP SCHEMA t CASCADE;
DROP ROLE regress_app;
