--
-- Where the security barrier stays, no filter must be evaluated for another
-- tenant's row: not one that costs nothing, nor one that is given no column.
--
\i test/setup/app.sql
SET client_min_messages = warning;
CREATE TABLE t.notes (id int PRIMARY KEY, tenant_id uuid, body text, secret boolean);
CREATE TABLE t.parts (id int, tenant_id uuid, secret boolean) PARTITION BY RANGE (id);
CREATE TABLE t.part PARTITION OF t.parts DEFAULT;
CREATE TABLE t.parent (id int, tenant_id uuid, secret boolean);
CREATE TABLE t.child () INHERITS (t.parent);
CREATE TABLE t.policed (id int, tenant_id uuid, secret boolean);
CREATE FUNCTION t.is_open() RETURNS boolean LANGUAGE plpgsql COST 0.000001 AS 'BEGIN RAISE WARNING ''the policy is asked''; RETURN true; END';
CREATE POLICY asks ON t.policed AS RESTRICTIVE USING (CASE WHEN secret THEN t.is_open() ELSE true END);
CREATE VIEW t.both WITH (security_invoker = true, security_barrier = true) AS SELECT * FROM t.notes UNION ALL SELECT * FROM t.notes;
CREATE INDEX notes_secret ON t.notes (secret) INCLUDE (body, tenant_id);
CREATE VIEW t.seen WITH (security_invoker = true, security_barrier = true) AS SELECT * FROM t.notes WHERE id > 0;
SET tenant_guard.bypass = on;
INSERT INTO t.notes SELECT i, CASE WHEN i < 4 THEN :a ELSE :b END::uuid, CASE WHEN i < 4 THEN 'mine' ELSE 'CANARY' END, i > 3 FROM generate_series(1, 9) i;
INSERT INTO t.parts SELECT id, tenant_id, secret FROM t.notes;
INSERT INTO t.child SELECT id, tenant_id, secret FROM t.notes;
INSERT INTO t.policed SELECT id, tenant_id, secret FROM t.notes;
RESET tenant_guard.bypass;
ANALYZE t.notes, t.parts, t.parent, t.child, t.policed;
GRANT ALL ON ALL TABLES IN SCHEMA t TO regress_app;
RESET client_min_messages;
SET ROLE regress_app;
CREATE FUNCTION t.talk() RETURNS boolean LANGUAGE plpgsql COST 0.000000001 AS 'BEGIN RAISE WARNING ''another tenant has a secret''; RETURN true; END';
CREATE FUNCTION t.stable_talk() RETURNS boolean LANGUAGE plpgsql STABLE COST 0.000000001 AS 'BEGIN RETURN t.talk(); END';
CREATE FUNCTION t.dear_talk() RETURNS boolean LANGUAGE plpgsql AS 'BEGIN RETURN t.talk(); END';
CREATE FUNCTION t.all_notes() RETURNS SETOF t.notes LANGUAGE sql STABLE AS 'SELECT * FROM t.notes';

