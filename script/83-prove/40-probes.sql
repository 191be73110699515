
--
-- What is tried of a table
--
-- What is probed, and what was made for it.
CREATE TYPE tenant_guard_internal.probe_subject AS (
	relation regclass,
	role oid,					-- who tries
	named boolean,				-- the caller named that role, and it is not prove()'s own
	search_path text,
	status text,				-- as guard_status() says
	detail text,
	tenant_column name,
	tenant_attnum smallint,
	key text,					-- the tenant column, quoted
	key_type text,
	key_oid oid,
	key_typmod integer,
	ways integer,				-- of trying: as it is; as in a replica; there without what would fire even so: 0, or 0 to 1 or 2
	relations oid[],			-- the table and its parts and children
	narrowed boolean,			-- policies of the application's own may hide a tenant's rows from it
	preloaded boolean,
	small boolean,				-- a statement without WHERE does no harm, though it is undone
	attacker oid,				-- who owns what the table's owner owns
	super boolean,				-- the owner is a superuser
	insertable text,			-- columns
	settable text,				-- a column, and
	setting text,				--   a value for it
	origin text,				-- where the rows are from, or why there are none
	choosy boolean,				-- a constraint, a domain or a partition does not accept every tenant
	alone boolean,				-- the table can hold rows of one tenant alone
	tenants text[],				-- who tries, and whose rows are tried
	at_a text,					-- where the row of the one is, and of the other; null: there are none
	at_b text,
	content_b jsonb,
	look_b text,				-- a query that tells if the other tenant's row is as it was,
	before_b text,				--   which is so
	everyones boolean);			-- rows without a tenant are everyone's
COMMENT ON TYPE tenant_guard_internal.probe_subject IS 'what prove() probes, and what it made for that';

-- What the catalogs say of a table that is probed.
CREATE FUNCTION tenant_guard_internal.probe_subject(relation regclass, role oid, named boolean, search_path text, OUT subject tenant_guard_internal.probe_subject)
RETURNS tenant_guard_internal.probe_subject
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	subject.relation := relation; subject.role := role; subject.named := named; subject.search_path := search_path;
	SELECT g.status, g.detail, g.tenant_column INTO subject.status, subject.detail, subject.tenant_column FROM tenant_guard.guard_status(relation) g;
	SELECT a.attnum, quote_ident(a.attname), format_type(a.atttypid, a.atttypmod), a.atttypid, a.atttypmod
	INTO subject.tenant_attnum, subject.key, subject.key_type, subject.key_oid, subject.key_typmod
	FROM pg_attribute a WHERE a.attrelid = relation AND a.attname = subject.tenant_column AND NOT a.attisdropped;
	subject.narrowed := EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = relation AND p.polname NOT IN (tenant_guard_internal.isolation_policy(), tenant_guard_internal.access_policy(), 'tenant_isolation_inserts', 'tenant_isolation_updates', 'tenant_isolation_deletes'));
	subject.choosy := EXISTS (SELECT FROM pg_class c WHERE c.oid = relation AND (c.relispartition OR c.relkind = 'p')
							  UNION ALL SELECT FROM pg_type t WHERE t.oid = subject.key_oid AND t.typtype = 'd'
							  UNION ALL SELECT FROM pg_constraint k WHERE k.conrelid = relation AND k.contype = 'c' AND subject.tenant_attnum = ANY (k.conkey));
	subject.everyones := EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = relation AND p.polname = tenant_guard_internal.isolation_policy() AND p.polcmd = 'r');
	subject.relations := tenant_guard_internal.probe_tree(relation);
	subject.preloaded := tenant_guard.library_preloaded();
	-- triggers and rules may refuse, or swallow, what policies would let pass
	SELECT COALESCE(max(CASE f.enabled WHEN 'O' THEN 1 ELSE 2 END), 0) INTO subject.ways
	FROM (SELECT g.tgenabled FROM pg_trigger g WHERE g.tgrelid = ANY (subject.relations) AND NOT g.tgisinternal
		  UNION ALL SELECT w.ev_enabled FROM pg_rewrite w WHERE w.ev_class = relation) f (enabled) WHERE f.enabled <> 'D';
	SELECT sum(c.reltuples) < 100000 AND COALESCE(sum(pg_relation_size(c.oid)), 0) < 32 * 1024 * 1024 INTO subject.small
	FROM pg_class c WHERE c.oid = ANY (subject.relations);
	SELECT r.rolsuper, tenant_guard_internal.probe_role(r.oid) INTO subject.super, subject.attacker
	FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner WHERE c.oid = relation;
	SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) FILTER (WHERE a.attgenerated = ''),
		   (array_agg(quote_ident(a.attname) ORDER BY a.attnum <> subject.tenant_attnum, a.attnum) FILTER (WHERE a.attgenerated = '' AND a.attidentity <> 'a'))[1]
	INTO subject.insertable, subject.settable
	FROM pg_attribute a WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped;
