--
-- One transaction, one tenant, by every way in which a tenant can be set: what
-- is refused and what is allowed, as the table in docs/one-tenant.md says.
--
\i test/setup/app.sql
SET client_min_messages = warning;
CREATE TABLE t.notes (id int PRIMARY KEY, tenant_id uuid, body text);
GRANT ALL ON t.notes TO regress_app;
SET tenant_guard.bypass = on;
INSERT INTO t.notes VALUES (1, :a, 'of a'), (2, :b, 'of b'), (3, :b, 'of b too');
RESET tenant_guard.bypass;
-- Two functions with a SET clause are made in one transaction: to make one is not to set a tenant.
BEGIN;
CREATE FUNCTION t.as_a() RETURNS bigint LANGUAGE plpgsql SET tenant_guard.tenant_id = :a AS 'BEGIN RETURN (SELECT count(*) FROM t.notes); END';
CREATE FUNCTION t.as_b() RETURNS bigint LANGUAGE sql SET tenant_guard.tenant_id = :b AS 'SELECT count(*) FROM t.notes';
CREATE FUNCTION t.idle_b() RETURNS int LANGUAGE sql SET tenant_guard.tenant_id = :b AS 'SELECT 1';
COMMIT;
CREATE FUNCTION t.local_b() RETURNS int LANGUAGE plpgsql SET work_mem = '4MB'
AS $$ BEGIN SET LOCAL tenant_guard.tenant_id = 'bbbbbbbb-bbbb-bbbb-bbbb-bbbbbbbbbbbb'; RETURN 1; END $$;
CREATE FUNCTION t.defined_b() RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog
AS $$ BEGIN PERFORM tenant_guard.set_tenant('bbbbbbbb-bbbb-bbbb-bbbb-bbbbbbbbbbbb'); RETURN 1; END $$;

