--
-- The row that ON CONFLICT meets may be another tenant's. Nothing that the
-- statement or a policy says of that row may be evaluated before the tenant is
-- compared, and the statement must fail, on servers too that ask the policy
-- after the WHERE.
--
\i test/setup/app.sql
SET client_min_messages = warning;
CREATE TABLE t.notes (id int PRIMARY KEY, tenant_id uuid, secret text, n int);
CREATE TABLE t.parts (id int PRIMARY KEY, tenant_id uuid, secret text, n int) PARTITION BY RANGE (id);
CREATE TABLE t.part_1 PARTITION OF t.parts FOR VALUES FROM (0) TO (10);
CREATE TABLE t.part_2 (n int, dropped int, secret text, tenant_id uuid, id int NOT NULL);
ALTER TABLE t.part_2 DROP COLUMN dropped;
ALTER TABLE t.parts ATTACH PARTITION t.part_2 FOR VALUES FROM (10) TO (20);
CREATE TABLE t.own (id int PRIMARY KEY, tenant_id uuid, secret text, n int);
DROP POLICY tenant_access ON t.own;
CREATE POLICY numbers ON t.own USING (secret::int > 0);
CREATE VIEW t.seen WITH (security_invoker = true) AS SELECT id, secret, n FROM t.notes;
GRANT ALL ON ALL TABLES IN SCHEMA t TO regress_app;
SET tenant_guard.bypass = on;
INSERT INTO t.notes VALUES (1, :b, 'of b', 0), (2, :a, 'of a', 0);
INSERT INTO t.parts VALUES (1, :b, 'of b', 0), (2, :a, 'of a', 0), (11, :b, 'of b', 0), (12, :a, 'of a', 0);
INSERT INTO t.own VALUES (1, :b, 'of b', 0), (2, :a, '2', 0);
RESET tenant_guard.bypass;
RESET client_min_messages;

SET ROLE regress_app;
CREATE FUNCTION t.talk(text) RETURNS boolean LANGUAGE plpgsql COST 0.0001 AS $$ BEGIN RAISE NOTICE 'talk: %', $1; RETURN true; END $$;
CREATE FUNCTION t.talk() RETURNS boolean LANGUAGE plpgsql COST 0.0001 AS $$ BEGIN RAISE NOTICE 'talk'; RETURN true; END $$;
CREATE VIEW t.talking WITH (security_invoker = true) AS SELECT id, secret, n FROM t.notes WHERE t.talk(secret);