END
$$;
COMMENT ON FUNCTION tenant_guard_internal.probe_subject(regclass, oid, boolean, text) IS 'what the catalogs say of a table; a part of prove()';
REVOKE ALL ON FUNCTION tenant_guard_internal.probe_subject(regclass, oid, boolean, text) FROM PUBLIC;

-- Two tenants with a row each, made or found.
CREATE FUNCTION tenant_guard_internal.probe_two_rows(INOUT subject tenant_guard_internal.probe_subject)
RETURNS tenant_guard_internal.probe_subject
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	candidates text[];
	candidate text;
	known boolean := false;
	made record;
	row_a record;
	row_b record;
	told text;
BEGIN
	subject.alone := false; subject.tenants := '{}';
	IF tenant_guard_internal.probe_unpartitioned(subject.relation) THEN
		subject.origin := 'not tried: it has no partitions, and so can hold no rows';
		RETURN;
	END IF;
	candidates := tenant_guard_internal.probe_tenants(subject.relation, subject.tenant_attnum);
	LOOP
		-- where none of the invented ones will do, those that are there
		IF candidates = '{}' THEN
			EXIT WHEN known;
			known := true;
			candidates := tenant_guard_internal.probe_known_tenants(subject.relation, subject.tenant_attnum);
			CONTINUE;
		END IF;
		candidate := candidates[1];
		candidates := candidates[2:];
		CONTINUE WHEN candidate = ANY (subject.tenants);
		SELECT * INTO made FROM tenant_guard_internal.probe_row(subject.relation, jsonb_build_object(subject.tenant_column, candidate));
		IF made.content IS NOT NULL AND subject.tenants = '{}' THEN
			row_a := made; subject.tenants := ARRAY[made.content ->> subject.tenant_column];
		ELSIF made.content IS NOT NULL AND made.content ->> subject.tenant_column <> ALL (subject.tenants) THEN
			row_b := made; subject.tenants := subject.tenants || (made.content ->> subject.tenant_column);
			EXIT;
		END IF;
		told := COALESCE(made.problem, told);
		-- no other tenant's would do either
		EXIT WHEN made.problem IS NOT NULL AND NOT subject.choosy;
	END LOOP;
	subject.origin := 'two tenants were made, with a row each';
	IF cardinality(subject.tenants) < 2 THEN
		SELECT * INTO row_a FROM tenant_guard_internal.probe_locate(subject.relation, NULL, format('t.%s IS NOT NULL', subject.key));
		row_b := row_a;
		IF row_a.content IS NOT NULL THEN
			SELECT * INTO row_b FROM tenant_guard_internal.probe_locate(subject.relation, NULL, format('t.%s <> %L::%s', subject.key, row_a.content ->> subject.tenant_column, subject.key_type));
		END IF;
		IF row_a.content IS NULL THEN
			subject.origin := format('not tried: no rows could be made (%s), and there are none', told);
			RETURN;
		ELSIF row_b.content IS NULL THEN
			-- a partition of one tenant: its row is looked at by another, who has none
			subject.alone := true;
			row_b := row_a;
			subject.tenants := ARRAY[(tenant_guard_internal.probe_values(subject.key_oid, subject.key_typmod, (random() * 1000000000)::bigint))[1], row_b.content ->> subject.tenant_column];
			subject.origin := 'a row of one tenant was made or found, and none of another: what needs two is left out' || COALESCE(format(' (%s)', told), '');
		ELSE
			subject.tenants := ARRAY[row_a.content ->> subject.tenant_column, row_b.content ->> subject.tenant_column];
			subject.origin := format('rows of two tenants that are there were used, as none could be made (%s)', told);
		END IF;
	END IF;
	subject.at_a := format('tableoid = %s AND ctid = %L', row_a.part, row_a.place);
	subject.at_b := format('tableoid = %s AND ctid = %L', row_b.part, row_b.place);
	subject.content_b := row_b.content;
	subject.look_b := format('SELECT to_jsonb(t.*)::text FROM %s t WHERE t.tableoid = %s AND t.ctid = %L', subject.relation, row_b.part, row_b.place);
	subject.before_b := tenant_guard_internal.execute_as_owner(subject.relation, subject.look_b);
	subject.setting := CASE WHEN subject.settable = subject.key THEN format('%L::%s', subject.tenants[1], subject.key_type) ELSE subject.settable END;
