--
-- Foreign keys to tables with rows of everyone, which do not carry the tenant. Triggers beside them check that a row references
-- rows of its own tenant and of everyone alone.
--
\i test/setup/owner_and_app.sql
SET client_min_messages = warning;
CREATE TABLE t.templates (id int PRIMARY KEY, tenant_id uuid, body text);
SELECT tenant_guard.protect('t.templates', null_rows => 'shared');
SET tenant_guard.bypass = on;
INSERT INTO t.templates VALUES (1, NULL), (2, :a), (3, :b);
RESET tenant_guard.bypass;
RESET client_min_messages;

-- A key to such a table stays as it is, and gets triggers.
CREATE TABLE t.letters (id int PRIMARY KEY, tenant_id uuid, template int REFERENCES t.templates);
SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'letters_template_fkey';
SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal AND tgrelid IN ('t.letters'::regclass, 't.templates'::regclass) ORDER BY tgname;
SELECT count(*) FROM tenant_guard.broken_invariants();
GRANT ALL ON ALL TABLES IN SCHEMA t TO regress_app;

-- A tenant's rows reference its own rows, those of everyone, and none.
SET ROLE regress_app;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
INSERT INTO t.letters (id, template) VALUES (1, 1), (2, 2), (3, NULL);
UPDATE t.letters SET template = 2 WHERE id = 1;
UPDATE t.letters SET template = 1 WHERE id = 1;
INSERT INTO t.letters (id, template) VALUES (4, 1);
INSERT INTO t.letters (id, template) VALUES (4, 1) ON CONFLICT (id) DO UPDATE SET template = 2;
MERGE INTO t.letters USING (VALUES (4, 1), (5, 2)) AS v (id, template) ON letters.id = v.id
	WHEN MATCHED THEN UPDATE SET template = v.template WHEN NOT MATCHED THEN INSERT (id, template) VALUES (v.id, v.template);
SELECT id, template FROM t.letters ORDER BY id;
COMMIT;
-- A row of another tenant and none give the same error, by every statement.
BEGIN;
SELECT tenant_guard.set_tenant(:a);
SAVEPOINT s;
\set VERBOSITY default
INSERT INTO t.letters (id, template) VALUES (6, 3);
\echo :LAST_ERROR_SQLSTATE
ROLLBACK TO s;
INSERT INTO t.letters (id, template) VALUES (6, 99);
\echo :LAST_ERROR_SQLSTATE
ROLLBACK TO s;
UPDATE t.letters SET template = 3 WHERE id = 1;
ROLLBACK TO s;
UPDATE t.letters SET template = 99 WHERE id = 1;
ROLLBACK TO s;
\set VERBOSITY sqlstate
INSERT INTO t.letters (id, template) VALUES (4, 1) ON CONFLICT (id) DO UPDATE SET template = 3;
ROLLBACK TO s;
INSERT INTO t.letters (id, template) VALUES (6, 3) ON CONFLICT DO NOTHING;
ROLLBACK TO s;
MERGE INTO t.letters USING (VALUES (4, 3)) AS v (id, template) ON letters.id = v.id WHEN MATCHED THEN UPDATE SET template = v.template;
ROLLBACK;
\set VERBOSITY default
-- So they do where another error comes after them: the key of another column, and a trigger, see neither row.
RESET ROLE;
CREATE TABLE t.colours (id int PRIMARY KEY);
CREATE FUNCTION t.say() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE NOTICE 'row % is there', NEW.id; RETURN NEW; END$$;
ALTER TABLE t.letters ADD colour int REFERENCES t.colours;
CREATE TRIGGER "Say" AFTER INSERT OR UPDATE ON t.letters FOR EACH ROW EXECUTE FUNCTION t.say();
CREATE TRIGGER say AFTER INSERT OR UPDATE ON t.letters FOR EACH ROW EXECUTE FUNCTION t.say();
SET ROLE regress_app;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
SAVEPOINT s;
INSERT INTO t.letters (id, template, colour) VALUES (6, 3, 9);
ROLLBACK TO s;
INSERT INTO t.letters (id, template, colour) VALUES (6, 99, 9);
ROLLBACK TO s;
UPDATE t.letters SET template = 3, colour = 9 WHERE id = 1;
ROLLBACK TO s;
UPDATE t.letters SET template = 99, colour = 9 WHERE id = 1;
ROLLBACK TO s;
INSERT INTO t.letters (id, template, colour) VALUES (6, 1, 9);
ROLLBACK;
RESET ROLE;
DROP TRIGGER "Say" ON t.letters;
DROP TRIGGER say ON t.letters;
ALTER TABLE t.letters DROP colour;
SET ROLE regress_app;
-- Nobody else crosses tenants either, not who bypasses isolation.
RESET ROLE;
SET tenant_guard.bypass = on;
INSERT INTO t.letters VALUES (6, :a, 3);
COPY t.letters FROM stdin;
6	aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa	3
\.
UPDATE t.letters SET tenant_id = :b WHERE id = 2;
UPDATE t.letters SET tenant_id = :b WHERE id = 3;
UPDATE t.letters SET tenant_id = :a WHERE id = 3;

