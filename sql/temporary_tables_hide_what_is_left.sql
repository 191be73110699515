--
-- What is left in a temporary table of a pooled session must not be heard of by
-- the next tenant: not what he deletes himself, nor what maintenance computes,
-- nor what stands in statistics.
--
\set SHOW_CONTEXT never
\set VERBOSITY terse
\set a '''aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa'''
\set b '''bbbbbbbb-bbbb-bbbb-bbbb-bbbbbbbbbbbb'''
SET client_min_messages = warning;
CREATE ROLE regress_app;
CREATE SCHEMA t;
GRANT ALL ON SCHEMA t TO regress_app;
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

RESET ROLE;
RESET search_path;
SET client_min_messages = warning;
DISCARD TEMP;
DROP SCHEMA t CASCADE;
DROP OWNED BY regress_app;
DROP ROLE regress_app;
