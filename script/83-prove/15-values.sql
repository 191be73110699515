
--
-- Values that constraints accept
--
-- Where a pattern's first group, class or character ends: what a quantifier after it is of. Null where it does not end.
CREATE FUNCTION tenant_guard_internal.probe_atom(pattern text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	depth integer := 0;
	part text;
	atom text := '';
BEGIN
	FOR part IN SELECT m[1] FROM regexp_matches(pattern, '(\\.|\[\^?\]?(?:\[:\w+:\]|[^\]])*\]|.)', 'g') m LOOP
		atom := atom || part;
		depth := depth + CASE part WHEN '(' THEN 1 WHEN ')' THEN -1 ELSE 0 END;
		IF depth = 0 THEN
			RETURN atom;
		END IF;
	END LOOP;
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION tenant_guard_internal.probe_atom(text) IS 'the first group, class or character of a regular expression; a part of prove()';
REVOKE ALL ON FUNCTION tenant_guard_internal.probe_atom(text) FROM PUBLIC;

-- A string that a simple regular expression matches, which "seed" makes unlike others: characters, classes and groups of
-- these, repeated, of alternatives the first. The expression itself is never matched: it can be made to take for ever.
CREATE FUNCTION tenant_guard_internal.probe_matching(pattern text, seed bigint) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	alphabet constant text := 'bcdfghjklmnpqrstvwxz0123456789aeiouyABCDEFGHIJKLMNOPQRSTUVWXYZ-_.@/ ';
	made text := '';
	rest text := pattern;
	atom text;
	bounds text[];
	times integer;
	allowed text;
BEGIN
	WHILE rest <> '' LOOP
		atom := tenant_guard_internal.probe_atom(rest);
		rest := substr(rest, length(atom) + 1);
		EXIT WHEN atom = '|';
		CONTINUE WHEN atom IN ('^', '$');
		bounds := regexp_match(rest, '^(?:\{(\d{1,3})(,?)(\d{0,3})\}|([*+?]))\??');
		rest := regexp_replace(rest, '^(?:\{\d{1,3}(?:,\d{0,3})?\}|[*+?])\??', '');
		-- long enough to be unlike others, where that is free
		times := CASE WHEN bounds IS NULL OR bounds[4] = '?' THEN 1 WHEN bounds[4] IS NOT NULL THEN 8 WHEN bounds[2] = '' THEN bounds[1]::integer
					  WHEN bounds[3] = '' THEN greatest(bounds[1]::integer, 8) ELSE least(greatest(bounds[1]::integer, 8), bounds[3]::integer) END;
		IF starts_with(atom, '(') THEN
			made := made || left(repeat(tenant_guard_internal.probe_matching(regexp_replace(substr(atom, 2, length(atom) - 2), '^\?:', ''), seed), times), 1000);
		ELSIF atom ~ '^(\[|\\[dwsDWS]$|\.$)' THEN
			SELECT string_agg(c, '' ORDER BY n) INTO allowed FROM unnest(string_to_array(alphabet, NULL)) WITH ORDINALITY u (c, n) WHERE c ~ ('^' || atom || '$');
			SELECT made || string_agg(substr(allowed, 1 + ((hashint8extended(seed, length(made) + i) & 2147483647) % length(allowed))::integer, 1), '' ORDER BY i) INTO made
			FROM generate_series(1, times) i;
		ELSE
			made := made || repeat(right(atom, 1), times);
		END IF;
		EXIT WHEN made IS NULL OR length(made) > 1000;
	END LOOP;
	RETURN made;
EXCEPTION WHEN invalid_regular_expression THEN
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION tenant_guard_internal.probe_matching(text, bigint) IS 'a string that a simple regular expression matches; a part of prove()';
REVOKE ALL ON FUNCTION tenant_guard_internal.probe_matching(text, bigint) FROM PUBLIC;

-- Strings that an expression about a string may ask for: that match the patterns in it, or have the lengths.
CREATE FUNCTION tenant_guard_internal.probe_strings(expression text, seed bigint) RETURNS text[]
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT COALESCE(array_agg(x.made ORDER BY x.kind, x.place) FILTER (WHERE x.made <> ''), '{}')
FROM (SELECT 1 AS kind, s.place, CASE WHEN length(m[1]) < 300 THEN tenant_guard_internal.probe_matching(replace(m[1], '''''', ''''), seed) END AS made
	  FROM regexp_matches(expression, ' ~\*? ''((?:[^'']|'''')*)''', 'g') WITH ORDINALITY AS s (m, place)
	  UNION ALL
	  SELECT 2, s.place, replace(replace(p.pattern, '%', left(repeat(md5(seed::text), 8), COALESCE(greatest(l.wanted - length(replace(p.pattern, '%', '')), 0), 12))), '_', left(md5(seed::text), 1))
	  FROM regexp_matches(expression, ' ~~\*? ''((?:[^'']|'''')*)''', 'g') WITH ORDINALITY AS s (m, place)
		   CROSS JOIN LATERAL (SELECT replace(m[1], '''''', '''')) p (pattern)
		   CROSS JOIN LATERAL (SELECT (regexp_match(expression, 'length\([^<>=]*[<>=]+ (\d{1,3})\M'))[1]::integer) l (wanted)
	  UNION ALL
	  SELECT 3, s.place, left(repeat(md5(seed::text), 8), m[1]::integer)
	  FROM regexp_matches(expression, 'length\([^<>=]*[<>=]+ (\d{1,3})\M', 'g') WITH ORDINALITY AS s (m, place)
	  LIMIT 10) x
$$;
COMMENT ON FUNCTION tenant_guard_internal.probe_strings(text, bigint) IS 'strings that an expression may ask for; a part of prove()';
REVOKE ALL ON FUNCTION tenant_guard_internal.probe_strings(text, bigint) FROM PUBLIC;

-- Strings and numbers, and the numbers beside these, in the text of an expression: a CHECK, or a partition's bound.
CREATE FUNCTION tenant_guard_internal.probe_literals(expression text) RETURNS text[]
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT array_agg(x.literal ORDER BY x.place)
FROM (SELECT replace(m[1], '''''', ''''), place
	  FROM regexp_matches(expression, '''((?:[^'']|'''')*)''', 'g') WITH ORDINALITY AS s (m, place)
	  UNION ALL
	  SELECT (m[1]::numeric + delta)::text, 1000 + place * 3 + delta
	  FROM regexp_matches(regexp_replace(expression, '''(?:[^'']|'''')*''', '', 'g'), '\m(\d{1,18}(?:\.\d{1,9})?)\M', 'g') WITH ORDINALITY AS s (m, place)
		   CROSS JOIN (VALUES (0), (1), (-1)) AS beside (delta)
	  LIMIT 60) x (literal, place)
$$;
COMMENT ON FUNCTION tenant_guard_internal.probe_literals(text) IS 'the constants in the text of an expression; a part of prove()';
REVOKE ALL ON FUNCTION tenant_guard_internal.probe_literals(text) FROM PUBLIC;

-- Values that a column of a type may take, as text, the one that "seed" makes unlike others first.
CREATE FUNCTION tenant_guard_internal.probe_values(type oid, typmod integer, seed bigint) RETURNS text[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	t pg_type;
	part text[];
	made text[];
	room integer := CASE WHEN typmod > 4 THEN typmod - 4 ELSE 1000000 END;
	digits integer := CASE WHEN typmod > 4 THEN ((typmod - 4) >> 16 & 65535) - (typmod - 4 & 65535) ELSE 15 END;
	day text := (date '2024-01-01' + (seed % 3000)::integer)::text;
BEGIN
	SELECT * INTO STRICT t FROM pg_type WHERE oid = type;
	CASE
		WHEN t.typtype = 'd' THEN
			SELECT array_agg(l.literal), array_agg(l.made) INTO part, made
			FROM pg_constraint k CROSS JOIN LATERAL ROWS FROM (unnest(tenant_guard_internal.probe_literals(pg_get_constraintdef(k.oid))),
															   unnest(tenant_guard_internal.probe_strings(pg_get_constraintdef(k.oid), seed))) l (literal, made)
			WHERE k.contypid = type;
			RETURN array_remove(made, NULL) || tenant_guard_internal.probe_values(t.typbasetype, CASE WHEN t.typtypmod >= 0 THEN t.typtypmod ELSE typmod END, seed) || part;
		WHEN t.typtype = 'e' THEN
			RETURN ARRAY(SELECT e.enumlabel::text FROM pg_enum e WHERE e.enumtypid = type ORDER BY e.enumsortorder);
		WHEN t.typtype = 'r' THEN
			SELECT tenant_guard_internal.probe_values(r.rngsubtype, -1, seed) INTO part FROM pg_range r WHERE r.rngtypid = type;
			RETURN ARRAY[format('["%s","%s"]', part[1], part[1]), 'empty'];
		WHEN t.typtype = 'm' THEN
			RETURN ARRAY['{}'];
		WHEN t.typtype = 'c' THEN
			RETURN ARRAY(SELECT '(' || repeat(',', count(*)::integer - 1) || ')' FROM pg_attribute a WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped);
		WHEN t.typcategory = 'A' AND t.typelem <> 0 THEN
			RETURN ARRAY['{}'] || (SELECT array_agg(format('{"%s"}', replace(replace(v, '\', '\\'), '"', '\"'))) FROM unnest(tenant_guard_internal.probe_values(t.typelem, -1, seed)) v);
		WHEN t.oid = 'bool'::regtype THEN RETURN ARRAY['false', 'true'];
		WHEN t.oid = 'int2'::regtype THEN RETURN ARRAY[(seed % 30000 + 1)::text, '1', '0', '2', '-1', '10', '100'];
		WHEN t.oid IN ('int4'::regtype, 'int8'::regtype, 'oid'::regtype) THEN
			RETURN ARRAY[(seed % 2000000000 + 1)::text, '1', '0', '2', '-1', '10', '100', '1000', '2024'];
		WHEN t.oid = 'numeric'::regtype THEN
			RETURN ARRAY[CASE WHEN digits > 0 THEN (seed % (10::numeric ^ least(digits, 15)))::bigint::text ELSE '0' END, '1', '0', '0.5', '2', '-1', '10', '100'];
		WHEN t.oid IN ('float4'::regtype, 'float8'::regtype, 'money'::regtype) THEN RETURN ARRAY[(seed % 100000)::text, '1', '0', '0.5', '-1', '10', '100'];
		WHEN t.oid = 'uuid'::regtype THEN RETURN ARRAY[md5(seed::text)];
		WHEN t.oid IN ('date'::regtype, 'timestamp'::regtype, 'timestamptz'::regtype) THEN
			RETURN ARRAY[day, current_date::text, (current_date + 1)::text, '1980-01-01', '2999-12-31'];
		WHEN t.oid IN ('time'::regtype, 'timetz'::regtype) THEN RETURN ARRAY['12:00', '00:00'];
		WHEN t.oid = 'interval'::regtype THEN RETURN ARRAY['1 day', '0', '1 year'];
		WHEN t.oid IN ('json'::regtype, 'jsonb'::regtype) THEN RETURN ARRAY['{}', '[]', format('{"a": %s}', seed), '"a"', '1'];
		WHEN t.oid = 'bytea'::regtype THEN RETURN ARRAY['\x' || md5(seed::text), '\x'];
		WHEN t.oid IN ('inet'::regtype, 'cidr'::regtype) THEN RETURN ARRAY['10.' || seed % 250 || '.0.0/32'];
		WHEN t.oid IN ('macaddr'::regtype, 'macaddr8'::regtype) THEN RETURN ARRAY['08:00:2b:01:02:03'];
		WHEN t.typcategory = 'G' THEN RETURN ARRAY['(1,1)', '((0,0),(1,1))', '<(0,0),1>', '{1,1,1}'];
		WHEN t.typcategory = 'V' THEN RETURN ARRAY[repeat('0', CASE WHEN typmod > 0 THEN typmod ELSE 1 END)];
		WHEN t.oid = 'xml'::regtype THEN RETURN ARRAY['<a/>'];
		WHEN t.typcategory = 'S' THEN
			RETURN (SELECT array_agg(left(v, room)) FROM unnest(ARRAY['p' || substr(md5(seed::text), 1, 11), 'A', 'a@example.com', 'AA', 'AAA', '1', 'https://example.com', '']) v);
		ELSE RETURN ARRAY['1', 'a', '{}', '()', ''];
	END CASE;
END
$$;
COMMENT ON FUNCTION tenant_guard_internal.probe_values(oid, integer, bigint) IS 'values that a column of a type may take; a part of prove()';
REVOKE ALL ON FUNCTION tenant_guard_internal.probe_values(oid, integer, bigint) FROM PUBLIC;

-- Everything that is written about a column's values, and strings that would meet it: CHECKs that name it, and the bounds of
-- partitions if it is in the partition key.
CREATE FUNCTION tenant_guard_internal.probe_column_literals(relation regclass, attnum smallint, seed bigint) RETURNS text[]
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT array_agg(x.literal)
FROM (SELECT unnest(tenant_guard_internal.probe_strings(pg_get_constraintdef(k.oid), seed) || tenant_guard_internal.probe_literals(pg_get_constraintdef(k.oid)))
	  FROM pg_constraint k WHERE k.conrelid = relation AND k.contype = 'c' AND attnum = ANY (k.conkey)
	  UNION ALL
	  SELECT unnest(tenant_guard_internal.probe_literals(pg_get_expr(c.relpartbound, c.oid)))
	  FROM pg_class c
	  WHERE c.oid = ANY (ARRAY(SELECT d.relid FROM pg_partition_tree(relation) d)) AND c.relispartition
			AND EXISTS (SELECT FROM pg_partition_ancestors(c.oid) u
							 JOIN pg_partitioned_table p ON p.partrelid = u.relid
							 JOIN pg_attribute a ON a.attrelid = p.partrelid AND a.attnum = ANY (p.partattrs)
							 JOIN pg_attribute o ON o.attrelid = relation AND o.attname = a.attname
						WHERE o.attnum = probe_column_literals.attnum)
	  LIMIT 60) x (literal)
$$;
COMMENT ON FUNCTION tenant_guard_internal.probe_column_literals(regclass, smallint, bigint) IS 'constants that constraints and partition bounds name for a column; a part of prove()';
REVOKE ALL ON FUNCTION tenant_guard_internal.probe_column_literals(regclass, smallint, bigint) FROM PUBLIC;

-- The columns of which that can say anything: a constraint names them, or the table is a part of a partitioned one, or that.
CREATE FUNCTION tenant_guard_internal.probe_described(relation regclass) RETURNS smallint[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN ARRAY(SELECT unnest(k.conkey) FROM pg_constraint k WHERE k.conrelid = relation AND k.contype = 'c'
				 UNION ALL SELECT a.attnum FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid WHERE c.oid = relation AND (c.relispartition OR c.relkind = 'p'));
END
$$;
COMMENT ON FUNCTION tenant_guard_internal.probe_described(regclass) IS 'the columns that constraints and partition bounds name; a part of prove()';
REVOKE ALL ON FUNCTION tenant_guard_internal.probe_described(regclass) FROM PUBLIC;

