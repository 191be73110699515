--
-- A key that is made to carry the tenant says all that it said before, and what
-- needs no change is left as it is.
--
\i test/setup/tenants.sql
SET client_min_messages = warning;
CREATE ROLE regress_owner;
CREATE SCHEMA t AUTHORIZATION regress_owner;
SET tenant_guard.foreign_keys = off;
CREATE VIEW t.keys AS
SELECT conrelid::regclass AS child, conname, pg_get_constraintdef(c.oid) AS definition, obj_description(c.oid, 'pg_constraint') AS comment
FROM pg_constraint c JOIN pg_class r ON r.oid = conrelid WHERE contype = 'f' AND relnamespace = 't'::regnamespace AND conparentid = 0
ORDER BY conrelid::regclass::text COLLATE "C", conname COLLATE "C";
CREATE VIEW t.indexes AS
SELECT pg_get_indexdef(indexrelid) AS definition FROM pg_index JOIN pg_class r ON r.oid = indrelid
WHERE relnamespace = 't'::regnamespace AND indnkeyatts > 1 ORDER BY pg_get_indexdef(indexrelid) COLLATE "C";
GRANT SELECT ON t.keys, t.indexes TO regress_owner;
SET ROLE regress_owner;
RESET client_min_messages;

--
-- Actions, deferrability, validity, comments, names.
--
SET client_min_messages = warning;
CREATE TABLE t.parents (id int PRIMARY KEY, tenant_id uuid, code text UNIQUE);
CREATE TABLE t.children (id int, tenant_id uuid, p int, q int, r text,
	CONSTRAINT action_default FOREIGN KEY (p) REFERENCES t.parents,
	CONSTRAINT action_no FOREIGN KEY (p) REFERENCES t.parents ON DELETE NO ACTION ON UPDATE NO ACTION,
	CONSTRAINT action_restrict FOREIGN KEY (p) REFERENCES t.parents ON DELETE RESTRICT ON UPDATE RESTRICT,
	CONSTRAINT action_cascade FOREIGN KEY (p) REFERENCES t.parents ON DELETE CASCADE ON UPDATE CASCADE,
	CONSTRAINT action_null FOREIGN KEY (p) REFERENCES t.parents ON DELETE SET NULL ON UPDATE CASCADE,
	CONSTRAINT action_set_default FOREIGN KEY (p) REFERENCES t.parents ON DELETE SET DEFAULT,
	CONSTRAINT defer_able FOREIGN KEY (p) REFERENCES t.parents DEFERRABLE,
	CONSTRAINT defer_red FOREIGN KEY (p) REFERENCES t.parents DEFERRABLE INITIALLY DEFERRED,
	CONSTRAINT match_full FOREIGN KEY (p) REFERENCES t.parents MATCH FULL,
	CONSTRAINT "Weiß ""nicht""; DROP" FOREIGN KEY (r) REFERENCES t.parents (code));
ALTER TABLE t.children ADD CONSTRAINT not_valid FOREIGN KEY (q) REFERENCES t.parents ON DELETE CASCADE NOT VALID;
COMMENT ON CONSTRAINT action_cascade ON t.children IS 'it''s "said" of \ it; $$';
COMMENT ON CONSTRAINT "Weiß ""nicht""; DROP" ON t.children IS 'odd';
SELECT tenant_guard.pair_foreign_keys('t.children');
SELECT conname, definition, comment FROM t.keys;
SELECT * FROM t.indexes;
RESET client_min_messages;

-- A second call must find nothing to do, for child and parent.
SELECT tenant_guard.pair_foreign_keys('t.children');
SELECT tenant_guard.pair_foreign_keys('t.parents');

-- With validate => false all must become NOT VALID, and a row that crosses may
-- stay; new ones must be refused, and VALIDATE must find the old.
CREATE TABLE t.later (id int, tenant_id uuid, p int CONSTRAINT later_p REFERENCES t.parents);
RESET ROLE;
SET tenant_guard.bypass = on;
INSERT INTO t.parents VALUES (1, :a), (2, :b);
INSERT INTO t.later VALUES (1, :a, 2);
RESET tenant_guard.bypass;
SET ROLE regress_owner;
SELECT tenant_guard.pair_foreign_keys('t.later', validate => false);
SELECT definition FROM t.keys WHERE child = 't.later'::regclass;
BEGIN;
SET LOCAL tenant_guard.tenant_id = :a;
INSERT INTO t.later VALUES (2, DEFAULT, 2);
ROLLBACK;
ALTER TABLE t.later VALIDATE CONSTRAINT later_p;
BEGIN;
SET LOCAL tenant_guard.tenant_id = :a;
DELETE FROM t.later;
ALTER TABLE t.later VALIDATE CONSTRAINT later_p;
COMMIT;
SELECT definition FROM t.keys WHERE child = 't.later'::regclass;

