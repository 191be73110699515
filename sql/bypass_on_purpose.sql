--
-- Promise 5: who means to bypass says so, by tenant_guard.bypass or by
-- row_security = off, and gains nothing that row-level security forbids.
-- (The log lines: test/t.)
--
\i test/setup/tenants.sql
SET client_min_messages = warning;
-- Messages name this superuser, whoever runs the tests.
CREATE ROLE regress_dba SUPERUSER;
SET SESSION AUTHORIZATION regress_dba;
CREATE ROLE regress_app;
CREATE ROLE regress_bypassrls BYPASSRLS;
CREATE ROLE regress_job BYPASSRLS;
CREATE ROLE regress_granted;
CREATE SCHEMA t;
GRANT USAGE ON SCHEMA t TO regress_app, regress_bypassrls, regress_job, regress_granted;
CREATE TABLE t.users (email text, tenant_id uuid, token text);
GRANT ALL ON t.users TO regress_app, regress_bypassrls, regress_job, regress_granted;
GRANT SET ON PARAMETER tenant_guard.bypass TO regress_job, regress_granted;
SET tenant_guard.bypass = on;
INSERT INTO t.users VALUES ('ann@a', :a, 't1'), ('bob@b', :b, 't2');
RESET tenant_guard.bypass;
CREATE VIEW t.user_view AS SELECT * FROM t.users;
CREATE FUNCTION t.definer() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS
$$ SELECT count(*) FROM t.users $$;
GRANT ALL ON t.user_view TO regress_app, regress_bypassrls;
RESET client_min_messages;

-- A superuser, by either means.
SET tenant_guard.bypass = on;
SELECT count(*) FROM t.users;
RESET tenant_guard.bypass;
SET row_security = off;
SELECT count(*) FROM t.users;
COPY t.users TO stdout;
RESET row_security;
SELECT count(*) FROM t.users;

-- A role with BYPASSRLS, by row_security alone unless bypass was granted.
SET ROLE regress_bypassrls;
SET tenant_guard.bypass = on;
SET row_security = off;
SELECT count(*) FROM t.users;
RESET row_security;
SET ROLE regress_job;
SET tenant_guard.bypass = on;
SELECT count(*) FROM t.users;
RESET tenant_guard.bypass;

-- A role that was granted bypass, and that row-level security binds, must
-- still need a tenant, and the hint must say why.
SET ROLE regress_granted;
SET tenant_guard.bypass = on;
SELECT count(*) FROM t.users;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
SELECT count(*) FROM t.users;
COMMIT;
RESET tenant_guard.bypass;

-- An unprivileged role must gain nothing by row_security off: not itself,
-- not through a view, not through a definer function.
SET ROLE regress_app;
SET tenant_guard.bypass = on;
SET row_security = off;
SELECT count(*) FROM t.users;
SELECT count(*) FROM t.user_view;
SELECT t.definer();

-- Nor must a privileged one through what is not its own doing.
SET ROLE regress_bypassrls;
SELECT count(*) FROM t.user_view;
SELECT t.definer();
RESET ROLE;
RESET row_security;

-- A definer function that declares the bypass must look up what is needed
-- before a tenant is known ...
CREATE FUNCTION t.tenant_of_user(text) RETURNS uuid LANGUAGE sql STABLE SECURITY DEFINER
SET tenant_guard.bypass = on SET search_path = pg_catalog, pg_temp
AS $$ SELECT tenant_id FROM t.users WHERE email = $1 $$;
SET ROLE regress_app;
SELECT t.tenant_of_user('bob@b');

-- ... and the caller must not stay bypassed, whether it returns or fails.
SHOW tenant_guard.bypass;
SELECT count(*) FROM t.users;
BEGIN;
SELECT tenant_guard.set_tenant(t.tenant_of_user('ann@a'));
SELECT email FROM t.users;
COMMIT;
RESET ROLE;
CREATE FUNCTION t.fails() RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET tenant_guard.bypass = on
AS $$ BEGIN PERFORM 1/count(*) FROM t.users WHERE false; END $$;
SET ROLE regress_app;
BEGIN;
SAVEPOINT s;
SELECT t.fails();
ROLLBACK TO s;
SHOW tenant_guard.bypass;
SELECT count(*) FROM t.users;
ROLLBACK;

-- An unprivileged role must not be able to declare one.
RESET ROLE;
GRANT CREATE ON SCHEMA t TO regress_app;
SET ROLE regress_app;
CREATE FUNCTION t.mine() RETURNS bigint LANGUAGE sql SECURITY DEFINER
SET tenant_guard.bypass = on
AS $$ SELECT count(*) FROM t.users $$;
ALTER FUNCTION t.tenant_of_user(text) SET tenant_guard.bypass = on;

-- One that is not a definer function must not gain it from its declaration.
RESET ROLE;
CREATE FUNCTION t.invoker() RETURNS bigint LANGUAGE sql
SET tenant_guard.bypass = on
AS $$ SELECT count(*) FROM t.users $$;
SET ROLE regress_app;
SELECT t.invoker();

RESET ROLE;
SET client_min_messages = warning;
DROP SCHEMA t CASCADE;
REVOKE SET ON PARAMETER tenant_guard.bypass FROM regress_job, regress_granted;
RESET SESSION AUTHORIZATION;
DROP ROLE regress_app, regress_bypassrls, regress_job, regress_granted, regress_dba;
