--
-- Actions of foreign keys on guarded tables: each kind of key, action, column
-- and table. Foreign keys are left as they are written.
--
\i test/setup/owner_and_app.sql
\set VERBOSITY terse
\set as_a 'BEGIN; SELECT tenant_guard.set_tenant(' :a ') \\gset'
\set as_b 'BEGIN; SELECT tenant_guard.set_tenant(' :b ') \\gset'
SET client_min_messages = warning;
ALTER DEFAULT PRIVILEGES FOR ROLE regress_owner IN SCHEMA t GRANT ALL ON TABLES TO regress_app;
SET client_min_messages = error;

-- A shared table whose rows are of all tenants. Deleting, and changing, one that
-- another tenant's rows reference must be refused; one that nobody references,
-- or the tenant alone, must go.
SET ROLE regress_owner;
CREATE TABLE t.currencies (code text PRIMARY KEY);
CREATE TABLE t.prices (id int, tenant_id uuid, currency text REFERENCES t.currencies ON DELETE CASCADE ON UPDATE CASCADE);
RESET ROLE;
SET tenant_guard.bypass = on;
INSERT INTO t.currencies VALUES ('of both'), ('of a'), ('of none');
INSERT INTO t.prices VALUES (1, :a, 'of both'), (2, :b, 'of both'), (3, :a, 'of a');
RESET tenant_guard.bypass;
SET ROLE regress_app;
BEGIN;
DELETE FROM t.currencies WHERE code = 'of none';
DELETE FROM t.currencies WHERE code = 'of a';
ROLLBACK;
:as_b
UPDATE t.currencies SET code = 'of nobody' WHERE code = 'of none' RETURNING code;
UPDATE t.currencies SET code = 'renamed' WHERE code = 'of a';
ROLLBACK;
:as_a
DELETE FROM t.currencies WHERE code = 'of both';
ROLLBACK;
:as_a
UPDATE t.currencies SET code = 'renamed' WHERE code = 'of a';
DELETE FROM t.currencies WHERE code = 'of none';
SELECT id, currency FROM t.prices ORDER BY id;
DELETE FROM t.currencies WHERE code = 'renamed';
SELECT id, currency FROM t.prices ORDER BY id;
ROLLBACK;
\set VERBOSITY default
:as_a
DELETE FROM t.currencies WHERE code = 'of both';
ROLLBACK;
:as_b
UPDATE t.currencies SET code = 'renamed' WHERE code = 'of a';
ROLLBACK;
\set VERBOSITY terse
RESET ROLE;

-- A shared table whose rows are one tenant's each, by a key that contains the
-- tenant column.
SET ROLE regress_owner;
CREATE TABLE t.places (owner uuid, code int, PRIMARY KEY (owner, code));
CREATE TABLE t.visits (id int, tenant_id uuid, place int, FOREIGN KEY (tenant_id, place) REFERENCES t.places ON DELETE CASCADE ON UPDATE CASCADE);
RESET ROLE;
SET tenant_guard.bypass = on;
INSERT INTO t.places VALUES (:a, 1), (:b, 1);
INSERT INTO t.visits VALUES (1, :a, 1), (2, :b, 1);
RESET tenant_guard.bypass;
SET ROLE regress_app;
:as_b
DELETE FROM t.places WHERE owner = :a;
ROLLBACK;
:as_b
UPDATE t.places SET code = 2 WHERE owner = :a;
ROLLBACK;
:as_a
UPDATE t.places SET owner = gen_random_uuid() WHERE owner = :a;
ROLLBACK;
:as_b
UPDATE t.places SET owner = :b, code = 3 WHERE owner = :a;
ROLLBACK;
:as_a
UPDATE t.places SET code = 2 WHERE owner = :a;
SELECT id, place FROM t.visits;
DELETE FROM t.places WHERE owner = :a;
SELECT count(*) FROM t.visits;
ROLLBACK;
RESET ROLE;

-- SET NULL and SET DEFAULT of other columns must go on: a person of two tenants
-- closes the account.
SET ROLE regress_owner;
CREATE TABLE t.users (id int PRIMARY KEY);
CREATE TABLE t.posts (id int, tenant_id uuid, author int REFERENCES t.users ON DELETE SET NULL ON UPDATE SET NULL,
	editor int DEFAULT 0 REFERENCES t.users ON DELETE SET DEFAULT ON UPDATE SET DEFAULT);
