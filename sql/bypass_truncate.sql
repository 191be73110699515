--
-- TRUNCATE knows no row-level security, and is refused on guarded tables,
-- its CASCADE included.
--
\i test/setup/tenants.sql
SET client_min_messages = warning;
CREATE ROLE regress_owner;
CREATE SCHEMA t AUTHORIZATION regress_owner;
SET ROLE regress_owner;
CREATE TABLE t.customers (id int PRIMARY KEY);
CREATE TABLE t.orders (id int PRIMARY KEY, tenant_id uuid, customer int REFERENCES t.customers);
CREATE TABLE t.parted (tenant_id uuid, n int) PARTITION BY LIST (n);
CREATE TABLE t.part PARTITION OF t.parted FOR VALUES IN (1);
CREATE TABLE t.plain (id int);
RESET ROLE;
SET tenant_guard.bypass = on;
INSERT INTO t.customers VALUES (1);
INSERT INTO t.orders VALUES (1, :a, 1), (2, :b, 1);
INSERT INTO t.parted VALUES (:a, 1);
RESET tenant_guard.bypass;
RESET client_min_messages;
SET ROLE regress_owner;

-- The owner must be refused, with a tenant or without.
TRUNCATE t.orders;
\echo :LAST_ERROR_SQLSTATE
BEGIN;
SELECT tenant_guard.set_tenant(:a);
TRUNCATE t.orders;
ROLLBACK;

-- So must it be by CASCADE, together with others, and for partitions.
TRUNCATE t.customers CASCADE;
TRUNCATE t.plain, t.orders;
TRUNCATE t.parted;
TRUNCATE t.part;
TRUNCATE t.orders RESTART IDENTITY;
DO $$ BEGIN TRUNCATE t.orders; END $$;

-- A superuser must be refused too.
RESET ROLE;
TRUNCATE t.orders;

-- Other tables must be truncated as ever.
TRUNCATE t.plain;

-- A bound role must gain nothing by row_security off.
SET ROLE regress_owner;
SET row_security = off;
TRUNCATE t.orders;
RESET ROLE;

-- A superuser that means it must be let, by either means.
BEGIN;
TRUNCATE t.orders;
ROLLBACK;
RESET row_security;
SET tenant_guard.bypass = on;
SELECT count(*) FROM t.orders;
BEGIN;
TRUNCATE t.customers CASCADE;
SELECT count(*) FROM t.orders;
ROLLBACK;
RESET tenant_guard.bypass;

-- What the hint says instead must delete the tenant's rows alone.
SET ROLE regress_owner;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
DELETE FROM t.orders;
COMMIT;
RESET ROLE;
SET tenant_guard.bypass = on;
SELECT count(*) FROM t.orders;
RESET tenant_guard.bypass;

SET client_min_messages = warning;
DROP SCHEMA t CASCADE;
DROP ROLE regress_owner;
