--
-- Rows that reference each other move to another tenant together: the ways of
-- docs/foreign-keys.md.
--
\i test/setup/tenants.sql
SET client_min_messages = warning;
CREATE ROLE regress_merger BYPASSRLS;
CREATE SCHEMA t;
CREATE TABLE t.customers (id int PRIMARY KEY, tenant_id uuid, referred_by int REFERENCES t.customers);
CREATE TABLE t.orders (id int PRIMARY KEY, tenant_id uuid, customer int REFERENCES t.customers ON DELETE CASCADE);
CREATE TABLE t.lines (id int, tenant_id uuid, "order" int CONSTRAINT lines_order_1a2b3c4d_fk_orders_id REFERENCES t.orders DEFERRABLE INITIALLY DEFERRED);
GRANT USAGE ON SCHEMA t TO regress_merger;
GRANT ALL ON ALL TABLES IN SCHEMA t TO regress_merger;
GRANT SET ON PARAMETER tenant_guard.bypass TO regress_merger;
SET ROLE regress_merger;
SET tenant_guard.bypass = on;
INSERT INTO t.customers VALUES (1, :b, NULL), (2, :b, 1), (3, :a, NULL);
INSERT INTO t.orders VALUES (1, :b, 1), (2, :b, 2), (3, :a, 3);
INSERT INTO t.lines VALUES (1, :b, 1), (3, :a, 3);

-- Statement by statement, neither end can come first.
UPDATE t.customers SET tenant_id = :a WHERE tenant_id = :b;
UPDATE t.orders SET tenant_id = :a WHERE tenant_id = :b;

-- In one statement all can, whatever references what.
BEGIN;
WITH customers AS (UPDATE t.customers SET tenant_id = :a WHERE tenant_id = :b),
	 orders AS (UPDATE t.orders SET tenant_id = :a WHERE tenant_id = :b)
UPDATE t.lines SET tenant_id = :a WHERE tenant_id = :b;
COMMIT;
SELECT (SELECT count(*) FROM t.customers WHERE tenant_id = :a) AS customers, (SELECT count(*) FROM t.orders WHERE tenant_id = :a) AS orders,
	   (SELECT count(*) FROM t.lines WHERE tenant_id = :a) AS lines;

-- One customer moves with what is its own; the customer that it has referred stays behind, and is in the way until it forgets that.
WITH customers AS (UPDATE t.customers SET tenant_id = :b WHERE id = 1),
	 orders AS (UPDATE t.orders SET tenant_id = :b WHERE customer = 1)
UPDATE t.lines SET tenant_id = :b WHERE "order" IN (SELECT id FROM t.orders WHERE customer = 1);
UPDATE t.customers SET referred_by = NULL WHERE referred_by = 1;
BEGIN;
WITH customers AS (UPDATE t.customers SET tenant_id = :b WHERE id = 1),
	 orders AS (UPDATE t.orders SET tenant_id = :b WHERE customer = 1)
UPDATE t.lines SET tenant_id = :b WHERE "order" IN (SELECT id FROM t.orders WHERE customer = 1);
COMMIT;

-- With keys that are made deferrable, statement by statement.
RESET ROLE;
ALTER TABLE t.orders ALTER CONSTRAINT orders_customer_fkey DEFERRABLE;
ALTER TABLE t.customers ALTER CONSTRAINT customers_referred_by_fkey DEFERRABLE;
SELECT conname, condeferrable, condeferred, cardinality(conkey) AS columns FROM pg_constraint WHERE connamespace = 't'::regnamespace AND contype = 'f' ORDER BY conname COLLATE "C";
SELECT relation, status FROM tenant_guard.tables WHERE relation::text LIKE 't.%' ORDER BY relation::text COLLATE "C";
SET ROLE regress_merger;
BEGIN;
SET CONSTRAINTS ALL DEFERRED;
UPDATE t.customers SET tenant_id = :a WHERE tenant_id = :b;
UPDATE t.orders SET tenant_id = :a WHERE tenant_id = :b;
UPDATE t.lines SET tenant_id = :a WHERE tenant_id = :b;
COMMIT;

-- Whoever forgets a table must not have moved anything.
BEGIN;
SET CONSTRAINTS ALL DEFERRED;
UPDATE t.orders SET tenant_id = :b WHERE id = 3;
COMMIT;
SELECT 'customers' AS relation, tenant_id, count(*) FROM t.customers GROUP BY 2
UNION ALL SELECT 'orders', tenant_id, count(*) FROM t.orders GROUP BY 2
UNION ALL SELECT 'lines', tenant_id, count(*) FROM t.lines GROUP BY 2 ORDER BY 1;
RESET tenant_guard.bypass;
RESET ROLE;
DROP SCHEMA t CASCADE;
REVOKE ALL ON PARAMETER tenant_guard.bypass FROM regress_merger;
DROP ROLE regress_merger;
