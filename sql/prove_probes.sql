--
-- prove() makes rows of two tenants in each guarded table, tries what an
-- application must not be able to do, and leaves nothing behind.
--
\i test/setup/tenants.sql
SET client_min_messages = warning;
SET tenant_guard.foreign_keys = off;
CREATE ROLE regress_owner;
CREATE ROLE regress_app;
CREATE SCHEMA t AUTHORIZATION regress_owner;
SET ROLE regress_owner;
CREATE DOMAIN t.country AS text CHECK (VALUE ~ '^[A-Z]{2}$');
CREATE TYPE t.mood AS ENUM ('well', 'ill');
CREATE TABLE t.currencies (code char(3) PRIMARY KEY);
CREATE TABLE t.customers (id bigint GENERATED ALWAYS AS IDENTITY, tenant_id uuid, name text NOT NULL, PRIMARY KEY (tenant_id, id), UNIQUE (id));
CREATE TABLE t.orders (id serial PRIMARY KEY, tenant_id uuid, customer bigint NOT NULL, currency char(3) NOT NULL REFERENCES t.currencies,
	FOREIGN KEY (tenant_id, customer) REFERENCES t.customers ON DELETE CASCADE);
CREATE TABLE t.payments (id int PRIMARY KEY, tenant_id uuid, customer bigint REFERENCES t.customers (id));
CREATE VIEW t.order_list AS SELECT * FROM t.orders;
CREATE VIEW t.order_count WITH (security_invoker) AS SELECT count(*) AS orders FROM t.order_list;
CREATE FUNCTION t.noted() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER noting AFTER INSERT ON t.orders FOR EACH ROW EXECUTE FUNCTION t.noted();

-- Every probe must be told, and the one key that crosses tenants found.
RESET ROLE;
SELECT relation, probe, ok, detail FROM tenant_guard.prove('t.orders');
SELECT relation, probe, ok, detail FROM tenant_guard.prove('t.payments') WHERE NOT ok OR probe LIKE 'reference%';
-- Each row must say how long it took, and together no longer than the statement.
SELECT bool_and(duration >= '0') AS each, sum(duration) BETWEEN '1 us' AND clock_timestamp() - statement_timestamp() AS all FROM tenant_guard.prove('t.orders');

-- No trace of it is left: no rows, no role, no setting.
SET tenant_guard.bypass = on;
SELECT (SELECT count(*) FROM t.orders) + (SELECT count(*) FROM t.payments) + (SELECT count(*) FROM t.customers) + (SELECT count(*) FROM t.currencies) AS rows;
RESET tenant_guard.bypass;
SELECT count(*) FROM pg_roles WHERE rolname LIKE 'tenant_guard_probe%';
SHOW tenant_guard.tenant_id;
SHOW tenant_guard.one_tenant_per_transaction;
SHOW tenant_guard.bypass;
SHOW session_replication_role;

-- Rows that are there stay as they are.
SET tenant_guard.bypass = on;
INSERT INTO t.customers (tenant_id, name) VALUES (:a, 'a'), ('bbbbbbbb-bbbb-bbbb-bbbb-bbbbbbbbbbbb', 'b');
SELECT count(*) FROM tenant_guard.prove('t.customers') WHERE NOT ok;
SELECT tenant_id, name FROM t.customers ORDER BY name;
RESET tenant_guard.bypass;

-- With a role that the caller names it must be that role's privileges that count.
SELECT probe, ok, detail FROM tenant_guard.prove('t.orders', 'regress_app') WHERE probe NOT LIKE '%owner' AND probe <> 'truncate';
GRANT USAGE ON SCHEMA t TO regress_app;
GRANT SELECT, INSERT ON t.orders TO regress_app;
SELECT probe, ok, detail FROM tenant_guard.prove('t.orders', 'regress_app') WHERE probe IN ('select_own', 'insert_own', 'insert', 'update');

-- One that row-level security does not bind must be found.
CREATE ROLE regress_bypasses BYPASSRLS IN ROLE pg_read_all_data;
SELECT probe, ok FROM tenant_guard.prove('t.orders', 'regress_bypasses') WHERE NOT ok;
SELECT relation, probe, ok, detail FROM tenant_guard.prove('t.orders', 'regress_nobody');

-- Tables whose constraints are hard to meet.
CREATE TABLE t.hard (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), tenant_id uuid, country t.country NOT NULL, mood t.mood NOT NULL, codes int[] NOT NULL,
	during tstzrange NOT NULL, doc jsonb NOT NULL, rate numeric(3,2) NOT NULL CHECK (rate BETWEEN 0.5 AND 0.9), born date NOT NULL, died date NOT NULL CHECK (died > born),
	year int GENERATED ALWAYS AS (extract(year FROM born)) STORED, mail text NOT NULL CHECK (mail LIKE '%@%'), status text NOT NULL CHECK (status IN ('open', 'paid')),
	only_one int UNIQUE DEFAULT 1, EXCLUDE USING gist (during WITH &&));