-- The tenant is compared first in the plan, whatever the server does: for another's row nothing else is, and the policy refuses it.
BEGIN;
SELECT tenant_guard.set_tenant(:a);
EXPLAIN (COSTS OFF) INSERT INTO t.notes (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET n = 1 WHERE t.talk(notes.secret) AND notes.n > 0;
EXPLAIN (COSTS OFF) INSERT INTO t.seen (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET n = 1 WHERE t.talk(seen.secret);
EXPLAIN (COSTS OFF) INSERT INTO t.parts (id) VALUES (11) ON CONFLICT (id) DO UPDATE SET n = 1 WHERE t.talk(parts.secret);
-- Without a WHERE nothing is added.
EXPLAIN (COSTS OFF) INSERT INTO t.notes (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET n = 1;

-- Another tenant's row must be refused, with no value in a notice or another error: in a function, a cast, a SET, a sub-select,
-- and where the WHERE is false or is given no column.
SAVEPOINT s;
INSERT INTO t.notes (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET n = 1 WHERE t.talk(notes.secret); ROLLBACK TO s;
INSERT INTO t.notes (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET n = 1 WHERE notes.secret::int > 0; ROLLBACK TO s;
INSERT INTO t.notes (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET n = notes.secret::int; ROLLBACK TO s;
INSERT INTO t.notes (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET n = 1 WHERE (SELECT t.talk(notes.secret)); ROLLBACK TO s;
INSERT INTO t.notes (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET n = 1 WHERE EXISTS (SELECT FROM t.notes x WHERE t.talk(notes.secret || x.secret)); ROLLBACK TO s;
INSERT INTO t.notes (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET n = 1 WHERE t.talk(); ROLLBACK TO s;
INSERT INTO t.notes (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET n = 1 WHERE false; ROLLBACK TO s;
INSERT INTO t.notes (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET n = 1 WHERE notes.tenant_id IS NULL OR t.talk(notes.secret); ROLLBACK TO s;
INSERT INTO t.notes (id) VALUES (1) ON CONFLICT ON CONSTRAINT notes_pkey DO UPDATE SET n = 1 WHERE t.talk((notes).secret) RETURNING secret; ROLLBACK TO s;
WITH w AS (INSERT INTO t.notes (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET n = 1 WHERE t.talk(notes.secret) RETURNING *) SELECT * FROM w; ROLLBACK TO s;
-- So through a view, whatever that filters by, and in partitions, whatever the order of their columns.
INSERT INTO t.seen (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET n = 1 WHERE t.talk(seen.secret); ROLLBACK TO s;
INSERT INTO t.talking (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET n = 1 WHERE talking.n >= 0; ROLLBACK TO s;
INSERT INTO t.parts (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET n = 1 WHERE t.talk(parts.secret); ROLLBACK TO s;
INSERT INTO t.parts (id) VALUES (12), (11) ON CONFLICT (id) DO UPDATE SET n = 1 WHERE t.talk(parts.secret); ROLLBACK TO s;
-- A policy of the application's must be asked after the tenant's.
INSERT INTO t.own (id, secret) VALUES (1, '1') ON CONFLICT (id) DO UPDATE SET n = 1; ROLLBACK TO s;
INSERT INTO t.own (id, secret) VALUES (1, '1') ON CONFLICT (id) DO UPDATE SET n = 1 WHERE t.talk(own.secret); ROLLBACK TO s;
-- DO NOTHING says nothing of the row, and goes on.
INSERT INTO t.notes (id) VALUES (1) ON CONFLICT (id) DO NOTHING RETURNING *;

-- To the tenant's own rows an upsert must do what it says.
INSERT INTO t.notes (id) VALUES (2) ON CONFLICT (id) DO UPDATE SET n = 1 WHERE t.talk(notes.secret) RETURNING id, secret, n;
INSERT INTO t.notes (id) VALUES (2) ON CONFLICT (id) DO UPDATE SET n = 2 WHERE NOT t.talk(notes.secret) RETURNING id, secret, n;
INSERT INTO t.notes (id) VALUES (2) ON CONFLICT (id) DO UPDATE SET n = 2 WHERE notes.n = 2 RETURNING id, secret, n;
INSERT INTO t.notes (id) VALUES (2) ON CONFLICT (id) DO UPDATE SET n = 2 WHERE NULL RETURNING id, secret, n;
INSERT INTO t.notes (id, n) VALUES (2, 5) ON CONFLICT (id) DO UPDATE SET n = EXCLUDED.n WHERE EXCLUDED.n > notes.n RETURNING id, secret, n;
INSERT INTO t.seen (id, n) VALUES (2, 6) ON CONFLICT (id) DO UPDATE SET n = EXCLUDED.n WHERE EXCLUDED.n > seen.n RETURNING *;
INSERT INTO t.parts (id, n) VALUES (2, 5), (12, 7) ON CONFLICT (id) DO UPDATE SET n = EXCLUDED.n WHERE t.talk(parts.secret) RETURNING id, secret, n;
INSERT INTO t.own (id, secret) VALUES (2, '3') ON CONFLICT (id) DO UPDATE SET n = 1 WHERE t.talk(own.secret) RETURNING id, secret, n;
COMMIT;

-- A plan that is kept must go on so, for whichever tenant it was made: prepared, and in functions.
SET plan_cache_mode = force_generic_plan;
PREPARE upsert(int) AS INSERT INTO t.notes (id) VALUES ($1) ON CONFLICT (id) DO UPDATE SET n = notes.n + 1 WHERE t.talk(notes.secret) RETURNING id, n;
CREATE FUNCTION t.upsert(int) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
	r int;
BEGIN
	INSERT INTO t.parts (id) VALUES ($1) ON CONFLICT (id) DO UPDATE SET n = parts.n + 1 WHERE t.talk(parts.secret) RETURNING n INTO r;
	RETURN r;
END
$$;
CREATE FUNCTION t.upsert_sql(int) RETURNS int LANGUAGE sql AS 'INSERT INTO t.notes (id) VALUES ($1) ON CONFLICT (id) DO UPDATE SET n = notes.n + 1 WHERE t.talk(notes.secret) RETURNING n';
BEGIN;
SELECT tenant_guard.set_tenant(:a);
EXECUTE upsert(2);
SELECT t.upsert(12), t.upsert_sql(2);
COMMIT;
BEGIN;
SELECT tenant_guard.set_tenant(:b);
SAVEPOINT s;
EXECUTE upsert(2);
ROLLBACK TO s;
SELECT t.upsert(12);
ROLLBACK TO s;
SELECT t.upsert_sql(2);
ROLLBACK TO s;
EXECUTE upsert(1);
SELECT t.upsert(11), t.upsert_sql(1);
ROLLBACK;

-- Whom the policy does not bind, and who means it, is asked nothing.
RESET ROLE;
SET tenant_guard.bypass = on;
INSERT INTO t.notes (id, tenant_id) VALUES (1, :b), (2, :a) ON CONFLICT (id) DO UPDATE SET n = 9 WHERE t.talk(notes.secret) RETURNING id, n;
RESET tenant_guard.bypass;

SET client_min_messages = warning;
DROP SCHEMA t CASCADE;
DROP ROLE regress_app;
