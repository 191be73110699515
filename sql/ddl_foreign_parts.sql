--
-- A foreign table has no row-level security, and what a guarded parent's
-- policy does for it is not enough: it must not be a part of a guarded table.
--
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE ROLE regress_owner;
CREATE FOREIGN DATA WRAPPER regress_fdw;
CREATE SERVER regress_server FOREIGN DATA WRAPPER regress_fdw;
GRANT USAGE ON FOREIGN SERVER regress_server TO regress_owner;
CREATE SCHEMA t AUTHORIZATION regress_owner;
SET ROLE regress_owner;
CREATE TABLE t.events (at int, tenant_id uuid) PARTITION BY RANGE (at);
CREATE TABLE t.events_1 PARTITION OF t.events FOR VALUES FROM (0) TO (9);
CREATE TABLE t.notes (id int, tenant_id uuid);
SET client_min_messages = error;
CREATE FOREIGN TABLE t.remote (at int, tenant_id uuid NOT NULL) SERVER regress_server;
CREATE FOREIGN TABLE t.remote_notes (id int, tenant_id uuid NOT NULL) SERVER regress_server;
SET client_min_messages = warning;

-- ATTACH PARTITION must be refused, and say what to do.
ALTER TABLE t.events ATTACH PARTITION t.remote FOR VALUES FROM (10) TO (19);
\echo :LAST_ERROR_SQLSTATE

-- So must PARTITION OF, INHERITS and INHERIT.
\set VERBOSITY terse
CREATE FOREIGN TABLE t.far PARTITION OF t.events FOR VALUES FROM (20) TO (29) SERVER regress_server;
CREATE FOREIGN TABLE t.below () INHERITS (t.notes) SERVER regress_server;
ALTER FOREIGN TABLE t.remote_notes INHERIT t.notes;
SELECT count(*) FROM pg_inherits JOIN pg_class ON oid = inhrelid WHERE relkind = 'f';

-- A table that is not guarded may have such parts; it must not be guarded by protect, by its new column, by
-- hand or as a part of another.
CREATE TABLE t.plain (id int);
CREATE FOREIGN TABLE t.plain_below () INHERITS (t.plain) SERVER regress_server;
ALTER TABLE t.plain ADD tenant_id uuid;
RESET ROLE;
SET tenant_guard.auto_protect = off;
SET ROLE regress_owner;
CREATE TABLE t.open (at int, tenant_id uuid NOT NULL) PARTITION BY RANGE (at);
CREATE FOREIGN TABLE t.open_far PARTITION OF t.open FOR VALUES FROM (20) TO (29) SERVER regress_server;
SELECT tenant_guard.protect('t.open');
ALTER TABLE t.events ATTACH PARTITION t.open FOR VALUES FROM (20) TO (29);
ALTER TABLE t.open ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON t.open AS RESTRICTIVE USING (tenant_id = tenant_guard.current_tenant()) WITH CHECK (tenant_id = tenant_guard.current_tenant());
ALTER TABLE t.open DISABLE ROW LEVEL SECURITY, NO FORCE ROW LEVEL SECURITY;
RESET ROLE;
RESET tenant_guard.auto_protect;
SET ROLE regress_owner;
ALTER TABLE t.events ATTACH PARTITION t.open FOR VALUES FROM (20) TO (29);
SELECT * FROM tenant_guard.protect_schema('t') WHERE relation::text LIKE 't.open%';
RESET ROLE;
SELECT relation, status FROM tenant_guard.tables_and_partitions WHERE relation::text LIKE 't.%' ORDER BY relation::text COLLATE "C";

-- Where that is meant it is said.
\set VERBOSITY default
SET tenant_guard.bypass = on;
CREATE FOREIGN TABLE t.meant PARTITION OF t.events FOR VALUES FROM (30) TO (39) SERVER regress_server;
\set VERBOSITY terse
SELECT tenant_guard.protect('t.open');
RESET tenant_guard.bypass;

-- So it must be in a dump's script, which restores what there was.
SET ROLE regress_owner;
SET row_security = off;
ALTER TABLE t.events ATTACH PARTITION t.remote FOR VALUES FROM (10) TO (19);
RESET row_security;
RESET ROLE;

-- audit() finds those that are there.
SELECT level, object, remedy FROM tenant_guard.audit() WHERE rule = 'foreign_part';

-- So it does below a part that has lost its guard.
BEGIN;
SET LOCAL client_min_messages = error;
SET LOCAL tenant_guard.bypass = on;
ALTER TABLE t.events ATTACH PARTITION t.open FOR VALUES FROM (20) TO (29);
DROP POLICY tenant_isolation ON t.open;
DROP POLICY IF EXISTS tenant_access ON t.open;
SELECT object FROM tenant_guard.audit() WHERE rule = 'foreign_part' AND object = 't.open_far';
ROLLBACK;

-- prove() does not try them, nor the tables that they are parts of.
SELECT relation, probe, ok, detail FROM tenant_guard.prove('t.events') WHERE relation <> 't.events_1'::regclass;
SELECT relation, probe, ok, detail FROM tenant_guard.prove('t.open');

-- The remedies must take them out, and then protect and prove go on.
SELECT remedy FROM tenant_guard.audit() WHERE rule = 'foreign_part' \gexec
SELECT tenant_guard.protect('t.events');
SELECT count(*) FROM tenant_guard.audit() WHERE rule = 'foreign_part';
SELECT bool_and(ok) FROM tenant_guard.prove('t.events');

SET client_min_messages = error;
DROP FOREIGN DATA WRAPPER regress_fdw CASCADE;
DROP SCHEMA t CASCADE;
DROP ROLE regress_owner;