RESET ROLE;
SET tenant_guard.bypass = on;
INSERT INTO t.users VALUES (0), (1), (2), (3);
INSERT INTO t.posts VALUES (1, :a, 1, 2), (2, :b, 1, 2), (3, :b, 3, 3);
RESET tenant_guard.bypass;
SET ROLE regress_app;
BEGIN;
DELETE FROM t.users WHERE id IN (1, 2);
UPDATE t.users SET id = 4 WHERE id = 3;
SELECT tenant_guard.set_tenant(:b) \gset
SELECT id, author, editor FROM t.posts ORDER BY id;
ROLLBACK;
RESET ROLE;

-- Of two keys with the same column the error must name the one that acts.
SET ROLE regress_owner;
CREATE TABLE t.people (id int PRIMARY KEY);
CREATE TABLE t.by_two (tenant_id uuid, author int CONSTRAINT acts REFERENCES t.users ON DELETE CASCADE CONSTRAINT rests REFERENCES t.people);
RESET ROLE;
SET tenant_guard.bypass = on;
INSERT INTO t.users VALUES (8);
INSERT INTO t.people VALUES (8);
INSERT INTO t.by_two VALUES (:a, 8);
RESET tenant_guard.bypass;
SET ROLE regress_app;
:as_b
DELETE FROM t.users WHERE id = 8;
ROLLBACK;
RESET ROLE;

-- A partition that has lost its guard must be checked as its partitioned table is.
SET ROLE regress_owner;
CREATE TABLE t.parted_posts (tenant_id uuid, author int REFERENCES t.users ON DELETE CASCADE) PARTITION BY LIST (author);
CREATE TABLE t.posts_of_9 PARTITION OF t.parted_posts FOR VALUES IN (9);
RESET ROLE;
SET tenant_guard.bypass = on;
INSERT INTO t.users VALUES (9);
INSERT INTO t.parted_posts VALUES (:a, 9);
DROP POLICY tenant_isolation ON t.posts_of_9;
DROP POLICY tenant_access ON t.posts_of_9;
RESET tenant_guard.bypass;
SET ROLE regress_app;
:as_b
DELETE FROM t.users WHERE id = 9;
ROLLBACK;
:as_a
DELETE FROM t.users WHERE id = 9 RETURNING id;
ROLLBACK;
RESET ROLE;

