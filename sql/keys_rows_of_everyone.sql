--
-- Foreign keys from and to tables with rows of everyone. PostgreSQL does not check a key with a null in it, and the tenant of
-- such a row is null.
--
\i test/setup/owner_and_app.sql
SET client_min_messages = warning;
CREATE TABLE t.users (id int PRIMARY KEY, tenant_id uuid NOT NULL);
CREATE TABLE t.templates (id int PRIMARY KEY, tenant_id uuid, author int);
SELECT tenant_guard.protect('t.templates', null_rows => 'shared');
GRANT ALL ON ALL TABLES IN SCHEMA t TO regress_app;
SET tenant_guard.bypass = on;
INSERT INTO t.users VALUES (1, :a), (2, :b);
INSERT INTO t.templates VALUES (1, NULL), (2, :a), (3, :b);
RESET tenant_guard.bypass;
RESET client_min_messages;

-- A key from such a table carries the tenant, and a CHECK lets rows of everyone reference nothing by it.
ALTER TABLE t.templates ADD FOREIGN KEY (author) REFERENCES t.users;
SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 't.templates'::regclass AND contype IN ('c', 'f') ORDER BY conname;
SET tenant_guard.bypass = on;
INSERT INTO t.templates VALUES (4, NULL, 1);
UPDATE t.templates SET tenant_id = NULL, author = 2 WHERE id = 2;
RESET tenant_guard.bypass;
-- A tenant's rows reference its own, and no others.
SET ROLE regress_app;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
UPDATE t.templates SET author = 1 RETURNING id, author;
UPDATE t.templates SET author = 2;
ROLLBACK;
RESET ROLE;
-- Dropped, the CHECK is made again; the column alone needs none.
ALTER TABLE t.templates DROP CONSTRAINT templates_check;
SELECT conname FROM pg_constraint WHERE conrelid = 't.templates'::regclass AND contype = 'c';
-- One of the same meaning, by any name, will do; one that is weaker will not.
ALTER TABLE t.templates DROP CONSTRAINT templates_check, ADD CONSTRAINT own CHECK (author IS NULL OR tenant_id IS NOT NULL);
SELECT conname FROM pg_constraint WHERE conrelid = 't.templates'::regclass AND contype = 'c';
ALTER TABLE t.templates DROP CONSTRAINT own, ADD CONSTRAINT own CHECK (author IS NULL OR tenant_id IS NOT NULL OR id > 0);
SELECT conname FROM pg_constraint WHERE conrelid = 't.templates'::regclass AND contype = 'c' ORDER BY conname;
-- With rows in the way nothing is changed.
ALTER TABLE t.templates DROP CONSTRAINT templates_author_fkey, DROP CONSTRAINT templates_check, DROP CONSTRAINT own;
UPDATE t.templates SET author = 2 WHERE id = 1;
SET tenant_guard.bypass = on;
UPDATE t.templates SET author = 2 WHERE id = 1;
RESET tenant_guard.bypass;
ALTER TABLE t.templates ADD FOREIGN KEY (author) REFERENCES t.users;
SELECT count(*) FROM pg_constraint WHERE conrelid = 't.templates'::regclass AND contype IN ('c', 'f');
SET tenant_guard.bypass = on;
UPDATE t.templates SET author = NULL WHERE id = 1;
RESET tenant_guard.bypass;
-- With foreign_keys = error the statement names the CHECK that is missing.
SET tenant_guard.foreign_keys = error;
ALTER TABLE t.templates ADD FOREIGN KEY (tenant_id, author) REFERENCES t.users (tenant_id, id);
\echo :LAST_ERROR_SQLSTATE
ALTER TABLE t.templates ADD CHECK (tenant_id IS NOT NULL OR author IS NULL);
ALTER TABLE t.templates ADD FOREIGN KEY (tenant_id, author) REFERENCES t.users (tenant_id, id);
RESET tenant_guard.foreign_keys;

-- A table whose keys carry the tenant gets the CHECKs with its rows of everyone.
CREATE TABLE t.forms (id int PRIMARY KEY, tenant_id uuid, author int REFERENCES t.users);
SELECT tenant_guard.protect('t.forms', null_rows => 'shared');
SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 't.forms'::regclass AND contype IN ('c', 'f') ORDER BY conname;

