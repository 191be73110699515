--
-- A foreign key between guarded tables reaches no other tenant's rows: not by
-- a reference, not by the error that tells whether there is something to
-- reference, and not by a cascade.
--
\i test/setup/owner_and_app.sql
\set c '''cccccccc-cccc-cccc-cccc-cccccccccccc'''
SET client_min_messages = warning;
ALTER DEFAULT PRIVILEGES FOR ROLE regress_owner IN SCHEMA t GRANT ALL ON TABLES TO regress_app;

-- Keys as the application wrote them, left as they are for now.
SET tenant_guard.foreign_keys = off;
SET ROLE regress_owner;
CREATE TABLE t.parents (id int PRIMARY KEY, tenant_id uuid);
CREATE TABLE t.children (id int PRIMARY KEY, tenant_id uuid, parent int REFERENCES t.parents ON DELETE CASCADE ON UPDATE CASCADE);
RESET ROLE;
RESET tenant_guard.foreign_keys;
SET tenant_guard.bypass = on;
INSERT INTO t.parents VALUES (1, :a), (2, :b), (3, :a);
INSERT INTO t.children VALUES (10, :a, 1), (20, :b, 2);
RESET tenant_guard.bypass;
RESET client_min_messages;

-- What an insert says, for the oracle: its error with the id left out.
CREATE FUNCTION t.says(statement text, id text) RETURNS text LANGUAGE plpgsql AS
$$ DECLARE message text; detail text;
BEGIN
	EXECUTE statement;
	RETURN 'it worked';
EXCEPTION WHEN foreign_key_violation THEN
	GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
	RETURN replace(message || ' / ' || detail, id, 'ID');
END $$;

-- Open: a row of a may reference one of b, and so learns that b has it, and
-- loses its row by b's cascade, where actions are not looked at.
SET tenant_guard.foreign_key_actions = off;
SET ROLE regress_app;
BEGIN;
SET LOCAL tenant_guard.tenant_id = :a;
SELECT t.says('INSERT INTO t.children VALUES (11, DEFAULT, 2)', '2') AS of_another,
	t.says('INSERT INTO t.children VALUES (12, DEFAULT, 99)', '99') AS of_nobody;
UPDATE t.children SET parent = 2 WHERE id = 10;
COMMIT;
BEGIN;
SET LOCAL tenant_guard.tenant_id = :b;
UPDATE t.parents SET id = 22 WHERE id = 2;
COMMIT;
BEGIN;
SET LOCAL tenant_guard.tenant_id = :a;
SELECT * FROM t.children ORDER BY id;
COMMIT;
BEGIN;
SET LOCAL tenant_guard.tenant_id = :b;
DELETE FROM t.parents WHERE id = 22;
COMMIT;
BEGIN;
SET LOCAL tenant_guard.tenant_id = :a;
SELECT * FROM t.children ORDER BY id;
COMMIT;
RESET ROLE;

-- Closed, by one call of the owner's.
RESET tenant_guard.foreign_key_actions;
SET tenant_guard.bypass = on;
INSERT INTO t.parents VALUES (2, :b);
INSERT INTO t.children VALUES (10, :a, 1), (20, :b, 2);
RESET tenant_guard.bypass;
SET ROLE regress_owner;
SELECT tenant_guard.pair_foreign_keys('t.children');
SET ROLE regress_app;

-- The reference must be refused, by INSERT, UPDATE, ON CONFLICT and MERGE.
BEGIN;
SET LOCAL tenant_guard.tenant_id = :a;
SAVEPOINT s;
INSERT INTO t.children VALUES (11, DEFAULT, 2);
ROLLBACK TO s;
UPDATE t.children SET parent = 2 WHERE id = 10;
ROLLBACK TO s;
INSERT INTO t.children VALUES (10, DEFAULT, 1) ON CONFLICT (id) DO UPDATE SET parent = 2;
ROLLBACK TO s;
MERGE INTO t.children USING (VALUES (10, 2), (11, 2)) AS v (id, parent) ON children.id = v.id
WHEN MATCHED THEN UPDATE SET parent = v.parent
WHEN NOT MATCHED THEN INSERT VALUES (v.id, DEFAULT, v.parent);
ROLLBACK TO s;
MERGE INTO t.children USING (VALUES (11, 2)) AS v (id, parent) ON children.id = v.id
WHEN NOT MATCHED THEN INSERT (id, parent) VALUES (v.id, v.parent);
ROLLBACK TO s;