-- Of the tenant column they must not: one that is generated neither.
SET ROLE regress_owner;
CREATE TABLE t.nulls (tenant_id uuid, place int, FOREIGN KEY (tenant_id, place) REFERENCES t.places ON DELETE SET NULL ON UPDATE SET NULL);
CREATE TABLE t.defaults (tenant_id uuid, place int, FOREIGN KEY (tenant_id, place) REFERENCES t.places ON DELETE SET DEFAULT);
CREATE TABLE t.halves (tenant_id uuid, place int, FOREIGN KEY (tenant_id, place) REFERENCES t.places ON DELETE SET NULL (place));
CREATE TABLE t.codes (code text PRIMARY KEY);
CREATE TABLE t.generated (tenant_id uuid GENERATED ALWAYS AS (code::uuid) STORED, code text REFERENCES t.codes ON DELETE SET NULL ON UPDATE CASCADE);
INSERT INTO t.places VALUES (:a, 11), (:a, 12), (:a, 13), (:b, 12);
INSERT INTO t.codes VALUES (:a), (:b);
:as_a
INSERT INTO t.nulls VALUES (DEFAULT, 11);
INSERT INTO t.defaults VALUES (:a, 12);
INSERT INTO t.halves VALUES (DEFAULT, 13);
INSERT INTO t.generated (code) VALUES (:a);
COMMIT;
SET ROLE regress_app;
:as_a
DELETE FROM t.places WHERE code = 11;
ROLLBACK;
:as_a
UPDATE t.places SET code = 5 WHERE code = 11;
ROLLBACK;
:as_b
DELETE FROM t.places WHERE (owner, code) = (:a, 12);
ROLLBACK;
-- (the tenant column's default is the tenant, and gives the row to nobody else)
:as_a
DELETE FROM t.places WHERE (owner, code) = (:a, 12);
SELECT tenant_id = :a AS mine, place FROM t.defaults;
ROLLBACK;
SET ROLE regress_owner;
ALTER TABLE t.defaults ALTER tenant_id SET DEFAULT 'bbbbbbbb-bbbb-bbbb-bbbb-bbbbbbbbbbbb';
SET ROLE regress_app;
:as_a
DELETE FROM t.places WHERE (owner, code) = (:a, 12);
ROLLBACK;
SET ROLE regress_owner;
CREATE FUNCTION t.changing() RETURNS uuid LANGUAGE sql STABLE AS $$ SELECT tenant_guard.current_tenant() $$;
ALTER TABLE t.defaults ALTER tenant_id SET DEFAULT t.changing();
SET ROLE regress_app;
:as_a
DELETE FROM t.places WHERE (owner, code) = (:a, 12);
ROLLBACK;
SET ROLE regress_owner;
CREATE SEQUENCE t.turns;
ALTER TABLE t.defaults ALTER tenant_id SET DEFAULT CASE nextval('t.turns') WHEN 1 THEN 'aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa'::uuid ELSE 'bbbbbbbb-bbbb-bbbb-bbbb-bbbbbbbbbbbb'::uuid END;
SET ROLE regress_app;
:as_a
DELETE FROM t.places WHERE (owner, code) = (:a, 12);
ROLLBACK;
:as_a
DELETE FROM t.codes WHERE code = :a;
ROLLBACK;
:as_a
UPDATE t.codes SET code = upper(code) WHERE code = :a;
ROLLBACK;
:as_b
DELETE FROM t.places WHERE code = 13;
DELETE FROM t.codes WHERE code = :b;
DELETE FROM t.places WHERE code = 12 AND owner = :b;
ROLLBACK;
RESET ROLE;

-- Keys between guarded tables: one that carries the tenant acts on the tenant's
-- rows as ever, and so must one that does not, on these alone.
SET ROLE regress_owner;
SET client_min_messages = error;
CREATE TABLE t.parents (id int PRIMARY KEY, tenant_id uuid, UNIQUE (tenant_id, id));
RESET ROLE;
SET tenant_guard.foreign_keys = off;
SET ROLE regress_owner;
CREATE TABLE t.paired (id int, tenant_id uuid, parent int, FOREIGN KEY (tenant_id, parent) REFERENCES t.parents (tenant_id, id) ON DELETE CASCADE ON UPDATE CASCADE);
CREATE TABLE t.unpaired (id int, tenant_id uuid, parent int REFERENCES t.parents ON DELETE CASCADE ON UPDATE CASCADE);
RESET ROLE;
SET tenant_guard.bypass = on;
INSERT INTO t.parents VALUES (1, :a), (2, :a), (3, :b);
INSERT INTO t.paired VALUES (1, :a, 1), (3, :b, 3);
INSERT INTO t.unpaired VALUES (1, :a, 1), (2, :b, 2);
RESET tenant_guard.bypass;
SET ROLE regress_app;
:as_a
UPDATE t.parents SET id = 7 WHERE id = 1;
SELECT parent FROM t.paired UNION ALL SELECT parent FROM t.unpaired;
DELETE FROM t.parents WHERE id = 7;
SELECT parent FROM t.paired UNION ALL SELECT parent FROM t.unpaired;
DELETE FROM t.parents WHERE id = 2;
ROLLBACK;
:as_a
UPDATE t.parents SET id = 7 WHERE id = 2;
ROLLBACK;
RESET ROLE;
-- The one that carries it is not trusted any more where the parent's guard goes,
-- nor are plans that the session keeps from before.
SET ROLE regress_owner;
:as_b
DO $$
BEGIN
	FOR i IN 1 .. 10 LOOP
		UPDATE t.parents SET id = id + 10;
		INSERT INTO t.parents VALUES (100 + i);
		DELETE FROM t.parents WHERE id = 100 + i;
	END LOOP;
END
$$;
ROLLBACK;
SELECT tenant_guard.unprotect('t.parents');
:as_b
DELETE FROM t.parents WHERE id = 1;
ROLLBACK;
:as_b
UPDATE t.parents SET tenant_id = :b WHERE id = 1;
ROLLBACK;
:as_b
DELETE FROM t.parents WHERE id = 3;
SELECT id FROM t.paired;
ROLLBACK;
RESET ROLE;
RESET tenant_guard.foreign_keys;

-- Several keys by the same columns: each that does not carry the tenant counts,
-- and which of them it is, is not said where it cannot be known.
SET ROLE regress_owner;
SET client_min_messages = error;
CREATE TABLE t.more_tenants (id uuid PRIMARY KEY);
CREATE TABLE t.twice (tenant_id uuid, FOREIGN KEY (tenant_id) REFERENCES t.more_tenants ON DELETE CASCADE,
	CONSTRAINT again FOREIGN KEY (tenant_id) REFERENCES t.more_tenants ON DELETE SET NULL,
	CONSTRAINT third FOREIGN KEY (tenant_id) REFERENCES t.more_tenants ON DELETE CASCADE);
INSERT INTO t.more_tenants VALUES (:a), (:b);
:as_a
INSERT INTO t.twice DEFAULT VALUES;
COMMIT;
SET ROLE regress_app;
:as_b
DELETE FROM t.more_tenants WHERE id = :a;
ROLLBACK;
:as_a
DELETE FROM t.more_tenants WHERE id = :a;
ROLLBACK;
RESET ROLE;

-- Partitions and children, with columns in another order, a key of their own,
-- and a partitioned table at the other end.
SET ROLE regress_owner;
CREATE TABLE t.regions (id int, at int, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
CREATE TABLE t.regions_1 PARTITION OF t.regions FOR VALUES FROM (0) TO (10);
CREATE TABLE t.regions_2 PARTITION OF t.regions FOR VALUES FROM (10) TO (20);
CREATE TABLE t.events (id int, tenant_id uuid, region int, at int, FOREIGN KEY (region, at) REFERENCES t.regions ON DELETE CASCADE ON UPDATE CASCADE) PARTITION BY RANGE (id);
CREATE TABLE t.events_1 PARTITION OF t.events FOR VALUES FROM (0) TO (10);
CREATE TABLE t.events_2 (at int, dropped text, region int, id int NOT NULL, tenant_id uuid);
ALTER TABLE t.events_2 DROP COLUMN dropped;
ALTER TABLE t.events ATTACH PARTITION t.events_2 FOR VALUES FROM (10) TO (20);
ALTER TABLE t.events ADD COLUMN currency text;
ALTER TABLE t.events_2 ADD FOREIGN KEY (currency) REFERENCES t.currencies ON DELETE CASCADE;
CREATE TABLE t.elders (id int, tenant_id uuid, currency text);
CREATE TABLE t.kids (age int) INHERITS (t.elders);
ALTER TABLE t.kids ADD FOREIGN KEY (currency) REFERENCES t.currencies ON DELETE CASCADE;
RESET ROLE;
SET tenant_guard.bypass = on;
INSERT INTO t.currencies VALUES ('of kids'), ('of events');
INSERT INTO t.regions VALUES (1, 1), (1, 11), (2, 1), (2, 11);
INSERT INTO t.events (id, tenant_id, region, at) VALUES (1, :a, 1, 1), (11, :b, 1, 1), (2, :a, 1, 11), (12, :a, 1, 11), (3, :b, 2, 1), (13, :a, 2, 11);
UPDATE t.events_2 SET currency = 'of events' WHERE id = 13;
INSERT INTO t.kids VALUES (1, :a, 'of kids');
RESET tenant_guard.bypass;
SET ROLE regress_app;
:as_a
DELETE FROM t.regions WHERE (id, at) = (1, 11);
SELECT id FROM t.events ORDER BY id;
UPDATE t.regions SET at = 12 WHERE (id, at) = (2, 11);
SELECT id, at FROM t.events ORDER BY id;
SAVEPOINT s;
DELETE FROM t.regions WHERE (id, at) = (1, 1);
ROLLBACK TO s;
UPDATE t.regions SET id = 5 WHERE (id, at) = (2, 1);
ROLLBACK TO s;
DELETE FROM t.regions_1 WHERE id = 2;
ROLLBACK;
:as_b
DELETE FROM t.currencies WHERE code = 'of events';
ROLLBACK;
:as_b
DELETE FROM t.currencies WHERE code = 'of kids';
ROLLBACK;
:as_a
DELETE FROM t.currencies WHERE code IN ('of kids', 'of events') RETURNING code;
SELECT count(*) FROM t.kids;
ROLLBACK;
RESET ROLE;

-- A plan by another access path: the row is judged behind the key's comparison
-- in each, or rows that do not reference the one that goes would be in its way.
CREATE INDEX ON t.prices (currency);
SET enable_seqscan = off;
SET ROLE regress_app;
:as_a
DELETE FROM t.currencies WHERE code = 'of a' RETURNING code;
DELETE FROM t.currencies WHERE code = 'of both';
ROLLBACK;
SET enable_indexscan = off;
:as_a
DELETE FROM t.currencies WHERE code = 'of a' RETURNING code;
DELETE FROM t.currencies WHERE code = 'of both';
ROLLBACK;
RESET enable_indexscan;
RESET enable_seqscan;
RESET ROLE;

-- Whatever statement it is, through a table between that is not guarded, and where
-- rules have changed the action's own statement.
SET ROLE regress_owner;
CREATE TABLE t.between (id int PRIMARY KEY, currency text REFERENCES t.currencies ON DELETE CASCADE ON UPDATE CASCADE);
CREATE TABLE t.beyond (id int, tenant_id uuid, via int REFERENCES t.between ON DELETE CASCADE ON UPDATE CASCADE);
RESET ROLE;
SET tenant_guard.bypass = on;
INSERT INTO t.currencies VALUES ('beyond a'), ('beyond b');
INSERT INTO t.between VALUES (1, 'beyond a'), (2, 'beyond b');
INSERT INTO t.beyond VALUES (1, :a, 1), (2, :b, 2);
RESET tenant_guard.bypass;
SET ROLE regress_app;
:as_a
SAVEPOINT s;
DELETE FROM t.currencies WHERE code = 'beyond b';
ROLLBACK TO s;
MERGE INTO t.currencies USING (VALUES ('beyond b')) AS v (code) ON v.code = currencies.code WHEN MATCHED THEN DELETE;
ROLLBACK TO s;
WITH deleted AS (DELETE FROM t.currencies WHERE code = 'beyond b' RETURNING code) SELECT code FROM deleted;
ROLLBACK TO s;
INSERT INTO t.between VALUES (2) ON CONFLICT (id) DO UPDATE SET id = 3;
ROLLBACK TO s;
UPDATE t.currencies SET code = 'other' WHERE code = 'beyond b' RETURNING code;
DELETE FROM t.currencies WHERE code = 'beyond a' RETURNING code;
SELECT count(*) FROM t.beyond;
ROLLBACK;
SET ROLE regress_owner;
CREATE RULE keep AS ON DELETE TO t.beyond WHERE old.id = 99 DO INSTEAD NOTHING;
SET ROLE regress_app;
:as_a
DELETE FROM t.between WHERE id = 1 RETURNING id;
DELETE FROM t.between WHERE id = 2;
ROLLBACK;
SET ROLE regress_owner;
CREATE OR REPLACE RULE keep AS ON DELETE TO t.beyond DO ALSO UPDATE t.beyond SET via = NULL WHERE id = old.id;
SET ROLE regress_app;
:as_a
DELETE FROM t.between WHERE id = 2;
ROLLBACK;
-- What a rule adds is not the action's: the error must name the rule, not a function.
\set VERBOSITY default
:as_a
DELETE FROM t.between WHERE id = 1;
ROLLBACK;
\set VERBOSITY terse
RESET ROLE;
DROP RULE keep ON t.beyond;

-- Where the guard is damaged, the rows are no less the tenants'; where it does not
-- say by which column, they are nobody's.
SET tenant_guard.bypass = on;
ALTER TABLE t.beyond NO FORCE ROW LEVEL SECURITY;
RESET tenant_guard.bypass;
SET ROLE regress_app;
:as_a
DELETE FROM t.between WHERE id = 1 RETURNING id;
DELETE FROM t.between WHERE id = 2;
ROLLBACK;
RESET ROLE;
SET tenant_guard.bypass = on;
DROP POLICY tenant_isolation ON t.beyond;
RESET tenant_guard.bypass;
SET ROLE regress_app;
:as_a
DELETE FROM t.between WHERE id = 1;
ROLLBACK;
RESET ROLE;

-- Tenants of other types.
SET tenant_guard.tenant_type = 'bigint';
SET ROLE regress_owner;
CREATE TABLE t.numbers (id bigint PRIMARY KEY);
CREATE TABLE t.smalls (tenant_id smallint REFERENCES t.numbers ON DELETE CASCADE ON UPDATE CASCADE);
CREATE TABLE t.integers (tenant_id integer REFERENCES t.numbers ON DELETE CASCADE ON UPDATE CASCADE);
CREATE DOMAIN t.number AS bigint;
CREATE TABLE t.bigs (tenant_id t.number REFERENCES t.numbers ON DELETE CASCADE ON UPDATE CASCADE);
INSERT INTO t.numbers VALUES (1), (2), (3), (4), (5), (6);
BEGIN; SELECT tenant_guard.set_tenant(1) \gset
INSERT INTO t.smalls DEFAULT VALUES; COMMIT;
BEGIN; SELECT tenant_guard.set_tenant(2) \gset
INSERT INTO t.integers DEFAULT VALUES; COMMIT;
BEGIN; SELECT tenant_guard.set_tenant(3) \gset
INSERT INTO t.bigs DEFAULT VALUES; COMMIT;
SET ROLE regress_app;
BEGIN; SELECT tenant_guard.set_tenant(4) \gset
DELETE FROM t.numbers WHERE id = 1; ROLLBACK;
BEGIN; SELECT tenant_guard.set_tenant(4) \gset
DELETE FROM t.numbers WHERE id = 2; ROLLBACK;
BEGIN; SELECT tenant_guard.set_tenant(4) \gset
DELETE FROM t.numbers WHERE id = 3; ROLLBACK;
BEGIN; SELECT tenant_guard.set_tenant(1) \gset
UPDATE t.numbers SET id = 9 WHERE id = 1; ROLLBACK;
BEGIN; SELECT tenant_guard.set_tenant(1) \gset
DELETE FROM t.numbers WHERE id = 1 RETURNING id; ROLLBACK;
BEGIN; SELECT tenant_guard.set_tenant(2) \gset
DELETE FROM t.numbers WHERE id = 2 RETURNING id; ROLLBACK;
BEGIN; SELECT tenant_guard.set_tenant(3) \gset
DELETE FROM t.numbers WHERE id = 3 RETURNING id; ROLLBACK;
RESET ROLE;
SET tenant_guard.tenant_type = 'text';
SET ROLE regress_owner;
CREATE TABLE t.names (id text PRIMARY KEY);
CREATE TABLE t.texts (tenant_id text REFERENCES t.names ON DELETE CASCADE ON UPDATE CASCADE);
CREATE TABLE t.varchars (tenant_id varchar(2000) REFERENCES t.names ON DELETE CASCADE ON UPDATE CASCADE);
INSERT INTO t.names VALUES ('acme'), ('Acme'), (repeat('long', 300));
BEGIN; SELECT tenant_guard.set_tenant('acme') \gset
INSERT INTO t.texts DEFAULT VALUES; COMMIT;
BEGIN; SELECT tenant_guard.set_tenant(repeat('long', 300)) \gset
INSERT INTO t.varchars DEFAULT VALUES; COMMIT;
SET ROLE regress_app;
BEGIN; SELECT tenant_guard.set_tenant('Acme') \gset
DELETE FROM t.names WHERE id = 'acme'; ROLLBACK;
BEGIN; SELECT tenant_guard.set_tenant('Acme') \gset
DELETE FROM t.names WHERE id LIKE 'long%'; ROLLBACK;
BEGIN; SELECT tenant_guard.set_tenant('acme') \gset
UPDATE t.names SET id = 'acm' WHERE id = 'acme'; ROLLBACK;
BEGIN; SELECT tenant_guard.set_tenant('acme') \gset
DELETE FROM t.names WHERE id = 'acme' RETURNING id; ROLLBACK;
BEGIN; SELECT tenant_guard.set_tenant(repeat('long', 300)) \gset
DELETE FROM t.names WHERE id LIKE 'long%' RETURNING left(id, 4); ROLLBACK;

-- In a table of another type no row is such a tenant's.
BEGIN; SELECT tenant_guard.set_tenant('aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa') \gset
DELETE FROM t.currencies WHERE code = 'of a'; ROLLBACK;
RESET ROLE;
RESET tenant_guard.tenant_type;

-- Whoever calls the check by hand, where the schema is granted, learns whether a value
-- of his own is his tenant, and nothing else.
GRANT USAGE ON SCHEMA tenant_guard_internal TO regress_app;
SET ROLE regress_app;
:as_a
SELECT tenant_guard_internal.check_key_action(0, 0, :a::uuid) AS mine, tenant_guard_internal.check_key_action(NULL, NULL, :a::uuid, :a::uuid) AS stays;
SAVEPOINT s;
SELECT tenant_guard_internal.check_key_action(0, 0, :b::uuid);
ROLLBACK TO s;
SELECT tenant_guard_internal.check_key_action('t.prices'::regclass, 0, NULL::uuid);
ROLLBACK TO s;
SELECT tenant_guard_internal.check_key_action('t.prices'::regclass, 1, 5, 'x');
ROLLBACK TO s;
SELECT tenant_guard_internal.check_key_action(0, 0, 'text');
ROLLBACK TO s;
SELECT tenant_guard_internal.check_key_action(0, 0, :a::uuid, 5);
ROLLBACK;
RESET ROLE;
REVOKE USAGE ON SCHEMA tenant_guard_internal FROM regress_app;

SET client_min_messages = error;
DROP SCHEMA t CASCADE;
DROP ROLE regress_owner, regress_app;
