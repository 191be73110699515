--
-- Django and Rails look a foreign key up by its columns when they drop or
-- redirect it: a key that has a name of theirs stays as it is, and another
-- beside it carries the tenant.
--
\i test/setup/owner_and_app.sql
SET client_min_messages = warning;
CREATE VIEW t.keys AS
SELECT conrelid::regclass AS relation, conname, pg_get_constraintdef(oid) AS key FROM pg_constraint
WHERE connamespace = 't'::regnamespace AND contype = 'f' AND conparentid = 0
ORDER BY conrelid::regclass::text COLLATE "C", conname;
GRANT SELECT ON t.keys TO PUBLIC;
SET ROLE regress_owner;
CREATE TABLE t.shop_order (id int PRIMARY KEY, tenant_id uuid);
CREATE TABLE t.shop_cart (id int PRIMARY KEY, tenant_id uuid);
CREATE TABLE t.shop_line (id int PRIMARY KEY, tenant_id uuid);
RESET client_min_messages;

-- A key as Django adds it must keep its columns, and get a companion.
ALTER TABLE t.shop_line ADD COLUMN order_id int
	CONSTRAINT shop_line_order_id_1a2b3c4d_fk_shop_order_id REFERENCES t.shop_order DEFERRABLE INITIALLY DEFERRED;
SELECT * FROM t.keys;

-- The index that it needs must not be dropped by a tool that does not know it, and no CASCADE must be advised; but an index that no key
-- needs must go, and with CASCADE the keys are made again.
DROP INDEX t.shop_order_tenant_id_id_idx;
DROP INDEX IF EXISTS t.no_such_index, t.shop_order_tenant_id_id_idx RESTRICT;
CREATE UNIQUE INDEX another ON t.shop_cart (tenant_id, id);
DROP INDEX t.another;
BEGIN;
DROP INDEX t.shop_order_tenant_id_id_idx CASCADE;
SELECT * FROM t.keys;
ROLLBACK;
-- Nor must others learn more than that it is not theirs.
SET ROLE regress_app;
DROP INDEX t.shop_order_tenant_id_id_idx;
SET ROLE regress_owner;

-- It must stay what it is when all are paired again.
SELECT tenant_guard.pair_foreign_keys('t.shop_line');
GRANT ALL ON ALL TABLES IN SCHEMA t TO regress_app;
RESET ROLE;
SET tenant_guard.bypass = on;
INSERT INTO t.shop_order VALUES (1, :a), (2, :b);
RESET tenant_guard.bypass;

-- Another tenant's row and none must be refused in the same words.
SET ROLE regress_app;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
INSERT INTO t.shop_line VALUES (1, DEFAULT, 2);
SET CONSTRAINTS ALL IMMEDIATE;
ROLLBACK;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
INSERT INTO t.shop_line VALUES (1, DEFAULT, 99);
SET CONSTRAINTS ALL IMMEDIATE;
ROLLBACK;

-- Also where a check is asked for by the name of the key alone.
BEGIN;
SELECT tenant_guard.set_tenant(:a);
INSERT INTO t.shop_line VALUES (1, DEFAULT, 2);
SET CONSTRAINTS t.shop_line_order_id_1a2b3c4d_fk_shop_order_id IMMEDIATE;
ROLLBACK;

-- Nor may the companion wait alone, nor one of its name in a schema that comes
-- before it be taken for it: 2 and 99 must fail in the same words.
BEGIN;
SELECT tenant_guard.set_tenant(:a);
SET CONSTRAINTS ALL IMMEDIATE;
SET CONSTRAINTS t.shop_line_order_id_1a2b3c4d_and_tenant DEFERRED;
INSERT INTO t.shop_line VALUES (1, DEFAULT, 2), (2, DEFAULT, 99);
SET CONSTRAINTS ALL IMMEDIATE;
ROLLBACK;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
SET LOCAL search_path = t;
CREATE TEMPORARY TABLE decoy (id int PRIMARY KEY, other int
	CONSTRAINT shop_line_order_id_1a2b3c4d_and_tenant REFERENCES decoy DEFERRABLE) ON COMMIT DROP;