-- Naming the other tenant in the row must not help: that is the policy's.
INSERT INTO t.children VALUES (11, :b, 2);
ROLLBACK TO s;
UPDATE t.children SET tenant_id = :b, parent = 2 WHERE id = 10;
ROLLBACK TO s;

-- The oracle must be silent: the same words whether or not b has the id.
SELECT t.says('INSERT INTO t.children VALUES (11, DEFAULT, 2)', '2');
SELECT t.says('INSERT INTO t.children VALUES (11, DEFAULT, 2)', '2') = t.says('INSERT INTO t.children VALUES (11, DEFAULT, 99)', '99') AS same;
SELECT t.says('UPDATE t.children SET parent = 2', '2') = t.says('UPDATE t.children SET parent = 99', '99') AS same;

-- A tenant's own rows must go on.
INSERT INTO t.children VALUES (11, DEFAULT, 3), (12, DEFAULT, NULL);
UPDATE t.parents SET id = 7 WHERE id = 1;
SELECT id, parent FROM t.children ORDER BY id;
DELETE FROM t.parents WHERE id = 7;
SELECT id, parent FROM t.children ORDER BY id;
ROLLBACK;

-- No cascade must reach another tenant's rows, even where the ids are the same.
RESET ROLE;
SET client_min_messages = warning;
SET ROLE regress_owner;
CREATE TABLE t.places (id int, tenant_id uuid, PRIMARY KEY (tenant_id, id));
CREATE TABLE t.visits (id int, tenant_id uuid, place int,
	FOREIGN KEY (tenant_id, place) REFERENCES t.places (tenant_id, id) ON DELETE CASCADE ON UPDATE CASCADE);
RESET ROLE;
SET tenant_guard.bypass = on;
INSERT INTO t.places VALUES (1, :a), (1, :b);
INSERT INTO t.visits VALUES (10, :a, 1), (20, :b, 1);
RESET tenant_guard.bypass;
RESET client_min_messages;
SET ROLE regress_app;
BEGIN;
SET LOCAL tenant_guard.tenant_id = :b;
UPDATE t.places SET id = 2;
DELETE FROM t.places;
COMMIT;
BEGIN;
SET LOCAL tenant_guard.tenant_id = :a;
SELECT id, place FROM t.visits;
COMMIT;
RESET ROLE;

-- A view with security_invoker, one of the owner's, and a definer function of
-- the owner's must be refused likewise.
SET ROLE regress_owner;
CREATE VIEW t.invoker WITH (security_invoker = true) AS SELECT * FROM t.children;
CREATE VIEW t.owners AS SELECT * FROM t.children;
CREATE FUNCTION t.add_child(int, int) RETURNS void LANGUAGE sql SECURITY DEFINER AS
$$ INSERT INTO t.children (id, parent) VALUES ($1, $2) $$;
SET ROLE regress_app;
BEGIN;
SET LOCAL tenant_guard.tenant_id = :a;
SAVEPOINT s;
INSERT INTO t.invoker (id, parent) VALUES (11, 2);
ROLLBACK TO s;
UPDATE t.owners SET parent = 2;
ROLLBACK TO s;
SELECT t.add_child(11, 2);
ROLLBACK TO s;
SELECT t.add_child(11, 3);
ROLLBACK;

-- The owner is bound too, and so is whoever bypasses on purpose: the key is
-- PostgreSQL's.
SET ROLE regress_owner;
BEGIN;
SET LOCAL tenant_guard.tenant_id = :a;
INSERT INTO t.children VALUES (11, DEFAULT, 2);
ROLLBACK;
RESET ROLE;
SET tenant_guard.bypass = on;
\set VERBOSITY sqlstate
INSERT INTO t.children VALUES (11, :a, 2);
UPDATE t.children SET tenant_id = :b WHERE id = 10;
\set VERBOSITY default

-- What a parent's row takes along when it is moved to another tenant are its
-- own children.
BEGIN;
UPDATE t.parents SET tenant_id = :c WHERE id = 1;
SELECT id, left(tenant_id::text, 1) AS tenant, parent FROM t.children ORDER BY id;
ROLLBACK;
RESET tenant_guard.bypass;