END
$$;
COMMENT ON FUNCTION tenant_guard_internal.probe_two_rows(tenant_guard_internal.probe_subject) IS 'makes two tenants with a row each; a part of prove()';
REVOKE ALL ON FUNCTION tenant_guard_internal.probe_two_rows(tenant_guard_internal.probe_subject) FROM PUBLIC;

-- Reading another tenant's row.
CREATE FUNCTION tenant_guard_internal.probe_reading(subject tenant_guard_internal.probe_subject, OUT probe text, OUT ok boolean, OUT detail text, OUT ended timestamptz)
RETURNS SETOF record
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	tried record;
BEGIN
	-- A tenant sees its own row. All that follows would hold of a table that shows nobody anything.
	IF NOT subject.alone THEN
		probe := 'select_own';
		tried := tenant_guard_internal.probe_try(subject.role, subject.search_path, subject.tenants[1], format('SELECT EXISTS (SELECT FROM %s WHERE %s)', subject.relation, subject.at_a));
		IF tried.refused AND NOT has_table_privilege(subject.role, subject.relation, 'SELECT') THEN
			ok := true; detail := 'the role may not SELECT';
		ELSIF tried.state = '38000' OR tried.state = '42501' AND NOT tried.refused THEN
			SELECT * INTO ok, detail FROM tenant_guard_internal.probe_verdict(tried.state, false, tried.message, true, '', '');
		ELSIF tried.state <> '00000' THEN
			ok := false; detail := format('%s: %s', tried.state, tried.message);
		ELSIF tried.result = 't' THEN
			ok := true; detail := 'seen';
		ELSE
			ok := CASE WHEN subject.narrowed THEN NULL ELSE false END;
			detail := CASE WHEN subject.narrowed THEN 'not seen: policies of the application''s own may hide it' ELSE 'a tenant does not see its own row' END;
		END IF;
		ended := clock_timestamp();
		RETURN NEXT;
	END IF;

	probe := 'no_tenant';
	tried := tenant_guard_internal.probe_try(subject.role, subject.search_path, '', format('SELECT EXISTS (SELECT FROM %s%s)', subject.relation, CASE WHEN subject.everyones THEN format(' WHERE %s IS NOT NULL', subject.key) END));
	ok := CASE WHEN tried.state = '38000' OR tried.state = '42501' AND NOT tried.refused THEN NULL
			   ELSE tried.refused AND tried.state IN ('TG001', '42501') OR tried.state = '00000' AND tried.result = 'f' END;
	detail := CASE WHEN tried.state <> '00000' THEN format('%s: %s', tried.state, tried.message) WHEN ok THEN 'nothing is seen' ELSE 'rows are seen without a tenant' END;
	ended := clock_timestamp();
	RETURN NEXT;

	-- What follows is tried with tenant_guard.bypass on: it lifts the refusals of the library's hooks, and leaves what
	-- row-level security does alone, in sessions too that have not loaded the library.
	probe := 'select';
	tried := tenant_guard_internal.probe_try(subject.role, subject.search_path, subject.tenants[1],
		format('SELECT EXISTS (SELECT FROM %1$s WHERE %2$s) OR EXISTS (SELECT FROM %1$s WHERE %3$s %6$s %4$L::%5$s)', subject.relation, subject.at_b, subject.key, subject.tenants[1], subject.key_type,
				   CASE WHEN subject.everyones THEN '<>' ELSE 'IS DISTINCT FROM' END), true);
	SELECT * INTO ok, detail FROM tenant_guard_internal.probe_verdict(tried.state, tried.refused, tried.message, tried.result = 't', 'another tenant''s rows are not seen', 'another tenant''s rows are seen');
	ended := clock_timestamp();
	RETURN NEXT;

	-- the same for who owns what the owner does: FORCE binds him
	probe := 'select_as_owner';
	IF subject.super AND EXISTS (SELECT FROM pg_policy p JOIN pg_depend d ON d.classid = 'pg_policy'::regclass AND d.objid = p.oid AND d.refclassid <> 'pg_class'::regclass
						 WHERE p.polrelid = subject.relation AND p.polname NOT IN (tenant_guard_internal.isolation_policy(), tenant_guard_internal.access_policy(), 'tenant_isolation_inserts', 'tenant_isolation_updates', 'tenant_isolation_deletes')) THEN
		ok := NULL; detail := 'not tried: a superuser owns the table, and what its policies call would have his privileges';
	ELSE
		IF subject.super THEN
			-- who is his member has no schema by that
			PERFORM tenant_guard_internal.probe_allow(subject.attacker, subject.relation);
		END IF;
		tried := tenant_guard_internal.probe_try(subject.attacker, subject.search_path, subject.tenants[1],
			format('SELECT EXISTS (SELECT FROM %1$s WHERE %2$s) OR EXISTS (SELECT FROM %1$s WHERE %3$s %6$s %4$L::%5$s)', subject.relation, subject.at_b, subject.key, subject.tenants[1], subject.key_type,
				   CASE WHEN subject.everyones THEN '<>' ELSE 'IS DISTINCT FROM' END), true);
		SELECT * INTO ok, detail FROM tenant_guard_internal.probe_verdict(tried.state, tried.refused, tried.message, tried.result = 't', 'another tenant''s rows are not seen', 'the owner sees another tenant''s rows');
	END IF;
	ended := clock_timestamp();
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION tenant_guard_internal.probe_reading(tenant_guard_internal.probe_subject) IS 'tries to read another tenant''s row; a part of prove()';
REVOKE ALL ON FUNCTION tenant_guard_internal.probe_reading(tenant_guard_internal.probe_subject) FROM PUBLIC;

