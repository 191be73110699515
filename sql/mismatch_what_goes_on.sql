--
-- Promise 6, the other side: what compares tenants as they are, displays
-- them, or has nothing to do with them goes on as without the extension.
--
\i test/setup/tenants.sql
SET client_min_messages = warning;
CREATE ROLE regress_app;
CREATE SCHEMA t;
CREATE TABLE t.notes (id int PRIMARY KEY, tenant_id uuid, body text, author uuid);
CREATE TABLE t.orders (id int PRIMARY KEY, tenant_id uuid, status text);
CREATE TABLE t.plain (id int, t text, v varchar(40), u uuid, a text[], j jsonb);
CREATE TYPE t.pair AS (tenant text, body text);
CREATE VIEW t.exposing AS SELECT id, tenant_id::text AS tenant, tenant_id, body FROM t.notes;
CREATE FUNCTION t.plan_of(tenant text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT ''gold''';
CREATE FUNCTION t.is_known(tenant text) RETURNS boolean IMMUTABLE LANGUAGE sql AS 'SELECT true';
GRANT ALL ON SCHEMA t TO regress_app;
GRANT ALL ON ALL TABLES IN SCHEMA t TO regress_app;
ALTER VIEW t.exposing SET (security_invoker = true);
SET search_path = t, public;
RESET client_min_messages;
SET ROLE regress_app;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
INSERT INTO notes VALUES (1, DEFAULT, 'first', 'aaaaaaaa-0000-0000-0000-000000000001'), (2, :a, 'second', NULL);
INSERT INTO orders VALUES (1), (2);
INSERT INTO plain VALUES (1, :a, :a, :a, ARRAY[:a], jsonb_build_object('tenant', :a)),
	(2, 'AAAAAAAA-AAAA-AAAA-AAAA-AAAAAAAAAAAA', 'x', NULL, '{}', '{}');

-- Display, of any kind, must show what there is.
SELECT id, tenant_id::text, tenant_id::varchar(8), 'tenant ' || tenant_id, upper(tenant_id::text) FROM notes ORDER BY id;
SELECT id, to_jsonb(n), format('%s', tenant_id) FROM notes n ORDER BY id;
SELECT tenant_id::text FROM notes ORDER BY tenant_id::text, id;
SELECT tenant_id::text, count(*) FROM notes GROUP BY tenant_id::text;
SELECT DISTINCT tenant_id::text FROM notes;
SELECT DISTINCT ON (tenant_id::text) id, tenant_id::text FROM notes ORDER BY tenant_id::text, id;
SELECT count(DISTINCT tenant_id::text), string_agg(tenant_id::text, ',' ORDER BY id) FROM notes;
SELECT id, row_number() OVER (PARTITION BY tenant_id::text ORDER BY id) FROM notes;
SELECT tenant_id::text FROM notes UNION SELECT status FROM orders ORDER BY 1;
SELECT count(*) FROM (SELECT tenant_id::text AS t FROM notes UNION ALL SELECT t FROM plain) s;
SELECT length(tenant_id::text) FROM notes WHERE length(tenant_id::text) = 36;
SELECT md5(tenant_id::text) FROM notes WHERE md5(tenant_id::text) = md5(:a) AND id = 1;
SELECT id FROM notes WHERE hashtext(tenant_id::text) % 2 IN (-1, 0, 1) ORDER BY id;
SELECT pg_typeof(tenant_id)::text = 'uuid' FROM notes WHERE id = 1;
SELECT coalesce(tenant_id::text, 'none') FROM notes WHERE id = 1;
SELECT id FROM notes WHERE tenant_id::text IS NOT NULL ORDER BY id;
SELECT * FROM exposing ORDER BY tenant, id;
SELECT tenant FROM exposing WHERE body = 'first';
COPY (SELECT id, tenant_id::text FROM notes ORDER BY id) TO stdout;

-- So must comparisons of the tenant as it is: literals and parameters without
-- a type, and strings turned into what the tenant is.
SELECT id FROM notes WHERE tenant_id = :a ORDER BY id;
SELECT id FROM notes WHERE tenant_id = '{AAAAAAAA-AAAA-AAAA-AAAA-AAAAAAAAAAAA}' ORDER BY id;
SELECT id FROM notes WHERE tenant_id = :a::uuid ORDER BY id;
SELECT id FROM notes WHERE tenant_id = CAST(lower(:a) AS uuid) ORDER BY id;
SELECT id FROM notes WHERE tenant_id IN (:a, 'bbbbbbbb-bbbb-bbbb-bbbb-bbbbbbbbbbbb') ORDER BY id;
SELECT id FROM notes WHERE tenant_id NOT IN ('bbbbbbbb-bbbb-bbbb-bbbb-bbbbbbbbbbbb') ORDER BY id;
SELECT id FROM notes WHERE tenant_id = ANY (ARRAY[:a]::uuid[]) ORDER BY id;
SELECT id FROM notes WHERE tenant_id <> ALL ('{bbbbbbbb-bbbb-bbbb-bbbb-bbbbbbbbbbbb}') ORDER BY id;
SELECT id FROM notes WHERE tenant_id IN (SELECT t::uuid FROM plain) ORDER BY id;
SELECT id FROM notes WHERE (tenant_id, id) = (:a, 1);
SELECT id FROM notes WHERE (tenant_id, id) IN (SELECT u, id FROM plain) ORDER BY id;
SELECT id FROM notes WHERE tenant_id IS DISTINCT FROM 'bbbbbbbb-bbbb-bbbb-bbbb-bbbbbbbbbbbb' ORDER BY id;
SELECT CASE tenant_id WHEN :a THEN 'mine' ELSE 'none' END FROM notes ORDER BY id;
SELECT NULLIF(tenant_id, 'bbbbbbbb-bbbb-bbbb-bbbb-bbbbbbbbbbbb') FROM notes ORDER BY id;
SELECT id FROM notes WHERE tenant_id::text::uuid = :a ORDER BY id;
SELECT id FROM notes WHERE coalesce(tenant_id, author) = :a ORDER BY id;
SELECT id FROM notes WHERE to_jsonb(notes) ? 'tenant_id' ORDER BY id;
SELECT id FROM notes WHERE (to_jsonb(notes) ->> 'tenant_id')::uuid = :a ORDER BY id;
SELECT id FROM notes WHERE tenant_id = tenant_guard.current_tenant() ORDER BY id;
SELECT id FROM notes WHERE tenant_id = (SELECT t::uuid FROM plain WHERE id = 2) ORDER BY id;
SELECT n.id FROM notes n JOIN plain p ON n.tenant_id = p.t::uuid AND n.id = p.id ORDER BY 1;
SELECT n.id FROM notes n JOIN plain p ON n.tenant_id = p.u ORDER BY 1;
SELECT n.id FROM notes n JOIN orders o USING (tenant_id, id) ORDER BY 1;
SELECT id FROM notes NATURAL JOIN (SELECT id, tenant_id FROM orders) o ORDER BY 1;
SELECT n.id FROM notes n JOIN plain p ON (p.j ->> 'tenant')::uuid = n.tenant_id ORDER BY 1;
SELECT id FROM exposing WHERE tenant_id = :a ORDER BY id;
SELECT tenant_id FROM notes INTERSECT SELECT u FROM plain;
SELECT id FROM (SELECT id, tenant_id AS t FROM notes) s WHERE t = :a ORDER BY id;
WITH s AS (SELECT id, tenant_id::text AS t FROM notes) SELECT id FROM s WHERE id = 1;
PREPARE by_uuid AS SELECT id FROM notes WHERE tenant_id = $1 ORDER BY id;
EXECUTE by_uuid (:a);
PREPARE by_text (text) AS SELECT id FROM notes WHERE tenant_id = $1::uuid ORDER BY id;
EXECUTE by_text (:a);
PREPARE by_texts (text[]) AS SELECT id FROM notes WHERE tenant_id = ANY ($1::uuid[]) ORDER BY id;
EXECUTE by_texts (ARRAY[:a]);

-- Other columns of a guarded table, whole rows, and other tables.
SELECT id FROM notes WHERE body = 'first' AND body LIKE 'f%' AND lower(body) IN ('first');
SELECT id FROM notes WHERE author::text LIKE 'aaaaaaaa-0000%';
SELECT id FROM notes WHERE to_jsonb(notes) ->> 'body' = 'first';
SELECT id FROM notes WHERE to_jsonb(notes) @> '{"body": "first"}';
SELECT id FROM notes n WHERE n::text LIKE '%second%';
SELECT key FROM notes, jsonb_each_text(to_jsonb(notes)) WHERE value = 'second';
SELECT id FROM notes WHERE to_jsonb(notes) ->> (SELECT 'body'::text) = 'second';
SELECT id FROM (SELECT id, jsonb_build_object('tenant', tenant_id, 'body', body) AS j FROM notes) s WHERE j ->> 'body' = 'first';
SELECT id FROM notes WHERE (ROW(tenant_id::text, body)::pair).body = 'first';
SELECT id FROM (SELECT id, ROW(tenant_id::text, body) AS r FROM notes) s WHERE to_jsonb(r) ->> 'f2' = 'first';
SELECT id FROM notes WHERE CASE WHEN tenant_id IS NULL THEN 'a' ELSE body END = 'first';
SELECT id FROM notes n WHERE ROW(n.*)::text LIKE '%second%';
SELECT e.key FROM notes n, jsonb_each_text(jsonb_build_object('tenant', tenant_id)) e WHERE e.key = 'tenant' AND n.id = 1;
SELECT k FROM notes n, jsonb_object_keys(jsonb_build_object('tenant', tenant_id)) k WHERE k = 'tenant' AND n.id = 1;
SELECT r.body FROM notes n, jsonb_to_record(jsonb_build_object('tenant', tenant_id, 'body', body)) r (tenant text, body text) WHERE r.body = 'first';
SELECT id FROM notes n WHERE coalesce(NULL::jsonb -> 'tenant_id', to_jsonb(n)) ->> 'body' = 'first';
SELECT CASE (a::varchar[])[1] WHEN :a THEN 'first' ELSE 'other' END FROM plain ORDER BY id;
WITH RECURSIVE s (j) AS (SELECT to_jsonb(notes) FROM notes UNION ALL SELECT j -> 'inner' FROM s WHERE j ? 'inner')
SELECT j ->> 'id' FROM s WHERE j ->> 'body' = 'first';
SELECT id FROM plain WHERE u::text = :a;
SELECT id FROM plain WHERE t = :a::uuid::text;
SELECT id FROM plain WHERE t = tenant_guard.current_tenant()::text;
SELECT id FROM plain WHERE j ->> 'tenant' = :a;
SELECT p.id FROM plain p JOIN notes n ON n.id = p.id WHERE p.t = :a AND p.u::text = p.t;
SELECT relname FROM pg_class WHERE relname = 'notes' AND relnamespace = 't'::regnamespace;
SELECT table_name FROM information_schema.tables WHERE table_schema = 't' AND table_name = 'notes';

-- A function of one's own does with the text what it does.
SELECT id FROM notes WHERE plan_of(tenant_id::text) = 'gold' AND is_known(tenant_id::text) ORDER BY id;

-- Writing.
UPDATE notes SET body = 'tenant ' || tenant_id WHERE tenant_id = :a AND id = 2 RETURNING body;
UPDATE plain SET t = n.tenant_id::text FROM notes n WHERE n.id = plain.id AND n.tenant_id = plain.t::uuid;
INSERT INTO plain (id, t) SELECT id + 10, tenant_id FROM notes;
INSERT INTO notes (id, tenant_id) SELECT 3, t::uuid FROM plain WHERE id = 1;
INSERT INTO notes (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET body = excluded.tenant_id::text WHERE notes.tenant_id = excluded.tenant_id;
MERGE INTO notes n USING plain p ON n.tenant_id = p.t::uuid AND n.id = p.id WHEN MATCHED THEN UPDATE SET body = p.t;
DELETE FROM notes WHERE tenant_id = :a::uuid AND id = 3;
DECLARE c CURSOR FOR SELECT id FROM notes WHERE tenant_id = :a ORDER BY id;
FETCH c;
DO $$ DECLARE wanted text := 'AAAAAAAA-AAAA-AAAA-AAAA-AAAAAAAAAAAA'; shown text; BEGIN
	SELECT tenant_id::text INTO shown FROM notes WHERE tenant_id = wanted::uuid AND id = 1;
	RAISE NOTICE '%', shown;
END $$;
ROLLBACK;

-- What PostgreSQL refuses by itself must stay its own to say.
\set VERBOSITY sqlstate
SELECT * FROM notes WHERE tenant_id = 'x'::text;
SELECT * FROM notes WHERE tenant_id IN (SELECT t FROM plain);
SELECT * FROM notes WHERE tenant_id = ANY (ARRAY['x']::text[]);

\set VERBOSITY default

-- So must everything on a table that is not guarded.
RESET ROLE;
SET client_min_messages = warning;
SELECT tenant_guard.unprotect('notes');
SELECT id FROM notes WHERE tenant_id::text LIKE 'aaaa%';
CREATE INDEX ON notes ((tenant_id::text));
DROP SCHEMA t CASCADE;
DROP ROLE regress_app;
