--
-- A kept plan is made anew when something changes that was folded into it, also
-- where constants were folded to find out whether its filters can be trusted.
--
\i test/setup/app.sql
SET tenant_guard.trusted_filters = on;
SET plan_cache_mode = force_generic_plan;
SET client_min_messages = warning;
CREATE TABLE t.notes (tenant_id uuid, num int, body text);
GRANT ALL ON t.notes TO regress_app;
SET tenant_guard.bypass = on;
INSERT INTO t.notes VALUES (:a, 120, 'mine 120');
RESET tenant_guard.bypass;
CREATE DOMAIN t.percent AS int;
CREATE TABLE t.rates (n t.percent);
GRANT ALL ON t.rates TO regress_app;
CREATE FUNCTION t.one() RETURNS int LANGUAGE sql STABLE AS 'SELECT 1';
CREATE FUNCTION t.plus(int, int DEFAULT t.one()) RETURNS int LANGUAGE internal IMMUTABLE AS 'int4pl';
RESET client_min_messages;

SET ROLE regress_app;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
PREPARE copy_rate AS INSERT INTO t.rates SELECT num FROM t.notes WHERE body LIKE lower('MINE 12%');
PREPARE within AS SELECT (SELECT max(n.num::t.percent) FROM t.notes n WHERE n.body LIKE lower('MINE 12%')) FROM t.notes WHERE body LIKE lower('MINE 12%');
PREPARE plus AS SELECT t.plus(num) FROM t.notes WHERE body LIKE lower('MINE 12%');

-- While the domain has no constraint and the function is the first one, all go on.
EXECUTE copy_rate;
EXECUTE within;
EXECUTE plus;
COMMIT;

-- A constraint that the domain gets afterwards must be checked by each of the plans that has a value of it.
RESET ROLE;
DELETE FROM t.rates;
ALTER DOMAIN t.percent ADD CHECK (VALUE <= 100);
SET ROLE regress_app;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
SAVEPOINT s;
EXECUTE copy_rate;
ROLLBACK TO s;
EXECUTE within;
ROLLBACK TO s;
SELECT * FROM t.rates;
COMMIT;

-- A function that was inlined as another's default must be called as it is now.
RESET ROLE;
CREATE OR REPLACE FUNCTION t.one() RETURNS int LANGUAGE sql STABLE AS 'SELECT 2';
SET ROLE regress_app;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
EXECUTE plus;
COMMIT;

-- What a function that its author calls IMMUTABLE has read of one tenant's rows while a statement was planned must not be in what
-- another tenant executes, nor what it has read of a temporary table.
RESET ROLE;
CREATE TABLE t.plain (n int);
GRANT ALL ON t.plain TO regress_app;
CREATE FUNCTION t.first_body() RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN (SELECT min(body) FROM t.notes); END $$;
CREATE FUNCTION t.first_kept() RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN (SELECT min(body) FROM pg_temp.kept); END $$;
INSERT INTO t.plain VALUES (1);
SET ROLE regress_app;
PREPARE first_body AS SELECT t.first_body();
PREPARE first_kept AS SELECT t.first_kept() FROM t.plain;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
EXECUTE first_body;
EXECUTE first_body;
CREATE TEMPORARY TABLE kept AS SELECT 'kept by a' AS body;
EXECUTE first_kept;
COMMIT;
BEGIN;
SELECT tenant_guard.set_tenant(:b);
EXECUTE first_body;
SAVEPOINT s;
EXECUTE first_kept;
ROLLBACK TO s;
COMMIT;
EXECUTE first_body;
DROP TABLE kept;

-- Nor what such a function has from a plan that holds it already, or from a cursor that was opened before.
CREATE FUNCTION t.passed_on() RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ DECLARE found text; BEGIN found := t.first_body(); RETURN found; END $$;
CREATE FUNCTION t.fetched() RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ DECLARE c refcursor = 'c'; found text; BEGIN FETCH c INTO found; RETURN found; END $$;
PREPARE passed_on AS SELECT t.passed_on();
PREPARE fetched AS SELECT t.fetched();
PREPARE fetched_kept AS SELECT t.fetched() FROM t.plain;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
SELECT t.passed_on();
EXECUTE passed_on;
COMMIT;
BEGIN;
SELECT tenant_guard.set_tenant(:b);
SELECT t.passed_on() IS NULL AS own;
EXECUTE passed_on;
COMMIT;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
DECLARE c CURSOR FOR SELECT body FROM t.notes;
EXECUTE fetched;
COMMIT;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
CREATE TEMPORARY TABLE kept AS SELECT 'kept by a' AS body;
DECLARE c CURSOR FOR SELECT body FROM pg_temp.kept;
EXECUTE fetched_kept;
CLOSE c;
DROP TABLE kept;
COMMIT;
BEGIN;
SELECT tenant_guard.set_tenant(:b);
DECLARE c CURSOR FOR SELECT body FROM t.notes;
EXECUTE fetched;
EXECUTE fetched_kept;
COMMIT;

