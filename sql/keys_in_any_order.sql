--
-- tenant_guard.foreign_keys says what becomes of a key between guarded tables
-- that does not carry the tenant, in whatever order tables, columns and keys
-- are made.
--
\i test/setup/tenants.sql
CREATE ROLE regress_owner;
CREATE ROLE regress_other;
CREATE SCHEMA t AUTHORIZATION regress_owner;
CREATE VIEW t.keys AS
SELECT conrelid::regclass AS child, conname, pg_get_constraintdef(c.oid) AS definition
FROM pg_constraint c JOIN pg_class r ON r.oid = conrelid WHERE contype = 'f' AND relnamespace = 't'::regnamespace AND conparentid = 0
ORDER BY conrelid::regclass::text COLLATE "C", conname COLLATE "C";
GRANT SELECT ON t.keys TO regress_owner;

-- The setting must be a superuser's, and one of four words.
SHOW tenant_guard.foreign_keys;
SET ROLE regress_owner;
SET tenant_guard.foreign_keys = off;
SELECT set_config('tenant_guard.foreign_keys', 'off', true);
RESET ROLE;
SET tenant_guard.foreign_keys = sometimes;
SET tenant_guard.foreign_keys = '';

--
-- pair: the key is made to carry the tenant, by the statement that brings it.
--
SET ROLE regress_owner;
CREATE TABLE t.parents (id int PRIMARY KEY, tenant_id uuid);
CREATE TABLE t.by_create (id int, tenant_id uuid, p int REFERENCES t.parents);
CREATE TABLE t.by_alter (id int, tenant_id uuid, p int);
ALTER TABLE t.by_alter ADD CONSTRAINT added FOREIGN KEY (p) REFERENCES t.parents;
ALTER TABLE t.by_alter ADD COLUMN q int REFERENCES t.parents ON DELETE CASCADE;
ALTER TABLE t.by_alter ADD COLUMN r int, ADD FOREIGN KEY (r) REFERENCES t.parents NOT VALID;

-- By a column that gets the name later, of the child and of the parent.
CREATE TABLE t.by_rename (id int PRIMARY KEY, tenant uuid NOT NULL, p int REFERENCES t.parents, up int REFERENCES t.by_rename);
ALTER TABLE t.by_rename RENAME COLUMN tenant TO tenant_id;
CREATE TABLE t.late_parents (id int PRIMARY KEY, tenant uuid);
CREATE TABLE t.early_children (id int, tenant_id uuid, p int REFERENCES t.late_parents);
ALTER TABLE t.late_parents RENAME COLUMN tenant TO tenant_id;
SELECT * FROM t.keys;
SET client_min_messages = warning;
DROP TABLE t.by_create, t.by_alter, t.by_rename, t.early_children, t.late_parents;
RESET client_min_messages;

-- A key that is written with the tenant must be left as it is written.
CREATE TABLE t.written (id int, tenant_id uuid, p int, FOREIGN KEY (tenant_id, p) REFERENCES t.parents (tenant_id, id));
DROP TABLE t.written;

-- By a schema's elements in one statement, and by tables that reference each
-- other.
RESET ROLE;
CREATE SCHEMA u
	CREATE TABLE upper (id int PRIMARY KEY, tenant_id uuid)
	CREATE TABLE lower (id int, tenant_id uuid, p int REFERENCES upper);
SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'u.lower'::regclass AND contype = 'f';
SET client_min_messages = warning;
DROP SCHEMA u CASCADE;
RESET client_min_messages;
SET ROLE regress_owner;
CREATE TABLE t.hens (id int PRIMARY KEY, tenant_id uuid, egg int);
CREATE TABLE t.eggs (id int PRIMARY KEY, tenant_id uuid, hen int REFERENCES t.hens);
ALTER TABLE t.hens ADD FOREIGN KEY (egg) REFERENCES t.eggs DEFERRABLE INITIALLY DEFERRED;
SELECT * FROM t.keys;
DROP TABLE t.hens, t.eggs CASCADE;

