--
-- What would keep a tenant's rows beyond its transaction is refused:
-- materialized views, cursors WITH HOLD, prepared transactions, temporary
-- relations that hide a guarded table.
--
\i test/setup/app.sql
SET client_min_messages = warning;
CREATE TABLE t.notes (id int PRIMARY KEY, tenant_id uuid, body text);
CREATE TABLE t.plain AS SELECT 1 AS id;
CREATE VIEW t.note_view WITH (security_invoker = true) AS SELECT * FROM t.notes;
GRANT ALL ON t.notes, t.plain, t.note_view TO regress_app;
SET tenant_guard.bypass = on;
INSERT INTO t.notes VALUES (1, :a, 'of a'), (2, :b, 'of b');
RESET tenant_guard.bypass;
RESET client_min_messages;

-- A materialized view over a guarded table must be refused to a superuser,
-- to a bound role with a tenant, and through a view.
CREATE MATERIALIZED VIEW t.m AS SELECT * FROM t.notes;
\echo :LAST_ERROR_SQLSTATE
SET ROLE regress_app;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
CREATE MATERIALIZED VIEW t.m AS SELECT * FROM t.note_view;
ROLLBACK;
RESET ROLE;

-- One without data holds nothing; filling it must be refused.
CREATE MATERIALIZED VIEW t.m AS SELECT * FROM t.notes WITH NO DATA;
REFRESH MATERIALIZED VIEW t.m;

-- Nor must EXPLAIN fill one, or a statement that a function of it runs.
SET ROLE regress_app;
CREATE FUNCTION t.nested() RETURNS SETOF t.notes LANGUAGE plpgsql AS $$
DECLARE
	r t.notes;
BEGIN
	FOR r IN EXECUTE 'EXECUTE q' LOOP
		RETURN NEXT r;
	END LOOP;
END
$$;
PREPARE q AS SELECT * FROM t.notes;
\set VERBOSITY sqlstate
BEGIN;
SELECT tenant_guard.set_tenant(:a);
SAVEPOINT s;
EXPLAIN (ANALYZE, COSTS OFF) CREATE MATERIALIZED VIEW t.explained AS SELECT * FROM t.notes;
ROLLBACK TO s;
CREATE MATERIALIZED VIEW t.by_function AS SELECT * FROM t.nested();
ROLLBACK;
\set VERBOSITY default
RESET ROLE;

-- What was refused must leave nothing behind: a query is a query again.
SET ROLE regress_app;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
SELECT count(*) FROM t.notes;
COMMIT;
RESET ROLE;

-- Where it is meant it must work: by bypass, and by row_security off as in a
-- script of pg_dump.
SET tenant_guard.bypass = on;
REFRESH MATERIALIZED VIEW t.m;
RESET tenant_guard.bypass;
SET row_security = off;
REFRESH MATERIALIZED VIEW t.m;
RESET row_security;
SELECT count(*) FROM t.m;
REFRESH MATERIALIZED VIEW t.m;

-- A bound owner must gain nothing by row_security off.
SET ROLE regress_app;
CREATE MATERIALIZED VIEW t.mine AS SELECT * FROM t.notes WITH NO DATA;
SET row_security = off;
REFRESH MATERIALIZED VIEW t.mine;
RESET row_security;
-- Without a tenant the error must be the same, also if planning the query would need one: setting a tenant would not help.
REFRESH MATERIALIZED VIEW t.mine;
RESET ROLE;
ANALYZE t.notes;
SET ROLE regress_app;
REFRESH MATERIALIZED VIEW t.mine;
RESET ROLE;

-- Materialized views of other tables must be as ever.
CREATE MATERIALIZED VIEW t.other AS SELECT * FROM t.plain;
REFRESH MATERIALIZED VIEW t.other;

-- A cursor WITH HOLD must be refused, also through a view, and a function that
-- is run when the transaction ends; others must not.
SET ROLE regress_app;
CREATE FUNCTION t.from_notes() RETURNS SETOF text LANGUAGE plpgsql AS
$$ BEGIN RETURN QUERY SELECT body FROM t.notes; END $$;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
SAVEPOINT s;
DECLARE c CURSOR WITH HOLD FOR SELECT * FROM t.notes;
\echo :LAST_ERROR_SQLSTATE
ROLLBACK TO s;
DECLARE c CURSOR WITH HOLD FOR SELECT * FROM t.note_view;
ROLLBACK TO s;
DECLARE c CURSOR WITH HOLD FOR SELECT * FROM t.from_notes();
COMMIT;
\echo :LAST_ERROR_SQLSTATE
BEGIN;
SELECT tenant_guard.set_tenant(:a);
DECLARE plain_one CURSOR WITH HOLD FOR SELECT * FROM t.plain;
DECLARE c CURSOR FOR SELECT body FROM t.notes;
FETCH ALL FROM c;
COMMIT;
FETCH ALL FROM plain_one;
CLOSE plain_one;

