--
-- Who may say which tenant: under each authority, every way to set one in a
-- session, by the application, by a function of a role that was granted it, by
-- the owner of the tables and by a superuser, as the table in docs/authority.md
-- says.
--
\i test/setup/owner_and_app.sql
SET client_min_messages = warning;
CREATE ROLE regress_gate;
GRANT SET ON PARAMETER tenant_guard.tenant_id TO regress_gate;
GRANT USAGE ON SCHEMA t TO regress_gate;
GRANT regress_owner TO CURRENT_USER;
CREATE TABLE t.notes (id int PRIMARY KEY, tenant_id uuid, body text);
SET tenant_guard.bypass = on;
INSERT INTO t.notes VALUES (1, :a, 'of a'), (2, :b, 'of b');
RESET tenant_guard.bypass;

-- Code that sets the tenant that is wanted, wherever PostgreSQL calls code.
CREATE TABLE t.wanted (tenant text);
INSERT INTO t.wanted VALUES (:b);
CREATE FUNCTION t.set_wanted() RETURNS text LANGUAGE sql AS $$SELECT set_config('tenant_guard.tenant_id', tenant, true) FROM t.wanted$$;
CREATE FUNCTION t.set_if(boolean) RETURNS boolean LANGUAGE plpgsql AS $$BEGIN RETURN t.set_wanted() IS NOT NULL; END$$;
CREATE FUNCTION t.set_by_trigger() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN PERFORM t.set_wanted(); RETURN NEW; END$$;
CREATE FUNCTION t.set_by_state(state text, tenant text) RETURNS text LANGUAGE sql AS $$SELECT tenant_guard.set_tenant(tenant)$$;
CREATE AGGREGATE t.set_by_aggregate(text) (SFUNC = t.set_by_state, STYPE = text);
CREATE PROCEDURE t.set_by_procedure(tenant text) LANGUAGE sql AS $$SELECT tenant_guard.set_tenant(tenant)$$;
CREATE FUNCTION t.set_by_sql(tenant text) RETURNS text LANGUAGE sql AS $$SELECT tenant_guard.set_tenant(tenant)$$;
CREATE FUNCTION t.set_by_body(tenant text) RETURNS text LANGUAGE sql BEGIN ATOMIC SELECT tenant_guard.set_tenant(tenant); END;
CREATE FUNCTION t.set_with_path(tenant text) RETURNS text LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$BEGIN RETURN tenant_guard.set_tenant(tenant); END$$;
CREATE FUNCTION t.set_by_cast(text) RETURNS int LANGUAGE plpgsql AS $$BEGIN PERFORM tenant_guard.set_tenant($1); RETURN 1; END$$;
CREATE OPERATOR t.!!! (FUNCTION = t.set_by_cast, RIGHTARG = text);
CREATE DOMAIN t.checked AS int CHECK (t.set_if(VALUE > 0));
CREATE VIEW t.sets AS SELECT t.set_wanted() AS tenant;
CREATE VIEW t.sets_as_invoker WITH (security_invoker) AS SELECT t.set_wanted() AS tenant;
CREATE TABLE t.defaulted (tenant text DEFAULT t.set_wanted());
CREATE TABLE t.constrained (i int CHECK (t.set_if(i > 0)));
CREATE TABLE t.kept (i int PRIMARY KEY);
INSERT INTO t.kept VALUES (1);
CREATE TABLE t.triggered (i int);
CREATE TRIGGER sets BEFORE INSERT ON t.triggered FOR EACH ROW EXECUTE FUNCTION t.set_by_trigger();
CREATE TABLE t.deferred (i int);
CREATE CONSTRAINT TRIGGER sets AFTER INSERT ON t.deferred DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION t.set_by_trigger();
CREATE TABLE t.ruled (i int);
CREATE RULE sets AS ON INSERT TO t.ruled DO ALSO SELECT t.set_wanted();
CREATE TABLE t.filtered (i int);
INSERT INTO t.filtered VALUES (1);
ALTER TABLE t.filtered ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY sets ON t.filtered USING (t.set_if(i > 0));
GRANT ALL ON ALL TABLES IN SCHEMA t TO regress_app, regress_gate, regress_owner;