-- By partitions: made, attached and detached.
SET client_min_messages = warning;
CREATE TABLE t.whole (id int, tenant_id uuid, p int REFERENCES t.parents) PARTITION BY RANGE (id);
CREATE TABLE t.part_1 PARTITION OF t.whole FOR VALUES FROM (1) TO (10);
CREATE TABLE t.part_2 (id int, tenant_id uuid, p int REFERENCES t.parents);
CREATE TABLE t.part_3 (id int, tenant_id uuid, p int);
ALTER TABLE t.whole ATTACH PARTITION t.part_2 FOR VALUES FROM (10) TO (20);
ALTER TABLE t.whole ATTACH PARTITION t.part_3 FOR VALUES FROM (20) TO (30);
ALTER TABLE t.whole DETACH PARTITION t.part_1;
SELECT child, definition FROM t.keys;
DROP TABLE t.whole, t.part_1;

-- A partition that is detached keeps its share of a key that was left open on purpose: no row references more than before.
RESET ROLE;
SET tenant_guard.foreign_keys = off;
SET ROLE regress_owner;
CREATE TABLE t.whole (id int, tenant_id uuid, p int REFERENCES t.parents) PARTITION BY RANGE (id);
RESET ROLE;
RESET tenant_guard.foreign_keys;
SET ROLE regress_owner;
CREATE TABLE t.part_1 PARTITION OF t.whole FOR VALUES FROM (1) TO (10);
ALTER TABLE t.whole DETACH PARTITION t.part_1;
SELECT child, definition FROM t.keys;
DROP TABLE t.whole, t.part_1;
RESET client_min_messages;

-- By DDL inside a function, and inside DO.
DO $$ BEGIN
	CREATE TABLE t.by_do (id int, tenant_id uuid, p int REFERENCES t.parents);
END $$;
SELECT definition FROM t.keys;
DROP TABLE t.by_do;

-- By a column that is added to tables with rows, still null: rows of no tenant
-- reference nothing yet, and must be held to the key when they are filled.
SET client_min_messages = warning;
CREATE TABLE t.old_parents (id int PRIMARY KEY);
CREATE TABLE t.old_children (id int, p int CONSTRAINT old REFERENCES t.old_parents);
INSERT INTO t.old_parents VALUES (1), (2);
INSERT INTO t.old_children VALUES (1, 1), (2, 2);
RESET client_min_messages;
ALTER TABLE t.old_children ADD COLUMN tenant_id uuid;
ALTER TABLE t.old_parents ADD COLUMN tenant_id uuid;
SELECT definition FROM t.keys;
RESET ROLE;
SET tenant_guard.bypass = on;
\set VERBOSITY sqlstate
UPDATE t.old_children SET tenant_id = :a;
UPDATE t.old_parents SET tenant_id = CASE id WHEN 1 THEN :a::uuid ELSE :b END;
UPDATE t.old_children SET tenant_id = :a;
\set VERBOSITY default
UPDATE t.old_children SET tenant_id = CASE id WHEN 1 THEN :a::uuid ELSE :b END;
RESET tenant_guard.bypass;

-- Where the children have theirs already, the key must be NOT VALID until the
-- parents have one too, and must still find those that cross.
SET ROLE regress_owner;
SET client_min_messages = warning;
DROP TABLE t.old_children, t.old_parents;
CREATE TABLE t.old_parents (id int PRIMARY KEY);
CREATE TABLE t.old_children (id int, tenant_id uuid, p int CONSTRAINT old REFERENCES t.old_parents);
RESET ROLE;
SET tenant_guard.bypass = on;
INSERT INTO t.old_parents VALUES (1), (2);
INSERT INTO t.old_children VALUES (1, :a, 1), (2, :b, 2);
RESET tenant_guard.bypass;
SET ROLE regress_owner;
RESET client_min_messages;
ALTER TABLE t.old_parents ADD COLUMN tenant_id uuid;
SELECT definition FROM t.keys;
ALTER TABLE t.old_children VALIDATE CONSTRAINT old;
BEGIN;
SET LOCAL tenant_guard.tenant_id = :a;
INSERT INTO t.old_children VALUES (3, DEFAULT, 1);
ROLLBACK;
RESET ROLE;
SET tenant_guard.bypass = on;
UPDATE t.old_parents SET tenant_id = :a;
RESET tenant_guard.bypass;
SET ROLE regress_owner;
ALTER TABLE t.old_children VALIDATE CONSTRAINT old;
RESET ROLE;
SET tenant_guard.bypass = on;
UPDATE t.old_parents SET tenant_id = :b WHERE id = 2;
RESET tenant_guard.bypass;
SET ROLE regress_owner;
ALTER TABLE t.old_children VALIDATE CONSTRAINT old;
SELECT definition FROM t.keys;
DROP TABLE t.old_children, t.old_parents;

