--
-- Actions of foreign keys from tables that are not guarded: ON DELETE and ON
-- UPDATE CASCADE must not reach another tenant's rows, and no action may change
-- whose a row is.
--
\i test/setup/owner_and_app.sql
\set c '''cccccccc-cccc-cccc-cccc-cccccccccccc'''
\set as_a 'BEGIN; SELECT tenant_guard.set_tenant(' :a ') \\gset'
\set as_b 'BEGIN; SELECT tenant_guard.set_tenant(' :b ') \\gset'
SET client_min_messages = warning;
CREATE ROLE regress_unbound BYPASSRLS;
GRANT USAGE ON SCHEMA t TO regress_unbound;
ALTER DEFAULT PRIVILEGES FOR ROLE regress_owner IN SCHEMA t GRANT ALL ON TABLES TO regress_app, regress_unbound;
SET ROLE regress_owner;
CREATE TABLE t.tenants (id uuid PRIMARY KEY, name text UNIQUE);
CREATE TABLE t.orders (id int PRIMARY KEY, tenant_id uuid REFERENCES t.tenants ON DELETE CASCADE ON UPDATE CASCADE, body text);
CREATE TABLE t.lines (id int, tenant_id uuid, order_id int REFERENCES t.orders ON DELETE CASCADE ON UPDATE CASCADE);
RESET ROLE;
SET tenant_guard.bypass = on;
INSERT INTO t.tenants VALUES (:a, 'a'), (:b, 'b'), (:c, 'c');
INSERT INTO t.orders VALUES (1, :a), (2, :b);
INSERT INTO t.lines VALUES (10, :a, 1), (20, :b, 2);
RESET tenant_guard.bypass;
RESET client_min_messages;
SET ROLE regress_app;

-- Nobody, and another tenant, must not delete a tenant's rows with the tenant.
DELETE FROM t.tenants WHERE name = 'a';
:as_b
DELETE FROM t.tenants WHERE name = 'a';
ROLLBACK;
-- Who may set the bypass must be told to.
RESET ROLE;
:as_b
DELETE FROM t.tenants WHERE name = 'a';
ROLLBACK;
SET ROLE regress_app;
\set VERBOSITY sqlstate
:as_b
DELETE FROM t.tenants;
ROLLBACK;
SET row_security = off;
DELETE FROM t.tenants WHERE name = 'a';
RESET row_security;
\set VERBOSITY default

-- Nor must anyone give rows to another tenant: not the tenant itself either.
:as_b
UPDATE t.tenants SET id = gen_random_uuid() WHERE name = 'a';
ROLLBACK;
\set VERBOSITY sqlstate
UPDATE t.tenants SET id = gen_random_uuid() WHERE name = 'a';
:as_a
UPDATE t.tenants SET id = gen_random_uuid() WHERE name = 'a';
ROLLBACK;
:as_a
UPDATE t.tenants SET id = gen_random_uuid() WHERE name = 'b';
ROLLBACK;
\set VERBOSITY default

-- A tenant that nobody's rows are of may go, and be another, with a tenant set
-- and without; and what is no key may change.
BEGIN;
UPDATE t.tenants SET id = gen_random_uuid() WHERE name = 'c';
DELETE FROM t.tenants WHERE name = 'c';
ROLLBACK;
:as_b
DELETE FROM t.tenants WHERE name = 'c';
UPDATE t.tenants SET name = 'A' WHERE name = 'a';
UPDATE t.tenants SET id = id, name = 'a' WHERE name = 'A';
ROLLBACK;

-- A tenant may go with its own rows, at each level, and leave the others.
:as_a
DELETE FROM t.tenants WHERE name = 'a';
SELECT count(*) FROM t.orders;
SELECT count(*) FROM t.lines;
RESET ROLE;
SET LOCAL tenant_guard.bypass = on;
SELECT 'left', id FROM t.orders UNION ALL SELECT 'left', id FROM t.lines;
ROLLBACK;

-- So must be what a kept plan does, for one tenant after the other.
SET ROLE regress_app;
DO $$
DECLARE
	refused int := 0;
