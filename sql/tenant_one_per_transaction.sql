--
-- Promise 2: once a tenant has been set or used, no other can be before the
-- transaction ends, by whatever way the setting changes.  Each way to set one is
-- in tenant_every_way_to_set.sql.
--
\i test/setup/app.sql
SET client_min_messages = warning;
CREATE TABLE t.notes (id int PRIMARY KEY, tenant_id uuid, body text);
GRANT ALL ON t.notes TO regress_app;
SET tenant_guard.bypass = on;
INSERT INTO t.notes VALUES (1, :a, 'of a'), (2, :b, 'of b'), (3, :b, 'of b too');
RESET tenant_guard.bypass;
RESET client_min_messages;
SET ROLE regress_app;

-- Once one is set, another must be refused, before it is used ...
BEGIN;
SELECT tenant_guard.set_tenant(:b);
SAVEPOINT s;
SELECT tenant_guard.set_tenant(:a);
\echo :LAST_ERROR_SQLSTATE
ROLLBACK TO s;
SELECT body FROM t.notes ORDER BY id;

-- ... and after.
SELECT tenant_guard.set_tenant(:a);
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;

-- By SET LOCAL, SET and set_config too.
BEGIN;
SET LOCAL tenant_guard.tenant_id = :a;
SELECT body FROM t.notes ORDER BY id;
SAVEPOINT s;
SET LOCAL tenant_guard.tenant_id = :b;
ROLLBACK TO s;
SET tenant_guard.tenant_id = :b;
ROLLBACK TO s;
SELECT set_config('tenant_guard.tenant_id', :b, true);
ROLLBACK TO s;

-- The same tenant may be set again, in any spelling.
SELECT tenant_guard.set_tenant(upper(:a));
SELECT tenant_guard.set_tenant('{' || :a || '}');
SELECT body FROM t.notes ORDER BY id;

-- Unsetting is allowed; what follows must be no tenant, and not another.
SELECT tenant_guard.clear_tenant();
SAVEPOINT s2;
SELECT body FROM t.notes;
ROLLBACK TO s2;
SELECT tenant_guard.set_tenant(:b);
ROLLBACK TO s2;
SELECT tenant_guard.set_tenant(:a);
SELECT body FROM t.notes ORDER BY id;
COMMIT;

-- The next transaction is free.
BEGIN;
SELECT tenant_guard.set_tenant(:b);
SELECT count(*) FROM t.notes;
COMMIT;

-- A savepoint must allow no second tenant, ...
BEGIN;
SELECT tenant_guard.set_tenant(:b);
SAVEPOINT s;
SELECT tenant_guard.set_tenant(:a);
ROLLBACK TO s;
SELECT body FROM t.notes ORDER BY id;
ROLLBACK;

-- ... nor an EXCEPTION block.
BEGIN;
SELECT tenant_guard.set_tenant(:b);
DO $$
BEGIN
	PERFORM tenant_guard.set_tenant('aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa');
	RAISE NOTICE 'sees %', (SELECT count(*) FROM t.notes);
	RAISE division_by_zero;
EXCEPTION WHEN SQLSTATE 'TG002' THEN
	RAISE NOTICE '%', SQLERRM;
END
$$;
SELECT count(*) FROM t.notes;
ROLLBACK;

-- What was set in a savepoint and not used is undone with it.
BEGIN;
SAVEPOINT s;
SELECT tenant_guard.set_tenant(:a);
ROLLBACK TO s;
SELECT tenant_guard.set_tenant(:b);
SELECT count(*) FROM t.notes;
ROLLBACK;

-- What was set in one that was released must outlive the next one, which has
-- taken its place.
BEGIN;
SAVEPOINT s;
SELECT tenant_guard.set_tenant(:a);
RELEASE s;
SAVEPOINT s;
ROLLBACK TO s;
SELECT tenant_guard.set_tenant(:b);
ROLLBACK;

-- A tenant that was used must outlive it: its rows may have been kept.
BEGIN;
SAVEPOINT s;
SELECT tenant_guard.set_tenant(:a);
SELECT count(*) FROM t.notes;
ROLLBACK TO s;
SELECT tenant_guard.set_tenant(:b);
ROLLBACK;

-- A function with a SET clause must not see another tenant ...
CREATE FUNCTION t.as_b() RETURNS bigint LANGUAGE sql
SET tenant_guard.tenant_id = 'bbbbbbbb-bbbb-bbbb-bbbb-bbbbbbbbbbbb'
AS 'SELECT count(*) FROM t.notes';
BEGIN;
SELECT tenant_guard.set_tenant(:a);
SELECT count(*) FROM t.notes;
SELECT t.as_b();
ROLLBACK;

-- ... used or not, and where it is first no other may follow.
BEGIN;
SELECT tenant_guard.set_tenant(:a);
SELECT t.as_b();
ROLLBACK;
BEGIN;
SELECT t.as_b();
SELECT tenant_guard.set_tenant(:a);
ROLLBACK;

-- By itself it works, and nothing is left of it.
SELECT t.as_b();
SELECT tenant_guard.has_tenant();

-- RESET, RESET ALL and SET TO DEFAULT must not unseal.
BEGIN;
SELECT tenant_guard.set_tenant(:a);
SELECT count(*) FROM t.notes;
RESET ALL;
SAVEPOINT s;
SELECT tenant_guard.set_tenant(:b);
ROLLBACK TO s;
RESET tenant_guard.tenant_id;
SELECT tenant_guard.set_tenant(:b);
ROLLBACK TO s;
SELECT count(*) FROM t.notes;
ROLLBACK;