SET CONSTRAINTS shop_line_order_id_1a2b3c4d_fk_shop_order_id IMMEDIATE;
INSERT INTO t.shop_line VALUES (1, DEFAULT, 2);
ROLLBACK;

-- A key of that name that has no companion must be set as ever.
RESET ROLE;
SET client_min_messages = warning;
CREATE SCHEMA t2;
CREATE TABLE t2.shop_line (id int PRIMARY KEY, order_id int
	CONSTRAINT shop_line_order_id_1a2b3c4d_fk_shop_order_id REFERENCES t2.shop_line DEFERRABLE INITIALLY DEFERRED);
BEGIN;
SET LOCAL search_path = t2;
SET CONSTRAINTS shop_line_order_id_1a2b3c4d_fk_shop_order_id IMMEDIATE;
COMMIT;
DROP SCHEMA t2 CASCADE;
RESET client_min_messages;
SET ROLE regress_app;

-- One's own must be taken.
BEGIN;
SELECT tenant_guard.set_tenant(:a);
INSERT INTO t.shop_line VALUES (1, DEFAULT, 1);
COMMIT;
RESET ROLE;

-- A key that is dropped, as Django does it to redirect it, must take its
-- companion along; with checks that are still to come, too.
SET ROLE regress_owner;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
UPDATE t.shop_line SET order_id = NULL;
INSERT INTO t.shop_line VALUES (2, DEFAULT, 1);
SET CONSTRAINTS t.shop_line_order_id_1a2b3c4d_fk_shop_order_id IMMEDIATE;
ALTER TABLE t.shop_line DROP CONSTRAINT shop_line_order_id_1a2b3c4d_fk_shop_order_id;
DELETE FROM t.shop_line;
SELECT * FROM t.keys;
ALTER TABLE t.shop_line ADD CONSTRAINT shop_line_order_id_5e6f7a8b_fk_shop_cart_id
	FOREIGN KEY (order_id) REFERENCES t.shop_cart DEFERRABLE INITIALLY DEFERRED;
SELECT * FROM t.keys;
COMMIT;

-- A companion that is dropped must take its key with it: Rails looks for a key to
-- the other table and finds the companion.
BEGIN;
ALTER TABLE t.shop_line DROP CONSTRAINT shop_line_order_id_5e6f7a8b_and_tenant;
SELECT * FROM t.keys;
ROLLBACK;
BEGIN;
ALTER TABLE t.shop_line DROP CONSTRAINT IF EXISTS shop_line_order_id_5e6f7a8b_and_tenant CASCADE, ALTER id SET DEFAULT 0;
SELECT * FROM t.keys;
ROLLBACK;
-- A key that the same statement drops and makes must stay, and get a companion; and one whose companion it makes again.
BEGIN;
ALTER TABLE t.shop_line DROP CONSTRAINT shop_line_order_id_5e6f7a8b_and_tenant,
	DROP CONSTRAINT shop_line_order_id_5e6f7a8b_fk_shop_cart_id,
	ADD CONSTRAINT shop_line_order_id_5e6f7a8b_fk_shop_cart_id FOREIGN KEY (order_id) REFERENCES t.shop_cart ON DELETE CASCADE;
SELECT * FROM t.keys;
ROLLBACK;
BEGIN;
ALTER TABLE t.shop_line DROP CONSTRAINT shop_line_order_id_5e6f7a8b_and_tenant,
	ADD CONSTRAINT shop_line_order_id_5e6f7a8b_and_tenant FOREIGN KEY (tenant_id, order_id) REFERENCES t.shop_cart (tenant_id, id)
	DEFERRABLE INITIALLY DEFERRED;
