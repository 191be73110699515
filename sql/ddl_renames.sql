--
-- A column must not get the name of the tenant column in a table that another column guards: it looks as if it did.
-- Nor may what is done to a parent that is not guarded give a guarded child's rows to other tenants.
--
\set SHOW_CONTEXT never
CREATE ROLE regress_owner;
CREATE SCHEMA r AUTHORIZATION regress_owner;
-- Where it is not set, what the tables below are guarded by is a tenant column, too.
SET tenant_guard.tenant_column = 'tenant_id';
SET ROLE regress_owner;
SET search_path = r;
\set VERBOSITY terse
CREATE TABLE orders (id int, tenant_id uuid, other_id uuid);
CREATE TABLE parent (id int);
SELECT tenant_guard.share('parent');

-- An honest migration renames the column: the guard goes with it.
ALTER TABLE orders RENAME tenant_id TO old;
RESET ROLE;
SELECT tenant_column, status FROM tenant_guard.tables WHERE relation = 'orders'::regclass;
SET ROLE regress_owner;

-- But none may take its name while it does not guard, by whatever statement.
\set VERBOSITY default
ALTER TABLE orders RENAME other_id TO tenant_id;
\echo :LAST_ERROR_SQLSTATE
\set VERBOSITY terse
ALTER TABLE orders ADD COLUMN tenant_id uuid;
CREATE TYPE typed_row AS (id int, old uuid);
CREATE TABLE typed OF typed_row;
ALTER TABLE typed ALTER old SET NOT NULL;
SELECT tenant_guard.protect('typed', 'old');
ALTER TYPE typed_row ADD ATTRIBUTE tenant_id uuid CASCADE;
CREATE TABLE above (old uuid NOT NULL, other uuid);
CREATE TABLE below () INHERITS (above);
SELECT tenant_guard.protect('below', 'old');
ALTER TABLE above RENAME other TO tenant_id;
ALTER TABLE above ADD COLUMN tenant_id uuid;

-- What the hint says must work, and rows be guarded by the new column.
BEGIN;
SELECT tenant_guard.unprotect('r.orders');
ALTER TABLE orders RENAME other_id TO tenant_id;
SELECT tenant_guard.protect('r.orders', 'tenant_id');
COMMIT;
RESET ROLE;
SELECT tenant_column, status FROM tenant_guard.tables WHERE relation = 'orders'::regclass;
SET ROLE regress_owner;

-- A table may be guarded by another column on purpose, be changed, and get parts.
SET client_min_messages = warning;
CREATE TABLE meant (account uuid NOT NULL, tenant_id uuid, n int) PARTITION BY LIST (n);
SELECT tenant_guard.unprotect('meant');
SELECT tenant_guard.protect('meant', 'account');
RESET client_min_messages;
ALTER TABLE meant ADD COLUMN note text;
CREATE TABLE meant_1 PARTITION OF meant FOR VALUES IN (1);
ALTER TABLE meant RENAME note TO remark;
RESET ROLE;
SELECT relation, tenant_column, status FROM tenant_guard.tables_and_partitions WHERE relation::text ~ '^meant' ORDER BY 1;
SET ROLE regress_owner;

-- Where it is meant it goes on, and audit() names it.
RESET ROLE;
SET tenant_guard.bypass = on;
ALTER TYPE typed_row ADD ATTRIBUTE tenant_id uuid CASCADE;
RESET tenant_guard.bypass;
SET ROLE regress_owner;

-- A shared table that gets the column stays shared, and that must be said.
\set VERBOSITY default
ALTER TABLE parent ADD COLUMN tenant_id uuid;
\set VERBOSITY terse
CREATE TABLE countries (code text);
SELECT tenant_guard.share('countries');
ALTER TABLE countries RENAME code TO tenant_id;
ALTER TABLE countries ADD COLUMN name text;
RESET ROLE;
SELECT rule, level, object, detail, remedy FROM tenant_guard.audit() WHERE rule = 'tenant_column_unused' AND object ~ '^r\.';

-- A column that is not the tenant's may be numbered, above guarded tables too; the tenant's must not.
SET tenant_guard.tenant_type = bigint;
SET ROLE regress_owner;
CREATE TABLE numbers (id bigint NOT NULL, tenant_id bigint NOT NULL, n int NOT NULL) PARTITION BY LIST (n);
CREATE TABLE numbers_1 PARTITION OF numbers FOR VALUES IN (1);
ALTER TABLE numbers ALTER id ADD GENERATED ALWAYS AS IDENTITY;
ALTER TABLE numbers ALTER tenant_id DROP DEFAULT;
ALTER TABLE numbers ALTER tenant_id ADD GENERATED ALWAYS AS IDENTITY;
RESET ROLE;
RESET tenant_guard.tenant_type;

SET client_min_messages = warning;
DROP SCHEMA r CASCADE;
DROP ROLE regress_owner;
