--
-- Rows of everyone, such as templates: their tenant is null. Each tenant sees them beside its own, and none writes them.
--
\i test/setup/owner_and_app.sql
SET client_min_messages = warning;
SET tenant_guard.auto_protect = off;
CREATE TABLE t.templates (id int PRIMARY KEY, tenant_id uuid, title text);
GRANT ALL ON t.templates TO regress_app;
INSERT INTO t.templates VALUES (1, NULL, 'blank'), (2, NULL, 'letter'), (3, :a, 'of a'), (4, :b, 'of b');
CREATE TABLE t.keyed (tenant_id uuid PRIMARY KEY);
ALTER TABLE t.templates OWNER TO regress_owner;
RESET tenant_guard.auto_protect;
RESET client_min_messages;

-- Without being told so, protect() refuses rows without a tenant, and says how to share them.
SET ROLE regress_owner;
SELECT tenant_guard.protect('t.templates');
\echo :LAST_ERROR_SQLSTATE

-- The argument is one of two words.
SELECT tenant_guard.protect('t.templates', null_rows => 'all');
\echo :LAST_ERROR_SQLSTATE

-- With it the table is guarded, with a policy for each command, the column's default, and no NOT NULL.
SELECT tenant_guard.protect('t.templates', null_rows => 'shared');
SELECT tenant_guard.protect('t.templates', null_rows => 'shared');
SELECT polname, polcmd, polpermissive, pg_get_expr(polqual, polrelid) AS using, pg_get_expr(polwithcheck, polrelid) AS "check"
FROM pg_policy WHERE polrelid = 't.templates'::regclass ORDER BY polname;
SELECT attnotnull, pg_get_expr(adbin, adrelid) FROM pg_attribute JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
WHERE attrelid = 't.templates'::regclass AND attname = 'tenant_id';
RESET ROLE;
SELECT relation, status, null_rows, detail FROM tenant_guard.tables WHERE relation = 't.templates'::regclass;

-- The dashboard's row counts it among the guarded.
SELECT guarded, null_rows_shared FROM tenant_guard.status;
-- A column of the primary key cannot be null: PostgreSQL refuses it, and nothing is changed.
SELECT tenant_guard.protect('t.keyed', null_rows => 'shared');
SELECT count(*) FROM pg_policy WHERE polrelid = 't.keyed'::regclass;

-- No tenant, no rows: not even those of everyone.
SET ROLE regress_app;
SELECT * FROM t.templates;
\echo :LAST_ERROR_SQLSTATE

-- With missing_tenant = empty those are seen, and nothing else; and none is written.
RESET ROLE;
SET tenant_guard.missing_tenant = empty;
SET ROLE regress_app;
SELECT id, title FROM t.templates ORDER BY id;
UPDATE t.templates SET title = title RETURNING id;
DELETE FROM t.templates RETURNING id;
INSERT INTO t.templates (id, title) VALUES (6, 'of nobody');
\echo :LAST_ERROR_SQLSTATE
RESET ROLE;
SELECT probe, detail FROM tenant_guard.prove('t.templates') WHERE NOT ok;
RESET tenant_guard.missing_tenant;
SET ROLE regress_app;

-- A list has the tenant's own rows and those of everyone.
BEGIN;
SELECT tenant_guard.set_tenant(:a);
SELECT id, tenant_id, title FROM t.templates ORDER BY id;
COPY (SELECT id, title FROM t.templates ORDER BY id) TO stdout;
-- A copy of a template is the tenant's own, and can be edited and deleted.
INSERT INTO t.templates (id, title) SELECT 5, title FROM t.templates WHERE id = 1 RETURNING id, tenant_id, title;
UPDATE t.templates SET title = 'my blank' WHERE id = 5 RETURNING id, title;
DELETE FROM t.templates WHERE id = 5 RETURNING id, title;
ROLLBACK;
-- Another tenant sees them as well.
BEGIN;
SELECT tenant_guard.set_tenant(:b);
SELECT id, title FROM t.templates ORDER BY id;
ROLLBACK;

