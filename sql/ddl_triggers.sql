--
-- Whoever puts a trigger on a guarded table has code of his own run as the
-- table's owner, where a foreign key's action fires it: nobody but the owner
-- may, whatever was granted.
--
\i test/setup/app.sql
SET client_min_messages = warning;
CREATE ROLE regress_owner;
CREATE ROLE regress_member IN ROLE regress_owner;
GRANT ALL ON SCHEMA t TO regress_owner, regress_member;
SET ROLE regress_owner;
CREATE TABLE t.parents (id int, tenant_id uuid, PRIMARY KEY (tenant_id, id));
CREATE TABLE t.children (parent int, tenant_id uuid, FOREIGN KEY (tenant_id, parent) REFERENCES t.parents ON DELETE CASCADE);
CREATE TABLE t.plain (id int PRIMARY KEY);
CREATE TABLE t.of_plain (id int REFERENCES t.plain ON DELETE CASCADE);
CREATE TABLE t.events (at int, tenant_id uuid) PARTITION BY RANGE (at);
CREATE TABLE t.events_1 PARTITION OF t.events FOR VALUES FROM (0) TO (9);
RESET ROLE;
SET tenant_guard.auto_protect = off;
SET ROLE regress_owner;
CREATE TABLE t.open (at int, tenant_id uuid) PARTITION BY RANGE (at);
CREATE TABLE t.open_1 PARTITION OF t.open FOR VALUES FROM (0) TO (9);
RESET ROLE;
RESET tenant_guard.auto_protect;
SELECT tenant_guard.protect('t.open_1');
GRANT ALL ON ALL TABLES IN SCHEMA t TO regress_app;
CREATE FUNCTION t.spy() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE WARNING ''runs as %'', current_user; RETURN OLD; END';

-- One to whom all was granted must be refused, and told who may.
SET ROLE regress_app;
CREATE TRIGGER spy BEFORE DELETE ON t.children FOR EACH ROW EXECUTE FUNCTION t.spy();
\echo :LAST_ERROR_SQLSTATE

-- So must a constraint trigger, one on a partitioned table, on a partition, and on what is guarded in part.
\set VERBOSITY terse
CREATE CONSTRAINT TRIGGER spy AFTER DELETE ON t.children DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION t.spy();
CREATE TRIGGER spy AFTER DELETE ON t.events FOR EACH ROW EXECUTE FUNCTION t.spy();
CREATE TRIGGER spy AFTER DELETE ON t.events_1 FOR EACH STATEMENT EXECUTE FUNCTION t.spy();
CREATE TRIGGER spy AFTER DELETE ON t.open FOR EACH ROW EXECUTE FUNCTION t.spy();
SELECT count(*) FROM pg_trigger WHERE tgname = 'spy';

-- So must one on a table of the same owner's that is not guarded, where a key acts.
\set VERBOSITY default
CREATE TRIGGER spy BEFORE DELETE ON t.of_plain FOR EACH ROW EXECUTE FUNCTION t.spy();
\set VERBOSITY terse

-- So must one on such a table of a role that has the owner's privileges.
SET ROLE regress_member;
CREATE TABLE t.of_member (id int REFERENCES t.plain ON DELETE CASCADE);
GRANT ALL ON t.of_member TO regress_app;
SET ROLE regress_app;
CREATE TRIGGER spy BEFORE DELETE ON t.of_member FOR EACH ROW EXECUTE FUNCTION t.spy();

-- So must one on a view that reads a guarded table, which would get what each tenant writes through it.
RESET ROLE;
SET ROLE regress_owner;
CREATE VIEW t.view AS SELECT * FROM t.children;
CREATE VIEW t.view_of_view AS SELECT parent FROM t.view;
CREATE VIEW t.view_of_plain AS SELECT * FROM t.plain;
GRANT ALL ON t.view, t.view_of_view, t.view_of_plain TO regress_app;
SET ROLE regress_app;
\set VERBOSITY default
CREATE TRIGGER spy INSTEAD OF INSERT ON t.view_of_view FOR EACH ROW EXECUTE FUNCTION t.spy();
\set VERBOSITY terse
CREATE TRIGGER spy BEFORE DELETE ON t.view FOR EACH STATEMENT EXECUTE FUNCTION t.spy();
CREATE TRIGGER spy INSTEAD OF INSERT ON t.view_of_plain FOR EACH ROW EXECUTE FUNCTION t.spy();
SET ROLE regress_owner;
CREATE TRIGGER spy INSTEAD OF INSERT ON t.view FOR EACH ROW EXECUTE FUNCTION t.spy();
SET ROLE regress_app;

