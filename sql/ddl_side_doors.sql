--
-- Ways by which a table's owner could have opened a guarded table, or made
-- one that is not guarded, with statements that do not look like it.
--
\i test/setup/owner_and_app.sql
SET client_min_messages = warning;
CREATE FUNCTION t.status(regclass) RETURNS text LANGUAGE sql SECURITY DEFINER AS
$$ SELECT status FROM tenant_guard.tables_and_partitions WHERE relation = $1 $$;
SET ROLE regress_owner;
CREATE TABLE t.notes (id uuid NOT NULL, tenant_id uuid, body text);
RESET client_min_messages;

-- The policy must not move to another column.
ALTER POLICY tenant_isolation ON t.notes
	USING (id = tenant_guard.current_tenant()) WITH CHECK (id = tenant_guard.current_tenant());
\echo :LAST_ERROR_SQLSTATE

-- The column must not come by way of a row type.
\set VERBOSITY terse
CREATE TABLE t.by_attribute (id int, x uuid);
ALTER TYPE t.by_attribute RENAME ATTRIBUTE x TO tenant_id;
SELECT t.status('t.by_attribute');
CREATE TYPE t.comp AS (id int);
CREATE TABLE t.typed OF t.comp;
ALTER TYPE t.comp ADD ATTRIBUTE tenant_id uuid CASCADE;
SELECT t.status('t.typed');
CREATE TYPE t.comp2 AS (id int, x uuid);
CREATE TABLE t.typed2 OF t.comp2;
ALTER TYPE t.comp2 RENAME ATTRIBUTE x TO tenant_id CASCADE;
SELECT t.status('t.typed2');
\set VERBOSITY default

-- A guarded table must not be read through a parent that is not guarded.
CREATE TABLE t.base (id uuid NOT NULL, body text);
ALTER TABLE t.notes INHERIT t.base;
\echo :LAST_ERROR_SQLSTATE
CREATE TABLE t.below () INHERITS (t.base);
CREATE TABLE t.below_guarded (tenant_id uuid) INHERITS (t.base);
SELECT tenant_guard.share('t.base');

-- Where the parent holds tenants' rows and is open anyway, that is said.
RESET ROLE;
SET tenant_guard.auto_protect = off;
SET ROLE regress_owner;
CREATE TABLE t.legacy (tenant_id uuid NOT NULL, n int) PARTITION BY LIST (n);
RESET ROLE;
SET tenant_guard.auto_protect = on;
SET ROLE regress_owner;
CREATE TABLE t.legacy_1 PARTITION OF t.legacy FOR VALUES IN (1);
CREATE TABLE t.legacy_2 (tenant_id uuid NOT NULL, n int);
ALTER TABLE t.legacy ATTACH PARTITION t.legacy_2 FOR VALUES IN (2);

-- But it must not open what was closed: rows that are there, in a partition or
-- below it, and any table that is to inherit.
CREATE TABLE t.legacy_3 (tenant_id uuid NOT NULL, n int);
CREATE TABLE t.legacy_4 (tenant_id uuid NOT NULL, n int) PARTITION BY LIST (n);
CREATE TABLE t.legacy_4_1 PARTITION OF t.legacy_4 DEFAULT;
BEGIN;
SELECT tenant_guard.set_tenant('aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa');
INSERT INTO t.legacy_3 (n) VALUES (3);
INSERT INTO t.legacy_4 (n) VALUES (4);
COMMIT;
ALTER TABLE t.legacy ATTACH PARTITION t.legacy_3 FOR VALUES IN (3);
ALTER TABLE t.legacy ATTACH PARTITION t.legacy_4 FOR VALUES IN (4);
CREATE TABLE t.gets_column (id int);
SELECT tenant_guard.share('t.gets_column');
ALTER TABLE t.gets_column ADD COLUMN tenant_id uuid;
CREATE TABLE t.joins (id int, tenant_id uuid);
ALTER TABLE t.joins INHERIT t.gets_column;
\echo :LAST_ERROR_SQLSTATE

