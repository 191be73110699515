--
-- Triggers beside keys to tables with rows of everyone, for keys and tables of every shape: composite and deferrable keys, keys to
-- the table itself, partitions, referencing tables with rows of everyone.
--
\i test/setup/owner_and_app.sql
SET client_min_messages = warning;

-- A composite key, of other types than the columns that it references; with MATCH SIMPLE a null column references nothing.
CREATE TABLE t.forms (kind varchar(9), no bigint, tenant_id uuid, PRIMARY KEY (kind, no));
SELECT tenant_guard.protect('t.forms', null_rows => 'shared');
CREATE TABLE t.sheets (id int PRIMARY KEY, tenant_id uuid, no int, kind text, FOREIGN KEY (kind, no) REFERENCES t.forms);
GRANT ALL ON ALL TABLES IN SCHEMA t TO regress_app;
SET tenant_guard.bypass = on;
INSERT INTO t.forms VALUES ('x', 1, NULL), ('x', 2, :a), ('x', 3, :b);
RESET tenant_guard.bypass;
SET ROLE regress_app;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
INSERT INTO t.sheets (id, kind, no) VALUES (1, 'x', 1), (2, 'x', 2), (3, NULL, 3), (4, 'y', NULL);
SAVEPOINT s;
INSERT INTO t.sheets (id, kind, no) VALUES (5, 'x', 3);
ROLLBACK TO s;
UPDATE t.sheets SET no = 3 WHERE id = 2;
ROLLBACK TO s;
COMMIT;
RESET ROLE;
SET tenant_guard.bypass = on;
UPDATE t.forms SET tenant_id = :b WHERE no = 1;
\echo :LAST_ERROR_SQLSTATE
RESET tenant_guard.bypass;

-- A key whose columns are compared by way of a cast.
CREATE TABLE t.prices (id numeric PRIMARY KEY, tenant_id uuid);
SELECT tenant_guard.protect('t.prices', null_rows => 'shared');
CREATE TABLE t.sales (id int PRIMARY KEY, tenant_id uuid, price int REFERENCES t.prices);
GRANT ALL ON ALL TABLES IN SCHEMA t TO regress_app;
SET tenant_guard.bypass = on;
INSERT INTO t.prices VALUES (1.0, NULL), (2, :a), (3, :b);
INSERT INTO t.sales VALUES (1, :a, 3);
INSERT INTO t.sales VALUES (1, :a, 4);
RESET tenant_guard.bypass;
SET ROLE regress_app;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
INSERT INTO t.sales (id, price) VALUES (2, 1), (3, 2);
INSERT INTO t.sales (id, price) VALUES (4, 3);
ROLLBACK;
RESET ROLE;

-- Keys of every kind of type; a row of another tenant is found by none of them.
CREATE TYPE t.mood AS ENUM ('x', 'y');
CREATE TYPE t.pair AS (a int, b text);
CREATE TABLE t.all_kinds (id int PRIMARY KEY, tenant_id uuid, m t.mood UNIQUE, l int[] UNIQUE, p t.pair UNIQUE, r int4range UNIQUE, v varchar(9) UNIQUE,
	c char(5) UNIQUE, UNIQUE (v, id));
SELECT tenant_guard.protect('t.all_kinds', null_rows => 'shared');
CREATE TABLE t.any_kind (id smallint REFERENCES t.all_kinds (id), tenant_id uuid, m t.mood REFERENCES t.all_kinds (m), l int[] REFERENCES t.all_kinds (l),
	p t.pair REFERENCES t.all_kinds (p), r int4range REFERENCES t.all_kinds (r), v text REFERENCES t.all_kinds (v), c char(7) REFERENCES t.all_kinds (c),
	i bigint, FOREIGN KEY (i, v) REFERENCES t.all_kinds (id, v));