CREATE TABLE t.self (id int PRIMARY KEY, tenant_id uuid, up int NOT NULL, UNIQUE (tenant_id, id), FOREIGN KEY (tenant_id, up) REFERENCES t.self (tenant_id, id));
CREATE TABLE t.chicken (id int, tenant_id uuid, egg int NOT NULL, PRIMARY KEY (tenant_id, id));
CREATE TABLE t.egg (id int, tenant_id uuid, chicken int NOT NULL, PRIMARY KEY (tenant_id, id),
	FOREIGN KEY (tenant_id, chicken) REFERENCES t.chicken DEFERRABLE INITIALLY DEFERRED);
ALTER TABLE t.chicken ADD FOREIGN KEY (tenant_id, egg) REFERENCES t.egg DEFERRABLE INITIALLY DEFERRED;
CREATE TABLE t.by_hash (id int, tenant_id uuid) PARTITION BY HASH (tenant_id);
CREATE TABLE t.by_hash_0 PARTITION OF t.by_hash FOR VALUES WITH (MODULUS 3, REMAINDER 0);
CREATE TABLE t.by_hash_1 PARTITION OF t.by_hash FOR VALUES WITH (MODULUS 3, REMAINDER 1);
CREATE TABLE t.by_hash_2 PARTITION OF t.by_hash FOR VALUES WITH (MODULUS 3, REMAINDER 2);
CREATE TABLE t.by_day (day date NOT NULL, tenant_id uuid) PARTITION BY RANGE (day);
CREATE TABLE t.by_day_1 PARTITION OF t.by_day FOR VALUES FROM ('2031-05-01') TO ('2031-06-01');
CREATE TABLE t.by_tenant (tenant_id uuid, id int) PARTITION BY LIST (tenant_id);
CREATE TABLE t.by_tenant_a PARTITION OF t.by_tenant FOR VALUES IN (:a);
CREATE TABLE t.by_tenant_b PARTITION OF t.by_tenant FOR VALUES IN ('bbbbbbbb-bbbb-bbbb-bbbb-bbbbbbbbbbbb');
CREATE FUNCTION t.never() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''never''; END';
CREATE TABLE t.triggered (tenant_id uuid, id int);
CREATE TRIGGER never BEFORE INSERT OR UPDATE OR DELETE ON t.triggered FOR EACH ROW EXECUTE FUNCTION t.never();
CREATE TABLE t."Odd ""one""" ("values" text NOT NULL, tenant_id uuid, PRIMARY KEY (tenant_id, "values"));
CREATE TABLE t.child () INHERITS (t.triggered);
CREATE TABLE t.impossible (tenant_id uuid, id int NOT NULL CHECK (id = id + 1));
SELECT relation, count(*) FILTER (WHERE ok) > 8 AS tried, count(*) FILTER (WHERE NOT ok) AS broken, count(*) FILTER (WHERE ok IS NULL) AS untried
FROM tenant_guard.prove()
WHERE relation::text ~ '^t\.' GROUP BY relation ORDER BY relation::text COLLATE "C";

-- What cannot be tried must say so, and be no success.
SELECT relation, probe, ok, detail FROM tenant_guard.prove('t.impossible');
SELECT relation, probe, ok, detail FROM tenant_guard.prove('t.currencies');

-- Where rows cannot be made, rows that are there serve.
CREATE TABLE t.closed (tenant_id uuid, id int CHECK (id = 4 * 7919 + 1));
CREATE FUNCTION t.is_open() RETURNS boolean LANGUAGE sql STABLE AS $$SELECT pg_catalog.current_setting('t.open', true) = 'yes'$$;
ALTER TABLE t.closed ADD CHECK (t.is_open());
SET t.open = 'yes';
SET tenant_guard.bypass = on;
INSERT INTO t.closed VALUES (:a, 31677), ('bbbbbbbb-bbbb-bbbb-bbbb-bbbbbbbbbbbb', 31677);
RESET tenant_guard.bypass;
SET t.open = 'no';
SELECT probe, ok, detail FROM tenant_guard.prove('t.closed') WHERE probe <> 'no_tenant';

-- A statement that would change a whole large table, were it to succeed, is not tried.
UPDATE pg_class SET reltuples = 1000000 WHERE oid = 't.orders'::regclass;
SELECT probe, ok, detail FROM tenant_guard.prove('t.orders') WHERE ok IS NOT TRUE;