-- So must one on any other table of such an owner's: a function of the owner's that is SECURITY DEFINER would fire it.
CREATE TRIGGER spy BEFORE DELETE ON t.plain FOR EACH ROW EXECUTE FUNCTION t.spy();

-- One of a role that has no rights over guarded tables is nobody's business.
RESET ROLE;
CREATE ROLE regress_none;
GRANT ALL ON SCHEMA t TO regress_none;
SET ROLE regress_none;
CREATE TABLE t.of_none (id int);
GRANT ALL ON t.of_none TO regress_app;
SET ROLE regress_app;
CREATE TRIGGER spy BEFORE DELETE ON t.of_none FOR EACH ROW EXECUTE FUNCTION t.spy();

-- One on a partitioned table of a role's own must be refused where the owner's partition would have it, too.
RESET ROLE;
CREATE TABLE t.mixed (at int) PARTITION BY RANGE (at);
CREATE TABLE t.mixed_1 PARTITION OF t.mixed FOR VALUES FROM (0) TO (9);
ALTER TABLE t.mixed OWNER TO regress_app;
ALTER TABLE t.mixed_1 OWNER TO regress_owner;
GRANT ALL ON t.mixed_1 TO regress_app;
SET ROLE regress_app;
CREATE TRIGGER spy AFTER DELETE ON t.mixed FOR EACH ROW EXECUTE FUNCTION t.spy();
RESET ROLE;
DROP TABLE t.mixed;

-- The owner, a member and a superuser may; another may not replace what they made.
SET ROLE regress_member;
CREATE TRIGGER spy BEFORE DELETE ON t.children FOR EACH ROW EXECUTE FUNCTION t.spy();
SET ROLE regress_app;
CREATE OR REPLACE TRIGGER spy BEFORE DELETE ON t.children FOR EACH ROW WHEN (OLD.parent > 0) EXECUTE FUNCTION t.spy();
SET ROLE regress_owner;
CREATE OR REPLACE TRIGGER spy BEFORE DELETE ON t.children FOR EACH ROW WHEN (OLD.parent > 1) EXECUTE FUNCTION t.spy();
RESET ROLE;
CREATE OR REPLACE TRIGGER spy BEFORE DELETE ON t.children FOR EACH ROW WHEN (OLD.parent > 2) EXECUTE FUNCTION t.spy();

-- The triggers of a key that references a guarded table are not meant: who has REFERENCES may still make one.
SET ROLE regress_app;
CREATE TABLE t.mine (parent int, tenant_id uuid, FOREIGN KEY (tenant_id, parent) REFERENCES t.parents);

-- Whoever may bypass may do it.
RESET ROLE;
DROP TRIGGER spy ON t.children;
SET tenant_guard.bypass = on;
SET ROLE regress_app;
CREATE TRIGGER spy BEFORE DELETE ON t.children FOR EACH ROW EXECUTE FUNCTION t.spy();
RESET ROLE;
RESET tenant_guard.bypass;

-- A trigger of another role's that was there before the guard, made with a bypass here: protect() must refuse the table, and protect_schema() say so.
SET client_min_messages = notice;
CREATE SCHEMA later AUTHORIZATION regress_owner;
SET tenant_guard.auto_protect = off;
SET ROLE regress_owner;
CREATE TABLE later.orders (id int PRIMARY KEY, tenant_id uuid NOT NULL);
CREATE TABLE later.lines (id int REFERENCES later.orders, tenant_id uuid NOT NULL);
CREATE TABLE later.notes (id int REFERENCES later.orders);
GRANT USAGE ON SCHEMA later TO regress_app, regress_member;
GRANT ALL ON ALL TABLES IN SCHEMA later TO regress_app, regress_member;
SET ROLE regress_app;
CREATE FUNCTION t.true(later.lines) RETURNS bool LANGUAGE plpgsql AS 'BEGIN RAISE WARNING ''runs as %'', current_user; RETURN true; END';
RESET ROLE;
SET tenant_guard.bypass = on;
SET ROLE regress_app;
CREATE TRIGGER "Spy" BEFORE DELETE ON later.lines FOR EACH ROW WHEN (t.true(OLD)) EXECUTE FUNCTION suppress_redundant_updates_trigger();
CREATE TRIGGER spy BEFORE DELETE ON later.notes FOR EACH ROW EXECUTE FUNCTION t.spy();
RESET ROLE;
RESET tenant_guard.bypass;
RESET tenant_guard.auto_protect;
ALTER FUNCTION t.spy OWNER TO regress_app;
\set VERBOSITY default
SELECT tenant_guard.protect('later.lines');
\set VERBOSITY terse
SELECT * FROM tenant_guard.protect_schema('later');

