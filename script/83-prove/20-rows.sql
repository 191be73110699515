
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

-- Inserts a row with the given values of some columns, and values of its own for what else is needed or named. A constraint that
-- refuses it names itself, and its columns' next values are tried. Null, and the last error, where none was accepted.
CREATE FUNCTION tenant_guard_internal.probe_row(relation regclass, fixed jsonb, filled name[] DEFAULT '{}', OUT part oid, OUT place tid, OUT content jsonb, OUT problem text)
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
		  AND (fixed ? a.attname OR a.attname = ANY (filled) OR (a.attnotnull OR t.typnotnull) AND a.attidentity = '' AND NOT a.atthasdef);
	described := tenant_guard_internal.probe_described(relation);
	FOR attempt IN 1..80 LOOP
		names := ''; vals := '';
		FOR col IN SELECT a.attnum, a.attname, a.atttypid, a.atttypmod, a.attnotnull FROM pg_attribute a WHERE a.attrelid = relation AND a.attnum = ANY (wanted) ORDER BY a.attnum
		LOOP
			IF NOT fixed ? col.attname AND NOT choices ? col.attnum::text THEN
				-- a CHECK may ask that it be null where another is not
				choices := choices || jsonb_build_object(col.attnum, to_jsonb(CASE WHEN col.attnum = ANY (described) THEN COALESCE(tenant_guard_internal.probe_column_literals(relation, col.attnum, seed), '{}') ELSE '{}' END
																	 || tenant_guard_internal.probe_values(col.atttypid, col.atttypmod, seed)) || CASE WHEN col.attnotnull THEN '[]' ELSE '[null]'::jsonb END);
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
																	 || COALESCE(tenant_guard_internal.probe_column_literals(relation, col.attnum, seed), '{}')));
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
COMMENT ON FUNCTION tenant_guard_internal.probe_row(regclass, jsonb, name[]) IS 'inserts a row that the constraints accept; a part of prove()';
REVOKE ALL ON FUNCTION tenant_guard_internal.probe_row(regclass, jsonb, name[]) FROM PUBLIC;

-- The tenants to probe a table with, likely ones first: those that constraints or partitions name, and invented ones; of
-- these several kinds where a constraint or a domain restricts them.
CREATE FUNCTION tenant_guard_internal.probe_tenants(relation regclass, attnum smallint) RETURNS text[]
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	col record;
	tenants text[] := '{}';
	seed bigint := (random() * 1000000000)::bigint;
BEGIN
	SELECT a.atttypid, a.atttypmod, t.typtype = 'd' AS domain, c.relispartition OR c.relkind = 'p' AS parted,
		   EXISTS (SELECT FROM pg_constraint k WHERE k.conrelid = relation AND k.contype = 'c' AND a.attnum = ANY (k.conkey)) AS checked
	INTO col FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid JOIN pg_class c ON c.oid = a.attrelid
	WHERE a.attrelid = relation AND a.attnum = probe_tenants.attnum;
	IF col.parted OR col.checked THEN
		tenants := COALESCE(tenant_guard_internal.probe_column_literals(relation, attnum, seed), '{}');
	END IF;
	FOR n IN 1..CASE WHEN col.parted THEN 200 ELSE 12 END LOOP
		tenants := tenants || (tenant_guard_internal.probe_values(col.atttypid, col.atttypmod, seed + n))[1:CASE WHEN col.domain THEN 4 ELSE 1 END];
		IF col.checked AND n <= 12 THEN
			tenants := tenants || (tenant_guard_internal.probe_column_literals(relation, attnum, seed + n))[1:4];
		END IF;
	END LOOP;
	RETURN ARRAY(SELECT t.tenant FROM (SELECT u.tenant, min(u.n) AS n FROM unnest(tenants) WITH ORDINALITY u (tenant, n) GROUP BY 1) t ORDER BY t.n);
END
$$;
COMMENT ON FUNCTION tenant_guard_internal.probe_tenants(regclass, smallint) IS 'identifiers of tenants to probe a table with; a part of prove()';
REVOKE ALL ON FUNCTION tenant_guard_internal.probe_tenants(regclass, smallint) FROM PUBLIC;

-- Tenants that are there: of the table that the tenant column references, and of others whose tenant column has that type.
CREATE FUNCTION tenant_guard_internal.probe_known_tenants(relation regclass, attnum smallint) RETURNS text[]
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	source record;
	tenants text[] := '{}';
BEGIN
	FOR source IN
		SELECT x.relation, quote_ident(p.attname) AS key
		FROM pg_attribute a
			 CROSS JOIN LATERAL (SELECT 0, k.confrelid::regclass, k.confkey[1] FROM pg_constraint k
								 WHERE k.conrelid = a.attrelid AND k.contype = 'f' AND k.conkey = ARRAY[a.attnum]
								 UNION ALL
								 SELECT 1, t.relation, o.attnum FROM tenant_guard.tables t JOIN pg_attribute o ON o.attrelid = t.relation AND o.attname = t.tenant_column
								 WHERE t.status = 'guarded' AND o.atttypid = a.atttypid AND t.relation <> a.attrelid) x (place, relation, attnum)
			 JOIN pg_attribute p ON p.attrelid = x.relation AND p.attnum = x.attnum JOIN pg_class c ON c.oid = x.relation
		WHERE a.attrelid = probe_known_tenants.relation AND a.attnum = probe_known_tenants.attnum
		ORDER BY x.place, c.reltuples DESC LIMIT 20
	LOOP
		BEGIN
			tenants := tenants || tenant_guard_internal.execute_as_owner(source.relation,
				format('SELECT array_agg(DISTINCT s.tenant) FROM (SELECT t.%s::text FROM %s t WHERE t.%1$s IS NOT NULL LIMIT 1000) s (tenant)', source.key, source.relation))::text[];
		EXCEPTION WHEN OTHERS THEN
			NULL; -- another table's, then
		END;
		EXIT WHEN cardinality(tenants) > 20;
	END LOOP;
	RETURN tenants;
