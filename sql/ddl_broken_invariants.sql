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

-- audit() must tell of parts and parents for which it has no other rule: of a part that is open or guarded by another column, and of
-- a parent that is open. Its remedy must mend what it can.
DROP TABLE orders, customers;
SET tenant_guard.tenant_column = tenant_id;
CREATE TABLE of_org (org uuid NOT NULL, id int) PARTITION BY LIST (id);
CREATE TABLE of_org_1 PARTITION OF of_org DEFAULT;
SELECT tenant_guard.protect('of_org', 'org');
DROP POLICY tenant_isolation ON of_org_1;
DROP POLICY tenant_access ON of_org_1;
CREATE TABLE by_tenant (tenant_id uuid);
CREATE TABLE by_org (org uuid NOT NULL);
SELECT tenant_guard.protect('by_org', 'org');
RESET tenant_guard.bypass;
CREATE TABLE by_both () INHERITS (by_org, by_tenant);
SET tenant_guard.bypass = on;
CREATE TABLE by_both () INHERITS (by_org, by_tenant);
CREATE TABLE noted (tenant_id uuid, note text);
ALTER TABLE noted INHERIT mixin;
CREATE TABLE above (tenant_id uuid NOT NULL);
CREATE TABLE below () INHERITS (above);
SELECT tenant_guard.unprotect('above');
SELECT tenant_guard.protect('below');
SELECT rule, level, object, detail, remedy FROM tenant_guard.audit() WHERE rule IN ('part_unguarded', 'parent_unguarded');
SELECT remedy FROM tenant_guard.audit() WHERE rule IN ('part_unguarded', 'parent_unguarded') AND remedy IS NOT NULL \gexec
SELECT rule, object FROM tenant_guard.audit() WHERE rule IN ('part_unguarded', 'parent_unguarded');
RESET tenant_guard.tenant_column;

-- An OID that is no table's breaks nothing.
SELECT * FROM tenant_guard.broken_invariants(0);
DROP SCHEMA b CASCADE;