GRANT ALL ON ALL TABLES IN SCHEMA t TO regress_app;
SET tenant_guard.bypass = on;
INSERT INTO t.all_kinds VALUES (1, NULL, 'x', '{1,NULL}', '(1,a)', '[1,2)', 'one', 'o'), (2, :b, 'y', '{2}', '(2,b)', '[2,3)', 'two', 't');
RESET tenant_guard.bypass;
SET ROLE regress_app;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
INSERT INTO t.any_kind (id, m, l, p, r, v, c, i) VALUES (1, 'x', '{1,NULL}', '(1,a)', '[1,2)', 'one', 'o', 1);
\set VERBOSITY terse
SAVEPOINT s;
INSERT INTO t.any_kind (id) VALUES (2);
ROLLBACK TO s;
INSERT INTO t.any_kind (m) VALUES ('y');
ROLLBACK TO s;
INSERT INTO t.any_kind (l) VALUES ('{2}');
ROLLBACK TO s;
INSERT INTO t.any_kind (p) VALUES ('(2,b)');
ROLLBACK TO s;
INSERT INTO t.any_kind (r) VALUES ('[2,3)');
ROLLBACK TO s;
INSERT INTO t.any_kind (v) VALUES ('two');
ROLLBACK TO s;
INSERT INTO t.any_kind (c) VALUES ('t');
ROLLBACK TO s;
INSERT INTO t.any_kind (i, v) VALUES (2, 'one');
ROLLBACK;
\set VERBOSITY default
RESET ROLE;
-- So it is after the index has been made anew.
REINDEX TABLE CONCURRENTLY t.all_kinds;
SET ROLE regress_app;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
INSERT INTO t.any_kind (id, v) VALUES (1, 'one');
INSERT INTO t.any_kind (id) VALUES (2);
ROLLBACK;
RESET ROLE;

-- A key to the table itself: rows of everyone reference rows of everyone alone; a row may come before its parent in one statement.
CREATE TABLE t.nodes (id int PRIMARY KEY, tenant_id uuid);
SELECT tenant_guard.protect('t.nodes', null_rows => 'shared');
ALTER TABLE t.nodes ADD parent int REFERENCES t.nodes;
SELECT tgname FROM pg_trigger WHERE tgrelid = 't.nodes'::regclass AND NOT tgisinternal ORDER BY tgname;
GRANT ALL ON ALL TABLES IN SCHEMA t TO regress_app;
SET tenant_guard.bypass = on;
INSERT INTO t.nodes VALUES (2, NULL, 1), (1, NULL, NULL), (3, :a, 1), (4, :a, 3), (5, :b, 1);
INSERT INTO t.nodes VALUES (6, NULL, 3);
INSERT INTO t.nodes VALUES (6, :b, 3);
UPDATE t.nodes SET tenant_id = :a WHERE id = 1;
UPDATE t.nodes SET tenant_id = NULL WHERE id = 4;
UPDATE t.nodes SET tenant_id = :b WHERE id IN (3, 4);
UPDATE t.nodes SET tenant_id = :a WHERE id IN (3, 4);
RESET tenant_guard.bypass;
SET ROLE regress_app;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
INSERT INTO t.nodes (id, parent) VALUES (8, 7), (7, 4);
SAVEPOINT s;
UPDATE t.nodes SET parent = 5 WHERE id = 7;
ROLLBACK TO s;
DELETE FROM t.nodes WHERE id IN (7, 8);
COMMIT;
RESET ROLE;

-- Actions: what is deleted or changed takes its own tenant's rows along; rows of everyone are not a tenant's to delete.
CREATE TABLE t.notes (id int PRIMARY KEY, tenant_id uuid, node int REFERENCES t.nodes ON DELETE CASCADE ON UPDATE CASCADE);
CREATE TABLE t.marks (id int PRIMARY KEY, tenant_id uuid, node int DEFAULT 5 REFERENCES t.nodes ON DELETE SET DEFAULT);
GRANT ALL ON ALL TABLES IN SCHEMA t TO regress_app;
SET ROLE regress_app;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
INSERT INTO t.notes (id, node) VALUES (1, 4), (2, 1);
UPDATE t.nodes SET id = 40 WHERE id = 4;
DELETE FROM t.nodes;
SELECT id, node FROM t.notes;
-- what SET DEFAULT sets is checked, too: the default is a row of another tenant
INSERT INTO t.nodes (id) VALUES (9);
INSERT INTO t.marks (id, node) VALUES (1, 9);
\set VERBOSITY terse
DELETE FROM t.nodes WHERE id = 9;
\set VERBOSITY default
ROLLBACK;
RESET ROLE;
SELECT count(*) FROM tenant_guard.broken_invariants();