--
-- Other actions, and checks that are deferred.
--
SET client_min_messages = warning;
SET ROLE regress_owner;
CREATE TABLE t.setting (id int, tenant_id uuid,
	nulled int REFERENCES t.parents ON DELETE SET NULL,
	other int DEFAULT 3 REFERENCES t.parents ON DELETE SET DEFAULT,
	late int REFERENCES t.parents DEFERRABLE INITIALLY DEFERRED);
RESET ROLE;
SET tenant_guard.bypass = on;
INSERT INTO t.parents VALUES (4, :a), (5, :b);
INSERT INTO t.setting VALUES (1, :a, 4, 3), (2, :a, NULL, 4), (3, :b, 5, NULL);
RESET tenant_guard.bypass;
RESET client_min_messages;
SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 't.setting'::regclass AND contype = 'f' ORDER BY conname COLLATE "C";

-- SET NULL and SET DEFAULT must set the columns of the key that were meant, and
-- leave the row its tenant.
SET ROLE regress_app;
BEGIN;
SET LOCAL tenant_guard.tenant_id = :a;
DELETE FROM t.parents WHERE id = 4;
SELECT id, tenant_id, nulled, other FROM t.setting ORDER BY id;

-- A default that is another tenant's row must be refused.
ROLLBACK;
RESET ROLE;
ALTER TABLE t.setting ALTER other SET DEFAULT 5;
SET ROLE regress_app;
BEGIN;
SET LOCAL tenant_guard.tenant_id = :a;
DELETE FROM t.parents WHERE id = 4;
ROLLBACK;

-- A deferred check must refuse at COMMIT, or at once when asked to.
BEGIN;
SET LOCAL tenant_guard.tenant_id = :a;
UPDATE t.setting SET late = 5 WHERE id = 1;
COMMIT;
BEGIN;
SET LOCAL tenant_guard.tenant_id = :a;
UPDATE t.setting SET late = 5 WHERE id = 1;
SET CONSTRAINTS ALL IMMEDIATE;
ROLLBACK;
BEGIN;
SET LOCAL tenant_guard.tenant_id = :a;
UPDATE t.setting SET late = 6 WHERE id = 1;
INSERT INTO t.parents VALUES (6);
COMMIT;
RESET ROLE;

--
-- Keys of several columns, several keys to one parent, self-references, and
-- types that differ.
--
SET client_min_messages = warning;
SET ROLE regress_owner;
CREATE TABLE t.wide (x int, y text, tenant_id uuid, next_x int, next_y varchar(10), n numeric UNIQUE, PRIMARY KEY (x, y),
	CONSTRAINT next FOREIGN KEY (next_x, next_y) REFERENCES t.wide (x, y) ON DELETE CASCADE);
CREATE TABLE t.narrow (id int, tenant_id uuid, bx bigint, vy varchar(10), n int, big bigint,
	CONSTRAINT by_two FOREIGN KEY (bx, vy) REFERENCES t.wide (x, y),
	CONSTRAINT from_parent FOREIGN KEY (big) REFERENCES t.parents,
	CONSTRAINT by_number FOREIGN KEY (n) REFERENCES t.wide (n) ON DELETE CASCADE);
RESET ROLE;
SET tenant_guard.bypass = on;
INSERT INTO t.wide VALUES (1, 'y', :a, NULL, NULL, 1.0), (2, 'y', :b, NULL, NULL, 2.0), (3, 'y', :a, 1, 'y', 3.0);
RESET tenant_guard.bypass;
RESET client_min_messages;
SELECT conrelid::regclass, conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid IN ('t.wide'::regclass, 't.narrow'::regclass) AND contype = 'f'
ORDER BY conrelid::regclass::text COLLATE "C", conname COLLATE "C";

-- Each must hold another tenant's rows off, and take one's own.
SET ROLE regress_app;
BEGIN;
SET LOCAL tenant_guard.tenant_id = :a;
SAVEPOINT s;
UPDATE t.wide SET next_x = 2, next_y = 'y' WHERE x = 1;
ROLLBACK TO s;
INSERT INTO t.wide VALUES (4, 'y', DEFAULT, 2, 'y');
ROLLBACK TO s;
INSERT INTO t.narrow (id, bx, vy) VALUES (1, 2, 'y');
ROLLBACK TO s;
INSERT INTO t.narrow (id, n) VALUES (1, 2);
ROLLBACK TO s;
INSERT INTO t.narrow (id, big) VALUES (1, 2);
ROLLBACK TO s;
INSERT INTO t.narrow (id, bx, vy, n, big) VALUES (1, 1, 'y', 3, 3), (2, NULL, 'y', NULL, 3);
INSERT INTO t.wide VALUES (4, 'y', DEFAULT, 4, 'y');
DELETE FROM t.wide WHERE x = 3;
SELECT id FROM t.narrow;
ROLLBACK;
RESET ROLE;