-- A row of everyone: both tenants see it, and neither makes, changes or deletes one, or gives a row of its own to everyone.
CREATE FUNCTION tenant_guard_internal.probe_everyones(subject tenant_guard_internal.probe_subject, OUT probe text, OUT ok boolean, OUT detail text, OUT ended timestamptz)
RETURNS SETOF record
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	made record;
	place text;
	item record;
	tried record;
	look text;
	before text;
BEGIN
	probe := 'everyones_row';
	SELECT * INTO made FROM tenant_guard_internal.probe_row(subject.relation, jsonb_build_object(subject.tenant_column, NULL));
	IF made.content IS NULL OR made.content ->> subject.tenant_column IS NOT NULL THEN
		ok := NULL; detail := format('not tried: no row without a tenant could be made (%s)', made.problem);
		ended := clock_timestamp();
		RETURN NEXT;
		RETURN;
	END IF;
	place := format('tableoid = %s AND ctid = %L', made.part, made.place);
	look := format('SELECT to_jsonb(t.*)::text FROM %s t WHERE t.tableoid = %s AND t.ctid = %L', subject.relation, made.part, made.place);
	before := tenant_guard_internal.execute_as_owner(subject.relation, look);
	FOR item IN SELECT t.tenant FROM unnest(subject.tenants) t (tenant) LOOP
		tried := tenant_guard_internal.probe_try(subject.role, subject.search_path, item.tenant, format('SELECT EXISTS (SELECT FROM %s WHERE %s)', subject.relation, place));
		ok := CASE WHEN tried.result = 't' OR tried.refused AND NOT has_table_privilege(subject.role, subject.relation, 'SELECT') THEN true
				   WHEN NOT subject.narrowed AND tried.state = '00000' THEN false END;
		detail := CASE WHEN tried.result = 't' THEN 'both tenants see it' ELSE concat_ws(' ', 'a tenant does not see it:', tried.state, tried.message) END;
		EXIT WHEN ok IS DISTINCT FROM true;
	END LOOP;
	ended := clock_timestamp();
	RETURN NEXT;

	FOR item IN
		SELECT v.probe, v.statement, v.wrong, v.inserts FROM (VALUES
			('everyones_row_insert', format('INSERT INTO %1$s (%2$s) OVERRIDING SYSTEM VALUE SELECT %2$s FROM jsonb_populate_record(NULL::%1$s, %3$L)', subject.relation, subject.insertable, made.content), 'a tenant makes a row of everyone', true),
			('everyones_row_update', format('UPDATE %s SET %s = %s WHERE %s', subject.relation, subject.settable, subject.settable, place), 'a tenant changes a row of everyone', false),
			('everyones_row_take', CASE WHEN subject.settable = subject.key THEN format('UPDATE %s SET %s = %L::%s WHERE %s', subject.relation, subject.key, subject.tenants[1], subject.key_type, place) END, 'a tenant takes a row of everyone', false),
			('everyones_row_delete', format('DELETE FROM %s WHERE %s', subject.relation, place), 'a tenant deletes a row of everyone', false),
			('everyones_row_give', CASE WHEN subject.settable = subject.key THEN format('UPDATE %s SET %s = NULL WHERE %s', subject.relation, subject.key, subject.at_a) END, 'a tenant gives its row to everyone', true)) AS v (probe, statement, wrong, inserts)
		WHERE v.statement IS NOT NULL
	LOOP
		probe := item.probe;
		FOR way IN 0..greatest(subject.ways, 1) LOOP
			tried := tenant_guard_internal.probe_try(subject.role, subject.search_path, subject.tenants[1], item.statement, true, way > 0, subject.relation, NULL, look, way = 2);
			EXIT WHEN tried.state = '00000' AND (tried.seen IS DISTINCT FROM before OR item.inserts AND tried.result <> '0')
				OR item.inserts AND tenant_guard_internal.passed_policies(tried.state, tried.culprit) OR subject.ways = 0 AND (tried.state = '00000' OR tried.refused);
		END LOOP;
		SELECT * INTO ok, detail FROM tenant_guard_internal.probe_verdict(CASE WHEN item.inserts AND tenant_guard_internal.passed_policies(tried.state, tried.culprit) THEN '00000' ELSE tried.state END,
			tried.refused, tried.message, tried.state <> '00000' OR tried.seen IS DISTINCT FROM before OR item.inserts AND tried.result <> '0', 'it is as it was', item.wrong);
		ended := clock_timestamp();
		RETURN NEXT;
	END LOOP;