-- UPDATE and DELETE reach own rows alone, and RETURNING shows no others.
BEGIN;
SELECT tenant_guard.set_tenant(:a);
UPDATE t.templates SET title = title || '!' RETURNING id, title;
UPDATE t.templates SET tenant_id = :a WHERE id IN (1, 4) RETURNING id;
DELETE FROM t.templates RETURNING id;
ROLLBACK;

-- A row of everyone cannot be locked: PostgreSQL locks only what could be updated, and returns nothing.
BEGIN;
SELECT tenant_guard.set_tenant(:a);
SELECT id FROM t.templates ORDER BY id FOR UPDATE;
SELECT id FROM t.templates ORDER BY id FOR KEY SHARE;
ROLLBACK;

-- No tenant makes a row of everyone, or makes one of its own, or one for another tenant.
BEGIN;
SELECT tenant_guard.set_tenant(:a);
SAVEPOINT s;
INSERT INTO t.templates VALUES (6, NULL, 'smuggled');
\echo :LAST_ERROR_SQLSTATE
ROLLBACK TO s;
INSERT INTO t.templates VALUES (6, :b, 'smuggled');
\echo :LAST_ERROR_SQLSTATE
ROLLBACK TO s;
UPDATE t.templates SET tenant_id = NULL;
\echo :LAST_ERROR_SQLSTATE
ROLLBACK TO s;
UPDATE t.templates SET tenant_id = :b;
\echo :LAST_ERROR_SQLSTATE
ROLLBACK TO s;
COPY t.templates FROM stdin;
6	\N	smuggled
\.
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;

-- Neither by an upsert or MERGE that meets a row of everyone or another tenant's: an error, and no row is changed.
BEGIN;
SELECT tenant_guard.set_tenant(:a);
SAVEPOINT s;
INSERT INTO t.templates (id, title) VALUES (1, 'mine') ON CONFLICT (id) DO UPDATE SET title = EXCLUDED.title;
\echo :LAST_ERROR_SQLSTATE
ROLLBACK TO s;
INSERT INTO t.templates (id, title) VALUES (4, 'mine') ON CONFLICT (id) DO UPDATE SET title = EXCLUDED.title;
\echo :LAST_ERROR_SQLSTATE
ROLLBACK TO s;
INSERT INTO t.templates (id, title) VALUES (1, 'mine') ON CONFLICT (id) DO NOTHING;
INSERT INTO t.templates (id, title) VALUES (3, 'mine') ON CONFLICT (id) DO UPDATE SET title = EXCLUDED.title RETURNING id, title;
ROLLBACK TO s;
MERGE INTO t.templates USING (VALUES (1)) v (n) ON id = n WHEN MATCHED THEN UPDATE SET title = 'merged';
\echo :LAST_ERROR_SQLSTATE
ROLLBACK TO s;
MERGE INTO t.templates USING (VALUES (1)) v (n) ON id = n WHEN MATCHED THEN DELETE;
\echo :LAST_ERROR_SQLSTATE
ROLLBACK TO s;
MERGE INTO t.templates USING (VALUES (3), (4)) v (n) ON id = n WHEN MATCHED THEN UPDATE SET title = 'merged';
SELECT id, title FROM t.templates ORDER BY id;
ROLLBACK;

-- A view of the application shows what the table does, and writes what can be written.
RESET ROLE;
CREATE VIEW t.seen WITH (security_invoker) AS SELECT id, title FROM t.templates;
GRANT ALL ON t.seen TO regress_app;
SET ROLE regress_app;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
SELECT * FROM t.seen ORDER BY id;
UPDATE t.seen SET title = 'by the view' RETURNING *;
DELETE FROM t.seen WHERE id = 1 RETURNING *;
ROLLBACK;