-- So must it be of a function that is SECURITY DEFINER, or sets a parameter.
RESET ROLE;
CREATE FUNCTION t.first_as_owner() RETURNS text LANGUAGE plpgsql IMMUTABLE SET work_mem = '1MB' AS $$ BEGIN RETURN (SELECT min(body) FROM t.notes); END $$;
SET ROLE regress_app;
PREPARE first_as_owner AS SELECT t.first_as_owner();
BEGIN;
SELECT tenant_guard.set_tenant(:a);
EXECUTE first_as_owner;
COMMIT;
BEGIN;
SELECT tenant_guard.set_tenant(:b);
EXECUTE first_as_owner;
COMMIT;

-- A STABLE function is called for an estimate, too: once for the plan, which must be kept then, and once by each EXECUTE.
-- A session that loaded the library late keeps no such plan: there each EXECUTE plans anew (planner_dependencies_1.out).
RESET ROLE;
CREATE FUNCTION t.stable_body() RETURNS text LANGUAGE plpgsql STABLE AS $$ BEGIN RAISE NOTICE 'called'; RETURN (SELECT min(body) FROM t.notes); END $$;
CREATE INDEX ON t.notes (tenant_id, body);
SET enable_seqscan = off;
SET ROLE regress_app;
PREPARE stable_body AS SELECT count(*) FROM t.notes WHERE body = t.stable_body();
BEGIN;
SELECT tenant_guard.set_tenant(:a);
EXECUTE stable_body;
COMMIT;
BEGIN;
SELECT tenant_guard.set_tenant(:b);
EXECUTE stable_body;
COMMIT;
RESET enable_seqscan;

-- Nor what a type's equality has read, STABLE though it is: the first comparison looks it up, and array_eq() is IMMUTABLE.
RESET ROLE;
CREATE TYPE t.word AS (body text);
CREATE FUNCTION t.same(t.word, t.word) RETURNS boolean LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN ($1).body = (SELECT min(body) FROM t.notes); END $$;
CREATE FUNCTION t.compare(t.word, t.word) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 1';
SET ROLE regress_app;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
SELECT t.same(ROW('mine 120'), ROW('x')) AS is_of_a;
COMMIT;
RESET ROLE;
CREATE OPERATOR t.= (LEFTARG = t.word, RIGHTARG = t.word, FUNCTION = t.same);
CREATE OPERATOR CLASS t.words DEFAULT FOR TYPE t.word USING btree AS OPERATOR 3 t.=, FUNCTION 1 t.compare(t.word, t.word);
SET ROLE regress_app;
PREPARE same AS SELECT ARRAY[ROW('mine 120')::t.word] = ARRAY[ROW('x')::t.word] AS is_of_a;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
SELECT ARRAY[ROW(body)::t.word] = ARRAY[ROW(body)::t.word] AS is_of_a FROM t.notes;
EXECUTE same;
COMMIT;
BEGIN;
SELECT tenant_guard.set_tenant(:b);
EXECUTE same;
COMMIT;

-- Nor what the CHECK of a domain has read, which a session keeps: by a call of its own, by one in the body of a function in SQL, or by
-- an operator. (What the other tenant has read would be refused.)
RESET ROLE;
CREATE FUNCTION t.not_first(text) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT $1 IS DISTINCT FROM t.first_body()';
CREATE FUNCTION t.or_first(text, text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN (SELECT min(body) FROM t.notes); END $$;
CREATE OPERATOR t.||| (LEFTARG = text, RIGHTARG = text, FUNCTION = t.or_first);
CREATE DOMAIN t.own_call AS text CHECK (VALUE IS DISTINCT FROM t.first_body());
CREATE DOMAIN t.inlined_call AS text CHECK (t.not_first(VALUE));
CREATE DOMAIN t.operators_call AS text CHECK (VALUE IS DISTINCT FROM ('x' OPERATOR(t.|||) 'y'));
SET ROLE regress_app;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
SELECT min(body) AS of_a FROM t.notes \gset
DO $$ BEGIN PERFORM 'x'::t.own_call, 'x'::t.inlined_call, 'x'::t.operators_call; END $$;
SAVEPOINT s;
SELECT :'of_a'::t.own_call;
ROLLBACK TO s;
COMMIT;
BEGIN;
SELECT tenant_guard.set_tenant(:b);
SELECT :'of_a'::t.own_call = :'of_a' AS own_call, :'of_a'::t.inlined_call = :'of_a' AS inlined_call, :'of_a'::t.operators_call = :'of_a' AS operators_call;
COMMIT;

RESET ROLE;
SET client_min_messages = warning;
DROP SCHEMA t CASCADE;
DROP ROLE regress_app;
