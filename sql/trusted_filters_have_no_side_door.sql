--
-- What is trusted must be all that can run on another tenant's row: what the
-- planner puts in an operator's place, what a sub-select does beside computing
-- expressions, and what fails for a value of the query's own.
--
\set SHOW_CONTEXT never
SET tenant_guard.trusted_filters = on;
\set a '''aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa'''
\set b '''bbbbbbbb-bbbb-bbbb-bbbb-bbbbbbbbbbbb'''
SET client_min_messages = warning;
CREATE ROLE regress_app;
CREATE SCHEMA t;
GRANT ALL ON SCHEMA t TO regress_app;
CREATE TABLE t.notes (id int, tenant_id uuid, body text, one text COLLATE "C", two text COLLATE "POSIX", words tsvector, doc jsonb);
CREATE INDEX notes_body ON t.notes (tenant_id, body text_pattern_ops);
CREATE TABLE t.parts (id int) PARTITION BY LIST (id);
CREATE FOREIGN DATA WRAPPER regress_wrapper;
CREATE SERVER regress_server FOREIGN DATA WRAPPER regress_wrapper;
CREATE FOREIGN TABLE t.elsewhere PARTITION OF t.parts FOR VALUES IN (5) SERVER regress_server;
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
CREATE AGGREGATE t.overflow(*) (sfunc = int8inc, stype = int8, initcond = '9223372036854775807');
CREATE TABLE t.own (n int);
INSERT INTO t.own VALUES (1);
CREATE FUNCTION t.note(filter text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) SELECT FROM t.notes WHERE ' || filter LOOP
		IF line LIKE '%Tenant Filter%' THEN RETURN trim(line); END IF;
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
-- An operator of a user's whose kin are all trusted must be trusted.
SELECT t.note('NOT (body OPERATOR(t.=?) ''zzz'')');

-- A sub-select that fails where it is evaluated must not be, for another tenant's row.
SELECT t.note('body NOT LIKE ''CAN%'' OR EXISTS (SELECT FROM t.own LIMIT -1)');
SELECT count(*) FROM t.notes WHERE CASE WHEN body LIKE 'CAN%' THEN EXISTS (SELECT FROM t.own LIMIT -1) ELSE true END;
SELECT t.note('body NOT LIKE ''CAN%'' OR EXISTS (SELECT FROM t.own OFFSET -1)');
SELECT t.note('body NOT LIKE ''CAN%'' OR EXISTS (SELECT FROM t.own LIMIT notes.id)');
SELECT t.note('body NOT LIKE ''CAN%'' OR EXISTS (SELECT FROM t.own LIMIT 1 OFFSET 1)');
SELECT t.note('body NOT LIKE ''CAN%'' OR (SELECT t.overflow(*) FROM t.own) > 0');
SELECT count(*) FROM t.notes WHERE CASE WHEN body LIKE 'CAN%' THEN (SELECT t.overflow(*) FROM t.own) > 0 ELSE true END;
SELECT t.note('body NOT LIKE ''CAN%'' OR (SELECT count(*) FROM t.own) > 0');
SELECT t.note('body NOT LIKE ''CAN%'' OR EXISTS (SELECT FROM t.parts WHERE id = 1)');

-- A collation that is not determined is an error once a row is met.
SELECT t.note('one < two');
SELECT count(*) FROM t.notes WHERE CASE WHEN body LIKE 'CAN%' THEN one < two ELSE true END;
SELECT t.note('GREATEST(one, two) = body COLLATE "C"');
SELECT t.note('body NOT LIKE ''CAN%'' OR EXISTS (SELECT max(CASE WHEN n = 1 THEN one ELSE two END) FROM t.own)');

-- A value of the query's own must not be made too long, or too deep, by another tenant's row.
SELECT t.note('body || repeat(''x'', 20000) <> ''''');
SELECT t.note('body || repeat(''x'', 2000) <> ''''');
SELECT t.note('lower((SELECT body FROM t.notes LIMIT 1)) <> ''''');
SELECT t.note('ARRAY[body, (SELECT body FROM t.notes LIMIT 1)] <> ''{}''');
SELECT t.note('lower(body || '' '' || one) ILIKE ''%x%'' AND id = ANY (ARRAY[1, id])');
SELECT t.note('words @@ ''x & !y''');
SELECT t.note('words @@ (repeat(''!('', 200) || ''x'' || repeat('')'', 200))::tsquery');
SELECT t.note('doc @> ''{"a": [{"b": 1}]}''');
SELECT t.note('''{"a": 1}'' @> doc');
SELECT t.note('doc @> (repeat(''['', 51) || repeat('']'', 51))::jsonb');
SELECT t.note('doc @> doc');
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
-- What the planner does not need must not be evaluated, and so cannot fail.
SELECT count(*) FROM t.notes WHERE CASE WHEN true THEN id > 0 ELSE 1 / 0 > id END;
SELECT count(*) FROM t.notes WHERE body LIKE 'm%' OR (false AND 1 / 0 > id);

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
DROP SERVER regress_server;
DROP FOREIGN DATA WRAPPER regress_wrapper;
DROP ROLE regress_app;