BEGIN
	PERFORM tenant_guard.set_tenant('aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa');
	FOR i IN 1 .. 10 LOOP
		BEGIN
			DELETE FROM t.tenants WHERE name = 'a';
			RAISE division_by_zero;
		EXCEPTION WHEN division_by_zero THEN
		END;
		BEGIN
			DELETE FROM t.tenants WHERE name = 'b';
		EXCEPTION WHEN SQLSTATE 'TG003' THEN
			refused := refused + 1;
		END;
	END LOOP;
	RAISE NOTICE 'refused % times', refused;
END
$$;
\set VERBOSITY sqlstate
:as_b
DELETE FROM t.tenants WHERE name = 'a';
ROLLBACK;
:as_b
DELETE FROM t.tenants WHERE name = 'b';
SELECT count(*) FROM t.orders;
ROLLBACK;

-- One that is not of this transaction is none to delete by.
SET tenant_guard.tenant_id = :a;
DELETE FROM t.tenants WHERE name = 'a';
DELETE FROM t.tenants WHERE name = 'c' RETURNING name;
RESET tenant_guard.tenant_id;
:as_a
SELECT count(*) FROM t.orders;
SELECT tenant_guard.clear_tenant();
DELETE FROM t.tenants WHERE name = 'a';
ROLLBACK;
RESET ROLE;
INSERT INTO t.tenants VALUES (:c, 'c');

-- A view and a definer function must be no way around it, nor a trigger that
-- fires when the transaction ends.
CREATE VIEW t.of_tenants AS SELECT * FROM t.tenants;
GRANT ALL ON t.of_tenants TO regress_app;
CREATE FUNCTION t.delete_tenant(text) RETURNS void LANGUAGE sql SECURITY DEFINER AS 'DELETE FROM t.tenants WHERE name = $1';
CREATE TABLE t.jobs (name text);
GRANT ALL ON t.jobs TO regress_app;
CREATE FUNCTION t.do_job() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN DELETE FROM t.tenants WHERE name = NEW.name; RETURN NULL; END';
CREATE CONSTRAINT TRIGGER do_job AFTER INSERT ON t.jobs DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION t.do_job();
SET ROLE regress_app;
:as_b
DELETE FROM t.of_tenants WHERE name = 'a';
ROLLBACK;
:as_b
SELECT t.delete_tenant('a');
ROLLBACK;
:as_b
INSERT INTO t.jobs VALUES ('a');
COMMIT;
SELECT t.delete_tenant('a');
BEGIN;
SELECT t.delete_tenant('c');
ROLLBACK;
:as_a
DELETE FROM t.of_tenants WHERE name = 'a' RETURNING name;
ROLLBACK;
:as_a
SELECT t.delete_tenant('a');
SELECT count(*) FROM t.orders;
ROLLBACK;
:as_a
INSERT INTO t.jobs VALUES ('a');
SET CONSTRAINTS ALL IMMEDIATE;
SELECT count(*) FROM t.orders;
ROLLBACK;
RESET ROLE;

-- A superuser must say that it is meant, in one of the ways that there are, and
-- so must a role that row-level security does not bind.
DELETE FROM t.tenants WHERE name = 'a';
UPDATE t.tenants SET id = gen_random_uuid() WHERE name = 'a';
SET ROLE regress_unbound;
DELETE FROM t.tenants WHERE name = 'a';
BEGIN;
SET LOCAL row_security = off;
DELETE FROM t.tenants WHERE name = 'a' RETURNING name;
ROLLBACK;
RESET ROLE;
BEGIN;
SET LOCAL tenant_guard.bypass = on;
DELETE FROM t.tenants WHERE name = 'a' RETURNING name;
UPDATE t.tenants SET id = gen_random_uuid() WHERE name = 'b' RETURNING name;
SELECT tenant_id IN (SELECT id FROM t.tenants) AS follows, tenant_id = :b AS stays FROM t.orders;
ROLLBACK;
ALTER FUNCTION t.delete_tenant SET row_security = off;
SET ROLE regress_app;
SELECT t.delete_tenant('a');
RESET ROLE;
ALTER FUNCTION t.delete_tenant SET tenant_guard.bypass = on;
SET ROLE regress_app;
BEGIN;
SELECT t.delete_tenant('a');
DELETE FROM t.tenants WHERE name = 'b';
ROLLBACK;
RESET ROLE;