-- So it must be with one that is guarded as it joins, and no warning come before.
RESET ROLE;
SET tenant_guard.auto_protect = off;
SET ROLE regress_owner;
CREATE TABLE t.unguarded_yet (id int, tenant_id uuid);
CREATE TABLE t.plain_above (id int);
RESET ROLE;
SET tenant_guard.auto_protect = on;
SET ROLE regress_owner;
ALTER TABLE t.unguarded_yet INHERIT t.plain_above;
SELECT t.status('t.unguarded_yet');

-- One that a shared parent had kept open must be guarded when it leaves that.
ALTER TABLE t.unguarded_yet INHERIT t.gets_column;
SELECT t.status('t.unguarded_yet');
ALTER TABLE t.unguarded_yet NO INHERIT t.gets_column;
SELECT t.status('t.unguarded_yet');

-- A partition that leaves a table which nobody has guarded yet must stay as it is.
RESET ROLE;
SET tenant_guard.auto_protect = off;
SET ROLE regress_owner;
CREATE TABLE t.legacy_0 PARTITION OF t.legacy FOR VALUES IN (0);
RESET ROLE;
SET tenant_guard.auto_protect = on;
SET ROLE regress_owner;
ALTER TABLE t.legacy DETACH PARTITION t.legacy_0;
SELECT t.status('t.legacy_0');

-- An owner's revoked privileges must make no difference to that.
REVOKE ALL ON t.legacy_3 FROM regress_owner;
\set VERBOSITY sqlstate
ALTER TABLE t.legacy ATTACH PARTITION t.legacy_3 FOR VALUES IN (3);
\set VERBOSITY default

-- A child of two guarded tables must keep its guard when one loses it.
\set VERBOSITY terse
CREATE TABLE t.one (id int, tenant_id uuid);
CREATE TABLE t.two (id int, tenant_id uuid);
CREATE TABLE t.both () INHERITS (t.one, t.two);
\set VERBOSITY default
SELECT tenant_guard.unprotect('t.one');
SELECT t.status('t.one'), t.status('t.both');

-- A child must be guarded by its parent's column, and not by another.
\set VERBOSITY terse
CREATE TABLE t.by_org (id int, org uuid, tenant_id uuid NOT NULL);
SELECT tenant_guard.unprotect('t.by_org');
SELECT tenant_guard.protect('t.by_org', 'org');
\set VERBOSITY default
ALTER TABLE t.by_org INHERIT t.one;

-- A part that a script brings must be guarded as it comes, and stay so when it leaves.
\set VERBOSITY terse
CREATE TABLE t.parted (id int, tenant_id uuid) PARTITION BY LIST (id);
SET row_security = off;
CREATE TABLE t.part_1 (id int, tenant_id uuid NOT NULL);
ALTER TABLE t.parted ATTACH PARTITION t.part_1 FOR VALUES IN (1);
RESET row_security;
SELECT t.status('t.part_1');
ALTER TABLE t.parted DETACH PARTITION t.part_1;
SELECT t.status('t.part_1');

-- So must the next one.
SET row_security = off;
CREATE TABLE t.part_2 (id int, tenant_id uuid NOT NULL);
ALTER TABLE t.parted ATTACH PARTITION t.part_2 FOR VALUES IN (2);
RESET row_security;
ALTER TABLE t.parted ATTACH PARTITION t.part_1 FOR VALUES IN (1);
SELECT t.status('t.part_1'), t.status('t.part_2');

-- NOT NULL on a parent alone must not take the CHECK from its children.
CREATE TABLE t.above (id int, t uuid);
CREATE TABLE t.child () INHERITS (t.above);
INSERT INTO t.child VALUES (1, NULL);
ALTER TABLE t.above RENAME t TO tenant_id;
ALTER TABLE ONLY t.above ALTER tenant_id SET NOT NULL;
SELECT t.status('t.above'), t.status('t.child');