--
-- Partitioned tables, on either side.
--
SET client_min_messages = warning;
SET tenant_guard.foreign_keys = off;
SET ROLE regress_owner;
CREATE TABLE t.orders (id int PRIMARY KEY, tenant_id uuid) PARTITION BY RANGE (id);
CREATE TABLE t.orders_1 PARTITION OF t.orders FOR VALUES FROM (1) TO (10);
CREATE TABLE t.orders_2 PARTITION OF t.orders FOR VALUES FROM (10) TO (20) PARTITION BY RANGE (id);
CREATE TABLE t.orders_2a PARTITION OF t.orders_2 FOR VALUES FROM (10) TO (20);
CREATE TABLE t.lines (id int, tenant_id uuid, ord int REFERENCES t.orders ON DELETE CASCADE) PARTITION BY RANGE (id);
CREATE TABLE t.lines_1 PARTITION OF t.lines FOR VALUES FROM (1) TO (10);
CREATE TABLE t.lines_2 PARTITION OF t.lines FOR VALUES FROM (10) TO (20);
CREATE TABLE t.slips (id int, tenant_id uuid, ord int REFERENCES t.orders_2a);
CREATE TABLE t.own_key (id int, tenant_id uuid, ord int) PARTITION BY HASH (id);
CREATE TABLE t.own_key_0 PARTITION OF t.own_key FOR VALUES WITH (MODULUS 1, REMAINDER 0);
ALTER TABLE t.own_key_0 ADD CONSTRAINT of_the_part FOREIGN KEY (ord) REFERENCES t.parents;
RESET ROLE;
RESET tenant_guard.foreign_keys;
SET tenant_guard.bypass = on;
INSERT INTO t.orders VALUES (1, :a), (2, :b), (11, :a), (12, :b);
INSERT INTO t.lines VALUES (1, :a, 1), (2, :a, 11), (3, :b, 2), (4, :b, 12);
RESET tenant_guard.bypass;

-- Open: both by the whole and by the part.
SET ROLE regress_app;
BEGIN;
SET LOCAL tenant_guard.tenant_id = :a;
INSERT INTO t.lines VALUES (5, DEFAULT, 12);
INSERT INTO t.slips VALUES (5, DEFAULT, 12);
INSERT INTO t.own_key VALUES (5, DEFAULT, 2);
ROLLBACK;
RESET ROLE;
RESET client_min_messages;

-- One call for the parent must do for the keys to it, and to its parts.
SET ROLE regress_owner;
SELECT tenant_guard.pair_foreign_keys('t.orders');
SELECT tenant_guard.pair_foreign_keys('t.own_key');

-- Closed: by the whole, by the part, and by the name of a part.
SET ROLE regress_app;
BEGIN;
SET LOCAL tenant_guard.tenant_id = :a;
SAVEPOINT s;
\set VERBOSITY sqlstate
INSERT INTO t.lines VALUES (5, DEFAULT, 12);
ROLLBACK TO s;
INSERT INTO t.lines_1 VALUES (5, DEFAULT, 2);
ROLLBACK TO s;
UPDATE t.lines SET id = id + 10, ord = 2;
ROLLBACK TO s;
UPDATE t.lines SET ord = 12;
ROLLBACK TO s;
INSERT INTO t.slips VALUES (5, DEFAULT, 12);
ROLLBACK TO s;
INSERT INTO t.own_key VALUES (5, DEFAULT, 2);
ROLLBACK TO s;
\set VERBOSITY default
INSERT INTO t.slips VALUES (5, DEFAULT, 11);
INSERT INTO t.own_key VALUES (5, DEFAULT, 1);
DELETE FROM t.orders WHERE id = 1;
SELECT id, ord FROM t.lines ORDER BY id;
ROLLBACK;
BEGIN;
SET LOCAL tenant_guard.tenant_id = :b;
DELETE FROM t.orders;
SELECT id, ord FROM t.lines ORDER BY id;
COMMIT;
BEGIN;
SET LOCAL tenant_guard.tenant_id = :a;
SELECT id, ord FROM t.lines ORDER BY id;
COMMIT;
RESET ROLE;

