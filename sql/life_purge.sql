-- purge_tenant() deletes what a tenant has, table by table, those that reference others first, and nothing else.
\i test/setup/owner_and_app.sql
SET client_min_messages = warning;
SET search_path = t, public;
GRANT ALL ON SCHEMA t TO regress_owner;
SET ROLE regress_owner;
CREATE TABLE t.tenants (id uuid PRIMARY KEY);
SELECT tenant_guard.share('t.tenants');
-- two tables that reference each other, one that references itself, partitions, children, rows of everyone
CREATE TABLE t.customers (id int, tenant_id uuid REFERENCES t.tenants, best int, PRIMARY KEY (tenant_id, id));
CREATE TABLE t.orders (id int, tenant_id uuid, customer int NOT NULL, before int, PRIMARY KEY (tenant_id, id),
	FOREIGN KEY (tenant_id, customer) REFERENCES t.customers ON DELETE RESTRICT, FOREIGN KEY (tenant_id, before) REFERENCES t.orders);
ALTER TABLE t.customers ADD FOREIGN KEY (tenant_id, best) REFERENCES t.orders ON DELETE RESTRICT;
CREATE TABLE t.lines (id int, tenant_id uuid, ord int, FOREIGN KEY (tenant_id, ord) REFERENCES t.orders DEFERRABLE INITIALLY DEFERRED) PARTITION BY RANGE (id);
CREATE TABLE t.lines_1 PARTITION OF t.lines FOR VALUES FROM (0) TO (100);
CREATE TABLE t.lines_2 PARTITION OF t.lines FOR VALUES FROM (100) TO (10000);
CREATE TABLE t.parent (id int, tenant_id uuid);
CREATE TABLE t.child () INHERITS (t.parent);
CREATE TABLE t.categories (id int, tenant_id uuid);
SELECT tenant_guard.protect('t.categories', null_rows => 'shared');
-- triggers: one that logs, immediate and deferred, into a guarded table; one that keeps a row
CREATE TABLE t.log (what text, role name, tenant_id uuid);
CREATE FUNCTION t.logged() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$ BEGIN INSERT INTO t.log (what, role) VALUES (tg_name, current_user); RETURN OLD; END $$;
CREATE TRIGGER now AFTER DELETE ON t.parent FOR EACH ROW EXECUTE FUNCTION t.logged();
CREATE CONSTRAINT TRIGGER deferred AFTER DELETE ON t.customers DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION t.logged();
INSERT INTO t.tenants VALUES (:a), (:b);
RESET ROLE;
SET tenant_guard.bypass = on;
INSERT INTO t.customers SELECT n, v.id, NULL FROM t.tenants v, generate_series(1, 10) n;
INSERT INTO t.orders SELECT n, v.id, n % 10 + 1, nullif(n - 1, 0) FROM t.tenants v, generate_series(1, 100) n;
UPDATE t.customers SET best = id;
INSERT INTO t.lines SELECT n, v.id, n % 100 + 1 FROM t.tenants v, generate_series(1, 300) n;
INSERT INTO t.parent SELECT n, v.id FROM t.tenants v, generate_series(1, 5) n;
INSERT INTO t.child SELECT n, v.id FROM t.tenants v, generate_series(6, 8) n;
INSERT INTO t.categories SELECT 1, v.id FROM t.tenants v UNION ALL SELECT 2, NULL;
-- all rows but those of one tenant
CREATE FUNCTION t.others(tenant uuid) RETURNS TABLE (relation text, rows bigint, sum text) LANGUAGE plpgsql AS $$
BEGIN
	FOREACH relation IN ARRAY ARRAY['customers', 'orders', 'lines', 'parent', 'categories', 'log'] LOOP
		EXECUTE format('SELECT count(*), md5(string_agg(x::text, '','' ORDER BY x::text)) FROM t.%I x WHERE tenant_id IS DISTINCT FROM %L', relation, tenant) INTO rows, sum;
		RETURN NEXT;
	END LOOP;
END $$;
CREATE TABLE t.before AS SELECT * FROM t.others(:a);
RESET tenant_guard.bypass;

