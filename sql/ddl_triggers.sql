--
-- Whoever puts a trigger on a guarded table has code of his own run as the
-- table's owner, where a foreign key's action fires it: nobody but the owner
-- may, whatever was granted.
--
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE ROLE regress_owner;
CREATE ROLE regress_member IN ROLE regress_owner;
CREATE ROLE regress_app;
CREATE SCHEMA t;
GRANT ALL ON SCHEMA t TO regress_owner, regress_member, regress_app;
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

-- Another that is not guarded is nobody's business.
CREATE TRIGGER spy BEFORE DELETE ON t.plain FOR EACH ROW EXECUTE FUNCTION t.spy();

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

DROP SCHEMA t CASCADE;
DROP ROLE regress_owner, regress_member, regress_app;