-- A partition that is made or attached later must be held off too.
SET client_min_messages = warning;
SET ROLE regress_owner;
CREATE TABLE t.orders_3 PARTITION OF t.orders FOR VALUES FROM (20) TO (30);
CREATE TABLE t.orders_4 (id int PRIMARY KEY, tenant_id uuid);
ALTER TABLE t.orders ATTACH PARTITION t.orders_4 FOR VALUES FROM (30) TO (40);
RESET ROLE;
RESET client_min_messages;
SET tenant_guard.bypass = on;
INSERT INTO t.orders VALUES (21, :b), (31, :b);
RESET tenant_guard.bypass;
SET ROLE regress_app;
BEGIN;
SET LOCAL tenant_guard.tenant_id = :a;
SAVEPOINT s;
\set VERBOSITY sqlstate
INSERT INTO t.lines VALUES (5, DEFAULT, 21);
ROLLBACK TO s;
INSERT INTO t.lines VALUES (5, DEFAULT, 31);
ROLLBACK;
\set VERBOSITY default
RESET ROLE;

-- A savepoint that is rolled back must leave the key as it was.
SET client_min_messages = warning;
SET tenant_guard.foreign_keys = off;
SET ROLE regress_owner;
CREATE TABLE t.again (id int, tenant_id uuid, parent int REFERENCES t.parents);
BEGIN;
SAVEPOINT s;
SELECT tenant_guard.pair_foreign_keys('t.again');
SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 't.again'::regclass AND contype = 'f';
ROLLBACK TO s;
SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 't.again'::regclass AND contype = 'f';
SELECT tenant_guard.pair_foreign_keys('t.again');
COMMIT;
SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 't.again'::regclass AND contype = 'f';
RESET ROLE;

-- A table that is not guarded must not change every tenant's rows unsaid: with
-- the key, in whatever order it comes, and with the guard.
RESET client_min_messages;
RESET tenant_guard.foreign_keys;
SET ROLE regress_owner;
CREATE TABLE t.categories (id int PRIMARY KEY, code int UNIQUE);
SELECT tenant_guard.share('t.categories');
CREATE TABLE t.of_category (tenant_id uuid, category int CONSTRAINT category REFERENCES t.categories ON DELETE CASCADE);
CREATE TABLE t.recoded (tenant_id uuid, code int);
ALTER TABLE t.recoded ADD CONSTRAINT "by code" FOREIGN KEY (code) REFERENCES t.categories (code) ON DELETE SET NULL ON UPDATE CASCADE;
ALTER TABLE t.recoded ADD old int CONSTRAINT old REFERENCES t.categories (code) ON UPDATE SET DEFAULT;

-- Where actions are not refused the warning must say so.
RESET ROLE;
SET tenant_guard.foreign_key_actions = off;
SET ROLE regress_owner;
CREATE TABLE t.unrefused (tenant_id uuid, category int CONSTRAINT unrefused REFERENCES t.categories ON DELETE CASCADE);
DROP TABLE t.unrefused;
RESET ROLE;
RESET tenant_guard.foreign_key_actions;
SET ROLE regress_owner;
SELECT tenant_guard.unprotect('t.of_category');
SELECT tenant_guard.protect('t.of_category');

-- The second of its hints must do, and leave the key at work.
ALTER TABLE t.of_category DROP CONSTRAINT category, ADD CONSTRAINT category FOREIGN KEY (category) REFERENCES t.categories (id);
BEGIN;
SET LOCAL tenant_guard.tenant_id = :a;
INSERT INTO t.categories VALUES (1);
INSERT INTO t.of_category (category) VALUES (1);
COMMIT;
\set VERBOSITY terse
DELETE FROM t.categories;
\set VERBOSITY default

-- Nothing need be said of a key that does nothing to the rows, or of the one to
-- the tenants' own table.
CREATE TABLE t.accounts (id uuid PRIMARY KEY);
CREATE TABLE t.of_account (tenant_id uuid REFERENCES t.accounts ON DELETE CASCADE ON UPDATE CASCADE, category int REFERENCES t.categories ON DELETE RESTRICT);
RESET ROLE;

SET client_min_messages = warning;
DROP SCHEMA t CASCADE;
DROP ROLE regress_owner, regress_app;