-- Without dry_run => false nothing is deleted; the tables come in the order in which it would be.
SELECT * FROM tenant_guard.purge_tenant(:a);
-- All is deleted, what a trigger has written meanwhile included; the tenants' own row stays unless it is asked for.
BEGIN;
SELECT * FROM tenant_guard.purge_tenant(:a, dry_run => false);
-- It was done as that tenant, which stays the transaction's.
SELECT tenant_guard.current_tenant();
ROLLBACK;
-- In another tenant's transaction it is refused, and changes nothing.
BEGIN;
SELECT tenant_guard.set_tenant(:b);
SELECT * FROM tenant_guard.purge_tenant(:a, dry_run => false);
ROLLBACK;
-- Where foreign keys are not checked it is refused, since rows that reference the deleted ones would be left.
BEGIN;
SET LOCAL session_replication_role = replica;
SELECT * FROM tenant_guard.purge_tenant(:a, dry_run => false);
ROLLBACK;
-- Rows of a table that reaches the tenant by a key alone stand in the way; the hint lists them, with what is to be done.
SET client_min_messages = error;
CREATE TABLE t.notes (id int, tenant uuid, ord int, FOREIGN KEY (tenant, ord) REFERENCES t.orders);
SET client_min_messages = warning;
INSERT INTO t.notes VALUES (1, :a, 1);
SELECT * FROM tenant_guard.purge_tenant(:a, dry_run => false);
SELECT kind, object, detail FROM tenant_guard.tenant_inventory(:a) WHERE kind = 'by key';
DROP TABLE t.notes;
-- A trigger that keeps a row keeps it, and the receipt says so.
BEGIN;
CREATE FUNCTION t.keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN CASE WHEN OLD.id = 3 THEN NULL ELSE OLD END; END $$;
CREATE TRIGGER keep BEFORE DELETE ON t.parent FOR EACH ROW EXECUTE FUNCTION t.keep();
ALTER FUNCTION t.keep() OWNER TO regress_owner;
SELECT * FROM tenant_guard.purge_tenant(:a, dry_run => false) WHERE remaining > 0;
ROLLBACK;
-- Triggers run as the owner of their table, the deferred one too, whose work would be the superuser's at commit.
BEGIN;
CREATE FUNCTION t.kept_log() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE '% as %', OLD.what, OLD.role; RETURN OLD; END $$;
ALTER FUNCTION t.kept_log() OWNER TO regress_owner;
CREATE TRIGGER kept AFTER DELETE ON t.log FOR EACH ROW EXECUTE FUNCTION t.kept_log();
SET LOCAL client_min_messages = notice;
SELECT sum(deleted) AS deleted, sum(remaining) AS remaining FROM tenant_guard.purge_tenant(:a, dry_run => false);
COMMIT;
-- Other tenants' rows and those of everyone are as they were.
SET tenant_guard.bypass = on;
SELECT o.relation, o.rows, b.rows IS NOT NULL AS same FROM t.others(:a) o LEFT JOIN t.before b ON b = o ORDER BY 1;
RESET tenant_guard.bypass;
-- Nothing is left but the tenants' own row, which a second call deletes, if that is asked for.
SELECT kind, object, rows FROM tenant_guard.tenant_inventory(:a) WHERE rows > 0;
SELECT * FROM tenant_guard.purge_tenant(:a, dry_run => false, tenants_row => true) WHERE deleted > 0;
-- What is null is an error.
SELECT * FROM tenant_guard.purge_tenant(NULL);
SELECT * FROM tenant_guard.purge_tenant(:b, NULL);

-- In batches, each in a transaction of its own: not inside of one.
SET client_min_messages = notice;
BEGIN;
CALL tenant_guard.purge_tenant_in_batches(:b);
ROLLBACK;
CALL tenant_guard.purge_tenant_in_batches(:b, 0);
-- What is deleted stays deleted when an error ends it, and a second call goes on.
SET client_min_messages = error;
CREATE TABLE t.notes (id int, tenant uuid, ord int, FOREIGN KEY (tenant, ord) REFERENCES t.orders);
SET client_min_messages = notice;
INSERT INTO t.notes VALUES (1, :b, 1);
CALL tenant_guard.purge_tenant_in_batches(:b, 7);
SELECT kind, object, rows FROM tenant_guard.tenant_inventory(:b) WHERE rows > 0;
DELETE FROM t.notes;
CALL tenant_guard.purge_tenant_in_batches(:b, 7, tenants_row => true);
SELECT kind, object, rows FROM tenant_guard.tenant_inventory(:b) WHERE rows > 0;
SET tenant_guard.bypass = on;
SELECT * FROM t.categories;
RESET tenant_guard.bypass;

-- Two owners: a role that has the rights of one alone deletes nothing; tables of two owners that reference each other are refused.
SET client_min_messages = warning;
CREATE ROLE regress_clerk;
GRANT EXECUTE ON FUNCTION tenant_guard.purge_tenant, tenant_guard.guard_status, tenant_guard.broken_invariants TO regress_clerk;
GRANT USAGE ON SCHEMA tenant_guard_internal, t TO regress_clerk;
GRANT SELECT ON tenant_guard.tables_and_partitions TO regress_clerk;
SET ROLE regress_clerk;
SELECT * FROM tenant_guard.purge_tenant(:a, dry_run => false);
RESET ROLE;
ALTER TABLE t.customers OWNER TO regress_clerk;
GRANT ALL ON ALL TABLES IN SCHEMA t TO regress_clerk, regress_owner;
SELECT * FROM tenant_guard.purge_tenant(:a, dry_run => false);
RESET search_path;
DROP SCHEMA t CASCADE;
DROP OWNED BY regress_clerk;
DROP ROLE regress_clerk;
DROP ROLE regress_owner, regress_app;
