--
-- tenant_guard.authority that is stored for a role binds sessions that log in as
-- it, and no others: audit() finds who logs in unbound and could become that role.
--
\i test/setup/owner_and_app.sql
SET client_min_messages = warning;
CREATE ROLE regress_pool LOGIN IN ROLE regress_app;
CREATE ROLE regress_deployer LOGIN IN ROLE regress_app, regress_owner;
CREATE ROLE regress_tenant LOGIN;
CREATE ROLE regress_tenants LOGIN IN ROLE regress_tenant;
CREATE TABLE t.notes (tenant_id uuid);
ALTER TABLE t.notes OWNER TO regress_owner;
CREATE VIEW t.found AS SELECT object, detail, remedy FROM tenant_guard.audit() WHERE rule = 'authority_by_role' ORDER BY object;
\pset format unaligned
-- Nothing is stored: nothing is found.
SELECT * FROM t.found;
ALTER ROLE regress_app SET tenant_guard.authority = 'granted';
ALTER ROLE regress_tenant SET tenant_guard.authority = 'pinned';
-- Who owns tables may set tenants in migrations, and who would be pinned needs a tenant: the remedy is for others.
SELECT * FROM t.found;
-- It binds the role in the same way.
SELECT remedy FROM t.found WHERE remedy IS NOT NULL \gexec
SELECT object FROM t.found;
-- Who is bound otherwise is none.
ALTER ROLE regress_tenants IN DATABASE :DBNAME SET tenant_guard.authority = 'token';
SELECT object FROM t.found;
-- The database's binds everyone for whom nothing else is stored.
ALTER DATABASE :DBNAME SET tenant_guard.authority = 'granted';
SELECT * FROM t.found;
ALTER DATABASE :DBNAME RESET tenant_guard.authority;

-- prove() sets tenants of its own, under each authority.
SELECT tenant_guard.protect('t.notes');
CREATE TEMPORARY TABLE open AS SELECT relation, probe, ok, detail FROM tenant_guard.prove('t.notes');
SELECT count(*) FILTER (WHERE ok) > 0 AS proved, bool_and(ok) FROM open;
SET tenant_guard.authority = 'granted';
SELECT relation, probe, ok, detail FROM tenant_guard.prove('t.notes') EXCEPT SELECT * FROM open;
SET tenant_guard.authority = 'token';
SELECT relation, probe, ok, detail FROM tenant_guard.prove('t.notes') EXCEPT SELECT * FROM open;
SET tenant_guard.authority = 'pinned';
SELECT relation, probe, ok, detail FROM tenant_guard.prove('t.notes') EXCEPT SELECT * FROM open;
-- It needs a session without a tenant, and says how to come by one where a tenant is stored.
ALTER ROLE CURRENT_USER SET tenant_guard.tenant_id = :a;
\c -
SET client_min_messages = warning;
SELECT * FROM tenant_guard.prove('t.notes');
SELECT tenant_guard.clear_tenant();
SELECT count(*) FILTER (WHERE ok) > 0 AS proved, bool_and(ok) FROM tenant_guard.prove('t.notes');
ALTER ROLE CURRENT_USER RESET tenant_guard.tenant_id;
SET tenant_guard.authority = 'pinned';
-- It leaves the authority as it was.
SHOW tenant_guard.authority;
-- So does purge_tenant(), for a tenant that is not the pinned one.
SET tenant_guard.bypass = on;
INSERT INTO t.notes VALUES (:a), (:b), (:b);
RESET tenant_guard.bypass;
SELECT relation, deleted FROM tenant_guard.purge_tenant(:b, dry_run => false);
SET tenant_guard.authority = 'token';
SELECT relation, deleted FROM tenant_guard.purge_tenant(:a, dry_run => false);
CALL tenant_guard.purge_tenant_in_batches(:a);
SHOW tenant_guard.authority;
RESET tenant_guard.authority;

SET client_min_messages = error;
DROP SCHEMA t CASCADE;
DROP ROLE regress_pool, regress_deployer, regress_tenants, regress_tenant, regress_app, regress_owner;