-- A key that was NOT VALID must stay so, rows that cross included.
SET client_min_messages = warning;
CREATE TABLE t.unsure (id int, tenant_id uuid, p int);
RESET ROLE;
SET tenant_guard.bypass = on;
INSERT INTO t.unsure VALUES (1, :a, 2), (2, :a, 77);
RESET tenant_guard.bypass;
SET ROLE regress_owner;
RESET client_min_messages;
ALTER TABLE t.unsure ADD CONSTRAINT unsure_p FOREIGN KEY (p) REFERENCES t.parents NOT VALID;
SELECT tenant_guard.pair_foreign_keys('t.unsure');
SELECT definition FROM t.keys WHERE child = 't.unsure'::regclass;
DROP TABLE t.unsure, t.later, t.children;

-- ON DELETE SET NULL of some columns must be of those, and of no tenant column;
-- columns that were dropped before must not count.
SET client_min_messages = warning;
CREATE TABLE t.wide (gone int, x int, y int, tenant_id uuid, UNIQUE (y, x));
ALTER TABLE t.wide DROP COLUMN gone;
CREATE TABLE t.some (id int, gone text, y int, tenant_id uuid, x int,
	CONSTRAINT k FOREIGN KEY (x, y) REFERENCES t.wide (x, y) ON DELETE SET NULL (y) ON UPDATE RESTRICT);
ALTER TABLE t.some DROP COLUMN gone;
RESET client_min_messages;
SELECT tenant_guard.pair_foreign_keys('t.some');
SELECT definition FROM t.keys WHERE child = 't.some'::regclass;
DROP TABLE t.some, t.wide;

-- Names that need quotes, and names of 63 bytes, must come through.
SET client_min_messages = warning;
CREATE TABLE t."Par ""ents" ("Key" int PRIMARY KEY, tenant_id uuid);
CREATE TABLE t."select" (id int, tenant_id uuid, "from" int CONSTRAINT "where" REFERENCES t."Par ""ents",
	"Xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" int
	CONSTRAINT "Yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy" REFERENCES t."Par ""ents");
RESET client_min_messages;
SELECT tenant_guard.pair_foreign_keys('t."select"');
SELECT conname, definition FROM t.keys;
DROP TABLE t."select", t."Par ""ents";

--
-- The unique index that the parent needs.
--
SET client_min_messages = warning;
CREATE TABLE t.p1 (id int PRIMARY KEY, tenant_id uuid, UNIQUE (id, tenant_id));
CREATE TABLE t.p2 (id int PRIMARY KEY, tenant_id uuid);
CREATE UNIQUE INDEX p2_own ON t.p2 (tenant_id, id) INCLUDE (tenant_id);
CREATE TABLE t.p3 (id int PRIMARY KEY, tenant_id uuid);
CREATE UNIQUE INDEX p3_partial ON t.p3 (tenant_id, id) WHERE id > 0;
CREATE UNIQUE INDEX p3_expression ON t.p3 (tenant_id, (id + 0));
CREATE UNIQUE INDEX p3_more ON t.p3 (tenant_id, id, (1));
CREATE INDEX p3_plain ON t.p3 (tenant_id, id);
ALTER TABLE t.p3 ADD CONSTRAINT p3_deferrable UNIQUE (tenant_id, id) DEFERRABLE;
CREATE TABLE t.p4 (id int, id2 int, tenant_id uuid, PRIMARY KEY (id, id2), UNIQUE (id2, tenant_id, id));
CREATE TABLE t.c (id int, tenant_id uuid, f1 int REFERENCES t.p1, f2 int REFERENCES t.p2, f3 int REFERENCES t.p3, f3b int REFERENCES t.p3,
	f4 int, f5 int, FOREIGN KEY (f4, f5) REFERENCES t.p4);
RESET client_min_messages;

-- An index that serves must be used, in whatever order its columns stand; one
-- must be made where there is none, once for all keys, and not where it is
-- partial, over an expression, deferrable, or on other columns.
SELECT tenant_guard.pair_foreign_keys('t.c');
SELECT * FROM t.indexes;
SELECT definition FROM t.keys;
DROP TABLE t.c;