SELECT * FROM t.keys;
ROLLBACK;
-- A key of other columns must stay when a key that only has such a name is dropped.
BEGIN;
ALTER TABLE t.shop_line ADD CONSTRAINT shop_line_id_12345678_and_tenant FOREIGN KEY (tenant_id, order_id) REFERENCES t.shop_order (tenant_id, id),
	ADD CONSTRAINT shop_line_id_12345678_fk FOREIGN KEY (tenant_id, order_id) REFERENCES t.shop_cart (tenant_id, id);
ALTER TABLE t.shop_line DROP CONSTRAINT shop_line_id_12345678_and_tenant;
SELECT * FROM t.keys;
ROLLBACK;
-- With the settings error and warning it must be the same; with off nothing is done for the key.
RESET ROLE;
SET tenant_guard.foreign_keys = error;
BEGIN;
ALTER TABLE t.shop_line DROP CONSTRAINT shop_line_order_id_5e6f7a8b_and_tenant;
SELECT * FROM t.keys;
ROLLBACK;
SET tenant_guard.foreign_keys = off;
BEGIN;
ALTER TABLE t.shop_line DROP CONSTRAINT shop_line_order_id_5e6f7a8b_and_tenant;
SELECT * FROM t.keys;
ROLLBACK;
RESET tenant_guard.foreign_keys;
SET ROLE regress_owner;

-- A companion that would be checked later than its key must be made anew, be it
-- that one of them is altered or renamed,
ALTER TABLE t.shop_line ALTER CONSTRAINT shop_line_order_id_5e6f7a8b_fk_shop_cart_id NOT DEFERRABLE;
SELECT * FROM t.keys;
ALTER TABLE t.shop_line ALTER CONSTRAINT shop_line_order_id_5e6f7a8b_and_tenant DEFERRABLE INITIALLY DEFERRED;
SELECT * FROM t.keys;
ALTER TABLE t.shop_line RENAME CONSTRAINT shop_line_order_id_5e6f7a8b_and_tenant TO by_another_name;
SELECT * FROM t.keys;
ALTER TABLE t.shop_line DROP CONSTRAINT by_another_name;
BEGIN;
ALTER TABLE t.shop_line RENAME CONSTRAINT shop_line_order_id_5e6f7a8b_fk_shop_cart_id TO no_frameworks_name;
SELECT * FROM t.keys;
ROLLBACK;

-- or that it may be deferred where the key may not, or is where the key is not, as a statement that no event trigger sees leaves it,
RESET ROLE;
BEGIN;
UPDATE pg_constraint SET condeferrable = true WHERE conname = 'shop_line_order_id_5e6f7a8b_and_tenant' AND conrelid = 't.shop_line'::regclass;
SELECT invariant, foreign_key FROM tenant_guard.broken_invariants('t.shop_line');
UPDATE pg_constraint SET condeferrable = true WHERE conname = 'shop_line_order_id_5e6f7a8b_fk_shop_cart_id' AND conrelid = 't.shop_line'::regclass;
SELECT invariant, foreign_key FROM tenant_guard.broken_invariants('t.shop_line');
UPDATE pg_constraint SET condeferred = true WHERE conname = 'shop_line_order_id_5e6f7a8b_and_tenant' AND conrelid = 't.shop_line'::regclass;
SELECT invariant, foreign_key FROM tenant_guard.broken_invariants('t.shop_line');
ROLLBACK;

-- or that its triggers come later in the order of their names.
SET allow_system_table_mods = on;
UPDATE pg_trigger SET tgname = 'RI_ConstraintTrigger_c_x' || tgtype FROM pg_constraint c
WHERE c.oid = tgconstraint AND conname = 'shop_line_order_id_5e6f7a8b_and_tenant' AND tgrelid = 't.shop_line'::regclass;
RESET allow_system_table_mods;
SET ROLE regress_owner;
SELECT tenant_guard.pair_foreign_keys('t.shop_line');
BEGIN;
SELECT tenant_guard.set_tenant(:a);
INSERT INTO t.shop_line VALUES (3, DEFAULT, 99);
ROLLBACK;

