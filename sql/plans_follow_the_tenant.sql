--
-- A plan that is kept serves every tenant. One that was made for a tenant with
-- more rows than others must not be what others get.
--
SET tenant_guard.trusted_filters = on;
\set SHOW_CONTEXT never
\set large '''aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa'''
\set small '''bbbbbbbb-bbbb-bbbb-bbbb-000000000001'''
\set other '''bbbbbbbb-bbbb-bbbb-bbbb-000000000002'''
SET client_min_messages = warning;
CREATE ROLE regress_app;
CREATE SCHEMA t;
GRANT ALL ON SCHEMA t TO regress_app;
CREATE TABLE t.notes (id int, tenant_id uuid, body text);
SET tenant_guard.bypass = on;
INSERT INTO t.notes
SELECT i, CASE WHEN i % 2 = 0 THEN 'aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa' ELSE 'bbbbbbbb-bbbb-bbbb-bbbb-' || lpad((i % 401)::text, 12, '0') END::uuid, 'note ' || i
FROM generate_series(1, 80000) i;
RESET tenant_guard.bypass;
CREATE INDEX ON t.notes (tenant_id, id);
VACUUM ANALYZE t.notes;
GRANT ALL ON t.notes TO regress_app;
RESET client_min_messages;
SET ROLE regress_app;
SET enable_bitmapscan = off;
SET max_parallel_workers_per_gather = 0;

-- It is folded, and so called, whenever a statement is planned.
CREATE FUNCTION t.planned(what text) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
	RAISE NOTICE '% is planned', what;
	RETURN 0;
END
$$;
CREATE FUNCTION t.scan(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
		IF line ~ ' Scan ' THEN RETURN substring(line FROM '\w+ Scan'); END IF;
	END LOOP;
END
$$;
PREPARE whole AS SELECT count(body) FROM t.notes WHERE id > t.planned('whole');
PREPARE point AS SELECT count(body) FROM t.notes WHERE id = 2 + t.planned('point');

-- The large tenant's plan must read the table, and be kept while it is that tenant's turn.
BEGIN;
SELECT tenant_guard.set_tenant(:large);
SELECT t.scan('EXECUTE whole');
EXECUTE whole;
EXECUTE point;
COMMIT;
BEGIN;
SELECT tenant_guard.set_tenant(:large);
EXECUTE whole;
EXECUTE point;
COMMIT;

-- For another tenant it must be made anew, and only this one: what is cheap for everyone stays.
BEGIN;
SELECT tenant_guard.set_tenant(:small);
SELECT t.scan('EXECUTE whole');
EXECUTE whole;
EXECUTE point;
COMMIT;

-- Then it must stay, whose turn ever it is.
BEGIN;
SELECT tenant_guard.set_tenant(:other);
EXECUTE whole;
COMMIT;
BEGIN;
SELECT tenant_guard.set_tenant(:large);
EXECUTE whole;
EXECUTE point;
COMMIT;

-- So it must be in functions.
CREATE FUNCTION t.count_notes() RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
	RETURN (SELECT count(body) FROM t.notes WHERE id > t.planned('the function''s query'));
END
$$;
BEGIN;
SELECT tenant_guard.set_tenant(:large);
SELECT t.count_notes();
SELECT t.count_notes();
COMMIT;
BEGIN;
SELECT tenant_guard.set_tenant(:small);
SELECT t.count_notes();
COMMIT;
BEGIN;
SELECT tenant_guard.set_tenant(:other);
SELECT t.count_notes();
COMMIT;

-- A tenant that comes back by ROLLBACK TO is set, too.
DEALLOCATE whole;
PREPARE whole AS SELECT count(body) FROM t.notes WHERE id > t.planned('whole');
BEGIN;
SET LOCAL tenant_guard.tenant_id = :small;
SAVEPOINT s;
SET LOCAL tenant_guard.tenant_id = :large;
EXECUTE whole;
ROLLBACK TO s;
-- It must be refused, since the transaction has used the other, and the plan must be gone.
EXECUTE whole;
ROLLBACK;
BEGIN;
SET LOCAL tenant_guard.tenant_id = :large;
EXECUTE whole;
COMMIT;

-- Tenants of equal size must share what is planned once.
RESET ROLE;
SET tenant_guard.bypass = on;
DELETE FROM t.notes WHERE tenant_id = :large;
RESET tenant_guard.bypass;
VACUUM ANALYZE t.notes;
SET ROLE regress_app;
DEALLOCATE whole;
SET enable_indexscan = off;
SET enable_indexonlyscan = off;
PREPARE whole AS SELECT count(body) FROM t.notes WHERE id > t.planned('whole');
BEGIN;
SELECT tenant_guard.set_tenant(:small);
EXECUTE whole;
COMMIT;
BEGIN;
SELECT tenant_guard.set_tenant(:other);
EXECUTE whole;
COMMIT;

RESET ROLE;
SET client_min_messages = warning;
DROP SCHEMA t CASCADE;
DROP ROLE regress_app;