-- A table that is guarded by protect, or by protect_schema, with keys from and to it.
RESET ROLE;
SET tenant_guard.auto_protect = off;
SET ROLE regress_owner;
CREATE TABLE t.p (id int PRIMARY KEY, tenant_id uuid);
CREATE TABLE t.m (id int PRIMARY KEY, tenant_id uuid, p int REFERENCES t.p, up int REFERENCES t.m);
CREATE TABLE t.c (id int, tenant_id uuid, m int REFERENCES t.m, p int REFERENCES t.p);
SELECT tenant_guard.protect('t.c');
SELECT tenant_guard.protect('t.m');
SELECT tenant_guard.protect('t.p');
SELECT * FROM t.keys;
SET client_min_messages = warning;
DROP TABLE t.c, t.m, t.p, t.parents;
CREATE TABLE t.p (id int PRIMARY KEY, tenant_id uuid);
CREATE TABLE t.m (id int PRIMARY KEY, tenant_id uuid, p int REFERENCES t.p, up int REFERENCES t.m);
CREATE TABLE t.c (id int, tenant_id uuid, m int REFERENCES t.m, p int REFERENCES t.p);
CREATE TABLE t.z (id int, tenant_id uuid, p int CONSTRAINT crossing REFERENCES t.p);
ALTER TABLE t.p ADD COLUMN m int REFERENCES t.m;
INSERT INTO t.p VALUES (1, :a);
INSERT INTO t.z VALUES (1, :b, 1);
RESET client_min_messages;
SELECT * FROM tenant_guard.protect_schema('t') ORDER BY relation::text COLLATE "C";
SELECT * FROM t.keys;
RESET ROLE;
SET tenant_guard.bypass = on;
UPDATE t.z SET tenant_id = :a;
RESET tenant_guard.bypass;
SET ROLE regress_owner;
SELECT relation, status, detail FROM tenant_guard.protect_schema('t') WHERE relation = 't.z'::regclass;
SELECT * FROM t.keys WHERE child = 't.z'::regclass;

-- Where a key cannot be paired the statement must fail whole.
RESET ROLE;
RESET tenant_guard.auto_protect;
SET ROLE regress_owner;
CREATE TABLE t.fails (id int, tenant_id uuid, p int REFERENCES t.p ON UPDATE SET NULL);
SELECT to_regclass('t.fails');
ALTER TABLE t.c ADD COLUMN fails int REFERENCES t.p ON UPDATE SET NULL;
SELECT count(*) FROM pg_attribute WHERE attrelid = 't.c'::regclass AND attname = 'fails';

-- With row_security = off a key between guarded tables must be paired all the
-- same: in the script of a dump no table is guarded yet when its keys come.
SET row_security = off;
ALTER TABLE t.c ADD CONSTRAINT restored FOREIGN KEY (p) REFERENCES t.p;
RESET row_security;
SELECT definition FROM t.keys WHERE conname = 'restored';

--
-- warning: the key is left, and named.
--
RESET ROLE;
SET tenant_guard.foreign_keys = warning;
SET ROLE regress_owner;
CREATE TABLE t.warned (id int, tenant_id uuid, p int CONSTRAINT warned_p REFERENCES t.p ON DELETE CASCADE);
ALTER TABLE t.warned ADD COLUMN q int CONSTRAINT warned_q REFERENCES t.p;
SELECT tenant_guard.protect('t.warned');
SELECT definition FROM t.keys WHERE child = 't.warned'::regclass;
CREATE TABLE t.carries (id int, tenant_id uuid, p int, FOREIGN KEY (tenant_id, p) REFERENCES t.p (tenant_id, id));

-- pair_foreign_keys must do what its hint says, whatever the setting.
SELECT tenant_guard.pair_foreign_keys('t.warned');

-- A key that says by another column whose row it references cannot be paired,
-- and must be named here too.
CREATE TABLE t.names (id int, tenant_id uuid, other uuid, p int);
ALTER TABLE t.names ADD CONSTRAINT names_p FOREIGN KEY (other, p) REFERENCES t.p (tenant_id, id);
DROP TABLE t.warned, t.carries, t.names;

