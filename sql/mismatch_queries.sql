--
-- Promise 6: a tenant is never compared as text. Each of these PostgreSQL
-- takes, and matches one spelling, nothing or everything.
--
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE ROLE regress_app;
CREATE SCHEMA t;
CREATE TABLE t.notes (id int PRIMARY KEY, tenant_id uuid, body text);
CREATE TABLE t.orders (id int PRIMARY KEY, tenant_id uuid, status text);
CREATE TABLE t.plain (id int, t text, v varchar(40), c char(36), n name, u uuid, a text[], j jsonb);
CREATE DOMAIN t.code AS text;
CREATE TYPE t.pair AS (tenant text, id int);
CREATE VIEW t.exposing AS SELECT id, tenant_id::text AS tenant, body FROM t.notes;
CREATE VIEW t.exposing_again AS SELECT upper(tenant) AS tenant, id FROM t.exposing;
GRANT ALL ON SCHEMA t TO regress_app;
GRANT ALL ON ALL TABLES IN SCHEMA t TO regress_app;
SET search_path = t, public;
RESET client_min_messages;
SET ROLE regress_app;

-- A comparison must be refused with the cursor at it, both types, and the
-- comparison as it should be.
SELECT * FROM notes WHERE tenant_id::text = '7F1C9D0E-6F0E-4F6B-9A53-2F6C0F3F8A11';
\echo :LAST_ERROR_SQLSTATE

-- So must every other string type be.
SELECT * FROM notes WHERE CAST(tenant_id AS varchar) = '{7f1c9d0e-6f0e-4f6b-9a53-2f6c0f3f8a11}';
SELECT * FROM notes WHERE tenant_id::varchar(8) = '7f1c9d0e';
SELECT * FROM notes WHERE tenant_id::char(36) = '7f1c9d0e-6f0e-4f6b-9a53-2f6c0f3f8a11';
SELECT * FROM notes WHERE tenant_id::name = '7f1c9d0e-6f0e-4f6b-9a53-2f6c0f3f8a11';
SELECT * FROM notes WHERE tenant_id::code = '7f1c9d0e-6f0e-4f6b-9a53-2f6c0f3f8a11';
SELECT * FROM notes WHERE text(tenant_id::text) = 'x';
SELECT * FROM notes WHERE tenant_id::text COLLATE "C" = 'x';

-- Every operator of strings.
SELECT * FROM notes WHERE '7f1c9d0e-6f0e-4f6b-9a53-2f6c0f3f8a11' = tenant_id::text;
SELECT * FROM notes WHERE tenant_id::text <> '7F1C9D0E-6F0E-4F6B-9A53-2F6C0F3F8A11';
SELECT * FROM notes WHERE tenant_id::text < '8';
SELECT * FROM notes WHERE '8' >= tenant_id::text;
SELECT * FROM notes WHERE tenant_id::text BETWEEN '7' AND '8';
SELECT * FROM notes WHERE tenant_id::text LIKE '7f1c%';
SELECT * FROM notes WHERE tenant_id::text NOT ILIKE '7f1c%';
SELECT * FROM notes WHERE tenant_id::text SIMILAR TO '7f1c%';
SELECT * FROM notes WHERE tenant_id::text ~* '^7f1c';
SELECT * FROM notes WHERE tenant_id::text ^@ '7f1c';
SELECT * FROM notes WHERE NOT tenant_id::text = 'x' OR id = 1;

-- DISTINCT FROM, NULLIF and CASE, which compare too.
SELECT * FROM notes WHERE tenant_id::text IS DISTINCT FROM 'x';
SELECT * FROM notes WHERE tenant_id::text IS NOT DISTINCT FROM 'x';
SELECT NULLIF(tenant_id::text, '') FROM notes;
SELECT CASE tenant_id::text WHEN 'x' THEN 1 WHEN 'y' THEN 2 END FROM notes;
SELECT CASE WHEN tenant_id::text = 'x' THEN 1 END FROM notes;

-- What strings are made with.
SELECT * FROM notes WHERE tenant_id || '' = 'x';
SELECT * FROM notes WHERE 'tenant:' || tenant_id = 'tenant:x';
SELECT * FROM notes WHERE concat('tenant:', tenant_id) = 'tenant:x';
SELECT * FROM notes WHERE format('%s', tenant_id) = 'x';
SELECT * FROM notes WHERE lower(tenant_id::text) = lower('X');
SELECT * FROM notes WHERE upper(tenant_id::text) = 'X';
SELECT * FROM notes WHERE replace(tenant_id::text, '-', '') = 'x';
SELECT * FROM notes WHERE substring(tenant_id::text FROM 1 FOR 8) = '7f1c9d0e';
SELECT * FROM notes WHERE left(tenant_id::text, 8) = '7f1c9d0e';
SELECT * FROM notes WHERE split_part(tenant_id::text, '-', 1) = '7f1c9d0e';
SELECT * FROM notes WHERE encode(uuid_send(tenant_id), 'hex') = 'x';
SELECT * FROM notes WHERE coalesce(tenant_id::text, '') = 'x';
SELECT * FROM notes WHERE CASE WHEN id > 0 THEN tenant_id::text ELSE body END = 'x';
SELECT * FROM notes WHERE GREATEST(tenant_id::text, 'x') = 'x';
SELECT * FROM notes WHERE tenant_id::text::uuid::text = 'x';

