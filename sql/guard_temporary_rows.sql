--
-- What is left in a temporary table of a pooled session must not be heard of by
-- the next tenant: not what he deletes himself, nor what maintenance computes,
-- nor what stands in statistics.
--
\i test/setup/app.sql
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE TABLE t.notes (id int PRIMARY KEY, tenant_id uuid, body text);
GRANT ALL ON t.notes TO regress_app;
SET tenant_guard.bypass = on;
INSERT INTO t.notes VALUES (1, :a, 'of a'), (2, :b, 'of b');
RESET tenant_guard.bypass;
RESET client_min_messages;
SET ROLE regress_app;
SET search_path = t;
CREATE FUNCTION tell(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RAISE NOTICE 'heard: %', $1; RETURN $1; END $$;

-- An index is built of rows, too, that the transaction has deleted: whoever
-- deletes another tenant's rows must not build one of them.
CREATE TEMP TABLE r (id int, body text);
BEGIN;
SET LOCAL tenant_guard.tenant_id = :a;
INSERT INTO r SELECT id, body FROM notes;
CREATE INDEX r_body ON r (body);
COMMIT;
BEGIN;
SET LOCAL tenant_guard.tenant_id = :b;
DELETE FROM r;
INSERT INTO r VALUES (2, 'of b');
SAVEPOINT s;
CREATE INDEX ON r (tell(body));
ROLLBACK TO s;
ALTER TABLE r ADD EXCLUDE USING btree (tell(body) WITH =);
ROLLBACK TO s;
REINDEX TABLE r;
ROLLBACK TO s;
CLUSTER r USING r_body;
ROLLBACK TO s;
DELETE FROM r;
SELECT tenant_guard.clear_tenant();
CREATE INDEX ON r (tell(body));
ROLLBACK;

-- An index of columns evaluates nothing; an error of PostgreSQL's own functions
-- would show a value.
BEGIN;
SET LOCAL tenant_guard.tenant_id = :b;
DELETE FROM r;
CREATE INDEX ON r (id, body);
SAVEPOINT s;
CREATE INDEX ON r ((body::int));
ROLLBACK TO s;
CREATE INDEX ON r (id) WHERE body::int > 0;
ROLLBACK;

-- TRUNCATE takes them away; what is deleted and committed is in no index.
BEGIN;
SET LOCAL tenant_guard.tenant_id = :b;
SAVEPOINT s;
TRUNCATE r;
INSERT INTO r VALUES (2, 'of b');
CREATE INDEX ON r (tell(body));
ROLLBACK TO s;
DELETE FROM r;
INSERT INTO r VALUES (2, 'of b');
ANALYZE r;
COMMIT;
BEGIN;
SET LOCAL tenant_guard.tenant_id = :b;
CREATE INDEX ON r (tell(body));
DELETE FROM r;
CREATE INDEX ON r (id);
COMMIT;
DROP TABLE r;

-- Maintenance that names no table must not call functions on another tenant's
-- rows, which his successor may have replaced; one that names a BRIN index
-- neither. Where an expression calls PostgreSQL's own only, it goes on.
CREATE FUNCTION f(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT lower($1)';
CREATE TEMP TABLE r (id int, body text);
CREATE INDEX r_f ON r USING brin (f(body)) WITH (pages_per_range = 1);
BEGIN;
SET LOCAL tenant_guard.tenant_id = :a;
INSERT INTO r SELECT id, body FROM notes;
COMMIT;
CREATE OR REPLACE FUNCTION f(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN t.tell($1); END $$;
\set VERBOSITY default
SET client_min_messages = error;
ANALYZE;
\set VERBOSITY terse
VACUUM;
VACUUM FULL;
CLUSTER;
RESET client_min_messages;
SELECT brin_summarize_new_values('r_f');
SELECT brin_summarize_range('r_f', 0);
BEGIN;
DELETE FROM r;
SELECT brin_summarize_new_values('r_f');
ROLLBACK;
BEGIN;
SET LOCAL tenant_guard.tenant_id = :a;
SELECT brin_summarize_new_values('r_f') >= 0;
COMMIT;
DROP INDEX r_f;
CREATE DOMAIN word AS text;
BEGIN;
SET LOCAL tenant_guard.tenant_id = :a;
CREATE INDEX r_word ON r ((body::word)) WHERE id > 0;
COMMIT;
SET client_min_messages = error;
ANALYZE;
DROP INDEX r_word;
BEGIN;
SET LOCAL tenant_guard.tenant_id = :a;
CREATE STATISTICS pg_temp.r_told ON (f(body)), id FROM r;
COMMIT;
ANALYZE;
DROP STATISTICS pg_temp.r_told;
BEGIN;
SET LOCAL tenant_guard.tenant_id = :a;
CREATE INDEX r_where ON r (id) WHERE f(body) <> '';
COMMIT;
VACUUM FULL;
DROP INDEX r_where;
BEGIN;
SET LOCAL tenant_guard.tenant_id = :a;
CREATE INDEX r_lower ON r (lower(body)) WHERE id > 0;
CREATE STATISTICS pg_temp.r_lower ON (upper(body)), id FROM r;
COMMIT;
ANALYZE;
VACUUM FULL;
BEGIN;
SET LOCAL tenant_guard.tenant_id = :a;
CREATE INDEX r_brin ON r USING brin (lower(body)) WITH (pages_per_range = 1);
COMMIT;
SELECT brin_summarize_new_values('r_brin');
RESET client_min_messages;
DROP TABLE r;
CREATE FUNCTION tell_difference(text, text) RETURNS float8 LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM t.tell($2); RETURN 1; END $$;
CREATE TYPE words AS RANGE (subtype = text, subtype_diff = tell_difference, multirange_type_name = multiwords);
CREATE TEMP TABLE r (w words);
BEGIN;
SET LOCAL tenant_guard.tenant_id = :a;
INSERT INTO r SELECT words('of a', 'of a' || i) FROM generate_series(1, 500) i;
COMMIT;
SET client_min_messages = error;
ANALYZE;
RESET client_min_messages;

-- Nor must an index of such ranges compare the rows that were deleted.
BEGIN;
SET LOCAL tenant_guard.tenant_id = :b;
DELETE FROM r;
CREATE INDEX ON r USING gist (w);
ROLLBACK;
DROP TABLE r;
CREATE TEMP TABLE r (w multiwords);
BEGIN;
SET LOCAL tenant_guard.tenant_id = :a;
INSERT INTO r SELECT multiwords(words('of a', 'of a' || i)) FROM generate_series(1, 9) i;
COMMIT;
SET client_min_messages = error;
ANALYZE;
RESET client_min_messages;
DROP TABLE r;

-- A guarded temporary table is its next tenant's to query, and to analyze; what
-- looks into all its rows must not hear of another's.
CREATE TEMP TABLE g (tenant_id uuid, id int, body text);
BEGIN;
SET LOCAL tenant_guard.tenant_id = :a;
INSERT INTO g SELECT tenant_id, id, body FROM notes;
CREATE INDEX g_upper ON g (upper(body));
ALTER TABLE g ADD CHECK (tell(body) IS NOT NULL);
ANALYZE g;
SELECT count(*) FROM pg_stats WHERE tablename = 'g_upper';
COMMIT;
SELECT count(*) FROM pg_stats WHERE tablename = 'g_upper';
BEGIN;
SET LOCAL tenant_guard.tenant_id = :b;
INSERT INTO g SELECT tenant_id, id, body FROM notes;
SELECT body FROM g;
SAVEPOINT s;
\set VERBOSITY default
CREATE INDEX ON g (tell(body));
\set VERBOSITY terse
ROLLBACK TO s;
ALTER TABLE g ADD more text GENERATED ALWAYS AS (tell(body)) STORED;
ROLLBACK TO s;
ALTER TABLE g ALTER body TYPE text USING tell(body);
ROLLBACK TO s;
ALTER TABLE g ADD EXCLUDE USING btree (tell(body) WITH =);
ROLLBACK TO s;
CREATE STATISTICS pg_temp.told ON (tell(body)), id FROM g;
ROLLBACK TO s;
CREATE TEMP TABLE whole (LIKE g) PARTITION BY LIST (tell(body));
ALTER TABLE whole ATTACH PARTITION g DEFAULT;
ROLLBACK TO s;
SELECT tenant_guard.clear_tenant();
REINDEX TABLE g;
ROLLBACK TO s;
ANALYZE g;
SELECT count(*) FROM pg_stats WHERE tablename = 'g_upper';
DELETE FROM g;
CREATE INDEX IF NOT EXISTS g_upper ON g (upper(body));
COMMIT;
SET client_min_messages = error;
ANALYZE;
VACUUM FULL;
RESET client_min_messages;

-- What does nothing must not be refused: functions that fill a table begin so.
BEGIN;
SET LOCAL tenant_guard.tenant_id = :b;
ALTER TABLE g ADD COLUMN IF NOT EXISTS id int;
SAVEPOINT s;
ALTER TABLE g ADD COLUMN IF NOT EXISTS id int, ADD COLUMN IF NOT EXISTS more text DEFAULT tell('more');
ROLLBACK;

-- Once the other's rows are gone, or where they are the tenant's own, it goes on.
BEGIN;
SET LOCAL tenant_guard.tenant_id = :a;
DELETE FROM g;
SAVEPOINT s;
INSERT INTO g (id, body) VALUES (3, 'of a');
CREATE INDEX ON g (tell(body));
ROLLBACK TO s;
COMMIT;
BEGIN;
SET LOCAL tenant_guard.tenant_id = :b;
INSERT INTO g (id, body) VALUES (3, 'of b');
CREATE INDEX ON g (tell(body));
COMMIT;
DROP TABLE g;

-- So it must be where tenants are texts or numbers.
RESET ROLE;
SET tenant_guard.tenant_type = text;
SET ROLE regress_app;
CREATE TEMP TABLE g (tenant_id text, body text);
CREATE TEMP TABLE h (tenant_id varchar(9), body text);
BEGIN;
SET LOCAL tenant_guard.tenant_id = 'a';
INSERT INTO g (body) VALUES ('of a');
INSERT INTO h (body) VALUES ('of a');
CREATE INDEX ON g (tell(body));
ALTER TABLE h ADD CHECK (tell(body) IS NOT NULL);
COMMIT;
BEGIN;
SET LOCAL tenant_guard.tenant_id = 'a2';
CREATE INDEX ON g ((tell(body) || 'x'));
ROLLBACK;
DROP TABLE g, h;
RESET ROLE;
SET tenant_guard.tenant_type = bigint;
SET ROLE regress_app;
CREATE TEMP TABLE g (tenant_id int, body text);
BEGIN;
SET LOCAL tenant_guard.tenant_id = 1;
INSERT INTO g (body) VALUES ('of 1');
CREATE INDEX ON g (tell(body));
COMMIT;
BEGIN;
SET LOCAL tenant_guard.tenant_id = 2;
CREATE INDEX ON g ((tell(body) || 'x'));
ROLLBACK;
DROP TABLE g;
RESET ROLE;
RESET tenant_guard.tenant_type;
SET ROLE regress_app;

-- A new partition tells of a default one only.
CREATE TEMP TABLE g (tenant_id uuid, id int) PARTITION BY LIST (id);
CREATE TEMP TABLE g1 PARTITION OF g FOR VALUES IN (1);
BEGIN;
SET LOCAL tenant_guard.tenant_id = :a;
INSERT INTO g (id) VALUES (1);
COMMIT;
CREATE TEMP TABLE g2 PARTITION OF g FOR VALUES IN (2);
CREATE TEMP TABLE others PARTITION OF g DEFAULT;
BEGIN;
SET LOCAL tenant_guard.tenant_id = :a;
INSERT INTO g (id) VALUES (3);
COMMIT;
CREATE TEMP TABLE g3 PARTITION OF g FOR VALUES IN (3);
CREATE TEMP TABLE g4 PARTITION OF g FOR VALUES IN (4);
DROP TABLE g;

-- Rows that were there before the table was guarded are whose the table was.
CREATE TEMP TABLE g (id int, body text);
BEGIN;
SET LOCAL tenant_guard.tenant_id = :a;
INSERT INTO g VALUES (1, 'of a');
SET LOCAL client_min_messages = warning;
ALTER TABLE g ADD tenant_id uuid;
ALTER TABLE g ADD more int;
COMMIT;
BEGIN;
SET LOCAL tenant_guard.tenant_id = :b;
CREATE INDEX ON g (tell(body));
ROLLBACK;
DROP TABLE g;

-- A permanent table's statistics must not show the rows of a temporary child of
-- it; those of its own rows stay.
CREATE TABLE whole (body text);
INSERT INTO whole VALUES ('nobody''s'), ('nobody''s');
CREATE STATISTICS whole_several (mcv) ON body, (upper(body)) FROM whole;
CREATE TEMP TABLE part () INHERITS (whole);
BEGIN;
SET LOCAL tenant_guard.tenant_id = :a;
INSERT INTO part SELECT body FROM notes, generate_series(1, 9);
ANALYZE whole;
SELECT inherited, most_common_vals FROM pg_stats WHERE tablename = 'whole' ORDER BY 1;
COMMIT;
SELECT inherited, most_common_vals FROM pg_stats WHERE tablename = 'whole' ORDER BY 1;
SELECT inherited, most_common_vals FROM pg_stats_ext WHERE tablename = 'whole' ORDER BY 1;
DROP STATISTICS whole_several;
TRUNCATE part;
SELECT * FROM part;
CREATE TEMP TABLE r (body text);
ANALYZE whole;
BEGIN;
SET LOCAL tenant_guard.tenant_id = :a;
INSERT INTO part SELECT body FROM notes;
ANALYZE r;
COMMIT;
SELECT inherited, most_common_vals FROM pg_stats WHERE tablename = 'whole' ORDER BY 1;
DROP TABLE part, r;

-- A plan must not keep what a function says to be immutable that reads a table
-- which ends with the transaction.
CREATE FUNCTION read_it() RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN (SELECT body FROM r); END $$;
CREATE FUNCTION ask_it() RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN read_it(); END $$;
PREPARE kept AS SELECT read_it();
BEGIN;
SET LOCAL tenant_guard.tenant_id = :a;
CREATE TEMP TABLE r ON COMMIT DROP AS SELECT body FROM notes;
EXECUTE kept;
SELECT ask_it();
COMMIT;
BEGIN;
SET LOCAL tenant_guard.tenant_id = :b;
CREATE TEMP TABLE r ON COMMIT DROP AS SELECT body FROM notes;
EXECUTE kept;
SELECT ask_it();
COMMIT;

-- Nor what such a function fetches from an open cursor.
CREATE TEMP TABLE r (body text);
CREATE FUNCTION fetch_it() RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ DECLARE c refcursor := 'c'; line text; BEGIN FETCH c INTO line; RETURN line; END $$;
PREPARE fetched AS SELECT fetch_it();
BEGIN;
SET LOCAL tenant_guard.tenant_id = :a;
INSERT INTO r SELECT body FROM notes;
DECLARE c CURSOR FOR SELECT body FROM r;
EXECUTE fetched;
COMMIT;
BEGIN;
SET LOCAL tenant_guard.tenant_id = :b;
TRUNCATE r;
INSERT INTO r SELECT body FROM notes;
DECLARE c CURSOR FOR SELECT body FROM r;
EXECUTE fetched;
COMMIT;
DROP TABLE r;

-- Where a transaction may go from tenant to tenant, a cursor must not go on with
-- the rows of the one before.
RESET ROLE;
SET tenant_guard.one_tenant_per_transaction = off;
SET ROLE regress_app;
CREATE TEMP TABLE r (body text);
BEGIN;
SET LOCAL tenant_guard.tenant_id = :a;
INSERT INTO r VALUES ('of a'), ('of a'), ('of a');
DECLARE c CURSOR FOR SELECT body FROM r;
FETCH c;
FETCH c;
SET LOCAL tenant_guard.tenant_id = :b;
FETCH c;
ROLLBACK;
BEGIN;
SET LOCAL tenant_guard.tenant_id = :a;
INSERT INTO r VALUES ('of a');
SET LOCAL tenant_guard.tenant_id = :b;
DELETE FROM r;
INSERT INTO r VALUES ('of b');
SELECT body FROM r;
COMMIT;
DROP TABLE r;
RESET ROLE;
RESET tenant_guard.one_tenant_per_transaction;

-- Whose the rows of a guarded temporary table are is known for each type of
-- tenants: its own tenant alters it, and another one does not.
SET tenant_guard.tenant_type = 'text';
SET ROLE regress_app;
BEGIN;
SET LOCAL tenant_guard.tenant_id = 'acme';
CREATE TEMP TABLE r (tenant_id text, body text);
INSERT INTO r (body) VALUES ('of acme');
COMMIT;
BEGIN;
SET LOCAL tenant_guard.tenant_id = 'acme';
ALTER TABLE r ADD COLUMN n int DEFAULT 1;
COMMIT;
BEGIN;
SET LOCAL tenant_guard.tenant_id = 'acm';
ALTER TABLE r ADD COLUMN m int DEFAULT 1;
ROLLBACK;
DROP TABLE r;
RESET ROLE;
SET tenant_guard.tenant_type = 'bigint';
SET ROLE regress_app;
BEGIN;
SET LOCAL tenant_guard.tenant_id = '7';
CREATE TEMP TABLE r (tenant_id int, body text);
INSERT INTO r (body) VALUES ('of 7');
COMMIT;
BEGIN;
SET LOCAL tenant_guard.tenant_id = '7';
ALTER TABLE r ADD COLUMN n int DEFAULT 1;
COMMIT;
BEGIN;
SET LOCAL tenant_guard.tenant_id = '8';
ALTER TABLE r ADD COLUMN m int DEFAULT 1;
ROLLBACK;
DROP TABLE r;
RESET ROLE;
RESET tenant_guard.tenant_type;

RESET ROLE;
RESET search_path;
SET client_min_messages = warning;
DISCARD TEMP;
DROP SCHEMA t CASCADE;
DROP OWNED BY regress_app;
DROP ROLE regress_app;
