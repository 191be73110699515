-- prove() deletes and updates rows of a table as a role that has privileges on it. A foreign key's action reaches tables of other owners then,
-- whose AFTER triggers would run as that role until PostgreSQL 17.
\i test/setup/owner_and_app.sql
SET client_min_messages = warning;
CREATE ROLE regress_mallory;
CREATE SCHEMA m AUTHORIZATION regress_mallory;
GRANT USAGE ON SCHEMA t TO regress_mallory;
GRANT USAGE ON SCHEMA m TO PUBLIC;
SET ROLE regress_owner;
CREATE TABLE t.orders (id int, tenant_id uuid, PRIMARY KEY (tenant_id, id));
GRANT REFERENCES ON t.orders TO regress_mallory;
CREATE SEQUENCE t.fired MINVALUE 0 START 0;
SELECT setval('t.fired', 0);
CREATE FUNCTION t.fired() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN PERFORM pg_catalog.nextval('t.fired'); RETURN NULL; END $$;
CREATE TABLE t.lines (tenant_id uuid, ord int, FOREIGN KEY (tenant_id, ord) REFERENCES t.orders ON DELETE CASCADE ON UPDATE CASCADE);
RESET ROLE;
SET ROLE regress_mallory;
-- no rollback takes back what a sequence says
CREATE SEQUENCE m.reads MINVALUE 0 START 0;
SELECT setval('m.reads', 0);
GRANT ALL ON SEQUENCE m.reads TO PUBLIC;
CREATE FUNCTION m.fired() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	PERFORM FROM t.orders;
	PERFORM pg_catalog.nextval('m.reads');
	RETURN NULL;
EXCEPTION WHEN insufficient_privilege THEN
	RETURN NULL;
END $$;
CREATE TABLE m.notes (tenant_id uuid, ord int, FOREIGN KEY (tenant_id, ord) REFERENCES t.orders ON DELETE CASCADE ON UPDATE CASCADE);
RESET ROLE;
-- A trigger of the table's owner is none of another's: nothing is left untried for it, and it fires.
SET ROLE regress_owner;
CREATE TRIGGER fired AFTER DELETE OR UPDATE ON t.lines FOR EACH STATEMENT EXECUTE FUNCTION t.fired();
RESET ROLE;
SELECT count(*) > 10 AS tried, count(*) FILTER (WHERE NOT ok) AS failed, string_agg(detail, '; ') FILTER (WHERE detail LIKE '%would run as role%') AS untried FROM tenant_guard.prove('t.orders');
SELECT last_value > 0 AS fired FROM t.fired;
-- Another role's trigger reads nothing by the privileges of the role that tries.
SET ROLE regress_mallory;
CREATE TRIGGER fired AFTER DELETE OR UPDATE ON m.notes FOR EACH STATEMENT EXECUTE FUNCTION m.fired();
RESET ROLE;
SELECT count(*) > 10 AS tried, count(*) FILTER (WHERE NOT ok) AS failed FROM tenant_guard.prove('t.orders');
SELECT count(*) > 10 AS tried, count(*) FILTER (WHERE NOT ok) AS failed FROM tenant_guard.prove('t.orders', role => 'regress_owner');
SELECT last_value AS reads FROM m.reads;

DROP SCHEMA m, t CASCADE;
DROP ROLE regress_mallory, regress_owner, regress_app;