END
$$;
COMMENT ON FUNCTION tenant_guard_internal.probe_everyones(tenant_guard_internal.probe_subject) IS 'tries to write a row of everyone; a part of prove()';
REVOKE ALL ON FUNCTION tenant_guard_internal.probe_everyones(tenant_guard_internal.probe_subject) FROM PUBLIC;

-- Inserting a row, of the tenant's own and of another's.
CREATE FUNCTION tenant_guard_internal.probe_inserting(subject tenant_guard_internal.probe_subject, OUT probe text, OUT ok boolean, OUT detail text, OUT ended timestamptz)
RETURNS SETOF record
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	tried record;
BEGIN
	-- a row of the tenant's own is let in, as far as row-level security is concerned
	IF NOT subject.alone THEN
		probe := 'insert_own';
		tried := tenant_guard_internal.probe_insert(subject.relation, subject.role, subject.search_path, subject.tenants[1], subject.insertable, subject.content_b || jsonb_build_object(subject.tenant_column, subject.tenants[1]), subject.ways);
		IF tried.refused AND (subject.narrowed OR NOT has_table_privilege(subject.role, subject.relation, 'INSERT')) THEN
			ok := CASE WHEN subject.narrowed THEN NULL ELSE true END; detail := tried.message;
		ELSIF tried.passed THEN
			ok := true; detail := 'let in';
		ELSE
			SELECT * INTO ok, detail FROM tenant_guard_internal.probe_verdict(tried.state, false, tried.message, true, '', 'not let in');
			IF tried.refused OR tried.state LIKE 'TG%' THEN
				ok := false; detail := format('%s: %s', tried.state, tried.message);
			END IF;
		END IF;
		ended := clock_timestamp();
		RETURN NEXT;
	END IF;

	probe := 'insert';
	tried := tenant_guard_internal.probe_insert(subject.relation, subject.role, subject.search_path, subject.tenants[1], subject.insertable, subject.content_b, subject.ways);
	SELECT * INTO ok, detail FROM tenant_guard_internal.probe_verdict(CASE WHEN tried.passed THEN '00000' ELSE tried.state END, tried.refused, tried.message, tried.passed,
		'no row was inserted', 'a row is inserted for another tenant');
	ended := clock_timestamp();
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION tenant_guard_internal.probe_inserting(tenant_guard_internal.probe_subject) IS 'tries to insert rows; a part of prove()';
REVOKE ALL ON FUNCTION tenant_guard_internal.probe_inserting(tenant_guard_internal.probe_subject) FROM PUBLIC;

-- Changing another tenant's row, and a row's tenant.
CREATE FUNCTION tenant_guard_internal.probe_changing(subject tenant_guard_internal.probe_subject, OUT probe text, OUT ok boolean, OUT detail text, OUT ended timestamptz)
RETURNS SETOF record
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	item record;
	tried record;
