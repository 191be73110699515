
--
-- Does isolation hold? For superusers: prove() tries to break it
--
-- What is tried is tried as a role that row-level security binds, in a subtransaction that is rolled back. The rows are
-- made with session_replication_role = replica, so that neither triggers nor foreign keys stand in the way; only they, since
-- each change of that setting makes the server plan everything anew.
--
-- Nothing of a table's owner, a trigger, default, CHECK, cast or view, may run as the superuser who proves: a statement
-- that names a table of the user's, or a type, goes through execute_as(), those that make rows and look at them as the
-- table's owner. The functions themselves speak of catalogs alone, in which pg_catalog comes first and pg_temp last (and is
-- never searched for functions), and of what stands there they read names, numbers and the text of expressions, which takes
-- built-in functions. Beside that the superuser makes roles, grants, revokes, and disables triggers: no user's code is called.

CREATE FUNCTION tenant_guard_internal.execute_as(role oid, search_path text, statement text, unforced boolean DEFAULT false) RETURNS text
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'tenant_guard_execute_as';
COMMENT ON FUNCTION tenant_guard_internal.execute_as(oid, text, text, boolean) IS 'carries out a statement as another role and returns its first value, or how many rows it changed; a part of prove()';
REVOKE ALL ON FUNCTION tenant_guard_internal.execute_as(oid, text, text, boolean) FROM PUBLIC;

-- A table, and what is a part or a child of it.
CREATE FUNCTION tenant_guard_internal.probe_tree(relation regclass) RETURNS oid[]
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
WITH RECURSIVE tree (part) AS (SELECT relation::oid UNION SELECT i.inhrelid FROM tree JOIN pg_inherits i ON i.inhparent = part)
SELECT array_agg(part) FROM tree
$$;
COMMENT ON FUNCTION tenant_guard_internal.probe_tree(regclass) IS 'a table, its partitions and its children; a part of prove()';
REVOKE ALL ON FUNCTION tenant_guard_internal.probe_tree(regclass) FROM PUBLIC;

-- Gives a role that prove() made what it is to have and nothing else. What it calls may belong to any of the owners, and
-- reads and writes with the role's privileges: so the role gets none that one of them lacks. "Writable" are tables and
-- views to write too; of all of them the schemas, those of the columns' types included.
CREATE FUNCTION tenant_guard_internal.probe_grant(role oid, owners oid[], writable oid[], readable oid[] DEFAULT '{}') RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET session_replication_role = replica
AS $$
DECLARE
	statement text;
BEGIN
	FOR statement IN
		SELECT format('REVOKE ALL ON %s FROM %I', CASE d.classid WHEN 'pg_class'::regclass THEN d.objid::regclass::text ELSE 'SCHEMA ' || d.objid::regnamespace END, pg_get_userbyid(role))
		FROM pg_shdepend d
		WHERE d.refclassid = 'pg_authid'::regclass AND d.refobjid = role AND d.deptype = 'a' AND d.classid IN ('pg_class'::regclass, 'pg_namespace'::regclass)
		UNION ALL
		SELECT format('GRANT %s ON %s TO %I', string_agg(p.privilege, ', '), r.relation::regclass, pg_get_userbyid(role))
		FROM (SELECT unnest(writable), true UNION SELECT unnest(readable), false) r (relation, written)
			 CROSS JOIN unnest(CASE WHEN r.written THEN '{SELECT,INSERT,UPDATE,DELETE}' ELSE '{SELECT}' END::text[]) p (privilege)
		WHERE (SELECT bool_and(has_table_privilege(o, r.relation, p.privilege)) FROM unnest(owners) o)
		GROUP BY r.relation
		UNION ALL
		SELECT format('GRANT USAGE ON SCHEMA %s TO %I', n.schema::regnamespace, pg_get_userbyid(role))
		FROM (SELECT c.relnamespace FROM pg_class c WHERE c.oid = ANY (writable || readable)
			  UNION
			  SELECT t.typnamespace FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
			  WHERE a.attrelid = ANY (writable) AND a.attnum > 0 AND t.typnamespace NOT IN ('pg_catalog'::regnamespace, 'tenant_guard'::regnamespace)) n (schema)
		WHERE (SELECT bool_and(has_schema_privilege(o, n.schema, 'USAGE')) FROM unnest(owners) o)
	LOOP
		EXECUTE statement;
	END LOOP;
	-- whoever owns a schema may have given its name to another meanwhile
	IF EXISTS (SELECT FROM pg_shdepend d
			   WHERE d.refclassid = 'pg_authid'::regclass AND d.refobjid = role AND d.deptype = 'a' AND d.classid = 'pg_class'::regclass
					 AND d.objid <> ALL (writable || readable)) THEN
		RAISE object_in_use USING MESSAGE = 'relations were renamed meanwhile';
	END IF;