-- A view that triggers write must be tried as it is.
CREATE TABLE t.notes (tenant_id uuid, id int);
CREATE VIEW t.written WITH (security_invoker) AS SELECT tenant_id, max(id) AS id FROM t.notes GROUP BY 1;
CREATE FUNCTION t.write() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET tenant_guard.bypass = on AS $$
BEGIN
	IF TG_OP = 'INSERT' THEN
		INSERT INTO t.notes VALUES (NEW.tenant_id, NEW.id);
	ELSE
		DELETE FROM t.notes WHERE tenant_id <> OLD.tenant_id;
	END IF;
	RETURN NEW;
END
$$;
CREATE TRIGGER write INSTEAD OF INSERT OR DELETE ON t.written FOR EACH ROW EXECUTE FUNCTION t.write();
SELECT probe, ok, detail FROM tenant_guard.prove('t.notes') WHERE probe ~ 'written';

-- Tenants of other types, and columns of other names.
SET tenant_guard.tenant_type = 'text';
CREATE TABLE t.texts (tenant_id varchar(4), id int);
SET tenant_guard.tenant_column = 'org';
CREATE TABLE t.orgs (org text, id int);
SELECT relation, count(*) FILTER (WHERE ok) AS ok, count(*) FILTER (WHERE ok IS NOT TRUE) AS others
FROM (SELECT relation, probe, ok, detail FROM tenant_guard.prove('t.texts') UNION ALL SELECT relation, probe, ok, detail FROM tenant_guard.prove('t.orgs')) p GROUP BY 1 ORDER BY relation::text COLLATE "C";
SET tenant_guard.tenant_type = 'bigint';
CREATE TABLE t.numbers (org smallint, id int);
SELECT relation, count(*) FILTER (WHERE ok) AS ok, count(*) FILTER (WHERE ok IS NOT TRUE) AS others FROM tenant_guard.prove('t.numbers') GROUP BY 1;
RESET tenant_guard.tenant_column;
RESET tenant_guard.tenant_type;

-- A trigger or a view's function must not become the superuser who proves.
CREATE TABLE t.trapped (tenant_id uuid, id int);
CREATE FUNCTION t.trap() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RESET ROLE; RAISE EXCEPTION ''now %'', current_user; END';
CREATE TRIGGER trap BEFORE INSERT ON t.trapped FOR EACH ROW EXECUTE FUNCTION t.trap();
CREATE FUNCTION t.trap_view() RETURNS int LANGUAGE plpgsql AS 'BEGIN PERFORM set_config(''tenant_guard.bypass'', ''on'', true); RETURN 1; END';
CREATE VIEW t.trapped_view WITH (security_invoker) AS SELECT id, t.trap_view() FROM t.trapped;
SELECT probe, ok, detail FROM tenant_guard.prove('t.trapped') WHERE ok IS NOT TRUE OR probe LIKE 'insert%' OR probe LIKE 'view%';

