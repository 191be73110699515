--
-- With companion_keys = all every key keeps its columns, and another beside it carries the tenant.
--
\i test/setup/owner_and_app.sql
SET client_min_messages = warning;
CREATE VIEW t.keys AS
SELECT conrelid::regclass AS relation, conname, pg_get_constraintdef(oid) AS key FROM pg_constraint
WHERE connamespace = 't'::regnamespace AND contype = 'f' AND conparentid = 0
ORDER BY conrelid::regclass::text COLLATE "C", conname;
CREATE VIEW t.names AS
SELECT k.conname, c.conname AS companion, c.conname < k.conname COLLATE "C" AS before
FROM pg_constraint k LEFT JOIN pg_constraint c ON c.conrelid = k.conrelid AND c.confrelid = k.confrelid AND c.contype = 'f' AND c.conkey @> k.conkey AND c.oid <> k.oid
WHERE k.connamespace = 't'::regnamespace AND k.contype = 'f' AND cardinality(k.conkey) = 1
ORDER BY k.conname COLLATE "C", 2 DESC;
GRANT SELECT ON t.keys, t.names TO PUBLIC;
SET ROLE regress_owner;
CREATE TABLE t.customer (id int PRIMARY KEY, tenant_id uuid);
CREATE TABLE t.basket (id int PRIMARY KEY, tenant_id uuid, customer_id int REFERENCES t.customer);
RESET client_min_messages;

-- A role that is not a superuser must not set it.
SET tenant_guard.companion_keys = 'all';
RESET ROLE;
SET tenant_guard.companion_keys = 'all';
SET ROLE regress_owner;

-- A key as each tool names it must get a companion, whose name sorts before its own; those that carry the tenant are left.
CREATE TABLE t.item (id int PRIMARY KEY, tenant_id uuid,
	a int REFERENCES t.customer,
	b int CONSTRAINT "item_aId_customer_id_fk" REFERENCES t.customer,
	c int CONSTRAINT "FK_dc18daa696860586ba4667a9d31" REFERENCES t.customer,
	d int CONSTRAINT item_d_foreign REFERENCES t.customer,
	e int CONSTRAINT item_ibfk_1 REFERENCES t.customer,
	f int CONSTRAINT "FK_ITEM_CUSTOMER" REFERENCES t.customer,
	g int CONSTRAINT fk REFERENCES t.customer,
	h int CONSTRAINT "a_very_long_name_of_an_application_and_its_table_and_column_fke" REFERENCES t.customer,
	i int CONSTRAINT "FK_1234567890_WITH_CAPITALS_AND_DIGITS_THAT_FILL_THE_NAME_12345" REFERENCES t.customer,
	j int CONSTRAINT item_a_fkey1 REFERENCES t.customer,
	k int CONSTRAINT fk_rails_0123456789 REFERENCES t.customer,
	FOREIGN KEY (tenant_id, a) REFERENCES t.customer (tenant_id, id) ON DELETE CASCADE);
SELECT * FROM t.names;
SELECT tenant_guard.pair_foreign_keys('t.item');

-- The index that they need must say what it is for.
SELECT indexrelid::regclass, obj_description(indexrelid, 'pg_class') FROM pg_index
WHERE indrelid = 't.customer'::regclass ORDER BY indexrelid::regclass::text COLLATE "C";

-- A key that was changed before must stay as it is.
SELECT * FROM t.keys WHERE relation = 't.basket'::regclass;

-- Another tenant's row and none must be refused in the same words, also in a partition that comes later.
CREATE TABLE t.visit (id int, tenant_id uuid, customer_id int REFERENCES t.customer) PARTITION BY LIST (id);
CREATE TABLE t.visit1 PARTITION OF t.visit FOR VALUES IN (1);
GRANT ALL ON t.customer, t.item, t.visit TO regress_app;
RESET ROLE;
SET tenant_guard.bypass = on;
INSERT INTO t.customer VALUES (1, :a), (2, :b);
RESET tenant_guard.bypass;
SET ROLE regress_app;
BEGIN;
SET LOCAL tenant_guard.tenant_id = :a;
SAVEPOINT before;
INSERT INTO t.item VALUES (1, DEFAULT, 2);
ROLLBACK TO before;
INSERT INTO t.item VALUES (1, DEFAULT, 99);
ROLLBACK TO before;
INSERT INTO t.visit VALUES (1, DEFAULT, 2);
ROLLBACK TO before;
INSERT INTO t.visit VALUES (1, DEFAULT, 99);
ROLLBACK TO before;
INSERT INTO t.item VALUES (1, DEFAULT, 1);
ROLLBACK;
RESET ROLE;

-- prove() must find nothing.
SELECT DISTINCT ok FROM tenant_guard.prove('t.item');
SELECT DISTINCT ok FROM tenant_guard.prove('t.visit');

-- A companion must be dropped with its key; one that is dropped alone must be made again, since a tool that drops what its
-- schema does not have means to keep the key. That of a key of Rails must take its key with it.
SET ROLE regress_owner;
ALTER TABLE t.item DROP CONSTRAINT item_d_foreign;
ALTER TABLE t.item DROP CONSTRAINT item_ibf_and_tenant;
ALTER TABLE t.visit DROP CONSTRAINT visit_customer_id_and_tenant;
SELECT * FROM t.keys WHERE relation = 't.visit'::regclass;
BEGIN;
ALTER TABLE t.item DROP CONSTRAINT fk_and_tenant_0123456789;
ALTER TABLE t.visit ADD CONSTRAINT fk_rails_0123456789 FOREIGN KEY (customer_id) REFERENCES t.customer;
ALTER TABLE t.visit DROP CONSTRAINT fk_and_tenant_0123456789;
SELECT * FROM t.keys WHERE relation = 't.visit'::regclass;
ROLLBACK;

-- Where the setting is frameworks again, the companions must stay what they are. A key that loses its companion, to an
-- index that is dropped, or to another name, must carry the tenant itself.
RESET ROLE;
RESET tenant_guard.companion_keys;
SELECT count(*) FROM tenant_guard.broken_invariants('t.item');
SET ROLE regress_owner;
SELECT tenant_guard.pair_foreign_keys('t.item');
ALTER TABLE t.item ALTER CONSTRAINT item_a_fkey DEFERRABLE;
SET client_min_messages = warning;
ALTER TABLE t.item RENAME CONSTRAINT "FK_dc18daa696860586ba4667a9_and_tenant" TO other;
SELECT * FROM t.keys WHERE key LIKE '%(c)%' OR key LIKE '% c)%';
ALTER TABLE t.item DROP CONSTRAINT other;
DROP INDEX t.customer_tenant_id_id_idx CASCADE;
SELECT * FROM t.keys;
RESET ROLE;
SELECT count(*) FROM tenant_guard.broken_invariants();

SET client_min_messages = warning;
DROP SCHEMA t CASCADE;
DROP ROLE regress_owner, regress_app;
