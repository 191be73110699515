--
-- protect() leaves plain row-level security on a table, refuses what cannot
-- be guarded, and then changes nothing.
--
\i test/setup/tenants.sql
SET tenant_guard.auto_protect = off;
CREATE ROLE regress_owner;
CREATE ROLE regress_other;
CREATE SCHEMA t;
GRANT ALL ON SCHEMA t TO regress_owner, regress_other;
SET ROLE regress_owner;
CREATE TABLE t.plain (id int, tenant_id uuid, body text);
INSERT INTO t.plain VALUES (1, :a, 'of a'), (2, :b, 'of b');

-- What is left on the table must be what \d shows, and nothing else.
RESET ROLE;
SELECT relation, status, tenant_column, tenant_type, null_rows, detail FROM tenant_guard.tables WHERE relation = 't.plain'::regclass;
SET ROLE regress_owner;
SELECT tenant_guard.protect('t.plain');
\d t.plain
RESET ROLE;
SELECT relation, status, tenant_column, tenant_type, null_rows, detail FROM tenant_guard.tables WHERE relation = 't.plain'::regclass;
SET ROLE regress_owner;

-- A second call must find nothing to do.
SELECT tenant_guard.protect('t.plain');
SELECT tenant_guard.protect('t.plain', 'tenant_id');

-- A table guarded by one column must not be guarded by another.
SELECT tenant_guard.protect('t.plain', 'id');

-- What is missing must be completed: a default, the permissive policy.
ALTER TABLE t.plain ALTER COLUMN tenant_id DROP DEFAULT;
DROP POLICY tenant_access ON t.plain;
SELECT tenant_guard.protect('t.plain');
\d t.plain

-- Only its owner may protect a table, unprotect it, share it or unshare it.
SET ROLE regress_other;
SELECT tenant_guard.protect('t.plain');
SELECT tenant_guard.unprotect('t.plain');
SELECT tenant_guard.share('t.plain');
SELECT tenant_guard.unshare('t.plain');
SET ROLE regress_owner;

-- Rows of no tenant must be refused, with their count, and nothing changed.
CREATE TABLE t.nulls (id int, tenant_id uuid);
INSERT INTO t.nulls VALUES (1, NULL), (2, :a), (3, NULL);
SELECT tenant_guard.protect('t.nulls');
\echo :LAST_ERROR_SQLSTATE
\d t.nulls
DELETE FROM t.nulls WHERE id = 1;
SELECT tenant_guard.protect('t.nulls');
DELETE FROM t.nulls WHERE id = 3;
SELECT tenant_guard.protect('t.nulls');

-- A table that is guarded with such rows in it must be found guarded.
RESET ROLE;
SET tenant_guard.auto_protect = on;
SET ROLE regress_owner;
CREATE TABLE t.tolerated AS SELECT NULL::uuid AS tenant_id;
SELECT tenant_guard.protect('t.tolerated');
RESET ROLE;
SET tenant_guard.auto_protect = off;
SET ROLE regress_owner;

-- They must be seen even where row-level security hides them from the owner.
CREATE TABLE t.hidden (id int, tenant_id uuid);
INSERT INTO t.hidden VALUES (1, NULL);
ALTER TABLE t.hidden ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
SELECT count(*) FROM t.hidden;
SELECT tenant_guard.protect('t.hidden');

-- A column of another type must be refused, with the statement that converts it.
CREATE TABLE t.texts (id int, tenant_id text);
SELECT tenant_guard.protect('t.texts');
\echo :LAST_ERROR_SQLSTATE
ALTER TABLE t.texts ALTER COLUMN tenant_id TYPE uuid USING tenant_id::uuid;
SELECT tenant_guard.protect('t.texts');
CREATE TABLE t.others (num bigint, chars char(36), doc jsonb, arr uuid[]);
SELECT tenant_guard.protect('t.others', 'num');
SELECT tenant_guard.protect('t.others', 'chars');
SELECT tenant_guard.protect('t.others', 'doc');
SELECT tenant_guard.protect('t.others', 'arr');

-- A column that is not there, or no table at all, must be refused.
SELECT tenant_guard.protect('t.others');
SELECT tenant_guard.protect('t.others', 'ctid');
SELECT tenant_guard.protect('t.others', '');
SELECT tenant_guard.protect(NULL);
SELECT tenant_guard.protect(4242424);
CREATE VIEW t.view AS SELECT * FROM t.plain;
SELECT tenant_guard.protect('t.view');
CREATE SEQUENCE t.seq;
SELECT tenant_guard.protect('t.seq');
RESET ROLE;
SELECT tenant_guard.protect('pg_catalog.pg_class');
SELECT tenant_guard.protect('information_schema.sql_features');
SET ROLE regress_owner;

-- A default of the application's own is replaced, and must be named.
CREATE TABLE t.own_default (tenant_id uuid DEFAULT gen_random_uuid());
SELECT tenant_guard.protect('t.own_default');