-- Nothing must be said, whatever the filters are told to cost, with trusted filters and without.
CREATE FUNCTION t.listen() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	query text;
BEGIN
	FOREACH query IN ARRAY ARRAY[
		'SELECT FROM t.notes WHERE CASE WHEN secret THEN t.talk() END',
		'SELECT FROM t.notes WHERE CASE WHEN secret THEN t.stable_talk() END',
		'SELECT FROM t.notes WHERE secret AND t.talk()',
		'SELECT FROM t.notes WHERE COALESCE(NOT secret, NULL) OR t.talk()',
		'SELECT FROM t.notes WHERE CASE WHEN secret THEN (SELECT t.talk()) END',
		'SELECT FROM t.notes WHERE CASE WHEN body = ''CANARY'' THEN t.talk() END',
		'SELECT FROM t.notes WHERE body LIKE ''CAN%'' AND CASE WHEN secret THEN t.talk() END',
		'SELECT FROM t.notes WHERE CASE WHEN id = 5 THEN t.talk() END',
		'SELECT FROM t.notes WHERE CASE WHEN secret THEN tenant_guard.current_tenant_bigint() IS NULL END',
		'SELECT FROM t.notes WHERE CASE WHEN secret THEN 1 / (id - id) = 1 END',
		'SELECT FROM t.notes a JOIN t.notes b ON a.id = b.id AND CASE WHEN b.secret THEN t.talk() END',
		'SELECT FROM t.notes a LEFT JOIN t.notes b ON a.id = b.id AND CASE WHEN b.secret THEN t.talk() END WHERE a.id > 0',
		'SELECT FROM t.notes a WHERE EXISTS (SELECT FROM t.notes b WHERE b.id > a.id AND CASE WHEN b.secret THEN t.talk() END)',
		'SELECT FROM (SELECT *, t.talk() AS said FROM t.notes WHERE secret OFFSET 0) s WHERE said',
		'SELECT FROM t.seen WHERE CASE WHEN secret THEN t.talk() END',
		'SELECT FROM t.parts WHERE CASE WHEN secret THEN t.talk() END',
		'SELECT FROM t.part WHERE CASE WHEN secret THEN t.talk() END',
		'SELECT FROM t.parent WHERE CASE WHEN secret THEN t.talk() END',
		'SELECT FROM t.child WHERE CASE WHEN secret THEN t.talk() END',
		'SELECT FROM t.notes UNION ALL SELECT FROM t.notes WHERE CASE WHEN secret THEN t.talk() END',
		'SELECT FROM (SELECT * FROM t.notes UNION ALL SELECT * FROM t.notes) s WHERE CASE WHEN secret THEN (SELECT t.dear_talk()) END',
		'SELECT FROM t.both WHERE CASE WHEN secret THEN (SELECT t.dear_talk()) END',
		'SELECT FROM t.parts WHERE CASE WHEN secret THEN (SELECT t.dear_talk()) END',
		'SELECT FROM t.notes WHERE CASE WHEN secret THEN ARRAY[ARRAY[1], CASE WHEN secret THEN ARRAY[1, 2] ELSE ARRAY[2] END] IS NULL END',
		'SELECT FROM t.all_notes() WHERE CASE WHEN secret THEN t.talk() END',
		'SELECT FROM t.all_notes() WHERE CASE WHEN secret THEN (SELECT t.dear_talk()) END',
		'SELECT FROM t.notes JOIN t.all_notes() n USING (id) WHERE CASE WHEN n.secret THEN t.talk() END',
		'SELECT FROM t.notes a, LATERAL (SELECT FROM t.all_notes() b WHERE b.id > a.id AND CASE WHEN b.secret THEN t.talk() END) s',
		'SELECT secret FROM t.notes WHERE secret IS NOT NULL AND CASE WHEN secret THEN t.talk() END',
		'SELECT FROM t.notes WHERE tenant_id = ''aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa'' AND CASE WHEN secret THEN t.talk() END',
		'SELECT FROM t.notes WHERE ''aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa'' = tenant_id AND CASE WHEN secret THEN t.talk() END',
		'SELECT FROM t.notes WHERE tenant_id = ''bbbbbbbb-bbbb-bbbb-bbbb-bbbbbbbbbbbb'' AND CASE WHEN secret THEN t.talk() END',
		'SELECT FROM t.notes a JOIN t.notes b ON a.tenant_id = b.tenant_id AND CASE WHEN b.secret THEN t.talk() END',
		'SELECT FROM t.notes WHERE tenant_id IN (''bbbbbbbb-bbbb-bbbb-bbbb-bbbbbbbbbbbb'') OR CASE WHEN secret THEN t.talk() END',
		'SELECT FROM t.notes WHERE ctid > ''(0,0)'' AND CASE WHEN secret THEN t.talk() END',
		'SELECT FROM t.notes TABLESAMPLE bernoulli (100) WHERE CASE WHEN secret THEN t.talk() END',
		'SELECT FROM t.notes WHERE CASE WHEN secret THEN t.talk() END FOR UPDATE',
		'UPDATE t.notes SET body = ''mine'' WHERE CASE WHEN secret THEN t.talk() END',
		'DELETE FROM t.notes WHERE CASE WHEN secret THEN t.talk() END',
		'MERGE INTO t.notes USING t.notes b ON notes.id = b.id AND CASE WHEN b.secret THEN t.talk() END WHEN MATCHED THEN DO NOTHING',
		'INSERT INTO t.notes (id) SELECT id + 100 FROM t.notes WHERE CASE WHEN secret THEN t.talk() END',
		'PREPARE p AS SELECT FROM t.notes WHERE CASE WHEN secret THEN t.talk() END; EXECUTE p; DEALLOCATE p',
		'SELECT FROM t.policed WHERE CASE WHEN secret THEN t.talk() END']
	LOOP
		EXECUTE query;
	END LOOP;
