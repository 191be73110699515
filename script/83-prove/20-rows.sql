
--
-- Rows of tenants, which constraints accept
--
-- Makes a row, or finds one, and says where it is and what is in it.
CREATE FUNCTION tenant_guard_internal.probe_locate(relation regclass, statement text, condition text DEFAULT '', OUT part oid, OUT place tid, OUT content jsonb)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	located constant text := 'jsonb_build_object(''part'', t.tableoid, ''place'', t.ctid, ''content'', to_jsonb(t.*))';
	found jsonb;
BEGIN
	found := tenant_guard_internal.execute_as_owner(relation, CASE WHEN condition = '' THEN concat_ws(' ', statement, 'RETURNING', located)
														  ELSE format('SELECT %s FROM %s t WHERE %s LIMIT 1', located, relation, condition) END);
	part := found ->> 'part'; place := found ->> 'place'; content := found -> 'content';
END
$$;
COMMENT ON FUNCTION tenant_guard_internal.probe_locate(regclass, text, text) IS 'makes a row or finds one; a part of prove()';
REVOKE ALL ON FUNCTION tenant_guard_internal.probe_locate(regclass, text, text) FROM PUBLIC;

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
	room integer := CASE WHEN typmod > 4 THEN typmod - 4 ELSE 1000000 END;
	digits integer := CASE WHEN typmod > 4 THEN ((typmod - 4) >> 16 & 65535) - (typmod - 4 & 65535) ELSE 15 END;
	day text := (date '2024-01-01' + (seed % 3000)::integer)::text;
BEGIN
	SELECT * INTO STRICT t FROM pg_type WHERE oid = type;
	CASE
		WHEN t.typtype = 'd' THEN
			SELECT array_agg(l.literal) INTO part
			FROM pg_constraint k CROSS JOIN LATERAL unnest(tenant_guard_internal.probe_literals(pg_get_constraintdef(k.oid))) l (literal)
			WHERE k.contypid = type;
			RETURN tenant_guard_internal.probe_values(t.typbasetype, CASE WHEN t.typtypmod >= 0 THEN t.typtypmod ELSE typmod END, seed) || part;
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

-- Everything that is written about a column's values: CHECKs that name it, and the bounds of partitions if it is in
-- the partition key.
CREATE FUNCTION tenant_guard_internal.probe_column_literals(relation regclass, attnum smallint) RETURNS text[]
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT array_agg(x.literal)
FROM (SELECT unnest(tenant_guard_internal.probe_literals(pg_get_constraintdef(k.oid)))
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
COMMENT ON FUNCTION tenant_guard_internal.probe_column_literals(regclass, smallint) IS 'constants that constraints and partition bounds name for a column; a part of prove()';
REVOKE ALL ON FUNCTION tenant_guard_internal.probe_column_literals(regclass, smallint) FROM PUBLIC;

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

-- Which columns' values has an error refused? By the constraint, the domain or the column that it names.
CREATE FUNCTION tenant_guard_internal.probe_suspects(relation regclass, wanted smallint[], state text, culprit text, domain text, missing text)
RETURNS smallint[]
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT CASE
	WHEN state = '23502' THEN ARRAY(SELECT a.attnum FROM pg_attribute a WHERE a.attrelid = relation AND a.attname = missing)
	WHEN culprit <> '' AND domain = '' THEN
		ARRAY(SELECT DISTINCT n FROM (SELECT unnest(k.conkey) FROM pg_constraint k WHERE k.conrelid = relation AND k.conname = culprit
									  UNION ALL SELECT unnest(i.indkey::int2[]) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
												WHERE i.indrelid = ANY (ARRAY(SELECT d.relid FROM pg_partition_tree(relation) d UNION SELECT relation)) AND c.relname = culprit) s (n)
			  WHERE n > 0)
	WHEN domain <> '' THEN ARRAY(SELECT a.attnum FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid WHERE a.attrelid = relation AND t.typname = domain AND a.attnum > 0)
	WHEN state = '23514' THEN
		ARRAY(SELECT DISTINCT o.attnum FROM pg_partitioned_table p
				   JOIN pg_attribute a ON a.attrelid = p.partrelid AND a.attnum = ANY (p.partattrs)
				   JOIN pg_attribute o ON o.attrelid = relation AND o.attname = a.attname
			  WHERE p.partrelid IN (SELECT d.relid FROM pg_partition_tree(relation) d UNION SELECT u.relid FROM pg_partition_ancestors(relation) u))
	ELSE wanted END
$$;
COMMENT ON FUNCTION tenant_guard_internal.probe_suspects(regclass, smallint[], text, text, text, text) IS 'the columns whose values an error has refused; a part of prove()';
REVOKE ALL ON FUNCTION tenant_guard_internal.probe_suspects(regclass, smallint[], text, text, text, text) FROM PUBLIC;

-- Inserts a copy of a row that is there, unlike it by the given values and by keys.
CREATE FUNCTION tenant_guard_internal.probe_copy(relation regclass, fixed jsonb, seed bigint, OUT part oid, OUT place tid, OUT content jsonb)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	names text;
BEGIN
	-- A row that is there already keeps what constraints ask for: the same, but for the keys.
	SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum),
		   COALESCE(jsonb_object_agg(a.attname, (tenant_guard_internal.probe_values(a.atttypid, a.atttypmod, seed))[1])
					FILTER (WHERE EXISTS (SELECT FROM pg_index i WHERE i.indrelid = relation AND i.indisunique AND a.attnum = ANY (i.indkey))), '{}') || fixed
	INTO names, fixed
	FROM pg_attribute a WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '';
	BEGIN
		SELECT * INTO part, place, content
		FROM tenant_guard_internal.probe_locate(relation, format('INSERT INTO %1$s AS t (%2$s) OVERRIDING SYSTEM VALUE'
														' SELECT %2$s FROM (SELECT (jsonb_populate_record(o.*, %3$L)).* FROM %1$s o LIMIT 1) s', relation, names, fixed));
	EXCEPTION WHEN OTHERS THEN
		NULL;
	END;