-- A generated column has no default to give; an identity column must not keep its own.
RESET ROLE;
SET tenant_guard.tenant_type = 'bigint';
SET ROLE regress_owner;
CREATE TABLE t.tenants (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text);
SELECT tenant_guard.protect('t.tenants', 'id');
ALTER TABLE t.tenants ALTER COLUMN id DROP IDENTITY;
SELECT tenant_guard.protect('t.tenants', 'id');
CREATE TABLE t.generated (doc text, tenant_id bigint GENERATED ALWAYS AS (length(doc)) STORED);
SELECT tenant_guard.protect('t.generated');
RESET ROLE;
RESET tenant_guard.tenant_type;
SET ROLE regress_owner;

-- The application's own permissive policies must not be widened ...
CREATE TABLE t.own_policies (tenant_id uuid NOT NULL, owner name);
CREATE POLICY own_rows ON t.own_policies USING (owner = current_user);
SELECT tenant_guard.protect('t.own_policies');
\d t.own_policies

-- ... nor one of our name be dropped.
CREATE TABLE t.own_name (tenant_id uuid NOT NULL);
CREATE POLICY tenant_isolation ON t.own_name USING (true);
SELECT tenant_guard.protect('t.own_name');
ALTER POLICY tenant_isolation ON t.own_name USING (tenant_id = tenant_guard.current_tenant()) WITH CHECK (true);
SELECT tenant_guard.protect('t.own_name');
DROP POLICY tenant_isolation ON t.own_name;
CREATE POLICY tenant_access ON t.own_name AS RESTRICTIVE USING (true);
SELECT tenant_guard.protect('t.own_name');

-- One that has the guard's expression, and is merely permissive, must be made restrictive, with what lets rows through.
CREATE TABLE t.merely (tenant_id uuid NOT NULL);
CREATE POLICY tenant_isolation ON t.merely USING (tenant_id = tenant_guard.current_tenant());
SELECT tenant_guard.protect('t.merely');
SELECT polname, polpermissive, polcmd FROM pg_policy WHERE polrelid = 't.merely'::regclass ORDER BY polname;

-- A collation that calls two spellings equal would make two tenants one.
RESET ROLE;
SET tenant_guard.tenant_type = 'text';
SET ROLE regress_owner;
CREATE TABLE t.collated (tenant_id text COLLATE "C" NOT NULL);
SELECT tenant_guard.protect('t.collated');
RESET ROLE;
RESET tenant_guard.tenant_type;

-- Odd names must be quoted as they need.
SET ROLE regress_owner;
CREATE TABLE t."Odd ""name"" %s.d" ("Tenant %d ""Id""" uuid, "x'y" int);
SELECT tenant_guard.protect('t."Odd ""name"" %s.d"', 'Tenant %d "Id"');
\d t."Odd ""name"" %s.d"

-- unprotect must leave the table as it was, but for NOT NULL, and a label.
SELECT tenant_guard.unprotect('t.plain');
\d t.plain
SELECT * FROM t.plain ORDER BY id;
SELECT label FROM pg_seclabels WHERE objoid = 't.plain'::regclass;
RESET ROLE;
SELECT status, tenant_column FROM tenant_guard.tables WHERE relation = 't.plain'::regclass;

-- Later DDL must not guard it again; protect must, and take the label off.
SET tenant_guard.auto_protect = on;
SET ROLE regress_owner;
ALTER TABLE t.plain RENAME COLUMN tenant_id TO org_id;
ALTER TABLE t.plain RENAME COLUMN org_id TO tenant_id;
SELECT relrowsecurity FROM pg_class WHERE oid = 't.plain'::regclass;
SELECT tenant_guard.protect('t.plain');
SELECT count(*) FROM pg_seclabels WHERE objoid = 't.plain'::regclass;

-- Where the application has policies of its own, it must leave them in force.
SELECT tenant_guard.unprotect('t.own_policies');
\d t.own_policies

-- A default of ours on another column must stay, and that of the tenant's go.
CREATE TABLE t.two (made_for uuid DEFAULT tenant_guard.current_tenant(), tenant_id uuid);
SELECT tenant_guard.unprotect('t.two');
\d t.two

-- It must be refused while a tenant is set, or was used.
BEGIN;
SELECT tenant_guard.set_tenant(:a);
SELECT tenant_guard.unprotect('t.plain');
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
SELECT count(*) FROM t.plain;
SELECT tenant_guard.clear_tenant();
SELECT tenant_guard.unprotect('t.plain');
ROLLBACK;

-- On a table without a guard it must say so.
CREATE TABLE t.bare (id int);
SELECT tenant_guard.unprotect('t.bare');

RESET ROLE;
SET client_min_messages = warning;
DROP SCHEMA t CASCADE;
DROP ROLE regress_owner, regress_other;