END
$$;
COMMENT ON FUNCTION tenant_guard_internal.probe_grant(oid, oid[], oid[], oid[]) IS 'gives a role that prove() made the privileges that a probe needs; a part of prove()';
REVOKE ALL ON FUNCTION tenant_guard_internal.probe_grant(oid, oid[], oid[], oid[]) FROM PUBLIC;

CREATE FUNCTION tenant_guard_internal.foreign_function(relation regclass) RETURNS regprocedure
LANGUAGE C STABLE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'tenant_guard_foreign_function';
COMMENT ON FUNCTION tenant_guard_internal.foreign_function(regclass) IS 'a function of an ordinary role that a superuser''s table calls; a part of prove()';
REVOKE ALL ON FUNCTION tenant_guard_internal.foreign_function(regclass) FROM PUBLIC;

-- Who makes and finds the rows of a table: its owner. What would call functions of the one owner with the privileges of
-- another, or of an ordinary role with a superuser's, is not tried.
CREATE FUNCTION tenant_guard_internal.probe_maker(relation regclass) RETURNS oid
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	owner oid;
	super boolean;
	stranger regclass;
	foreign_function regprocedure;
BEGIN
	SELECT c.relowner, r.rolsuper INTO owner, super FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner WHERE c.oid = relation;
	IF EXISTS (SELECT FROM pg_inherits i WHERE i.inhparent = relation OR i.inhrelid = relation) THEN
		WITH RECURSIVE above (whole) AS (SELECT relation::oid UNION SELECT i.inhparent FROM above JOIN pg_inherits i ON i.inhrelid = whole)
		SELECT c.oid INTO stranger FROM pg_class c
		WHERE (c.oid = ANY (tenant_guard_internal.probe_tree(relation)) OR NOT super AND c.oid IN (SELECT whole FROM above))
			  AND c.relowner <> owner AND NOT pg_has_role(c.relowner, owner, 'MEMBER')
		ORDER BY c.oid LIMIT 1;
		IF stranger IS NOT NULL THEN
			RAISE EXCEPTION USING ERRCODE = 'TGP02', MESSAGE = format('%s and %s have different owners, and functions of the one would be called with the privileges of the other', relation, stranger);
		END IF;
	END IF;
	IF super THEN
		SELECT tenant_guard_internal.foreign_function(part) INTO foreign_function FROM unnest(tenant_guard_internal.probe_tree(relation)) part
		WHERE tenant_guard_internal.foreign_function(part) IS NOT NULL LIMIT 1;
		IF foreign_function IS NOT NULL THEN
			RAISE EXCEPTION USING ERRCODE = 'TGP02', MESSAGE = format('a superuser owns the table, and function %s, which an ordinary role owns, would be called with his privileges', foreign_function);
		END IF;
	END IF;
	RETURN owner;
END
$$;
COMMENT ON FUNCTION tenant_guard_internal.probe_maker(regclass) IS 'the role that makes and finds the rows of a table; a part of prove()';
REVOKE ALL ON FUNCTION tenant_guard_internal.probe_maker(regclass) FROM PUBLIC;

-- As the owner of a table, whom FORCE does not bind meanwhile: to make and find rows of every tenant.
CREATE FUNCTION tenant_guard_internal.execute_as_owner(relation regclass, statement text) RETURNS text
LANGUAGE sql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT tenant_guard_internal.execute_as(CASE WHEN o.rolsuper OR EXISTS (SELECT FROM pg_inherits i WHERE i.inhparent = relation OR i.inhrelid = relation)
									THEN tenant_guard_internal.probe_maker(relation) ELSE o.oid END, 'pg_catalog, pg_temp', statement, true)