-- The setting: a warning for each statement, or nothing. It is the superuser's.
\set VERBOSITY default
SET tenant_guard.foreign_key_actions = warning;
SET ROLE regress_app;
SET tenant_guard.foreign_key_actions = off;
:as_b
DELETE FROM t.tenants WHERE name = 'a' RETURNING name;
\set VERBOSITY sqlstate
UPDATE t.tenants SET id = gen_random_uuid() WHERE name = 'b' RETURNING name;
ROLLBACK;
RESET ROLE;
SET tenant_guard.foreign_key_actions = off;
SET ROLE regress_app;
BEGIN;
DELETE FROM t.tenants WHERE name = 'a' RETURNING name;
UPDATE t.tenants SET id = gen_random_uuid() WHERE name = 'b' RETURNING name;
ROLLBACK;
RESET ROLE;
RESET tenant_guard.foreign_key_actions;

-- The plan that is kept must follow what the table becomes: renamed, unguarded,
-- guarded again, with another key.
SET ROLE regress_owner;
ALTER TABLE t.orders RENAME TO requests;
ALTER TABLE t.requests RENAME CONSTRAINT orders_tenant_id_fkey TO of_tenant;
\set VERBOSITY terse
:as_b
DELETE FROM t.tenants WHERE name = 'a';
ROLLBACK;
BEGIN;
SET LOCAL client_min_messages = error;
SELECT tenant_guard.unprotect('t.lines');
SELECT tenant_guard.unprotect('t.requests');
DELETE FROM t.tenants WHERE name = 'a' RETURNING name;
INSERT INTO t.tenants VALUES (:a, 'a');
INSERT INTO t.requests VALUES (1, :a);
SELECT tenant_guard.protect('t.requests');
SAVEPOINT s;
DELETE FROM t.tenants WHERE name = 'a';
ROLLBACK TO s;
ALTER TABLE t.requests DROP CONSTRAINT of_tenant, ADD CONSTRAINT another FOREIGN KEY (tenant_id) REFERENCES t.tenants ON DELETE CASCADE;
DELETE FROM t.tenants WHERE name = 'a';
ROLLBACK;
ALTER TABLE t.requests RENAME TO orders;
RESET ROLE;

-- Where the tenants' own table is guarded by its key, each tenant is shown itself
-- alone, and its key carries the tenant. A new tenant is set before it signs up.
SET ROLE regress_owner;
SELECT tenant_guard.protect('t.tenants', 'id');
SET ROLE regress_app;
:as_b
DELETE FROM t.tenants WHERE name = 'a' RETURNING name;
DELETE FROM t.tenants RETURNING name;
SELECT count(*) FROM t.orders;
ROLLBACK;
BEGIN;
SELECT tenant_guard.set_tenant('dddddddd-dddd-dddd-dddd-dddddddddddd');
INSERT INTO t.tenants (name) VALUES ('d') RETURNING id;
INSERT INTO t.orders VALUES (4) RETURNING tenant_id;
UPDATE t.tenants SET id = :a;
ROLLBACK;
DELETE FROM t.tenants;
RESET ROLE;
\set VERBOSITY default

-- An action must fail, and say why, if the function that checks its rows is gone.
BEGIN;
ALTER FUNCTION tenant_guard_internal.check_key_action(oid, oid, "any") RENAME TO gone;
SET LOCAL client_min_messages = error;
CREATE TABLE t.authors (id int PRIMARY KEY);
CREATE TABLE t.books (tenant_id uuid, author int REFERENCES t.authors ON DELETE CASCADE);
INSERT INTO t.authors VALUES (1);
DELETE FROM t.authors;
ROLLBACK;

SET client_min_messages = warning;
DROP SCHEMA t CASCADE;
DROP ROLE regress_owner, regress_app, regress_unbound;