-- A row that others reference does not become another tenant's, nor one tenant's that was everyone's, where rows would cross.
UPDATE t.templates SET tenant_id = :b WHERE id = 1;
\echo :LAST_ERROR_SQLSTATE
UPDATE t.templates SET tenant_id = :b WHERE id = 2;
-- It becomes everyone's, or its only tenant's.
UPDATE t.templates SET tenant_id = NULL WHERE id = 2;
\echo :LAST_ERROR_SQLSTATE
UPDATE t.templates SET tenant_id = :a, body = 'x' WHERE id = 2;
UPDATE t.templates SET tenant_id = :a WHERE id = 3;
UPDATE t.templates SET tenant_id = :b WHERE id = 3;
-- One statement moves it with the rows that reference it.
BEGIN;
WITH moved AS (UPDATE t.templates SET tenant_id = :b WHERE id = 2) UPDATE t.letters SET tenant_id = :b WHERE template = 2;
SELECT id, left(tenant_id::text, 1) AS tenant, template FROM t.letters ORDER BY id;
ROLLBACK;
-- The key keeps it from being deleted.
DELETE FROM t.templates WHERE id = 1;
RESET tenant_guard.bypass;

-- A tenant may not write rows of everyone, and its locks pass over them; the key's own lock is not a tenant's.
SET ROLE regress_app;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
SELECT id FROM t.templates ORDER BY id FOR KEY SHARE;
INSERT INTO t.letters (id, template) VALUES (6, 1);
ROLLBACK;
RESET ROLE;

-- The triggers stay, and fire.
DROP TRIGGER "0_tenant_references_letters" ON t.letters;
ALTER TABLE t.letters DISABLE TRIGGER "0_tenant_references_letters";
ALTER TABLE t.letters DISABLE TRIGGER USER;
ALTER TABLE t.templates ENABLE REPLICA TRIGGER tenant_referenced_templates;
DROP TRIGGER tenant_referenced_templates ON t.templates;
\echo :LAST_ERROR_SQLSTATE
ALTER TRIGGER "0_tenant_references_letters" ON t.letters RENAME TO "1 check";
SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgrelid = 't.letters'::regclass;
-- With a name by which it would fire after the key is checked, another one is made.
BEGIN;
ALTER TRIGGER "1 check" ON t.letters RENAME TO "the check";
SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgrelid = 't.letters'::regclass ORDER BY tgname;
DROP TRIGGER "the check" ON t.letters;
SELECT count(*) FROM tenant_guard.broken_invariants();
ROLLBACK;
SELECT count(*) FROM tenant_guard.broken_invariants();
-- Who means it drops or disables one; audit() has the statement that mends it.
BEGIN;
SET LOCAL tenant_guard.bypass = on;
ALTER TABLE t.letters DISABLE TRIGGER "1 check";
DROP TRIGGER tenant_referenced_templates ON t.templates;
SELECT level, object, detail, remedy FROM tenant_guard.audit('error') WHERE rule = 'unpaired_foreign_key';
SELECT tenant_guard.pair_foreign_keys('t.letters');
SELECT tgname, tgenabled FROM pg_trigger WHERE NOT tgisinternal AND tgrelid IN ('t.letters'::regclass, 't.templates'::regclass) ORDER BY tgname;
SELECT count(*) FROM tenant_guard.broken_invariants();
ROLLBACK;
-- They go on after columns, tables and keys are renamed, and types changed.
ALTER TABLE t.letters RENAME template TO form;
ALTER TABLE t.templates RENAME id TO number;
ALTER TABLE t.templates RENAME TO forms;
ALTER TABLE t.letters RENAME CONSTRAINT letters_template_fkey TO form_of_letter;
ALTER TABLE t.letters ALTER form TYPE bigint;
ALTER TABLE t.forms ALTER number TYPE bigint;
SELECT count(*) FROM tenant_guard.broken_invariants();
SET ROLE regress_app;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
INSERT INTO t.letters (id, form) VALUES (6, 1);
INSERT INTO t.letters (id, form) VALUES (7, 3);
ROLLBACK;
RESET ROLE;
-- Without the key there is nothing to check, and the trigger may be dropped.
ALTER TABLE t.letters DROP CONSTRAINT form_of_letter;
SET ROLE regress_app;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
INSERT INTO t.letters (id, form) VALUES (7, 3);
COMMIT;
RESET ROLE;
DROP TRIGGER "1 check" ON t.letters;
-- Rows that cross tenants meanwhile stand in the way of the key.
ALTER TABLE t.letters ADD CONSTRAINT form_of_letter FOREIGN KEY (form) REFERENCES t.forms;
\echo :LAST_ERROR_SQLSTATE
SELECT count(*) FROM pg_trigger WHERE tgrelid = 't.letters'::regclass;
ALTER TABLE t.letters ADD CONSTRAINT form_of_letter FOREIGN KEY (form) REFERENCES t.forms NOT VALID;
\echo :LAST_ERROR_SQLSTATE
SET tenant_guard.bypass = on;
DELETE FROM t.letters WHERE id = 7;
RESET tenant_guard.bypass;
ALTER TABLE t.letters ADD CONSTRAINT form_of_letter FOREIGN KEY (form) REFERENCES t.forms;

