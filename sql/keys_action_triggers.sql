--
-- No policy checks a row that a foreign key's action changes: what a BEFORE trigger
-- makes of it must be the same tenant's.
--
\i test/setup/owner_and_app.sql
\set as_a 'BEGIN; SET LOCAL tenant_guard.tenant_id = ' :a ';'
SET client_min_messages = error;
CREATE SCHEMA own AUTHORIZATION regress_app;
SET ROLE regress_owner;
CREATE TABLE t.users (id int PRIMARY KEY);
CREATE TABLE t.posts (id int, tenant_id uuid, author int REFERENCES t.users ON DELETE SET NULL ON UPDATE CASCADE, body text, changed int DEFAULT 0);
CREATE TABLE t.parts (id int, tenant_id uuid, author int REFERENCES t.users ON DELETE SET NULL ON UPDATE CASCADE) PARTITION BY LIST (author);
CREATE TABLE t.part1 PARTITION OF t.parts FOR VALUES IN (1, 2, 3);
CREATE TABLE t.part2 PARTITION OF t.parts DEFAULT;
GRANT ALL ON ALL TABLES IN SCHEMA t TO regress_app;
CREATE FUNCTION t.set_tenant() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN NEW.tenant_id := tenant_guard.current_tenant(); RETURN NEW; END $$;
CREATE FUNCTION t.count_change() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN NEW.changed := OLD.changed + 1; RETURN NEW; END $$;
RESET ROLE;
SET tenant_guard.bypass = on;
INSERT INTO t.users SELECT generate_series(1, 9);
INSERT INTO t.posts VALUES (1, :a, 1, 'of a'), (2, :b, 1, 'of b'), (3, :a, 3, 'of a'), (4, :b, 4, 'of b');
INSERT INTO t.parts VALUES (1, :a, 2), (2, :b, 2), (3, :a, 3);
RESET tenant_guard.bypass;

-- A person who belongs to two tenants goes, and a trigger that leaves the tenant
-- alone sees the rows of both; so it does in parts, where they move.
SET ROLE regress_owner;
CREATE TRIGGER count BEFORE UPDATE ON t.posts FOR EACH ROW EXECUTE FUNCTION t.count_change();
SET ROLE regress_app;
:as_a
DELETE FROM t.users WHERE id IN (1, 2);
SELECT id, author, changed FROM t.posts ORDER BY id;
SELECT tableoid::regclass, id, author FROM t.parts ORDER BY id;
UPDATE t.users SET id = 30 WHERE id = 3;
SELECT id, author, changed FROM t.posts ORDER BY id;
RESET ROLE;
SET LOCAL tenant_guard.bypass = on;
SELECT id, tenant_id, author, changed FROM t.posts ORDER BY id;
SELECT tableoid::regclass, id, tenant_id, author FROM t.parts ORDER BY id;
ROLLBACK;

-- One that sets the tenant of the transaction must not give it another's row: by
-- the plan that is kept neither.
SET ROLE regress_owner;
CREATE TRIGGER set_tenant BEFORE UPDATE ON t.posts FOR EACH ROW EXECUTE FUNCTION t.set_tenant();
SET ROLE regress_app;
:as_a
DELETE FROM t.users WHERE id = 3;
SAVEPOINT s;
DELETE FROM t.users WHERE id = 1;
ROLLBACK TO s;
DELETE FROM t.users WHERE id = 4;
ROLLBACK;

-- Nor one of a partition, be it that which the row moves to.
SET ROLE regress_owner;
CREATE TRIGGER set_tenant BEFORE UPDATE ON t.part1 FOR EACH ROW EXECUTE FUNCTION t.set_tenant();
\set VERBOSITY terse
SET ROLE regress_app;
:as_a
DELETE FROM t.users WHERE id = 2;
ROLLBACK;
SET ROLE regress_owner;
DROP TRIGGER set_tenant ON t.part1;
CREATE TRIGGER set_tenant BEFORE INSERT ON t.part2 FOR EACH ROW EXECUTE FUNCTION t.set_tenant();
SET ROLE regress_app;
:as_a
DELETE FROM t.users WHERE id = 3;
DELETE FROM t.users WHERE id = 2;
ROLLBACK;

