--
-- A view, a rule, a SECURITY DEFINER function or a trigger of a role that
-- row-level security does not bind is refused on guarded tables.
--
\i test/setup/tenants.sql
SET client_min_messages = warning;
-- Messages name this superuser, whoever runs the tests.
CREATE ROLE regress_dba SUPERUSER;
SET SESSION AUTHORIZATION regress_dba;
CREATE ROLE regress_app;
CREATE ROLE regress_bound;
CREATE SCHEMA t;
GRANT ALL ON SCHEMA t TO regress_app, regress_bound;
CREATE TABLE t.notes (id int PRIMARY KEY, tenant_id uuid, body text);
CREATE TABLE t.plain (id int);
SET tenant_guard.bypass = on;
INSERT INTO t.notes VALUES (1, :a, 'of a'), (2, :b, 'of b');
RESET tenant_guard.bypass;
CREATE VIEW t.as_owner AS SELECT id, body FROM t.notes;
CREATE VIEW t.nested AS SELECT * FROM t.as_owner;
CREATE VIEW t.invoker WITH (security_invoker = true) AS SELECT id, body FROM t.notes;
CREATE VIEW t.invoker_over_owner WITH (security_invoker = true) AS SELECT * FROM t.as_owner;
CREATE VIEW t.owner_over_invoker AS SELECT * FROM t.invoker;
CREATE FUNCTION t.definer() RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER AS
$$ BEGIN RETURN (SELECT count(*) FROM t.notes); END $$;
CREATE FUNCTION t.definer_sql() RETURNS SETOF text LANGUAGE sql SECURITY DEFINER AS
$$ SELECT body FROM t.notes $$;
CREATE FUNCTION t.definer_write() RETURNS void LANGUAGE sql SECURITY DEFINER AS
$$ UPDATE t.notes SET body = 'overwritten' $$;
GRANT ALL ON ALL TABLES IN SCHEMA t TO regress_app, regress_bound;
RESET client_min_messages;
SET ROLE regress_app;

-- A view that reads as its privileged owner must be refused, with or without
-- a tenant, and name the statement that mends it.
SELECT * FROM t.as_owner;
\echo :LAST_ERROR_SQLSTATE
BEGIN;
SELECT tenant_guard.set_tenant(:a);
SELECT * FROM t.as_owner;
ROLLBACK;
\set VERBOSITY terse
SELECT * FROM t.nested;
SELECT * FROM t.invoker_over_owner;
SELECT * FROM t.owner_over_invoker;
UPDATE t.as_owner SET body = '';
INSERT INTO t.as_owner VALUES (3, 'smuggled');
DELETE FROM t.nested;
COPY (SELECT * FROM t.as_owner) TO stdout;
MERGE INTO t.plain p USING t.as_owner n ON n.id = p.id WHEN NOT MATCHED THEN INSERT VALUES (n.id);
\set VERBOSITY default

-- One that reads as its caller must show the tenant's rows.
BEGIN;
SELECT tenant_guard.set_tenant(:a);
SELECT * FROM t.invoker;
COMMIT;
SELECT * FROM t.invoker;

-- Where a view of the caller's reads one of its owner's, the hint must name the
-- latter, and mend it.
SELECT * FROM t.invoker_over_owner;
RESET ROLE;
ALTER VIEW t.as_owner SET (security_invoker = true);
SET ROLE regress_app;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
SELECT * FROM t.as_owner;
SELECT * FROM t.invoker_over_owner;
COMMIT;

-- So must an owner that is bound.
RESET ROLE;
ALTER VIEW t.as_owner RESET (security_invoker);
ALTER VIEW t.as_owner OWNER TO regress_bound;
SET ROLE regress_app;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
SELECT * FROM t.as_owner;
COMMIT;

-- A definer function of a privileged owner must be refused, reading or writing.
SELECT t.definer();
BEGIN;
SELECT tenant_guard.set_tenant(:a);
SELECT t.definer();
ROLLBACK;
\set VERBOSITY terse
SELECT * FROM t.definer_sql();
SELECT t.definer_write();
\set VERBOSITY default

-- With an owner that is bound it must work, for the tenant.
RESET ROLE;
ALTER FUNCTION t.definer() OWNER TO regress_bound;
SET ROLE regress_app;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
SELECT t.definer();
COMMIT;
SELECT t.definer();

-- A trigger's definer function is one like any other.
RESET ROLE;
CREATE FUNCTION t.count_notes() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS
$$ BEGIN RAISE NOTICE '% notes', (SELECT count(*) FROM t.notes); RETURN NEW; END $$;
CREATE TRIGGER count_notes BEFORE INSERT ON t.plain FOR EACH ROW EXECUTE FUNCTION t.count_notes();
SET ROLE regress_app;
INSERT INTO t.plain VALUES (1);
RESET ROLE;
DROP TRIGGER count_notes ON t.plain;

-- A rule runs as the owner of its table.
CREATE RULE copy_notes AS ON INSERT TO t.plain DO ALSO UPDATE t.notes SET body = 'by rule';
SET ROLE regress_app;
INSERT INTO t.plain VALUES (2);
BEGIN;
SELECT tenant_guard.set_tenant(:a);
INSERT INTO t.plain VALUES (2);
ROLLBACK;
RESET ROLE;
DROP RULE copy_notes ON t.plain;

-- None of it must have changed a row.
SET tenant_guard.bypass = on;
SELECT * FROM t.notes ORDER BY id;
RESET tenant_guard.bypass;

SET client_min_messages = warning;
DROP SCHEMA t CASCADE;
RESET SESSION AUTHORIZATION;
DROP ROLE regress_app, regress_bound, regress_dba;