END
$$;
COMMENT ON FUNCTION tenant_guard_internal.probe_copy(regclass, jsonb, bigint) IS 'inserts a copy of a row that is there; a part of prove()';
REVOKE ALL ON FUNCTION tenant_guard_internal.probe_copy(regclass, jsonb, bigint) FROM PUBLIC;

-- A partitioned table without partitions can hold no rows.
CREATE FUNCTION tenant_guard_internal.probe_unpartitioned(relation regclass) RETURNS boolean
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN EXISTS (SELECT FROM pg_partitioned_table p WHERE p.partrelid = relation) AND NOT EXISTS (SELECT FROM pg_partition_tree(relation) d WHERE d.isleaf);
END
$$;
COMMENT ON FUNCTION tenant_guard_internal.probe_unpartitioned(regclass) IS 'whether a partitioned table has no partitions; a part of prove()';
REVOKE ALL ON FUNCTION tenant_guard_internal.probe_unpartitioned(regclass) FROM PUBLIC;

-- Inserts a row with the given values of some columns, and values of its own for what else is needed. A constraint that
-- refuses it names itself, and its columns' next values are tried. Null, and the last error, where none was accepted.
CREATE FUNCTION tenant_guard_internal.probe_row(relation regclass, fixed jsonb, OUT part oid, OUT place tid, OUT content jsonb, OUT problem text)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET session_replication_role = replica
AS $$
DECLARE
	seed bigint := 1000000 + floor(random() * 100000000)::bigint;
	wanted smallint[];			-- columns that get a value
	described smallint[];		-- columns about whose values something is written
	suspects smallint[];		-- columns whose values were refused
	turn jsonb := '{}';			-- column: which of its values
	choices jsonb := '{}';		-- column: its values
	col record;
	names text;
	vals text;
	state text;
	culprit text;
	domain text;
	missing text;