FROM pg_class c JOIN pg_authid o ON o.oid = c.relowner WHERE c.oid = relation
$$;
COMMENT ON FUNCTION tenant_guard_internal.execute_as_owner(regclass, text) IS 'carries out a statement as the owner of a table, with FORCE ROW LEVEL SECURITY suspended; a part of prove()';
REVOKE ALL ON FUNCTION tenant_guard_internal.execute_as_owner(regclass, text) FROM PUBLIC;

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
	SELECT array_agg(a.attnum) INTO wanted
	FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
	WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
		  AND (fixed ? a.attname OR (a.attnotnull OR t.typnotnull) AND a.attidentity = '' AND NOT a.atthasdef);
	FOR attempt IN 1..80 LOOP
		names := ''; vals := '';
		FOR col IN SELECT a.attnum, a.attname, a.atttypid, a.atttypmod FROM pg_attribute a WHERE a.attrelid = relation AND a.attnum = ANY (wanted) ORDER BY a.attnum
		LOOP
			IF NOT fixed ? col.attname AND NOT choices ? col.attnum::text THEN
				choices := choices || jsonb_build_object(col.attnum, to_jsonb(COALESCE(tenant_guard_internal.probe_column_literals(relation, col.attnum), '{}')
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

		-- whose fault?
		suspects := CASE
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
			ELSE wanted END;
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
		IF content IS NOT NULL THEN
			problem := NULL;
		END IF;
	EXCEPTION WHEN OTHERS THEN
		NULL;
	END;
END
$$;
COMMENT ON FUNCTION tenant_guard_internal.probe_row(regclass, jsonb) IS 'inserts a row that the constraints accept; a part of prove()';
REVOKE ALL ON FUNCTION tenant_guard_internal.probe_row(regclass, jsonb) FROM PUBLIC;

-- Disables the triggers and rules of a table that would fire, until the try is undone: they may refuse, or swallow, what the
-- policies would let pass.
CREATE FUNCTION tenant_guard_internal.probe_silence(relation regclass, replica boolean) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET session_replication_role = replica
AS $$
DECLARE
	firing constant "char"[] := CASE WHEN replica THEN '{A,R}' ELSE '{A,O}' END;
	statement text;
BEGIN
	FOR statement IN
		SELECT format('ALTER TABLE ONLY %s DISABLE TRIGGER %I', g.tgrelid::regclass, g.tgname) FROM pg_trigger g
		WHERE g.tgrelid = ANY (tenant_guard_internal.probe_tree(relation)) AND NOT g.tgisinternal AND g.tgenabled = ANY (firing)
		UNION ALL
		SELECT format('ALTER TABLE ONLY %s DISABLE RULE %I', w.ev_class::regclass, w.rulename) FROM pg_rewrite w
		WHERE w.ev_class = relation AND w.ev_enabled = ANY (firing)
	LOOP
		EXECUTE statement;
	END LOOP;
END
$$;
COMMENT ON FUNCTION tenant_guard_internal.probe_silence(regclass, boolean) IS 'disables the triggers and rules of a table; a part of prove()';
REVOKE ALL ON FUNCTION tenant_guard_internal.probe_silence(regclass, boolean) FROM PUBLIC;

-- Tries a statement as a role and a tenant, looks what it has done, and undoes it. "before" and "afterwards" are said as
-- the owner of "relation"; "state" is 00000, or the SQLSTATE of the error, and "refused" says if that was a refusal. What a
-- role that prove() made has no privilege for is none, nor is with bypass what tenant_guard's functions raise.
CREATE FUNCTION tenant_guard_internal.probe_try(role oid, search_path text, tenant text, statement text, bypass boolean DEFAULT false, replica boolean DEFAULT false,
						  relation regclass DEFAULT NULL, before text DEFAULT NULL, afterwards text DEFAULT NULL, silent boolean DEFAULT false,
						  OUT result text, OUT seen text, OUT state text, OUT message text, OUT culprit text, OUT refused boolean)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	trying boolean := false;
BEGIN
	BEGIN
		IF silent THEN
			PERFORM tenant_guard_internal.probe_silence(relation, replica);
		END IF;
		IF before IS NOT NULL THEN
			PERFORM set_config('session_replication_role', 'replica', true);
			PERFORM tenant_guard_internal.execute_as_owner(relation, before);
		END IF;
		PERFORM set_config('tenant_guard.tenant_id', tenant, true),
				set_config('tenant_guard.bypass', bypass::text, true),
				set_config('session_replication_role', CASE WHEN replica THEN 'replica' ELSE 'origin' END, true);
		trying := true;
		result := tenant_guard_internal.execute_as(role, search_path, statement);
		trying := false;
		IF afterwards IS NOT NULL THEN
			PERFORM set_config('tenant_guard.bypass', 'on', true);
			seen := tenant_guard_internal.execute_as_owner(relation, afterwards);
		END IF;
		state := '00000';
		RAISE EXCEPTION 'undo' USING ERRCODE = 'TGP01';
	EXCEPTION
		WHEN SQLSTATE 'TGP01' THEN
			NULL;
		WHEN OTHERS THEN
			GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, culprit = CONSTRAINT_NAME;
	END;
	refused := trying AND (state LIKE 'TG%' AND NOT bypass OR state = '42501');
	IF state IN ('42501', '38000') AND message LIKE 'permission denied for%' AND starts_with(pg_get_userbyid(role), format('tenant_guard_probe_%s', pg_backend_pid())) THEN
		refused := false;
		message := message || '; prove() gives its role nothing that an owner lacks: name one that has it by prove(role => ...)';
	END IF;
END
$$;
COMMENT ON FUNCTION tenant_guard_internal.probe_try(oid, text, text, text, boolean, boolean, regclass, text, text, boolean) IS 'tries a statement and undoes it; a part of prove()';
REVOKE ALL ON FUNCTION tenant_guard_internal.probe_try(oid, text, text, text, boolean, boolean, regclass, text, text, boolean) FROM PUBLIC;

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

-- Values for the foreign keys of a table that nothing is to be wrong with: null where that may be, else those of a row
-- made for it. The tenant's rows reference rows of the tenant. "Except" is the key that is to be probed.
CREATE FUNCTION tenant_guard_internal.probe_parents(relation regclass, tenant text, except_key oid) RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET session_replication_role = replica
AS $$
DECLARE
	key record;
	parent record;
	status record;
	filled jsonb := '{}';
BEGIN
	FOR key IN
		SELECT k.oid, k.confrelid,
			   (SELECT jsonb_object_agg(c.attname, p.attname) FROM unnest(k.conkey, k.confkey) AS n (c, p)
					   JOIN pg_attribute c ON c.attrelid = k.conrelid AND c.attnum = n.c
					   JOIN pg_attribute p ON p.attrelid = k.confrelid AND p.attnum = n.p) AS columns,
			   EXISTS (SELECT FROM unnest(k.conkey) n JOIN pg_attribute c ON c.attrelid = k.conrelid AND c.attnum = n WHERE NOT c.attnotnull AND NOT c.atthasdef) AS nullable
		FROM pg_constraint k
		WHERE k.conrelid = relation AND k.contype = 'f' AND k.oid <> except_key
	LOOP
		CONTINUE WHEN key.nullable;
		SELECT * INTO status FROM tenant_guard.guard_status(key.confrelid);
		SELECT * INTO parent FROM tenant_guard_internal.probe_row(key.confrelid,
			CASE WHEN status.status IN ('guarded', 'damaged') THEN jsonb_build_object(status.tenant_column, tenant)
				 ELSE COALESCE((SELECT jsonb_object_agg(p, tenant) FROM jsonb_each_text(key.columns) AS c (c, p)
								WHERE c = (tenant_guard.guard_status(relation)).tenant_column), '{}') END);
		IF parent.content IS NULL THEN
			RETURN NULL;
		END IF;
		filled := filled || (SELECT jsonb_object_agg(c, parent.content -> p) FROM jsonb_each_text(key.columns) AS c (c, p));
	END LOOP;
	RETURN filled || jsonb_build_object((tenant_guard.guard_status(relation)).tenant_column, tenant);
END
$$;
COMMENT ON FUNCTION tenant_guard_internal.probe_parents(regclass, text, oid) IS 'makes rows for a row''s foreign keys to reference; a part of prove()';
REVOKE ALL ON FUNCTION tenant_guard_internal.probe_parents(regclass, text, oid) FROM PUBLIC;