-- One that carries the tenant references the tenant's own rows: a row of everyone, another tenant's and none give the same error.
CREATE TABLE t.letters (id int PRIMARY KEY, tenant_id uuid, template int, FOREIGN KEY (tenant_id, template) REFERENCES t.templates (tenant_id, id) ON UPDATE CASCADE ON DELETE CASCADE);
CREATE UNIQUE INDEX ON t.templates (tenant_id, id);
CREATE TABLE t.letters (id int PRIMARY KEY, tenant_id uuid, template int, FOREIGN KEY (tenant_id, template) REFERENCES t.templates (tenant_id, id) ON UPDATE CASCADE ON DELETE CASCADE);
GRANT ALL ON t.letters TO regress_app;
SET ROLE regress_app;
\set VERBOSITY sqlstate
BEGIN;
SELECT tenant_guard.set_tenant(:a);
INSERT INTO t.letters (id, template) VALUES (1, 2);
SAVEPOINT s;
INSERT INTO t.letters (id, template) VALUES (2, 1);
ROLLBACK TO s;
INSERT INTO t.letters (id, template) VALUES (2, 3);
ROLLBACK TO s;
INSERT INTO t.letters (id, template) VALUES (2, 99);
COMMIT;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
INSERT INTO t.letters (id, template) VALUES (1, 2);
COMMIT;
RESET ROLE;
-- Such a row cannot become everyone's, nor another tenant's, while others reference it: the tenant of those would follow.
SET tenant_guard.bypass = on;
UPDATE t.templates SET tenant_id = NULL WHERE id = 2;
RESET tenant_guard.bypass;
\set VERBOSITY terse

-- A key whose action sets the tenant column would show the rows of a deleted tenant to all: it is refused.
SET client_min_messages = warning;
CREATE TABLE t.tenants (id uuid PRIMARY KEY);
SELECT tenant_guard.share('t.tenants');
CREATE TABLE t.plain (id int, tenant_id uuid, CONSTRAINT plain_tenant FOREIGN KEY (tenant_id) REFERENCES t.tenants ON DELETE SET NULL);
RESET client_min_messages;
SELECT tenant_guard.protect('t.plain', null_rows => 'shared');
\echo :LAST_ERROR_SQLSTATE
ALTER TABLE t.plain DROP CONSTRAINT plain_tenant;
SELECT tenant_guard.protect('t.plain', null_rows => 'shared');
ALTER TABLE t.plain ADD CONSTRAINT plain_tenant FOREIGN KEY (tenant_id) REFERENCES t.tenants ON DELETE SET NULL;
\echo :LAST_ERROR_SQLSTATE
ALTER TABLE t.plain ADD CONSTRAINT plain_tenant FOREIGN KEY (tenant_id) REFERENCES t.tenants ON UPDATE SET DEFAULT;
\echo :LAST_ERROR_SQLSTATE
ALTER TABLE t.plain ADD CONSTRAINT plain_tenant FOREIGN KEY (tenant_id) REFERENCES t.tenants ON DELETE CASCADE;
DROP TABLE t.plain;

-- A key's action from a table that is not guarded stops at rows of everyone.
SET client_min_messages = error;
CREATE TABLE t.countries (id int PRIMARY KEY);
ALTER TABLE t.templates ADD country int REFERENCES t.countries ON DELETE CASCADE;
GRANT ALL ON t.countries TO regress_app;
INSERT INTO t.countries VALUES (1);
SET tenant_guard.bypass = on;
UPDATE t.templates SET country = 1 WHERE id = 1;
RESET tenant_guard.bypass;
SET ROLE regress_app;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
DELETE FROM t.countries;
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;
RESET ROLE;
SELECT count(*) FROM tenant_guard.broken_invariants();

-- audit() finds a damaged guard on a table with keys that carry the tenant, and goes on.
BEGIN;
SET LOCAL tenant_guard.bypass = on;
DROP POLICY tenant_isolation ON t.letters;
SELECT rule FROM tenant_guard.audit('error') WHERE object = 't.letters';
ROLLBACK;
DROP SCHEMA t CASCADE;
DROP ROLE regress_app, regress_owner;
