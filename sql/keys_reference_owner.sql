--
-- REFERENCES is among GRANT ALL, and by a key of its own a role could ask of
-- every tenant's row whether it is there: only the owner of a guarded table lets
-- a table reference it that does not carry the tenant.
--
\i test/setup/owner_and_app.sql
SET client_min_messages = warning;
CREATE ROLE regress_member IN ROLE regress_owner;
CREATE SCHEMA own AUTHORIZATION regress_app;
GRANT ALL ON SCHEMA own TO regress_member;
SET ROLE regress_owner;
CREATE TABLE t.p (id int PRIMARY KEY, tenant_id uuid, UNIQUE (tenant_id, id));
CREATE TABLE t.plain (id int PRIMARY KEY);
CREATE TABLE t.worded (tenant_id uuid, id int, w int, UNIQUE (tenant_id, id, w));
CREATE TYPE t.number AS (i int);
CREATE FUNCTION t.as_int(t.number) RETURNS int LANGUAGE sql AS 'SELECT ($1).i';
CREATE CAST (t.number AS int) WITH FUNCTION t.as_int(t.number) AS IMPLICIT;
GRANT ALL ON t.p, t.plain, t.worded TO regress_app;
RESET ROLE;
SET tenant_guard.bypass = on;
INSERT INTO t.p VALUES (1, :a), (2, :b);
RESET tenant_guard.bypass;

--
-- A table that is not guarded must not reference a guarded one, by whatever
-- statement, label or setting.
--
SET ROLE regress_app;
CREATE TABLE own.asks (t uuid, i int, FOREIGN KEY (t, i) REFERENCES t.p (tenant_id, id));
CREATE TABLE own.asks (t uuid, i int);
\set VERBOSITY terse
ALTER TABLE own.asks ADD FOREIGN KEY (i) REFERENCES t.p;
ALTER TABLE own.asks ADD FOREIGN KEY (t, i) REFERENCES t.p (tenant_id, id) NOT VALID;
ALTER TABLE own.asks ADD COLUMN j int REFERENCES t.p;
SELECT tenant_guard.share('own.asks');
ALTER TABLE own.asks ADD FOREIGN KEY (i) REFERENCES t.p;
SET row_security = off;
ALTER TABLE own.asks ADD FOREIGN KEY (i) REFERENCES t.p;
CREATE TABLE own.no_guard (id int, tenant_id uuid, i int REFERENCES t.p);
RESET row_security;
CREATE TABLE own.whole (id int, i int) PARTITION BY RANGE (id);
CREATE TABLE own.part PARTITION OF own.whole FOR VALUES FROM (1) TO (10);
ALTER TABLE own.part ADD FOREIGN KEY (i) REFERENCES t.p;
ALTER TABLE own.whole ADD FOREIGN KEY (i) REFERENCES t.p;
RESET ROLE;
SET tenant_guard.foreign_keys = error;
SET ROLE regress_app;
ALTER TABLE own.asks ADD FOREIGN KEY (i) REFERENCES t.p;

-- Where a superuser has keys left as they are, it is left too.
RESET ROLE;
SET tenant_guard.foreign_keys = off;
SET ROLE regress_app;
ALTER TABLE own.asks ADD CONSTRAINT left_alone FOREIGN KEY (i) REFERENCES t.p;
ALTER TABLE own.asks DROP CONSTRAINT left_alone;
RESET ROLE;
RESET tenant_guard.foreign_keys;
SET ROLE regress_app;

-- A table of the role's own that is guarded must reference it by a key that
-- carries the tenant, as ever, ...
CREATE TABLE own.lines (id int, tenant_id uuid, p int CONSTRAINT of_p REFERENCES t.p);
SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'of_p';
BEGIN;
SET LOCAL tenant_guard.tenant_id = :a;
INSERT INTO own.lines VALUES (1, DEFAULT, 1);
INSERT INTO own.lines VALUES (2, DEFAULT, 2);
ROLLBACK;

-- ... and keep its guard while it does.
SELECT tenant_guard.unprotect('own.lines');
ALTER TABLE own.lines DROP CONSTRAINT of_p;
SELECT tenant_guard.unprotect('own.lines');