-- A deferrable key is checked when it is, so that rows may be written before those that they reference.
CREATE TABLE t.later (id int PRIMARY KEY, tenant_id uuid, node int, CONSTRAINT later_node FOREIGN KEY (node) REFERENCES t.nodes DEFERRABLE INITIALLY DEFERRED);
GRANT ALL ON t.later TO regress_app;
SELECT tgname, tgdeferrable, tginitdeferred FROM pg_trigger WHERE tgrelid = 't.later'::regclass AND NOT tgisinternal;
SET ROLE regress_app;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
INSERT INTO t.later (id, node) VALUES (1, 10);
INSERT INTO t.nodes (id) VALUES (10);
INSERT INTO t.later (id, node) VALUES (2, 5);
UPDATE t.later SET node = 1 WHERE id = 2;
COMMIT;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
INSERT INTO t.later (id, node) VALUES (3, 5);
COMMIT;
-- The triggers check the same rows whatever tenant is set: where a transaction may have two, they stand in nobody's way.
RESET ROLE;
SET tenant_guard.one_tenant_per_transaction = off;
SET ROLE regress_app;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
INSERT INTO t.later (id, node) VALUES (5, 1);
SELECT tenant_guard.set_tenant(:b);
INSERT INTO t.later (id, node) VALUES (6, 1), (7, 5);
COMMIT;
RESET ROLE;
RESET tenant_guard.one_tenant_per_transaction;
SET ROLE regress_app;
-- SET CONSTRAINTS of the key is that of its triggers, and conversely: the key alone would tell whether another tenant's row exists.
\set VERBOSITY sqlstate
BEGIN;
SELECT tenant_guard.set_tenant(:a);
INSERT INTO t.later (id, node) VALUES (3, 5);
SAVEPOINT s;
SET CONSTRAINTS t.later_node IMMEDIATE;
ROLLBACK TO s;
SET CONSTRAINTS ALL IMMEDIATE;
ROLLBACK TO s;
SET CONSTRAINTS t.later_node IMMEDIATE;
ROLLBACK;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
SET CONSTRAINTS ALL IMMEDIATE;
SET CONSTRAINTS t."0_tenant_references_later_deferred" DEFERRED;
INSERT INTO t.later (id, node) VALUES (3, 99);
SET CONSTRAINTS t.later_node IMMEDIATE;
ROLLBACK;
\set VERBOSITY default
RESET ROLE;
-- So it is after the trigger is renamed, and its constraint keeps its name.
ALTER TRIGGER "0_tenant_references_later_deferred" ON t.later RENAME TO "1 renamed";
BEGIN;
SET CONSTRAINTS t.later_node IMMEDIATE;
ROLLBACK;
-- A row that is deleted and made again for another tenant is checked when the key is.
SET tenant_guard.bypass = on;
BEGIN;
DELETE FROM t.nodes WHERE id = 10;
INSERT INTO t.nodes VALUES (10, :b);
COMMIT;
BEGIN;
DELETE FROM t.nodes WHERE id = 10;
INSERT INTO t.nodes VALUES (10, NULL);
UPDATE t.nodes SET tenant_id = :a WHERE id = 10;
COMMIT;
RESET tenant_guard.bypass;
-- A key that becomes deferrable, or is so no longer, gets other triggers.
RESET client_min_messages;
ALTER TABLE t.later ALTER CONSTRAINT later_node NOT DEFERRABLE;
SELECT tgname FROM pg_trigger WHERE tgrelid = 't.later'::regclass AND NOT tgisinternal ORDER BY tgname;
SELECT count(*) FROM tenant_guard.broken_invariants();
SET client_min_messages = warning;

