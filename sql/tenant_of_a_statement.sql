--
-- A statement that has begun keeps its tenant to its end: whether it is unset
-- meanwhile must not show where a row of another tenant was met.
--
\i test/setup/app.sql
SET client_min_messages = warning;
CREATE TABLE t.notes (id int, tenant_id uuid, body text, secret boolean);
SET tenant_guard.bypass = on;
INSERT INTO t.notes VALUES (1, :a, 'mine', false), (2, :b, 'CANARY', true);
RESET tenant_guard.bypass;
GRANT ALL ON t.notes TO regress_app;
RESET client_min_messages;
SET ROLE regress_app;
CREATE FUNCTION t.clear() RETURNS int LANGUAGE plpgsql AS 'BEGIN PERFORM tenant_guard.clear_tenant(); RETURN 1; END';
CREATE FUNCTION t.reset() RETURNS int LANGUAGE plpgsql AS 'BEGIN RESET tenant_guard.tenant_id; RETURN 1; END';

-- A cursor must read the same whether a filter lets another tenant's row through or not, with trusted filters and without.
BEGIN;
SELECT tenant_guard.set_tenant(:a);
DECLARE found CURSOR FOR SELECT body FROM t.notes WHERE body LIKE 'CAN%';
DECLARE missed CURSOR FOR SELECT body FROM t.notes WHERE body LIKE 'NAN%';
DECLARE own CURSOR FOR SELECT body FROM t.notes;
RESET ROLE;
SET LOCAL tenant_guard.trusted_filters = off;
SET ROLE regress_app;
DECLARE found_off CURSOR FOR SELECT body FROM t.notes WHERE secret;
DECLARE missed_off CURSOR FOR SELECT body FROM t.notes WHERE secret IS NULL;
SELECT tenant_guard.clear_tenant();
FETCH ALL FROM found;
FETCH ALL FROM missed;
FETCH ALL FROM own;
FETCH ALL FROM found_off;
FETCH ALL FROM missed_off;
-- A statement that begins now must be refused, and another tenant as well.
SAVEPOINT s;
SELECT body FROM t.notes;
ROLLBACK TO s;
SELECT tenant_guard.current_tenant();
ROLLBACK TO s;
SELECT tenant_guard.set_tenant(:b);
ROLLBACK TO s;
INSERT INTO t.notes (id) VALUES (3);
ROLLBACK;