-- Tries a statement in a subtransaction, and says what came of it.
CREATE FUNCTION t.try(way text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE way;
	RETURN 'allowed';
EXCEPTION WHEN others THEN
	RETURN 'refused ' || SQLSTATE;
END
$$;
CREATE FUNCTION t.sees() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	RETURN (SELECT string_agg(body, ', ' ORDER BY id) FROM t.notes);
EXCEPTION WHEN others THEN
	RETURN SQLSTATE;
END
$$;

-- Ways to set a tenant, which stands for %L.
CREATE TABLE t.ways (n int GENERATED ALWAYS AS IDENTITY, way text);
INSERT INTO t.ways (way) VALUES
	('SET LOCAL tenant_guard.tenant_id = %L'),
	('SET tenant_guard.tenant_id = %L'),
	('SET SESSION tenant_guard.tenant_id TO %L'),
	('SELECT set_config(''tenant_guard.tenant_id'', %L, true)'),
	('SELECT set_config(''tenant_guard.tenant_id'', %L, false)'),
	('SELECT set_config(''TENANT_GUARD.Tenant_ID'', %L, false)'),
	('SELECT tenant_guard.set_tenant(%L)'),
	('SELECT tenant_guard.set_tenant(%L::uuid)'),
	('SELECT tenant_guard.set_tenant(%L, false)'),
	('SELECT tenant_guard.set_tenant(upper(%L))'),
	('UPDATE pg_settings SET setting = %L WHERE name = ''tenant_guard.tenant_id'''),
	('DO $do$ BEGIN PERFORM tenant_guard.set_tenant(%L); END $do$'),
	('DO $do$ BEGIN BEGIN PERFORM tenant_guard.set_tenant(%L); END; END $do$'),
	('DO $do$ BEGIN BEGIN PERFORM tenant_guard.set_tenant(%1$L); RAISE division_by_zero; EXCEPTION WHEN division_by_zero THEN PERFORM tenant_guard.set_tenant(%1$L); END; END $do$'),
	('DO $do$ BEGIN SET LOCAL tenant_guard.tenant_id = %L; END $do$'),
	('DO $do$ BEGIN PERFORM tenant_guard.clear_tenant(); PERFORM tenant_guard.set_tenant(%L); END $do$'),
	('DO $do$ BEGIN RESET tenant_guard.tenant_id; PERFORM tenant_guard.set_tenant(%L); END $do$'),
	('DO $do$ BEGIN SET tenant_guard.tenant_id TO DEFAULT; PERFORM tenant_guard.set_tenant(%L); END $do$'),
	('DO $do$ BEGIN SET LOCAL tenant_guard.tenant_id = ''''; PERFORM tenant_guard.set_tenant(%L); END $do$'),
	('DO $do$ BEGIN RESET ALL; SET tenant_guard.tenant_id = %L; END $do$'),
	('WITH unset AS MATERIALIZED (SELECT tenant_guard.clear_tenant()) SELECT tenant_guard.set_tenant(%L) FROM unset'),
	('SELECT 1 UNION ALL SELECT length(set_config(''tenant_guard.tenant_id'', %L, true)) OFFSET 1'),
	('SELECT count(*) FROM LATERAL (SELECT tenant_guard.set_tenant(%L) OFFSET 0) s'),
	('SELECT query_to_xml(format(''SELECT tenant_guard.set_tenant(%%L)'', %L), true, true, '''')'),
	('SELECT count(*) FROM t.notes WHERE tenant_guard.set_tenant(%L) IS NOT NULL'),
	('DO $do$ BEGIN EXECUTE format(''SET LOCAL tenant_guard.tenant_id = %%L'', %L); END $do$');

GRANT SELECT ON t.ways TO regress_app;
RESET client_min_messages;
SET ROLE regress_app;

-- Under a, unused, each must be refused for b and allowed for a; whatever came before, the transaction stays a's.
BEGIN;
SELECT tenant_guard.set_tenant(:a);
SELECT n, way, t.try(format(way, :b)) AS b, t.try(format(way, :a)) AS a FROM t.ways ORDER BY n;
SELECT tenant_guard.set_tenant(:a), t.sees();
ROLLBACK;

-- In a transaction of its own each must be allowed for b, and shows b's rows.
CREATE PROCEDURE t.each_alone(tenant text) LANGUAGE plpgsql AS $$
DECLARE
	w t.ways;
BEGIN
	FOR w IN SELECT * FROM t.ways ORDER BY n LOOP
		RAISE NOTICE '% %: %', w.n, t.try(format(w.way, tenant)), t.sees();
		ROLLBACK;
	END LOOP;
END
$$;
CALL t.each_alone(:b);

-- Functions with a SET clause: b after a, used or not, must be refused, and a after b.
BEGIN;
SELECT t.as_a(), t.try('SELECT t.as_b()'), t.try('SELECT t.idle_b()'), t.try('SELECT tenant_guard.set_tenant(''bbbbbbbb-bbbb-bbbb-bbbb-bbbbbbbbbbbb'')'), t.as_a();
COMMIT;
BEGIN;
SELECT t.idle_b(), t.try('SELECT t.as_a()'), tenant_guard.has_tenant();
COMMIT;
-- A function that sets one by itself, as somebody else or beside other SET clauses, must be refused too.
BEGIN;
SELECT tenant_guard.set_tenant(:a), t.try('SELECT t.local_b()'), t.try('SELECT t.defined_b()'), t.sees();
COMMIT;
-- By itself each is allowed; what it sets ends with its SET clauses, or the transaction.
SELECT t.as_a();
SELECT t.as_b();
BEGIN;
SELECT t.local_b(), tenant_guard.has_tenant();
SELECT tenant_guard.set_tenant(:a);
ROLLBACK;

-- Savepoints: what is released stays set, ...
BEGIN;
SAVEPOINT s;
SAVEPOINT s2;
SET LOCAL tenant_guard.tenant_id = :a;
RELEASE s2;
SELECT t.try('SET tenant_guard.tenant_id = ''bbbbbbbb-bbbb-bbbb-bbbb-bbbbbbbbbbbb''');
-- ... until what it was released into is rolled back.
ROLLBACK TO s;
SET LOCAL tenant_guard.tenant_id = :b;
SELECT t.sees();
ROLLBACK;
-- What was set before the savepoint stays set after it, though unset within it.
BEGIN;
SELECT tenant_guard.set_tenant(:a);
SAVEPOINT s;
SELECT tenant_guard.clear_tenant();
ROLLBACK TO s;
SELECT t.sees();
SAVEPOINT s2;
SELECT tenant_guard.clear_tenant();
RELEASE s2;
SELECT t.try('SET tenant_guard.tenant_id = ''bbbbbbbb-bbbb-bbbb-bbbb-bbbbbbbbbbbb'''), t.sees();
ROLLBACK;
-- An EXCEPTION block that fails undoes what it set first, and one that ends does not.
BEGIN;
DO $$
BEGIN
	BEGIN
		PERFORM tenant_guard.set_tenant('aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa');
		RAISE division_by_zero;
	EXCEPTION WHEN division_by_zero THEN
		NULL;
	END;
	BEGIN
		PERFORM tenant_guard.set_tenant('bbbbbbbb-bbbb-bbbb-bbbb-bbbbbbbbbbbb');
	EXCEPTION WHEN division_by_zero THEN
		NULL;
	END;
END
$$;
SELECT t.sees(), t.try('SELECT tenant_guard.set_tenant(''aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa'')');
ROLLBACK;
-- A second setting in a savepoint is not the first: to undo it changes nothing.
BEGIN;
SELECT tenant_guard.set_tenant(:a);
SAVEPOINT s;
SELECT tenant_guard.set_tenant(:a);
ROLLBACK TO s;
SELECT t.try('SELECT tenant_guard.set_tenant(''bbbbbbbb-bbbb-bbbb-bbbb-bbbbbbbbbbbb'')'), t.sees();
ROLLBACK;

-- A new transaction begins anew: after COMMIT AND CHAIN ...
BEGIN;
SELECT tenant_guard.set_tenant(:a), t.sees();
COMMIT AND CHAIN;
SELECT t.sees(), tenant_guard.set_tenant(:b), t.sees();
ROLLBACK AND CHAIN;
SELECT t.sees(), tenant_guard.set_tenant(:a), t.sees();
COMMIT;
-- ... and in a procedure that commits.
CREATE PROCEDURE t.in_turns() LANGUAGE plpgsql AS $$
BEGIN
	PERFORM tenant_guard.set_tenant('aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa');
	RAISE NOTICE 'sees %', t.sees();
	COMMIT;
	SET LOCAL tenant_guard.tenant_id = 'bbbbbbbb-bbbb-bbbb-bbbb-bbbbbbbbbbbb';
	RAISE NOTICE 'sees %, as a %', t.sees(), t.try('SELECT t.as_a()');
	ROLLBACK;
	PERFORM tenant_guard.set_tenant('aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa');
	RAISE NOTICE 'sees %', t.sees();
END
$$;
CALL t.in_turns();
-- A string of statements without BEGIN is one transaction.
SELECT tenant_guard.set_tenant(:a)\; SELECT t.sees(), t.try('SELECT tenant_guard.set_tenant(''bbbbbbbb-bbbb-bbbb-bbbb-bbbbbbbbbbbb'')');

-- A tenant of an earlier transaction does not count as set, whether it is still one ...
SET tenant_guard.tenant_id = :a;
BEGIN;
SELECT tenant_guard.set_tenant(:b), t.sees();
COMMIT;
RESET ROLE;
SET tenant_guard.scope = session;
SET ROLE regress_app;
BEGIN;
SELECT tenant_guard.set_tenant(:b), t.sees();
-- ... but must not come back after another was set.
RESET tenant_guard.tenant_id;
SELECT t.sees(), t.try('SET tenant_guard.tenant_id = ''aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa''');
COMMIT;
SET tenant_guard.tenant_id = :a;
BEGIN;
SAVEPOINT s;
SELECT tenant_guard.set_tenant(:b), t.sees();
ROLLBACK TO s;
SELECT t.sees();
ROLLBACK;
-- Once it was used it must stay.
BEGIN;
SELECT t.sees(), t.try('SELECT tenant_guard.set_tenant(''bbbbbbbb-bbbb-bbbb-bbbb-bbbbbbbbbbbb'')');
ROLLBACK;
RESET tenant_guard.tenant_id;
RESET ROLE;
RESET tenant_guard.scope;

-- DISCARD ALL cannot be in a transaction.
SET ROLE regress_app;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
DISCARD ALL;
ROLLBACK;
-- A change of role must not forget the tenant.
RESET ROLE;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
SET LOCAL ROLE regress_app;
SELECT t.try('SELECT tenant_guard.set_tenant(''bbbbbbbb-bbbb-bbbb-bbbb-bbbbbbbbbbbb'')');
SET LOCAL SESSION AUTHORIZATION regress_app;
SELECT t.try('SELECT tenant_guard.set_tenant(''bbbbbbbb-bbbb-bbbb-bbbb-bbbbbbbbbbbb'')'), t.sees();
ROLLBACK;

RESET ROLE;
SET client_min_messages = warning;
DROP SCHEMA t CASCADE;
DROP ROLE regress_app;
