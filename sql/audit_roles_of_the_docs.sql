--
-- The roles of docs/roles.md, as they are made there: no remedy of audit()
-- takes what they need
--
\set SHOW_CONTEXT never
SET client_min_messages = error;
CREATE ROLE regress_owner NOLOGIN;
CREATE ROLE regress_migrator LOGIN IN ROLE regress_owner;
ALTER ROLE regress_migrator SET role = 'regress_owner';
GRANT SET ON PARAMETER tenant_guard.auto_protect TO regress_owner;
CREATE ROLE regress_app LOGIN;
CREATE ROLE regress_reporting LOGIN BYPASSRLS;
ALTER ROLE regress_reporting SET row_security = off;
ALTER ROLE regress_reporting SET default_transaction_read_only = on;
CREATE ROLE regress_backup LOGIN BYPASSRLS;
GRANT pg_read_all_data TO regress_backup;
CREATE ROLE regress_nightly LOGIN BYPASSRLS;
ALTER ROLE regress_nightly SET tenant_guard.bypass = on;
GRANT SET ON PARAMETER tenant_guard.bypass TO regress_nightly;
CREATE SCHEMA t AUTHORIZATION regress_owner;
GRANT USAGE ON SCHEMA t TO regress_app, regress_reporting;
ALTER DEFAULT PRIVILEGES FOR ROLE regress_owner IN SCHEMA t GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO regress_app;
ALTER DEFAULT PRIVILEGES FOR ROLE regress_owner IN SCHEMA t GRANT USAGE ON SEQUENCES TO regress_app;
ALTER DEFAULT PRIVILEGES FOR ROLE regress_owner IN SCHEMA t GRANT SELECT ON TABLES TO regress_reporting;
SET ROLE regress_owner;
CREATE TABLE t.notes (id int, tenant_id uuid, body text, PRIMARY KEY (tenant_id, id));
RESET ROLE;
CREATE TEMP VIEW findings AS
SELECT rule, level, object, detail, remedy FROM tenant_guard.audit() WHERE object ~ 'regress_';

-- What is found of them must be for an administrator to know, and without a remedy.
\a
SELECT * FROM findings;

-- Roles that are none of these must be found with one. A member of the owner that no setting makes the owner, as an application often is,
-- must be able to work when its remedy has run.
CREATE ROLE regress_member LOGIN IN ROLE regress_owner;
CREATE ROLE regress_unbound LOGIN BYPASSRLS;
ALTER ROLE regress_app SET row_security = off;
GRANT SET ON PARAMETER tenant_guard.bypass TO regress_app;
GRANT SET ON PARAMETER tenant_guard.auto_protect TO regress_app;
SELECT * FROM findings WHERE remedy IS NOT NULL;
SELECT remedy FROM findings \gexec
SELECT rule, object FROM findings WHERE remedy IS NOT NULL;
SET ROLE regress_member;
BEGIN;
SET LOCAL tenant_guard.tenant_id = 'aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa';
INSERT INTO t.notes VALUES (1);
UPDATE t.notes SET body = '';
SELECT id, body FROM t.notes;
DELETE FROM t.notes;
ROLLBACK;
SELECT tenant_guard.unprotect('t.notes');
-- What a migration makes later it must be able to use as well.
SET ROLE regress_owner;
CREATE TABLE t.later (id serial, tenant_id uuid, PRIMARY KEY (tenant_id, id));
SET ROLE regress_member;
BEGIN;
SET LOCAL tenant_guard.tenant_id = 'aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa';
INSERT INTO t.later DEFAULT VALUES RETURNING id;
ROLLBACK;
RESET ROLE;

-- The new owner's name must be one of its own, also of a role whose name leaves no room for more.
CREATE ROLE regress_role_with_a_name_that_leaves_no_room_for_anything_more_ LOGIN;
GRANT ALL ON SCHEMA t TO regress_role_with_a_name_that_leaves_no_room_for_anything_more_;
SET ROLE regress_role_with_a_name_that_leaves_no_room_for_anything_more_;
CREATE TABLE t.long (id int, tenant_id uuid, PRIMARY KEY (tenant_id, id));
RESET ROLE;
SELECT remedy FROM findings WHERE rule = 'application_owns_table' AND level = 'warning' \gexec
SELECT pg_get_userbyid(relowner) FROM pg_class WHERE relname = 'long';
SELECT rule, object FROM findings WHERE remedy IS NOT NULL;

DROP VIEW findings;
DROP SCHEMA t CASCADE;
DROP OWNED BY regress_owner, regress_app, regress_member, regress_nightly, regress_role_with_a_name_that_leaves_no_room_for_anything_more_;
DROP ROLE regress_owner, regress_migrator, regress_app, regress_reporting, regress_backup, regress_nightly, regress_member, regress_unbound,
	regress_role_with_a_name_that_leaves_no_room_for_anything_more_, owner_44cd2d74937351e250f3c163461a870a;
