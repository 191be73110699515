--
-- A temporary table that is written after a tenant was set belongs to that
-- tenant for as long as it holds rows: in a pooled session the next client
-- must not read it.
--
\i test/setup/app.sql
SET client_min_messages = warning;
CREATE TABLE t.notes (id int PRIMARY KEY, tenant_id uuid, body text);
CREATE TABLE t.results (way text, other text, nobody text, own text);
CREATE TABLE t.ways (n int GENERATED ALWAYS AS IDENTITY, prepare text, fill text);
GRANT ALL ON ALL TABLES IN SCHEMA t TO regress_app;
SET tenant_guard.bypass = on;
INSERT INTO t.notes VALUES (1, :a, 'of a'), (2, :b, 'of b');
RESET tenant_guard.bypass;
RESET client_min_messages;
SET ROLE regress_app;

-- It must say so, and what to do: to another tenant, and where none is set.
BEGIN;
SET LOCAL tenant_guard.tenant_id = :a;
CREATE TEMP TABLE recent AS SELECT id, body FROM t.notes;
COMMIT;
BEGIN;
SET LOCAL tenant_guard.tenant_id = :b;
SELECT * FROM recent;
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;
SELECT * FROM recent;
\echo :LAST_ERROR_SQLSTATE

-- Its own tenant must be refused nothing.
BEGIN;
SET LOCAL tenant_guard.tenant_id = :a;
SELECT * FROM recent;
INSERT INTO recent SELECT id + 1, body FROM recent;
UPDATE recent SET body = 'changed' WHERE id = 2;
DELETE FROM recent WHERE id = 1;
ALTER TABLE recent ADD COLUMN more text DEFAULT 'more';
CREATE INDEX ON recent (body);
ANALYZE recent;
SELECT tenant_guard.clear_tenant();
SELECT * FROM recent;
COMMIT;
\set VERBOSITY sqlstate