-- Partitions, on both sides; they have the triggers, and by their own names are checked like the whole.
CREATE TABLE t.boards (id int PRIMARY KEY, tenant_id uuid) PARTITION BY RANGE (id);
SELECT tenant_guard.protect('t.boards', null_rows => 'shared');
CREATE TABLE t.boards1 PARTITION OF t.boards FOR VALUES FROM (1) TO (10);
CREATE TABLE t.cards (id int, tenant_id uuid, board int REFERENCES t.boards) PARTITION BY RANGE (id);
CREATE TABLE t.cards1 PARTITION OF t.cards FOR VALUES FROM (1) TO (10);
CREATE TABLE t.cards2 (board int, extra int, tenant_id uuid, id int);
ALTER TABLE t.cards2 DROP extra;
ALTER TABLE t.cards ATTACH PARTITION t.cards2 FOR VALUES FROM (10) TO (20);
GRANT ALL ON ALL TABLES IN SCHEMA t TO regress_app;
SELECT tgrelid::regclass AS relation, tgname FROM pg_trigger WHERE tgrelid::regclass::text ~ 'boards|cards' AND NOT tgisinternal ORDER BY 1, 2;
SET tenant_guard.bypass = on;
INSERT INTO t.boards VALUES (1, NULL), (2, :a), (3, :b);
RESET tenant_guard.bypass;
SET ROLE regress_app;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
INSERT INTO t.cards (id, board) VALUES (1, 1), (11, 2);
INSERT INTO t.cards2 (id, board) VALUES (12, 1);
SAVEPOINT s;
INSERT INTO t.cards (id, board) VALUES (13, 3);
ROLLBACK TO s;
INSERT INTO t.cards2 (id, board) VALUES (13, 3);
ROLLBACK TO s;
UPDATE t.cards SET board = 3, id = 13 WHERE id = 1;
ROLLBACK TO s;
UPDATE t.cards SET id = 13 WHERE id = 1;
COMMIT;
RESET ROLE;
SET tenant_guard.bypass = on;
UPDATE t.boards SET tenant_id = :b WHERE id = 2;
\echo :LAST_ERROR_SQLSTATE
UPDATE t.boards1 SET tenant_id = :b WHERE id = 1;
\echo :LAST_ERROR_SQLSTATE
RESET tenant_guard.bypass;
-- A partition that is detached gets a trigger of its own, and can be attached again.
ALTER TABLE t.cards DETACH PARTITION t.cards2;
SELECT tgname FROM pg_trigger WHERE tgrelid = 't.cards2'::regclass AND NOT tgisinternal ORDER BY tgname;
SELECT count(*) FROM tenant_guard.broken_invariants();
SET ROLE regress_app;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
INSERT INTO t.cards2 (id, board) VALUES (14, 3);
ROLLBACK;
RESET ROLE;
ALTER TABLE t.cards ATTACH PARTITION t.cards2 FOR VALUES FROM (10) TO (20);
SELECT count(*) FROM tenant_guard.broken_invariants();
-- One whose rows cross tenants is not attached.
SET tenant_guard.auto_protect = off;
CREATE TABLE t.cards3 (id int, tenant_id uuid NOT NULL, board int);
RESET tenant_guard.auto_protect;
INSERT INTO t.cards3 VALUES (21, :a, 3);
ALTER TABLE t.cards ATTACH PARTITION t.cards3 FOR VALUES FROM (20) TO (30);
\echo :LAST_ERROR_SQLSTATE
UPDATE t.cards3 SET board = 2;
ALTER TABLE t.cards ATTACH PARTITION t.cards3 FOR VALUES FROM (20) TO (30);
-- A trigger of a partition alone stays enabled, too.
ALTER TABLE t.cards1 DISABLE TRIGGER "0_tenant_references_cards";
\echo :LAST_ERROR_SQLSTATE
SELECT count(*) FROM tenant_guard.broken_invariants();

-- Tables of two owners: who owns both, or a superuser, adds the triggers; each is read as its owner.
CREATE ROLE regress_other;
GRANT USAGE, CREATE ON SCHEMA t TO regress_other;
GRANT REFERENCES (kind, no) ON t.forms TO regress_other;
ALTER TABLE t.forms OWNER TO regress_owner;
ALTER TABLE t.nodes OWNER TO regress_owner;
GRANT USAGE ON SCHEMA t TO regress_owner;
SELECT count(*) FROM tenant_guard.broken_invariants();
GRANT regress_owner TO CURRENT_USER;
CREATE TABLE t.theirs (id int, tenant_id uuid, kind text, no int);
ALTER TABLE t.theirs OWNER TO regress_other;
ALTER TABLE t.theirs ADD FOREIGN KEY (kind, no) REFERENCES t.forms;
GRANT ALL ON t.theirs TO regress_app;
SET ROLE regress_app;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
INSERT INTO t.theirs (id, kind, no) VALUES (1, 'x', 1), (2, 'x', 2);
INSERT INTO t.theirs (id, kind, no) VALUES (1, 'x', 3);
ROLLBACK;
RESET ROLE;
-- Who owns the referencing table alone does not make such a key, whether the triggers are there or not, and learns of no row of others.
SET tenant_guard.bypass = on;
ALTER TABLE t.theirs DROP CONSTRAINT theirs_kind_no_fkey;
INSERT INTO t.theirs VALUES (1, :a, 'x', 3);
RESET tenant_guard.bypass;
SET ROLE regress_other;
\set VERBOSITY terse
ALTER TABLE t.theirs ADD FOREIGN KEY (kind, no) REFERENCES t.forms;
\echo :LAST_ERROR_SQLSTATE
ALTER TABLE t.theirs ADD FOREIGN KEY (kind, no) REFERENCES t.forms DEFERRABLE;
\echo :LAST_ERROR_SQLSTATE
RESET ROLE;

