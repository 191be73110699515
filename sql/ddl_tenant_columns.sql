--
-- Tenant columns by several names: those that the setting lists or, where it is not set, those of guarded tables.
--
\set SHOW_CONTEXT never
\set VERBOSITY terse
CREATE ROLE regress_plain;
CREATE SCHEMA t;
SET search_path = t;
CREATE VIEW guards AS SELECT relation, status, tenant_column, detail FROM tenant_guard.tables_and_partitions WHERE relation::text !~ '^guards' ORDER BY relation::text COLLATE "C";

-- The list is read as SQL reads names; what is no list of names is refused, with a hint.
SET tenant_guard.tenant_column = 'Tenant_Id, "tenantId" , org_id';
SET tenant_guard.tenant_column = 'tenant_id; org_id';
SET tenant_guard.tenant_column = 'tenant_id,';
SET tenant_guard.tenant_column = ' ';
SET tenant_guard.tenant_column = tenant_id, org_id;
\set VERBOSITY default
SET tenant_guard.tenant_column = '"tenantId';
\set VERBOSITY terse

-- Whatever brings a column of any of the names guards the table, by the first that it has.
CREATE TABLE a_first (id int, org_id uuid, "tenantId" uuid, tenant_id uuid);
CREATE TABLE a_second (id int, org_id uuid, "tenantId" uuid);
CREATE TABLE a_third (id int, org_id uuid);
CREATE TABLE a_none (id int, tenantid uuid, "ORG_ID" uuid);
CREATE TABLE a_as AS SELECT 1 AS id, NULL::uuid AS org_id WHERE false;
SELECT 1 AS id, NULL::uuid AS "tenantId" INTO a_into WHERE false;
CREATE TABLE a_like (LIKE a_second);
CREATE TABLE a_added (id int);
ALTER TABLE a_added ADD COLUMN org_id uuid;
CREATE TABLE a_renamed (id int, org uuid);
ALTER TABLE a_renamed RENAME org TO "tenantId";
CREATE TABLE a_part (id int, "tenantId" uuid) PARTITION BY LIST (id);
CREATE TABLE a_part_1 PARTITION OF a_part FOR VALUES IN (1);
SET tenant_guard.auto_protect = off;
CREATE TABLE a_part_2 (id int, "tenantId" uuid);
RESET tenant_guard.auto_protect;
ALTER TABLE a_part_2 ALTER "tenantId" SET NOT NULL;
ALTER TABLE a_part ATTACH PARTITION a_part_2 FOR VALUES IN (2);
CREATE TYPE row_type AS (id int);
CREATE TABLE a_typed OF row_type;
ALTER TYPE row_type ADD ATTRIBUTE org_id uuid CASCADE;
SELECT * FROM guards;

-- A column that would be taken for the tenant column of a guarded table is refused; one that comes after the guard's is not.
ALTER TABLE a_third ADD COLUMN "tenantId" uuid;
ALTER TABLE a_third ADD COLUMN tenantid uuid;
ALTER TABLE a_second RENAME id TO tenant_id;
ALTER TABLE a_added RENAME id TO "tenantId";
ALTER TABLE a_into ADD COLUMN org_id uuid;

-- protect() and protect_schema() take the first, too; a child's derived column has the parent's name.
SET client_min_messages = warning;
SET tenant_guard.auto_protect = off;
CREATE SCHEMA u;
CREATE TABLE u.one (id int PRIMARY KEY, org_id uuid NOT NULL, "tenantId" uuid NOT NULL);
CREATE TABLE u.two (id int, org_id uuid NOT NULL);
CREATE TABLE u.three (id int);
CREATE TABLE u.line (id int, one int REFERENCES u.one);
SELECT relation, status, detail FROM tenant_guard.tables WHERE relation::text ~ '^u\.' ORDER BY relation::text COLLATE "C";
SELECT * FROM tenant_guard.protect_schema('u');
SELECT tenant_guard.derive_tenant_column('u.line');
SELECT tenant_guard.protect('u.three');
CREATE TABLE u.four (id int, "tenantId" uuid NOT NULL);
SELECT tenant_guard.protect('u.four');
SELECT relation, status, tenant_column FROM tenant_guard.tables WHERE relation::text ~ '^u\.' ORDER BY relation::text COLLATE "C";
RESET tenant_guard.auto_protect;
DROP SCHEMA u CASCADE;

