--
-- plan() tells the statements that guard a schema, one after the other, and changes nothing
--
\i test/setup/tenants.sql
\set SHOW_CONTEXT never
SET tenant_guard.auto_protect = off;
SET client_min_messages = warning;
CREATE ROLE regress_owner;
CREATE ROLE regress_other;
CREATE SCHEMA t;
GRANT ALL ON SCHEMA t TO regress_owner, regress_other;

-- In a schema without tables nothing is to be done, and a notice must say so.
SET client_min_messages = notice;
SELECT * FROM tenant_guard.plan('t');
SET client_min_messages = warning;
SELECT * FROM tenant_guard.plan('no_such_schema');
SELECT * FROM tenant_guard.plan(NULL);

SET ROLE regress_owner;
CREATE TABLE t.orgs (id uuid PRIMARY KEY);
CREATE TABLE t.customers (id bigint PRIMARY KEY, tenant_id uuid REFERENCES t.orgs, boss bigint CONSTRAINT boss REFERENCES t.customers);
CREATE TABLE t.orders (id bigint PRIMARY KEY, tenant_id uuid DEFAULT gen_random_uuid() NOT NULL, customer_id bigint CONSTRAINT customer REFERENCES t.customers ON DELETE CASCADE);
COMMENT ON CONSTRAINT customer ON t.orders IS 'whose it is';
CREATE TABLE t.lines (id bigint PRIMARY KEY, order_id bigint NOT NULL CONSTRAINT lines_order_id_0123abcd_fk REFERENCES t.orders);
CREATE TABLE t.parcels (id bigint, line_id bigint CONSTRAINT line REFERENCES t.lines);
CREATE TABLE t.tags (a bigint NOT NULL CONSTRAINT a REFERENCES t.customers, b bigint NOT NULL CONSTRAINT b REFERENCES t.orders);
CREATE TABLE t.countries (id int);
CREATE TABLE t."count
ries" (id int);
CREATE TABLE t.users (id bigint, org uuid CONSTRAINT org REFERENCES t.orgs);
CREATE TABLE t.wrong (tenant_id text);
CREATE TABLE t.nulls AS SELECT n AS id, CASE WHEN n % 4 > 0 THEN gen_random_uuid() END AS tenant_id FROM generate_series(1, 100) n;
ANALYZE t.nulls;
CREATE TABLE t.whole (id int, day date, tenant_id uuid, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
CREATE TABLE t.whole_1 PARTITION OF t.whole FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
CREATE TABLE t.whole_2 PARTITION OF t.whole FOR VALUES FROM ('2021-01-01') TO ('2022-01-01');
CREATE TABLE t.parts (id int, day date, tenant_id uuid, CONSTRAINT part FOREIGN KEY (id, day) REFERENCES t.whole);
ALTER TABLE t.parts ADD CONSTRAINT old FOREIGN KEY (id, day) REFERENCES t.whole NOT VALID;
CREATE TABLE t.cannot (id int PRIMARY KEY, tenant_id uuid NOT NULL, o bigint CONSTRAINT cannot REFERENCES t.orders ON UPDATE SET NULL, p bigint CONSTRAINT waits REFERENCES t.orders);
CREATE TABLE t."""; DROP TABLE t.orders;
DROP TABLE t.orders; --" ("tenant_id" uuid NOT NULL, ":'up" bigint CONSTRAINT "'; DROP TABLE t.orders;
--" REFERENCES t.customers);
CREATE TABLE t.done (tenant_id uuid);
SELECT tenant_guard.protect('t.done');
CREATE TABLE t.shared (tenant_id uuid);
SELECT tenant_guard.share('t.shared');
SET ROLE regress_other;
CREATE TABLE t.others (tenant_id uuid NOT NULL);
RESET ROLE;
CREATE VIEW t.seen AS SELECT id FROM t.orders;
CREATE MATERIALIZED VIEW t.kept AS SELECT id FROM t.orders;
CREATE ROLE regress_bypass LOGIN BYPASSRLS;

-- What is read first must be what a person decides, as comments of one line in which no name is turned into another; then what can be done beside writers; then the guards; then
-- the tables that get the column.
\a
SELECT statement FROM tenant_guard.plan('t') WHERE object NOT IN (SELECT rolname FROM pg_roles WHERE rolname !~ '^regress_') OR object IS NULL;
-- What each takes, and asks for.
SELECT regexp_replace(substr(statement, 1, 60), '\n', ' ', 'g') AS statement, lock, scans, rewrites, pages, regexp_replace(needs, '\n', ' ', 'g') AS needs FROM tenant_guard.plan('t') WHERE lock IS NOT NULL OR needs IS NOT NULL;
-- How each is taken back.
SELECT undo FROM tenant_guard.plan('t') WHERE undo IS NOT NULL AND object ~ '^t\.(customers|orders|lines|whole|parts)' ORDER BY step DESC;
\a

-- The locks must be those that audit() tells of such statements.
SELECT p.statement, p.lock, s.lock AS told FROM tenant_guard.plan('t') p CROSS JOIN LATERAL tenant_guard_internal.plan_steps(p.statement) s
WHERE p.statement NOT LIKE '--%' AND (s.lock IS DISTINCT FROM p.lock OR s.object <> p.object AND p.lock IS NOT NULL);
-- It must be able to run where nothing can be written, and lock no more than a reader does.
BEGIN READ ONLY;
SELECT count(*) > 0 AS steps FROM tenant_guard.plan('t');
SELECT DISTINCT mode FROM pg_locks WHERE pid = pg_backend_pid() AND relation IS NOT NULL;
COMMIT;

-- An owner must be told of its own tables what is to be run, and of those of others whose they are.
GRANT USAGE ON SCHEMA tenant_guard_internal TO regress_owner;
GRANT EXECUTE ON FUNCTION tenant_guard.plan, tenant_guard.guard_status TO regress_owner;
SET ROLE regress_owner;
SELECT statement FROM tenant_guard.plan('t') WHERE object ~ 'others|kept|orders|seen' AND statement ~ 'others|protect|^--';
RESET ROLE;
-- Who may not call it must be refused.
SET ROLE regress_other;
SELECT count(*) FROM tenant_guard.plan('t');
RESET ROLE;

-- Where keys are not to be paired, no step must do so.
SET tenant_guard.foreign_keys = warning;
SELECT count(*) AS keys FROM tenant_guard.plan('t') WHERE statement ~ 'FOREIGN KEY|INDEX';
RESET tenant_guard.foreign_keys;

-- Run as it stands, it must guard what it says. What a person has not decided fails, as it says.
UPDATE t.nulls SET tenant_id = gen_random_uuid() WHERE tenant_id IS NULL;
SELECT statement FROM tenant_guard.plan('t') WHERE statement NOT LIKE '--%' \gexec
SELECT relation, status FROM tenant_guard.tables WHERE relation::text ~ '^t\.' ORDER BY relation::text COLLATE "C";
SELECT conrelid::regclass AS table, conname, pg_get_constraintdef(oid) AS definition FROM pg_constraint
WHERE contype = 'f' AND conparentid = 0 AND connamespace = 't'::regnamespace ORDER BY 1::text COLLATE "C", 2;
-- Then only decisions are left.
\a
SELECT statement FROM tenant_guard.plan('t') WHERE object NOT IN (SELECT rolname FROM pg_roles WHERE rolname !~ '^regress_') OR object IS NULL;
\a

-- A script that was interrupted: an index that could not be made must be made again, and a CHECK that is there must be used, and come back as it was.
CREATE SCHEMA u;
CREATE TABLE u.p (id int PRIMARY KEY, tenant_id uuid);
CREATE TABLE u.c (id int, tenant_id uuid CONSTRAINT tenant_not_null CHECK (tenant_id IS NOT NULL) NO INHERIT, p int REFERENCES u.p);
COMMENT ON CONSTRAINT tenant_not_null ON u.c IS 'kept';
INSERT INTO u.p VALUES (1, gen_random_uuid());
CREATE UNIQUE INDEX p_tenant_id_id_idx ON u.p (tenant_id, id);
UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'u.p_tenant_id_id_idx'::regclass;
SELECT statement FROM tenant_guard.plan('u') WHERE lock IS NOT NULL;
SELECT undo FROM tenant_guard.plan('u') WHERE undo ~ 'tenant_not_null' AND object = 'u.c';
-- A guard that is damaged must be repaired.
SELECT statement FROM tenant_guard.plan('u') WHERE lock IS NOT NULL \gexec
SET tenant_guard.bypass = on;
ALTER TABLE u.p NO FORCE ROW LEVEL SECURITY;
RESET tenant_guard.bypass;
SELECT statement, undo FROM tenant_guard.plan('u') WHERE lock IS NOT NULL;

-- A key to a table with rows of everyone must stay as it is: protect() makes the triggers that check it, and nothing is left then.
CREATE SCHEMA v;
CREATE TABLE v.templates (id int PRIMARY KEY, tenant_id uuid);
SELECT tenant_guard.protect('v.templates', null_rows => 'shared');
CREATE TABLE v.uses (id int, tenant_id uuid NOT NULL, template int REFERENCES v.templates);
SELECT statement, undo FROM tenant_guard.plan('v') WHERE lock IS NOT NULL;
SELECT statement FROM tenant_guard.plan('v') WHERE lock IS NOT NULL \gexec
SELECT statement FROM tenant_guard.plan('v') WHERE lock IS NOT NULL;

-- What the planning of a query on a table calls must not run as the superuser who runs a plan, or takes it back: constants in expressions
-- of an index, its predicate, statistics, those of a partition and the key by which it is one; also by an operator.
CREATE SCHEMA w;
GRANT ALL ON SCHEMA w TO regress_owner;
SET ROLE regress_owner;
CREATE FUNCTION w.one(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS
$$ BEGIN IF (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN RAISE WARNING 'called as a superuser'; END IF; RETURN 1; END $$;
CREATE FUNCTION w.same(int, int) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT w.one($1) = $2';
CREATE OPERATOR w.=== (LEFTARG = int, RIGHTARG = int, FUNCTION = w.same);
CREATE TABLE w.parents (id int PRIMARY KEY, tenant_id uuid);
CREATE TABLE w.indexed (tenant_id uuid, p int REFERENCES w.parents);
CREATE INDEX ON w.indexed (p, w.one(1));
CREATE TABLE w.conditional (tenant_id uuid, p int REFERENCES w.parents);
CREATE INDEX ON w.conditional (p) WHERE 1 OPERATOR(w.===) 1;
CREATE TABLE w.counted (id int PRIMARY KEY, tenant_id uuid, p int REFERENCES w.parents);
CREATE STATISTICS w.count ON p, (w.one(1)) FROM w.counted;
CREATE TABLE w.counters (tenant_id uuid, p int REFERENCES w.counted);
CREATE TABLE w.whole (tenant_id uuid, id int, p int) PARTITION BY RANGE ((id + w.one(1)));
CREATE TABLE w.part PARTITION OF w.whole (FOREIGN KEY (p) REFERENCES w.parents) FOR VALUES FROM (0) TO (9);
INSERT INTO w.parents VALUES (1, :a);
INSERT INTO w.indexed VALUES (:a, 1);
INSERT INTO w.conditional VALUES (:a, 1);
INSERT INTO w.counted VALUES (1, :a, 1);
INSERT INTO w.counters VALUES (:a, 1);
RESET ROLE;
SELECT statement FROM tenant_guard.plan('w') WHERE lock IS NOT NULL;
-- (Each part is run in a session whose relation cache has not yet evaluated these expressions. What is taken back is what looks at rows:
-- of a table whose partition key calls a function, PostgreSQL itself calls it at each ALTER TABLE.)
CREATE TABLE w.undo AS SELECT step, undo FROM tenant_guard.plan('w') WHERE undo IS NOT NULL;
\c -
SET client_min_messages = warning;
SELECT statement FROM tenant_guard.plan('w') WHERE lock IS NOT NULL \gexec
SELECT relation, status FROM tenant_guard.tables WHERE relation::text ~ '^w\.' ORDER BY relation::text COLLATE "C";
\c -
SET client_min_messages = warning;
SELECT regexp_replace(undo, '; ALTER TABLE w.(whole|part) ALTER[^;]*', '', 'g') FROM w.undo WHERE undo ~ 'ADD CONSTRAINT' ORDER BY step DESC \gexec

DROP SCHEMA t, u, v, w CASCADE;
REVOKE ALL ON FUNCTION tenant_guard.plan, tenant_guard.guard_status FROM regress_owner;
REVOKE ALL ON SCHEMA tenant_guard_internal FROM regress_owner;
DROP ROLE regress_owner, regress_other, regress_bypass;