-- One that CREATE INDEX CONCURRENTLY has left invalid must not do, and one that
-- it has made must.
SET client_min_messages = warning;
RESET ROLE;
CREATE TABLE t.p5 (id int PRIMARY KEY, tenant_id uuid);
CREATE TABLE t.c5 (id int, tenant_id uuid, f int REFERENCES t.p5);
CREATE UNIQUE INDEX CONCURRENTLY p5_made ON t.p5 (tenant_id, id);
RESET client_min_messages;
BEGIN;
UPDATE pg_index SET indisvalid = false WHERE indexrelid = 't.p5_made'::regclass;
SELECT tenant_guard.pair_foreign_keys('t.c5');
ROLLBACK;
SELECT tenant_guard.pair_foreign_keys('t.c5');
SELECT * FROM t.indexes WHERE definition LIKE '%p5%';
DROP TABLE t.c5, t.p5;
SET ROLE regress_owner;

--
-- What is left alone.
--
SET client_min_messages = warning;
CREATE TABLE t.tenants (tenant_id uuid PRIMARY KEY);
CREATE TABLE t.carries (id int PRIMARY KEY, tenant_id uuid REFERENCES t.tenants, p int, q int,
	CONSTRAINT tenant_first FOREIGN KEY (tenant_id, p) REFERENCES t.p1 (tenant_id, id),
	CONSTRAINT tenant_last FOREIGN KEY (q, tenant_id) REFERENCES t.p1 (id, tenant_id) ON DELETE CASCADE);
CREATE TABLE t.countries (id int PRIMARY KEY);
CREATE TABLE t.rates (id int PRIMARY KEY, tenant_id uuid);
CREATE TABLE t.rests (id int PRIMARY KEY, tenant_id uuid);
SELECT tenant_guard.unprotect('t.rates');
SELECT tenant_guard.share('t.rates');
SELECT tenant_guard.unprotect('t.rests');
CREATE TABLE t.concerned (id int, tenant_id uuid, country int REFERENCES t.countries, rate int REFERENCES t.rates, rest int REFERENCES t.rests);
CREATE TABLE t.no_tenant (id int, p int REFERENCES t.p1);
RESET client_min_messages;
CREATE TABLE t.before AS SELECT oid, conname, conkey, confkey FROM pg_constraint WHERE conrelid IN ('t.carries'::regclass, 't.concerned'::regclass, 't.no_tenant'::regclass);

-- Keys that carry the tenant, the key of the tenant column itself to the table
-- of tenants, and keys to or from shared and unguarded tables must stay.
SELECT tenant_guard.pair_foreign_keys('t.carries');
SELECT tenant_guard.pair_foreign_keys('t.concerned');
SELECT tenant_guard.pair_foreign_keys('t.p1');
SELECT tenant_guard.pair_foreign_keys('t.tenants');
SELECT count(*) FROM t.before JOIN pg_constraint USING (oid, conname, conkey, confkey) WHERE contype = 'f';
SELECT conname FROM pg_constraint WHERE conrelid IN ('t.carries'::regclass, 't.concerned'::regclass, 't.no_tenant'::regclass)
AND NOT EXISTS (SELECT FROM t.before WHERE before.oid = pg_constraint.oid);
SELECT child, definition FROM t.keys;

-- A column that references a tenant, and is not the row's own, must be said.
CREATE TABLE t.shares (id int, tenant_id uuid, with_tenant uuid CONSTRAINT named REFERENCES t.tenants);
SELECT tenant_guard.pair_foreign_keys('t.shares');

-- Tables that are not guarded must be refused, and so must what is none.
CREATE VIEW t.mine AS SELECT 1 AS one;
SELECT tenant_guard.pair_foreign_keys('t.countries');
SELECT tenant_guard.pair_foreign_keys('t.rates');
SELECT tenant_guard.pair_foreign_keys('t.mine');
SELECT tenant_guard.pair_foreign_keys('t.p1_pkey');
SELECT tenant_guard.pair_foreign_keys(NULL);
SELECT tenant_guard.pair_foreign_keys(0);
SELECT tenant_guard.pair_foreign_keys('pg_class');
RESET ROLE;

SET client_min_messages = warning;
DROP SCHEMA t CASCADE;
DROP ROLE regress_owner;
