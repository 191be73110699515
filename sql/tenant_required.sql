--
-- Promise 1: with no tenant set, touching a guarded table is an error that
-- says what to do, not an empty result.
--
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE ROLE regress_app;
CREATE SCHEMA t;
GRANT USAGE ON SCHEMA t TO regress_app;
CREATE TABLE t.orders (id int PRIMARY KEY, tenant_id uuid, body text);
GRANT ALL ON t.orders TO regress_app;
RESET client_min_messages;

SET ROLE regress_app;

-- An empty table must refuse as one with rows does.
SELECT count(*) FROM t.orders;
\echo :LAST_ERROR_SQLSTATE

-- So must a read of it, a write to it, and a plan for it.
SELECT * FROM t.orders WHERE id = 1;
INSERT INTO t.orders (id, body) VALUES (1, 'nobody''s');
UPDATE t.orders SET body = '';
DELETE FROM t.orders;
EXPLAIN SELECT * FROM t.orders;
COPY t.orders TO stdout;

-- The getters must raise; has_tenant must not.
SELECT tenant_guard.current_tenant();
SELECT tenant_guard.has_tenant();

-- With a tenant the same statements must work.
BEGIN;
SELECT tenant_guard.set_tenant('11111111-1111-1111-1111-111111111111');
INSERT INTO t.orders (id, body) VALUES (1, 'first');
SELECT * FROM t.orders;
SELECT tenant_guard.has_tenant();
COMMIT;

-- The tenant must be gone with its transaction.
SELECT count(*) FROM t.orders;
SELECT tenant_guard.has_tenant();

-- clear_tenant must leave none.
BEGIN;
SELECT tenant_guard.set_tenant('11111111-1111-1111-1111-111111111111');
SELECT tenant_guard.clear_tenant();
SELECT count(*) FROM t.orders;
ROLLBACK;

-- A local tenant outside a transaction block must warn that it has no effect.
SELECT tenant_guard.set_tenant('11111111-1111-1111-1111-111111111111');
SELECT count(*) FROM t.orders;

-- In a DO block it has one, and must not warn.
DO $$
BEGIN
	PERFORM tenant_guard.set_tenant('11111111-1111-1111-1111-111111111111');
	RAISE NOTICE 'orders: %', (SELECT count(*) FROM t.orders);
END
$$;

-- A tenant that owns nothing must see nothing, and no error.
BEGIN;
SELECT tenant_guard.set_tenant('22222222-2222-2222-2222-222222222222');
SELECT count(*) FROM t.orders;
COMMIT;

-- An application role must not be able to soften the refusal.
SET tenant_guard.missing_tenant = 'empty';

-- Where a superuser has chosen empty results, there must be no rows and no error.
RESET ROLE;
SET tenant_guard.missing_tenant = 'empty';
SET ROLE regress_app;
SELECT count(*) FROM t.orders;
SELECT tenant_guard.current_tenant() IS NULL AS is_null;
UPDATE t.orders SET body = '';

-- A row of nobody must be refused all the same.
INSERT INTO t.orders (id, body) VALUES (2, 'nobody''s');

RESET ROLE;
RESET tenant_guard.missing_tenant;
SET client_min_messages = warning;
DROP SCHEMA t CASCADE;
DROP ROLE regress_app;
