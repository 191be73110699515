--
-- derive_tenant_column gives a table the tenant that its rows have only by a
-- foreign key, and guards it; where it cannot, it refuses and changes nothing.
--
\i test/setup/owner_and_app.sql
SET client_min_messages = warning;
CREATE ROLE regress_other;
GRANT ALL ON SCHEMA t TO regress_other;
ALTER DEFAULT PRIVILEGES FOR ROLE regress_owner IN SCHEMA t GRANT ALL ON TABLES TO regress_app;

-- All that a refusal must leave as it was.
CREATE VIEW t.state AS
SELECT r.relname, r.relrowsecurity, r.relforcerowsecurity, r.relfilenode, a.attname, a.attnotnull, c.conname, pg_get_constraintdef(c.oid) AS definition
FROM pg_class r JOIN pg_attribute a ON attrelid = r.oid AND attnum > 0 AND NOT attisdropped LEFT JOIN pg_constraint c ON conrelid = r.oid
WHERE relnamespace = 't'::regnamespace AND relkind IN ('r', 'p') AND relname <> 'before';
CREATE TABLE t.before AS SELECT * FROM t.state;
CREATE FUNCTION t.remember() RETURNS void LANGUAGE sql SECURITY DEFINER AS $$ TRUNCATE t.before; INSERT INTO t.before TABLE t.state $$;
CREATE FUNCTION t.changed() RETURNS SETOF name LANGUAGE sql SECURITY DEFINER AS
$$ (SELECT s.relname FROM (TABLE t.state EXCEPT TABLE t.before) s) UNION (SELECT b.relname FROM (TABLE t.before EXCEPT TABLE t.state) b) ORDER BY 1 $$;
CREATE FUNCTION t.keys(regclass) RETURNS SETOF text LANGUAGE sql SECURITY DEFINER AS
$$ SELECT conname || ': ' || pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = $1 AND contype = 'f' ORDER BY conname COLLATE "C" $$;

SET ROLE regress_owner;
CREATE TABLE t.orders (id int PRIMARY KEY, tenant_id uuid);
CREATE TABLE t.products (id int PRIMARY KEY, name text);
CREATE TABLE t.lines (ord int NOT NULL CONSTRAINT of_order REFERENCES t.orders ON DELETE CASCADE, line int, product int CONSTRAINT of_product REFERENCES t.products, PRIMARY KEY (ord, line));
CREATE TABLE t.notes (id int PRIMARY KEY, ord int NOT NULL, line int NOT NULL, body text, CONSTRAINT of_line FOREIGN KEY (ord, line) REFERENCES t.lines);
INSERT INTO t.products VALUES (1, 'nail'), (2, 'screw');
RESET ROLE;
SET tenant_guard.bypass = on;
INSERT INTO t.orders VALUES (1, :a), (2, :b);
INSERT INTO t.lines VALUES (1, 1, 1), (1, 2, 2), (2, 1, 1);
INSERT INTO t.notes VALUES (1, 1, 2, 'of a'), (2, 2, 1, 'of b');
RESET tenant_guard.bypass;
RESET client_min_messages;

-- Out of turn it must be refused: the line has no tenant yet.
SET ROLE regress_owner;
SELECT t.remember();
SELECT tenant_guard.derive_tenant_column('t.notes');
SELECT tenant_guard.derive_tenant_column('t.notes', 'of_line');
SELECT t.changed();