-- JSON.
SELECT * FROM notes WHERE to_jsonb(tenant_id) = '"x"';
SELECT * FROM notes WHERE to_json(notes) ->> 'tenant_id' = 'x';
SELECT * FROM notes n WHERE to_jsonb(n) -> 'tenant_id' = '"x"';
SELECT * FROM notes n WHERE (to_jsonb(n))['tenant_id'] = '"x"';
SELECT * FROM notes n WHERE row_to_json(n) #>> '{tenant_id}' = 'x';
SELECT * FROM notes n WHERE jsonb_build_object('tenant', tenant_id) @> '{"tenant": "x"}';
SELECT * FROM plain p JOIN notes n ON p.j @> jsonb_build_object('tenant', n.tenant_id);
SELECT * FROM plain p JOIN notes n ON p.j ->> 'tenant' = n.tenant_id::text;

-- JSON_EXISTS, which is no function from 17 on, and is not there before.
DO $$
BEGIN
	EXECUTE $q$SELECT * FROM notes WHERE JSON_EXISTS(jsonb_build_object('tenant', tenant_id), '$.tenant ? (@ == "x")')$q$;
	RAISE NOTICE 'not refused';
EXCEPTION
	WHEN undefined_function OR SQLSTATE 'TG004' THEN RAISE NOTICE 'refused';
END $$;

-- Functions that compare or search.
SELECT * FROM notes WHERE texteq(tenant_id::text, 'x');
SELECT * FROM notes WHERE starts_with(tenant_id::text, '7f1c');
SELECT * FROM notes WHERE regexp_like(tenant_id::text, '^7f1c');
SELECT * FROM notes WHERE strpos(tenant_id::text, '7f1c') = 1;
SELECT * FROM notes WHERE position('7f1c' IN tenant_id::text) = 1;
SELECT * FROM notes WHERE array_position(ARRAY['x', 'y'], tenant_id::text) IS NOT NULL;

-- Membership, where NOT IN of another spelling is true of every row.
SELECT * FROM notes WHERE tenant_id::text IN ('x', 'y');
SELECT * FROM notes WHERE tenant_id::text NOT IN ('X');
SELECT * FROM notes WHERE tenant_id::text = ANY ('{x,y}');
SELECT * FROM notes WHERE tenant_id::text <> ALL (ARRAY['x', 'y']);
SELECT * FROM notes WHERE tenant_id::text LIKE ANY (ARRAY['x%', 'y%']);
SELECT * FROM notes WHERE tenant_id::text IN (SELECT t FROM plain);
SELECT * FROM notes WHERE tenant_id::text NOT IN (SELECT v FROM plain);
SELECT * FROM notes WHERE tenant_id::text < ALL (SELECT t FROM plain);
SELECT * FROM plain WHERE t IN (SELECT tenant_id::text FROM notes);
SELECT * FROM plain WHERE t = (SELECT tenant_id::text FROM notes LIMIT 1);
SELECT * FROM plain WHERE t = ANY (ARRAY(SELECT tenant_id::text FROM notes));
SELECT * FROM plain WHERE t = ANY ((SELECT array_agg(tenant_id::text) FROM notes)::text[]);
SELECT * FROM plain, notes WHERE tenant_id::text = ANY (a);
SELECT * FROM plain, notes WHERE a @> ARRAY[tenant_id::text];
SELECT * FROM plain, notes WHERE a && ARRAY[tenant_id]::text[];
SELECT * FROM notes n WHERE EXISTS (SELECT FROM plain p WHERE p.t = n.tenant_id::text);

-- Rows.
SELECT * FROM notes WHERE (tenant_id::text, id) = ('x', 1);
SELECT * FROM notes WHERE (id, tenant_id::text) > (1, 'x');
SELECT * FROM notes WHERE (id, tenant_id::text) IN ((1, 'x'), (2, 'y'));
SELECT * FROM notes WHERE (id, tenant_id::text) IN (SELECT id, t FROM plain);
SELECT * FROM notes WHERE (ROW(tenant_id::text, id)::pair).tenant = 'x';
SELECT * FROM notes WHERE ROW(tenant_id::text, id)::pair = ROW('x', 1)::pair;
SELECT * FROM plain WHERE (t, id) NOT IN (SELECT tenant_id::text, id FROM notes);