-- Where the triggers are there already, the rows of a new key are counted all the same.
ALTER TABLE t.letters ADD other int;
SET tenant_guard.bypass = on;
UPDATE t.letters SET other = 3 WHERE id = 1;
RESET tenant_guard.bypass;
ALTER TABLE t.letters ADD FOREIGN KEY (other) REFERENCES t.forms;
\echo :LAST_ERROR_SQLSTATE
ALTER TABLE t.letters DROP other;

-- unprotect() drops the triggers of the table; protect() makes them again.
SET client_min_messages = warning;
SELECT tenant_guard.unprotect('t.letters');
SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgrelid IN ('t.letters'::regclass, 't.forms'::regclass) ORDER BY tgname;
SELECT tenant_guard.protect('t.letters');
SELECT tenant_guard.unprotect('t.forms');
SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgrelid IN ('t.letters'::regclass, 't.forms'::regclass) ORDER BY tgname;
SET tenant_guard.bypass = on;
INSERT INTO t.letters VALUES (7, :a, 3);
RESET tenant_guard.bypass;
SELECT tenant_guard.protect('t.forms', null_rows => 'shared');
\echo :LAST_ERROR_SQLSTATE
SET tenant_guard.bypass = on;
DELETE FROM t.letters WHERE id = 7;
RESET tenant_guard.bypass;
SELECT tenant_guard.protect('t.forms', null_rows => 'shared');
SELECT count(*) FROM tenant_guard.broken_invariants();
RESET client_min_messages;

-- In either order: the referencing table may be guarded first.
SET client_min_messages = warning;
SET tenant_guard.auto_protect = off;
CREATE TABLE t.kinds (id int PRIMARY KEY, tenant_id uuid);
CREATE TABLE t.things (id int PRIMARY KEY, tenant_id uuid, kind int REFERENCES t.kinds);
RESET tenant_guard.auto_protect;
RESET client_min_messages;
SELECT tenant_guard.protect('t.things');
SELECT tenant_guard.protect('t.kinds', null_rows => 'shared');
SELECT count(*) FROM tenant_guard.broken_invariants();

-- With foreign_keys = error the statement names the triggers that are missing; with warning there is a warning, and audit() has it.
SET tenant_guard.foreign_keys = error;
CREATE TABLE t.parts (id int PRIMARY KEY, tenant_id uuid, kind int REFERENCES t.kinds DEFERRABLE);
\echo :LAST_ERROR_SQLSTATE
CREATE TABLE t.parts (id int PRIMARY KEY, tenant_id uuid, kind int);
CREATE CONSTRAINT TRIGGER "0_tenant_references_parts_deferrable" AFTER INSERT OR UPDATE ON t.parts DEFERRABLE FOR EACH ROW EXECUTE FUNCTION tenant_guard.check_reference();
CREATE CONSTRAINT TRIGGER tenant_referenced_kinds_deferrable AFTER UPDATE OR DELETE ON t.kinds DEFERRABLE FOR EACH ROW EXECUTE FUNCTION tenant_guard.check_referenced();
ALTER TABLE t.parts ADD FOREIGN KEY (kind) REFERENCES t.kinds DEFERRABLE;
SET tenant_guard.foreign_keys = warning;
ALTER TABLE t.parts ADD again int REFERENCES t.kinds;
RESET tenant_guard.foreign_keys;
SELECT level, object, detail, remedy FROM tenant_guard.audit('error') WHERE rule = 'unpaired_foreign_key';
SELECT tenant_guard.pair_foreign_keys('t.parts');
-- A trigger that fires for some rows only does not do.
CREATE TABLE t.more (id int PRIMARY KEY, tenant_id uuid, kind int);
SET tenant_guard.foreign_keys = error;
CREATE CONSTRAINT TRIGGER c AFTER INSERT OR UPDATE ON t.more FOR EACH ROW WHEN (NEW.id > 0) EXECUTE FUNCTION tenant_guard.check_reference();
CREATE CONSTRAINT TRIGGER d AFTER INSERT OR UPDATE OF tenant_id ON t.more FOR EACH ROW EXECUTE FUNCTION tenant_guard.check_reference();
CREATE TRIGGER e AFTER INSERT OR UPDATE ON t.more EXECUTE FUNCTION tenant_guard.check_reference();
ALTER TABLE t.more ADD FOREIGN KEY (kind) REFERENCES t.kinds;
RESET tenant_guard.foreign_keys;
SELECT tenant_guard.check_reference();
SELECT tenant_guard.check_referenced();
DROP SCHEMA t CASCADE;
DROP ROLE regress_app, regress_owner;