-- In turn, order to line to note, it must work, also for an owner with a tenant
-- set who sees one tenant's rows only.
SELECT tenant_guard.derive_tenant_column('t.lines');
BEGIN;
SET LOCAL tenant_guard.tenant_id = :a;
SELECT tenant_guard.derive_tenant_column('t.notes');
COMMIT;
RESET ROLE;
SET row_security = off;
SELECT *, left(tenant_id::text, 1) FROM t.lines ORDER BY ord, line;
SELECT id, left(tenant_id::text, 1) FROM t.notes ORDER BY id;
RESET row_security;
SELECT relation, status, tenant_column, tenant_type FROM tenant_guard.tables WHERE relation IN ('t.lines'::regclass, 't.notes'::regclass) ORDER BY relation::text COLLATE "C";
SELECT t.keys('t.lines');
SELECT t.keys('t.notes');
SELECT attrelid::regclass, attname, format_type(atttypid, atttypmod), attnotnull, pg_get_expr(adbin, adrelid) FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
WHERE attrelid IN ('t.lines'::regclass, 't.notes'::regclass) AND attname = 'tenant_id' ORDER BY attrelid::regclass::text COLLATE "C";

-- A line of another tenant's order must be refused, by whatever means; one's own
-- must be taken without naming the tenant.
SET ROLE regress_app;
BEGIN;
SET LOCAL tenant_guard.tenant_id = :a;
SAVEPOINT s;
INSERT INTO t.lines VALUES (2, 9, 1);
ROLLBACK TO s;
INSERT INTO t.lines VALUES (1, 9, 1);
UPDATE t.lines SET ord = 2 WHERE line = 9;
ROLLBACK TO s;
INSERT INTO t.notes VALUES (3, 2, 1, 'on the line of b');
ROLLBACK TO s;
INSERT INTO t.lines VALUES (1, 9, 2);
INSERT INTO t.notes VALUES (3, 1, 9, 'on my own');
SELECT id, body FROM t.notes ORDER BY id;
SELECT name FROM t.products ORDER BY id;
ROLLBACK;
SELECT count(*) FROM t.lines;
RESET ROLE;

-- A second time must be refused.
SET ROLE regress_owner;
SELECT tenant_guard.derive_tenant_column('t.lines');
RESET ROLE;

--
-- What it must refuse.
--
SET client_min_messages = error;
SET ROLE regress_owner;
CREATE TABLE t.two (id int, o int CONSTRAINT one REFERENCES t.orders, p int CONSTRAINT "other One" REFERENCES t.orders, q int CONSTRAINT to_products REFERENCES t.products);
CREATE TABLE t.none (id int);
CREATE TABLE t.only_shared (id int, p int CONSTRAINT to_products REFERENCES t.products);
CREATE TABLE t.self (id int PRIMARY KEY, up int CONSTRAINT upward REFERENCES t.self);
CREATE TABLE t.nulls (id int, o int CONSTRAINT k REFERENCES t.orders);
CREATE TABLE t.orphans (id int, o int);
CREATE TABLE t.parted (id int, o int CONSTRAINT k REFERENCES t.orders) PARTITION BY RANGE (id);
CREATE TABLE t.parted_1 PARTITION OF t.parted FOR VALUES FROM (1) TO (10);
CREATE TABLE t.parent_of_one (id int, o int CONSTRAINT k REFERENCES t.orders);
CREATE TABLE t.child_of_one () INHERITS (t.parent_of_one);
CREATE TABLE t.labelled (id int, o int CONSTRAINT k REFERENCES t.orders);
SELECT tenant_guard.share('t.labelled');
CREATE TABLE t.pending (id int, o int CONSTRAINT k REFERENCES t.orders DEFERRABLE INITIALLY DEFERRED);
CREATE TABLE t.has_one (id int, o int CONSTRAINT k REFERENCES t.orders);
ALTER TABLE t.has_one ADD COLUMN gone int;
ALTER TABLE t.has_one DROP COLUMN gone;
CREATE VIEW t.view AS SELECT 1 AS one;
INSERT INTO t.orphans VALUES (1, 1), (2, 99), (3, NULL), (4, 98);
ALTER TABLE t.orphans ADD CONSTRAINT k FOREIGN KEY (o) REFERENCES t.orders NOT VALID;
RESET ROLE;
SET tenant_guard.bypass = on;
INSERT INTO t.nulls VALUES (1, 1), (2, NULL);
INSERT INTO t.has_one VALUES (1, 1);
RESET tenant_guard.bypass;
SET ROLE regress_owner;
RESET client_min_messages;
SELECT t.remember();