-- Joins.
SELECT * FROM notes n JOIN plain p ON p.t = n.tenant_id::text;
SELECT * FROM notes n LEFT JOIN plain p ON n.tenant_id::varchar = p.v;
SELECT * FROM notes n, plain p WHERE n.tenant_id::char(36) = p.c;
SELECT * FROM notes n JOIN plain p ON n.tenant_id::text = p.u::text;
SELECT * FROM notes n JOIN orders o ON n.tenant_id::text = o.tenant_id::text;
SELECT * FROM plain JOIN (SELECT tenant_id::text AS t FROM notes) s USING (t);
SELECT * FROM plain NATURAL JOIN (SELECT tenant_id::text AS t FROM notes) s;
SELECT * FROM notes n, LATERAL (SELECT n.tenant_id::text AS tenant) l JOIN plain p ON p.t = l.tenant;
SELECT * FROM notes n, LATERAL (VALUES (n.tenant_id::text)) l (tenant) WHERE l.tenant = 'x';
SELECT * FROM notes n, unnest(ARRAY[n.tenant_id::text]) u WHERE u = 'x';

-- What hands the text on.
SELECT * FROM (SELECT tenant_id::text AS tenant FROM notes) s WHERE tenant = 'x';
SELECT * FROM (SELECT tenant_id AS tenant FROM notes) s WHERE tenant::text = 'x';
SELECT * FROM (SELECT tenant FROM (SELECT tenant_id::text AS tenant FROM notes) a) b WHERE tenant LIKE 'x%';
SELECT * FROM (SELECT body FROM notes UNION ALL SELECT tenant_id::text FROM orders) s WHERE body = 'x';
WITH s AS (SELECT tenant_id::text AS tenant FROM notes) SELECT * FROM s WHERE tenant = 'x';
WITH s AS (DELETE FROM notes RETURNING tenant_id::text AS tenant) SELECT * FROM s WHERE tenant = 'x';
WITH RECURSIVE s (tenant, n) AS (SELECT tenant_id::text, 1 FROM notes UNION ALL SELECT tenant, n + 1 FROM s WHERE tenant <> 'x')
SELECT * FROM s;
SELECT * FROM exposing WHERE tenant = 'x';
SELECT * FROM exposing_again WHERE tenant = 'X';
SELECT * FROM exposing e JOIN plain p ON p.t = e.tenant;
SELECT * FROM (SELECT notes AS n FROM notes) s WHERE to_json(s) -> 'n' ->> 'tenant_id' = 'x';
SELECT * FROM (SELECT to_jsonb(notes) AS j FROM notes) s WHERE j ->> 'tenant_id' = 'x';
SELECT * FROM (notes n CROSS JOIN plain p) AS joined (a, b) WHERE b::text = 'x';

-- What one side takes out of JSON must not hide what another gives as it is.
SELECT * FROM (SELECT j -> 'a' AS x FROM plain UNION ALL SELECT to_jsonb(notes) FROM notes) s WHERE x ->> 'tenant_id' = 'x';
SELECT * FROM notes, plain p WHERE coalesce(p.j -> 'a', to_jsonb(notes)) ->> 'tenant_id' = 'x';
SELECT * FROM notes n, jsonb_to_record(to_jsonb(n)) r (tenant_id text) WHERE r.tenant_id = 'x';
SELECT * FROM notes n, jsonb_each_text(jsonb_build_object('tenant', tenant_id)) e WHERE e.value = 'x';
WITH RECURSIVE s (j) AS (SELECT to_jsonb(notes) FROM notes UNION ALL SELECT jsonb_build_object('inner', j) FROM s)
SELECT * FROM s WHERE j -> 'inner' -> 'inner' ->> 'tenant_id' = 'x';

-- Groups, windows and set operations.
SELECT tenant_id::text FROM notes GROUP BY tenant_id::text HAVING tenant_id::text = 'x';
SELECT count(*) FILTER (WHERE tenant_id::text = 'x') FROM notes;
SELECT * FROM notes GROUP BY id HAVING max(tenant_id::text) = 'x';
SELECT * FROM (SELECT lag(tenant_id::text) OVER (ORDER BY id) AS before FROM notes) s WHERE before = 'x';
SELECT tenant_id::text FROM notes INTERSECT SELECT t FROM plain;
SELECT t FROM plain EXCEPT SELECT tenant_id::text FROM notes;
SELECT id FROM notes ORDER BY tenant_id::text = 'x';
SELECT tenant_id::text = 'x' FROM notes;