BEGIN
	-- changes of the other tenant's row, which must be as it was
	FOR item IN
		SELECT v.probe, v.statement, v.wrong, v.possible FROM (VALUES
			('update', format('UPDATE %s SET %s = %s WHERE %s', subject.relation, subject.settable, subject.settable, subject.at_b), 'another tenant''s row is updated', true),
			('update_all', format('UPDATE %s SET %s = %s', subject.relation, subject.settable, subject.setting), 'another tenant''s row is updated', subject.small),
			('delete', format('DELETE FROM %s WHERE %s', subject.relation, subject.at_b), 'another tenant''s row is deleted', true),
			('delete_all', format('DELETE FROM %s', subject.relation), 'another tenant''s row is deleted', subject.small)) AS v (probe, statement, wrong, possible)
		WHERE v.statement IS NOT NULL
	LOOP
		probe := item.probe;
		IF NOT item.possible THEN
			ok := NULL; detail := 'not tried: were it to succeed, too many rows would be changed and rolled back';
			ended := clock_timestamp();
			RETURN NEXT;
			CONTINUE;
		END IF;
		FOR way IN 0..greatest(subject.ways, 1) LOOP
			tried := tenant_guard_internal.probe_try(subject.role, subject.search_path, subject.tenants[1], item.statement, true, way > 0, subject.relation, NULL, subject.look_b, way = 2);
			EXIT WHEN tried.state = '00000' AND tried.seen IS DISTINCT FROM subject.before_b OR subject.ways = 0 AND (tried.state = '00000' OR tried.refused);
		END LOOP;
		SELECT * INTO ok, detail FROM tenant_guard_internal.probe_verdict(tried.state, tried.refused, tried.message, tried.seen IS DISTINCT FROM subject.before_b, 'another tenant''s row is as it was', item.wrong);
		ended := clock_timestamp();
		RETURN NEXT;
	END LOOP;

	IF NOT subject.alone THEN
		probe := 'move';
		IF subject.settable = subject.key THEN
			FOR way IN 0..greatest(subject.ways, 1) LOOP
				tried := tenant_guard_internal.probe_try(subject.role, subject.search_path, subject.tenants[1], format('UPDATE %s SET %s = %L::%s WHERE %s', subject.relation, subject.key, subject.tenants[2], subject.key_type, subject.at_a), true, way > 0, subject.relation, silent => way = 2);
				EXIT WHEN tried.state = '00000' AND tried.result <> '0' OR tenant_guard_internal.passed_policies(tried.state, tried.culprit)
					OR subject.ways = 0 AND (tried.state = '00000' OR tried.refused);
			END LOOP;
			SELECT * INTO ok, detail FROM tenant_guard_internal.probe_verdict(CASE WHEN tenant_guard_internal.passed_policies(tried.state, tried.culprit) THEN '00000' ELSE tried.state END, tried.refused, tried.message,
				tried.state <> '00000' OR tried.result <> '0', 'no row was moved', 'a row is moved to another tenant');
		ELSE
			ok := true; detail := 'the tenant column is computed';
		END IF;
		ended := clock_timestamp();
		RETURN NEXT;
	END IF;
END
$$;
COMMENT ON FUNCTION tenant_guard_internal.probe_changing(tenant_guard_internal.probe_subject) IS 'tries to change and to move rows; a part of prove()';
REVOKE ALL ON FUNCTION tenant_guard_internal.probe_changing(tenant_guard_internal.probe_subject) FROM PUBLIC;

-- INSERT ... ON CONFLICT with another tenant's row.
CREATE FUNCTION tenant_guard_internal.probe_upserting(subject tenant_guard_internal.probe_subject, OUT probe text, OUT ok boolean, OUT detail text, OUT ended timestamptz)
RETURNS SETOF record
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	item record;
	tried record;
	told text;
BEGIN
	-- a row whose key another tenant's row has: by a key without the tenant, if there is one
	SELECT string_agg(quote_ident(a.attname), ', ') AS columns, bool_or(a.attnum = subject.tenant_attnum) AS with_tenant INTO item
	FROM (SELECT i.indkey, i.indnkeyatts FROM pg_index i
		  WHERE i.indrelid = subject.relation AND i.indisunique AND i.indimmediate AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL
		  -- but where a tenant has one row only, as in the tenants' own table, by its key
		  ORDER BY (subject.tenant_attnum = ANY (i.indkey)) <> EXISTS (SELECT FROM pg_index o WHERE o.indrelid = subject.relation AND o.indisunique AND o.indkey::text = subject.tenant_attnum::text), i.indexrelid LIMIT 1) i
		 CROSS JOIN LATERAL unnest((i.indkey::int2[])[0:i.indnkeyatts - 1]) n
		 JOIN pg_attribute a ON a.attrelid = subject.relation AND a.attnum = n;
	IF item.columns IS NOT NULL AND subject.settable IS NOT NULL THEN
		probe := 'upsert';
		told := format('INSERT INTO %1$s (%2$s) OVERRIDING SYSTEM VALUE SELECT %2$s FROM jsonb_populate_record(NULL::%1$s, %3$L) ON CONFLICT (%4$s) DO UPDATE SET %5$s = EXCLUDED.%5$s',
					   subject.relation, subject.insertable, subject.content_b || CASE WHEN item.with_tenant THEN '{}' ELSE jsonb_build_object(subject.tenant_column, subject.tenants[1]) END, item.columns, subject.settable);
		FOR way IN 0..greatest(subject.ways, 1) LOOP
			tried := tenant_guard_internal.probe_try(subject.role, subject.search_path, subject.tenants[1], told, true, way > 0, subject.relation, NULL, subject.look_b, way = 2);
			EXIT WHEN tried.state = '00000' AND tried.seen IS DISTINCT FROM subject.before_b OR subject.ways = 0 AND (tried.state = '00000' OR tried.refused);
		END LOOP;
		SELECT * INTO ok, detail FROM tenant_guard_internal.probe_verdict(tried.state, tried.refused, tried.message, tried.seen IS DISTINCT FROM subject.before_b, 'another tenant''s row is as it was', 'another tenant''s row is updated');
		ended := clock_timestamp();
		RETURN NEXT;
	END IF;