-- A statement that computes a key's column anew fires no trigger: where a row would reference another tenant's, it is refused. That
-- goes for either end of the key; a change of the type alone is made.
SET client_min_messages = warning;
SET tenant_guard.bypass = on;
CREATE TABLE t.moulds (id int PRIMARY KEY, tenant_id uuid);
SELECT tenant_guard.protect('t.moulds', null_rows => 'shared');
CREATE TABLE t.casts (id int PRIMARY KEY, tenant_id uuid, mould int CONSTRAINT of_mould REFERENCES t.moulds, plain int);
INSERT INTO t.moulds VALUES (1, :a), (2, NULL), (3, :b);
INSERT INTO t.casts VALUES (1, :a, 1), (2, :b, 3);
RESET tenant_guard.bypass;
\set VERBOSITY terse
ALTER TABLE t.casts ALTER COLUMN mould TYPE bigint USING 3;
ALTER TABLE t.moulds ALTER COLUMN id TYPE bigint USING 4 - id;
\set VERBOSITY default
ALTER TABLE t.casts ALTER COLUMN mould TYPE bigint USING CASE mould WHEN 1 THEN 2 ELSE mould END, ALTER COLUMN plain TYPE bigint;
ALTER TABLE t.moulds ALTER COLUMN id TYPE bigint;
-- Where the referenced table is another role's, another tenant's row (3) and none (9) are refused in the same words, also for the rows
-- of a partition that is attached.
CREATE TABLE t.parts (id int, tenant_id uuid, mould int CONSTRAINT of_mould REFERENCES t.moulds) PARTITION BY LIST (id);
ALTER TABLE t.casts OWNER TO regress_other;
ALTER TABLE t.parts OWNER TO regress_other;
GRANT REFERENCES (id) ON t.moulds TO regress_other;
SET ROLE regress_other;
ALTER TABLE t.casts ALTER COLUMN mould TYPE int USING 3;
ALTER TABLE t.casts ALTER COLUMN mould TYPE int USING 9;
ALTER TABLE t.casts ALTER COLUMN mould TYPE int USING 2;
CREATE TABLE t.part (id int, tenant_id uuid NOT NULL, mould int);
BEGIN;
SELECT tenant_guard.set_tenant(:a);
INSERT INTO t.part VALUES (1, DEFAULT, 3);
SAVEPOINT s;
ALTER TABLE t.parts ATTACH PARTITION t.part DEFAULT;
ROLLBACK TO s;
UPDATE t.part SET mould = 9;
ALTER TABLE t.parts ATTACH PARTITION t.part DEFAULT;
ROLLBACK TO s;
UPDATE t.part SET mould = 2;
ALTER TABLE t.parts ATTACH PARTITION t.part DEFAULT;
COMMIT;
RESET ROLE;
-- So is a row that referenced nothing when a key was added NOT VALID, and by now references another tenant's: the key is not validated.
CREATE TABLE t.drafts (id int, tenant_id uuid, mould int);
SET tenant_guard.bypass = on;
INSERT INTO t.drafts VALUES (1, :a, 7);
ALTER TABLE t.drafts ADD CONSTRAINT of_mould FOREIGN KEY (mould) REFERENCES t.moulds NOT VALID;
INSERT INTO t.moulds VALUES (7, :b);
ALTER TABLE t.drafts VALIDATE CONSTRAINT of_mould;
UPDATE t.drafts SET mould = 2;
ALTER TABLE t.drafts VALIDATE CONSTRAINT of_mould;
RESET tenant_guard.bypass;
RESET ROLE;
DROP SCHEMA t CASCADE;
DROP OWNED BY regress_other;
DROP ROLE regress_app, regress_owner, regress_other;