-- Ways to set a tenant, which stands for %1$L.
CREATE TABLE t.ways (n int GENERATED ALWAYS AS IDENTITY, way text);
INSERT INTO t.ways (way) VALUES
	('SET LOCAL tenant_guard.tenant_id = %1$L'),
	('SET tenant_guard.tenant_id = %1$L'),
	('SET SESSION tenant_guard.tenant_id TO %1$L'),
	('SELECT set_config(''tenant_guard.tenant_id'', %1$L, true)'),
	('SELECT set_config(''tenant_guard.tenant_id'', %1$L, false)'),
	('SELECT set_config(''TENANT_GUARD.Tenant_ID'', %1$L, false)'),
	('SELECT set_config(name, %1$L, true) FROM pg_settings WHERE name = ''tenant_guard.tenant_id'''),
	('SELECT tenant_guard.set_tenant(%1$L)'),
	('SELECT tenant_guard.set_tenant(%1$L::uuid)'),
	('SELECT tenant_guard.set_tenant(%1$L, false)'),
	('SELECT tenant_guard.set_tenant(upper(%1$L))'),
	('UPDATE pg_settings SET setting = %1$L WHERE name = ''tenant_guard.tenant_id'''),
	('DO $do$ BEGIN PERFORM tenant_guard.set_tenant(%1$L); END $do$'),
	('DO $do$ BEGIN BEGIN PERFORM tenant_guard.set_tenant(%1$L); END; END $do$'),
	('DO $do$ BEGIN BEGIN PERFORM tenant_guard.set_tenant(%1$L); RAISE division_by_zero; EXCEPTION WHEN division_by_zero THEN PERFORM tenant_guard.set_tenant(%1$L); END; END $do$'),
	('DO $do$ BEGIN SET LOCAL tenant_guard.tenant_id = %1$L; END $do$'),
	('DO $do$ BEGIN EXECUTE format(''SET LOCAL tenant_guard.tenant_id = %%L'', %1$L); END $do$'),
	('DO $do$ BEGIN PERFORM tenant_guard.clear_tenant(); PERFORM tenant_guard.set_tenant(%1$L); END $do$'),
	('DO $do$ BEGIN RESET tenant_guard.tenant_id; PERFORM tenant_guard.set_tenant(%1$L); END $do$'),
	('DO $do$ BEGIN SET tenant_guard.tenant_id TO DEFAULT; PERFORM tenant_guard.set_tenant(%1$L); END $do$'),
	('DO $do$ BEGIN SET LOCAL tenant_guard.tenant_id = ''''; PERFORM tenant_guard.set_tenant(%1$L); END $do$'),
	('DO $do$ BEGIN RESET ALL; SET tenant_guard.tenant_id = %1$L; END $do$'),
	('DO $do$ DECLARE c CURSOR FOR SELECT tenant_guard.set_tenant(%1$L); x text; BEGIN OPEN c; FETCH c INTO x; END $do$'),
	('DO $do$ DECLARE x text; BEGIN FOR x IN SELECT tenant_guard.set_tenant(%1$L) LOOP END LOOP; END $do$'),
	('DO $do$ DECLARE x text := tenant_guard.set_tenant(%1$L); BEGIN END $do$'),
	('WITH unset AS MATERIALIZED (SELECT tenant_guard.clear_tenant()) SELECT tenant_guard.set_tenant(%1$L) FROM unset'),
	('SELECT 1 UNION ALL SELECT length(set_config(''tenant_guard.tenant_id'', %1$L, true)) OFFSET 1'),
	('SELECT count(*) FROM LATERAL (SELECT tenant_guard.set_tenant(%1$L) OFFSET 0) s'),
	('SELECT count(*) FROM t.wanted w, LATERAL (SELECT tenant_guard.set_tenant(w.tenant) FROM t.wanted WHERE w.tenant = %1$L) s'),
	('SELECT count(*) FROM tenant_guard.set_tenant(%1$L)'),
	('SELECT FROM t.wanted WHERE tenant_guard.set_tenant(%1$L) IS NULL'),
	('SELECT FROM t.wanted ORDER BY tenant_guard.set_tenant(%1$L) || tenant'),
	('SELECT FROM t.wanted GROUP BY tenant HAVING tenant_guard.set_tenant(%1$L) IS NULL'),
	('SELECT FROM t.wanted LIMIT length(tenant_guard.set_tenant(%1$L))'),
	('SELECT max(tenant_guard.set_tenant(%1$L)) OVER () FROM t.wanted'),
	('SELECT CASE WHEN tenant_guard.set_tenant(%1$L) IS NULL THEN 1 END'),
	('SELECT count(*) FROM t.wanted JOIN t.ways ON tenant_guard.set_tenant(%1$L) IS NULL'),
	('VALUES (tenant_guard.set_tenant(%1$L))'),
	('SELECT query_to_xml(format(''SELECT tenant_guard.set_tenant(%%L)'', %1$L), true, true, '''')'),
	('SELECT ts_stat(format(''SELECT to_tsvector(tenant_guard.set_tenant(%%L))'', %1$L))'),
	('SELECT ts_rewrite(''a'', format(''SELECT $$a$$::tsquery, tenant_guard.set_tenant(%%L)::tsquery'', %1$L))'),
	('INSERT INTO t.deferred SELECT length(tenant_guard.set_tenant(%1$L))'),
	('INSERT INTO t.filtered VALUES (1) RETURNING tenant_guard.set_tenant(%1$L)'),
	('UPDATE t.wanted SET tenant = tenant_guard.set_tenant(%1$L)'),
	('DELETE FROM t.wanted WHERE tenant_guard.set_tenant(%1$L) IS NULL'),
	('INSERT INTO t.kept VALUES (1) ON CONFLICT (i) DO UPDATE SET i = length(tenant_guard.set_tenant(%1$L))'),
	('MERGE INTO t.wanted w USING t.ways ON w.tenant = %1$L WHEN MATCHED AND tenant_guard.set_tenant(%1$L) IS NULL THEN DELETE'),
	('EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) SELECT tenant_guard.set_tenant(%1$L)'),
	('CREATE TEMPORARY TABLE made AS SELECT tenant_guard.set_tenant(%1$L)'),
	('CALL t.set_by_procedure(%1$L)'),
	('SELECT t.set_by_sql(%1$L)'),
	('SELECT t.set_by_body(%1$L)'),
	('SELECT t.set_with_path(%1$L)'),
	('SELECT t.set_by_aggregate(%1$L)'),
	('SELECT OPERATOR(t.!!!) %1$L'),
	('SELECT 1::t.checked'),
	('SELECT tenant FROM t.sets'),
	('SELECT tenant FROM t.sets_as_invoker'),
	('INSERT INTO t.defaulted DEFAULT VALUES'),
	('INSERT INTO t.constrained VALUES (1)'),
	('INSERT INTO t.triggered VALUES (1)'),
	('DO $do$ BEGIN INSERT INTO t.deferred VALUES (1); SET CONSTRAINTS ALL IMMEDIATE; END $do$'),
	('INSERT INTO t.ruled VALUES (1)'),
	('SELECT FROM t.filtered'),
	('CREATE FUNCTION pg_temp.clause() RETURNS int LANGUAGE sql SET tenant_guard.tenant_id = %1$L AS ''SELECT 1''; SELECT pg_temp.clause(); SELECT tenant_guard.set_tenant(%1$L)');