--
-- error: the statement is refused.
--
RESET ROLE;
SET tenant_guard.foreign_keys = error;
SET ROLE regress_owner;
CREATE TABLE t.refused (id int, tenant_id uuid, p int REFERENCES t.p);
ALTER TABLE t.c ADD FOREIGN KEY (p) REFERENCES t.p ON DELETE CASCADE;
ALTER TABLE t.c ADD COLUMN q int REFERENCES t.p;
CREATE TABLE t.later_refused (id int, tenant uuid, p int REFERENCES t.p);
ALTER TABLE t.later_refused RENAME COLUMN tenant TO tenant_id;
SELECT to_regclass('t.refused');

-- Written with the tenant it must be taken, and so must keys that are not
-- concerned.
CREATE TABLE t.taken (id int, tenant_id uuid, p int, FOREIGN KEY (tenant_id, p) REFERENCES t.p (tenant_id, id));
CREATE TABLE t.plain (id int PRIMARY KEY);
ALTER TABLE t.taken ADD COLUMN plain int REFERENCES t.plain;
SELECT tenant_guard.protect('t.later_refused', 'tenant');

-- One that says by another column whose row it references must be refused.
CREATE TABLE t.names (id int, tenant_id uuid, other uuid, p int);
ALTER TABLE t.names ADD CONSTRAINT names_p FOREIGN KEY (other, p) REFERENCES t.p (tenant_id, id);
DROP TABLE t.names;

-- The statement of its hint must work.
ALTER TABLE t.c DROP CONSTRAINT c_p_fkey, ADD CONSTRAINT c_p_fkey FOREIGN KEY (tenant_id, p) REFERENCES t.p (tenant_id, id);
DROP TABLE t.taken, t.later_refused, t.plain;

--
-- off: nothing is said.
--
RESET ROLE;
SET tenant_guard.foreign_keys = off;
SET ROLE regress_owner;
CREATE TABLE t.unsaid (id int, tenant_id uuid, p int REFERENCES t.p);
ALTER TABLE t.unsaid ADD COLUMN q int REFERENCES t.p;
SELECT tenant_guard.protect('t.unsaid');
SELECT definition FROM t.keys WHERE child = 't.unsaid'::regclass;
RESET ROLE;
RESET tenant_guard.foreign_keys;

-- A guard that is mended by NOT NULL must find the key that came while it was damaged.
SET ROLE regress_owner;
CREATE TABLE t.mended (id int PRIMARY KEY, tenant_id uuid);
CREATE TABLE t.to_mended (id int, tenant_id uuid);
RESET ROLE;
SET tenant_guard.bypass = on;
ALTER TABLE t.mended ALTER COLUMN tenant_id DROP NOT NULL;
RESET tenant_guard.bypass;
SET ROLE regress_owner;
ALTER TABLE t.to_mended ADD COLUMN m int REFERENCES t.mended;
ALTER TABLE t.mended ALTER COLUMN tenant_id SET NOT NULL;
SELECT definition FROM t.keys WHERE child = 't.to_mended'::regclass;
RESET ROLE;

-- A key of another's table to one's own must refuse the guard of one's own.
SET ROLE regress_owner;
CREATE TABLE t.open (id int PRIMARY KEY, tenant uuid NOT NULL);
GRANT REFERENCES ON t.open TO regress_other;
GRANT ALL ON SCHEMA t TO regress_other;
SET ROLE regress_other;
CREATE TABLE t.of_other (id int, tenant_id uuid, o int REFERENCES t.open);
SET ROLE regress_owner;
ALTER TABLE t.open RENAME COLUMN tenant TO tenant_id;
RESET ROLE;
ALTER TABLE t.open RENAME COLUMN tenant TO tenant_id;
SELECT definition FROM t.keys WHERE child = 't.of_other'::regclass;

-- The notices of a table that becomes guarded must name the tables that reference it in the order in which these were made.
SET ROLE regress_owner;
CREATE TABLE t.by_two (a int UNIQUE, b int UNIQUE, org uuid NOT NULL);
CREATE TABLE t.made_first (tenant_id uuid, b int REFERENCES t.by_two (b));
CREATE TABLE t.made_second (tenant_id uuid, a int REFERENCES t.by_two (a));
ALTER TABLE t.by_two RENAME COLUMN org TO tenant_id;
RESET ROLE;

SET client_min_messages = warning;
DROP SCHEMA t CASCADE;
DROP ROLE regress_owner, regress_other;