-- So must a key be refused that would fire the trigger of a table that has no tenant column, and derive_tenant_column().
SET ROLE regress_owner;
ALTER TABLE later.notes ADD CONSTRAINT acts FOREIGN KEY (id) REFERENCES later.orders ON UPDATE CASCADE;
ALTER TABLE later.notes ADD CONSTRAINT acts FOREIGN KEY (id) REFERENCES later.orders ON DELETE CASCADE;
SELECT tenant_guard.derive_tenant_column('later.notes');

-- A key that does not act must be taken, and so must one of a role that has no rights over guarded tables.
ALTER TABLE later.notes ADD CONSTRAINT acts_not FOREIGN KEY (id) REFERENCES later.orders;
SET ROLE regress_none;
CREATE TABLE t.before_none (id int PRIMARY KEY);
ALTER TABLE t.of_none ADD FOREIGN KEY (id) REFERENCES t.before_none ON DELETE CASCADE;
SET ROLE regress_owner;

-- So must ADD COLUMN of the tenant column, and one that comes as a part.
ALTER TABLE later.notes ADD tenant_id uuid;
CREATE TABLE later.events (at int, tenant_id uuid) PARTITION BY RANGE (at);
RESET ROLE;
SET tenant_guard.auto_protect = off;
SET ROLE regress_owner;
CREATE TABLE later.events_1 (at int, tenant_id uuid NOT NULL);
GRANT ALL ON later.events_1 TO regress_app;
RESET ROLE;
SET tenant_guard.bypass = on;
SET ROLE regress_app;
CREATE TRIGGER spy BEFORE DELETE ON later.events_1 FOR EACH ROW EXECUTE FUNCTION t.spy();
RESET ROLE;
RESET tenant_guard.bypass;
RESET tenant_guard.auto_protect;
SET ROLE regress_owner;
ALTER TABLE later.events ATTACH PARTITION later.events_1 FOR VALUES FROM (0) TO (9);

-- So must a part of a whole that is not guarded, and on which a key acts.
CREATE TABLE later.acted (id int REFERENCES later.orders ON DELETE CASCADE) PARTITION BY RANGE (id);
CREATE TABLE later.acted_1 (id int);
GRANT ALL ON later.acted_1 TO regress_app;
RESET ROLE;
SET tenant_guard.bypass = on;
SET ROLE regress_app;
CREATE TRIGGER spy BEFORE DELETE ON later.acted_1 FOR EACH ROW EXECUTE FUNCTION t.spy();
RESET ROLE;
RESET tenant_guard.bypass;
SET ROLE regress_owner;
ALTER TABLE later.acted ATTACH PARTITION later.acted_1 FOR VALUES FROM (0) TO (9);
DROP TABLE later.acted, later.acted_1;

-- So must a schema be refused that is no longer excluded by its new name.
RESET ROLE;
SET tenant_guard.excluded_schemas = 'left_alone';
CREATE SCHEMA left_alone AUTHORIZATION regress_owner;
GRANT USAGE ON SCHEMA left_alone TO regress_app;
SET ROLE regress_owner;
CREATE TABLE left_alone.a (tenant_id uuid);
GRANT TRIGGER ON left_alone.a TO regress_app;
RESET ROLE;
SET tenant_guard.bypass = on;
SET ROLE regress_app;
CREATE TRIGGER spy BEFORE DELETE ON left_alone.a FOR EACH ROW EXECUTE FUNCTION t.spy();
RESET ROLE;
RESET tenant_guard.bypass;
ALTER SCHEMA left_alone RENAME TO not_left_alone;
RESET tenant_guard.excluded_schemas;
DROP SCHEMA left_alone CASCADE;
SET ROLE regress_owner;

-- In a script of pg_dump, and where it is meant, it must be said only; and audit() must find it, and who may make more.
SET row_security = off;
ALTER TABLE later.notes ADD CONSTRAINT acts FOREIGN KEY (id) REFERENCES later.orders ON DELETE CASCADE;
RESET row_security;
RESET ROLE;
SET tenant_guard.bypass = on;
SET client_min_messages = warning;
SELECT tenant_guard.protect('later.lines');
RESET tenant_guard.bypass;
ALTER ROLE regress_app LOGIN;
CREATE VIEW findings AS SELECT rule, level, object, detail, remedy FROM tenant_guard.audit() WHERE object ~ 'later' OR remedy ~ 'later';
\a
SELECT * FROM findings WHERE rule ~ '^trigger';
\a

