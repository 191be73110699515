--
-- The foreign-key machinery works as ever; functions and rules that run under
-- its flag, as the table's owner and without FORCE, do not see other tenants.
-- The keys are left as they are written: such a key must not help to bypass.
--
SET client_min_messages = warning;
SET tenant_guard.foreign_keys = off;
-- Messages name this superuser, whoever runs the tests.
CREATE ROLE regress_dba SUPERUSER;
SET SESSION AUTHORIZATION regress_dba;
\i test/setup/owner_and_app.sql
SET ROLE regress_owner;
CREATE TABLE t.parents (id int PRIMARY KEY, tenant_id uuid);
CREATE TABLE t.children (id int PRIMARY KEY, tenant_id uuid, parent int REFERENCES t.parents ON DELETE CASCADE ON UPDATE CASCADE);
CREATE TABLE t.log (entry text);
GRANT ALL ON ALL TABLES IN SCHEMA t TO regress_app;
RESET ROLE;
SET tenant_guard.bypass = on;
INSERT INTO t.parents VALUES (1, :a), (2, :b), (3, :a);
INSERT INTO t.children VALUES (10, :a, 1), (20, :b, 2), (30, :a, 3);
RESET tenant_guard.bypass;
RESET client_min_messages;

-- Checks and actions must work for a tenant's own rows.
SET ROLE regress_app;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
INSERT INTO t.children VALUES (11, DEFAULT, 1);
INSERT INTO t.children VALUES (12, DEFAULT, 99);
ROLLBACK;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
UPDATE t.parents SET id = 7 WHERE id = 1;
SELECT parent FROM t.children ORDER BY id;
DELETE FROM t.parents WHERE id = 7;
SELECT id FROM t.children ORDER BY id;
ROLLBACK;
RESET ROLE;

-- A BEFORE trigger that a cascade fires runs as the owner, with FORCE suspended
-- for the foreign key: it must see the tenant's rows alone all the same, also
-- by a plan that it keeps.
CREATE FUNCTION t.spy() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE NOTICE 'sees % children', (SELECT count(*) FROM t.children); RETURN OLD; END $$;
CREATE TRIGGER spy BEFORE DELETE ON t.children FOR EACH ROW EXECUTE FUNCTION t.spy();
SET ROLE regress_app;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
DELETE FROM t.parents WHERE id = 1;
ROLLBACK;
BEGIN;
SELECT tenant_guard.set_tenant(:b);
DELETE FROM t.children WHERE id = 20;
ROLLBACK;
RESET ROLE;

-- If row-level security does not apply to the owner, it must be refused.
ALTER TABLE t.children OWNER TO CURRENT_USER;
SET ROLE regress_app;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
DELETE FROM t.parents WHERE id = 1;
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;
RESET ROLE;
ALTER TABLE t.children OWNER TO regress_owner;
SET ROLE regress_app;

-- Fired by the tenant's own statement it must see the tenant's rows.
BEGIN;
SELECT tenant_guard.set_tenant(:a);
DELETE FROM t.children WHERE id = 10;
ROLLBACK;
RESET ROLE;
DROP TRIGGER spy ON t.children;

-- A BEFORE trigger that touches nothing guarded must work under a cascade,
-- and one after another.
CREATE FUNCTION t.note_delete() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN INSERT INTO t.log VALUES ('deleted ' || OLD.id); RETURN OLD; END $$;
CREATE TRIGGER note_delete BEFORE DELETE ON t.children FOR EACH ROW EXECUTE FUNCTION t.note_delete();
SET ROLE regress_app;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
DELETE FROM t.parents;
SELECT count(*) FROM t.children;
SELECT * FROM t.log ORDER BY entry;
ROLLBACK;
RESET ROLE;
DROP TRIGGER note_delete ON t.children;

-- An AFTER trigger runs after the action, as the user (18: as the owner), and
-- row-level security must bind it.
CREATE FUNCTION t.spy_after() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE NOTICE 'sees % children', (SELECT count(*) FROM t.children); RETURN NULL; END $$;
CREATE TRIGGER spy_after AFTER DELETE ON t.children FOR EACH ROW EXECUTE FUNCTION t.spy_after();
SET ROLE regress_app;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
DELETE FROM t.parents WHERE id = 1;
ROLLBACK;
RESET ROLE;
DROP TRIGGER spy_after ON t.children;