-- What a guarded table's column is called, and no listed one is, must be found; and two columns of which one guards.
SELECT object, detail FROM tenant_guard.audit() WHERE rule = 'tenant_column_unused' ORDER BY object COLLATE "C";
SET tenant_guard.tenant_column = 'org_id, "Weird, name"';
SELECT rule, level, object, detail, remedy FROM tenant_guard.audit() WHERE rule = 'setting_disagrees';
-- Without the setting nothing disagrees.
RESET tenant_guard.tenant_column;
SELECT count(*) FROM tenant_guard.audit() WHERE rule = 'setting_disagrees';

-- Not set, the setting is what guarded tables have: the column of most first, and tenant_id.
DROP TABLE a_first, a_as, a_into, a_like, a_part, a_typed, a_none, a_renamed, a_added;
RESET client_min_messages;
CREATE TABLE b_first (id int, "tenantId" uuid);
CREATE TABLE b_both (id int, org_id uuid, tenant_id uuid, "tenantId" uuid);
ALTER TABLE a_third DROP COLUMN tenantid;
ALTER TABLE b_first RENAME "tenantId" TO org_id;
ALTER TABLE b_both RENAME org_id TO other;
ALTER TABLE b_both RENAME "tenantId" TO org_id;
CREATE TABLE b_both_again (id int, "tenantId" uuid, org_id uuid, tenant_id uuid);
CREATE TABLE b_last (id int, tenant_id uuid);
SELECT * FROM guards;

-- The tenants' own table does not count, in which the column alone is a key; nor do parts, nor temporary tables.
CREATE TABLE orgs (key uuid PRIMARY KEY, name text);
SELECT tenant_guard.protect('orgs', 'key');
CREATE TEMPORARY TABLE passing (owner_id uuid NOT NULL);
SELECT tenant_guard.protect('passing', 'owner_id');
CREATE TABLE c_key (key uuid, owner_id uuid);
SELECT * FROM guards WHERE relation = 'c_key'::regclass;
-- Once its key is another, it does.
ALTER TABLE orgs DROP CONSTRAINT orgs_pkey;
CREATE TABLE c_key_again (key uuid, owner_id uuid);
DROP TABLE orgs, passing, c_key, c_key_again;

-- What a savepoint takes back is forgotten, and what another statement changes is not.
BEGIN;
SAVEPOINT s;
CREATE TABLE d_first (shop uuid NOT NULL);
SELECT tenant_guard.protect('d_first', 'shop');
CREATE TABLE d_second (shop uuid);
ROLLBACK TO s;
CREATE TABLE d_third (shop uuid);
ROLLBACK;
CREATE TABLE d_first (shop uuid NOT NULL);
SELECT tenant_guard.protect('d_first', 'shop');
CREATE TABLE d_second (shop uuid);
ALTER TABLE d_first RENAME shop TO store;
ALTER TABLE d_second RENAME shop TO store;
CREATE TABLE d_third (shop uuid);
CREATE TABLE d_fourth (store uuid);
SELECT tenant_guard.unprotect('d_first'), tenant_guard.unprotect('d_second'), tenant_guard.unprotect('d_fourth');
CREATE TABLE d_fifth (store uuid);
DROP TABLE d_first, d_second, d_third, d_fourth, d_fifth;

-- The default's own value, set, is a setting as any other.
SET tenant_guard.tenant_column = 'tenant_id';
CREATE TABLE e_set (id int, "tenantId" uuid);
SET tenant_guard.tenant_column TO DEFAULT;
CREATE TABLE e_default (id int, "tenantId" uuid);
DROP TABLE e_set, e_default;