-- Nor does a change of role.
BEGIN;
SELECT tenant_guard.set_tenant(:a);
SELECT count(*) FROM t.notes;
RESET ROLE;
SELECT tenant_guard.set_tenant(:b);
ROLLBACK;
SET ROLE regress_app;

-- Two tenants in one statement must be refused, whichever comes first.
BEGIN;
SELECT tenant_guard.set_tenant(:a);
SELECT s.x, n.body
FROM (VALUES (:a), (:b)) AS s(x)
	 CROSS JOIN LATERAL (SELECT tenant_guard.set_tenant(s.x) OFFSET 0) AS set_it
	 CROSS JOIN LATERAL (SELECT body FROM t.notes WHERE tenant_guard.has_tenant() AND s.x IS NOT NULL OFFSET 0) AS n;
ROLLBACK;

-- A cursor opened under a tenant must not be fetched under another.
BEGIN;
SELECT tenant_guard.set_tenant(:b);
DECLARE c CURSOR FOR SELECT body FROM t.notes ORDER BY id;
FETCH 1 FROM c;
SAVEPOINT s;
SELECT tenant_guard.set_tenant(:a);
ROLLBACK TO s;
FETCH 1 FROM c;
COMMIT;

-- A procedure that commits starts anew: its tenant is gone, another may come.
CREATE PROCEDURE t.two_tenants() LANGUAGE plpgsql AS $$
BEGIN
	PERFORM tenant_guard.set_tenant('aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa');
	RAISE NOTICE 'a sees %', (SELECT count(*) FROM t.notes);
	COMMIT;
	RAISE NOTICE 'has a tenant: %', tenant_guard.has_tenant();
	PERFORM tenant_guard.set_tenant('bbbbbbbb-bbbb-bbbb-bbbb-bbbbbbbbbbbb');
	RAISE NOTICE 'b sees %', (SELECT count(*) FROM t.notes);
	ROLLBACK;
	RAISE NOTICE 'has a tenant: %', tenant_guard.has_tenant();
END
$$;
CALL t.two_tenants();

-- An application role must not be able to lift the rule.
SET tenant_guard.one_tenant_per_transaction = off;

-- Whom the hint names the parameter to must be who may set it: a superuser, ...
RESET ROLE;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
SELECT tenant_guard.set_tenant(:b);
ROLLBACK;
-- ... and a role that was granted it.
GRANT SET ON PARAMETER tenant_guard.one_tenant_per_transaction TO regress_app;
SET ROLE regress_app;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
SELECT tenant_guard.set_tenant(:b);
ROLLBACK;
-- What the hint says must do.
BEGIN;
SET LOCAL tenant_guard.one_tenant_per_transaction = off;
SELECT tenant_guard.set_tenant(:a);
SELECT count(*) FROM t.notes;
SELECT tenant_guard.set_tenant(:b);
SELECT count(*) FROM t.notes;
-- Once the rule is back, the second tenant must not be used, though it was before.
SET LOCAL tenant_guard.one_tenant_per_transaction = on;
SELECT count(*) FROM t.notes;
ROLLBACK;
RESET ROLE;
REVOKE SET ON PARAMETER tenant_guard.one_tenant_per_transaction FROM regress_app;

-- Where a superuser has lifted it, a transaction may go from tenant to tenant.
SET tenant_guard.one_tenant_per_transaction = off;
SET ROLE regress_app;
BEGIN;
SELECT tenant_guard.set_tenant(:b);
SELECT body FROM t.notes ORDER BY id;
SELECT tenant_guard.set_tenant(:a);
SELECT body FROM t.notes ORDER BY id;
SELECT tenant_guard.set_tenant(:b);
SELECT body FROM t.notes ORDER BY id;
COMMIT;

-- A parallel worker must not have another tenant than its leader: not by a
-- function with a SET clause, nor by a value to which a savepoint has gone back.
RESET ROLE;
RESET tenant_guard.one_tenant_per_transaction;
CREATE TABLE t.plain AS SELECT i AS id FROM generate_series(1, 2000) i;
ANALYZE t.plain;
GRANT SELECT ON t.plain TO regress_app;
SET tenant_guard.scope = session;
SET ROLE regress_app;
CREATE FUNCTION t.in_worker_as_b(int) RETURNS bigint LANGUAGE plpgsql STABLE PARALLEL SAFE
SET tenant_guard.tenant_id = 'bbbbbbbb-bbbb-bbbb-bbbb-bbbbbbbbbbbb'
AS $$ BEGIN RETURN (SELECT count(*) FROM t.notes); END $$;
CREATE FUNCTION t.in_worker(int) RETURNS bigint LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$ BEGIN RETURN (SELECT count(*) FROM t.notes); END $$;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET parallel_leader_participation = off;
\set VERBOSITY sqlstate
BEGIN;
SELECT tenant_guard.set_tenant(:a);
SELECT count(*) FROM t.notes;
SELECT max(t.in_worker_as_b(id)) FROM t.plain;
ROLLBACK;
SET tenant_guard.tenant_id = :b;
SELECT max(t.in_worker(id)) FROM t.plain;
BEGIN;
SAVEPOINT s;
SET LOCAL tenant_guard.tenant_id = :a;
SELECT count(*) FROM t.notes;
ROLLBACK TO s;
SELECT max(t.in_worker(id)) FROM t.plain;
ROLLBACK;
-- Nor one that an earlier transaction has set.
RESET ROLE;
RESET tenant_guard.scope;
SET ROLE regress_app;
SELECT max(t.in_worker(id)) FROM t.plain;
\set VERBOSITY default
RESET ALL;

RESET ROLE;
RESET tenant_guard.scope;
SET client_min_messages = warning;
DROP SCHEMA t CASCADE;
DROP ROLE regress_app;