-- An administrator writes rows of everyone by a bypass on purpose.
RESET ROLE;
BEGIN;
SET LOCAL tenant_guard.bypass = on;
UPDATE t.templates SET title = 'blank page' WHERE tenant_id IS NULL AND id = 1 RETURNING id, title;
ROLLBACK;

-- prove() tries to write such a row, and finds nothing; audit() does not ask for NOT NULL.
SELECT probe, ok, detail FROM tenant_guard.prove('t.templates') WHERE ok IS NOT TRUE OR probe ~ 'everyones';
SELECT rule FROM tenant_guard.audit() WHERE object ~ 't.templates' AND rule IN ('not_null_pending', 'guard_incomplete');

-- Each of the policies is a part of the guard: it can be neither dropped nor altered nor renamed, and without it the guard is damaged.
SET ROLE regress_owner;
DROP POLICY tenant_isolation_inserts ON t.templates;
\echo :LAST_ERROR_SQLSTATE
ALTER POLICY tenant_isolation_updates ON t.templates USING (true);
\echo :LAST_ERROR_SQLSTATE
ALTER POLICY tenant_isolation_deletes ON t.templates RENAME TO other;
\echo :LAST_ERROR_SQLSTATE
ALTER POLICY tenant_isolation ON t.templates USING (true);
\echo :LAST_ERROR_SQLSTATE
RESET ROLE;
CREATE FUNCTION t.without(statement text) RETURNS text LANGUAGE plpgsql SET tenant_guard.bypass = on AS $$
DECLARE
	said text;
BEGIN
	EXECUTE statement;
	said := (SELECT concat_ws(': ', status, detail) FROM tenant_guard.tables WHERE relation = 't.templates'::regclass) || ' / '
			|| (SELECT string_agg(remedy, '; ') FROM tenant_guard.audit('error') WHERE rule = 'guard_incomplete');
	RAISE EXCEPTION 'undo' USING DETAIL = said;
EXCEPTION WHEN raise_exception THEN
	GET STACKED DIAGNOSTICS said = PG_EXCEPTION_DETAIL;
	RETURN said;
END $$;
SELECT t.without(format('DROP POLICY %I ON t.templates', polname)) FROM pg_policy WHERE polrelid = 't.templates'::regclass AND NOT polpermissive ORDER BY polname;
SELECT t.without('ALTER POLICY tenant_isolation_updates ON t.templates USING (tenant_id = tenant_guard.current_tenant() OR tenant_id IS NULL)');
SELECT t.without('ALTER POLICY tenant_isolation_updates ON t.templates WITH CHECK (true)');
SELECT t.without('ALTER POLICY tenant_isolation_inserts ON t.templates TO regress_app');
-- One FOR ALL with OR is no guard: it would let each tenant delete the rows of everyone.
SELECT t.without('DROP POLICY tenant_isolation ON t.templates; CREATE POLICY tenant_isolation ON t.templates AS RESTRICTIVE USING (tenant_id = tenant_guard.current_tenant() OR tenant_id IS NULL)');

-- A restrictive policy of the application that PostgreSQL would evaluate first is found.
CREATE POLICY tenant_isolation_first ON t.templates AS RESTRICTIVE FOR UPDATE USING (title <> '');
CREATE POLICY tenant_isolation_too ON t.templates AS RESTRICTIVE FOR SELECT USING (title <> '');
SELECT object, remedy FROM tenant_guard.audit() WHERE rule = 'policy_before_isolation';
DROP POLICY tenant_isolation_first ON t.templates;
DROP POLICY tenant_isolation_too ON t.templates;

-- protect() mends what is damaged.
BEGIN;
SET LOCAL tenant_guard.bypass = on;
DROP POLICY tenant_isolation_inserts ON t.templates;
ALTER POLICY tenant_isolation_updates ON t.templates USING (true);
SET LOCAL tenant_guard.bypass = off;
SELECT tenant_guard.protect('t.templates', null_rows => 'shared');
SELECT status FROM tenant_guard.tables WHERE relation = 't.templates'::regclass;
COMMIT;