-- Statements that write.
UPDATE notes SET body = '' WHERE tenant_id::text = 'x';
UPDATE notes n SET body = p.t FROM plain p WHERE p.t = n.tenant_id::text;
UPDATE plain SET t = (SELECT body FROM notes WHERE tenant_id::text = 'x');
DELETE FROM notes WHERE tenant_id::text = 'x';
DELETE FROM notes USING plain p WHERE p.t = tenant_id::text;
DELETE FROM notes RETURNING tenant_id::text = 'x';
INSERT INTO plain (t) SELECT body FROM notes WHERE tenant_id::text = 'x';
INSERT INTO notes AS n VALUES (1) ON CONFLICT (id) DO UPDATE SET body = '' WHERE n.tenant_id::text = 'x';
INSERT INTO notes VALUES (1) ON CONFLICT (id) DO UPDATE SET body = CASE excluded.tenant_id::text WHEN 'x' THEN '' END;
MERGE INTO notes n USING plain p ON p.t = n.tenant_id::text WHEN MATCHED THEN DELETE;
MERGE INTO notes n USING plain p ON p.id = n.id WHEN MATCHED AND n.tenant_id::text = 'x' THEN DELETE;
MERGE INTO plain p USING exposing e ON p.t = e.tenant WHEN MATCHED THEN DELETE;

-- Statements that have a query in them, each with one report.
PREPARE s (text) AS SELECT * FROM notes WHERE tenant_id::text = $1;
PREPARE s (text[]) AS SELECT * FROM notes WHERE tenant_id::text = ANY ($1);
PREPARE s AS SELECT * FROM notes WHERE tenant_id::text = lower($1);
EXPLAIN (COSTS OFF) SELECT * FROM notes WHERE tenant_id::text = 'x';
EXPLAIN (COSTS OFF) CREATE TABLE copied AS SELECT * FROM notes WHERE tenant_id::text = 'x';
BEGIN;
DECLARE c CURSOR FOR SELECT * FROM notes WHERE tenant_id::text = 'x';
ROLLBACK;
COPY (SELECT * FROM notes WHERE tenant_id::text = 'x') TO stdout;
CREATE TABLE copied AS SELECT * FROM notes WHERE tenant_id::text = 'x';
SELECT * INTO copied FROM notes WHERE tenant_id::text = 'x';
CREATE VIEW v AS SELECT * FROM notes WHERE tenant_id::text = 'x';
CREATE MATERIALIZED VIEW v AS SELECT * FROM notes WHERE tenant_id::text = 'x';

-- Characters of more than one byte before it must not move the cursor.
SELECT 'añö€', id FROM notes WHERE tenant_id::text = 'x';
SELECT 1\; SELECT 2 FROM notes WHERE tenant_id::text = 'x';

-- Functions: in SQL when they are created, in PL/pgSQL when they run.
CREATE FUNCTION f(text) RETURNS SETOF notes LANGUAGE sql AS 'SELECT * FROM notes WHERE tenant_id::text = $1';
CREATE FUNCTION f(wanted text) RETURNS SETOF notes LANGUAGE sql BEGIN ATOMIC
SELECT * FROM notes WHERE tenant_id::text = wanted;
END;
CREATE FUNCTION f(wanted text) RETURNS bigint LANGUAGE plpgsql AS
$$ BEGIN
	RETURN (SELECT count(*) FROM notes WHERE tenant_id::text = wanted);
END $$;
SELECT f('x');
DO $$ BEGIN
	PERFORM FROM plain, notes WHERE t = tenant_id::text;
END $$;
DO $$ BEGIN EXECUTE 'DELETE FROM notes WHERE tenant_id::text = $1' USING 'x'; END $$;

-- Only a superuser may switch this off.
SET tenant_guard.type_mismatch = off;
SELECT * FROM notes WHERE tenant_id::text = 'x';

-- A function of a superuser that declares so may search in the text on purpose,
-- for its caller too, and nothing else may.
RESET ROLE;
CREATE FUNCTION search(pattern text) RETURNS SETOF int LANGUAGE sql STABLE SECURITY DEFINER
SET tenant_guard.type_mismatch = off SET tenant_guard.bypass = on SET search_path = t, pg_temp
AS 'SELECT id FROM notes WHERE tenant_id::text LIKE pattern';
SET ROLE regress_app;
SELECT search('7f1c%');
SELECT id FROM notes WHERE tenant_id::text LIKE '7f1c%';

RESET ROLE;
SET client_min_messages = warning;
DROP SCHEMA t CASCADE;
DROP ROLE regress_app;