-- What the hint and the remedy say must mend it.
ALTER ROUTINE t.true(later.lines) OWNER TO regress_owner;
DROP TRIGGER spy ON later.notes;
DROP TRIGGER spy ON later.events_1;
SELECT remedy FROM findings WHERE rule = 'trigger_granted' \gexec
SELECT * FROM findings WHERE rule ~ '^trigger';
SELECT tenant_guard.protect('later.lines');

-- A function of a member's, a trigger that the table's whole has, and what was said once must stand in nobody's way.
SET ROLE regress_member;
CREATE FUNCTION t.ours() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN OLD; END';
SET ROLE regress_owner;
CREATE TRIGGER spy BEFORE DELETE ON later.events FOR EACH ROW EXECUTE FUNCTION t.spy();
CREATE TABLE later.events_2 PARTITION OF later.events FOR VALUES FROM (9) TO (19);
CREATE TABLE later.others (id int);
CREATE TRIGGER ours BEFORE DELETE ON later.others FOR EACH ROW EXECUTE FUNCTION t.ours();
ALTER TABLE later.others ADD tenant_id uuid;
SELECT tenant_guard.protect('later.others'), tenant_guard.protect('later.events');
RESET ROLE;

-- An operator in its WHEN condition calls a function, too: the trigger must be found, and the table refused.
SET ROLE regress_app;
CREATE FUNCTION t.same(int, int) RETURNS bool LANGUAGE plpgsql AS 'BEGIN RAISE WARNING ''runs as %'', current_user; RETURN true; END';
CREATE OPERATOR t.=== (LEFTARG = int, RIGHTARG = int, FUNCTION = t.same);
SET ROLE regress_owner;
CREATE TABLE later.counts (id int);
GRANT TRIGGER ON later.counts TO regress_app;
RESET ROLE;
SET tenant_guard.bypass = on;
SET ROLE regress_app;
CREATE TRIGGER spy BEFORE UPDATE ON later.counts FOR EACH ROW WHEN (OLD.id OPERATOR(t.===) 1) EXECUTE FUNCTION suppress_redundant_updates_trigger();
RESET ROLE;
RESET tenant_guard.bypass;
SELECT level, object, detail FROM findings WHERE rule = 'trigger_of_other';
SET ROLE regress_owner;
ALTER TABLE later.counts ADD tenant_id uuid;

-- Where a key acts on the whole of which its table is a part, it is an error.
CREATE TABLE later.all_counts (id int REFERENCES later.orders ON DELETE CASCADE) PARTITION BY RANGE (id);
RESET ROLE;
SET tenant_guard.bypass = on;
ALTER TABLE later.all_counts ATTACH PARTITION later.counts FOR VALUES FROM (0) TO (9);
RESET tenant_guard.bypass;
SELECT level, object FROM findings WHERE rule = 'trigger_of_other';
SET ROLE regress_owner;
ALTER TABLE later.all_counts DETACH PARTITION later.counts;
DROP TRIGGER spy ON later.counts;
ALTER TABLE later.counts ADD tenant_id uuid;

-- A guarded table that has such a trigger all the same must still become a part of another.
CREATE TABLE later.events_3 (at int, tenant_id uuid NOT NULL);
GRANT TRIGGER ON later.events_3 TO regress_app;
RESET ROLE;
SET tenant_guard.bypass = on;
SET ROLE regress_app;
CREATE TRIGGER watch BEFORE DELETE ON later.events_3 FOR EACH ROW EXECUTE FUNCTION t.spy();
RESET ROLE;
RESET tenant_guard.bypass;
SET ROLE regress_owner;
ALTER TABLE later.events ATTACH PARTITION later.events_3 FOR VALUES FROM (19) TO (29);
RESET ROLE;

-- Of a table that is given away it must be said, until its functions are given away, too.
CREATE ROLE regress_new;
GRANT ALL ON SCHEMA later, t TO regress_new;
ALTER TABLE later.others OWNER TO regress_new;
ALTER FUNCTION t.ours() OWNER TO regress_new;
ALTER TABLE later.others OWNER TO regress_owner;
GRANT regress_owner TO regress_new;
ALTER TABLE later.others OWNER TO regress_owner;

DROP VIEW findings;
DROP SCHEMA later CASCADE;
DROP SCHEMA t CASCADE;
DROP ROLE regress_new, regress_none;
DROP ROLE regress_owner, regress_member, regress_app;
