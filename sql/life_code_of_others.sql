-- What a tenant's rows are counted and deleted by runs no role's code as another role, and deletes nothing for a role that could not delete it.
\i test/setup/owner_and_app.sql
SET client_min_messages = warning;
CREATE ROLE regress_mallory;
CREATE SCHEMA m AUTHORIZATION regress_mallory;
GRANT USAGE ON SCHEMA t TO regress_mallory;
GRANT USAGE ON SCHEMA m TO PUBLIC;
SET ROLE regress_mallory;
-- no rollback takes back what a sequence says
CREATE SEQUENCE m.as_another MINVALUE 0 START 0;
GRANT ALL ON SEQUENCE m.as_another TO PUBLIC;
CREATE FUNCTION m.note() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	IF current_user OPERATOR(pg_catalog.<>) 'regress_mallory' THEN PERFORM pg_catalog.nextval('m.as_another'); END IF;
END $$;
CREATE FUNCTION m.yes(text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM m.note(); RETURN true; END $$;
CREATE FUNCTION m.fired() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	PERFORM m.note();
	-- what purge_tenant() deletes is kept, and what a foreign key's action deletes is not
	RETURN CASE WHEN tg_when OPERATOR(pg_catalog.<>) 'BEFORE' OR pg_catalog.pg_trigger_depth() OPERATOR(pg_catalog.>) 1 THEN OLD END;
END $$;

-- tenants() asks whether an index is partial, and does not evaluate its condition as the superuser.
CREATE TABLE m.rows (id int, tenant_id uuid);
CREATE INDEX ON m.rows (tenant_id) WHERE m.yes('x');
SELECT setval('m.as_another', 0);
RESET ROLE;
\c
\i test/setup/tenants.sql
SET client_min_messages = warning;
SELECT tenant_guard.tenants('m.rows');
SELECT last_value AS as_another FROM m.as_another;

-- An AFTER trigger that a foreign key's action fires would run as the role that deletes the referenced rows, until PostgreSQL 17: of an
-- ordinary role, and of a superuser; and so would one on a partition.
CREATE TABLE public.orders_of_superuser (id int, tenant_id uuid, PRIMARY KEY (tenant_id, id));
SET ROLE regress_owner;
CREATE TABLE t.orders (id int, tenant_id uuid, PRIMARY KEY (tenant_id, id));
GRANT REFERENCES ON t.orders TO regress_mallory;
RESET ROLE;
GRANT REFERENCES ON public.orders_of_superuser TO regress_mallory;
CREATE FUNCTION purged(relation regclass) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	PERFORM tenant_guard_internal.purge_group(ARRAY[relation::oid], '{tenant_id}', 'aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa', 0);
	RETURN 'purged';
EXCEPTION WHEN object_not_in_prerequisite_state THEN
	GET STACKED DIAGNOSTICS result = PG_EXCEPTION_HINT;
	RETURN SQLERRM || ' HINT: ' || result;
END $$;
-- from 18 on it is purged, and runs as its owner
CREATE FUNCTION refused(relation regclass, why text) RETURNS boolean LANGUAGE sql AS $$
SELECT purged(relation) LIKE CASE WHEN current_setting('server_version_num')::int >= 180000 THEN 'purged' ELSE why END
$$;
SET ROLE regress_mallory;
CREATE TABLE m.notes (tenant_id uuid, ord int, FOREIGN KEY (tenant_id, ord) REFERENCES t.orders ON DELETE CASCADE);
CREATE TABLE m.super_notes (tenant_id uuid, ord int, FOREIGN KEY (tenant_id, ord) REFERENCES public.orders_of_superuser ON DELETE CASCADE) PARTITION BY RANGE (ord);
CREATE TABLE m.super_notes_1 PARTITION OF m.super_notes FOR VALUES FROM (0) TO (10);
RESET ROLE;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
SET LOCAL tenant_guard.bypass = on;
INSERT INTO t.orders SELECT n, :a FROM generate_series(1, 3) n;
INSERT INTO public.orders_of_superuser SELECT n, :a FROM generate_series(1, 3) n;
INSERT INTO m.notes SELECT :a, n FROM generate_series(1, 3) n;
INSERT INTO m.super_notes SELECT :a, n FROM generate_series(1, 3) n;
COMMIT;
-- Without a trigger nothing is refused.
BEGIN;
SELECT purged('t.orders'), purged('public.orders_of_superuser');
ROLLBACK;
-- With one the action is refused, and the hint disables the trigger.
SET ROLE regress_mallory;
CREATE TRIGGER keep BEFORE DELETE ON m.notes FOR EACH ROW EXECUTE FUNCTION m.fired();
CREATE TRIGGER fired AFTER DELETE ON m.notes FOR EACH ROW EXECUTE FUNCTION m.fired();
CREATE TRIGGER fired AFTER DELETE ON m.super_notes_1 FOR EACH ROW EXECUTE FUNCTION m.fired();
RESET ROLE;
BEGIN;
SELECT refused('t.orders', 'trigger "fired" of table m.notes would run as role "regress_owner" HINT: Run ALTER TABLE m.notes DISABLE TRIGGER fired;%');
SELECT refused('public.orders_of_superuser', 'trigger "fired" of table m.super_notes_1 would run as role "%" HINT: Run ALTER TABLE m.super_notes_1 DISABLE TRIGGER fired;%');
ROLLBACK;
-- The hint works, and a BEFORE trigger runs as the owner of its table, so nothing is refused for it.
BEGIN;
ALTER TABLE m.notes DISABLE TRIGGER fired;
SELECT purged('t.orders');
ROLLBACK;
-- A trigger that the BEFORE trigger makes meanwhile comes too late for the row that it is made for, and is refused for the next one.
SET ROLE regress_mallory;
ALTER TABLE m.notes DISABLE TRIGGER fired;
CREATE FUNCTION m.armed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
	IF NOT EXISTS (SELECT FROM pg_catalog.pg_trigger WHERE tgname OPERATOR(pg_catalog.=) 'late') THEN
		CREATE TRIGGER late AFTER DELETE ON m.notes FOR EACH STATEMENT EXECUTE FUNCTION m.fired();
	END IF;
	RETURN OLD;
END $$;
CREATE TRIGGER armed BEFORE DELETE ON m.notes FOR EACH ROW EXECUTE FUNCTION m.armed();
RESET ROLE;
BEGIN;
SELECT refused('t.orders', 'trigger "late" of table m.notes would run as role "regress_owner"%');
ROLLBACK;
DROP TRIGGER armed ON m.notes;
-- A trigger whose function belongs to the role that deletes, or to a superuser, is none of another's.
ALTER TABLE m.notes ENABLE TRIGGER fired;
BEGIN;
CREATE FUNCTION t.nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
DROP TRIGGER fired ON m.notes;
CREATE TRIGGER fired AFTER DELETE ON m.notes FOR EACH ROW EXECUTE FUNCTION t.nothing();
SELECT purged('t.orders');
ROLLBACK;
-- No trigger has run as another role.
SELECT last_value AS as_another FROM m.as_another;

-- A key of a role that may not delete from a table does not make that a table of the tenants.
SET ROLE regress_owner;
CREATE TABLE t.plans (id uuid PRIMARY KEY);
INSERT INTO t.plans VALUES (:a);
GRANT REFERENCES ON t.plans TO regress_mallory;
CREATE TABLE t.tenants (id uuid PRIMARY KEY);
INSERT INTO t.tenants VALUES (:a);
CREATE TABLE t.customers (id int, tenant_id uuid REFERENCES t.tenants);
SET ROLE regress_mallory;
CREATE TABLE m.plans (id int, tenant_id uuid REFERENCES t.plans);
RESET ROLE;
SELECT object FROM tenant_guard.tenant_inventory(:a) WHERE kind = 'tenant';

-- A function that raises an error keeps its own table from being counted, and no other.
SET ROLE regress_mallory;
CREATE OR REPLACE FUNCTION m.yes(text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RAISE division_by_zero USING MESSAGE = 'no'; END $$;
RESET ROLE;
SELECT object, rows, detail FROM tenant_guard.tenant_inventory(:a) WHERE object IN ('m.rows', 't.orders');
DROP TABLE m.rows;

-- Code of a role cannot use cursors that were open when tenant_guard began to run it: it would read rows of the caller, and move the cursors of
-- loops in functions of tenant_guard past tables. What it opens itself it can use.
SET ROLE regress_mallory;
CREATE FUNCTION m.move() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
	cursors name[] := ARRAY(SELECT c.name FROM pg_catalog.pg_cursors c WHERE c.name OPERATOR(pg_catalog.=) ANY (TG_ARGV));
	mine CURSOR FOR SELECT n FROM pg_catalog.generate_series(1, 20) n;
	other refcursor;
	seen int;
BEGIN
	FOR one IN mine LOOP
		seen := one.n;
	END LOOP;
	RAISE WARNING 'own cursor: % rows', seen;
	FOR seen IN 1 .. pg_catalog.cardinality(cursors) LOOP
		BEGIN
			other := cursors[seen];
			FETCH other INTO seen;
			RAISE WARNING 'moved %', other;
		EXCEPTION WHEN invalid_cursor_state THEN
			RAISE WARNING '%', SQLERRM;
		END;
	END LOOP;
	RETURN NULL;
END $$;
CREATE TABLE m.moved (id int, tenant_id uuid);
CREATE TRIGGER move AFTER DELETE ON m.moved FOR EACH STATEMENT EXECUTE FUNCTION m.move('of_caller');
RESET ROLE;
BEGIN;
DECLARE of_caller CURSOR FOR SELECT n FROM generate_series(1, 20) n;
SELECT purged('m.moved');
ROLLBACK;
-- A loop whose cursor was to be moved ends with an error.
DROP TRIGGER move ON m.moved;
DROP TABLE m.notes, m.super_notes;
CREATE FUNCTION m.move_all() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
	name text;
	other refcursor;
BEGIN
	FOREACH name IN ARRAY ARRAY(SELECT c.name::text FROM pg_catalog.pg_cursors c WHERE c.statement LIKE '%purge_groups()%') LOOP
		BEGIN
			other := name;
			MOVE FORWARD ALL FROM other;
		EXCEPTION WHEN invalid_cursor_state THEN
			NULL;
		END;
	END LOOP;
	RETURN NULL;
END $$;
ALTER FUNCTION m.move_all() OWNER TO regress_mallory;
CREATE TRIGGER move AFTER DELETE ON m.moved FOR EACH STATEMENT EXECUTE FUNCTION m.move_all();
DO $$
BEGIN
	PERFORM tenant_guard.purge_tenant('aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa', dry_run => false);
	RAISE WARNING 'purged';
EXCEPTION WHEN object_not_in_prerequisite_state THEN
	RAISE WARNING '%', regexp_replace(SQLERRM, '\d+', 'N');
END $$;
DROP TABLE m.moved;

-- In a table that is not guarded, a collation may call the identifiers of two tenants equal: they are two tenants nevertheless.

SET tenant_guard.tenant_type = 'text';
SET tenant_guard.auto_protect = off;
CREATE COLLATION public.any_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TABLE public.letters (id int, tenant_id text COLLATE public.any_case);
INSERT INTO public.letters VALUES (1, 'acme'), (2, 'ACME');
SELECT object, rows FROM tenant_guard.tenant_inventory('acme') WHERE object LIKE '%letters';
SELECT relation, deleted, remaining FROM tenant_guard.purge_tenant('acme', dry_run => false) WHERE relation = 'letters'::regclass;
SELECT * FROM public.letters;
RESET tenant_guard.tenant_type;
RESET tenant_guard.auto_protect;

DROP TABLE public.letters;
DROP COLLATION public.any_case;
DROP FUNCTION refused, purged;
DROP SCHEMA m, t CASCADE;
DROP TABLE public.orders_of_superuser;
DROP ROLE regress_mallory, regress_owner, regress_app;
