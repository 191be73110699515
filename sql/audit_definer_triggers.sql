--
-- A SECURITY DEFINER trigger function of a superuser that keeps a log or a
-- history: refused where it writes a guarded table, found by audit(), and mended
-- by what both say
--
\set SHOW_CONTEXT never
SET client_min_messages = warning;
\i test/setup/owner_and_app.sql
CREATE ROLE regress_unbound BYPASSRLS;
SET ROLE regress_owner;
CREATE TABLE t.orders (id int, tenant_id uuid, body text, PRIMARY KEY (tenant_id, id));
CREATE TABLE t.audit_log (id bigint GENERATED ALWAYS AS IDENTITY, tenant_id uuid, entry jsonb, PRIMARY KEY (tenant_id, id));
CREATE TABLE t.history (LIKE t.orders);
GRANT SELECT, INSERT, UPDATE ON t.orders TO regress_app;
GRANT SELECT ON t.audit_log, t.history TO regress_app;
RESET ROLE;
CREATE FUNCTION t.note() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = t, pg_temp
AS $$ BEGIN INSERT INTO audit_log (tenant_id, entry) VALUES (NEW.tenant_id, to_jsonb(NEW)); RETURN NULL; END $$;
CREATE TRIGGER note AFTER INSERT OR UPDATE ON t.orders FOR EACH ROW EXECUTE FUNCTION t.note();

-- An extension's says nothing of the table in its text.
CREATE FUNCTION t.write_history() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
AS $$ BEGIN EXECUTE format('INSERT INTO %s SELECT ($1).*', TG_ARGV[0]) USING OLD; RETURN NULL; END $$;
CREATE TRIGGER history AFTER UPDATE ON t.orders FOR EACH ROW EXECUTE FUNCTION t.write_history('t.history');
ALTER EXTENSION plpgsql ADD FUNCTION t.write_history();

-- These are none: one that touches no table, one that runs as its caller, one that is not of a guarded table.
CREATE FUNCTION t.notify() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN PERFORM pg_notify('news', ''); RETURN NULL; END $$;
CREATE TRIGGER notify AFTER INSERT ON t.orders FOR EACH ROW EXECUTE FUNCTION t.notify();
CREATE FUNCTION t.callers() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN EXECUTE 'SELECT 1'; RETURN NULL; END $$;
CREATE TRIGGER callers AFTER INSERT ON t.orders FOR EACH ROW EXECUTE FUNCTION t.callers();
CREATE FUNCTION t.elsewhere() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN EXECUTE 'SELECT 1'; RETURN NULL; END $$;
CREATE TEMP TABLE elsewhere (id int);
CREATE TRIGGER elsewhere AFTER INSERT ON elsewhere FOR EACH ROW EXECUTE FUNCTION t.elsewhere();

-- Of a role that is no superuser no declaration would do: there must be no remedy.
CREATE FUNCTION t.note_unbound() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN DELETE FROM t.audit_log; RETURN NULL; END $$;
ALTER FUNCTION t.note_unbound() OWNER TO regress_unbound;

CREATE TEMP VIEW findings AS
SELECT rule, level, object, replace(detail, ' ' || quote_ident(current_user) || ',', ' me,') AS detail, remedy
FROM tenant_guard.audit() WHERE rule IN ('definer_function_bypasses', 'bypass_for_everyone');
\a
SELECT * FROM findings;

-- The application is refused, with the same way out.
SET ROLE regress_app;
BEGIN;
SET LOCAL tenant_guard.tenant_id = :a;
\set VERBOSITY sqlstate
INSERT INTO t.orders VALUES (1, DEFAULT, 'x');
\set VERBOSITY default
ROLLBACK;
RESET ROLE;

-- The remedies must let it write, and leave nothing that has a remedy. The log is written for the tenant of the row.
SELECT remedy FROM findings \gexec
SELECT * FROM findings;
SET ROLE regress_app;
BEGIN;
SET LOCAL tenant_guard.tenant_id = :a;
INSERT INTO t.orders VALUES (1, DEFAULT, 'x');
UPDATE t.orders SET body = 'y';
SELECT tenant_id, entry ->> 'body' AS body FROM t.audit_log ORDER BY id;
SELECT * FROM t.history;
COMMIT;
BEGIN;
SET LOCAL tenant_guard.tenant_id = :b;
SELECT count(*) FROM t.audit_log;
ROLLBACK;

-- Nobody but the tables' owner may put the function on a table, where it would write what it is told.
CREATE TEMP TABLE mine (tenant_id uuid);
CREATE TRIGGER note AFTER INSERT ON mine FOR EACH ROW EXECUTE FUNCTION t.note();
SET ROLE regress_owner;
CREATE TRIGGER note_again AFTER INSERT ON t.orders FOR EACH ROW WHEN (false) EXECUTE FUNCTION t.note();
RESET ROLE;

DROP VIEW findings;
DROP TABLE pg_temp.mine, pg_temp.elsewhere;
ALTER EXTENSION plpgsql DROP FUNCTION t.write_history();
SET client_min_messages = error;
DROP SCHEMA t CASCADE;
DROP OWNED BY regress_owner, regress_app, regress_unbound;
DROP ROLE regress_owner, regress_app, regress_unbound;
