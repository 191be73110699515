--
-- Where the heap scan of a bitmap rechecks rows, the tenant must be compared
-- before the conditions of the index: a function in these is called for each row.
--
\i test/setup/app.sql
SET tenant_guard.trusted_filters = on;
SET client_min_messages = warning;
CREATE TABLE t.notes (id int, tenant_id uuid, doc jsonb);
CREATE TABLE t.parts (id int, tenant_id uuid) PARTITION BY LIST (tenant_id);
CREATE TABLE t.part PARTITION OF t.parts DEFAULT;
CREATE TABLE t.shared (id int, tenant_id uuid);
SELECT FROM tenant_guard.protect('t.shared', null_rows => 'shared');
SET tenant_guard.bypass = on;
INSERT INTO t.notes SELECT i, :b, '{"k": 7}' FROM generate_series(1, 2000) i;
INSERT INTO t.notes SELECT i, :a, '{"k": 7}' FROM generate_series(1, 9) i;
INSERT INTO t.parts SELECT id, tenant_id FROM t.notes;
INSERT INTO t.shared SELECT id, tenant_id FROM t.notes;
RESET tenant_guard.bypass;
CREATE INDEX ON t.notes USING brin (id);
CREATE INDEX ON t.notes USING gin (doc);
CREATE INDEX ON t.parts USING brin (id);
CREATE INDEX ON t.shared USING brin (id);
ANALYZE t.notes, t.parts, t.shared;
GRANT ALL ON t.notes, t.parts, t.shared TO regress_app;
\i test/setup/plan.sql
RESET client_min_messages;
SET ROLE regress_app;
CREATE FUNCTION t.five() RETURNS int LANGUAGE plpgsql STABLE AS $$
BEGIN
	PERFORM set_config('t.calls', (current_setting('t.calls')::int + 1)::text, false);
	RETURN 5;
END
$$;
-- Few calls are those of the planner and of the tenant's nine rows.
CREATE FUNCTION t.calls(query text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	SET t.calls = 0;
	EXECUTE query;
	RETURN CASE WHEN current_setting('t.calls')::int BETWEEN 9 AND 50 THEN 'few' ELSE current_setting('t.calls') END;
END
$$;
SET t.calls = 0;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
SET LOCAL enable_seqscan = off;
SELECT t.plan('SELECT * FROM t.notes WHERE id = t.five()');
SELECT t.calls('SELECT * FROM t.notes WHERE id = t.five()');
SELECT t.calls('SELECT * FROM t.parts WHERE id = t.five()');
SELECT t.calls('SELECT * FROM t.shared WHERE id = t.five()');
SELECT t.calls('UPDATE t.notes SET doc = NULL WHERE id = t.five()');
-- So must it with what is trusted.
SELECT t.plan('SELECT * FROM t.notes WHERE doc @> ''{"k": 7}''');
-- Where the index compares the tenant, nothing need be added.
RESET ROLE;
CREATE INDEX ON t.notes (tenant_id, id);
SET LOCAL ROLE regress_app;
SET LOCAL enable_indexscan = off;
SELECT t.plan('SELECT * FROM t.notes WHERE id = 5');
COMMIT;

RESET ROLE;
SET client_min_messages = warning;
DROP SCHEMA t CASCADE;
DROP ROLE regress_app;