-- So must one statement whose functions unset it.
CREATE FUNCTION t.try(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	n int;
BEGIN
	PERFORM tenant_guard.set_tenant('aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa');
	EXECUTE query INTO n;
	RETURN n;
EXCEPTION WHEN others THEN
	RETURN SQLERRM;
END
$$;
SELECT pattern, call, t.try(format('SELECT count(x) FROM (SELECT %s AS x OFFSET 0) s CROSS JOIN t.notes WHERE body LIKE %L', call, pattern))
FROM unnest(ARRAY['CAN%', 'NAN%', 'mine']) pattern, unnest(ARRAY['t.clear()', 't.reset()']) call;
-- What WITH writes may be written after the rest.
SELECT pattern, t.try(format('WITH changed AS (UPDATE t.notes SET body = ''changed'' WHERE body LIKE %L RETURNING 1) SELECT t.clear()', pattern))
FROM unnest(ARRAY['CAN%', 'NAN%']) pattern;
-- A function's own statements begin anew: they must be refused, and the statement that called it must go on.
CREATE FUNCTION t.look() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM tenant_guard.clear_tenant();
	RETURN (SELECT body FROM t.notes);
EXCEPTION WHEN others THEN
	RETURN SQLERRM;
END
$$;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
SELECT looked, body FROM (SELECT t.look() AS looked OFFSET 0) s CROSS JOIN t.notes;
SELECT body FROM t.notes;
-- After the statement nothing must be kept, not even where it has failed.
SELECT c, body FROM (SELECT t.clear() AS c OFFSET 0) s CROSS JOIN t.notes;
SELECT tenant_guard.current_tenant();
ROLLBACK;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
SAVEPOINT s;
SELECT 1 / (length(body) - 4) FROM t.notes;
ROLLBACK TO s;
SELECT tenant_guard.clear_tenant();
SELECT tenant_guard.current_tenant();
ROLLBACK;

-- Nor must a statement get the tenant that is no longer set from a table that is not guarded, or another than its own
-- where a transaction may have several.
RESET ROLE;
CREATE TABLE t.policed (id int);
INSERT INTO t.policed VALUES (1);
ALTER TABLE t.policed ENABLE ROW LEVEL SECURITY;
CREATE POLICY any_row ON t.policed USING (true);
GRANT SELECT ON t.policed TO regress_app;
SET ROLE regress_app;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
SELECT body FROM t.notes;
SELECT tenant_guard.clear_tenant();
SELECT tenant_guard.current_tenant() FROM t.policed;
ROLLBACK;
RESET ROLE;
SET tenant_guard.one_tenant_per_transaction = off;
SET ROLE regress_app;
CREATE FUNCTION t.visit() RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	PERFORM tenant_guard.set_tenant('bbbbbbbb-bbbb-bbbb-bbbb-bbbbbbbbbbbb'), count(*) FROM t.notes;
	PERFORM count(*) FROM t.notes;
	PERFORM tenant_guard.clear_tenant();
	RETURN 1;
END
$$;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
SELECT visited, body FROM (SELECT t.visit() AS visited OFFSET 0) s CROSS JOIN t.notes;
ROLLBACK;
-- Nor may a statement store one tenant's rows as another's.
BEGIN;
SELECT tenant_guard.set_tenant(:a);
INSERT INTO t.notes (tenant_id, body) SELECT tenant_guard.current_tenant(), body FROM t.notes
WHERE tenant_guard.set_tenant('bbbbbbbb-bbbb-bbbb-bbbb-bbbbbbbbbbbb') IS NOT NULL;
ROLLBACK;
-- Between two statements the tenant may change.
BEGIN;
SELECT tenant_guard.set_tenant(:a);
SELECT count(*) FROM t.notes;
SELECT tenant_guard.set_tenant('bbbbbbbb-bbbb-bbbb-bbbb-bbbbbbbbbbbb');
SELECT count(*) FROM t.notes;
ROLLBACK;

-- A cursor must be read for the tenant that it was opened with, or not at all, whatever its plan is: one that compares with the tenant
-- when it starts, ...
RESET ROLE;
CREATE INDEX ON t.notes (tenant_id, id);
SET ROLE regress_app;
SET enable_seqscan = off;
SET enable_bitmapscan = off;
BEGIN;
SELECT tenant_guard.set_tenant(:b);
DECLARE by_index CURSOR FOR SELECT body FROM t.notes;
DECLARE by_value CURSOR FOR SELECT body FROM t.notes WHERE tenant_id = :b;
DECLARE again CURSOR FOR SELECT body FROM t.notes;
DECLARE sorted CURSOR FOR SELECT body FROM t.notes ORDER BY secret;
FETCH 1 FROM sorted;
SET LOCAL enable_seqscan = on;
SET LOCAL enable_indexscan = off;
-- ... and one that compares for each row.
DECLARE by_row CURSOR FOR SELECT body FROM t.notes;
SELECT tenant_guard.set_tenant(:a);
SAVEPOINT s;
FETCH 1 FROM by_index;
ROLLBACK TO s;
FETCH 1 FROM by_value;
ROLLBACK TO s;
FETCH 1 FROM sorted;
ROLLBACK TO s;
MOVE 1 IN by_row;
ROLLBACK TO s;
-- It may be closed, its tenant may come back, and where that is unset the cursor keeps it.
CLOSE sorted;
SELECT tenant_guard.set_tenant(:b);
FETCH 1 FROM again;
SELECT tenant_guard.clear_tenant();
FETCH ALL FROM again;
ROLLBACK;
RESET enable_seqscan;
RESET enable_bitmapscan;
-- So it is with a loop over a query, and with a function in SQL whose rows are read one by one.
CREATE FUNCTION t.loop(other uuid, back boolean) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	note record;
	tenant uuid = tenant_guard.current_tenant();
	n int = 0;
BEGIN
	FOR note IN SELECT id FROM t.notes, generate_series(1, 100) LOOP
		PERFORM tenant_guard.set_tenant(other);
		PERFORM count(*) FROM t.notes;
		IF back THEN PERFORM tenant_guard.set_tenant(tenant); END IF;
		n := n + 1;
	END LOOP;
	RETURN n;
END
$$;
CREATE FUNCTION t.bodies() RETURNS SETOF text LANGUAGE sql STABLE AS 'SELECT body FROM t.notes, generate_series(1, 3)';
CREATE FUNCTION t.set_once(tenant uuid) RETURNS text LANGUAGE plpgsql AS 'BEGIN RETURN tenant_guard.set_tenant(tenant); END';
BEGIN;
SELECT tenant_guard.set_tenant(:a);
SELECT t.loop(:b, true);
SAVEPOINT s;
SELECT t.loop(:b, false);
ROLLBACK TO s;
SELECT t.bodies(), t.set_once(:b);
ROLLBACK TO s;
SELECT t.bodies(), t.set_once(:a);
ROLLBACK;
-- Rows of all tenants, read on purpose, are nobody's: a job may go from one to the next by them.
RESET ROLE;
BEGIN;
SET LOCAL tenant_guard.bypass = on;
DECLARE tenants CURSOR FOR SELECT DISTINCT tenant_id FROM t.notes ORDER BY 1;
FETCH 1 FROM tenants;
SELECT tenant_guard.set_tenant(:a);
FETCH 1 FROM tenants;
SELECT tenant_guard.set_tenant(:b);
FETCH 1 FROM tenants;
ROLLBACK;
-- So are those of a table without tenants.
SET ROLE regress_app;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
DECLARE plain CURSOR FOR SELECT n FROM generate_series(1, 2) n;
FETCH 1 FROM plain;
SELECT tenant_guard.set_tenant(:b);
FETCH 1 FROM plain;
ROLLBACK;

-- Nor must a cursor go on after a function that may have several tenants has used another, where the rule is in force.
RESET ROLE;
CREATE ROLE regress_visitor;
GRANT SET ON PARAMETER tenant_guard.one_tenant_per_transaction TO regress_visitor;
GRANT ALL ON SCHEMA t TO regress_visitor;
GRANT SELECT ON t.notes TO regress_visitor;
CREATE FUNCTION t.look_at(tenant uuid) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER
SET tenant_guard.one_tenant_per_transaction = off AS $$
BEGIN
	PERFORM tenant_guard.set_tenant(tenant);
	RETURN (SELECT count(*) FROM t.notes);
END
$$;
ALTER FUNCTION t.look_at OWNER TO regress_visitor;
RESET tenant_guard.one_tenant_per_transaction;
SET ROLE regress_app;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
DECLARE c CURSOR FOR SELECT body FROM t.notes, generate_series(1, 3);
FETCH 1 FROM c;
SELECT t.look_at(:b);
FETCH 1 FROM c;
ROLLBACK;

RESET ROLE;
SET client_min_messages = warning;
DROP SCHEMA t CASCADE;
DROP OWNED BY regress_visitor;
DROP ROLE regress_app, regress_visitor;
