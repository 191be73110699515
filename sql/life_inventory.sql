-- What a tenant has: tenant_inventory() counts what can be counted, and names the rest; tenants() lists the tenants of a table.
\i test/setup/tenants.sql
SET client_min_messages = warning;
CREATE SCHEMA life;
SET search_path = life, public;
CREATE TABLE tenants (id uuid PRIMARY KEY, name text);
SELECT tenant_guard.share('tenants');
INSERT INTO tenants VALUES (:a, 'a'), (:b, 'b');
CREATE TABLE customers (id int, tenant_id uuid REFERENCES tenants, PRIMARY KEY (tenant_id, id));
CREATE TABLE events (tenant_id uuid, id int, attachment oid) PARTITION BY RANGE (id);
CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM (0) TO (10);
CREATE TABLE events_2 PARTITION OF events FOR VALUES FROM (10) TO (20);
CREATE TABLE parent (id int, tenant_id uuid);
CREATE TABLE child () INHERITS (parent);
CREATE TABLE categories (id int, tenant_id uuid, name text);
SELECT tenant_guard.protect('categories', null_rows => 'shared');
SET tenant_guard.auto_protect = off;
CREATE TABLE archive (tenant_id uuid, id int);
CREATE TABLE legacy (tenant_id text, id int);
CREATE TABLE notes (id int, customer int, tenant uuid, FOREIGN KEY (tenant, customer) REFERENCES customers);
RESET tenant_guard.auto_protect;
CREATE FOREIGN DATA WRAPPER regress_wrapper;
CREATE SERVER regress_server FOREIGN DATA WRAPPER regress_wrapper;
CREATE FOREIGN TABLE elsewhere (tenant_id uuid, id int) SERVER regress_server;
SET tenant_guard.bypass = on;
INSERT INTO customers SELECT n, :a FROM generate_series(1, 5) n;
INSERT INTO customers SELECT n, :b FROM generate_series(1, 3) n;
INSERT INTO events SELECT :a, n FROM generate_series(0, 19) n;
INSERT INTO events SELECT :b, n FROM generate_series(0, 3) n;
INSERT INTO parent VALUES (1, :a);
INSERT INTO child VALUES (2, :a), (3, :b);
INSERT INTO categories VALUES (1, NULL, 'of everyone'), (2, :a, 'a''s');
INSERT INTO archive VALUES (:a, 1), (:a, 2), (:b, 1);
INSERT INTO legacy VALUES (:a, 1);
CREATE MATERIALIZED VIEW totals AS SELECT tenant_id, count(*) FROM customers GROUP BY 1;
RESET tenant_guard.bypass;
SET client_min_messages = error;
CREATE PUBLICATION regress_publication FOR TABLE customers;
SET client_min_messages = warning;
ANALYZE customers, events, parent, archive;

-- Each table with the column is counted with its parts, guarded or not, the tenants' own row too; what cannot be counted is named.
-- Rows of everyone are nobody's.
SELECT kind, object, rows, estimated_bytes > 0 AS has_bytes, detail FROM tenant_guard.tenant_inventory(:a) WHERE object ~ '^life|publication';
-- It is the same however the tenant is written, and equals what the tables say.
SELECT count(*) AS differ
FROM (SELECT kind, object, rows FROM tenant_guard.tenant_inventory(upper(:b)) EXCEPT SELECT kind, object, rows FROM tenant_guard.tenant_inventory(:b)) d;
SET tenant_guard.bypass = on;
SELECT i.object
FROM (SELECT 'life.customers' AS object, count(*) AS rows FROM customers WHERE tenant_id = :b UNION ALL SELECT 'life.events', count(*) FROM events WHERE tenant_id = :b
	  UNION ALL SELECT 'life.parent', count(*) FROM parent WHERE tenant_id = :b UNION ALL SELECT 'life.archive', count(*) FROM archive WHERE tenant_id = :b) t
	 JOIN tenant_guard.tenant_inventory(:b) i USING (object)
WHERE i.rows = t.rows AND t.rows > 0;
RESET tenant_guard.bypass;
-- A tenant that is nowhere has no rows.
SELECT sum(rows) FROM tenant_guard.tenant_inventory('cccccccc-cccc-cccc-cccc-cccccccccccc');
-- What is no tenant is an error, and so is null.
SELECT * FROM tenant_guard.tenant_inventory('x');
SELECT * FROM tenant_guard.tenant_inventory(NULL);

-- The tenants of a table come in their order, those of its parts with them, and rows of everyone do not count.
SELECT * FROM tenant_guard.tenants('customers');
SELECT * FROM tenant_guard.tenants('events');
SELECT * FROM tenant_guard.tenants('parent');
SELECT * FROM tenant_guard.tenants('categories');
-- They are looked up one after the other where there is an index that begins with the tenant: few blocks are read.
INSERT INTO tenants SELECT '00000000-0000-0000-0000-000000000001', 'small';
SET tenant_guard.bypass = on;
INSERT INTO customers SELECT n, :a FROM generate_series(6, 50000) n;
INSERT INTO customers SELECT 1, '00000000-0000-0000-0000-000000000001';
RESET tenant_guard.bypass;
VACUUM ANALYZE customers;
CREATE FUNCTION blocks_of(query text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	plan json;
BEGIN
	EXECUTE 'EXPLAIN (ANALYZE, BUFFERS, TIMING off, FORMAT json) ' || query INTO plan;
	RETURN (plan -> 0 -> 'Plan' ->> 'Shared Hit Blocks')::bigint + (plan -> 0 -> 'Plan' ->> 'Shared Read Blocks')::bigint;
END $$;
SELECT * FROM tenant_guard.tenants('customers');
SELECT blocks_of('SELECT * FROM tenant_guard.tenants(''customers'')') < 100 AS few;
-- A table that is not guarded is an error.
SELECT * FROM tenant_guard.tenants('archive');

-- Both are the DBA's; whom they are granted to needs the rights of the tables' owners.
CREATE ROLE regress_clerk;
GRANT SELECT ON ALL TABLES IN SCHEMA life TO regress_clerk;
GRANT USAGE ON SCHEMA life TO regress_clerk;
SET ROLE regress_clerk;
SELECT * FROM tenant_guard.tenants('customers');
SELECT * FROM tenant_guard.tenant_inventory(:a);
RESET ROLE;
GRANT EXECUTE ON FUNCTION tenant_guard.tenants, tenant_guard.tenant_inventory, tenant_guard.guard_status, tenant_guard.broken_invariants TO regress_clerk;
GRANT USAGE ON SCHEMA tenant_guard_internal TO regress_clerk;
GRANT SELECT ON tenant_guard.tables_and_partitions TO regress_clerk;
SET ROLE regress_clerk;
SELECT * FROM tenant_guard.tenants('customers');
SELECT kind, object, rows, detail FROM tenant_guard.tenant_inventory(:a) WHERE object = 'life.customers';
RESET ROLE;

DROP PUBLICATION regress_publication;
DROP FOREIGN DATA WRAPPER regress_wrapper CASCADE;
DROP SCHEMA life CASCADE;
DROP OWNED BY regress_clerk;
DROP ROLE regress_clerk;