-- Where it is meant the log says so, where it is not to be refused a WARNING does, and where actions are not checked nothing.
RESET ROLE;
SET tenant_guard.bypass = on;
SET ROLE regress_app;
:as_a
DELETE FROM t.users WHERE id = 2;
ROLLBACK;
RESET ROLE;
RESET tenant_guard.bypass;
SET tenant_guard.foreign_key_actions = warning;
SET client_min_messages = warning;
SET ROLE regress_app;
:as_a
DELETE FROM t.users WHERE id = 2;
ROLLBACK;
RESET ROLE;
SET tenant_guard.foreign_key_actions = off;
SET ROLE regress_app;
:as_a
DELETE FROM t.users WHERE id = 2;
ROLLBACK;
RESET ROLE;
SET client_min_messages = error;
RESET tenant_guard.foreign_key_actions;

-- A role that may reference a guarded table must not ask of another tenant's row
-- whether it is there, by a trigger on a table of its own.
SET ROLE regress_owner;
CREATE TABLE t.p (id int PRIMARY KEY, tenant_id uuid, UNIQUE (tenant_id, id));
GRANT REFERENCES ON t.p TO regress_app;
BEGIN; SET LOCAL tenant_guard.tenant_id = :b; INSERT INTO t.p VALUES (7); COMMIT;
SET ROLE regress_app;
CREATE TABLE own.lure (k int PRIMARY KEY);
CREATE TABLE own.asks (id int, tenant_id uuid, p int REFERENCES t.p, k int REFERENCES own.lure ON UPDATE CASCADE ON DELETE SET NULL);
CREATE FUNCTION own.ask() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN NEW.tenant_id := 'bbbbbbbb-bbbb-bbbb-bbbb-bbbbbbbbbbbb'; NEW.p := 7; RETURN NEW; END $$;
CREATE TRIGGER ask BEFORE UPDATE ON own.asks FOR EACH ROW EXECUTE FUNCTION own.ask();
INSERT INTO own.lure VALUES (1);
:as_a
INSERT INTO own.asks VALUES (1, DEFAULT, NULL, 1);
SAVEPOINT s;
UPDATE own.lure SET k = 2;
ROLLBACK TO s;
DELETE FROM own.lure;
ROLLBACK;

-- By hand, where the schema is granted, it compares values of one's own.
RESET ROLE;
GRANT USAGE ON SCHEMA tenant_guard_internal TO regress_app;
SET ROLE regress_app;
SELECT tenant_guard_internal.check_tenant_kept(0, false, 'one'::text) AND tenant_guard_internal.check_tenant_kept(0, true, 'one'::text) AS kept;
SELECT tenant_guard_internal.check_tenant_kept('own.asks'::regclass, false, 'one'::text) AND tenant_guard_internal.check_tenant_kept('own.asks'::regclass, true, 'two'::text) AS kept;
SELECT tenant_guard_internal.check_tenant_kept('own.asks'::regclass, true, 1);
SELECT tenant_guard_internal.check_tenant_kept('own.asks'::regclass, NULL, NULL::text) AND tenant_guard_internal.check_tenant_kept('own.asks'::regclass, true, NULL::text) AS kept;
SELECT tenant_guard_internal.check_tenant_kept('own.asks'::regclass, false, NULL::text) AND tenant_guard_internal.check_tenant_kept('own.asks'::regclass, true, 1) AS kept;
SELECT tenant_guard_internal.check_tenant_kept('own.asks'::regclass, false, 1) AND tenant_guard_internal.check_tenant_kept('own.asks'::regclass, true, 1::bigint) AS kept;

RESET ROLE;
REVOKE USAGE ON SCHEMA tenant_guard_internal FROM regress_app;
DROP SCHEMA t, own CASCADE;
DROP ROLE regress_owner, regress_app;