-- Tables that are not guarded may be referenced.
ALTER TABLE own.asks ADD FOREIGN KEY (i) REFERENCES t.plain;

-- The owner, a member of it and a superuser may make such a key.
RESET ROLE;
SET ROLE regress_owner;
CREATE TABLE t.asks (i int REFERENCES t.p);
SET ROLE regress_member;
CREATE TABLE own.of_member (i int REFERENCES t.p);
RESET ROLE;
ALTER TABLE own.asks ADD CONSTRAINT meant FOREIGN KEY (i) REFERENCES t.p;
DROP TABLE own.of_member;

-- One that is there is not made by the next statement.
SET ROLE regress_app;
ALTER TABLE own.asks ADD CONSTRAINT more FOREIGN KEY (i) REFERENCES t.plain;
RESET ROLE;

--
-- A column's type may come with a cast, and PostgreSQL calls it as the owner of
-- the other table: not before anybody has looked at it, nor after.
--
SET ROLE regress_app;
CREATE TYPE own.number AS (i int);
CREATE FUNCTION own.as_int(own.number) RETURNS int LANGUAGE plpgsql AS
$$ BEGIN
	RAISE WARNING 'called as %', current_user;
	RETURN ($1).i;
END $$;
CREATE CAST (own.number AS int) WITH FUNCTION own.as_int(own.number) AS IMPLICIT;
GRANT USAGE ON SCHEMA own TO regress_owner;
CREATE TABLE own.filled (id int, tenant_id uuid, i own.number);
BEGIN;
SET LOCAL tenant_guard.tenant_id = :a;
INSERT INTO own.filled VALUES (1, DEFAULT, ROW(1));
COMMIT;
\set VERBOSITY default
ALTER TABLE own.filled ADD FOREIGN KEY (tenant_id, i) REFERENCES t.p (tenant_id, id);
\set VERBOSITY terse
ALTER TABLE own.filled ADD FOREIGN KEY (i) REFERENCES t.p;
CREATE TABLE own.empty (id int, tenant_id uuid, i own.number, FOREIGN KEY (tenant_id, i) REFERENCES t.p (tenant_id, id));
CREATE TABLE own.no_column (i own.number REFERENCES t.p);
CREATE TABLE own.to_plain (i own.number REFERENCES t.plain);

-- It must not be called for a superuser either, who does not know of it.
RESET ROLE;
ALTER TABLE own.filled ADD FOREIGN KEY (tenant_id, i) REFERENCES t.p (tenant_id, id);
SET ROLE regress_app;

-- Nor as a role that has the privileges of an owner of guarded tables.
RESET ROLE;
CREATE ROLE regress_none;
GRANT ALL ON SCHEMA own TO regress_none;
SET ROLE regress_member;
CREATE TABLE own.of_member (i int PRIMARY KEY);
GRANT REFERENCES ON own.of_member TO regress_app;
SET ROLE regress_app;
CREATE TABLE own.to_member (i own.number REFERENCES own.of_member);

-- A role that has not, has no rights over one to give.
SET ROLE regress_none;
CREATE TABLE own.of_none (i int PRIMARY KEY);
GRANT REFERENCES ON own.of_none TO regress_app;
SET ROLE regress_app;
CREATE TABLE own.to_none (i own.number REFERENCES own.of_none);

-- A cast of PostgreSQL's own is no such function.
CREATE TABLE own.small (id int, tenant_id uuid, i smallint, FOREIGN KEY (tenant_id, i) REFERENCES t.p (tenant_id, id));
SELECT conrelid::regclass, pg_get_constraintdef(oid) FROM pg_constraint WHERE confrelid = 't.p'::regclass ORDER BY conrelid::regclass::text COLLATE "C";