END
$$;
COMMENT ON FUNCTION tenant_guard_internal.probe_known_tenants(regclass, smallint) IS 'identifiers of tenants that are there; a part of prove()';
REVOKE ALL ON FUNCTION tenant_guard_internal.probe_known_tenants(regclass, smallint) FROM PUBLIC;

-- A row of a table that a key references, with the given values, and some in the columns that it references: one that has them, where they are a key of the table and
-- a second cannot be (the tenants' own), else a new one.
CREATE FUNCTION tenant_guard_internal.probe_parent(relation regclass, fixed jsonb, filled name[], OUT part oid, OUT place tid, OUT content jsonb, OUT problem text)
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
		SELECT r.part, r.place, r.content, r.problem INTO part, place, content, problem FROM tenant_guard_internal.probe_row(relation, fixed, filled) r;
	END IF;
	-- a key with a null references nothing
	IF EXISTS (SELECT FROM unnest(filled) f WHERE content ->> f IS NULL) AND content IS NOT NULL THEN
		content := NULL;
		problem := 'a column that the key references is null';
	END IF;
END
$$;
COMMENT ON FUNCTION tenant_guard_internal.probe_parent(regclass, jsonb, name[]) IS 'makes or finds a row for a foreign key to reference; a part of prove()';
REVOKE ALL ON FUNCTION tenant_guard_internal.probe_parent(regclass, jsonb, name[]) FROM PUBLIC;

-- Values for the foreign keys of a table that nothing is to be wrong with: of the key that is to be probed, those of a row
-- made for it; of the others too, or null where that may be. The tenant's rows reference rows of the tenant. Null, and the
-- key and the error, where no row could be made.
CREATE FUNCTION tenant_guard_internal.probe_parents(relation regclass, tenant text, probed_key oid, OUT filled jsonb, OUT problem text)
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
		SELECT k.oid, k.conname, k.confrelid,
			   (SELECT jsonb_object_agg(c.attname, p.attname) FROM unnest(k.conkey, k.confkey) AS n (c, p)
					   JOIN pg_attribute c ON c.attrelid = k.conrelid AND c.attnum = n.c
					   JOIN pg_attribute p ON p.attrelid = k.confrelid AND p.attnum = n.p) AS columns,
			   EXISTS (SELECT FROM unnest(k.conkey) n JOIN pg_attribute c ON c.attrelid = k.conrelid AND c.attnum = n WHERE NOT c.attnotnull AND NOT c.atthasdef) AS nullable
		FROM pg_constraint k
		WHERE k.conrelid = relation AND k.contype = 'f'
		ORDER BY k.oid <> probed_key, k.conname
	LOOP
		CONTINUE WHEN key.nullable AND key.oid <> probed_key;
		SELECT * INTO status FROM tenant_guard.guard_status(key.confrelid);
		-- what the row has already it keeps: a key and its companion, or the tenants' own table and another
		SELECT * INTO parent FROM tenant_guard_internal.probe_parent(key.confrelid,
			(SELECT COALESCE(jsonb_object_agg(p, COALESCE(filled -> c, to_jsonb(tenant))) FILTER (WHERE filled ? c OR c = own_column), '{}') FROM jsonb_each_text(key.columns) AS k (c, p))
			|| CASE WHEN status.status IN ('guarded', 'damaged') THEN jsonb_build_object(status.tenant_column, tenant) ELSE '{}' END,
			ARRAY(SELECT p FROM jsonb_each_text(key.columns) AS k (c, p)));
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

-- Makes the rows that a row references beside those that were made for it: values that a CHECK asked for were invented.
CREATE FUNCTION tenant_guard_internal.probe_other_parents(relation regclass, content jsonb, filled jsonb) RETURNS text
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET session_replication_role = replica
AS $$
DECLARE
	key record;
	problem text;
BEGIN
	FOR key IN
		SELECT k.conname, k.confrelid, jsonb_object_agg(p.attname, content -> c.attname) AS wanted
		FROM pg_constraint k CROSS JOIN LATERAL unnest(k.conkey, k.confkey) AS n (c, p)
			 JOIN pg_attribute c ON c.attrelid = k.conrelid AND c.attnum = n.c
			 JOIN pg_attribute p ON p.attrelid = k.confrelid AND p.attnum = n.p
		WHERE k.conrelid = relation AND k.contype = 'f'
		GROUP BY k.oid HAVING bool_and(content ->> c.attname IS NOT NULL) AND NOT bool_and(filled ? c.attname)
		ORDER BY cardinality(k.conkey) DESC, k.conname
	LOOP
		SELECT p.problem INTO problem FROM tenant_guard_internal.probe_parent(key.confrelid, key.wanted, '{}') p;
		IF problem IS NOT NULL THEN
			RETURN format('no row of %s could be made for its key %I: %s', key.confrelid::regclass, key.conname, problem);
		END IF;
	END LOOP;
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION tenant_guard_internal.probe_other_parents(regclass, jsonb, jsonb) IS 'makes the rows that a row references; a part of prove()';
REVOKE ALL ON FUNCTION tenant_guard_internal.probe_other_parents(regclass, jsonb, jsonb) FROM PUBLIC;