-- No key, several, none of that name, and one to a table that has no tenant.
SELECT tenant_guard.derive_tenant_column('t.none');
SELECT tenant_guard.derive_tenant_column('t.none', 'k');
SELECT tenant_guard.derive_tenant_column('t.only_shared');
SELECT tenant_guard.derive_tenant_column('t.only_shared', 'to_products');
SELECT tenant_guard.derive_tenant_column('t.self');
SELECT tenant_guard.derive_tenant_column('t.self', 'upward');
SELECT tenant_guard.derive_tenant_column('t.two');
SELECT tenant_guard.derive_tenant_column('t.two', 'ONE');
SELECT tenant_guard.derive_tenant_column('t.two', 'to_products');

-- Rows that would have no tenant: the query of the hint must list them.
SELECT tenant_guard.derive_tenant_column('t.nulls');
SELECT tenant_guard.derive_tenant_column('t.orphans');
RESET ROLE;
SET row_security = off;
SELECT c.* FROM t.nulls AS c WHERE NOT EXISTS (SELECT FROM t.orders AS p WHERE p.id OPERATOR(pg_catalog.=) c.o);
SELECT c.* FROM t.orphans AS c WHERE NOT EXISTS (SELECT FROM t.orders AS p WHERE p.id OPERATOR(pg_catalog.=) c.o) ORDER BY id;
RESET row_security;
SET ROLE regress_owner;

-- A part, a parent of others, a shared table, and what is no table.
SELECT tenant_guard.derive_tenant_column('t.parted_1');
SELECT tenant_guard.derive_tenant_column('t.parent_of_one');
SELECT tenant_guard.derive_tenant_column('t.child_of_one');
SELECT tenant_guard.derive_tenant_column('t.labelled');
SELECT tenant_guard.derive_tenant_column('t.view');
SELECT tenant_guard.derive_tenant_column(NULL);
SELECT tenant_guard.derive_tenant_column('t.two', NULL);

-- Checks that are still to come.
BEGIN;
SET LOCAL tenant_guard.tenant_id = :a;
INSERT INTO t.pending VALUES (1, 1);
SELECT tenant_guard.derive_tenant_column('t.pending');
ROLLBACK;

-- Who does not own the table, or not what it references.
SET ROLE regress_app;
SELECT tenant_guard.derive_tenant_column('t.has_one');
SET ROLE regress_other;
CREATE TABLE t.of_other (id int, o int);
RESET ROLE;
ALTER TABLE t.of_other ADD CONSTRAINT k FOREIGN KEY (o) REFERENCES t.orders;
SET ROLE regress_other;
SELECT tenant_guard.derive_tenant_column('t.of_other');
DROP TABLE t.of_other;
SET ROLE regress_owner;
SELECT t.changed();

-- A caught refusal must leave the session as it was.
BEGIN;
SET LOCAL tenant_guard.tenant_id = :a;
DO $$ BEGIN
	PERFORM tenant_guard.derive_tenant_column('t.nulls');
EXCEPTION WHEN SQLSTATE 'TG007' THEN
	RAISE NOTICE 'refused: sees % orders, search_path %, replication role %', (SELECT count(*) FROM t.orders), current_setting('search_path'), current_setting('session_replication_role');
END $$;
ROLLBACK;
SELECT t.changed();

--
-- What it must not refuse.
--
-- The named one of several keys, with the other made to carry the tenant too.
SELECT tenant_guard.derive_tenant_column('t.two', 'other One');
SELECT t.keys('t.two');

