--
-- unprotect_schema takes the guards off all guarded tables of a schema, and
-- reports each, those that it cannot unprotect too.
--
\i test/setup/tenants.sql
SET client_min_messages = warning;
CREATE ROLE regress_owner;
CREATE ROLE regress_other;
CREATE SCHEMA t;
CREATE SCHEMA u;
GRANT ALL ON SCHEMA t, u TO regress_owner, regress_other;
SET ROLE regress_other;
CREATE TABLE t.foreign_owner (tenant_id uuid);
SET ROLE regress_owner;
CREATE TABLE t.customers (id int PRIMARY KEY, tenant_id uuid);
CREATE TABLE t.orders (id int, tenant_id uuid, customer int REFERENCES t.customers);
CREATE TABLE t.damaged (tenant_id uuid);
CREATE TABLE t.narrowed (tenant_id uuid, x int);
CREATE POLICY own ON t.narrowed AS RESTRICTIVE USING (x > 0);
CREATE TABLE t.no_column (id int);
CREATE TABLE t.shared (tenant_id uuid);
SELECT tenant_guard.unprotect('t.shared');
SELECT tenant_guard.share('t.shared');
-- partitions before and after their root by name, and in another schema
CREATE TABLE t.parted (tenant_id uuid) PARTITION BY HASH (tenant_id);
CREATE TABLE t.a_part PARTITION OF t.parted FOR VALUES WITH (MODULUS 3, REMAINDER 0);
CREATE TABLE t.z_part PARTITION OF t.parted FOR VALUES WITH (MODULUS 3, REMAINDER 1);
CREATE TABLE u.part PARTITION OF t.parted FOR VALUES WITH (MODULUS 3, REMAINDER 2);
CREATE TABLE u.root (tenant_id uuid) PARTITION BY HASH (tenant_id);
CREATE TABLE t.elsewhere PARTITION OF u.root FOR VALUES WITH (MODULUS 1, REMAINDER 0);
RESET ROLE;
SET session_replication_role = replica;
SET row_security = off;
DO $$ BEGIN
	ALTER EVENT TRIGGER tenant_guard_ddl_command_end DISABLE;
	ALTER TABLE t.damaged NO FORCE ROW LEVEL SECURITY;
	ALTER EVENT TRIGGER tenant_guard_ddl_command_end ENABLE ALWAYS;
END $$;
RESET session_replication_role;
RESET row_security;
RESET client_min_messages;
SET ROLE regress_owner;

-- While a tenant is set, or was, it must be refused, and nothing be changed.
BEGIN;
SELECT tenant_guard.set_tenant(:a::uuid);
SELECT * FROM tenant_guard.unprotect_schema('t', 'in the ''night''');
ROLLBACK;
SELECT count(*) FROM pg_policy WHERE polrelid::regclass::text LIKE 't.%';

-- Without, each guarded table must be unprotected or named. Policies of others, with row-level security, and the keys that
-- carry the tenant must stay.
SELECT * FROM tenant_guard.unprotect_schema('t', 'in the ''night''') ORDER BY relation::text COLLATE "C";
RESET ROLE;
SELECT relation, status, reason FROM tenant_guard.tables_and_partitions WHERE relation::text ~ '^[tu]\.' ORDER BY relation::text COLLATE "C";
SELECT polrelid::regclass, polname FROM pg_policy WHERE polrelid::regclass::text ~ '^[tu]\.' ORDER BY polrelid::regclass::text COLLATE "C", polname;
SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 't.orders'::regclass AND contype = 'f';
SET ROLE regress_owner;

-- A second call must find none but those, and one of a schema without tables none.
SELECT relation, status FROM tenant_guard.unprotect_schema('t');
CREATE TABLE t.later (tenant_id uuid);
SELECT * FROM tenant_guard.unprotect_schema('pg_toast');
SELECT * FROM tenant_guard.unprotect_schema('no_such_schema');
SELECT * FROM tenant_guard.unprotect_schema(NULL);

-- protect_schema must leave them alone, since the labels say so; the reason finds them to be guarded again.
SELECT status, count(*) FROM tenant_guard.protect_schema('t') GROUP BY status ORDER BY status;
RESET ROLE;
SET client_min_messages = warning;
SELECT count(tenant_guard.protect(relation)::text) FROM tenant_guard.tables WHERE status = 'unprotected' AND reason = 'in the ''night''';
SELECT relation, status FROM tenant_guard.tables WHERE relation::text ~ '^[tu]\.' ORDER BY relation::text COLLATE "C";
DROP SCHEMA t, u CASCADE;
DROP ROLE regress_owner, regress_other;