-- An ordinary role's tables say what its own are to be guarded by, and nothing of those of others.
GRANT CREATE, USAGE ON SCHEMA t TO regress_plain;
SET ROLE regress_plain;
CREATE TABLE f_own (id int, mine uuid NOT NULL, "tenantId" uuid);
SELECT tenant_guard.unprotect('f_own');
SELECT tenant_guard.protect('f_own', 'mine');
CREATE TABLE f_own_again (id int, mine uuid);
RESET ROLE;
CREATE TABLE f_other (id int, mine uuid);
-- They do for a superuser's, and once they are another's.
ALTER ROLE regress_plain SUPERUSER;
CREATE TABLE f_of_superuser (id int, mine uuid);
DROP TABLE f_of_superuser;
ALTER ROLE regress_plain NOSUPERUSER;
CREATE TABLE f_still_other (id int, mine uuid);
ALTER TABLE f_own OWNER TO CURRENT_USER;
CREATE TABLE f_given (id int, mine uuid);

SET client_min_messages = warning;
DROP SCHEMA t CASCADE;
RESET tenant_guard.tenant_column;

-- The type is that of guarded tables, too: here, as in a database that was restored without its settings.
SET client_min_messages = notice;
CREATE SCHEMA t;
SET search_path = t;
SET tenant_guard.tenant_type = 'bigint';
CREATE TABLE orders (id int, tenant_id bigint);
RESET tenant_guard.tenant_type;
CREATE TABLE lines (id int, tenant_id int);
CREATE TABLE wrong (id int, tenant_id uuid);
\set VERBOSITY default
CREATE TABLE wrong (id int, tenant_id uuid);
SELECT tenant_guard.set_tenant('no number');
\set VERBOSITY terse
GRANT CREATE, USAGE ON SCHEMA t TO regress_plain;
GRANT SELECT, INSERT ON orders TO regress_plain;
SET ROLE regress_plain;
BEGIN;
SET LOCAL tenant_guard.tenant_id = '42';
INSERT INTO orders VALUES (1) RETURNING tenant_id;
SELECT tenant_guard.current_tenant_bigint();
ROLLBACK;
BEGIN;
SELECT tenant_guard.set_tenant('aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa'::uuid);
ROLLBACK;
-- An ordinary role cannot shift it, though it guards a table of its own by hand.
CREATE TABLE shift (id int, key uuid NOT NULL);
ALTER TABLE shift ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON shift AS RESTRICTIVE USING (key = tenant_guard.current_tenant()) WITH CHECK (key = tenant_guard.current_tenant());
CREATE POLICY tenant_access ON shift USING (tenant_guard.guarded());
BEGIN;
SELECT tenant_guard.set_tenant('42');
SELECT tenant_guard.has_tenant();
COMMIT;
RESET ROLE;
CREATE TABLE more (id int, tenant_id bigint);
SELECT relation, status, tenant_type FROM tenant_guard.tables WHERE relation::text !~ '\.' ORDER BY relation::text COLLATE "C";
-- Where those disagree that count, it is uuid; nor does a tenant that was used stand for one of another type.
BEGIN;
SELECT tenant_guard.set_tenant('42');
SELECT tenant_guard.current_tenant_bigint();
ALTER TABLE shift OWNER TO CURRENT_USER;
SAVEPOINT s;
SELECT tenant_guard.current_tenant();
ROLLBACK TO s;
SELECT tenant_guard.current_tenant_bigint();
ROLLBACK TO s;
CREATE TABLE last (id int, tenant_id bigint);
ROLLBACK TO s;
SELECT tenant_guard.has_tenant();
SELECT level, object, detail, remedy FROM tenant_guard.audit() WHERE rule = 'setting_disagrees' ORDER BY object;
ROLLBACK;
-- A setting that disagrees must be found, and so must a role that has guarded a table by tenants of another type; but what that role
-- has done is no reason to change the setting.
SET tenant_guard.tenant_type = 'text';
SELECT level, object, detail, remedy FROM tenant_guard.audit() WHERE rule = 'setting_disagrees' ORDER BY object;
RESET tenant_guard.tenant_type;
SELECT level, object, detail, remedy FROM tenant_guard.audit() WHERE rule = 'setting_disagrees' ORDER BY object;
SET client_min_messages = warning;
DROP SCHEMA t CASCADE;
DROP ROLE regress_plain;