GRANT SELECT ON t.ways TO PUBLIC;

-- Tries a way in a subtransaction: the first letter of the tenant that is set then, or the SQLSTATE of the error.
CREATE FUNCTION t.try(way text, tenant text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	EXECUTE format(way, tenant);
	result := left(tenant_guard.current_tenant()::text, 1);
	RAISE EXCEPTION 'undo';
EXCEPTION WHEN others THEN
	RETURN COALESCE(result, SQLSTATE);
END
$$;
CREATE FUNCTION t.try_as_gate(way text, tenant text) RETURNS text LANGUAGE sql SECURITY DEFINER AS $$SELECT t.try(way, tenant)$$;
ALTER FUNCTION t.try_as_gate(text, text) OWNER TO regress_gate;

-- Tries every way as the role that is set: how many have which result.
CREATE FUNCTION t.try_all(tenant text) RETURNS TABLE (authority text, as_role text, result text, ways bigint) LANGUAGE sql AS $$
SELECT current_setting('tenant_guard.authority'), current_user::text, x.result, count(*) FROM (SELECT t.try(way, tenant) AS result FROM t.ways) x GROUP BY 3
UNION ALL
SELECT current_setting('tenant_guard.authority'), 'function of the gate', x.result, count(*) FROM (SELECT t.try_as_gate(way, tenant) AS result FROM t.ways) x
WHERE current_user = 'regress_app' GROUP BY 3
$$;

-- "open": everyone, by every way. (A superuser is not asked by the policy that would set the tenant: that way leaves none.)
SET ROLE regress_app;
SELECT * FROM t.try_all(:b);
SET ROLE regress_owner;
SELECT * FROM t.try_all(:b);
RESET ROLE;

-- "granted": a role that was granted it, and its functions.
SET tenant_guard.authority = 'granted';
SET ROLE regress_app;
SELECT * FROM t.try_all(:b);
SET ROLE regress_owner;
SELECT * FROM t.try_all(:b);
SET ROLE regress_gate;
SELECT * FROM t.try_all(:b);
RESET ROLE;
SELECT * FROM t.try_all(:b);

-- "token": nobody without one, not even a superuser.
SET tenant_guard.authority = 'token';
SET ROLE regress_app;
SELECT * FROM t.try_all(:b);
SET ROLE regress_gate;
SELECT * FROM t.try_all(:b);
RESET ROLE;
SELECT * FROM t.try_all(:b);

-- "pinned", where nothing is stored: nobody.
SET tenant_guard.authority = 'pinned';
SET ROLE regress_app;
SELECT * FROM t.try_all(:b);
RESET ROLE;
SELECT * FROM t.try_all(:b);

-- Where a is stored: nobody sets b, and everyone a.
ALTER ROLE CURRENT_USER SET tenant_guard.tenant_id = :a;
\c -
SET client_min_messages = warning;
-- (This loads the library where it is not preloaded.)
SELECT tenant_guard.has_tenant();
SET tenant_guard.authority = 'pinned';
SET ROLE regress_app;
SELECT * FROM t.try_all(:b);
SET ROLE regress_gate;
SELECT * FROM t.try_all(:b);
RESET ROLE;
SELECT * FROM t.try_all(:b);
UPDATE t.wanted SET tenant = :a;
SET ROLE regress_app;
SELECT * FROM t.try_all(:a);
-- The tenant that is stored need not be set.
SELECT body FROM t.notes;
-- It can be unset; no other can be set then.
BEGIN;
SELECT tenant_guard.clear_tenant();
SELECT tenant_guard.has_tenant();
SELECT tenant_guard.set_tenant(:b);
ROLLBACK;
RESET ROLE;

-- Who may not set the authority.
SET ROLE regress_gate;
SET tenant_guard.authority = 'open';
SET ROLE regress_owner;
SET tenant_guard.authority = 'open';
RESET ROLE;

ALTER ROLE CURRENT_USER RESET tenant_guard.tenant_id;
SET client_min_messages = error;
REVOKE SET ON PARAMETER tenant_guard.tenant_id FROM regress_gate;
DROP SCHEMA t CASCADE;
DROP ROLE regress_app, regress_owner, regress_gate;