BEGIN
	IF tenant_guard_internal.probe_unpartitioned(relation) THEN
		problem := format('%s has no partitions', relation);
		RETURN;
	END IF;
	SELECT array_agg(a.attnum) INTO wanted
	FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
	WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
		  AND (fixed ? a.attname OR (a.attnotnull OR t.typnotnull) AND a.attidentity = '' AND NOT a.atthasdef);
	described := tenant_guard_internal.probe_described(relation);
	FOR attempt IN 1..80 LOOP
		names := ''; vals := '';
		FOR col IN SELECT a.attnum, a.attname, a.atttypid, a.atttypmod FROM pg_attribute a WHERE a.attrelid = relation AND a.attnum = ANY (wanted) ORDER BY a.attnum
		LOOP
			IF NOT fixed ? col.attname AND NOT choices ? col.attnum::text THEN
				choices := choices || jsonb_build_object(col.attnum, to_jsonb(CASE WHEN col.attnum = ANY (described) THEN COALESCE(tenant_guard_internal.probe_column_literals(relation, col.attnum), '{}') ELSE '{}' END
																	 || tenant_guard_internal.probe_values(col.atttypid, col.atttypmod, seed)));
			END IF;
			names := names || format('%s%I', CASE WHEN names <> '' THEN ', ' END, col.attname);
			vals := vals || format('%s%L::%s', CASE WHEN vals <> '' THEN ', ' END,
								   CASE WHEN fixed ? col.attname THEN fixed ->> col.attname
										ELSE choices -> col.attnum::text ->> COALESCE((turn ->> col.attnum::text)::integer, 0) END,
								   format_type(col.atttypid, col.atttypmod));
		END LOOP;
		BEGIN
			SELECT * INTO part, place, content
			FROM tenant_guard_internal.probe_locate(relation, format('INSERT INTO %s AS t %s', relation,
										   CASE WHEN names = '' THEN 'DEFAULT VALUES' ELSE format('(%s) OVERRIDING SYSTEM VALUE VALUES (%s)', names, vals) END));
			problem := NULL;
			RETURN;
		EXCEPTION
			-- others use the table, or it has several owners: no other values would do
			WHEN lock_not_available OR deadlock_detected OR SQLSTATE 'TGP02' THEN
				RAISE;
			WHEN OTHERS THEN
				GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, problem = MESSAGE_TEXT, culprit = CONSTRAINT_NAME, domain = PG_DATATYPE_NAME, missing = COLUMN_NAME;
		END;

		suspects := tenant_guard_internal.probe_suspects(relation, wanted, state, culprit, domain, missing);
		SELECT array_agg(a.attnum) INTO suspects FROM pg_attribute a
		WHERE a.attrelid = relation AND a.attnum = ANY (suspects) AND NOT fixed ? a.attname AND a.attgenerated = '';
		EXIT WHEN suspects IS NULL;
		wanted := ARRAY(SELECT DISTINCT unnest(wanted || suspects));
		IF state IN ('23505', '23P01') THEN
			-- unlike any other, then
			seed := seed + 1 + floor(random() * 1000)::bigint;
			FOR col IN SELECT a.attnum, a.atttypid, a.atttypmod FROM pg_attribute a WHERE a.attrelid = relation AND a.attnum = ANY (suspects) LOOP
				choices := choices || jsonb_build_object(col.attnum, to_jsonb(tenant_guard_internal.probe_values(col.atttypid, col.atttypmod, seed)
																	 || COALESCE(tenant_guard_internal.probe_column_literals(relation, col.attnum), '{}')));
				turn := turn || jsonb_build_object(col.attnum, CASE WHEN attempt > 5 THEN floor(random() * jsonb_array_length(choices -> col.attnum::text))::integer ELSE 0 END);
			END LOOP;
		ELSIF attempt > 40 THEN
			-- one by one has not done
			SELECT turn || jsonb_object_agg(s.n, floor(random() * jsonb_array_length(choices -> s.n::text))::integer) INTO turn
			FROM unnest(suspects) s (n) WHERE choices ? s.n::text;
			turn := COALESCE(turn, '{}');
		ELSE
			-- the next value of the first column, and of the second when the first has had all
			FOR col IN SELECT s.n, jsonb_array_length(choices -> s.n::text) AS choices, COALESCE((turn ->> s.n::text)::integer, 0) AS turn FROM unnest(suspects) s (n) LOOP
				EXIT WHEN col.choices IS NULL;
				turn := turn || jsonb_build_object(col.n, (col.turn + 1) % col.choices);
				EXIT WHEN col.turn + 1 < col.choices;
			END LOOP;
		END IF;
	END LOOP;
	SELECT c.part, c.place, c.content, CASE WHEN c.content IS NULL THEN problem END INTO part, place, content, problem
	FROM tenant_guard_internal.probe_copy(relation, fixed, seed) c;
END
$$;
COMMENT ON FUNCTION tenant_guard_internal.probe_row(regclass, jsonb) IS 'inserts a row that the constraints accept; a part of prove()';
REVOKE ALL ON FUNCTION tenant_guard_internal.probe_row(regclass, jsonb) FROM PUBLIC;

-- The tenants to probe a table with, likely ones first: invented, and, for a column that constraints or partitions
-- restrict, those that they name.
CREATE FUNCTION tenant_guard_internal.probe_tenants(relation regclass, attnum smallint) RETURNS SETOF text
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT v.tenant
FROM pg_attribute a
	 CROSS JOIN LATERAL (SELECT COALESCE(tenant_guard_internal.probe_column_literals(relation, probe_tenants.attnum), '{}')) l (literals)
	 CROSS JOIN LATERAL (
		SELECT literal, n FROM unnest(l.literals) WITH ORDINALITY AS u (literal, n)
		UNION ALL
		SELECT COALESCE((tenant_guard_internal.probe_values(a.atttypid, a.atttypmod, (random() * 1000000000)::bigint + n))[1], n::text), 100 + n
		FROM generate_series(1, CASE WHEN EXISTS (SELECT FROM pg_class c WHERE c.oid = relation AND (c.relispartition OR c.relkind = 'p')) THEN 200 ELSE 12 END) n) v (tenant, n)
