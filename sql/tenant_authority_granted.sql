--
-- tenant_guard.authority = granted: the application logs in by a function, and
-- reaches the tenant that it finds, and no other.
--
\i test/setup/app.sql
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE TABLE t.notes (id int PRIMARY KEY, tenant_id uuid, body text);
SET tenant_guard.bypass = on;
INSERT INTO t.notes VALUES (1, :a, 'of a'), (2, :b, 'of b');
RESET tenant_guard.bypass;
GRANT SELECT ON t.notes TO regress_app;
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO PUBLIC;
CREATE TABLE app.sessions (token text PRIMARY KEY, tenant uuid NOT NULL, expires timestamptz NOT NULL);
INSERT INTO app.sessions VALUES ('of a', :a, 'infinity'), ('of b', :b, 'infinity'), ('old', :b, '-infinity');

-- As docs/authority.md has it.
CREATE ROLE shop_gate NOLOGIN;
GRANT SET ON PARAMETER tenant_guard.tenant_id TO shop_gate;
GRANT USAGE ON SCHEMA app TO shop_gate;
GRANT SELECT ON app.sessions TO shop_gate;
CREATE FUNCTION app.log_in(session_token text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	asked uuid := (SELECT s.tenant FROM app.sessions s WHERE s.token = session_token AND s.expires > now());
BEGIN
	IF asked IS NULL THEN
		RAISE EXCEPTION 'no such session' USING ERRCODE = 'invalid_authorization_specification';
	END IF;
	PERFORM tenant_guard.set_tenant(asked);
END
$$;
ALTER FUNCTION app.log_in(text) OWNER TO shop_gate;

SET tenant_guard.authority = 'granted';
SET ROLE regress_app;
-- Without a tenant the hint says whom to call.
SELECT body FROM t.notes;
-- The application itself can set none.
SELECT tenant_guard.set_tenant(:b);
SET tenant_guard.tenant_id = :b;
BEGIN;
SELECT app.log_in('of a');
SELECT body FROM t.notes;
-- It keeps the tenant to the end of the transaction, and cannot set it again, be it the same.
SELECT tenant_guard.current_tenant() = :a AS is_a, tenant_guard.has_tenant();
SAVEPOINT s;
SELECT tenant_guard.set_tenant(:a);
ROLLBACK TO s;
SET LOCAL tenant_guard.tenant_id = :b;
ROLLBACK TO s;
SELECT app.log_in('of b');
ROLLBACK TO s;
SELECT body FROM t.notes;
-- It may unset it, and makes no room for another.
SELECT tenant_guard.clear_tenant();
SELECT body FROM t.notes;
ROLLBACK TO s;
RESET tenant_guard.tenant_id;
SELECT app.log_in('of b');
ROLLBACK TO s;
SELECT body FROM t.notes;
COMMIT;
-- In the next transaction there is none.
SELECT body FROM t.notes;
SELECT app.log_in('old');
SELECT app.log_in('no token');
-- What a savepoint sets ends with it.
BEGIN;
SAVEPOINT s;
SELECT app.log_in('of a');
ROLLBACK TO s;
SELECT body FROM t.notes;
ROLLBACK TO s;
SELECT app.log_in('of b');
SELECT body FROM t.notes;
COMMIT;

-- A function with a SET clause has the tenant that its caller may set; of a definer's function, its owner.
RESET ROLE;
CREATE FUNCTION t.clause_a() RETURNS text LANGUAGE plpgsql SET tenant_guard.tenant_id = 'aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa' AS 'BEGIN RETURN (SELECT body FROM t.notes); END';
CREATE FUNCTION t.definer_clause_a() RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET tenant_guard.tenant_id = 'aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa' AS 'BEGIN RETURN (SELECT body FROM t.notes); END';
GRANT USAGE ON SCHEMA t TO shop_gate;
GRANT SELECT ON t.notes TO shop_gate;
ALTER FUNCTION t.definer_clause_a() OWNER TO shop_gate;
SET ROLE regress_app;
SELECT t.clause_a();
SELECT t.definer_clause_a();
-- One that the application makes is the application's.
CREATE FUNCTION t.own() RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET tenant_guard.tenant_id = 'bbbbbbbb-bbbb-bbbb-bbbb-bbbbbbbbbbbb' AS 'BEGIN RETURN (SELECT body FROM t.notes); END';
SELECT t.own();
-- To make a function sets nothing, whatever its body.
BEGIN;
CREATE FUNCTION t.validated() RETURNS bigint LANGUAGE sql SET tenant_guard.tenant_id = 'bbbbbbbb-bbbb-bbbb-bbbb-bbbbbbbbbbbb' AS 'SELECT count(*) FROM t.notes';
SELECT body FROM t.notes;
ROLLBACK;
RESET ROLE;
-- A view runs what it calls as who reads it.
CREATE VIEW t.sets AS SELECT set_config('tenant_guard.tenant_id', 'bbbbbbbb-bbbb-bbbb-bbbb-bbbbbbbbbbbb', true);
ALTER VIEW t.sets OWNER TO shop_gate;
GRANT SELECT ON t.sets TO regress_app;
SET ROLE regress_app;
SELECT * FROM t.sets;
RESET ROLE;

-- A role that may become one that was granted it is one by SET ROLE; a member that inherits has it without.
GRANT shop_gate TO regress_app;
SET ROLE regress_app;
BEGIN;
SELECT tenant_guard.set_tenant(:b) = :b AS set;
ROLLBACK;
RESET ROLE;
REVOKE shop_gate FROM regress_app;
SET ROLE regress_app;
SELECT tenant_guard.set_tenant(:b);
RESET ROLE;

-- The right is judged when the tenant is used, too: it is revoked in between.
BEGIN;
GRANT SET ON PARAMETER tenant_guard.tenant_id TO regress_app;
SET ROLE regress_app;
SELECT tenant_guard.set_tenant(:b) = :b AS set;
RESET ROLE;
REVOKE SET ON PARAMETER tenant_guard.tenant_id FROM regress_app;
SET ROLE regress_app;
SELECT body FROM t.notes;
ROLLBACK;
-- So is the authority.
RESET tenant_guard.authority;
BEGIN;
SET LOCAL ROLE regress_app;
SELECT tenant_guard.set_tenant(:b) = :b AS set;
SAVEPOINT s;
RESET ROLE;
SET LOCAL tenant_guard.authority = 'granted';
SET LOCAL ROLE regress_app;
SELECT tenant_guard.has_tenant();
SELECT body FROM t.notes;
ROLLBACK TO s;
SELECT body FROM t.notes;
COMMIT;
-- A superuser has the right, as has what a superuser's function sets.
SET tenant_guard.authority = 'granted';
CREATE FUNCTION t.of_superuser() RETURNS text LANGUAGE sql SECURITY DEFINER AS $$SELECT tenant_guard.set_tenant('bbbbbbbb-bbbb-bbbb-bbbb-bbbbbbbbbbbb')$$;
SET ROLE regress_app;
BEGIN;
SELECT t.of_superuser() = :b AS set;
SELECT body FROM t.notes;
COMMIT;
RESET ROLE;
-- GRANT TO PUBLIC makes it as "open".
GRANT SET ON PARAMETER tenant_guard.tenant_id TO PUBLIC;
SET ROLE regress_app;
BEGIN;
SELECT tenant_guard.set_tenant(:b) = :b AS set;
SELECT body FROM t.notes;
COMMIT;
RESET ROLE;
REVOKE SET ON PARAMETER tenant_guard.tenant_id FROM PUBLIC;

-- Another type of tenants is no way round.
SET tenant_guard.tenant_type = 'text';
SET ROLE regress_app;
SELECT tenant_guard.set_tenant('b');
RESET ROLE;
RESET tenant_guard.tenant_type;

-- Details and hints.
\set VERBOSITY default
SET ROLE regress_app;
SELECT body FROM t.notes;
SET tenant_guard.tenant_id = :b;
RESET ROLE;
SET tenant_guard.authority = 'token';
SET tenant_guard.tenant_id = :b;
SET tenant_guard.authority = 'pinned';
SET tenant_guard.tenant_id = :b;
RESET tenant_guard.authority;

SET client_min_messages = error;
REVOKE SET ON PARAMETER tenant_guard.tenant_id FROM shop_gate;
DROP SCHEMA t, app CASCADE;
DROP ROLE regress_app, shop_gate;
