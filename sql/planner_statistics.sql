--
-- The planner is given statistics of a tenant column that are about the
-- transaction's tenant alone. Its estimates for the tenant's rows stay as they
-- are, and those for other conditions depend on no other tenant.
--
\i test/setup/app.sql
SET client_min_messages = warning;
-- The first tenant has half of the rows, the second 300, and a thousand others 10 each: not all are among the most common values.
CREATE TABLE t.orders (id int, tenant_id uuid, status int);
CREATE TABLE t.lines (id int, tenant_id uuid, order_id int);
CREATE TABLE t.templates (id int, tenant_id uuid);
CREATE TABLE t.unique_rows (id int, tenant_id uuid UNIQUE);
CREATE TABLE t.unknown (id int, tenant_id uuid);
CREATE TABLE t.parts (id int, tenant_id uuid, status int) PARTITION BY RANGE (id);
CREATE TABLE t.parts_1 PARTITION OF t.parts FOR VALUES FROM (0) TO (10000);
CREATE TABLE t.parts_2 PARTITION OF t.parts FOR VALUES FROM (10000) TO (100000);
CREATE TABLE t.kin (id int, tenant_id uuid);
CREATE TABLE t.kin_child (more int) INHERITS (t.kin);
CREATE DOMAIN t.tenant AS uuid;
CREATE TABLE t.of_domain (id int, tenant_id t.tenant);
SET tenant_guard.tenant_type = bigint;
CREATE TABLE t.numbers (id int, tenant_id bigint);
CREATE TABLE t.small_numbers (id int, tenant_id int);
SET tenant_guard.tenant_type = text;
CREATE TABLE t.texts (id int, tenant_id text);
CREATE TABLE t.varchars (id int, tenant_id varchar(60));
RESET tenant_guard.tenant_type;
SELECT tenant_guard.protect('t.templates', null_rows => 'shared');
CREATE FUNCTION t.tenant_number(i int) RETURNS int LANGUAGE sql AS $$ SELECT CASE WHEN i % 2 = 0 THEN 1 WHEN i < 600 THEN 2 ELSE 3 + i / 2 % 1000 END $$;
CREATE FUNCTION t.tenant_uuid(n int) RETURNS uuid LANGUAGE sql AS $$ SELECT (lpad(n::text, 8, '0') || '-0000-4000-8000-000000000000')::uuid $$;
SET tenant_guard.bypass = on;
INSERT INTO t.orders SELECT i, t.tenant_uuid(t.tenant_number(i)), i % 7 FROM generate_series(1, 20000) i;
INSERT INTO t.lines SELECT i, t.tenant_uuid(t.tenant_number(i)), i FROM generate_series(1, 20000) i;
INSERT INTO t.templates SELECT id, CASE WHEN id % 10 > 0 THEN tenant_id END FROM t.orders;
INSERT INTO t.unique_rows SELECT i, t.tenant_uuid(i) FROM generate_series(1, 2000) i;
INSERT INTO t.parts SELECT * FROM t.orders;
INSERT INTO t.kin SELECT id, tenant_id FROM t.orders WHERE id % 3 = 0;
INSERT INTO t.kin_child SELECT id, tenant_id FROM t.orders WHERE id % 3 > 0;
INSERT INTO t.of_domain SELECT id, tenant_id FROM t.orders;
INSERT INTO t.numbers SELECT i, t.tenant_number(i) FROM generate_series(1, 20000) i;
INSERT INTO t.small_numbers SELECT * FROM t.numbers;
INSERT INTO t.texts SELECT i, 'tenant ' || t.tenant_number(i) FROM generate_series(1, 20000) i;
INSERT INTO t.varchars SELECT * FROM t.texts;
RESET tenant_guard.bypass;
CREATE INDEX ON t.orders (tenant_id, id);
CREATE INDEX ON t.lines (tenant_id, order_id);
ANALYZE t.orders, t.lines, t.templates, t.unique_rows, t.parts, t.kin, t.of_domain, t.numbers, t.small_numbers, t.texts, t.varchars;
GRANT ALL ON ALL TABLES IN SCHEMA t TO regress_app;
-- The plan with its costs and rows, and how many rows are estimated.
CREATE FUNCTION t.explained(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	line text;
	lines text[];
BEGIN
	FOR line IN EXECUTE 'EXPLAIN ' || query LOOP
		lines := lines || line;
	END LOOP;
	RETURN array_to_string(lines, E'\n');
END
$$;
CREATE FUNCTION t.rows_of(query text) RETURNS bigint LANGUAGE sql AS $$ SELECT substring(t.explained(query) FROM 'rows=(\d+)')::bigint $$;
GRANT ALL ON SCHEMA t TO regress_app;
CREATE TABLE t.said (tenant text, query text, small_tenant_paths text, plan text);
GRANT ALL ON t.said TO regress_app;
CREATE PROCEDURE t.explain_for(tenants text[], queries text[]) LANGUAGE plpgsql AS $$
DECLARE
	tenant text;
	query text;
BEGIN
	FOREACH tenant IN ARRAY tenants LOOP
		PERFORM tenant_guard.set_tenant(tenant);
		FOREACH query IN ARRAY queries LOOP
			INSERT INTO t.said VALUES (tenant, query, current_setting('tenant_guard.small_tenant_paths'), t.explained(query));
		END LOOP;
		COMMIT;
	END LOOP;
END
$$;
CREATE PROCEDURE t.explain_all() LANGUAGE plpgsql AS $$
BEGIN
	CALL t.explain_for('{00000001-0000-4000-8000-000000000000,00000002-0000-4000-8000-000000000000,00000500-0000-4000-8000-000000000000,00005000-0000-4000-8000-000000000000}', ARRAY['SELECT * FROM t.orders', 'SELECT * FROM t.orders WHERE status = 3',
		'SELECT * FROM t.templates', 'SELECT * FROM t.unique_rows', 'SELECT * FROM t.unknown', 'SELECT * FROM t.parts', 'SELECT * FROM t.parts WHERE id < 500', 'SELECT * FROM t.kin',
		'SELECT * FROM t.of_domain', 'SELECT * FROM t.orders WHERE status::text = ''3''', 'SELECT tenant_id, status, count(*) FROM t.orders GROUP BY 1, 2',
		'SELECT * FROM t.orders o JOIN t.lines l ON l.order_id = o.id', 'SELECT * FROM t.orders o JOIN t.lines l USING (tenant_id)',
		'SELECT * FROM t.orders o LEFT JOIN t.lines l ON l.order_id = o.id AND l.tenant_id = o.tenant_id',
		'SELECT * FROM t.orders o WHERE EXISTS (SELECT FROM t.lines l WHERE l.tenant_id = o.tenant_id AND l.order_id = o.id)', 'DELETE FROM t.orders WHERE id = 3', 'UPDATE t.parts SET status = 3']);
END
$$;
CREATE PROCEDURE t.explain_numbers() LANGUAGE plpgsql AS $$
BEGIN
	CALL t.explain_for('{1,2,500,5000,9999999999}', ARRAY['SELECT * FROM t.numbers', 'SELECT * FROM t.small_numbers']);
END
$$;
CREATE PROCEDURE t.explain_texts() LANGUAGE plpgsql AS $$
BEGIN
	CALL t.explain_for('{tenant 1,tenant 2,tenant 500,a tenant whose name is very long}', ARRAY['SELECT * FROM t.texts', 'SELECT * FROM t.varchars']);
END
$$;
RESET client_min_messages;

-- Whatever is asked, each tenant must have the plan, the costs and the rows that it has with all statistics.
SET ROLE regress_app;
CALL t.explain_all();
RESET ROLE;
SET tenant_guard.tenant_type = bigint;
SET ROLE regress_app;
CALL t.explain_numbers();
RESET ROLE;
SET tenant_guard.tenant_type = text;
SET ROLE regress_app;
CALL t.explain_texts();
RESET ROLE;
RESET tenant_guard.tenant_type;
SET tenant_guard.small_tenant_paths = off;
SET ROLE regress_app;
CALL t.explain_all();
RESET ROLE;
SET tenant_guard.tenant_type = bigint;
SET ROLE regress_app;
CALL t.explain_numbers();
RESET ROLE;
SET tenant_guard.tenant_type = text;
SET ROLE regress_app;
CALL t.explain_texts();
RESET ROLE;
RESET tenant_guard.tenant_type;
RESET tenant_guard.small_tenant_paths;
SELECT tenant, query, string_agg(small_tenant_paths || E':\n' || plan, E'\n') FROM t.said GROUP BY 1, 2 HAVING count(DISTINCT plan) > 1;
SELECT count(*), count(DISTINCT plan) > 50 AS plans_differ FROM t.said;

-- Estimates for other conditions on the tenant column must be the same for whatever tenants they exclude,
SET ROLE regress_app;
BEGIN;
SELECT tenant_guard.set_tenant(t.tenant_uuid(500));
CREATE FUNCTION t.estimates() RETURNS TABLE (condition text, estimates bigint) LANGUAGE sql AS $$
SELECT condition, count(DISTINCT t.rows_of(format('SELECT id FROM t.orders WHERE tenant_id ' || condition, t.tenant_uuid(a), t.tenant_uuid(b))))
FROM unnest('{<> %L,< %L,NOT IN (%L)}'::text[]) condition, (VALUES (1, 2), (2, 3), (3, 4)) v (a, b) GROUP BY condition ORDER BY condition COLLATE "C" $$;
SELECT * FROM t.estimates();
COMMIT;
RESET ROLE;
-- and not with all statistics.
SET tenant_guard.small_tenant_paths = off;
SET ROLE regress_app;
BEGIN;
SELECT tenant_guard.set_tenant(t.tenant_uuid(500));
SELECT * FROM t.estimates();
COMMIT;
RESET ROLE;
RESET tenant_guard.small_tenant_paths;

-- A tenant that has grown must have its new rows estimated when ANALYZE has found them.
SET ROLE regress_app;
BEGIN;
SELECT tenant_guard.set_tenant(t.tenant_uuid(500));
SELECT t.rows_of('SELECT * FROM t.orders') AS before;
COMMIT;
RESET ROLE;
SET client_min_messages = warning;
SET tenant_guard.bypass = on;
UPDATE t.orders SET tenant_id = t.tenant_uuid(500) WHERE tenant_id = t.tenant_uuid(1);
RESET tenant_guard.bypass;
VACUUM ANALYZE t.orders;
RESET client_min_messages;
SET ROLE regress_app;
BEGIN;
SELECT tenant_guard.set_tenant(t.tenant_uuid(500));
SELECT t.rows_of('SELECT * FROM t.orders') AS after;
COMMIT;

RESET ROLE;
SET client_min_messages = warning;
DROP SCHEMA t CASCADE;
DROP ROLE regress_app;