END
$$;
COMMENT ON FUNCTION tenant_guard_internal.probe_upserting(tenant_guard_internal.probe_subject) IS 'tries to update another tenant''s row by ON CONFLICT; a part of prove()';
REVOKE ALL ON FUNCTION tenant_guard_internal.probe_upserting(tenant_guard_internal.probe_subject) FROM PUBLIC;

-- Letting a row of the tenant's own reference another tenant's row by a key.
CREATE FUNCTION tenant_guard_internal.probe_reference(subject tenant_guard_internal.probe_subject, foreign_key oid, OUT probe text, OUT ok boolean, OUT detail text)
RETURNS record
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	item record;
	made record;
	tried record;
	told text;
	other jsonb;
	own_row text;
BEGIN
	SELECT k.oid, k.conname, k.confrelid::regclass AS parent, (tenant_guard.guard_status(k.confrelid)).tenant_column AS parent_key,
		   (SELECT array_agg(c.attname ORDER BY n.place) FROM unnest(k.conkey) WITH ORDINALITY n (num, place) JOIN pg_attribute c ON c.attrelid = k.conrelid AND c.attnum = n.num) AS columns,
		   (SELECT array_agg(c.attname ORDER BY n.place) FROM unnest(k.confkey) WITH ORDINALITY n (num, place) JOIN pg_attribute c ON c.attrelid = k.confrelid AND c.attnum = n.num) AS parent_columns
	INTO item FROM pg_constraint k WHERE k.oid = foreign_key;
	probe := 'reference ' || item.conname;
	detail := NULL;
	SELECT r.filled, r.problem INTO other, told FROM tenant_guard_internal.probe_parents(subject.relation, subject.tenants[1], item.oid) r;
	IF told IS NULL THEN
		SELECT * INTO made FROM tenant_guard_internal.probe_row(subject.relation, other);
		IF made.problem IS NULL THEN
			told := tenant_guard_internal.probe_other_parents(subject.relation, made.content, other);
		END IF;
		told := COALESCE(told, 'no row of ' || subject.relation::text || ' could be made for it: ' || made.problem); -- null where it was made
	END IF;
	IF told IS NOT NULL THEN
		ok := NULL; detail := 'not tried: ' || told;
	ELSE
		own_row := format('tableoid = %s AND ctid = %L', made.part, made.place);
		SELECT * INTO made FROM tenant_guard_internal.probe_parent(item.parent, jsonb_build_object(item.parent_key, subject.tenants[2]), item.parent_columns);
		IF made.content IS NULL THEN
			ok := NULL; detail := format('not tried: no row of %s could be made to reference: %s', item.parent, made.problem);
		ELSE
			SELECT format('UPDATE %s SET %s WHERE %s', subject.relation, string_agg(format('%I = %L', c, made.content ->> p), ', '), own_row) INTO told
			FROM unnest(item.columns, item.parent_columns) AS n (c, p) WHERE c <> subject.tenant_column;
			-- here the keys must fire, and in the second way the table's own triggers not
			FOR way IN 0..least(subject.ways, 1) LOOP
				tried := tenant_guard_internal.probe_try(subject.role, subject.search_path, subject.tenants[1], told, true, false, subject.relation, silent => way = 1);
				EXIT WHEN tried.refused OR tried.state = '23503' OR tried.state = '00000' AND tried.result <> '0';
			END LOOP;
			IF tried.state = '00000' THEN
				ok := tried.result = '0'; detail := CASE WHEN ok THEN 'no row was changed' ELSE format('references a row of another tenant in %s', item.parent) END;
			ELSIF tried.refused
				  -- by the key itself, or by its companion
				  OR tried.state = '23503' AND (tried.culprit = item.conname
												OR EXISTS (SELECT FROM pg_constraint k JOIN pg_constraint o ON o.conrelid = k.conrelid AND o.confrelid = k.confrelid AND o.conkey @> k.conkey
														   WHERE k.oid = item.oid AND o.contype = 'f' AND o.conname = tried.culprit)) THEN
				ok := true; detail := format('refused: %s', tried.state);
			ELSE
				SELECT * INTO ok, detail FROM tenant_guard_internal.probe_verdict(tried.state, false, tried.message, true, '', '');
			END IF;
		END IF;
	END IF;