-- Nor is a cast made later that a key which is there would call: not even for the
-- key that has a function of the owner's own besides, and of whatever context.
CREATE TYPE own.word AS ENUM ('one', 'two');
CREATE CAST (own.word AS int) WITH INOUT AS IMPLICIT;
CREATE TABLE own.waits (id int, tenant_id uuid, i t.number, w own.word, FOREIGN KEY (tenant_id, i, w) REFERENCES t.worded (tenant_id, id, w));
CREATE FUNCTION own.as_int(own.word) RETURNS int LANGUAGE sql AS 'SELECT NULL::int';
CREATE FUNCTION own.as_text(own.word) RETURNS text LANGUAGE sql AS 'SELECT NULL::text';
DROP CAST (own.word AS int);
CREATE CAST (own.word AS int) WITH FUNCTION own.as_int(own.word) AS IMPLICIT;
CREATE CAST (own.word AS int) WITH FUNCTION own.as_int(own.word) AS ASSIGNMENT;
CREATE CAST (own.word AS int) WITH FUNCTION own.as_int(own.word);

-- One that no such key would call is no matter.
CREATE CAST (own.word AS text) WITH FUNCTION own.as_text(own.word) AS IMPLICIT;
DROP TABLE own.waits;
CREATE CAST (own.word AS int) WITH INOUT AS IMPLICIT;
CREATE TABLE own.words (id int, tenant_id uuid, w int, UNIQUE (tenant_id, w));
CREATE TABLE own.uses (id int, tenant_id uuid, w own.word, FOREIGN KEY (tenant_id, w) REFERENCES own.words (tenant_id, w));
DROP CAST (own.word AS int);
CREATE CAST (own.word AS int) WITH FUNCTION own.as_int(own.word) AS IMPLICIT;

-- Nor may the other table be given to an owner of guarded ones; to one who has no such rights it may.
RESET ROLE;
ALTER TABLE own.of_none OWNER TO regress_owner;
ALTER TABLE own.of_none OWNER TO regress_member;
REASSIGN OWNED BY regress_none TO regress_owner;
CREATE ROLE regress_other;
ALTER TABLE own.of_none OWNER TO regress_other;
REASSIGN OWNED BY regress_other TO regress_none;
DROP ROLE regress_other;
SELECT relowner::regrole FROM pg_class WHERE oid = 'own.of_none'::regclass;

--
-- A key that stands may be of no matter while the owner of the other table owns no
-- guarded one. The first that is guarded would give the owner's new rights to the
-- function that the key calls.
--
RESET ROLE;
CREATE ROLE regress_late;
GRANT ALL ON SCHEMA own, t TO regress_late;
SET ROLE regress_late;
CREATE TABLE t.known (i int PRIMARY KEY);
GRANT REFERENCES ON t.known TO regress_app;
CREATE TABLE t.orders (id int, org uuid);
CREATE TABLE t.by_hand (id int, org uuid NOT NULL DEFAULT tenant_guard.current_tenant());
SET ROLE regress_app;
CREATE TABLE own.knows (i own.number CONSTRAINT calls REFERENCES t.known);
SET ROLE regress_late;
\set VERBOSITY default
SELECT tenant_guard.protect('t.orders', 'org');
\set VERBOSITY terse
CREATE TABLE t.made (id int, tenant_id uuid);
CREATE TABLE t.made AS SELECT NULL::uuid AS tenant_id WHERE false;
EXPLAIN (ANALYZE, COSTS off, TIMING off, SUMMARY off) CREATE TABLE t.made AS SELECT NULL::uuid AS tenant_id WHERE false;
ALTER TABLE t.orders RENAME org TO tenant_id;
ALTER TABLE t.orders ADD tenant_id uuid;
SELECT * FROM tenant_guard.protect_schema('t', 'org');
BEGIN;
CREATE POLICY tenant_isolation ON t.by_hand AS RESTRICTIVE USING (org = tenant_guard.current_tenant()) WITH CHECK (org = tenant_guard.current_tenant());
ALTER TABLE t.by_hand ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ROLLBACK;
-- Nor is a whole that is guarded by hand, with which its parts are guarded.
BEGIN;
CREATE TABLE t.whole (id int, org uuid NOT NULL DEFAULT tenant_guard.current_tenant()) PARTITION BY LIST (id);
CREATE TABLE t.part PARTITION OF t.whole DEFAULT;
CREATE POLICY tenant_isolation ON t.whole AS RESTRICTIVE USING (org = tenant_guard.current_tenant()) WITH CHECK (org = tenant_guard.current_tenant());
ROLLBACK;
-- Nor is a guarded table given to it.
RESET ROLE;
ALTER TABLE t.worded OWNER TO regress_late;
-- Nor is one guarded by a new name of its schema, which is no longer excluded.
SET tenant_guard.excluded_schemas = 'left_alone';
CREATE SCHEMA left_alone AUTHORIZATION regress_late;
SET ROLE regress_late;
CREATE TABLE left_alone.orders (tenant_id uuid);
RESET ROLE;
ALTER SCHEMA left_alone RENAME TO not_left_alone;
RESET tenant_guard.excluded_schemas;
DROP SCHEMA left_alone CASCADE;
SET ROLE regress_late;

