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

-- A CHECK that just one key is set must not keep any key of the table, nor of those that reference it, from being tried.
CREATE TABLE t.thresholds (id bigint PRIMARY KEY, tenant_id uuid NOT NULL REFERENCES t.tenants, customer bigint REFERENCES t.customers, product bigint REFERENCES t.products,
	CHECK ((customer IS NOT NULL) <> (product IS NOT NULL)));
CREATE TABLE t.alerts (id bigint PRIMARY KEY, tenant_id uuid NOT NULL REFERENCES t.tenants, threshold bigint NOT NULL REFERENCES t.thresholds);
SELECT relation, probe, ok, detail FROM tenant_guard.prove() WHERE relation::text ~ '(thresholds|alerts)$' AND probe LIKE 'reference%' ORDER BY 1, probe COLLATE "C";

-- A key that references a column that can be null must be tried with a value, since a null references nothing.
CREATE TABLE t.crons (id bigint PRIMARY KEY, tenant_id uuid, name text, spec text NOT NULL, UNIQUE (spec, name));
CREATE TABLE t.runs (id bigint PRIMARY KEY, tenant_id uuid, cron_spec text, cron_name text, FOREIGN KEY (cron_spec, cron_name) REFERENCES t.crons (spec, name));
SELECT probe, ok, detail FROM tenant_guard.prove('t.runs') WHERE probe LIKE 'reference%';

-- A key whose table can have no row for it must not keep the others from being tried.
CREATE TABLE t.impossible (id bigint PRIMARY KEY CHECK (id = id + 1), tenant_id uuid);
CREATE TABLE t.parted (tenant_id uuid, id bigint, PRIMARY KEY (tenant_id, id)) PARTITION BY HASH (tenant_id);
CREATE TABLE t.lines (id bigint PRIMARY KEY, tenant_id uuid, impossible bigint NOT NULL REFERENCES t.impossible, customer bigint NOT NULL REFERENCES t.customers);
CREATE TABLE t.notes (id bigint PRIMARY KEY, tenant_id uuid, impossible bigint REFERENCES t.impossible, parted bigint, customer bigint NOT NULL REFERENCES t.customers,
	FOREIGN KEY (tenant_id, parted) REFERENCES t.parted);
SELECT probe, ok, detail FROM tenant_guard.prove('t.lines') WHERE ok IS NOT TRUE;
SELECT probe, ok, detail FROM tenant_guard.prove('t.notes') WHERE probe LIKE 'reference%' ORDER BY probe COLLATE "C";

-- A partitioned table without partitions, or with a part that has none, must be told at once.
SELECT relation, probe, ok, detail FROM tenant_guard.prove('t.parted');
CREATE TABLE t.parted_0 PARTITION OF t.parted FOR VALUES WITH (MODULUS 1, REMAINDER 0) PARTITION BY LIST (id);
SELECT relation, probe, ok, detail FROM tenant_guard.prove('t.parted');

-- A key to a table of which nobody has said that its rows are for all must be told; one to a shared table must not.
CREATE TABLE t.units (id int PRIMARY KEY);
CREATE TABLE t.sizes (id bigint PRIMARY KEY, tenant_id uuid, unit int REFERENCES t.units);
SELECT probe, ok, detail FROM tenant_guard.prove('t.sizes') WHERE ok IS NOT TRUE;
SELECT tenant_guard.share('t.units');
SELECT probe, ok, detail FROM tenant_guard.prove('t.sizes') WHERE ok IS NOT TRUE;

-- What was not tried must have failed where that is strict.
SELECT probe, ok, detail FROM tenant_guard.prove('t.parted', strict => true) WHERE NOT ok;

-- Two tenants must be made where a domain or a constraint accepts few: that match a pattern, or have a length, or are there.
SET tenant_guard.tenant_type = 'text';
CREATE DOMAIN t.org AS text CHECK (VALUE ~ '^org_[0-9a-z]{8}$');
CREATE DOMAIN t.cuid AS varchar(30) CHECK (VALUE LIKE 'c%' AND length(VALUE) = 25);
CREATE TABLE t.accounts (id text PRIMARY KEY);
CREATE TABLE t.by_pattern (id int, tenant_id t.org);
CREATE TABLE t.by_length (id int, tenant_id t.cuid);
CREATE TABLE t.by_check (id int, tenant_id text CHECK (tenant_id ~ '^(?:acct|org)-\d{4,6}(-[[:upper:]]+)?$'));
CREATE TABLE t.by_account (id int, tenant_id text REFERENCES t.accounts CHECK (md5(tenant_id) IN ('f97c5d29941bfb1b2fdab0874906ab82', 'b8a9f715dbb64fd5c56e7783c6820a61')));
SELECT relation, ok, detail FROM tenant_guard.prove() WHERE probe = 'rows' AND relation::text LIKE 't.by%' ORDER BY relation::text COLLATE "C";
INSERT INTO t.accounts VALUES ('one'), ('two');
SELECT relation, ok, detail FROM tenant_guard.prove() WHERE probe = 'rows' AND relation::text LIKE 't.by%' ORDER BY relation::text COLLATE "C";
RESET tenant_guard.tenant_type;
DROP SCHEMA t CASCADE;

-- It must say how far it is after each 100 tables, and nothing of it must stay when it is cancelled.
CREATE SCHEMA t;
DO $$ BEGIN FOR i IN 1..101 LOOP EXECUTE format('CREATE TABLE t.many_%s (id int, tenant_id uuid)', i); END LOOP; END $$;
SET client_min_messages = notice;
SELECT count(DISTINCT relation), count(*) FILTER (WHERE ok IS NOT TRUE) AS untried FROM tenant_guard.prove();
SET statement_timeout = '200ms';
SELECT count(*) FROM tenant_guard.prove();
RESET statement_timeout;
SELECT count(*) FROM pg_roles WHERE rolname LIKE 'tenant_guard_probe%';
SHOW session_replication_role;
SET tenant_guard.bypass = on;
SELECT count(*) FROM t.many_1;

SET client_min_messages = warning;
DROP SCHEMA t CASCADE;