-- A partitioned table, whole.
RESET ROLE;
SET tenant_guard.bypass = on;
INSERT INTO t.parted VALUES (1, 1), (2, 2);
RESET tenant_guard.bypass;
SET ROLE regress_owner;
SELECT tenant_guard.derive_tenant_column('t.parted');
RESET ROLE;
SET row_security = off;
SELECT id, left(tenant_id::text, 1) FROM t.parted_1 ORDER BY id;
RESET row_security;
SELECT relation, status FROM tenant_guard.tables_and_partitions WHERE relation::text LIKE 't.parted%' ORDER BY relation::text COLLATE "C";

-- Triggers and rules of the table must not fire, and must be as they were
-- afterwards.
CREATE FUNCTION t.complain() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'trigger % fired', TG_NAME; END $$;
SET ROLE regress_owner;
CREATE TRIGGER complain_row BEFORE UPDATE ON t.has_one FOR EACH ROW EXECUTE FUNCTION t.complain();
CREATE TRIGGER complain_statement AFTER UPDATE ON t.has_one EXECUTE FUNCTION t.complain();
CREATE RULE nothing AS ON UPDATE TO t.has_one DO INSTEAD NOTHING;
SELECT tenant_guard.derive_tenant_column('t.has_one');
SELECT tgname, tgenabled FROM pg_trigger WHERE tgrelid = 't.has_one'::regclass AND NOT tgisinternal ORDER BY tgname COLLATE "C";
SELECT rulename, ev_enabled FROM pg_rewrite WHERE ev_class = 't.has_one'::regclass;
SHOW session_replication_role;
DROP RULE nothing ON t.has_one;
BEGIN;
SET LOCAL tenant_guard.tenant_id = :a;
SELECT id, tenant_id FROM t.has_one;
UPDATE t.has_one SET id = 2;
ROLLBACK;
RESET ROLE;

-- Functions that are called while the column is filled, by a CHECK or a trigger
-- that is ENABLE ALWAYS or REPLICA, must see the tenant's rows alone, and must not
-- be without triggers and foreign keys.
CREATE FUNCTION t.spy(text, int) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN
	RAISE NOTICE '% sees % orders, replication role %', $1, (SELECT count(*) FROM t.orders), current_setting('session_replication_role');
	RETURN true;
END $$;
CREATE FUNCTION t.spy_row() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM t.spy('trigger ' || TG_NAME, 0); RETURN NEW; END $$;
SET client_min_messages = error;
SET ROLE regress_owner;
CREATE TABLE t.spied (id int, o int CONSTRAINT k REFERENCES t.orders);
RESET ROLE;
SET tenant_guard.bypass = on;
INSERT INTO t.spied VALUES (1, 2);
RESET tenant_guard.bypass;
SET ROLE regress_owner;
ALTER TABLE t.spied ADD CHECK (t.spy('check', id)) NOT VALID;
CREATE TRIGGER never BEFORE UPDATE ON t.spied FOR EACH ROW EXECUTE FUNCTION t.spy_row();
CREATE TRIGGER always BEFORE UPDATE ON t.spied FOR EACH ROW EXECUTE FUNCTION t.spy_row();
CREATE TRIGGER replica BEFORE UPDATE ON t.spied FOR EACH ROW EXECUTE FUNCTION t.spy_row();
ALTER TABLE t.spied ENABLE ALWAYS TRIGGER always, ENABLE REPLICA TRIGGER replica;
RESET client_min_messages;
BEGIN;
SET LOCAL tenant_guard.tenant_id = :a;
SELECT tenant_guard.derive_tenant_column('t.spied');
SHOW session_replication_role;
ROLLBACK;

-- An error in one of them must leave the session as it was.
CREATE TRIGGER complain BEFORE UPDATE ON t.spied FOR EACH ROW EXECUTE FUNCTION t.complain();
ALTER TABLE t.spied ENABLE ALWAYS TRIGGER complain;
BEGIN;
SET LOCAL tenant_guard.tenant_id = :a;
DO $$ BEGIN
	PERFORM tenant_guard.derive_tenant_column('t.spied');
