--
-- prove() tries every foreign key of every table, or says in its own words
-- why it did not.
--
\i test/setup/tenants.sql
SET client_min_messages = warning;
CREATE SCHEMA t;
CREATE TABLE t.tenants (id uuid PRIMARY KEY, slug varchar(20) NOT NULL UNIQUE CHECK (slug ~ '^[a-z0-9]+$'));
CREATE TABLE t.customers (id bigint PRIMARY KEY, tenant_id uuid NOT NULL REFERENCES t.tenants ON DELETE CASCADE);
CREATE TABLE t.products (id bigint PRIMARY KEY, tenant_id uuid NOT NULL REFERENCES t.tenants ON DELETE CASCADE);
CREATE TABLE t.orders (id bigint PRIMARY KEY, tenant_id uuid NOT NULL REFERENCES t.tenants ON DELETE CASCADE,
	bill bigint NOT NULL REFERENCES t.customers, ship bigint REFERENCES t.customers, product bigint NOT NULL UNIQUE REFERENCES t.products);

-- Every key must be tried, though the rows of each reference the same two tenants; once the tenants' table is guarded, too.
SELECT probe, ok, detail FROM tenant_guard.prove('t.orders') WHERE probe LIKE 'reference%' ORDER BY probe COLLATE "C";
SELECT tenant_guard.protect('t.tenants', 'id');
SELECT relation, count(*) AS keys FROM tenant_guard.prove() WHERE probe LIKE 'reference%' AND ok GROUP BY 1 ORDER BY relation::text COLLATE "C";
SELECT relation, probe, detail FROM tenant_guard.prove() WHERE ok IS NOT TRUE;

-- A key whose table can have no row for it must not keep the others from being tried.
CREATE TABLE t.impossible (id bigint PRIMARY KEY CHECK (id = id + 1), tenant_id uuid);
CREATE TABLE t.parted (tenant_id uuid, id bigint, PRIMARY KEY (tenant_id, id)) PARTITION BY HASH (tenant_id);
CREATE TABLE t.lines (id bigint PRIMARY KEY, tenant_id uuid, impossible bigint NOT NULL REFERENCES t.impossible, customer bigint NOT NULL REFERENCES t.customers);
CREATE TABLE t.notes (id bigint PRIMARY KEY, tenant_id uuid, impossible bigint REFERENCES t.impossible, parted bigint, customer bigint NOT NULL REFERENCES t.customers,
	FOREIGN KEY (tenant_id, parted) REFERENCES t.parted);
SELECT probe, ok, detail FROM tenant_guard.prove('t.lines') WHERE ok IS NOT TRUE;
SELECT probe, ok, detail FROM tenant_guard.prove('t.notes') WHERE probe LIKE 'reference%' ORDER BY probe COLLATE "C";

-- A partitioned table without partitions, or with a part that has none, must be told at once.
SELECT * FROM tenant_guard.prove('t.parted');
CREATE TABLE t.parted_0 PARTITION OF t.parted FOR VALUES WITH (MODULUS 1, REMAINDER 0) PARTITION BY LIST (id);
SELECT * FROM tenant_guard.prove('t.parted');

DROP SCHEMA t CASCADE;