-- A schema that is no longer an excluded one must not bring open tables, nor keys that do not carry the tenant, and must say
-- what is open above its tables.
RESET ROLE;
SET tenant_guard.excluded_schemas = 't_stage';
CREATE SCHEMA t_stage AUTHORIZATION regress_owner
	CREATE TABLE st (id int PRIMARY KEY, tenant_id uuid)
	CREATE TABLE of_st (st int REFERENCES st, tenant_id uuid)
	CREATE TABLE above (id int);
CREATE TABLE t_stage.below (tenant_id uuid) INHERITS (t_stage.above);
SELECT t.status('t_stage.st');
ALTER SCHEMA t_stage RENAME TO t_live;
SELECT t.status('t_live.st');
SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 't_live.of_st'::regclass AND contype = 'f';
DROP TABLE t_live.of_st, t_live.below, t_live.above;
RESET tenant_guard.excluded_schemas;

-- A statement of another event trigger, while ours runs, must be seen too.
CREATE FUNCTION t.make_table() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
	IF to_regclass('t.made_between') IS NULL THEN
		CREATE TABLE t.made_between (tenant_id uuid);
	END IF;
END
$$;
CREATE EVENT TRIGGER a_regress ON ddl_command_end WHEN TAG IN ('CREATE POLICY') EXECUTE FUNCTION t.make_table();
SET ROLE regress_owner;
CREATE TABLE t.outer_one (tenant_id uuid);
RESET ROLE;
DROP EVENT TRIGGER a_regress;
SELECT t.status('t.made_between'), t.status('t.outer_one');

-- Operators of the caller's search_path must not run in the extension's queries.
CREATE SCHEMA evil;
CREATE FUNCTION evil.talk("char", "char") RETURNS boolean LANGUAGE plpgsql AS
$$ BEGIN RAISE NOTICE 'evil operator, as %', current_user; RETURN true; END $$;
CREATE OPERATOR evil.= (LEFTARG = "char", RIGHTARG = "char", FUNCTION = evil.talk);
SET search_path = evil, pg_catalog;
SELECT count(*) FROM tenant_guard.protect_schema('t_live');
SELECT count(*) > 0 AS some FROM tenant_guard.tables;
RESET search_path;

-- What is not ours must be left alone: a policy that once had our name in a
-- statement that failed, and a CHECK of our name that says something else.
SET ROLE regress_owner;
CREATE TABLE t.other (id int);
CREATE POLICY x ON t.other AS RESTRICTIVE USING (true);
ALTER POLICY x ON t.other RENAME TO tenant_isolation;
DROP POLICY IF EXISTS x ON t.other;
DROP POLICY IF EXISTS tenant_isolation ON t.other;
CREATE TABLE t.own_check (id int, tenant_id uuid, CONSTRAINT tenant_not_null CHECK (id > 0));
ALTER TABLE t.own_check ALTER id SET NOT NULL;
SELECT tenant_guard.unprotect('t.own_check');
SELECT conname FROM pg_constraint WHERE conrelid = 't.own_check'::regclass AND contype = 'c';

-- unprotect must take off what is left of a damaged guard.
CREATE TABLE t.broken (tenant_id uuid);
RESET ROLE;
SET tenant_guard.bypass = on;
ALTER POLICY tenant_isolation ON t.broken RENAME TO harmless;
RESET tenant_guard.bypass;
SET ROLE regress_owner;
SELECT tenant_guard.unprotect('t.broken');
\d t.broken
SELECT t.status('t.broken');

-- Statements on policies that alter none must go on working.
CREATE TABLE t.restored (id int, tenant_id uuid NOT NULL);
SELECT tenant_guard.unprotect('t.restored');
SET row_security = off;
ALTER TABLE ONLY t.restored FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_access ON t.restored USING (tenant_guard.guarded());
CREATE POLICY tenant_isolation ON t.restored AS RESTRICTIVE USING (tenant_id = tenant_guard.current_tenant()) WITH CHECK (tenant_id = tenant_guard.current_tenant());
COMMENT ON POLICY tenant_isolation ON t.restored IS 'restored by its owner';
ALTER TABLE t.restored ENABLE ROW LEVEL SECURITY;
RESET row_security;
SELECT t.status('t.restored');