-- Nor must it get rows by way of a cursor inside it: of a function's loop, of a
-- cursor that was open before, of a temporary table that ends with the
-- transaction, or of what is called while it is planned.
CREATE FUNCTION t.loop_over_notes() RETURNS SETOF text LANGUAGE plpgsql AS
$$ DECLARE r record; BEGIN FOR r IN SELECT body FROM t.notes LOOP RETURN NEXT r.body; END LOOP; END $$;
CREATE FUNCTION t.loop_over_any(query text) RETURNS SETOF text LANGUAGE plpgsql AS
$$ DECLARE r record; BEGIN FOR r IN EXECUTE query LOOP RETURN NEXT r.body; END LOOP; END $$;
CREATE FUNCTION t.fetch_one(c refcursor) RETURNS text LANGUAGE plpgsql AS
$$ DECLARE found text; BEGIN FETCH c INTO found; RETURN found; END $$;
CREATE FUNCTION t.called_early() RETURNS text LANGUAGE plpgsql IMMUTABLE AS
$$ DECLARE r record; BEGIN FOR r IN SELECT body FROM t.notes LOOP RETURN r.body; END LOOP; END $$;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
DECLARE c CURSOR WITH HOLD FOR SELECT * FROM t.loop_over_notes();
COMMIT;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
CREATE TEMP TABLE copied ON COMMIT DROP AS SELECT * FROM t.notes;
SAVEPOINT s;
DECLARE c CURSOR WITH HOLD FOR SELECT * FROM t.loop_over_any('SELECT body FROM t.note_view');
FETCH 1 FROM c;
ROLLBACK TO s;
DECLARE d CURSOR FOR SELECT body FROM t.notes;
DECLARE c CURSOR WITH HOLD FOR SELECT t.fetch_one('d');
FETCH 1 FROM c;
ROLLBACK TO s;
DECLARE d CURSOR FOR SELECT body FROM t.notes;
CREATE MATERIALIZED VIEW t.fetched AS SELECT t.fetch_one('d');
ROLLBACK TO s;
DECLARE c CURSOR WITH HOLD FOR SELECT t.called_early();
ROLLBACK TO s;
DECLARE c CURSOR WITH HOLD FOR SELECT body FROM copied;
ROLLBACK TO s;
DECLARE c CURSOR WITH HOLD FOR SELECT * FROM t.loop_over_any('SELECT body FROM copied');
FETCH 1 FROM c;
ROLLBACK TO s;
CREATE MATERIALIZED VIEW t.from_copied AS SELECT * FROM t.loop_over_any('SELECT body FROM copied');
ROLLBACK TO s;
DECLARE d CURSOR FOR SELECT body FROM copied;
DECLARE c CURSOR WITH HOLD FOR SELECT t.fetch_one('d');
FETCH 1 FROM c;
ROLLBACK;

-- What was refused must leave the transaction's own cursors as they are, and
-- without a tenant such a temporary table is anyone's.
BEGIN;
SELECT tenant_guard.set_tenant(:a);
DECLARE d CURSOR FOR SELECT body FROM t.notes;
SAVEPOINT s;
DECLARE c CURSOR WITH HOLD FOR SELECT t.fetch_one('d');
\set VERBOSITY sqlstate
FETCH 1 FROM c;
\set VERBOSITY default
ROLLBACK TO s;
SELECT count(*) FROM t.loop_over_notes();
COMMIT;
BEGIN;
CREATE TEMP TABLE copied (tenant_id uuid, body text) ON COMMIT DROP;
INSERT INTO copied VALUES (:a, 'no tenant''s');
DECLARE plain_one CURSOR WITH HOLD FOR SELECT body FROM copied;
COMMIT;
FETCH ALL FROM plain_one;
CLOSE plain_one;

-- A transaction with a tenant must not be prepared, whether it was used or not.
BEGIN;
SELECT tenant_guard.set_tenant(:a);
SELECT count(*) FROM t.notes;
PREPARE TRANSACTION 'regress_tenant';
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
PREPARE TRANSACTION 'regress_tenant';
ROLLBACK;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
SELECT count(*) FROM t.notes;
SELECT tenant_guard.clear_tenant();
PREPARE TRANSACTION 'regress_tenant';
ROLLBACK;

-- Nor one whose deferred triggers set it, which run after the statement has begun.
CREATE FUNCTION t.write_as_a() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	PERFORM tenant_guard.set_tenant('aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa');
	UPDATE t.notes SET body = body;
	RETURN NULL;
END
$$;
CREATE TABLE t.queue (job text);
CREATE CONSTRAINT TRIGGER writes AFTER INSERT ON t.queue DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION t.write_as_a();
BEGIN;
INSERT INTO t.queue VALUES ('job');
PREPARE TRANSACTION 'regress_tenant';
DROP TABLE t.queue;

-- One that is aborted already rolls back, as ever.
BEGIN;
SELECT 1/0;
PREPARE TRANSACTION 'regress_tenant';

-- A temporary relation must not hide a guarded table that search_path finds.
SET search_path = t, public;
CREATE TEMPORARY TABLE notes (id int);
\echo :LAST_ERROR_SQLSTATE
CREATE TEMPORARY VIEW notes AS SELECT 1 AS id;
CREATE TEMPORARY TABLE notes AS SELECT 1 AS id;
SELECT 1 AS id INTO TEMPORARY notes;
CREATE TEMPORARY SEQUENCE notes;
CREATE TEMPORARY TABLE innocent (id int);
ALTER TABLE innocent RENAME TO notes;
DO $$ BEGIN EXECUTE 'EXPLAIN ANALYZE CREATE TEMPORARY TABLE notes AS SELECT 1 AS id'; END $$;
SELECT 'notes'::regclass;

-- One that ends with the transaction may, and so may one that hides nothing guarded.
BEGIN;
CREATE TEMPORARY TABLE notes (id int) ON COMMIT DROP;
COMMIT;
CREATE TEMPORARY TABLE plain (id int);
SET search_path = public;
CREATE TEMPORARY TABLE notes (id int);

RESET ROLE;
RESET search_path;
SET client_min_messages = warning;
DROP TABLE pg_temp.notes, pg_temp.plain, pg_temp.innocent;
DROP SCHEMA t CASCADE;
DROP OWNED BY regress_app;
DROP ROLE regress_app;
