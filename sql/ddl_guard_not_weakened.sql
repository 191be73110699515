--
-- A statement that would weaken a guard fails, whoever sends it; what leaves
-- the guard whole goes on working.
--
\i test/setup/tenants.sql
CREATE ROLE regress_owner;
CREATE ROLE regress_next;
CREATE SCHEMA t;
GRANT ALL ON SCHEMA t TO regress_owner, regress_next;
GRANT regress_next TO regress_owner;
SET ROLE regress_owner;
CREATE TABLE t.notes (id int PRIMARY KEY, tenant_id uuid, body text);
CREATE TABLE t.later AS SELECT NULL::uuid AS tenant_id;
CREATE TABLE t.parent (tenant_id uuid, n int) PARTITION BY LIST (n);
CREATE TABLE t.part PARTITION OF t.parent FOR VALUES IN (1);

-- Row-level security must stay enabled and forced.
ALTER TABLE t.notes DISABLE ROW LEVEL SECURITY;
\echo :LAST_ERROR_SQLSTATE
ALTER TABLE t.notes NO FORCE ROW LEVEL SECURITY;
ALTER TABLE t.notes ADD COLUMN sneaked int, DISABLE ROW LEVEL SECURITY;
ALTER TABLE t.part DISABLE ROW LEVEL SECURITY;
DO $$ BEGIN EXECUTE 'ALTER TABLE t.notes DISABLE ROW LEVEL SECURITY'; END $$;

-- Its policy must stay as it is.
DROP POLICY tenant_isolation ON t.notes;
ALTER POLICY tenant_isolation ON t.notes USING (true);
ALTER POLICY tenant_isolation ON t.notes WITH CHECK (true);
ALTER POLICY tenant_isolation ON t.notes USING (tenant_id = tenant_guard.current_tenant() OR true);
ALTER POLICY tenant_isolation ON t.notes TO regress_next;
ALTER POLICY tenant_isolation ON t.notes RENAME TO harmless;

-- Even where the application has replaced the permissive one.
DROP POLICY tenant_access ON t.notes;
CREATE POLICY mine ON t.notes USING (true);
DROP POLICY tenant_isolation ON t.notes;
ALTER POLICY tenant_isolation ON t.notes USING (true);
ALTER TABLE t.notes DROP COLUMN tenant_id CASCADE;
DROP POLICY mine ON t.notes;
CREATE POLICY tenant_access ON t.notes USING (tenant_guard.guarded());

-- The tenant column must stay, with its type, and without nulls.
ALTER TABLE t.notes DROP COLUMN tenant_id;
ALTER TABLE t.notes DROP COLUMN tenant_id CASCADE;
ALTER TABLE t.notes ALTER COLUMN tenant_id TYPE text;
-- The type that it has is no other: PostgreSQL's own words must say why it cannot be given again, with other values or without.
\set VERBOSITY terse
ALTER TABLE t.notes ALTER COLUMN tenant_id TYPE uuid;
ALTER TABLE t.notes ALTER COLUMN tenant_id TYPE uuid USING gen_random_uuid();
\set VERBOSITY default
-- Another type of tenants' values must be refused as a weakening, as any change of the column is.
RESET ROLE;
SET tenant_guard.tenant_type = text;
SET ROLE regress_owner;
CREATE TABLE t.of_texts (tenant_id varchar(36));
\set VERBOSITY terse
ALTER TABLE t.of_texts ALTER COLUMN tenant_id TYPE text;
\set VERBOSITY default
DROP TABLE t.of_texts;
RESET ROLE;
RESET tenant_guard.tenant_type;
SET ROLE regress_owner;
ALTER TABLE t.parent DROP COLUMN tenant_id;
ALTER TABLE t.notes ALTER COLUMN tenant_id DROP NOT NULL;
ALTER TABLE t.parent ALTER COLUMN tenant_id DROP NOT NULL;
ALTER TABLE t.later DROP CONSTRAINT tenant_not_null;

-- The label of an unguarded table must not be had for a guarded one.
BEGIN;
SELECT FROM tenant_guard.set_tenant(:a);
INSERT INTO t.notes (id, body) VALUES (0, 'gone');
DELETE FROM t.notes;
COMMIT;
SECURITY LABEL FOR tenant_guard ON TABLE t.notes IS 'shared';
SECURITY LABEL FOR tenant_guard ON TABLE t.notes IS 'unprotected';

-- None of this must have left a trace.
RESET ROLE;
SELECT relation, status, detail FROM tenant_guard.tables_and_partitions WHERE relation::text LIKE 't.%' ORDER BY relation::text COLLATE "C";