EXCEPTION WHEN raise_exception THEN
	PERFORM t.spy(SQLERRM, 0);
END $$;
ROLLBACK;

-- One of them that derives another table's column must not change that either.
SET client_min_messages = error;
CREATE TABLE t.inner_orders (id int PRIMARY KEY, tenant_id uuid);
CREATE TABLE t.inner_lines (id int, o int CONSTRAINT k REFERENCES t.inner_orders);
CREATE FUNCTION t.derive() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
	SET LOCAL client_min_messages = warning;
	PERFORM tenant_guard.derive_tenant_column('t.inner_lines');
	SET LOCAL client_min_messages = notice;
	RETURN NEW;
END $$;
ALTER TABLE t.spied DISABLE TRIGGER complain;
CREATE TRIGGER again BEFORE UPDATE ON t.spied FOR EACH ROW EXECUTE FUNCTION t.derive();
ALTER TABLE t.spied ENABLE ALWAYS TRIGGER again;
RESET client_min_messages;
BEGIN;
SET LOCAL tenant_guard.tenant_id = :a;
SELECT tenant_guard.derive_tenant_column('t.spied');
SHOW session_replication_role;
SELECT relname, relforcerowsecurity FROM pg_class WHERE oid IN ('t.spied'::regclass, 't.inner_lines'::regclass) ORDER BY relname;
ROLLBACK;
DROP TABLE t.spied, t.inner_lines, t.inner_orders;
RESET ROLE;

-- Rows of a table that inherits from the parent are not the parent's.
SET client_min_messages = error;
SET ROLE regress_owner;
CREATE TABLE t.heir () INHERITS (t.orders);
CREATE TABLE t.of_parent (id int, o int);
RESET ROLE;
SET tenant_guard.bypass = on;
INSERT INTO t.heir VALUES (1, :b), (3, :b);
INSERT INTO t.of_parent SELECT 1, 1 FROM generate_series(1, 5);
ALTER TABLE t.of_parent ADD CONSTRAINT k FOREIGN KEY (o) REFERENCES t.orders;
RESET tenant_guard.bypass;
SET ROLE regress_owner;
RESET client_min_messages;
BEGIN;
SELECT tenant_guard.derive_tenant_column('t.of_parent');
SET LOCAL tenant_guard.tenant_id = :a;
SELECT count(*) FROM t.of_parent;
ROLLBACK;
ALTER TABLE t.of_parent DROP CONSTRAINT k;
INSERT INTO t.of_parent VALUES (2, 3);
ALTER TABLE t.of_parent ADD CONSTRAINT k FOREIGN KEY (o) REFERENCES t.orders NOT VALID;
SELECT tenant_guard.derive_tenant_column('t.of_parent');
DROP TABLE t.heir, t.of_parent;
RESET ROLE;

-- A table whose label said "unprotected" is guarded, as by protect.
SET client_min_messages = error;
SET ROLE regress_owner;
CREATE TABLE t.let_go (id int, o int CONSTRAINT k REFERENCES t.orders);
SELECT tenant_guard.unprotect('t.let_go');
RESET client_min_messages;
SELECT tenant_guard.derive_tenant_column('t.let_go');
RESET ROLE;
SELECT status FROM tenant_guard.tables WHERE relation = 't.let_go'::regclass;