-- Back to rows that each have a tenant: refused while there are others.
SELECT tenant_guard.protect('t.templates');
\echo :LAST_ERROR_SQLSTATE
BEGIN;
SET LOCAL tenant_guard.bypass = on;
DELETE FROM t.templates WHERE tenant_id IS NULL;
SELECT tenant_guard.protect('t.templates');
SELECT polname, polcmd FROM pg_policy WHERE polrelid = 't.templates'::regclass ORDER BY polname;
SELECT attnotnull FROM pg_attribute WHERE attrelid = 't.templates'::regclass AND attname = 'tenant_id';
-- And to rows of everyone again.
SELECT tenant_guard.protect('t.templates', null_rows => 'shared');
SELECT polname, polcmd FROM pg_policy WHERE polrelid = 't.templates'::regclass ORDER BY polname;
SELECT attnotnull FROM pg_attribute WHERE attrelid = 't.templates'::regclass AND attname = 'tenant_id';
ROLLBACK;

-- A CHECK that stands in for NOT NULL goes, too.
SET client_min_messages = warning;
CREATE TABLE t.late AS SELECT 1 AS id, NULL::uuid AS tenant_id;
RESET client_min_messages;
SELECT conname FROM pg_constraint WHERE conrelid = 't.late'::regclass AND contype = 'c';
-- Not while a tenant is set: rows that wait for their tenant would be shown.
BEGIN;
SELECT tenant_guard.set_tenant(:a);
SELECT tenant_guard.protect('t.late', null_rows => 'shared');
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;
SELECT tenant_guard.protect('t.late', null_rows => 'shared');
SELECT conname FROM pg_constraint WHERE conrelid = 't.late'::regclass AND contype = 'c';

-- protect_schema() leaves them as they are.
SELECT relation, status, detail FROM tenant_guard.protect_schema('t') WHERE relation <> 't.keyed'::regclass;
SELECT relation, detail FROM tenant_guard.tables WHERE relation IN ('t.late'::regclass, 't.templates'::regclass) ORDER BY 1;

-- Policies of an application with these names are its own, where the guard has none of them.
CREATE TABLE t.named (id int, tenant_id uuid);
CREATE POLICY tenant_isolation_inserts ON t.named FOR INSERT WITH CHECK (id > 0);
SELECT tenant_guard.protect('t.named');
SELECT tenant_guard.protect('t.named', null_rows => 'shared');
SELECT status, null_rows, detail FROM tenant_guard.tables WHERE relation = 't.named'::regclass;

-- A copy in a table of its own has no rows of everyone, unless it has no tenant column, gets the tenant's, or is gone at commit.
SET ROLE regress_app;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
SELECT count(*) FROM t.templates;
\set VERBOSITY terse
CREATE TEMP TABLE t1 AS SELECT * FROM t.templates;
SELECT count(*) FROM t1 WHERE tenant_id IS NULL;
CREATE TEMP TABLE t2 AS SELECT id, title FROM t.templates;
SELECT count(*) FROM t2;
CREATE TEMP TABLE t3 AS SELECT id, COALESCE(tenant_id, tenant_guard.current_tenant()) AS tenant_id FROM t.templates;
SELECT count(*) FROM t3;
CREATE TEMP TABLE t4 ON COMMIT DROP AS SELECT * FROM t.templates;
SELECT count(*) FROM t4;
INSERT INTO t1 SELECT * FROM t.templates;
\set VERBOSITY default
ROLLBACK;
RESET ROLE;

-- unprotect() leaves nothing of it.
SELECT tenant_guard.unprotect('t.late');
SELECT count(*) FROM pg_policy WHERE polrelid = 't.late'::regclass;
\set VERBOSITY terse
SET client_min_messages = warning;
DROP SCHEMA t CASCADE;
DROP ROLE regress_app, regress_owner;