-- A superuser is refused too, unless it is meant.
DROP POLICY tenant_isolation ON t.notes;
ALTER TABLE t.notes DISABLE ROW LEVEL SECURITY;
SET row_security = off;
ALTER TABLE t.notes DISABLE ROW LEVEL SECURITY;
SELECT status, detail FROM tenant_guard.tables_and_partitions WHERE relation = 't.notes'::regclass;
ALTER TABLE t.notes ENABLE ROW LEVEL SECURITY;
RESET row_security;
SET tenant_guard.bypass = on;
ALTER TABLE t.notes NO FORCE ROW LEVEL SECURITY;
SELECT status, detail FROM tenant_guard.tables_and_partitions WHERE relation = 't.notes'::regclass;
ALTER TABLE t.notes FORCE ROW LEVEL SECURITY;
ALTER POLICY tenant_isolation ON t.notes RENAME TO harmless;
SELECT status, detail FROM tenant_guard.tables_and_partitions WHERE relation = 't.notes'::regclass;
ALTER POLICY harmless ON t.notes RENAME TO tenant_isolation;
ALTER TABLE t.notes ALTER COLUMN tenant_id DROP NOT NULL;
SELECT status, detail FROM tenant_guard.tables_and_partitions WHERE relation = 't.notes'::regclass;
ALTER POLICY tenant_isolation ON t.notes USING (true);
SELECT status, detail FROM tenant_guard.tables_and_partitions WHERE relation = 't.notes'::regclass;
DROP POLICY tenant_isolation ON t.notes;
CREATE POLICY tenant_isolation ON t.notes AS RESTRICTIVE FOR SELECT USING (tenant_id = tenant_guard.current_tenant());
SELECT status, detail FROM tenant_guard.tables_and_partitions WHERE relation = 't.notes'::regclass;
RESET tenant_guard.bypass;

-- protect must mend what is damaged.
SELECT tenant_guard.protect('t.notes');
SELECT status, detail FROM tenant_guard.tables_and_partitions WHERE relation = 't.notes'::regclass;

-- For an owner without BYPASSRLS row_security off must gain nothing, and
-- bypass must be out of reach.
SET ROLE regress_owner;
SET row_security = off;
ALTER TABLE t.notes DISABLE ROW LEVEL SECURITY;
DROP POLICY tenant_isolation ON t.notes;
RESET row_security;
SET tenant_guard.bypass = on;

-- An ordinary migration must go on working.
ALTER TABLE t.notes ADD COLUMN tags text[] DEFAULT '{}';
ALTER TABLE t.notes ALTER COLUMN body TYPE varchar(200), ALTER COLUMN body SET NOT NULL;
ALTER TABLE t.notes ADD CONSTRAINT body_not_empty CHECK (body <> '') NOT VALID;
ALTER TABLE t.notes VALIDATE CONSTRAINT body_not_empty;
ALTER TABLE t.notes DROP CONSTRAINT body_not_empty;
ALTER TABLE t.notes ADD CONSTRAINT one_body UNIQUE (tenant_id, body);
ALTER TABLE t.notes DROP COLUMN tags;
ALTER TABLE t.notes ALTER COLUMN tenant_id DROP DEFAULT;
ALTER TABLE t.notes ALTER COLUMN tenant_id SET DEFAULT tenant_guard.current_tenant();
CREATE INDEX notes_body ON t.notes (tenant_id, body);
DROP INDEX t.notes_body;
CREATE POLICY short_ones ON t.notes AS RESTRICTIVE USING (length(body) < 100);
DROP POLICY short_ones ON t.notes;
CREATE TRIGGER quiet BEFORE UPDATE ON t.notes FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger();
ALTER TABLE t.notes DISABLE TRIGGER quiet;
ALTER TABLE t.notes RENAME COLUMN tenant_id TO org_id;
ALTER TABLE t.notes RENAME TO memos;
ALTER TABLE t.memos OWNER TO regress_next;
RESET ROLE;
GRANT CREATE ON SCHEMA t TO regress_next;
CREATE SCHEMA t_archive AUTHORIZATION regress_next;
SET ROLE regress_next;
ALTER TABLE t.memos SET SCHEMA t_archive;
ALTER TABLE t_archive.memos RENAME COLUMN org_id TO tenant_id;
SELECT tenant_guard.protect('t_archive.memos');
RESET ROLE;
SELECT relation, status, tenant_column FROM tenant_guard.tables_and_partitions WHERE relation = 't_archive.memos'::regclass;
BEGIN;
SET LOCAL ROLE regress_next;
SELECT tenant_guard.set_tenant(:a);
INSERT INTO t_archive.memos (id, body) VALUES (1, 'moved');
SELECT * FROM t_archive.memos;
ROLLBACK;
SET ROLE regress_owner;
ALTER TABLE t.parent DETACH PARTITION t.part;
ALTER TABLE t.parent ATTACH PARTITION t.part FOR VALUES IN (1);
DROP TABLE t.part;
DROP TABLE t.parent, t.later;

RESET ROLE;
SET client_min_messages = warning;
DROP SCHEMA t, t_archive CASCADE;
DROP OWNED BY regress_owner, regress_next;
DROP ROLE regress_owner, regress_next;