--
-- Other types, and another name of the column.
--
SET client_min_messages = error;
SET tenant_guard.tenant_type = 'text';
SET tenant_guard.tenant_column = '"Org"';
CREATE DOMAIN t.org AS varchar(8) COLLATE "C" CHECK (VALUE <> '');
SET ROLE regress_owner;
CREATE TABLE t.text_orders (id int PRIMARY KEY, "Org" text COLLATE "POSIX");
CREATE TABLE t.varchar_orders (id int PRIMARY KEY, "Org" varchar(8));
RESET ROLE;
CREATE TABLE t.domain_orders (id int PRIMARY KEY, "Org" t.org);
ALTER TABLE t.domain_orders OWNER TO regress_owner;
GRANT USAGE ON TYPE t.org TO regress_owner;
SET ROLE regress_owner;
CREATE TABLE t.text_lines (o int REFERENCES t.text_orders);
CREATE TABLE t.varchar_lines (o int REFERENCES t.varchar_orders);
CREATE TABLE t.domain_lines (o int REFERENCES t.domain_orders);
RESET ROLE;
SET tenant_guard.bypass = on;
INSERT INTO t.text_orders VALUES (1, 'it''s');
INSERT INTO t.varchar_orders VALUES (1, 'acme');
INSERT INTO t.domain_orders VALUES (1, 'acme');
INSERT INTO t.text_lines VALUES (1);
INSERT INTO t.varchar_lines VALUES (1);
INSERT INTO t.domain_lines VALUES (1);
RESET tenant_guard.bypass;
SET ROLE regress_owner;
RESET client_min_messages;
SELECT tenant_guard.derive_tenant_column('t.text_lines');
SELECT tenant_guard.derive_tenant_column('t.varchar_lines');
SELECT tenant_guard.derive_tenant_column('t.domain_lines');
RESET ROLE;
SELECT attrelid::regclass, attname, format_type(atttypid, atttypmod), collname, attnotnull FROM pg_attribute LEFT JOIN pg_collation c ON c.oid = attcollation
WHERE attrelid IN ('t.text_lines'::regclass, 't.varchar_lines'::regclass, 't.domain_lines'::regclass) AND attname = 'Org' ORDER BY attrelid::regclass::text COLLATE "C";
SELECT t.keys('t.text_lines');
SET ROLE regress_owner;
BEGIN;
SET LOCAL tenant_guard.tenant_id = 'it''s';
SELECT * FROM t.text_lines;
ROLLBACK;
RESET ROLE;
SET client_min_messages = error;
SET tenant_guard.tenant_type = 'bigint';
RESET tenant_guard.tenant_column;
SET ROLE regress_owner;
CREATE TABLE t.int_orders (id int PRIMARY KEY, tenant_id int);
CREATE TABLE t.int_lines (o int REFERENCES t.int_orders);
RESET ROLE;
SET tenant_guard.bypass = on;
INSERT INTO t.int_orders VALUES (1, 7);
INSERT INTO t.int_lines VALUES (1);
RESET tenant_guard.bypass;
SET ROLE regress_owner;
RESET client_min_messages;
SELECT tenant_guard.derive_tenant_column('t.int_lines');
BEGIN;
SET LOCAL tenant_guard.tenant_id = '7';
SELECT o, tenant_id, pg_typeof(tenant_id) FROM t.int_lines;
ROLLBACK;
RESET ROLE;
RESET tenant_guard.tenant_type;

-- A superuser who derives a column must not run the owner's code as superuser.
SET client_min_messages = error;
SET ROLE regress_owner;
CREATE TABLE t.traps (id int PRIMARY KEY, tenant_id uuid);
CREATE TABLE t.trapped (trap int CONSTRAINT k REFERENCES t.traps);
CREATE FUNCTION t.who() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE WARNING 'checked as %', current_user; RETURN true; END $$;
RESET ROLE;
SET tenant_guard.bypass = on;
INSERT INTO t.traps VALUES (1, 'aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa');
INSERT INTO t.trapped VALUES (1);
RESET tenant_guard.bypass;
SET ROLE regress_owner;
ALTER TABLE t.trapped ADD CHECK (t.who()) NOT VALID;
RESET ROLE;
SET client_min_messages = warning;
SELECT tenant_guard.derive_tenant_column('t.trapped');

SET client_min_messages = error;
DROP SCHEMA t CASCADE;
DROP ROLE regress_owner, regress_other, regress_app;