-- A rule that a cascade runs into acts as the owner: it must be refused, also
-- where it goes through a view with security_invoker.
CREATE TABLE t.plain_parents (id int PRIMARY KEY);
CREATE TABLE t.plain_children (id int, parent int REFERENCES t.plain_parents ON DELETE CASCADE);
CREATE VIEW t.invoker WITH (security_invoker = true) AS SELECT * FROM t.children;
ALTER TABLE t.plain_parents OWNER TO regress_owner;
ALTER TABLE t.plain_children OWNER TO regress_owner;
ALTER VIEW t.invoker OWNER TO regress_owner;
GRANT ALL ON t.plain_parents TO regress_app;
INSERT INTO t.plain_parents VALUES (1);
INSERT INTO t.plain_children VALUES (1, 1);
CREATE RULE spy AS ON DELETE TO t.plain_children DO ALSO INSERT INTO t.log SELECT 'rule saw ' || id FROM t.invoker;
\set VERBOSITY sqlstate
SET ROLE regress_app;
DELETE FROM t.plain_parents;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
DELETE FROM t.plain_parents;
ROLLBACK;
RESET ROLE;
CREATE OR REPLACE RULE spy AS ON DELETE TO t.plain_children DO ALSO INSERT INTO t.log SELECT 'rule saw ' || id FROM t.parents;
SET ROLE regress_app;
DELETE FROM t.plain_parents;
RESET ROLE;
CREATE OR REPLACE RULE spy AS ON DELETE TO t.plain_children DO ALSO UPDATE t.invoker SET parent = 2;
SET ROLE regress_app;
DELETE FROM t.plain_parents;
RESET ROLE;
\set VERBOSITY default
SELECT * FROM t.log;

-- A key added by the forced owner under a tenant must be validated against
-- every tenant's rows, and not its own alone.
SET tenant_guard.bypass = on;
ALTER TABLE t.children DROP CONSTRAINT children_parent_fkey;
INSERT INTO t.children VALUES (40, :b, 99);
RESET tenant_guard.bypass;
SET ROLE regress_owner;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
ALTER TABLE t.children ADD FOREIGN KEY (parent) REFERENCES t.parents;
ROLLBACK;
ALTER TABLE t.children ADD FOREIGN KEY (parent) REFERENCES t.parents;
ALTER TABLE t.children ADD CONSTRAINT later FOREIGN KEY (parent) REFERENCES t.parents NOT VALID;
ALTER TABLE t.children VALIDATE CONSTRAINT later;
RESET ROLE;
ALTER TABLE t.children VALIDATE CONSTRAINT later;
SET tenant_guard.bypass = on;
ALTER TABLE t.children VALIDATE CONSTRAINT later;
DELETE FROM t.children WHERE id = 40;
RESET tenant_guard.bypass;

-- Valid ones must be found valid, by owner and superuser, without a tenant.
SET ROLE regress_owner;
ALTER TABLE t.children VALIDATE CONSTRAINT later;
ALTER TABLE t.children DROP CONSTRAINT later;
RESET ROLE;
ALTER TABLE t.children ADD FOREIGN KEY (parent) REFERENCES t.parents;

-- A definer function in between must not change that.
CREATE FUNCTION t.delete_parent() RETURNS void LANGUAGE sql SECURITY DEFINER AS
$$ DELETE FROM t.parents WHERE id = 3 $$;
ALTER FUNCTION t.delete_parent() OWNER TO regress_owner;
ALTER TABLE t.children DROP CONSTRAINT children_parent_fkey,
	ADD FOREIGN KEY (parent) REFERENCES t.parents ON DELETE CASCADE;
SET ROLE regress_app;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
SELECT t.delete_parent();
SELECT id FROM t.children ORDER BY id;
ROLLBACK;
RESET ROLE;

