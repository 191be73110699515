--
-- Promise 2: nothing is left behind in a pooled session.
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

-- A value set for the session must be refused in a later transaction.
SET tenant_guard.tenant_id = :a;
SELECT count(*) FROM t.notes;
\echo :LAST_ERROR_SQLSTATE
SELECT tenant_guard.has_tenant();
SELECT tenant_guard.set_tenant(:a, false);
SELECT count(*) FROM t.notes;
SELECT set_config('tenant_guard.tenant_id', :a, false);
SELECT count(*) FROM t.notes;

-- In its own transaction it is good, and a new one replaces a stale one.
BEGIN;
SET tenant_guard.tenant_id = :b;
SELECT count(*) FROM t.notes;
COMMIT;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
SELECT count(*) FROM t.notes;
COMMIT;

-- The end of SET LOCAL restores the stale one, which must still be stale.
SELECT count(*) FROM t.notes;

-- A ROLLBACK to a savepoint must not freshen it.
BEGIN;
SAVEPOINT s;
SELECT tenant_guard.set_tenant(:b);
ROLLBACK TO s;
SELECT count(*) FROM t.notes;
ROLLBACK;

-- Nor must a function's end.
CREATE FUNCTION t.as_a() RETURNS boolean LANGUAGE sql
SET tenant_guard.tenant_id = 'aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa'
AS 'SELECT tenant_guard.has_tenant()';
BEGIN;
SELECT t.as_a();
SELECT tenant_guard.has_tenant();
SELECT count(*) FROM t.notes;
ROLLBACK;

-- Unsetting must unset for the session too: here, and for what comes.
SELECT tenant_guard.clear_tenant();
SELECT count(*) FROM t.notes;
SHOW tenant_guard.tenant_id;

-- RESET ALL and DISCARD ALL must leave none.
SET tenant_guard.tenant_id = :a;
RESET ALL;
SHOW tenant_guard.tenant_id;
SET tenant_guard.tenant_id = :a;
DISCARD ALL;
SHOW tenant_guard.tenant_id;
SET ROLE regress_app;
SELECT count(*) FROM t.notes;

-- An aborted transaction must leave none.
BEGIN;
SET tenant_guard.tenant_id = :a;
SELECT count(*) FROM t.notes;
SELECT 1/0;
ROLLBACK;
SHOW tenant_guard.tenant_id;
SELECT count(*) FROM t.notes;

-- Two statements sent as one are one transaction; the next message is another.
SELECT tenant_guard.set_tenant(:b, true)\; SELECT count(*) FROM t.notes;
SELECT count(*) FROM t.notes;

-- An application role must not be able to widen the scope.
SET tenant_guard.scope = 'session';

-- Where a superuser has, a session's tenant must stand until it is reset.
RESET ROLE;
SET tenant_guard.scope = 'session';
SET ROLE regress_app;
SELECT tenant_guard.set_tenant(:b, false);
SELECT count(*) FROM t.notes;
SELECT count(*) FROM t.notes;
SELECT tenant_guard.set_tenant(:a, false);
SELECT count(*) FROM t.notes;
RESET tenant_guard.tenant_id;
SELECT count(*) FROM t.notes;

RESET ROLE;
RESET tenant_guard.scope;
SET client_min_messages = warning;
DROP SCHEMA t CASCADE;
DROP ROLE regress_app;