END
$$;
COMMENT ON FUNCTION tenant_guard_internal.probe_reference(tenant_guard_internal.probe_subject, oid) IS 'tries to let a row reference another tenant''s row; a part of prove()';
REVOKE ALL ON FUNCTION tenant_guard_internal.probe_reference(tenant_guard_internal.probe_subject, oid) FROM PUBLIC;

-- The same by each foreign key to a guarded table. What another references belongs to no tenant, and if it was declared so
-- there is nothing to try.
CREATE FUNCTION tenant_guard_internal.probe_references(subject tenant_guard_internal.probe_subject, OUT probe text, OUT ok boolean, OUT detail text, OUT ended timestamptz)
RETURNS SETOF record
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	foreign_key record;
	verdicts jsonb := '{}'; -- of columns: a key and its companion are tried by one statement
BEGIN
	FOR foreign_key IN
		SELECT k.oid, k.conname, k.confrelid::regclass AS parent, (tenant_guard.guard_status(k.confrelid)).status,
			   (SELECT k.confrelid || ':' || string_agg(n.c || '-' || n.p, ',' ORDER BY n.c) FROM unnest(k.conkey, k.confkey) AS n (c, p) WHERE n.c <> subject.tenant_attnum) AS columns
		FROM pg_constraint k
		WHERE NOT subject.alone AND k.conrelid = subject.relation AND k.contype = 'f' AND EXISTS (SELECT FROM unnest(k.conkey) n WHERE n <> subject.tenant_attnum)
			  AND (k.conparentid = 0 OR NOT EXISTS (SELECT FROM pg_constraint w WHERE w.oid = k.conparentid AND w.conrelid = subject.relation))
		ORDER BY k.conname
	LOOP
		probe := 'reference ' || foreign_key.conname;
		IF verdicts ? foreign_key.columns THEN
			ok := verdicts -> foreign_key.columns ->> 'ok'; detail := verdicts -> foreign_key.columns ->> 'detail';
		ELSIF foreign_key.status IN ('guarded', 'damaged') THEN
			SELECT r.ok, r.detail INTO ok, detail FROM tenant_guard_internal.probe_reference(subject, foreign_key.oid) r;
			verdicts := verdicts || jsonb_build_object(foreign_key.columns, jsonb_build_object('ok', ok, 'detail', detail));
		ELSE
			CONTINUE WHEN foreign_key.status = 'shared';
			ok := NULL;
			detail := format('not tried: %s is %s: its rows are no tenant''s, and any tenant''s rows can reference them', foreign_key.parent, foreign_key.status);
		END IF;
		ended := clock_timestamp();
		RETURN NEXT;
	END LOOP;
END
$$;
COMMENT ON FUNCTION tenant_guard_internal.probe_references(tenant_guard_internal.probe_subject) IS 'tries each foreign key; a part of prove()';
REVOKE ALL ON FUNCTION tenant_guard_internal.probe_references(tenant_guard_internal.probe_subject) FROM PUBLIC;

-- TRUNCATE
CREATE FUNCTION tenant_guard_internal.probe_truncating(subject tenant_guard_internal.probe_subject, OUT probe text, OUT ok boolean, OUT detail text, OUT ended timestamptz)
RETURNS SETOF record
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	tried record;
BEGIN
	-- by who owns what the owner does: other roles seldom have the privilege
	probe := 'truncate';
	tried := tenant_guard_internal.probe_try(subject.attacker, subject.search_path, subject.tenants[1], format('TRUNCATE %s', subject.relation));
	IF tried.state = '55P03' THEN
		ok := NULL; detail := 'not tried: others use the table';
	ELSE
		SELECT * INTO ok, detail FROM tenant_guard_internal.probe_verdict(CASE WHEN tried.state = '0A000' THEN '00000' ELSE tried.state END, tried.refused, tried.message, true, '', 'it is truncated');
	END IF;
	ended := clock_timestamp();
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION tenant_guard_internal.probe_truncating(tenant_guard_internal.probe_subject) IS 'tries to truncate a table; a part of prove()';
REVOKE ALL ON FUNCTION tenant_guard_internal.probe_truncating(tenant_guard_internal.probe_subject) FROM PUBLIC;
