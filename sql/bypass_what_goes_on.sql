--
-- What is meant, and what a guard does not concern, must go on working; what
-- stands next to it must not.
--
\i test/setup/app.sql
SET client_min_messages = warning;
CREATE ROLE regress_owner;
CREATE ROLE regress_bypassrls BYPASSRLS;
GRANT regress_bypassrls TO regress_app;
GRANT ALL ON SCHEMA t TO regress_owner, regress_bypassrls;
CREATE TABLE t.notes (id int PRIMARY KEY, tenant_id uuid, body text);
CREATE TABLE t.plain AS SELECT 1 AS id;
GRANT ALL ON t.notes, t.plain TO regress_app, regress_owner, regress_bypassrls;
SET tenant_guard.bypass = on;
INSERT INTO t.notes VALUES (1, :a, 'of a'), (2, :b, 'of b');
RESET tenant_guard.bypass;
RESET client_min_messages;

-- A refusal inside a statement that goes on must leave queries as they were.
SET ROLE regress_app;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
DO $$ BEGIN
	BEGIN
		EXECUTE 'CREATE MATERIALIZED VIEW t.n AS SELECT * FROM t.notes';
	EXCEPTION WHEN SQLSTATE 'TG003' THEN
		NULL;
	END;
	RAISE NOTICE 'sees % notes', (SELECT count(*) FROM t.notes);
END $$;
ROLLBACK;

-- A materialized view of a role that may bypass must not be filled for a
-- member of it that may not.
RESET ROLE;
CREATE MATERIALIZED VIEW t.m AS SELECT * FROM t.notes WITH NO DATA;
ALTER MATERIALIZED VIEW t.m OWNER TO regress_bypassrls;
SET ROLE regress_bypassrls;
SET row_security = off;
REFRESH MATERIALIZED VIEW t.m;
SET ROLE regress_app;
\set VERBOSITY sqlstate
REFRESH MATERIALIZED VIEW t.m;
\set VERBOSITY default
RESET row_security;
RESET ROLE;

-- A held cursor must work where it is meant.
SET tenant_guard.bypass = on;
BEGIN;
DECLARE meant CURSOR WITH HOLD FOR SELECT body FROM t.notes ORDER BY id;
COMMIT;
FETCH ALL FROM meant;
CLOSE meant;
RESET tenant_guard.bypass;

-- A role that loses BYPASSRLS must lose its plans.
SET ROLE regress_bypassrls;
PREPARE q AS SELECT body FROM t.notes;
SET row_security = off;
EXECUTE q;
RESET row_security;
RESET ROLE;
ALTER ROLE regress_bypassrls NOBYPASSRLS;
SET ROLE regress_bypassrls;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
EXECUTE q;
COMMIT;
DEALLOCATE q;
RESET ROLE;

-- Functions must be inlined as ever, outside foreign keys' statements.
CREATE FUNCTION t.inlined(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 + 1';
EXPLAIN (VERBOSE, COSTS OFF) SELECT t.inlined(id) FROM t.plain;

-- A statement that alters a table may read guarded ones for its tenant.
CREATE FUNCTION t.how_many() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM t.notes';
ALTER TABLE t.plain OWNER TO regress_owner;
SET ROLE regress_owner;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
ALTER TABLE t.plain ADD COLUMN n bigint DEFAULT t.how_many();
SELECT n FROM t.plain;
ROLLBACK;
RESET ROLE;

-- Under a cascade an error that is caught must leave the next cascade as it
-- was, and a function that a trigger calls is bound as the trigger is.
SET client_min_messages = warning;
CREATE TABLE t.parents (id int PRIMARY KEY);
CREATE TABLE t.children (id int PRIMARY KEY, tenant_id uuid, parent int REFERENCES t.parents ON DELETE CASCADE);
ALTER TABLE t.children OWNER TO regress_owner;
ALTER TABLE t.parents OWNER TO regress_owner;
GRANT ALL ON t.parents, t.children TO regress_app;
SET tenant_guard.bypass = on;
INSERT INTO t.parents VALUES (1), (2), (3);
INSERT INTO t.children VALUES (1, :a, 1), (2, :a, 2), (3, :b, 3);
RESET tenant_guard.bypass;
RESET client_min_messages;
CREATE FUNCTION t.fails() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN IF OLD.id = 1 THEN RAISE 'no'; END IF; RETURN OLD; END $$;
CREATE TRIGGER fails BEFORE DELETE ON t.children FOR EACH ROW EXECUTE FUNCTION t.fails();
SET ROLE regress_app;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
DO $$ BEGIN DELETE FROM t.parents WHERE id = 1; EXCEPTION WHEN raise_exception THEN RAISE NOTICE 'caught'; END $$;
DELETE FROM t.parents WHERE id = 2;
SELECT id FROM t.children ORDER BY id;
ROLLBACK;
RESET ROLE;
DROP TRIGGER fails ON t.children;
CREATE FUNCTION t.counts() RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN RETURN (SELECT count(*) FROM t.children); END $$;
CREATE FUNCTION t.spy() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE NOTICE 'sees % and % children', t.counts(), (SELECT count(*) FROM t.children); RETURN OLD; END $$;
CREATE TRIGGER spy BEFORE DELETE ON t.children FOR EACH ROW EXECUTE FUNCTION t.spy();
SET ROLE regress_app;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
DELETE FROM t.parents WHERE id = 1;
ROLLBACK;
RESET ROLE;

-- A table whose guard is damaged must not be truncated or hidden either.
CREATE SCHEMA u;
SET tenant_guard.bypass = on;
ALTER TABLE t.notes DISABLE ROW LEVEL SECURITY;
RESET tenant_guard.bypass;
\set VERBOSITY sqlstate
TRUNCATE t.notes;
SET search_path = t;
CREATE TEMPORARY TABLE notes (id int);
\set VERBOSITY default

-- A permanent table of the same name hides nothing for the next client.
SET search_path = u, t;
CREATE TABLE notes (id int);
RESET search_path;
SELECT tenant_guard.protect('t.notes');

-- A CHECK that is inherited must stay when a child alone is NOT NULL.
CREATE TABLE t.np AS SELECT 1 AS id;
CREATE TABLE t.nc () INHERITS (t.np);
ALTER TABLE t.np ADD COLUMN tenant_id uuid;
ALTER TABLE t.nc ALTER tenant_id SET NOT NULL;
SELECT conname FROM pg_constraint WHERE conrelid = 't.nc'::regclass AND contype = 'c';

-- A part of what is unprotected on purpose must be left alone when it leaves.
CREATE TABLE t.g (tenant_id uuid, n int) PARTITION BY LIST (n);
SELECT tenant_guard.unprotect('t.g');
CREATE TABLE t.leaf PARTITION OF t.g DEFAULT;
ALTER TABLE t.g DETACH PARTITION t.leaf;
SELECT relrowsecurity FROM pg_class WHERE oid = 't.leaf'::regclass;

-- A table that is gone by the end of its statement must be no error.
CREATE FUNCTION t.drops() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN DROP TABLE IF EXISTS t.gone; END';
CREATE EVENT TRIGGER a_regress_drops ON ddl_command_end WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION t.drops();
CREATE TABLE t.gone (tenant_id uuid);
DROP EVENT TRIGGER a_regress_drops;

SET client_min_messages = warning;
DROP SCHEMA t, u CASCADE;
DROP ROLE regress_app, regress_owner, regress_bypassrls;