-- Others must not look into it by any statement: what an index, a constraint
-- or a new type computes from its rows, what a message or an existing key
-- tells, or what is counted.
CREATE FUNCTION t.tell(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RAISE NOTICE 'heard: %', $1; RETURN $1; END $$;
BEGIN;
SET LOCAL tenant_guard.tenant_id = :b;
SAVEPOINT s;
INSERT INTO recent VALUES (3, 'of b');
ROLLBACK TO s;
UPDATE recent SET body = 'x';
ROLLBACK TO s;
DELETE FROM recent WHERE body = 'changed';
ROLLBACK TO s;
DELETE FROM recent RETURNING *;
ROLLBACK TO s;
COPY recent TO STDOUT;
ROLLBACK TO s;
COPY (SELECT body FROM recent) TO STDOUT;
ROLLBACK TO s;
CREATE INDEX ON recent (t.tell(body));
ROLLBACK TO s;
CREATE UNIQUE INDEX ON recent ((1));
ROLLBACK TO s;
ALTER TABLE recent ALTER body TYPE text USING t.tell(body);
ROLLBACK TO s;
ALTER TABLE recent ADD CHECK (t.tell(body) IS NULL);
ROLLBACK TO s;
CLUSTER recent USING recent_body_idx;
ROLLBACK TO s;
REINDEX INDEX recent_body_idx;
ROLLBACK TO s;
REINDEX TABLE recent;
ROLLBACK TO s;
ANALYZE recent;
ROLLBACK TO s;
CREATE TEMP VIEW seen AS SELECT * FROM recent;
SELECT * FROM seen;
ROLLBACK TO s;
CREATE TEMP TABLE copied AS SELECT * FROM recent;
ROLLBACK TO s;
DECLARE c CURSOR FOR SELECT * FROM recent;
ROLLBACK TO s;
SELECT query_to_xml('SELECT * FROM recent', true, true, '');
ROLLBACK TO s;
EXPLAIN SELECT * FROM recent WHERE body < 'x';
ROLLBACK TO s;
CREATE TEMP TABLE whole (LIKE recent) PARTITION BY LIST (t.tell(body));
ALTER TABLE whole ATTACH PARTITION recent DEFAULT;
ROLLBACK TO s;
CREATE TEMP TABLE whole (LIKE recent);
ALTER TABLE recent INHERIT whole;
ROLLBACK TO s;
SELECT tenant_guard.share('pg_temp.recent');
ROLLBACK TO s;
SECURITY LABEL FOR tenant_guard ON TABLE pg_temp.recent IS 'shared';
ROLLBACK TO s;
CREATE STATISTICS t.told ON id, (t.tell(body)) FROM recent;
ROLLBACK TO s;
CREATE STATISTICS t.told ON id, body FROM t.tell('') AS f (id, body);
ROLLBACK;
VACUUM recent;
VACUUM FULL recent;

-- A new partition must not tell what the default one holds; to its own tenant
-- PostgreSQL says so.
CREATE TEMP TABLE whole (id int, body text) PARTITION BY LIST (id);
CREATE TEMP TABLE others PARTITION OF whole DEFAULT;
BEGIN;
SET LOCAL tenant_guard.tenant_id = :a;
INSERT INTO whole VALUES (1, 'of a');
CREATE TEMP TABLE two PARTITION OF whole FOR VALUES IN (2);
COMMIT;
BEGIN;
SET LOCAL tenant_guard.tenant_id = :b;
SAVEPOINT s;
CREATE TEMP TABLE one PARTITION OF whole FOR VALUES IN (1);
ROLLBACK TO s;
CREATE TEMP TABLE nosuch PARTITION OF missing FOR VALUES IN (1);
ROLLBACK;
BEGIN;
SET LOCAL tenant_guard.tenant_id = :a;
CREATE TEMP TABLE one PARTITION OF whole FOR VALUES IN (1);
ROLLBACK;
TRUNCATE whole;
CREATE TEMP TABLE one PARTITION OF whole FOR VALUES IN (1);
DROP TABLE whole;

-- A constraint of a domain, or of one that it is made of, must not show it.
CREATE DOMAIN t.word AS text;
CREATE DOMAIN t.short_word AS t.word;
CREATE TEMP TABLE words (id int, word t.short_word);
BEGIN;
SET LOCAL tenant_guard.tenant_id = :a;
INSERT INTO words VALUES (1, 'of a');
ALTER DOMAIN t.word ADD CONSTRAINT long CHECK (length(value) > 9) NOT VALID;
COMMIT;
BEGIN;
SET LOCAL tenant_guard.tenant_id = :b;
SAVEPOINT s;
ALTER DOMAIN t.word ADD CHECK (t.tell(value) IS NULL);
ROLLBACK TO s;
ALTER DOMAIN t.short_word ADD CHECK (t.tell(value) IS NULL);
ROLLBACK TO s;
ALTER DOMAIN t.short_word SET NOT NULL;
ROLLBACK TO s;
ALTER DOMAIN t.word VALIDATE CONSTRAINT long;
ROLLBACK TO s;
ALTER DOMAIN t.missing ADD CHECK (true);
ROLLBACK;
ALTER DOMAIN t.word SET DEFAULT 'word';
ALTER DOMAIN t.word DROP CONSTRAINT long;
TRUNCATE words;
ALTER DOMAIN t.word ADD CHECK (length(value) > 9);
DROP TABLE words;
DROP DOMAIN t.short_word, t.word;

-- Nor must a change of the composite type that its columns are of.
CREATE TYPE t.entry AS (id int, body varchar);
CREATE TEMP TABLE entries OF t.entry;
BEGIN;
SET LOCAL tenant_guard.tenant_id = :a;
INSERT INTO entries VALUES (1, 'of a');
COMMIT;
ALTER TYPE t.entry ALTER ATTRIBUTE body TYPE varchar(2) CASCADE;
TRUNCATE entries;
ALTER TYPE t.entry ALTER ATTRIBUTE body TYPE varchar(2) CASCADE;
DROP TABLE entries;
DROP TYPE t.entry;

-- A definer's function and a view of the session must not open it either.
CREATE FUNCTION pg_temp.definer() RETURNS SETOF text LANGUAGE sql SECURITY DEFINER AS 'SELECT body FROM recent';
CREATE TEMP VIEW seen AS SELECT body FROM recent;
BEGIN;
SET LOCAL tenant_guard.tenant_id = :b;
SAVEPOINT s;
SELECT pg_temp.definer();
ROLLBACK TO s;
SELECT * FROM seen;
ROLLBACK;
BEGIN;
SET LOCAL tenant_guard.tenant_id = :a;
SELECT pg_temp.definer();
SELECT * FROM seen;
COMMIT;

-- Nor may a statement kept from before, or a cursor WITH HOLD.
PREPARE kept AS SELECT body FROM recent;
BEGIN;
SET LOCAL tenant_guard.tenant_id = :a;
EXECUTE kept;
COMMIT;
BEGIN;
SET LOCAL tenant_guard.tenant_id = :b;
EXECUTE kept;
ROLLBACK;
BEGIN;
SET LOCAL tenant_guard.tenant_id = :a;
SAVEPOINT s;
DECLARE held CURSOR WITH HOLD FOR SELECT body FROM recent;
ROLLBACK TO s;
DECLARE held CURSOR WITH HOLD FOR SELECT body FROM seen;
ROLLBACK TO s;
DECLARE held CURSOR WITH HOLD FOR SELECT pg_temp.definer();
COMMIT;
FETCH ALL FROM held;

-- TRUNCATE, DELETE of all rows and DROP show nothing, and must free it for the
-- next client; but not if they are rolled back.
BEGIN;
SET LOCAL tenant_guard.tenant_id = :b;
TRUNCATE recent;
SELECT * FROM recent;
ROLLBACK;
BEGIN;
DROP TABLE recent CASCADE;
ROLLBACK;
SELECT * FROM recent;
BEGIN;
SET LOCAL tenant_guard.tenant_id = :b;
DELETE FROM recent;
INSERT INTO recent VALUES (3, 'of b');
ROLLBACK;
SELECT * FROM recent;
BEGIN;
SET LOCAL tenant_guard.tenant_id = :b;
SAVEPOINT s;
TRUNCATE recent;
INSERT INTO recent VALUES (3, 'of b');
ROLLBACK TO s;
SAVEPOINT s2;
SELECT * FROM recent;
ROLLBACK TO s2;
TRUNCATE recent;
SAVEPOINT s3;
INSERT INTO recent VALUES (4, 'of b');
RELEASE s3;
SELECT * FROM recent;
COMMIT;
BEGIN;
SET LOCAL tenant_guard.tenant_id = :a;
SELECT * FROM recent;
ROLLBACK;
BEGIN;
SET LOCAL tenant_guard.tenant_id = :a;
DROP TABLE recent CASCADE;
CREATE TEMP TABLE recent (body text);
INSERT INTO recent VALUES ('of a');
SELECT * FROM recent;
COMMIT;
SELECT * FROM recent;
DISCARD TEMP;
CREATE TEMP TABLE recent (body text);
SELECT * FROM recent;

-- What was deleted must not be read by the snapshot of a query that began
-- before: in a STABLE function, whether the table is looked at, or written, in
-- between.
BEGIN;
SET LOCAL tenant_guard.tenant_id = :a;
INSERT INTO recent VALUES ('of a');
COMMIT;
CREATE FUNCTION t.empty_it(also text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN DELETE FROM recent; EXECUTE also; END $$;
CREATE FUNCTION t.read_it() RETURNS text LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN (SELECT string_agg(body, ',') FROM recent); END $$;
BEGIN;
SET LOCAL tenant_guard.tenant_id = :b;
SAVEPOINT s;
SELECT t.empty_it('SELECT'), t.read_it();
ROLLBACK TO s;
SELECT t.empty_it('SELECT FROM recent'), t.read_it();
ROLLBACK TO s;
SELECT t.empty_it('INSERT INTO recent VALUES (''of b'')'), t.read_it();
ROLLBACK TO s;
SELECT t.empty_it('INSERT INTO recent VALUES (''of b'')');
SELECT t.read_it();
ROLLBACK;

-- DELETE of all rows must not be let through where a trigger, a rule or a policy
-- would see them.
CREATE RULE tell AS ON DELETE TO recent DO ALSO SELECT OLD.body;
DELETE FROM recent;
DROP RULE tell ON recent;
CREATE FUNCTION t.tell_old() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE 'heard: %', OLD; RETURN OLD; END $$;
CREATE TRIGGER tell BEFORE DELETE ON recent FOR EACH ROW EXECUTE FUNCTION t.tell_old();
BEGIN;
SET LOCAL tenant_guard.tenant_id = :a;
INSERT INTO recent VALUES ('of a');
COMMIT;
DELETE FROM recent;
DROP TABLE recent;
CREATE TEMP TABLE recent (body text);
CREATE POLICY tell ON recent USING (t.tell(body) <> '') WITH CHECK (true);
ALTER TABLE recent ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
BEGIN;
SET LOCAL tenant_guard.tenant_id = :a;
INSERT INTO recent VALUES ('of a');
COMMIT;
DELETE FROM recent;
DROP TABLE recent;

-- Nor where a rule would count them.
CREATE TEMP TABLE recent (body text);
CREATE TEMP TABLE counted (n int);
CREATE RULE count AS ON DELETE TO recent DO ALSO INSERT INTO counted VALUES (1);
BEGIN;
SET LOCAL tenant_guard.tenant_id = :a;
INSERT INTO recent VALUES ('of a');
COMMIT;
DELETE FROM recent;
SELECT * FROM counted;
DROP TABLE recent, counted;

-- Nor where a view would, or would tell by the count.
CREATE TEMP TABLE recent (body text);
CREATE TEMP VIEW chosen AS SELECT 1 AS one FROM recent WHERE t.tell(body) LIKE '%of a%';
BEGIN;
SET LOCAL tenant_guard.tenant_id = :a;
INSERT INTO recent VALUES ('of a');
COMMIT;
DELETE FROM chosen;
BEGIN;
DELETE FROM recent WHERE random() < 2;
SELECT body FROM recent;
ROLLBACK;
DROP TABLE recent CASCADE;

-- Nor where a trigger of a partition, or of the whole, would see its partitions'
-- rows.
CREATE FUNCTION t.tell_all() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE 'heard: %', (SELECT string_agg(o::text, ',') FROM o); RETURN NULL; END $$;
CREATE TEMP TABLE whole (body text) PARTITION BY LIST (body);
CREATE TEMP TABLE part PARTITION OF whole DEFAULT;
BEGIN;
SET LOCAL tenant_guard.tenant_id = :a;
INSERT INTO whole VALUES ('of a');
COMMIT;
BEGIN;
DELETE FROM whole;
ROLLBACK;
BEGIN;
CREATE TRIGGER tell BEFORE DELETE ON part FOR EACH ROW EXECUTE FUNCTION t.tell_old();
DELETE FROM whole;
ROLLBACK;
CREATE TRIGGER tell AFTER DELETE ON whole REFERENCING OLD TABLE AS o FOR EACH STATEMENT EXECUTE FUNCTION t.tell_all();
DELETE FROM whole;

-- A statement on the whole must not look into a partition or child that is
-- another tenant's; nor may a cursor WITH HOLD keep its rows.
CREATE TEMP TABLE parent (body text);
CREATE TEMP TABLE child () INHERITS (parent);
BEGIN;
SET LOCAL tenant_guard.tenant_id = :a;
INSERT INTO child VALUES ('of a');
SAVEPOINT s;
DECLARE held CURSOR WITH HOLD FOR SELECT body FROM whole;
ROLLBACK TO s;
DECLARE held CURSOR WITH HOLD FOR SELECT body FROM parent;
ROLLBACK TO s;
COMMIT;
BEGIN;
SET LOCAL tenant_guard.tenant_id = :b;
SAVEPOINT s;
ALTER TABLE whole ADD CHECK (t.tell(body) IS NULL);
ROLLBACK TO s;
CREATE INDEX ON whole (t.tell(body));
ROLLBACK TO s;
ALTER TABLE parent ADD CHECK (t.tell(body) IS NULL);
ROLLBACK;
DROP TABLE whole, child, parent;

-- A fill that is rolled back must leave no mark: whole, to a savepoint, or by
-- an exception; rows that were there before are no tenant's.
CREATE TEMP TABLE countries AS SELECT 'at' AS code;
BEGIN;
SET LOCAL tenant_guard.tenant_id = :a;
INSERT INTO countries VALUES ('of a');
ROLLBACK;
SELECT * FROM countries;
BEGIN;
SET LOCAL tenant_guard.tenant_id = :a;
SAVEPOINT s;
INSERT INTO countries VALUES ('of a');
SAVEPOINT s2;
INSERT INTO countries VALUES ('of a');
RELEASE s2;
ROLLBACK TO s;
DO $$ BEGIN INSERT INTO countries VALUES ('of a'); RAISE EXCEPTION 'x'; EXCEPTION WHEN raise_exception THEN NULL; END $$;
COMMIT;
SELECT * FROM countries;

-- So must one of a savepoint that was released into one that is rolled back; and
-- an emptying that is undone so must leave the table its tenant's.
BEGIN;
SET LOCAL tenant_guard.tenant_id = :a;
SAVEPOINT s;
SAVEPOINT s2;
INSERT INTO countries VALUES ('of a');
RELEASE s2;
ROLLBACK TO s;
COMMIT;
SELECT * FROM countries;
BEGIN;
SET LOCAL tenant_guard.tenant_id = :a;
CREATE TEMP TABLE recent AS SELECT 'of a' AS body;
COMMIT;
BEGIN;
SET LOCAL tenant_guard.tenant_id = :b;
SAVEPOINT s;
SAVEPOINT s2;
DELETE FROM recent;
SELECT * FROM recent;
RELEASE s2;
ROLLBACK TO s;
SELECT * FROM recent;
ROLLBACK;
DROP TABLE recent;

-- Reading it with a tenant, locking rows, deleting some, must not make it the tenant's.
BEGIN;
SET LOCAL tenant_guard.tenant_id = :a;
SELECT * FROM countries FOR UPDATE;
DELETE FROM countries WHERE code = 'xx';
COMMIT;
SELECT * FROM countries;

-- But what a savepoint or an exception block did write and was kept must.
BEGIN;
SET LOCAL tenant_guard.tenant_id = :a;
SAVEPOINT s;
INSERT INTO countries VALUES ('of a');
RELEASE s;
COMMIT;
SELECT * FROM countries;
TRUNCATE countries;
BEGIN;
SET LOCAL tenant_guard.tenant_id = :a;
DO $$ BEGIN INSERT INTO countries VALUES ('of a'); EXCEPTION WHEN raise_exception THEN NULL; END $$;
COMMIT;
SELECT * FROM countries;
DROP TABLE countries;

-- Whatever writes it, it must be the tenant's: t.try_all() fills a table as a,
-- reads it as b, with none, and as a.
CREATE FUNCTION t.fill_it() RETURNS void LANGUAGE plpgsql AS $$ BEGIN INSERT INTO x SELECT id, body FROM t.notes; END $$;
CREATE FUNCTION t.fill_by_trigger() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO x SELECT id, body FROM t.notes; RETURN NULL; END $$;
CREATE FUNCTION t.set_and_read() RETURNS SETOF t.notes LANGUAGE plpgsql AS
$$ BEGIN PERFORM tenant_guard.set_tenant('aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa'); RETURN QUERY SELECT * FROM t.notes; END $$;
CREATE FUNCTION t.ask() RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN (SELECT string_agg(way, ',') FROM (SELECT body::text AS way FROM x) q); EXCEPTION WHEN OTHERS THEN RETURN SQLSTATE; END $$;
CREATE PROCEDURE t.try_all() LANGUAGE plpgsql AS $$
DECLARE
	way t.ways;
	answers text[];
BEGIN
	FOR way IN SELECT * FROM t.ways ORDER BY n LOOP
		EXECUTE coalesce(way.prepare, 'CREATE TEMP TABLE x (id int, body text)');
		COMMIT;
		IF way.fill !~ 'set_and_read' THEN
			PERFORM tenant_guard.set_tenant('aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa');
		END IF;
		EXECUTE way.fill;
		COMMIT;
		PERFORM tenant_guard.set_tenant('bbbbbbbb-bbbb-bbbb-bbbb-bbbbbbbbbbbb');
		answers[1] := t.ask();
		COMMIT;
		answers[2] := t.ask();
		COMMIT;
		PERFORM tenant_guard.set_tenant('aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa');
		answers[3] := t.ask();
		COMMIT;
		INSERT INTO t.results VALUES (way.fill, answers[1], answers[2], answers[3]);
		DROP TABLE x CASCADE;
		DROP TABLE IF EXISTS y CASCADE;
		COMMIT;
	END LOOP;
END
$$;
INSERT INTO t.ways (prepare, fill) VALUES
	(NULL, 'INSERT INTO x SELECT id, body FROM t.notes'),
	(NULL, 'INSERT INTO x VALUES (1, ''of a'')'),
	('SELECT', 'CREATE TEMP TABLE x AS SELECT id, body FROM t.notes'),
	('SELECT', 'CREATE TABLE pg_temp.x AS SELECT id, body FROM t.notes'),
	('SELECT', 'EXPLAIN (ANALYZE, COSTS OFF) CREATE TEMP TABLE x AS SELECT id, body FROM t.notes'),
	('CREATE FUNCTION pg_temp.into_x() RETURNS void LANGUAGE sql AS ''SELECT id, body INTO TEMP x FROM t.notes; SELECT''', 'SELECT pg_temp.into_x()'),
	('CREATE TEMP TABLE x AS SELECT 1 AS id, NULL AS body', 'UPDATE x SET body = n.body FROM t.notes n WHERE n.id = x.id'),
	('CREATE TEMP TABLE x AS SELECT 1 AS id, NULL AS body', 'MERGE INTO x USING t.notes n ON n.id = x.id WHEN MATCHED THEN UPDATE SET body = n.body'),
	(NULL, 'MERGE INTO x USING t.notes n ON n.id = x.id WHEN NOT MATCHED THEN INSERT VALUES (n.id, n.body)'),
	('CREATE TEMP TABLE x (id int PRIMARY KEY, body text); INSERT INTO x VALUES (1)', 'INSERT INTO x SELECT id, body FROM t.notes ON CONFLICT (id) DO UPDATE SET body = excluded.body'),
	(NULL, 'WITH w AS (INSERT INTO x SELECT id, body FROM t.notes RETURNING *) SELECT count(*) FROM w'),
	(NULL, 'SELECT t.fill_it()'),
	(NULL, 'DO ''BEGIN PERFORM t.fill_it(); END'''),
	(NULL, 'DO ''DECLARE v text := (SELECT body FROM t.notes); BEGIN PERFORM tenant_guard.clear_tenant(); INSERT INTO x VALUES (1, v); END'''),
	('CREATE TEMP TABLE x (id int, body text); CREATE TEMP VIEW y AS SELECT * FROM x', 'INSERT INTO y SELECT id, body FROM t.notes'),
	('CREATE TEMP TABLE x (id int, body text); CREATE TEMP TABLE y (i int); CREATE TRIGGER fill AFTER INSERT ON y FOR EACH ROW EXECUTE FUNCTION t.fill_by_trigger()', 'INSERT INTO y VALUES (1)'),
	('CREATE TEMP TABLE x (id int, body text); CREATE RULE fill AS ON INSERT TO x DO ALSO UPDATE x SET body = (SELECT body FROM t.notes) WHERE body IS NULL', 'INSERT INTO x VALUES (1)'),
	('CREATE TEMP TABLE y (body text PRIMARY KEY); CREATE TEMP TABLE x (body text REFERENCES y ON UPDATE CASCADE); INSERT INTO y VALUES (''''); INSERT INTO x VALUES ('''')', 'UPDATE y SET body = (SELECT body FROM t.notes)'),
	('CREATE TEMP TABLE x AS SELECT 1', 'ALTER TABLE x ADD COLUMN body uuid DEFAULT tenant_guard.current_tenant()'),
	('CREATE TEMP TABLE x AS SELECT 1 AS body', 'ALTER TABLE x ALTER body TYPE uuid USING tenant_guard.current_tenant()'),
	('CREATE TEMP TABLE x (id int, body text) PARTITION BY LIST (id); CREATE TEMP TABLE y PARTITION OF x FOR VALUES IN (1)', 'INSERT INTO x SELECT id, body FROM t.notes'),
	('CREATE TEMP TABLE x (id int, body text) PARTITION BY LIST (id); CREATE TEMP TABLE y PARTITION OF x FOR VALUES IN (1)', 'INSERT INTO y SELECT id, body FROM t.notes'),
	('CREATE TEMP TABLE y (id int, body text) PARTITION BY LIST (id); CREATE TEMP TABLE x PARTITION OF y FOR VALUES IN (1)', 'INSERT INTO y SELECT id, body FROM t.notes'),
	('CREATE TEMP TABLE y (id int, body text); CREATE TEMP TABLE x () INHERITS (y); INSERT INTO x VALUES (1)', 'UPDATE y SET body = (SELECT body FROM t.notes)'),
	('CREATE TEMP TABLE x (id int, body text); CREATE TEMP TABLE y () INHERITS (x)', 'INSERT INTO y SELECT id, body FROM t.notes'),
	('CREATE TABLE x (id int, body text); CREATE TEMP TABLE y () INHERITS (x)', 'INSERT INTO y SELECT id, body FROM t.notes'),
	(NULL, 'DO ''BEGIN INSERT INTO x SELECT id, body FROM t.notes; ALTER TABLE x RENAME TO y; ALTER TABLE y RENAME TO x; END'''),
	(NULL, 'INSERT INTO x SELECT id, body FROM t.set_and_read()'),
	(NULL, 'WITH w AS (INSERT INTO x SELECT id, body FROM t.set_and_read() RETURNING 1) SELECT FROM w'),
	('SELECT', 'CREATE TEMP TABLE x AS SELECT id, body FROM t.set_and_read()');
SET search_path = t;
SET client_min_messages = warning;
CALL t.try_all();
RESET client_min_messages;
RESET search_path;
SELECT * FROM t.results WHERE (other, nobody) IS DISTINCT FROM ('TG003', 'TG003') OR own ~ '^TG';
SELECT count(*), count(own) FROM t.results;

-- COPY FROM as well, also where a trigger of its own sets the tenant.
CREATE FUNCTION t.set_by_trigger() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM tenant_guard.set_tenant('aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa'); NEW.body := (SELECT body FROM t.notes); RETURN NEW; END $$;
CREATE TEMP TABLE x (body text);
CREATE TEMP TABLE y (body text);
CREATE TRIGGER fill BEFORE INSERT ON y FOR EACH ROW EXECUTE FUNCTION t.set_by_trigger();
BEGIN;
SET LOCAL tenant_guard.tenant_id = :a;
COPY x FROM STDIN;
of a
\.
COMMIT;
COPY y FROM STDIN;
x
\.
SELECT * FROM x;
SELECT * FROM y;
TRUNCATE x, y;
PREPARE fill(text) AS INSERT INTO x VALUES ($1);
BEGIN;
SET LOCAL tenant_guard.tenant_id = :a;
EXECUTE fill('of a');
COMMIT;
SELECT * FROM x;

-- CLUSTER and VACUUM FULL, which give it other files, must change nothing.
TRUNCATE x;
CREATE INDEX x_body ON x (body);
BEGIN;
SET LOCAL tenant_guard.tenant_id = :a;
EXECUTE fill('of a');
CLUSTER x USING x_body;
COMMIT;
SELECT * FROM x;
SET client_min_messages = error;
VACUUM FULL;
RESET client_min_messages;
SELECT * FROM x;
DROP TABLE x, y;

-- A key between two temporary tables must not tell either.
CREATE TEMP TABLE whole (id int PRIMARY KEY);
CREATE TEMP TABLE part (id int REFERENCES whole ON DELETE CASCADE);
BEGIN;
SET LOCAL tenant_guard.tenant_id = :a;
INSERT INTO whole VALUES (1);
COMMIT;
BEGIN;
SET LOCAL tenant_guard.tenant_id = :b;
SAVEPOINT s;
INSERT INTO part VALUES (1);
ROLLBACK TO s;
INSERT INTO part VALUES (2);
ROLLBACK TO s;
CREATE TEMP TABLE third (id int);
INSERT INTO third VALUES (1), (2);
ALTER TABLE third ADD FOREIGN KEY (id) REFERENCES whole;
ROLLBACK;
DROP TABLE whole, part;

-- What ANALYZE finds must serve the transaction, and be read by nobody later:
-- of columns, of an index's expressions, of several columns, of a whole.
CREATE TEMP TABLE x (id int, body text);
CREATE INDEX ON x (lower(body));
CREATE STATISTICS pg_temp.x_stat (mcv) ON id, body FROM x;
CREATE TEMP TABLE y (id int, body text) PARTITION BY LIST (id);
CREATE TEMP TABLE y1 PARTITION OF y FOR VALUES IN (1);
CREATE VIEW t.read_statistics AS
	SELECT (SELECT count(*) FROM pg_stats WHERE schemaname ~ '^pg_temp') AS columns,
		   (SELECT count(*) FROM pg_stats_ext WHERE schemaname ~ '^pg_temp' AND most_common_vals IS NOT NULL) AS several;
BEGIN;
SET LOCAL tenant_guard.tenant_id = :a;
INSERT INTO x SELECT 1, body FROM t.notes, generate_series(1, 10);
INSERT INTO y SELECT 1, body FROM t.notes, generate_series(1, 10);
ANALYZE x, y;
SELECT columns > 0 AS columns, several > 0 AS several FROM t.read_statistics;
COMMIT;
SELECT * FROM t.read_statistics;
SET client_min_messages = error;
ANALYZE;
VACUUM (ANALYZE);
RESET client_min_messages;
SELECT * FROM t.read_statistics;

-- Nor must the transaction of another tenant that runs ANALYZE of all tables; its
-- own tables' it may read, again and again.
SET client_min_messages = error;
BEGIN;
SET LOCAL tenant_guard.tenant_id = :b;
ANALYZE;
SELECT * FROM t.read_statistics;
CREATE TEMP TABLE z AS SELECT 1 AS id;
ANALYZE;
ANALYZE;
SELECT columns FROM t.read_statistics;
ROLLBACK;
RESET client_min_messages;

-- Nor must VACUUM, which is several transactions, leave any of a tenant that is
-- set for the session.
RESET ROLE;
SET tenant_guard.scope = session;
SET ROLE regress_app;
SET tenant_guard.tenant_id = :a;
SET client_min_messages = error;
VACUUM (ANALYZE);
RESET client_min_messages;
SELECT * FROM t.read_statistics;
RESET tenant_guard.tenant_id;
RESET ROLE;
RESET tenant_guard.scope;
SET ROLE regress_app;
DROP TABLE x, y;
CREATE TEMP TABLE x AS SELECT 1 AS id;
ANALYZE x;
SELECT * FROM t.read_statistics;
DROP TABLE x;

-- ON COMMIT DROP, ON COMMIT DELETE ROWS, and a table that its maker drops or
-- empties leave nothing to the next: staging by COPY, a report's function, an
-- ORM's tables of ids, DISCARD ALL.
BEGIN;
SET LOCAL tenant_guard.tenant_id = :a;
CREATE TEMP TABLE staged (body text) ON COMMIT DROP;
COPY staged FROM STDIN;
staged by a
\.
INSERT INTO t.notes (id, body) SELECT 3, body FROM staged;
COMMIT;
CREATE TEMP TABLE ids (id int) ON COMMIT DELETE ROWS;
CREATE FUNCTION t.report() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	n bigint;
BEGIN
	CREATE TEMP TABLE report AS SELECT id FROM t.notes;
	INSERT INTO report SELECT id + 10 FROM report;
	SELECT count(*) INTO n FROM report;
	DROP TABLE report;
	RETURN n;
END
$$;
BEGIN;
SET LOCAL tenant_guard.tenant_id = :a;
INSERT INTO ids SELECT id FROM t.notes;
UPDATE t.notes SET body = body || '.' WHERE id IN (SELECT id FROM ids);
SELECT t.report();
COMMIT;
BEGIN;
SET LOCAL tenant_guard.tenant_id = :b;
INSERT INTO ids SELECT id FROM t.notes;
UPDATE t.notes SET body = body || '.' WHERE id IN (SELECT id FROM ids);
SELECT t.report();
COMMIT;
CREATE TEMP TABLE IF NOT EXISTS ht_ids (id int);
BEGIN;
SET LOCAL tenant_guard.tenant_id = :a;
INSERT INTO ht_ids SELECT id FROM t.notes;
DELETE FROM t.notes WHERE id = 3 AND id IN (SELECT id FROM ht_ids);
DELETE FROM ht_ids;
COMMIT;
BEGIN;
SET LOCAL tenant_guard.tenant_id = :b;
INSERT INTO ht_ids SELECT id FROM t.notes;
SELECT * FROM ht_ids;
COMMIT;

-- A function that begins so must not be refused: the index is there.
CREATE TEMP TABLE IF NOT EXISTS ht_ids (id int);
BEGIN;
CREATE INDEX ht_ids_id ON ht_ids (id);
ROLLBACK;
BEGIN;
SET LOCAL tenant_guard.tenant_id = :b;
CREATE INDEX ht_ids_id ON ht_ids (id);
COMMIT;
BEGIN;
SET LOCAL tenant_guard.tenant_id = :a;
SAVEPOINT s;
CREATE INDEX IF NOT EXISTS other ON ht_ids (id);
ROLLBACK TO s;
CREATE INDEX IF NOT EXISTS ht_ids_id ON ht_ids (id);
DELETE FROM ht_ids;
INSERT INTO ht_ids SELECT id FROM t.notes;
COMMIT;
DISCARD ALL;
SET ROLE regress_app;
CREATE TEMP TABLE IF NOT EXISTS ht_ids (id int);
SELECT * FROM ht_ids;

-- Nothing must be kept of tables that were dropped, guarded ones among them.
SET client_min_messages = warning;
CREATE FUNCTION t.make_and_drop() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 1..25 LOOP
		CREATE TEMP TABLE filled AS SELECT 1 AS id;
		CREATE TEMP TABLE own_rows (tenant_id uuid);
		INSERT INTO own_rows DEFAULT VALUES;
		DROP TABLE filled, own_rows;
	END LOOP;
END
$$;
BEGIN;
SET LOCAL tenant_guard.tenant_id = :a;
SELECT t.make_and_drop();
COMMIT;
RESET ROLE;
SELECT used_bytes FROM pg_backend_memory_contexts WHERE name = 'tenants'' temporary tables' \gset
SET ROLE regress_app;
BEGIN;
SET LOCAL tenant_guard.tenant_id = :a;
SELECT t.make_and_drop();
COMMIT;
BEGIN;
SET LOCAL tenant_guard.tenant_id = :a;
SELECT t.make_and_drop();
COMMIT;
BEGIN;
SET LOCAL tenant_guard.tenant_id = :a;
SELECT t.make_and_drop();
COMMIT;
RESET client_min_messages;
RESET ROLE;
SELECT used_bytes <= :used_bytes AS same FROM pg_backend_memory_contexts WHERE name = 'tenants'' temporary tables';
SET ROLE regress_app;

-- An application with a tenant for each connection or role keeps its tables.
BEGIN;
SET LOCAL tenant_guard.tenant_id = :a;
INSERT INTO ht_ids VALUES (1);
COMMIT;
BEGIN;
SET LOCAL tenant_guard.tenant_id = :a;
SELECT * FROM ht_ids;
COMMIT;

-- A table that holds no tenant's rows may be declared so, by whom it is nobody's
-- or whose it is; a tenant's label must not open another's.
CREATE TEMP TABLE countries (code text);
SELECT tenant_guard.share('pg_temp.countries');
BEGIN;
SET LOCAL tenant_guard.tenant_id = :a;
INSERT INTO countries VALUES ('at');
COMMIT;
BEGIN;
SET LOCAL tenant_guard.tenant_id = :b;
INSERT INTO countries VALUES ('ch');
SELECT * FROM countries;
COMMIT;
SELECT * FROM countries;
RESET ROLE;
SELECT status FROM tenant_guard.tables WHERE relation = 'countries'::regclass;
SET ROLE regress_app;
SELECT tenant_guard.unshare('pg_temp.countries');
SELECT * FROM countries;
BEGIN;
SET LOCAL tenant_guard.tenant_id = :a;
SELECT tenant_guard.share('pg_temp.countries');
COMMIT;
SELECT * FROM countries;
DROP TABLE countries;
SELECT count(*) FROM pg_seclabels WHERE provider = 'tenant_guard' AND label = 'shared';

-- A temporary table with the tenant column is guarded, and each tenant has its
-- own rows there.
CREATE TEMP TABLE own_rows (tenant_id uuid, body text);
BEGIN;
SET LOCAL tenant_guard.tenant_id = :a;
INSERT INTO own_rows (body) VALUES ('of a');
COMMIT;
BEGIN;
SET LOCAL tenant_guard.tenant_id = :b;
INSERT INTO own_rows (body) VALUES ('of b');
SELECT body FROM own_rows;
COMMIT;

-- Its guard must not be taken off while it holds rows, which anybody could
-- read then.
SELECT tenant_guard.unprotect('pg_temp.own_rows');
SELECT body FROM own_rows;
CREATE TEMP TABLE no_rows (tenant_id uuid);
SELECT tenant_guard.unprotect('pg_temp.no_rows');
DROP TABLE no_rows;

-- The next client must be able to empty it, as it may drop it.
BEGIN;
SET LOCAL tenant_guard.tenant_id = :b;
TRUNCATE own_rows;
SELECT body FROM own_rows;
COMMIT;
BEGIN;
SET LOCAL tenant_guard.tenant_id = :a;
SELECT body FROM own_rows;
COMMIT;

-- Where several tenants in a transaction are allowed, what the one has written
-- is not the other's; a table that ends with the transaction is left alone.
RESET ROLE;
SET tenant_guard.one_tenant_per_transaction = off;
SET ROLE regress_app;
BEGIN;
CREATE TEMP TABLE totals (body text) ON COMMIT DROP;
SET LOCAL tenant_guard.tenant_id = :a;
INSERT INTO totals SELECT body FROM t.notes;
SELECT count(*) FROM ht_ids;
SET LOCAL tenant_guard.tenant_id = :b;
INSERT INTO totals SELECT body FROM t.notes;
SELECT count(*) FROM totals;
SELECT count(*) FROM ht_ids;
ROLLBACK;
RESET ROLE;
RESET tenant_guard.one_tenant_per_transaction;

-- Who means it may: by bypass, which leaves the table its tenant's, and by the
-- setting.
SET tenant_guard.bypass = on;
SET ROLE regress_app;
SELECT * FROM ht_ids;
BEGIN;
SET LOCAL tenant_guard.tenant_id = :a;
DECLARE held CURSOR WITH HOLD FOR SELECT * FROM ht_ids;
COMMIT;
FETCH ALL FROM held;
CLOSE held;
BEGIN;
SET LOCAL tenant_guard.tenant_id = :b;
INSERT INTO ht_ids VALUES (2);
ALTER TABLE ht_ids ADD x int;
COMMIT;
RESET ROLE;
RESET tenant_guard.bypass;
SELECT * FROM ht_ids;
SET ROLE regress_app;
SELECT * FROM ht_ids;
SET tenant_guard.temporary_tables = off;
RESET ROLE;
SET tenant_guard.temporary_tables = off;
SELECT id FROM ht_ids;
BEGIN;
SET LOCAL tenant_guard.tenant_id = :b;
CREATE TEMP TABLE unmarked AS SELECT 1 AS id;
COMMIT;
RESET tenant_guard.temporary_tables;
SELECT id FROM ht_ids;
SELECT id FROM unmarked;

\set VERBOSITY default

-- One that ends with the transaction may have a guarded table's name in a
-- parallel plan, too.
CREATE TABLE t.plain AS SELECT i AS id FROM generate_series(1, 1000) i;
CREATE TABLE t.named (tenant_id uuid);
GRANT SELECT ON t.plain TO regress_app;
SET ROLE regress_app;
SET search_path = t;
BEGIN;
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0;
SET LOCAL min_parallel_table_scan_size = 0;
SET LOCAL tenant_guard.tenant_id = :a;
CREATE TEMP TABLE named ON COMMIT DROP AS SELECT 7 AS id;
DO $$
DECLARE
	line text;
BEGIN
	FOR line IN EXPLAIN SELECT count(*) FROM plain WHERE id < 9 AND id = (SELECT max(id) FROM named) LOOP
		IF line ~ 'Workers Planned' THEN
			RAISE NOTICE 'the plan is parallel';
		END IF;
	END LOOP;
END
$$;
SELECT count(*) FROM plain WHERE id < 9 AND id = (SELECT max(id) FROM named);
COMMIT;
RESET search_path;
RESET ROLE;

-- A temporary table made while search_path is empty must not hide a guarded one
-- later, from a name without a schema; where it does not hide it, or that is
-- meant, it is used.
SET ROLE regress_app;
SET search_path = '';
CREATE TEMP TABLE notes (id int);
CREATE TEMP SEQUENCE s;
INSERT INTO notes VALUES (1);
SELECT * FROM notes;
SET search_path = t;
SELECT * FROM notes;
\echo :LAST_ERROR_SQLSTATE
INSERT INTO notes VALUES (1);
RESET ROLE;
SET tenant_guard.bypass = on;
SELECT * FROM notes;
RESET tenant_guard.bypass;
SET ROLE regress_app;
SET search_path = t, pg_temp;
SELECT * FROM pg_temp.notes;
SET search_path = '';
ALTER TABLE pg_temp.notes RENAME TO mine;
CREATE TEMP VIEW notes AS SELECT 1 AS id;
SET search_path = t;
SELECT * FROM notes;
DROP VIEW pg_temp.notes;
BEGIN;
SET LOCAL tenant_guard.tenant_id = :a;
CREATE TEMP TABLE notes ON COMMIT DROP AS SELECT 1 AS id;
SELECT * FROM notes;
COMMIT;

RESET ROLE;
RESET search_path;
SET client_min_messages = warning;
DISCARD TEMP;
DROP SCHEMA t CASCADE;
DROP OWNED BY regress_app;
DROP ROLE regress_app;