-- A script of pg_dump is not refused: audit() finds what it restored.
SET row_security = off;
CREATE POLICY tenant_isolation ON t.by_hand AS RESTRICTIVE USING (org = tenant_guard.current_tenant()) WITH CHECK (org = tenant_guard.current_tenant());
ALTER TABLE t.by_hand ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
RESET row_security;
RESET ROLE;
SELECT * FROM tenant_guard.audit() WHERE rule = 'key_calls_function';
SELECT remedy FROM tenant_guard.audit() WHERE rule = 'key_calls_function' \gset
:remedy;
SELECT * FROM tenant_guard.audit() WHERE rule = 'key_calls_function';

-- Nor may such a key be to a table of a role that has the new owner's privileges.
CREATE ROLE regress_first;
CREATE ROLE regress_heir IN ROLE regress_first;
GRANT ALL ON SCHEMA own, t TO regress_first, regress_heir;
SET ROLE regress_heir;
CREATE TABLE t.heirs (i int PRIMARY KEY);
GRANT REFERENCES ON t.heirs TO regress_app;
SET ROLE regress_app;
CREATE TABLE own.knows_heirs (i own.number CONSTRAINT calls_heir REFERENCES t.heirs);
SET ROLE regress_first;
CREATE TABLE t.first (id int, tenant_id uuid);
RESET ROLE;

-- Before PostgreSQL 18 an AFTER trigger that a key's action fires runs as whoever
-- changes the other table: audit() must name those of other roles, however far away
-- the table is.
SET ROLE regress_app;
CREATE TABLE own.near (id int PRIMARY KEY, tenant_id uuid, p int REFERENCES t.p ON DELETE CASCADE, UNIQUE (tenant_id, id));
CREATE TABLE own.far (id int, tenant_id uuid, near int REFERENCES own.near ON UPDATE CASCADE);
CREATE FUNCTION own.f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE FUNCTION own.definer() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER after_far AFTER UPDATE ON own.far FOR EACH ROW EXECUTE FUNCTION own.f();
CREATE TRIGGER before_far BEFORE UPDATE ON own.far FOR EACH ROW EXECUTE FUNCTION own.f();
CREATE TRIGGER insert_far AFTER INSERT ON own.far FOR EACH ROW EXECUTE FUNCTION own.f();
CREATE TRIGGER definer_far AFTER UPDATE ON own.far FOR EACH ROW EXECUTE FUNCTION own.definer();
CREATE TRIGGER after_asks AFTER UPDATE ON own.asks FOR EACH ROW EXECUTE FUNCTION own.f();
RESET ROLE;
SELECT count(*) = (current_setting('server_version_num')::int < 180000)::int AS good,
	   bool_and(object = 'after_far on own.far' AND detail LIKE 'calls function own.f() of role regress_app as who changes tables of role regress_owner,%') IS NOT FALSE AS named
FROM tenant_guard.audit() WHERE rule = 'key_calls_function';

RESET ROLE;
SET client_min_messages = error;
DROP SCHEMA own, t CASCADE;
DROP ROLE regress_owner, regress_app, regress_member, regress_none, regress_late, regress_first, regress_heir;