-- So it is when the owner renames one, of INSERT or of UPDATE.
CREATE FUNCTION t.put_first(checks text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	trigger name;
BEGIN
	SELECT tgname INTO trigger FROM pg_trigger t JOIN pg_constraint c ON c.oid = tgconstraint
	WHERE conname = 'shop_line_order_id_5e6f7a8b_fk_shop_cart_id' AND tgrelid = 't.shop_line'::regclass AND tgfoid::regproc::text = quote_ident(checks);
	EXECUTE format('ALTER TRIGGER %I ON t.shop_line RENAME TO "FIRST"', trigger);
END $$;
SELECT t.put_first('RI_FKey_check_ins');
SELECT t.put_first('RI_FKey_check_upd');
RESET ROLE;
SELECT count(*) FROM tenant_guard.broken_invariants('t.shop_line');

-- So it is when a column gets another type, for which both keys are made anew, in the order in which they are found. (Here
-- that order is turned round: what depends on the column is found in the order in which it was stored.)
WITH moved AS (
	DELETE FROM pg_depend d USING pg_constraint c
	WHERE d.classid = 'pg_constraint'::regclass AND d.objid = c.oid AND c.conname = 'shop_line_order_id_5e6f7a8b_and_tenant'
		  AND d.refobjid = 't.shop_line'::regclass
	RETURNING d.*)
INSERT INTO pg_depend SELECT * FROM moved;
SET ROLE regress_owner;
SET client_min_messages = warning;
ALTER TABLE t.shop_line ALTER order_id TYPE bigint;
RESET client_min_messages;
RESET ROLE;
SELECT count(*) FROM tenant_guard.broken_invariants('t.shop_line');
SET ROLE regress_owner;

-- With the column both must go.
ALTER TABLE t.shop_line DROP COLUMN order_id;
SELECT * FROM t.keys;

-- Rails: the same, with what is said of the key.
CREATE TABLE t.children (id int PRIMARY KEY, tenant_id uuid,
	order_id int CONSTRAINT fk_rails_0123456789 REFERENCES t.shop_order ON DELETE SET NULL,
	cart_id int CONSTRAINT fk_rails_abcdef0123 REFERENCES t.shop_cart ON DELETE CASCADE);
SELECT * FROM t.keys;
BEGIN;
ALTER TABLE t.children DROP CONSTRAINT fk_and_tenant_0123456789;
SELECT * FROM t.keys;
ROLLBACK;
ALTER TABLE t.children DROP CONSTRAINT fk_rails_0123456789;
SELECT * FROM t.keys;

-- With the table that they reference both must go.
SET client_min_messages = warning;
DROP TABLE t.shop_cart CASCADE;
RESET client_min_messages;
SELECT * FROM t.keys;

-- Names that are only like theirs are no frameworks': these keys must carry the
-- tenant themselves, and one dropped must leave alone what stands beside it.
CREATE TABLE t.other (id int PRIMARY KEY, tenant_id uuid,
	a int CONSTRAINT other_fk REFERENCES t.shop_order,
	b int CONSTRAINT fk_rails_0123 REFERENCES t.shop_order,
	c int CONSTRAINT "other_c_1A2B3C4D_fk" REFERENCES t.shop_order,
	d int CONSTRAINT x_1a2b3c4d_fkey REFERENCES t.shop_order);
ALTER TABLE t.other DROP CONSTRAINT other_fk;
SELECT * FROM t.keys;

-- A key that the user has written with the tenant must stay when another beside
-- it is dropped.
ALTER TABLE t.other ADD CONSTRAINT by_hand FOREIGN KEY (tenant_id, a) REFERENCES t.shop_order (tenant_id, id);
ALTER TABLE t.other ADD CONSTRAINT other_a_1a2b3c4d_fk_shop_order_id FOREIGN KEY (a) REFERENCES t.shop_order;
ALTER TABLE t.other DROP CONSTRAINT other_a_1a2b3c4d_fk_shop_order_id;
SELECT * FROM t.keys WHERE conname = 'by_hand';

-- A long name must be shortened for the companion.
ALTER TABLE t.other ADD COLUMN e int
	CONSTRAINT a_very_long_name_of_an_application_and_its_table_1a2b3c4d_fk REFERENCES t.shop_order;
SELECT conname FROM t.keys WHERE conname LIKE 'a_very%';
ALTER TABLE t.other DROP CONSTRAINT a_very_long_name_of_an_application_and_its_table_1a2b3c4d_fk;
SELECT conname FROM t.keys WHERE conname LIKE 'a_very%';

-- Two long names that begin alike must get two companions, made together or one after the other; and a key on the
-- same column to another table, whose name has the same hash, one of its own.
CREATE TABLE t.long (id int PRIMARY KEY, tenant_id uuid,
	a int CONSTRAINT a_very_long_name_of_an_application_and_its_table_1a2b3c4d_fk REFERENCES t.shop_order,
	b int CONSTRAINT a_very_long_name_of_an_application_and_its_table_1a2b5e6f_fk REFERENCES t.shop_order,
	c int CONSTRAINT long_c_1a2b3c4d_fk_shop_order_id REFERENCES t.shop_order CONSTRAINT long_c_1a2b3c4d_fk_long_id REFERENCES t.long);
ALTER TABLE t.long ADD d int CONSTRAINT a_very_long_name_of_an_application_and_its_table_1a2b7a8b_fk REFERENCES t.shop_order,
	ADD CONSTRAINT long_c_1a2b3c4d_fk_children_id FOREIGN KEY (c) REFERENCES t.children;
SELECT * FROM t.keys WHERE relation = 't.long'::regclass;
-- Each must be dropped with its own.
ALTER TABLE t.long DROP CONSTRAINT long_c_1a2b3c4d_fk_shop_order_id;
ALTER TABLE t.long DROP CONSTRAINT long_c_1a2b3c4d_and_tenant2;
SELECT conname FROM t.keys WHERE relation = 't.long'::regclass AND conname LIKE 'long%';
DROP TABLE t.long;

-- Its companion's name must come before its own where it is shortened, too: new
-- partitions make keys in that order.
CREATE TABLE t.parted (id int, tenant_id uuid, order_id int
	CONSTRAINT a_very_long_name_of_an_application_and_its_tabl_12345678_fk_x REFERENCES t.shop_order) PARTITION BY LIST (id);
SELECT conname, conname < 'a_very_long_name_of_an_application_and_its_tabl_12345678_fk_x' COLLATE "C" AS "before"
FROM t.keys WHERE conname LIKE 'a_very%' AND key LIKE '%tenant_id%';
CREATE TABLE t.part PARTITION OF t.parted FOR VALUES IN (1);
BEGIN;
SELECT tenant_guard.set_tenant(:a);
INSERT INTO t.parted VALUES (1, DEFAULT, 99);
ROLLBACK;

-- A partition that is detached has keys of its own, of which the companion may
-- have got another name: it must get one that is known as such, and that no other constraint has.
CREATE TABLE t.named (id int, tenant_id uuid, order_id int, CONSTRAINT x_12345678_and_tenant CHECK (id > 0));
ALTER TABLE t.parted ADD CONSTRAINT x_12345678_fk FOREIGN KEY (order_id) REFERENCES t.shop_order;
ALTER TABLE t.parted ATTACH PARTITION t.named FOR VALUES IN (2);
ALTER TABLE t.parted DETACH PARTITION t.named;
SELECT conname, key FROM t.keys WHERE relation = 't.named'::regclass AND conname IN ('x_12345678_and_tenant1', 'x_12345678_fk');
DROP TABLE t.named;
ALTER TABLE t.parted DROP CONSTRAINT x_12345678_fk;

-- A partition may bring keys that are made in the other order: when it is attached they must be made anew.
CREATE TABLE t.turned (id int, tenant_id uuid, order_id int);
RESET ROLE;
SET tenant_guard.foreign_keys = off;
SET ROLE regress_owner;
ALTER TABLE t.turned ADD CONSTRAINT a_very_long_name_of_an_application_and_its_tabl_12345678_fk_x FOREIGN KEY (order_id) REFERENCES t.shop_order,
	ADD CONSTRAINT own FOREIGN KEY (tenant_id, order_id) REFERENCES t.shop_order (tenant_id, id);
RESET ROLE;
RESET tenant_guard.foreign_keys;
SET ROLE regress_owner;
ALTER TABLE t.parted ATTACH PARTITION t.turned FOR VALUES IN (2);
RESET ROLE;
SELECT count(*) FROM tenant_guard.broken_invariants('t.parted');
SET ROLE regress_owner;

-- An index that is dropped with the companion that needs it must not leave the key alone: both are made anew.
CREATE TABLE t.sale (id int PRIMARY KEY, tenant_id uuid);
CREATE TABLE t.item (id int, tenant_id uuid, sale_id int CONSTRAINT fk_rails_0123456789 REFERENCES t.sale);
DROP INDEX t.sale_tenant_id_id_idx CASCADE;
SELECT * FROM t.keys WHERE relation = 't.item'::regclass;
-- So must one that goes with all that an owner has, but for the table of the key.
RESET ROLE;
CREATE ROLE regress_sale;
ALTER TABLE t.sale OWNER TO regress_sale;
DROP OWNED BY regress_sale CASCADE;
SELECT * FROM t.keys WHERE relation = 't.item'::regclass;
DROP ROLE regress_sale;

-- What is said of a key later goes for its companion too: that it is deferred, or
-- rows in the order that this allows would be refused, ...
SET ROLE regress_owner;
CREATE TABLE t.box (id int PRIMARY KEY, tenant_id uuid);
CREATE TABLE t.thing (id int, tenant_id uuid, box_id int CONSTRAINT fk_rails_0a1b2c3d4e REFERENCES t.box);
ALTER TABLE t.thing ALTER CONSTRAINT fk_rails_0a1b2c3d4e DEFERRABLE INITIALLY DEFERRED;
SELECT * FROM t.keys WHERE relation = 't.thing'::regclass;
BEGIN;
SET LOCAL tenant_guard.tenant_id = :a;
INSERT INTO t.thing VALUES (1, DEFAULT, 1);
INSERT INTO t.box VALUES (1);
COMMIT;
ALTER TABLE t.thing ALTER CONSTRAINT fk_and_tenant_0a1b2c3d4e DEFERRABLE INITIALLY IMMEDIATE;
ALTER TABLE t.thing ALTER CONSTRAINT fk_rails_0a1b2c3d4e NOT DEFERRABLE;
SELECT * FROM t.keys WHERE relation = 't.thing'::regclass;

-- ... and that its rows have been checked, as Rails does after it has added a key;
-- rows that cross tenants must be found then.
ALTER TABLE t.thing DROP CONSTRAINT fk_rails_0a1b2c3d4e;
ALTER TABLE t.thing ADD CONSTRAINT fk_rails_0a1b2c3d4e FOREIGN KEY (box_id) REFERENCES t.box NOT VALID;
ALTER TABLE t.thing VALIDATE CONSTRAINT fk_rails_0a1b2c3d4e;
SELECT * FROM t.keys WHERE relation = 't.thing'::regclass;
ALTER TABLE t.thing DROP CONSTRAINT fk_rails_0a1b2c3d4e;
BEGIN;
SET LOCAL tenant_guard.tenant_id = :b;
INSERT INTO t.thing VALUES (2, DEFAULT, 1);
COMMIT;
ALTER TABLE t.thing ADD CONSTRAINT fk_rails_0a1b2c3d4e FOREIGN KEY (box_id) REFERENCES t.box NOT VALID;
ALTER TABLE t.thing VALIDATE CONSTRAINT fk_rails_0a1b2c3d4e;
SELECT * FROM t.keys WHERE relation = 't.thing'::regclass;

RESET ROLE;
SET client_min_messages = warning;
DROP SCHEMA t CASCADE;
DROP ROLE regress_owner, regress_app;