-- A cast that PostgreSQL has looked up before, and keeps, must not see other tenants where a foreign key's statement calls
-- it; nor may the plans that it makes there and keeps.
SET client_min_messages = warning;
SET ROLE regress_owner;
CREATE TABLE t.secrets (id int, tenant_id uuid, body text);
CREATE TYPE t.code AS ENUM ('1', '2');
CREATE FUNCTION t.to_int(t.code) RETURNS int LANGUAGE plpgsql STABLE AS $$
DECLARE
	seen text := (SELECT string_agg(body, ', ') FROM t.secrets);
BEGIN
	-- once a statement: how often a check of a key casts depends on the server's version
	IF current_setting('x.said', true) IS DISTINCT FROM statement_timestamp() || seen THEN
		RAISE WARNING 'the cast sees %', seen;
		PERFORM set_config('x.said', statement_timestamp() || seen, true);
	END IF;
	RETURN $1::text::int;
END
$$;
CREATE CAST (t.code AS int) WITH FUNCTION t.to_int(t.code) AS IMPLICIT;
CREATE FUNCTION t.cast_it() RETURNS int LANGUAGE sql SECURITY DEFINER AS $$ SELECT x::t.code::int FROM (VALUES ('1')) v(x) $$;
CREATE TABLE t.codes (id int PRIMARY KEY);
CREATE TABLE t.elders (id int PRIMARY KEY);
CREATE TABLE t.kids (id int, elder int REFERENCES t.elders ON UPDATE CASCADE, code t.code REFERENCES t.codes);
GRANT ALL ON ALL TABLES IN SCHEMA t TO regress_app;
INSERT INTO t.codes VALUES (1), (2);
INSERT INTO t.elders VALUES (1), (2);
RESET ROLE;
SET tenant_guard.bypass = on;
INSERT INTO t.secrets VALUES (1, :a, 'mine'), (2, :b, 'CANARY');
RESET tenant_guard.bypass;
SET ROLE regress_app;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
INSERT INTO t.kids VALUES (1, 1, '1'), (2, 2, '2');
COMMIT;
\c
SET SESSION AUTHORIZATION regress_dba;
SET client_min_messages = warning;
SET ROLE regress_app;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
UPDATE t.kids SET id = 5 WHERE elder = 2;
UPDATE t.elders SET id = 100 WHERE id = 1;
COMMIT;
BEGIN;
SELECT tenant_guard.set_tenant(:b);
SELECT t.cast_it();
COMMIT;
RESET ROLE;
RESET client_min_messages;
SET tenant_guard.foreign_keys = off;

-- A partition that another tenant's rows reference must not be detached by
-- a role that cannot see them, nor by one that can.
SET client_min_messages = warning;
SET ROLE regress_owner;
CREATE TABLE t.places (id int PRIMARY KEY, tenant_id uuid) PARTITION BY RANGE (id);
CREATE TABLE t.places_1 PARTITION OF t.places FOR VALUES FROM (1) TO (10);
CREATE TABLE t.places_2 PARTITION OF t.places FOR VALUES FROM (10) TO (20);
CREATE TABLE t.visits (id int, tenant_id uuid, place int REFERENCES t.places);
RESET ROLE;
SET tenant_guard.bypass = on;
INSERT INTO t.places VALUES (1, :a), (11, :b);
INSERT INTO t.visits VALUES (1, :a, 1), (2, :b, 11);
RESET tenant_guard.bypass;
RESET client_min_messages;
SET ROLE regress_owner;
-- The hint must be the same without a tenant.
ALTER TABLE t.places DETACH PARTITION t.places_2;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
ALTER TABLE t.places DETACH PARTITION t.places_2;
ROLLBACK;
RESET ROLE;
ALTER TABLE t.places DETACH PARTITION t.places_2;
SET row_security = off;
\set VERBOSITY sqlstate
ALTER TABLE t.places DETACH PARTITION t.places_2;
\set VERBOSITY default
DELETE FROM t.visits;
ALTER TABLE t.places DETACH PARTITION t.places_2;
RESET row_security;

SET client_min_messages = warning;
DROP SCHEMA t CASCADE;
RESET SESSION AUTHORIZATION;
DROP ROLE regress_owner, regress_app, regress_dba;
