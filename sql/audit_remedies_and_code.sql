-- A superuser pastes remedies: what they alter or give him calls no function of an ordinary role with his privileges.
CREATE ROLE regress_owner;
CREATE SCHEMA t AUTHORIZATION regress_owner;
SET tenant_guard.auto_protect = off;
SET ROLE regress_owner;
CREATE TABLE t.guarded (tenant_id uuid, id int);
SELECT tenant_guard.protect('t.guarded');
CREATE FUNCTION t.tell(text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE WARNING 'called as %: %', current_user, $1; RETURN true; END $$;
-- Types of the tenant column: one that is plainly of another type, ones whose CHECK, domain, generated column, partition or cast calls a function.
CREATE TABLE t.plain (tenant_id varchar(36));
CREATE TABLE t.checked (tenant_id varchar(36) CHECK (t.tell(tenant_id)));
CREATE DOMAIN t.told AS text CHECK (t.tell(VALUE));
CREATE TABLE t.of_domain (tenant_id varchar(36), other t.told);
CREATE FUNCTION t.copy(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1';
CREATE TABLE t.generated (tenant_id varchar(36), id int, copy int GENERATED ALWAYS AS (t.copy(id)) STORED);
CREATE TABLE t.whole (tenant_id varchar(36), id int) PARTITION BY LIST (id);
CREATE TABLE t.part PARTITION OF t.whole (CHECK (t.tell(tenant_id))) FOR VALUES IN (1);
-- A default, an index and a trigger are not called, or are called as the owner.
CREATE TABLE t.with_default (tenant_id varchar(36), id int DEFAULT t.copy(1));
CREATE INDEX ON t.with_default (id, t.copy(1));
-- Materialized views: without a function, with one, and with one in a view that it reads.
CREATE MATERIALIZED VIEW t.kept AS SELECT id FROM t.guarded WITH NO DATA;
CREATE MATERIALIZED VIEW t.kept_by_function AS SELECT t.copy(id) FROM t.guarded WITH NO DATA;
CREATE VIEW t.copies WITH (security_invoker) AS SELECT t.copy(id) FROM t.guarded;
CREATE MATERIALIZED VIEW t.kept_by_view AS SELECT * FROM t.copies WITH NO DATA;
-- To plan its query calls a function in statistics, or in an index, of what it reads.
CREATE TABLE t.counted (tenant_id uuid, id int);
SELECT tenant_guard.protect('t.counted');
CREATE STATISTICS t.statistics ON id, (t.copy(1)) FROM t.counted;
CREATE MATERIALIZED VIEW t.kept_by_statistics AS SELECT id FROM t.counted WITH NO DATA;
CREATE TABLE t.indexed (tenant_id uuid, id int);
SELECT tenant_guard.protect('t.indexed');
CREATE INDEX ON t.indexed (id) WHERE t.copy(1) = 1;
CREATE MATERIALIZED VIEW t.kept_by_index AS SELECT id FROM t.indexed WITH NO DATA;
RESET ROLE;
RESET tenant_guard.auto_protect;
-- Those that call a function have no remedy but its owner's, and say so.
SELECT rule, object, detail, replace(remedy, 'OWNER TO ' || current_user, 'OWNER TO CURRENT_USER') AS remedy FROM tenant_guard.audit() WHERE rule IN ('tenant_type_differs', 'materialized_view_exposes') ORDER BY object COLLATE "C";
-- With tenants of type text, a cast that the owner made is called as well.
SET tenant_guard.tenant_type = 'text';
SET tenant_guard.auto_protect = off;
SET ROLE regress_owner;
CREATE TYPE t.pair AS (a int);
CREATE TABLE t.of_cast (tenant_id t.pair);
INSERT INTO t.of_cast VALUES (ROW(1));
CREATE FUNCTION t.pair_to_text(t.pair) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE WARNING 'called as %', current_user; RETURN 'a'; END $$;
CREATE CAST (t.pair AS text) WITH FUNCTION t.pair_to_text(t.pair);
RESET ROLE;
RESET tenant_guard.auto_protect;
SELECT remedy FROM tenant_guard.audit() WHERE rule = 'tenant_type_differs' AND object = 't.of_cast' \gexec
SELECT rule, object, detail, remedy FROM tenant_guard.audit() WHERE rule = 'tenant_type_differs' AND object = 't.of_cast';
RESET tenant_guard.tenant_type;
-- Objects of a role that logs in go to one that has no more rights, whatever is named like that.
CREATE ROLE regress_login LOGIN;
CREATE ROLE regress_login_owner SUPERUSER;
ALTER TABLE t.guarded OWNER TO regress_login;
SELECT remedy ~ 'TO regress_login_owner' AS to_superuser, remedy ~ 'REASSIGN OWNED BY regress_login TO owner_[0-9a-f]{32};' AS to_other FROM tenant_guard.audit() WHERE rule = 'application_owns_table' AND object = 'regress_login';
ALTER ROLE regress_login_owner NOSUPERUSER;
SELECT remedy ~ 'REASSIGN OWNED BY regress_login TO regress_login_owner;' AS to_owner FROM tenant_guard.audit() WHERE rule = 'application_owns_table' AND object = 'regress_login';
-- clean up
SET client_min_messages = error;
ALTER TABLE t.guarded OWNER TO regress_owner;
SELECT tenant_guard.unprotect('t.guarded');
DROP SCHEMA t CASCADE;
DROP ROLE regress_owner, regress_login, regress_login_owner;