END
$$;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
SET LOCAL client_min_messages = warning;
SELECT t.listen();
SET LOCAL enable_seqscan = off;
SELECT t.listen();
SET LOCAL cpu_operator_cost = 0;
SELECT t.listen();
SET LOCAL enable_seqscan = on;
SET LOCAL plan_cache_mode = force_generic_plan;
SELECT t.listen();
RESET ROLE;
SET LOCAL tenant_guard.trusted_filters = off;
SET ROLE regress_app;
SELECT t.listen();
RESET cpu_operator_cost;
SELECT t.listen();
-- Of the tenant's own secrets it must be.
UPDATE t.notes SET secret = true WHERE id = 1;
SELECT id FROM t.notes WHERE CASE WHEN secret THEN t.talk() END;
ROLLBACK;

-- So must it be with each type that a tenant column may have.
RESET ROLE;
SET client_min_messages = warning;
CREATE FUNCTION t.try_type(type text, tenant text, other text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	found text;
BEGIN
	EXECUTE format('CREATE TABLE t.tried (id int, tenant_id %s, secret boolean)', type);
	SET LOCAL tenant_guard.bypass = on;
	EXECUTE format('INSERT INTO t.tried VALUES (1, %L, false), (2, %L, true)', tenant, other);
	SET LOCAL tenant_guard.bypass = off;
	EXECUTE format('SELECT tenant_guard.set_tenant(%L::text)', tenant);
	SET LOCAL ROLE regress_app;
	EXECUTE 'SELECT string_agg(id || '' '' || tenant_id, '', '') FROM t.tried WHERE CASE WHEN secret THEN t.talk() ELSE true END' INTO found;
	RESET ROLE;
	DROP TABLE t.tried;
	RETURN found;
END
$$;
CREATE DOMAIN t.tenant_uuid AS uuid;
CREATE DOMAIN t.tenant_number AS int;
CREATE DOMAIN t.tenant_name AS varchar(20);
ALTER DEFAULT PRIVILEGES IN SCHEMA t GRANT ALL ON TABLES TO regress_app;
BEGIN;
SELECT type, t.try_type(type, :a, :b) FROM unnest(ARRAY['uuid', 't.tenant_uuid']) type;
ROLLBACK;
BEGIN;
SET LOCAL tenant_guard.tenant_type = 'bigint';
SELECT type, t.try_type(type, '-7', '8') FROM unnest(ARRAY['bigint', 'int', 'smallint', 't.tenant_number']) type;
ROLLBACK;
BEGIN;
SET LOCAL tenant_guard.tenant_type = 'text';
SELECT type, t.try_type(type, 'acme & sons', 'other') FROM unnest(ARRAY['text', 'varchar', 'varchar(20)', 't.tenant_name']) type;
ROLLBACK;

DROP SCHEMA t CASCADE;
DROP ROLE regress_app;
