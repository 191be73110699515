--
-- broken_invariants() must tell what should hold of guarded tables and does not: of one table, or of all.
--
\set VERBOSITY terse
\set SHOW_CONTEXT never
CREATE SCHEMA b;
SET search_path = b;
CREATE TABLE customers (tenant_id uuid, id int PRIMARY KEY);
CREATE TABLE orders (tenant_id uuid, id int, customer int REFERENCES customers) PARTITION BY LIST (id);
CREATE TABLE orders_1 PARTITION OF orders FOR VALUES IN (1);
CREATE TABLE mixin (note text);

-- Nothing is broken where nobody meant to bypass.
SELECT * FROM tenant_guard.broken_invariants();

-- Each of these breaks one, on purpose: each must be told once, with the other table that it is about.
SET tenant_guard.bypass = on;
ALTER TABLE customers NO FORCE ROW LEVEL SECURITY;
SELECT * FROM tenant_guard.broken_invariants();
ALTER TABLE customers FORCE ROW LEVEL SECURITY;
DROP POLICY tenant_isolation ON orders_1;
DROP POLICY tenant_access ON orders_1;
SELECT * FROM tenant_guard.broken_invariants();
SELECT tenant_guard.protect('orders');
ALTER TABLE customers ADD note text, INHERIT mixin;
SELECT * FROM tenant_guard.broken_invariants();
ALTER TABLE customers NO INHERIT mixin;
SET tenant_guard.foreign_keys = off;
ALTER TABLE orders ADD other int, ADD CONSTRAINT "other's" FOREIGN KEY (other) REFERENCES customers (id);
SELECT * FROM tenant_guard.broken_invariants();
SELECT * FROM tenant_guard.broken_invariants('orders');
SELECT * FROM tenant_guard.broken_invariants('customers');
RESET tenant_guard.foreign_keys;
SELECT tenant_guard.pair_foreign_keys('orders');
SELECT * FROM tenant_guard.broken_invariants();

-- A key of a table to itself must be told with the table as the other one.
SET tenant_guard.foreign_keys = off;
ALTER TABLE customers ADD parent int REFERENCES customers;
SELECT * FROM tenant_guard.broken_invariants('customers');
RESET tenant_guard.foreign_keys;

-- An OID that is no table's breaks nothing.
SELECT * FROM tenant_guard.broken_invariants(0);
DROP SCHEMA b CASCADE;
