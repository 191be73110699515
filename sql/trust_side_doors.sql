--
-- What is trusted must be all that can run on another tenant's row, or because
-- of one: what the planner puts in an operator's place, sub-selects, collations,
-- and what fails for a value of the query's own.
--
\i test/setup/app.sql
SET tenant_guard.trusted_filters = on;
SET client_min_messages = warning;
CREATE TABLE t.notes (id int, tenant_id uuid, body text, one text COLLATE "C", two text COLLATE "POSIX", words tsvector, doc jsonb);
CREATE INDEX notes_body ON t.notes (tenant_id, body text_pattern_ops);
CREATE TABLE t.parts (id int);
SET tenant_guard.bypass = on;
INSERT INTO t.notes SELECT i, :b, 'CANARY ' || i % 3, 'x', 'x', 'x' FROM generate_series(1, 60) i;
INSERT INTO t.notes SELECT i, :a, 'mine ' || i % 3, 'x', 'x', 'x' FROM generate_series(1, 5) i;
RESET tenant_guard.bypass;
ANALYZE t.notes;
GRANT ALL ON t.notes, t.parts TO regress_app;
RESET client_min_messages;
SET ROLE regress_app;
CREATE FUNCTION t.heard(text, text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE COST 0.000001 AS $$
BEGIN
	IF $1 LIKE 'CANARY%' OR $2 LIKE 'CANARY%' THEN RAISE 'a row of another tenant was met'; END IF;
	RETURN $1 = $2;
END
$$;
CREATE OPERATOR t.<>! (leftarg = text, rightarg = text, function = textne, negator = OPERATOR(t.=!), restrict = neqsel);
CREATE OPERATOR t.=! (leftarg = text, rightarg = text, function = t.heard, negator = OPERATOR(t.<>!));
CREATE OPERATOR t.<! (leftarg = text, rightarg = text, function = text_lt, commutator = OPERATOR(t.>!), restrict = scalarltsel);
CREATE OPERATOR t.>! (leftarg = text, rightarg = text, function = t.heard, commutator = OPERATOR(t.<!), restrict = scalargtsel);
CREATE OPERATOR t.=? (leftarg = text, rightarg = text, function = texteq, negator = OPERATOR(t.<>?), commutator = OPERATOR(t.=?), restrict = eqsel);
CREATE OPERATOR t.<>? (leftarg = text, rightarg = text, function = textne, negator = OPERATOR(t.=?), commutator = OPERATOR(t.<>?), restrict = neqsel);
CREATE OPERATOR t.~<! (leftarg = text, rightarg = text, function = text_le, negator = OPERATOR(t.>>!));
CREATE OPERATOR t.>>! (leftarg = text, rightarg = text, function = text_gt, negator = OPERATOR(t.~<!), commutator = OPERATOR(t.<<!), restrict = scalargtsel);
CREATE OPERATOR t.<<! (leftarg = text, rightarg = text, function = t.heard, commutator = OPERATOR(t.>>!));
CREATE OPERATOR t.=* (leftarg = text, rightarg = text, function = texteq, restrict = eqsel);
CREATE TABLE t.own (n int, big text);
INSERT INTO t.own VALUES (1, 'x');
RESET ROLE;
CREATE OPERATOR t.=?? (leftarg = text, rightarg = text, function = texteq, negator = OPERATOR(t.<>??), commutator = OPERATOR(t.=??), restrict = eqsel);
CREATE OPERATOR t.<>?? (leftarg = text, rightarg = text, function = textne, negator = OPERATOR(t.=??), commutator = OPERATOR(t.<>??), restrict = neqsel);
CREATE OPERATOR t.~<?? (leftarg = text, rightarg = text, function = text_le, negator = OPERATOR(t.>>??));
CREATE OPERATOR t.>>?? (leftarg = text, rightarg = text, function = text_gt, negator = OPERATOR(t.~<??), commutator = OPERATOR(t.<<??), restrict = scalargtsel);
CREATE OPERATOR t.<<?? (leftarg = text, rightarg = text, function = t.heard, commutator = OPERATOR(t.>>??));
SET client_min_messages = error; -- its warning has the library's version in it
DO $$ BEGIN
	CREATE COLLATION t.other (provider = icu, locale = 'und', version = '0');
EXCEPTION WHEN OTHERS THEN -- a server without ICU: one that has no version, and is not trusted either
	CREATE COLLATION t.other FROM "C";
END $$;
RESET client_min_messages;
SET ROLE regress_app;
CREATE COLLATION t.owns FROM "C";
CREATE FUNCTION t.note(filter text, query text DEFAULT 'SELECT FROM t.notes WHERE %s') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || format(query, filter) LOOP
		IF line LIKE '%Tenant Filter%' THEN RETURN regexp_replace(trim(line), '^(Tenant Filter) on [^:]+', '\1'); END IF;
	END LOOP;
END
$$;
BEGIN;
SELECT tenant_guard.set_tenant(:a);

-- NOT puts an operator's negator in its place: one that talks must wait behind the barrier.
SELECT t.note('NOT (body OPERATOR(t.<>!) ''zzz'')');
SELECT count(*) FROM t.notes WHERE NOT (body OPERATOR(t.<>!) 'zzz');
-- Nor may it, or a commutator, meet the statistics.
SELECT t.note('body OPERATOR(t.<>!) ''zzz''');
SELECT count(*) FROM t.notes WHERE body OPERATOR(t.<>!) 'zzz';
SELECT t.note('''mine'' OPERATOR(t.<!) body');
SELECT count(*) FROM t.notes WHERE 'mine' OPERATOR(t.<!) body;
SELECT t.note('NOT body OPERATOR(t.<>!) ANY (ARRAY[''a'', ''b''])');
-- Nor may the commutator of a negator.
SELECT t.note('NOT (''mine'' OPERATOR(t.~<!) body)');
SELECT count(*) FROM t.notes WHERE NOT ('mine' OPERATOR(t.~<!) body);
-- Who owns an operator must not give it a negator while a query is planned: it is not trusted, whatever it calls now.
CREATE FUNCTION t.make_negator() RETURNS int LANGUAGE plpgsql VOLATILE AS $$
BEGIN
	CREATE OPERATOR t.<>* (leftarg = text, rightarg = text, function = t.heard, negator = OPERATOR(t.=*));
	RETURN 1;
END
$$;
CREATE FUNCTION t.make_negator_early() RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN t.make_negator(); END';
SELECT count(t.make_negator_early()) FROM t.notes WHERE NOT (body OPERATOR(t.=*) 'x');
SELECT t.note('NOT (body OPERATOR(t.=?) ''zzz'')');
-- A superuser's must be, if its kin are all trusted.
SELECT t.note('NOT (body OPERATOR(t.=??) ''zzz'')');
SELECT t.note('NOT (''mine'' OPERATOR(t.~<??) body)');

-- A sub-select that is evaluated for a row, whatever it does, must not be for another tenant's.
SELECT t.note('body NOT LIKE ''CAN%'' OR EXISTS (SELECT FROM t.own)');
SELECT t.note('body NOT LIKE ''CAN%'' OR EXISTS (SELECT FROM t.own LIMIT -1)');
SELECT count(*) FROM t.notes WHERE CASE WHEN body LIKE 'CAN%' THEN EXISTS (SELECT FROM t.own LIMIT -1) ELSE true END;
SELECT t.note('id NOT IN (SELECT n FROM t.own)');
SELECT t.note('id = (SELECT n FROM t.own)');
SELECT t.note('EXISTS (SELECT FROM t.own)');
SELECT t.note('id IN (SELECT n FROM t.own WHERE n IN (SELECT id FROM t.parts) OR n = (SELECT max(n) FROM t.own))');
SELECT t.note('true GROUP BY id HAVING EXISTS (SELECT FROM t.own WHERE n = id)', 'SELECT FROM t.notes WHERE %s');
SELECT t.note('n = 1', 'SELECT FROM (SELECT id, (SELECT n FROM t.own) AS n FROM t.notes) s WHERE %s');
-- One of which the planner makes a join must be trusted, as far as what it computes is.
SELECT t.note('id IN (SELECT n FROM t.own) AND body LIKE ''m%''');
SELECT t.note('EXISTS (SELECT FROM t.own WHERE n = id AND n IN (SELECT id FROM t.parts))');
SELECT t.note('NOT EXISTS (SELECT FROM t.own WHERE n = id)');
SELECT t.note('id IN (SELECT 1 / n FROM t.own)');
SELECT t.note('EXISTS (SELECT FROM t.own WHERE n = id AND 1 / n > 0)');
-- So must NOT IN where the planner makes a join of it, from PostgreSQL 19 on if neither side can be null, and there alone.
RESET ROLE;
CREATE TABLE t.numbered (id int NOT NULL, nullable int, tenant_id uuid);
CREATE TABLE t.numbers (n int NOT NULL, nullable int);
GRANT ALL ON t.numbered, t.numbers TO regress_app;
SET ROLE regress_app;
CREATE FUNCTION t.trusted_as_planned(filter text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	line text;
	is_join boolean := false;
	is_trusted boolean := false;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) SELECT FROM t.numbered WHERE ' || filter LOOP
		is_join := is_join OR line LIKE '%Anti Join%';
		is_trusted := is_trusted OR line LIKE '%Tenant Filter%: trusted';
	END LOOP;
	RETURN is_join = is_trusted AND (NOT is_join OR current_setting('server_version_num')::int >= 190000 OR filter LIKE 'NOT EXISTS%');
END
$$;
SELECT filter, t.trusted_as_planned(filter) FROM (VALUES ('NOT EXISTS (SELECT FROM t.numbers WHERE n = id)'), ('id NOT IN (SELECT n FROM t.numbers)'),
	('nullable NOT IN (SELECT n FROM t.numbers)'), ('id NOT IN (SELECT nullable FROM t.numbers)'), ('id NOT IN (SELECT nullable FROM t.numbers WHERE nullable > 1)'),
	('id NOT IN (SELECT n FROM t.numbers WHERE n IN (SELECT id FROM t.parts))')) f (filter);
-- What is left of it in an OR must wait.
SELECT t.note('nullable = 1 OR id NOT IN (SELECT n FROM t.numbers)', 'SELECT FROM t.numbered WHERE %s');

-- A collation that is not determined is an error once a row is met.
SELECT t.note('one < two');
SELECT count(*) FROM t.notes WHERE CASE WHEN body LIKE 'CAN%' THEN one < two ELSE true END;
SELECT t.note('GREATEST(one, two) = body COLLATE "C"');
-- One that has a version says so when it is another than the library's, once it is used.
SELECT t.note('lower(body COLLATE t.other) = ''x''');
SELECT count(*) FROM t.notes WHERE CASE WHEN body LIKE 'CAN%' THEN lower(body COLLATE t.other) = 'x' ELSE true END;
SELECT t.note('body COLLATE t.owns LIKE ''x%''');
SELECT t.note('body COLLATE "C" LIKE ''x%'' AND body < ''x'' COLLATE "POSIX"');

-- A value of the query's own must not be made too long, or too deep, by another tenant's row.
SELECT t.note('body || repeat(''x'', 20000) <> ''''');
SELECT t.note('body || repeat(''x'', 2000) <> ''''');
SELECT t.note('CASE WHEN body LIKE ''CAN%'' THEN ARRAY[' || repeat('body, ', 15) || 'body] <> ''{}'' END');
SELECT t.note('CASE WHEN body LIKE ''CAN%'' THEN ARRAY[' || repeat('body, ', 16) || 'body] <> ''{}'' END');
SELECT t.note('CASE WHEN body LIKE ''CAN%'' THEN ' || repeat('body || ', 16) || 'body <> '''' END');
SELECT t.note('CASE WHEN body LIKE ''CAN%'' THEN big ~ ''zz'' END', 'SELECT FROM t.notes, t.own WHERE %s');
SELECT t.note('body = big AND lower(body) = ''x'' AND big ~ ''zz''', 'SELECT FROM t.notes, t.own WHERE %s');
SELECT t.note('CASE WHEN body LIKE ''CAN%'' THEN big || body <> '''' END', 'SELECT FROM (SELECT body, big FROM t.notes, t.own) s WHERE %s');
SELECT t.note('CASE WHEN body LIKE ''CAN%'' THEN lower(big) = ''x'' END', 'SELECT FROM t.own, LATERAL (SELECT FROM t.notes WHERE %s) s');
SELECT t.note('CASE WHEN one LIKE ''CAN%'' THEN lower(two) = ''x'' END',
	'WITH c AS NOT MATERIALIZED (SELECT body FROM t.notes) SELECT FROM (SELECT a.body AS one, b.body AS two FROM c a, c b) s WHERE %s');
SELECT t.note('lower(body) IN (SELECT big FROM t.own)');
SELECT t.note('body IN (SELECT lower(big) FROM t.own)');
SELECT t.note('lower(body || '' '' || one) ILIKE ''%x%'' AND id = ANY (ARRAY[1, id])');
SELECT t.note('words @@ ''x & !y''');
SELECT t.note('words @@ (repeat(''!('', 200) || ''x'' || repeat('')'', 200))::tsquery');
SELECT t.note('doc @> ''{"a": [{"b": 1}]}''');
SELECT t.note('''{"a": 1}'' @> doc');
SELECT t.note('doc @> (repeat(''['', 51) || repeat('']'', 51))::jsonb');
SELECT t.note('doc @> doc');
CREATE FUNCTION t.one() RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN 1; END';
CREATE FUNCTION t.by_index(query text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
		IF line LIKE '%Index Cond%~>=~%' THEN RETURN true; END IF;
	END LOOP;
	RETURN false;
END
$$;
-- A getter of another type raises, CURRENT_SCHEMA makes a schema, and some functions are LEAKPROOF and raise all the same.
SELECT t.note('tenant_id = tenant_guard.current_tenant()');
SELECT t.note('tenant_guard.current_tenant_bigint() IS NOT NULL');
SELECT t.note('tenant_guard.current_tenant_text() IS NOT NULL');
SELECT count(*) FROM t.notes WHERE CASE WHEN body LIKE 'CAN%' THEN tenant_guard.current_tenant_bigint() IS NOT NULL ELSE true END;
SELECT t.note('CURRENT_SCHEMA = body');
SELECT t.note('CURRENT_USER = body AND CURRENT_CATALOG = body AND CURRENT_DATE < LOCALTIMESTAMP');
SELECT t.note('circle ''<(0,0),1>'' < (ARRAY[circle ''<(0,0),1>''])[id]');
SELECT t.note('lseg ''[(0,0),(1,1)]'' < (ARRAY[lseg ''[(0,0),(1,1)]''])[id]');
SELECT t.note('md5(body) = ''x''');
-- A sub-select's LIMIT may be one thing when it is looked at, and another when it is planned.
SELECT t.note('EXISTS (SELECT FROM t.own WHERE n = id LIMIT 1)');
SELECT t.note('EXISTS (SELECT FROM t.own WHERE n = id LIMIT 1 + 1)');
SELECT t.note('EXISTS (SELECT FROM t.own WHERE n = id LIMIT t.one())');
-- What a column stands for, and that in its turn, must not take for ever to look at.
SELECT t.note('x > 0', (SELECT 'WITH c0 AS (SELECT id AS x FROM t.notes)' ||
	string_agg(format(', c%s AS MATERIALIZED (SELECT CASE WHEN x > 3 THEN x ELSE x END AS x FROM c%s)', i, i - 1), '' ORDER BY i) ||
	' SELECT FROM c30 WHERE %s' FROM generate_series(1, 30) i));

-- What the planner does not need must not be evaluated, and so cannot fail.
SELECT count(*) FROM t.notes WHERE CASE WHEN true THEN id > 0 ELSE 1 / 0 > id END;
SELECT count(*) FROM t.notes WHERE body LIKE 'm%' OR (false AND 1 / 0 > id);
SELECT count(*) FROM t.notes WHERE CASE WHEN false THEN body LIKE (1 / 0)::text ELSE id > 0 END;
SELECT count(*) FROM t.notes WHERE false AND body LIKE (1 / 0)::text;
SELECT count(*) FROM t.notes WHERE false AND EXISTS (SELECT FROM t.own WHERE big LIKE (1 / 0)::text);
SELECT count(*) FROM (SELECT * FROM t.notes WHERE body LIKE (1 / 0)::text OFFSET 0) s WHERE false;
WITH unused AS (SELECT * FROM t.notes WHERE body LIKE (1 / 0)::text) SELECT count(*) FROM t.notes;
SELECT count(CASE WHEN false THEN (SELECT body FROM t.own WHERE body LIKE (1 / 0)::text) END) FROM t.notes;
-- Nor must a column of a subquery that nobody reads, and what EXISTS outputs.
SELECT count(*) FROM (SELECT body, 1 / 0 AS x FROM t.notes) s WHERE body LIKE 'm' || '%';
SELECT count(*) FROM (SELECT body, 1 / 0 AS x FROM t.notes OFFSET 0) s WHERE body LIKE 'm' || '%';
SELECT count(*) FROM (SELECT body, x AS y FROM (SELECT body, 1 / 0 AS x FROM t.notes) s) s WHERE body LIKE 'm' || '%';
WITH w AS (SELECT body, 1 / 0 AS x FROM t.notes) SELECT count(*) FROM w WHERE body LIKE 'm' || '%';
SELECT count(*) FROM t.notes n WHERE EXISTS (SELECT 1 / 0 FROM t.notes o WHERE o.id = n.id AND o.body LIKE 'm' || '%');
-- What is constant beside a call of an application's function must be folded all the same, and the function be called once.
CREATE FUNCTION t.tells() RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RAISE WARNING ''called''; RETURN 1; END';
SELECT t.note('body LIKE ''m'' || ''%'' AND id = t.tells()');
-- A filter that is optional must be trusted when it is there, and no matter when it is not.
PREPARE optional(text) AS SELECT id FROM t.notes WHERE $1 = '' OR doc @> $1::jsonb;
PREPARE optional_like(text) AS SELECT FROM (SELECT body, body LIKE $1 || '%' AS found FROM t.notes) s WHERE $1 = '' OR found;
SET LOCAL enable_seqscan = off;
SELECT t.by_index($$EXECUTE optional_like('')$$), t.by_index($$EXECUTE optional_like('mine')$$);
RESET enable_seqscan;
EXECUTE optional('');
EXECUTE optional('{"a": 1}');
\set VERBOSITY sqlstate
SAVEPOINT s;
EXECUTE optional('not a jsonb');
ROLLBACK TO s;
\set VERBOSITY default

-- An array of a fixed length has no slices: asking for one must tell of no row.
CREATE FUNCTION t.says(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	rows bigint;
BEGIN
	EXECUTE query;
	GET DIAGNOSTICS rows = ROW_COUNT;
	RAISE EXCEPTION '% rows', rows; -- and undo it
EXCEPTION WHEN OTHERS THEN
	RETURN SQLERRM;
END $$;
SELECT t.note($$('abc'::name)[0] IS NOT NULL$$), t.note($$('abc'::name)[0:id] IS NULL$$);
SELECT t.says(format('SELECT FROM t.notes WHERE CASE WHEN body = %L THEN %s IS NULL END', body, slice)) AS says, count(*)
FROM (VALUES ('CANARY 1'), ('CANARY 8')) b (body),
	(VALUES ($$('abc'::name)[0:id]$$), ($$('(1,1)'::point)[:id]$$), ($$('(1,1),(2,2)'::box)[id:]$$), ($$('{1,2}'::int[])[id:]$$)) s (slice)
GROUP BY 1;

-- Nor must a pattern that becomes another while the query is planned, or a type that goes.
RESET ROLE;
CREATE FUNCTION t.is_mine(body text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$ SELECT body = 'mine 1' $$;
SET ROLE regress_app;
CREATE TEXT SEARCH CONFIGURATION t.cfg (PARSER = pg_catalog.default);
CREATE TYPE t.e AS ENUM ('a', 'b');
ALTER TYPE t.e ADD VALUE 'z' BEFORE 'a';
COMMIT;
CREATE DOMAIN t.d AS text;
CREATE TYPE t.c AS (a int);
CREATE FUNCTION t.do_flip() RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	ALTER TEXT SEARCH CONFIGURATION t.cfg ADD MAPPING FOR blank WITH pg_catalog.simple;
	DROP TYPE t.e;
	DROP DOMAIN t.d;
	DROP TYPE t.c;
	RETURN 1;
END $$;
CREATE FUNCTION t.flip() RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN t.do_flip(); END';
BEGIN;
SELECT tenant_guard.set_tenant(:a);
CREATE TABLE t.tried (filter text, body text, says text);
INSERT INTO t.tried SELECT filter, body FROM (VALUES ('CANARY 1'), ('CANARY 8')) b (body), (VALUES
	($$body ~ to_tsvector('t.cfg'::regconfig, '(')::text$$),
	($$words @@ to_tsquery('t.cfg', 'a')$$),
	($$'z'::t.e < 'b'::t.e$$),
	($$CASE WHEN id > 0 THEN 'z'::t.e ELSE 'a'::t.e END < 'b'::t.e$$),
	($$GREATEST('z'::t.e, CASE WHEN id > 0 THEN 'b'::t.e END) IS NULL$$),
	($$NULLIF('z'::t.e, CASE WHEN id > 0 THEN 'b'::t.e END) IS NULL$$),
	($$CASE WHEN id > 0 THEN '{a}'::t.d[] END = '{b}'::t.d[]$$),
	($$(ARRAY[body::t.d]) = '{b}'$$),
	($$CASE WHEN id > 0 THEN '(1)'::t.c END IS NOT NULL$$),
	($$ROW(id)::t.c IS NOT NULL$$),
	($$(id, 'z'::t.e) < (1, 'b'::t.e)$$),
	($$'z'::t.e = ANY (ARRAY[CASE WHEN id > 0 THEN 'b'::t.e END])$$)) f (filter);
SELECT t.note(format($$CASE WHEN body = 'x' THEN %s END$$, filter)), filter FROM t.tried WHERE body = 'CANARY 1' ORDER BY filter COLLATE "C";
-- The tenant's comparison is made dear, so that it comes last.
UPDATE t.tried SET says = t.says(format($$SELECT t.flip(), id FROM t.notes WHERE CASE WHEN body = %L THEN %s END
	AND tenant_id = CASE WHEN now() > '2000-01-01'::timestamptz AND now() > '2000-01-02'::timestamptz AND now() > '2000-01-03'::timestamptz THEN %L::uuid END$$, body, filter, :a));
SELECT count(says) AS says, count(DISTINCT filter) AS filters FROM t.tried;
SELECT filter FROM t.tried GROUP BY filter HAVING count(DISTINCT says) <> 1;
ROLLBACK;
-- Of a kept plan neither.
BEGIN;
SELECT tenant_guard.set_tenant(:a);
CREATE FUNCTION t.prepare(name text, filter text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format($q$PREPARE %I AS SELECT id FROM t.notes WHERE %s AND body LIKE 'C%%'
		AND tenant_id = CASE WHEN now() > '2000-01-01'::timestamptz AND now() > '2000-01-02'::timestamptz AND now() > '2000-01-03'::timestamptz THEN 'aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa'::uuid END$q$, name, filter);
	EXECUTE 'EXECUTE ' || name;
END $$;
SELECT t.prepare('e1', $$CASE WHEN body = 'CANARY 1' THEN 'z'::t.e ELSE 'a'::t.e END < 'b'::t.e$$);
SELECT t.prepare('e8', $$CASE WHEN body = 'CANARY 8' THEN 'z'::t.e ELSE 'a'::t.e END < 'b'::t.e$$);
SELECT t.prepare('d1', $$CASE WHEN body = 'CANARY 1' THEN '{a}'::t.d[] END = '{b}'::t.d[]$$);
SELECT t.prepare('c1', $$CASE WHEN body = 'CANARY 1' THEN '(1)'::t.c END IS NOT NULL$$);
COMMIT;
DROP TYPE t.e, t.c, t.d;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
SELECT t.says('EXECUTE e1'), t.says('EXECUTE e8'), t.says('EXECUTE d1'), t.says('EXECUTE c1');
-- A function in SQL is not looked into, and a plan must know when it is replaced.
PREPARE mine AS SELECT id FROM t.notes WHERE t.is_mine(body) AND body LIKE lower('M%');
EXECUTE mine;
RESET ROLE;
CREATE OR REPLACE FUNCTION t.is_mine(body text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$ SELECT body = 'mine 2' $$;
-- Types of a superuser's, and of the owner of a guarded table of the query, may be used.
CREATE ROLE regress_types;
CREATE TYPE t.status AS ENUM ('open', 'closed');
SET ROLE regress_app;
EXECUTE mine;
SELECT t.note($$CASE WHEN id > 1 THEN 'open'::t.status END = 'closed'$$);
RESET ROLE;
ALTER TYPE t.status OWNER TO regress_types;
SET ROLE regress_app;
SELECT t.note($$CASE WHEN id > 1 THEN 'open'::t.status END = 'closed'$$);
RESET ROLE;
SET client_min_messages = warning;
GRANT ALL ON SCHEMA t TO regress_types;
ALTER TABLE t.notes OWNER TO regress_types;
RESET client_min_messages;
SET ROLE regress_app;
SELECT t.note($$CASE WHEN id > 1 THEN 'open'::t.status END = 'closed'$$);

SET LOCAL enable_seqscan = off;
SET LOCAL plan_cache_mode = force_generic_plan;
PREPARE plain(text) AS SELECT FROM t.notes WHERE body LIKE 'mine 1%' AND one = $1;
PREPARE folded(text) AS SELECT FROM t.notes WHERE body LIKE 'mine 1%' AND lower($1) = 'x';
PREPARE joined(text) AS SELECT FROM t.notes WHERE body LIKE 'mine 1%' AND body || $1 <> '';
PREPARE listed(text) AS SELECT FROM t.notes WHERE body LIKE 'mine 1%' AND ARRAY[body, $1] <> '{}';
PREPARE matched(tsquery) AS SELECT FROM t.notes WHERE body LIKE 'mine 1%' AND words @@ $1;
SELECT q, t.by_index('EXECUTE ' || q || '(''x'')') FROM unnest(ARRAY['plain', 'folded', 'joined', 'listed', 'matched']) q;
SET LOCAL plan_cache_mode = force_custom_plan;
SELECT q, t.by_index('EXECUTE ' || q || '(''x'')') FROM unnest(ARRAY['plain', 'folded', 'joined', 'listed', 'matched']) q;
COMMIT;

RESET ROLE;
SET client_min_messages = warning;
DROP SCHEMA t CASCADE;
DROP ROLE regress_app, regress_types;