-- Nothing that belongs to a table's owner may be carried out as the superuser who proves: what fires even in a replica,
-- constraints, defaults, casts that to_jsonb finds, what is deferred, and what a search_path leads to that a trigger has set.
CREATE SCHEMA mine AUTHORIZATION regress_owner;
SET ROLE regress_owner;
CREATE SEQUENCE mine.reached;
GRANT USAGE ON SEQUENCE mine.reached TO PUBLIC;
CREATE FUNCTION mine.look(kind text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pg_catalog.nextval('mine.reached');
	IF (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user) THEN
		RAISE WARNING '% as a superuser', kind;
	END IF;
	RETURN true;
END
$$;
CREATE FUNCTION mine.fire() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM mine.look(TG_NAME); RETURN NEW; END $$;
CREATE FUNCTION mine.lead() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM mine.look(TG_NAME); SET search_path = mine, pg_catalog; RETURN NULL; END $$;
CREATE FUNCTION mine.set_config(text, text, boolean) RETURNS text LANGUAGE sql AS $$ SELECT mine.look('search_path'); SELECT pg_catalog.set_config($1, $2, $3) $$;
CREATE FUNCTION mine.to_jsonb(anyelement) RETURNS jsonb LANGUAGE sql AS $$ SELECT mine.look('to_jsonb'); SELECT pg_catalog.to_jsonb($1) $$;
CREATE TYPE mine.mood AS ENUM ('well', 'ill');
CREATE FUNCTION mine.json(mine.mood) RETURNS json LANGUAGE sql AS $$ SELECT mine.look('cast'); SELECT pg_catalog.to_json($1::pg_catalog.text) $$;
CREATE CAST (mine.mood AS json) WITH FUNCTION mine.json(mine.mood);
CREATE DOMAIN mine.code AS text CHECK (mine.look('domain'));
CREATE TABLE mine.parents (tenant_id uuid, id int, code mine.code NOT NULL, CHECK (mine.look('parent''s check')), PRIMARY KEY (tenant_id, id));
CREATE TABLE mine.traps (tenant_id uuid, id int, parent int NOT NULL, mood mine.mood NOT NULL, code mine.code NOT NULL, asked boolean DEFAULT mine.look('default'),
	CHECK (mine.look('check')), FOREIGN KEY (tenant_id, parent) REFERENCES mine.parents DEFERRABLE INITIALLY DEFERRED);
CREATE INDEX ON mine.traps (tenant_id, id);
CREATE TRIGGER always BEFORE INSERT OR DELETE ON mine.traps FOR EACH ROW EXECUTE FUNCTION mine.fire();
ALTER TABLE mine.traps ENABLE ALWAYS TRIGGER always;
CREATE CONSTRAINT TRIGGER deferred AFTER INSERT OR UPDATE ON mine.traps DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION mine.fire();
ALTER TABLE mine.traps ENABLE ALWAYS TRIGGER deferred;
CREATE TRIGGER leads BEFORE UPDATE ON mine.traps FOR EACH STATEMENT EXECUTE FUNCTION mine.lead();
CREATE RULE also AS ON INSERT TO mine.traps WHERE mine.look('rule') DO ALSO SELECT mine.look('rule');
ALTER TABLE mine.traps ENABLE ALWAYS RULE also;
CREATE VIEW mine.shown WITH (security_invoker) AS SELECT tenant_id, id, mine.look('view') FROM mine.traps;
RESET ROLE;
SELECT probe, ok, detail FROM tenant_guard.prove('mine.traps');
ALTER TABLE mine.traps DISABLE RULE also;
SELECT probe, ok, detail FROM tenant_guard.prove('mine.traps') WHERE ok IS NOT TRUE;
SELECT last_value > 50 AS reached FROM mine.reached;

-- Nor may the session keep what they did: a prepared statement, a setting.
CREATE TABLE mine.keepers (tenant_id uuid PRIMARY KEY, id int);
CREATE FUNCTION mine.keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN SET search_path = mine; EXECUTE 'PREPARE kept AS SELECT 1'; RETURN NULL; END $$;
CREATE TRIGGER keeping BEFORE UPDATE ON mine.keepers FOR EACH STATEMENT EXECUTE FUNCTION mine.keep();
SELECT probe, ok, detail FROM tenant_guard.prove('mine.keepers') WHERE ok IS NOT TRUE;
SELECT count(*) FROM pg_prepared_statements;
SHOW search_path;

-- A column must not be taken for the row that has it.
CREATE TABLE mine.named (t text NOT NULL, o int NOT NULL, v int, tenant_id uuid, PRIMARY KEY (tenant_id, t));
CREATE VIEW mine.named_view WITH (security_invoker) AS SELECT t, o, v FROM mine.named;
SELECT probe, ok, detail FROM tenant_guard.prove('mine.named') WHERE ok IS NOT TRUE;
DROP SCHEMA mine CASCADE;

-- It is for superusers, and for a transaction without a tenant.
BEGIN;
SELECT tenant_guard.set_tenant(:a);
SELECT relation, probe, ok, detail FROM tenant_guard.prove();
ROLLBACK;
SET ROLE regress_owner;
SELECT relation, probe, ok, detail FROM tenant_guard.prove();
SELECT tenant_guard_internal.execute_as(10, 'public', 'SELECT 1');
RESET ROLE;
GRANT USAGE ON SCHEMA tenant_guard_internal TO regress_owner;
GRANT EXECUTE ON FUNCTION tenant_guard.prove, tenant_guard_internal.execute_as TO regress_owner;
SET ROLE regress_owner;
SELECT relation, probe, ok, detail FROM tenant_guard.prove();
SELECT tenant_guard_internal.execute_as(10, 'public', 'SELECT 1');
RESET ROLE;
REVOKE EXECUTE ON FUNCTION tenant_guard.prove, tenant_guard_internal.execute_as FROM regress_owner;
REVOKE USAGE ON SCHEMA tenant_guard_internal FROM regress_owner;

-- In a read-only transaction nothing is proved.
BEGIN READ ONLY;
SELECT relation, probe, ok, detail FROM tenant_guard.prove('t.orders');
ROLLBACK;

-- The tenants that it makes up must not be the transaction's: another may be set afterwards.
BEGIN;
SELECT count(*) > 0 AS proved FROM tenant_guard.prove('t.orders');
SELECT tenant_guard.set_tenant(:a);
ROLLBACK;

DROP SCHEMA t CASCADE;
DROP ROLE regress_owner, regress_app, regress_bypasses;