-- What a function sends that a statement of the extension's own calls must not pass for such a statement: here a cast that
-- drops another table's policy while a key is paired and its rows are checked: not when they are counted before.
CREATE SEQUENCE t.calls;
CREATE TYPE t.size AS ENUM ('small', 'large');
CREATE FUNCTION t.number_of(t.size) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	IF nextval('t.calls') > 1 THEN
		DROP POLICY tenant_isolation ON t.restored;
	END IF;
	RETURN 1;
END $$;
CREATE CAST (t.size AS int) WITH FUNCTION t.number_of(t.size) AS IMPLICIT;
CREATE TABLE t.sizes (tenant_id uuid, id int UNIQUE);
CREATE TABLE t.sized (tenant_id uuid, size t.size);
RESET ROLE;
SET tenant_guard.foreign_keys = off;
SET ROLE regress_owner;
ALTER TABLE t.sized ADD FOREIGN KEY (size) REFERENCES t.sizes (id);
RESET ROLE;
RESET tenant_guard.foreign_keys;
SET tenant_guard.bypass = on;
INSERT INTO t.sizes VALUES (:a, 1);
ALTER TABLE t.sized DISABLE TRIGGER ALL;
INSERT INTO t.sized VALUES (:a, 'small');
ALTER TABLE t.sized ENABLE TRIGGER ALL;
RESET tenant_guard.bypass;
SET ROLE regress_owner;
SELECT tenant_guard.pair_foreign_keys('t.sized');
SELECT t.status('t.restored');

-- Nor may one on the very table of the extension's statement.
CREATE OR REPLACE FUNCTION t.number_of(t.size) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	IF nextval('t.calls') > 1 THEN
		DROP POLICY tenant_isolation ON t.sized;
	END IF;
	RETURN 1;
END $$;
ALTER SEQUENCE t.calls RESTART;
SELECT tenant_guard.pair_foreign_keys('t.sized');
SELECT t.status('t.sized');

-- A partition that is attached must be judged as itself, not as what its name means afterwards: here the partition key's
-- function makes another table of that name the one that is found. Its rows would be read through a parent without a guard.
RESET ROLE;
CREATE SCHEMA t_decoy AUTHORIZATION regress_owner;
SET ROLE regress_owner;
CREATE TABLE t_decoy.orders (id int);
CREATE FUNCTION t.moved(id int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
	PERFORM set_config('search_path', 't_decoy, t', false);
	RETURN id;
END $$;
CREATE TABLE t.orders (id int, tenant_id uuid);
RESET ROLE;
SET tenant_guard.bypass = on;
INSERT INTO t.orders VALUES (1, :b);
RESET tenant_guard.bypass;
SET tenant_guard.auto_protect = off;
CREATE TABLE t.w (id int, tenant_id uuid NOT NULL) PARTITION BY RANGE (t.moved(id));
ALTER TABLE t.w OWNER TO regress_owner;
RESET tenant_guard.auto_protect;
SET ROLE regress_owner;
SET search_path = t;
ALTER TABLE w ATTACH PARTITION orders FOR VALUES FROM (0) TO (10);
\echo :LAST_ERROR_SQLSTATE
RESET search_path;
SELECT inhparent::regclass FROM pg_inherits WHERE inhrelid = 't.orders'::regclass;

-- An EXPLAIN that makes no table must guard none.
SELECT tenant_guard.unprotect('t.typed');
RESET ROLE;
SET tenant_guard.auto_protect = off;
CREATE TABLE t.there (tenant_id uuid);
SET tenant_guard.auto_protect = on;
DO $$ BEGIN
	EXECUTE 'EXPLAIN (ANALYZE false) CREATE TABLE IF NOT EXISTS t.there AS SELECT 1';
	EXECUTE 'EXPLAIN ANALYZE CREATE TABLE IF NOT EXISTS t.there AS SELECT 1';
END $$;
SELECT t.status('t.there');

SET client_min_messages = warning;
DROP SCHEMA t, t_live, t_decoy, evil CASCADE;
DROP ROLE regress_owner, regress_app;