WHERE a.attrelid = relation AND a.attnum = probe_tenants.attnum
ORDER BY v.n
$$;
COMMENT ON FUNCTION tenant_guard_internal.probe_tenants(regclass, smallint) IS 'identifiers of tenants to probe a table with; a part of prove()';
REVOKE ALL ON FUNCTION tenant_guard_internal.probe_tenants(regclass, smallint) FROM PUBLIC;

-- A row of a table that a key references, with the given values: one that has them, where they are a key of the table and
-- a second cannot be (the tenants' own), else a new one.
CREATE FUNCTION tenant_guard_internal.probe_parent(relation regclass, fixed jsonb, OUT part oid, OUT place tid, OUT content jsonb, OUT problem text)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET session_replication_role = replica
AS $$
BEGIN
	IF EXISTS (SELECT FROM pg_index i
			   WHERE i.indrelid = relation AND i.indisunique AND i.indpred IS NULL AND i.indexprs IS NULL
					 AND NOT EXISTS (SELECT FROM unnest((i.indkey::int2[])[0:i.indnkeyatts - 1]) n JOIN pg_attribute a ON a.attrelid = relation AND a.attnum = n
									 WHERE NOT fixed ? a.attname)) THEN
		SELECT l.part, l.place, l.content INTO part, place, content
		FROM tenant_guard_internal.probe_locate(relation, NULL,
			(SELECT string_agg(format('t.%I = %L::%s', a.attname, fixed ->> a.attname, format_type(a.atttypid, a.atttypmod)), ' AND ')
			 FROM pg_attribute a WHERE a.attrelid = relation AND fixed ? a.attname)) l;
	END IF;
	IF content IS NULL THEN
		SELECT r.part, r.place, r.content, r.problem INTO part, place, content, problem FROM tenant_guard_internal.probe_row(relation, fixed) r;
	END IF;
END
$$;
COMMENT ON FUNCTION tenant_guard_internal.probe_parent(regclass, jsonb) IS 'makes or finds a row for a foreign key to reference; a part of prove()';
REVOKE ALL ON FUNCTION tenant_guard_internal.probe_parent(regclass, jsonb) FROM PUBLIC;

-- Values for the foreign keys of a table that nothing is to be wrong with: null where that may be, else those of a row
-- made for it. The tenant's rows reference rows of the tenant. "Except" is the key that is to be probed. Null, and the key
-- and the error, where no row could be made.
CREATE FUNCTION tenant_guard_internal.probe_parents(relation regclass, tenant text, except_key oid, OUT filled jsonb, OUT problem text)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET session_replication_role = replica
AS $$
DECLARE
	key record;
	parent record;
	status record;
	own_column name := (tenant_guard.guard_status(relation)).tenant_column;
BEGIN
	filled := '{}';
	FOR key IN
		SELECT k.conname, k.confrelid,
			   (SELECT jsonb_object_agg(c.attname, p.attname) FROM unnest(k.conkey, k.confkey) AS n (c, p)
					   JOIN pg_attribute c ON c.attrelid = k.conrelid AND c.attnum = n.c
					   JOIN pg_attribute p ON p.attrelid = k.confrelid AND p.attnum = n.p) AS columns,
			   EXISTS (SELECT FROM unnest(k.conkey) n JOIN pg_attribute c ON c.attrelid = k.conrelid AND c.attnum = n WHERE NOT c.attnotnull AND NOT c.atthasdef) AS nullable
		FROM pg_constraint k
		WHERE k.conrelid = relation AND k.contype = 'f' AND k.oid <> except_key
	LOOP
		CONTINUE WHEN key.nullable;
		SELECT * INTO status FROM tenant_guard.guard_status(key.confrelid);
		SELECT * INTO parent FROM tenant_guard_internal.probe_parent(key.confrelid,
			CASE WHEN status.status IN ('guarded', 'damaged') THEN jsonb_build_object(status.tenant_column, tenant)
				 ELSE COALESCE((SELECT jsonb_object_agg(p, tenant) FROM jsonb_each_text(key.columns) AS c (c, p) WHERE c = own_column), '{}') END);
		IF parent.content IS NULL THEN
			filled := NULL;
			problem := format('no row of %s could be made for its key %I: %s', key.confrelid::regclass, key.conname, parent.problem);
			RETURN;
		END IF;
		filled := filled || (SELECT jsonb_object_agg(c, parent.content -> p) FROM jsonb_each_text(key.columns) AS c (c, p));
	END LOOP;
	filled := filled || jsonb_build_object(own_column, tenant);
END
$$;
COMMENT ON FUNCTION tenant_guard_internal.probe_parents(regclass, text, oid) IS 'makes rows for a row''s foreign keys to reference; a part of prove()';
REVOKE ALL ON FUNCTION tenant_guard_internal.probe_parents(regclass, text, oid) FROM PUBLIC;
