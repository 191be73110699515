--
-- A script of pg_dump --enable-row-security creates a table, which is guarded as
-- it is made, and then labels it as what it was: the label takes the guard off a
-- table that never had a row
--
\set SHOW_CONTEXT never
\i test/setup/owner_and_app.sql
SET client_min_messages = warning;
SET ROLE regress_owner;
CREATE TABLE t.memberships (user_id int, tenant_id uuid);
CREATE TABLE t.legacy (id int PRIMARY KEY, tenant_id uuid, parent int REFERENCES t.legacy);
CREATE TABLE t.used (tenant_id uuid);
CREATE TABLE t.whole (tenant_id uuid, n int) PARTITION BY RANGE (n);
CREATE TABLE t.part PARTITION OF t.whole FOR VALUES FROM (0) TO (9);
BEGIN;
SET LOCAL tenant_guard.tenant_id = :a;
INSERT INTO t.used DEFAULT VALUES;
DELETE FROM t.used;
COMMIT;

-- The label must be kept as the dump has it, with the reason and what was accepted, and the guard be gone.
SET client_min_messages = notice;
SECURITY LABEL FOR tenant_guard ON TABLE t.memberships IS 'shared reason=''read before the tenant is known''';
SECURITY LABEL FOR tenant_guard ON TABLE t.legacy IS 'unprotected reason=''moves''; accepted rule=''unprotected_table'' reason=''until May''';
RESET ROLE;
SELECT relation, status, reason FROM tenant_guard.tables WHERE relation::text ~ '^t\.(mem|leg)' ORDER BY relation::text COLLATE "C";
SELECT object, level FROM tenant_guard.audit() WHERE rule = 'unprotected_table';
SELECT relname, relrowsecurity, relforcerowsecurity FROM pg_class WHERE oid IN ('t.memberships'::regclass, 't.legacy'::regclass) ORDER BY relname;

-- A table that had rows, a part of another and one with parts must stay guarded.
SET ROLE regress_owner;
SECURITY LABEL FOR tenant_guard ON TABLE t.used IS 'shared';
\set VERBOSITY terse
SECURITY LABEL FOR tenant_guard ON TABLE t.part IS 'shared';
SECURITY LABEL FOR tenant_guard ON TABLE t.whole IS 'unprotected';
\set VERBOSITY default

-- While a tenant is set, a table must stay guarded unless it was made in the same transaction.
CREATE TABLE t.empty (tenant_id uuid);
BEGIN;
SELECT FROM tenant_guard.set_tenant(:a);
SECURITY LABEL FOR tenant_guard ON TABLE t.empty IS 'shared';
ROLLBACK;
BEGIN;
SELECT FROM tenant_guard.set_tenant(:a);
CREATE TABLE t.new (tenant_id uuid);
SECURITY LABEL FOR tenant_guard ON TABLE t.new IS 'shared';
COMMIT;

-- Nobody but the owner may do it.
SET ROLE regress_app;
SECURITY LABEL FOR tenant_guard ON TABLE t.empty IS 'shared';
RESET ROLE;
SELECT relation, status FROM tenant_guard.tables_and_partitions WHERE relation::text LIKE 't.%' ORDER BY relation::text COLLATE "C";

SET client_min_messages = warning;
DROP SCHEMA t CASCADE;
DROP OWNED BY regress_owner, regress_app;
DROP ROLE regress_owner, regress_app;
