
-- Does this error come from behind the policies? They are judged before constraints are, and triggers, types and the
-- choice of a partition before them.
CREATE FUNCTION tenant_guard_internal.passed_policies(state text, culprit text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT state IN ('23502', '23503', '23505', '23P01') OR state = '23514' AND culprit <> ''
$$;
COMMENT ON FUNCTION tenant_guard_internal.passed_policies(text, text) IS 'whether a row that an error refused had passed the policies; a part of prove()';
REVOKE ALL ON FUNCTION tenant_guard_internal.passed_policies(text, text) FROM PUBLIC;

-- What a try tells. An error that is neither a refusal nor from behind the policies tells nothing.
CREATE FUNCTION tenant_guard_internal.probe_verdict(state text, refused boolean, message text, broken boolean, good text, bad text, OUT ok boolean, OUT detail text)
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT CASE WHEN refused THEN true
			WHEN state = '00000' THEN NOT broken END,
	   CASE WHEN refused THEN CASE state WHEN '38002' THEN 'what the view''s trigger did was refused' ELSE format('refused: %s', state) END
			WHEN state = '00000' THEN CASE WHEN broken THEN bad ELSE good END
			WHEN state IN ('38000', '38002') THEN format('not tried: a function that it calls raised: %s', message)
			ELSE format('not tried: %s: %s', state, message) END
$$;
COMMENT ON FUNCTION tenant_guard_internal.probe_verdict(text, boolean, text, boolean, text, text) IS 'what a try tells; a part of prove()';
REVOKE ALL ON FUNCTION tenant_guard_internal.probe_verdict(text, boolean, text, boolean, text, text) FROM PUBLIC;

-- Tries to insert a row, and if it is refused, or swallowed, tries again without triggers: it may have been one's doing.
CREATE FUNCTION tenant_guard_internal.probe_insert(relation regclass, role oid, search_path text, tenant text, columns text, content jsonb, ways integer,
							 OUT state text, OUT refused boolean, OUT message text, OUT passed boolean)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	statement text := format('INSERT INTO %1$s (%2$s) OVERRIDING SYSTEM VALUE SELECT %2$s FROM jsonb_populate_record(NULL::%1$s, %3$L)', relation, columns, content);
	tried record;
BEGIN
	FOR way IN 0..ways LOOP
		tried := tenant_guard_internal.probe_try(role, search_path, tenant, statement, true, way > 0, relation, silent => way = 2);
		state := tried.state; refused := tried.refused; message := tried.message;
		passed := tried.state = '00000' AND tried.result <> '0' OR tenant_guard_internal.passed_policies(tried.state, tried.culprit);
		EXIT WHEN passed;
	END LOOP;
END
$$;
COMMENT ON FUNCTION tenant_guard_internal.probe_insert(regclass, oid, text, text, text, jsonb, integer) IS 'tries to insert a row and undoes it; a part of prove()';
REVOKE ALL ON FUNCTION tenant_guard_internal.probe_insert(regclass, oid, text, text, text, jsonb, integer) FROM PUBLIC;

-- A role that is nothing special, and, with an owner, a member of that role: of no other, for what a table's owner wrote is
-- to do under it no more than under the owner. It goes with the transaction of the proof.
CREATE FUNCTION tenant_guard_internal.probe_role(owner oid DEFAULT NULL) RETURNS oid
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	name text := concat_ws('_', 'tenant_guard_probe', pg_backend_pid(), owner);
BEGIN
	-- which nobody can be made a member of
	IF owner = 'pg_database_owner'::regrole THEN
		SELECT d.datdba INTO owner FROM pg_database d WHERE d.datname = current_database();
	END IF;
	IF to_regrole(name) IS NULL THEN
		EXECUTE format('CREATE ROLE %I', name);
		IF owner IS NOT NULL THEN
			EXECUTE format('GRANT %I TO %I', pg_get_userbyid(owner), name);
		END IF;
	END IF;
	RETURN to_regrole(name);
END
$$;
COMMENT ON FUNCTION tenant_guard_internal.probe_role(oid) IS 'makes an ordinary role, or a member of a table''s owner; a part of prove()';
REVOKE ALL ON FUNCTION tenant_guard_internal.probe_role(oid) FROM PUBLIC;

-- What a view reads, itself first and the views that it reads included.
CREATE FUNCTION tenant_guard_internal.probe_reads(view regclass) RETURNS TABLE (relation oid, kind "char", owner oid)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
WITH RECURSIVE reads (relation) AS (
	SELECT view::oid
	UNION
	SELECT d.refobjid FROM reads r JOIN pg_rewrite w ON w.ev_class = r.relation AND w.ev_type = '1'
							  JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid AND d.refclassid = 'pg_class'::regclass
)
SELECT c.oid, c.relkind, c.relowner FROM reads r JOIN pg_class c ON c.oid = r.relation WHERE c.relkind IN ('r', 'p', 'f', 'v', 'm')
$$;
COMMENT ON FUNCTION tenant_guard_internal.probe_reads(regclass) IS 'the relations that a view reads; a part of prove()';
REVOKE ALL ON FUNCTION tenant_guard_internal.probe_reads(regclass) FROM PUBLIC;

-- Lets the role that prove() made try a table, or a view of it.
CREATE FUNCTION tenant_guard_internal.probe_allow(role oid, relation regclass, view regclass DEFAULT NULL) RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT tenant_guard_internal.probe_grant(role,
	ARRAY(SELECT c.relowner FROM pg_class c WHERE c.oid = ANY (tenant_guard_internal.probe_tree(relation)) UNION SELECT r.owner FROM tenant_guard_internal.probe_reads(view) r),
	ARRAY(SELECT relation::oid UNION SELECT r.relation FROM tenant_guard_internal.probe_reads(view) r WHERE r.kind = 'v'),
	ARRAY(SELECT r.relation FROM tenant_guard_internal.probe_reads(view) r WHERE r.kind <> 'v' AND r.relation <> probe_allow.relation))
$$;
COMMENT ON FUNCTION tenant_guard_internal.probe_allow(oid, regclass, regclass) IS 'gives a role the privileges on a table, or a view of it; a part of prove()';
REVOKE ALL ON FUNCTION tenant_guard_internal.probe_allow(oid, regclass, regclass) FROM PUBLIC;

-- Every probe of one table. Rows made here stay until the caller undoes them.
CREATE FUNCTION tenant_guard_internal.probe_table(relation regclass, role oid, named boolean, search_path text, OUT probe text, OUT ok boolean, OUT detail text)
RETURNS SETOF record
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	guard record;
	tenant_attnum smallint;
	key text;					-- the tenant column, quoted
	key_type text;
	key_oid oid;
	key_typmod integer;
	alone boolean := false;		-- the table can hold rows of one tenant alone
	ways integer;				-- of trying: as it is; as in a replica; there without what would fire even so: 0, or 0 to 1 or 2
	relations oid[];			-- the table and its parts and children
	narrowed boolean;			-- policies of the application's own may hide a tenant's rows from it
	preloaded boolean := tenant_guard.library_preloaded();
	small boolean;				-- a statement without WHERE does no harm, though it is undone
	tenants text[] := '{}';
	tenant text;
	made record;
	row_a record;
	row_b record;
	origin text;
	at_a text;
	at_b text;
	look_b text;				-- tells if the other tenant's rows are as they were
	before_b text;
	look text;
	insertable text;			-- columns
	settable text;				-- a column, and
	setting text;				--   a value for it
	attacker oid;				-- who owns what the table's owner owns
	super boolean;				-- the owner is a superuser
	tried record;
	item record;
	told text;
	other jsonb;
BEGIN
	SELECT * INTO guard FROM tenant_guard.guard_status(relation);
	SELECT a.attnum, quote_ident(a.attname), format_type(a.atttypid, a.atttypmod), a.atttypid, a.atttypmod INTO tenant_attnum, key, key_type, key_oid, key_typmod
	FROM pg_attribute a WHERE a.attrelid = relation AND a.attname = guard.tenant_column AND NOT a.attisdropped;
	SELECT EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = relation AND p.polname NOT IN ('tenant_isolation', 'tenant_access')) INTO narrowed;
	relations := tenant_guard_internal.probe_tree(relation);
	-- row-level security does not bind them, and who knows what is undone there
	SELECT string_agg(c.oid::regclass::text, ', ' ORDER BY c.oid::regclass::text) INTO told
	FROM pg_class c WHERE c.oid = ANY (relations) AND c.relkind = 'f' AND (c.oid = relation OR guard.status IN ('guarded', 'damaged'));
	IF told IS NOT NULL THEN
		probe := 'foreign_part'; ok := NULL; detail := format('not tried: row-level security does not bind foreign tables: %s', told);
		RETURN NEXT;
		RETURN;
	END IF;
	-- triggers and rules may refuse, or swallow, what policies would let pass
	SELECT COALESCE(max(CASE f.enabled WHEN 'O' THEN 1 ELSE 2 END), 0) INTO ways
	FROM (SELECT g.tgenabled FROM pg_trigger g WHERE g.tgrelid = ANY (relations) AND NOT g.tgisinternal
		  UNION ALL SELECT w.ev_enabled FROM pg_rewrite w WHERE w.ev_class = relation) f (enabled) WHERE f.enabled <> 'D';
	SELECT sum(c.reltuples) < 100000 AND COALESCE(sum(pg_relation_size(c.oid)), 0) < 32 * 1024 * 1024 INTO small
	FROM pg_class c WHERE c.oid = ANY (relations);

	probe := 'rows';
	IF guard.status NOT IN ('guarded', 'damaged') THEN
		probe := 'guard'; ok := false; detail := format('is %s: there is nothing to prove', guard.status);
		RETURN NEXT;
		RETURN;
	ELSIF tenant_attnum IS NULL THEN
		probe := 'guard'; ok := false; detail := guard.detail;
		RETURN NEXT;
		RETURN;
	END IF;

	-- two tenants with a row each
	FOR tenant IN SELECT * FROM tenant_guard_internal.probe_tenants(relation, tenant_attnum) LOOP
		CONTINUE WHEN tenant = ANY (tenants);
		SELECT * INTO made FROM tenant_guard_internal.probe_row(relation, jsonb_build_object(guard.tenant_column, tenant));
		IF made.content IS NOT NULL AND tenants = '{}' THEN
			row_a := made; tenants := ARRAY[tenant];
		ELSIF made.content IS NOT NULL THEN
			row_b := made; tenants := tenants || tenant;
			EXIT;
		END IF;
		told := COALESCE(made.problem, told);
		EXIT WHEN made.problem IS NOT NULL AND NOT EXISTS (
			SELECT FROM pg_class c WHERE c.oid = relation AND (c.relispartition OR c.relkind = 'p')
			UNION ALL SELECT FROM pg_constraint k WHERE k.conrelid = relation AND k.contype = 'c' AND tenant_attnum = ANY (k.conkey));
	END LOOP;
	origin := 'two tenants were made, with a row each';
	IF cardinality(tenants) < 2 THEN
		SELECT * INTO row_a FROM tenant_guard_internal.probe_locate(relation, NULL, format('t.%s IS NOT NULL', key));
		row_b := row_a;
		IF row_a.content IS NOT NULL THEN
			SELECT * INTO row_b FROM tenant_guard_internal.probe_locate(relation, NULL, format('t.%s <> %L::%s', key, row_a.content ->> guard.tenant_column, key_type));
		END IF;
		IF row_a.content IS NULL THEN
			ok := NULL; detail := format('not tried: no rows could be made (%s), and there are none', told);
			RETURN NEXT;
			RETURN;
		ELSIF row_b.content IS NULL THEN
			-- a partition of one tenant: its row is looked at by another, who has none
			alone := true;
			row_b := row_a;
			tenants := ARRAY[(tenant_guard_internal.probe_values(key_oid, key_typmod, (random() * 1000000000)::bigint))[1], row_b.content ->> guard.tenant_column];
			origin := 'a row of one tenant was made or found, and none of another: what needs two is left out';
		ELSE
			tenants := ARRAY[row_a.content ->> guard.tenant_column, row_b.content ->> guard.tenant_column];
			origin := format('rows of two tenants that are there were used, as none could be made (%s)', told);
		END IF;
	END IF;
	at_a := format('tableoid = %s AND ctid = %L', row_a.part, row_a.place);
	at_b := format('tableoid = %s AND ctid = %L', row_b.part, row_b.place);
	look_b := format('SELECT to_jsonb(t.*)::text FROM %s t WHERE t.tableoid = %s AND t.ctid = %L', relation, row_b.part, row_b.place);
	before_b := tenant_guard_internal.execute_as_owner(relation, look_b);
	SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) FILTER (WHERE a.attgenerated = ''),
		   (array_agg(quote_ident(a.attname) ORDER BY a.attnum <> tenant_attnum, a.attnum) FILTER (WHERE a.attgenerated = '' AND a.attidentity <> 'a'))[1]
	INTO insertable, settable
	FROM pg_attribute a WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped;
	setting := CASE WHEN settable = key THEN format('%L::%s', tenants[1], key_type) ELSE settable END;
	ok := true; detail := origin;
	RETURN NEXT;
	IF NOT named THEN
		PERFORM tenant_guard_internal.probe_allow(role, relation);
	END IF;

	-- A tenant sees its own row. All that follows would hold of a table that shows nobody anything.
	IF NOT alone THEN
		probe := 'select_own';
		tried := tenant_guard_internal.probe_try(role, search_path, tenants[1], format('SELECT EXISTS (SELECT FROM %s WHERE %s)', relation, at_a));
		IF tried.refused AND NOT has_table_privilege(role, relation, 'SELECT') THEN
			ok := true; detail := 'the role may not SELECT';
		ELSIF tried.state = '38000' OR tried.state = '42501' AND NOT tried.refused THEN
			SELECT * INTO ok, detail FROM tenant_guard_internal.probe_verdict(tried.state, false, tried.message, true, '', '');
		ELSIF tried.state <> '00000' THEN
			ok := false; detail := format('%s: %s', tried.state, tried.message);
		ELSIF tried.result = 't' THEN
			ok := true; detail := 'seen';
		ELSE
			ok := CASE WHEN narrowed THEN NULL ELSE false END;
			detail := CASE WHEN narrowed THEN 'not seen: policies of the application''s own may hide it' ELSE 'a tenant does not see its own row' END;
		END IF;
		RETURN NEXT;
	END IF;

	probe := 'no_tenant';
	tried := tenant_guard_internal.probe_try(role, search_path, '', format('SELECT EXISTS (SELECT FROM %s)', relation));
	ok := CASE WHEN tried.state = '38000' OR tried.state = '42501' AND NOT tried.refused THEN NULL
			   ELSE tried.refused AND tried.state IN ('TG001', '42501') OR tried.state = '00000' AND tried.result = 'f' END;
	detail := CASE WHEN tried.state <> '00000' THEN format('%s: %s', tried.state, tried.message) WHEN ok THEN 'nothing is seen' ELSE 'rows are seen without a tenant' END;
	RETURN NEXT;

	-- What follows is tried with tenant_guard.bypass on: it lifts the refusals of the library's hooks, and leaves what
	-- row-level security does alone, in sessions too that have not loaded the library.
	probe := 'select';
	tried := tenant_guard_internal.probe_try(role, search_path, tenants[1],
		format('SELECT EXISTS (SELECT FROM %1$s WHERE %2$s) OR EXISTS (SELECT FROM %1$s WHERE %3$s IS DISTINCT FROM %4$L::%5$s)', relation, at_b, key, tenants[1], key_type), true);
	SELECT * INTO ok, detail FROM tenant_guard_internal.probe_verdict(tried.state, tried.refused, tried.message, tried.result = 't', 'another tenant''s rows are not seen', 'another tenant''s rows are seen');
	RETURN NEXT;

	-- the same for who owns what the owner does: FORCE binds him
	probe := 'select_as_owner';
	SELECT r.rolsuper, tenant_guard_internal.probe_role(r.oid) INTO super, attacker FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner WHERE c.oid = relation;
	IF super AND EXISTS (SELECT FROM pg_policy p JOIN pg_depend d ON d.classid = 'pg_policy'::regclass AND d.objid = p.oid AND d.refclassid <> 'pg_class'::regclass
						 WHERE p.polrelid = relation AND p.polname NOT IN ('tenant_isolation', 'tenant_access')) THEN
		ok := NULL; detail := 'not tried: a superuser owns the table, and what its policies call would have his privileges';
	ELSE
		IF super THEN
			-- who is his member has no schema by that
			PERFORM tenant_guard_internal.probe_allow(attacker, relation);
		END IF;
		tried := tenant_guard_internal.probe_try(attacker, search_path, tenants[1],
			format('SELECT EXISTS (SELECT FROM %1$s WHERE %2$s) OR EXISTS (SELECT FROM %1$s WHERE %3$s IS DISTINCT FROM %4$L::%5$s)', relation, at_b, key, tenants[1], key_type), true);
		SELECT * INTO ok, detail FROM tenant_guard_internal.probe_verdict(tried.state, tried.refused, tried.message, tried.result = 't', 'another tenant''s rows are not seen', 'the owner sees another tenant''s rows');
	END IF;
	RETURN NEXT;

	-- a row of the tenant's own is let in, as far as row-level security is concerned
	IF NOT alone THEN
		probe := 'insert_own';
		tried := tenant_guard_internal.probe_insert(relation, role, search_path, tenants[1], insertable, row_b.content || jsonb_build_object(guard.tenant_column, tenants[1]), ways);
		IF tried.refused AND (narrowed OR NOT has_table_privilege(role, relation, 'INSERT')) THEN
			ok := CASE WHEN narrowed THEN NULL ELSE true END; detail := tried.message;
		ELSIF tried.passed THEN
			ok := true; detail := 'let in';
		ELSE
			SELECT * INTO ok, detail FROM tenant_guard_internal.probe_verdict(tried.state, false, tried.message, true, '', 'not let in');
			IF tried.refused OR tried.state LIKE 'TG%' THEN
				ok := false; detail := format('%s: %s', tried.state, tried.message);
			END IF;
		END IF;
		RETURN NEXT;
	END IF;

	probe := 'insert';
	tried := tenant_guard_internal.probe_insert(relation, role, search_path, tenants[1], insertable, row_b.content, ways);
	SELECT * INTO ok, detail FROM tenant_guard_internal.probe_verdict(CASE WHEN tried.passed THEN '00000' ELSE tried.state END, tried.refused, tried.message, tried.passed,
		'no row was inserted', 'a row is inserted for another tenant');
	RETURN NEXT;

	-- changes of the other tenant's row, which must be as it was
	FOR item IN
		SELECT v.probe, v.statement, v.wrong, v.possible FROM (VALUES
			('update', format('UPDATE %s SET %s = %s WHERE %s', relation, settable, settable, at_b), 'another tenant''s row is updated', true),
			('update_all', format('UPDATE %s SET %s = %s', relation, settable, setting), 'another tenant''s row is updated', small),
			('delete', format('DELETE FROM %s WHERE %s', relation, at_b), 'another tenant''s row is deleted', true),
			('delete_all', format('DELETE FROM %s', relation), 'another tenant''s row is deleted', small)) AS v (probe, statement, wrong, possible)
		WHERE v.statement IS NOT NULL
	LOOP
		probe := item.probe;
		IF NOT item.possible THEN
			ok := NULL; detail := 'not tried: were it to succeed, too many rows would be changed and rolled back';
			RETURN NEXT;
			CONTINUE;
		END IF;
		FOR way IN 0..greatest(ways, 1) LOOP
			tried := tenant_guard_internal.probe_try(role, search_path, tenants[1], item.statement, true, way > 0, relation, NULL, look_b, way = 2);
			EXIT WHEN tried.state = '00000' AND tried.seen IS DISTINCT FROM before_b OR ways = 0 AND (tried.state = '00000' OR tried.refused);
		END LOOP;
		SELECT * INTO ok, detail FROM tenant_guard_internal.probe_verdict(tried.state, tried.refused, tried.message, tried.seen IS DISTINCT FROM before_b, 'another tenant''s row is as it was', item.wrong);
		RETURN NEXT;
	END LOOP;

	IF NOT alone THEN
		probe := 'move';
		IF settable = key THEN
			FOR way IN 0..greatest(ways, 1) LOOP
				tried := tenant_guard_internal.probe_try(role, search_path, tenants[1], format('UPDATE %s SET %s = %L::%s WHERE %s', relation, key, tenants[2], key_type, at_a), true, way > 0, relation, silent => way = 2);
				EXIT WHEN tried.state = '00000' AND tried.result <> '0' OR tenant_guard_internal.passed_policies(tried.state, tried.culprit)
					OR ways = 0 AND (tried.state = '00000' OR tried.refused);
			END LOOP;
			SELECT * INTO ok, detail FROM tenant_guard_internal.probe_verdict(CASE WHEN tenant_guard_internal.passed_policies(tried.state, tried.culprit) THEN '00000' ELSE tried.state END, tried.refused, tried.message,
				tried.state <> '00000' OR tried.result <> '0', 'no row was moved', 'a row is moved to another tenant');
		ELSE
			ok := true; detail := 'the tenant column is computed';
		END IF;
		RETURN NEXT;
	END IF;

	-- a row whose key another tenant's row has: by a key without the tenant, if there is one
	SELECT string_agg(quote_ident(a.attname), ', ') AS columns, bool_or(a.attnum = tenant_attnum) AS with_tenant INTO item
	FROM (SELECT i.indkey, i.indnkeyatts FROM pg_index i
		  WHERE i.indrelid = relation AND i.indisunique AND i.indimmediate AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL
		  ORDER BY tenant_attnum = ANY (i.indkey), i.indexrelid LIMIT 1) i
		 CROSS JOIN LATERAL unnest((i.indkey::int2[])[0:i.indnkeyatts - 1]) n
		 JOIN pg_attribute a ON a.attrelid = relation AND a.attnum = n;
	IF item.columns IS NOT NULL AND settable IS NOT NULL THEN
		probe := 'upsert';
		told := format('INSERT INTO %1$s (%2$s) OVERRIDING SYSTEM VALUE SELECT %2$s FROM jsonb_populate_record(NULL::%1$s, %3$L) ON CONFLICT (%4$s) DO UPDATE SET %5$s = EXCLUDED.%5$s',
					   relation, insertable, row_b.content || CASE WHEN item.with_tenant THEN '{}' ELSE jsonb_build_object(guard.tenant_column, tenants[1]) END, item.columns, settable);
		FOR way IN 0..greatest(ways, 1) LOOP
			tried := tenant_guard_internal.probe_try(role, search_path, tenants[1], told, true, way > 0, relation, NULL, look_b, way = 2);
			EXIT WHEN tried.state = '00000' AND tried.seen IS DISTINCT FROM before_b OR ways = 0 AND (tried.state = '00000' OR tried.refused);
		END LOOP;
		SELECT * INTO ok, detail FROM tenant_guard_internal.probe_verdict(tried.state, tried.refused, tried.message, tried.seen IS DISTINCT FROM before_b, 'another tenant''s row is as it was', 'another tenant''s row is updated');
		RETURN NEXT;
	END IF;

	-- a row of the tenant's own that references another tenant's
	FOR item IN
		SELECT k.oid, k.conname, k.confrelid::regclass AS parent, (tenant_guard.guard_status(k.confrelid)).tenant_column AS parent_key,
			   (SELECT array_agg(c.attname ORDER BY n.place) FROM unnest(k.conkey) WITH ORDINALITY n (num, place) JOIN pg_attribute c ON c.attrelid = relation AND c.attnum = n.num) AS columns,
			   (SELECT array_agg(c.attname ORDER BY n.place) FROM unnest(k.confkey) WITH ORDINALITY n (num, place) JOIN pg_attribute c ON c.attrelid = k.confrelid AND c.attnum = n.num) AS parent_columns
		FROM pg_constraint k
		WHERE NOT alone AND k.conrelid = relation AND k.contype = 'f' AND (tenant_guard.guard_status(k.confrelid)).status IN ('guarded', 'damaged')
			  AND EXISTS (SELECT FROM unnest(k.conkey) n WHERE n <> tenant_attnum)
			  AND (k.conparentid = 0 OR NOT EXISTS (SELECT FROM pg_constraint w WHERE w.oid = k.conparentid AND w.conrelid = relation))
		ORDER BY k.conname
	LOOP
		probe := 'reference ' || item.conname;
		detail := NULL;
		other := tenant_guard_internal.probe_parents(relation, tenants[1], item.oid);
		IF other IS NOT NULL THEN
			SELECT * INTO made FROM tenant_guard_internal.probe_row(relation, other);
			other := made.content; told := made.problem;
		END IF;
		IF other IS NULL OR made.part IS NULL THEN
			ok := NULL; detail := concat_ws(': ', 'not tried: no row of the table could be made for it', told);
		ELSE
			at_a := format('tableoid = %s AND ctid = %L', made.part, made.place);
			SELECT * INTO made FROM tenant_guard_internal.probe_row(item.parent, jsonb_build_object(item.parent_key, tenants[2]));
			IF made.content IS NULL THEN
				ok := NULL; detail := concat_ws(': ', 'not tried: no row could be made to reference', made.problem);
			ELSE
				SELECT format('UPDATE %s SET %s WHERE %s', relation, string_agg(format('%I = %L', c, made.content ->> p), ', '), at_a) INTO told
				FROM unnest(item.columns, item.parent_columns) AS n (c, p) WHERE c <> guard.tenant_column;
				-- here the keys must fire, and in the second way the table's own triggers not
				FOR way IN 0..least(ways, 1) LOOP
					tried := tenant_guard_internal.probe_try(role, search_path, tenants[1], told, true, false, relation, silent => way = 1);
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
		RETURN NEXT;
	END LOOP;
	at_a := format('tableoid = %s AND ctid = %L', row_a.part, row_a.place);

	-- by who owns what the owner does: other roles seldom have the privilege
	probe := 'truncate';
	tried := tenant_guard_internal.probe_try(attacker, search_path, tenants[1], format('TRUNCATE %s', relation));
	IF tried.state = '55P03' THEN
		ok := NULL; detail := 'not tried: others use the table';
	ELSE
		SELECT * INTO ok, detail FROM tenant_guard_internal.probe_verdict(CASE WHEN tried.state = '0A000' THEN '00000' ELSE tried.state END, tried.refused, tried.message, true, '', 'it is truncated');
	END IF;
	RETURN NEXT;

	-- The same through each view. Where the library is preloaded its hooks are a part of the answer.
	FOR item IN
		WITH RECURSIVE reads (view) AS (
			SELECT w.ev_class FROM pg_rewrite w JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid
			WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = relation AND w.ev_type = '1' AND w.ev_class <> relation
			UNION
			SELECT w.ev_class FROM reads r JOIN pg_depend d ON d.refobjid = r.view
								  JOIN pg_rewrite w ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid
			WHERE d.refclassid = 'pg_class'::regclass AND w.ev_type = '1' AND w.ev_class <> r.view
		)
		SELECT c.oid::regclass AS view, pg_relation_is_updatable(c.oid, true) AS may,
			   (SELECT quote_ident(a.attname) FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = guard.tenant_column AND NOT a.attisdropped) AS key,
			   (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) FROM pg_attribute a JOIN pg_attribute o ON o.attrelid = relation AND o.attname = a.attname AND o.atttypid = a.atttypid
				WHERE a.attrelid = c.oid AND a.attnum > 0 AND o.attgenerated = '' AND o.attidentity <> 'a'
				AND (pg_column_is_updatable(c.oid, a.attnum, true) OR pg_relation_is_updatable(c.oid, false) = 0)) AS columns
		FROM reads r JOIN pg_class c ON c.oid = r.view AND c.relkind = 'v'
		WHERE NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
		ORDER BY c.oid::regclass::text
	LOOP
		-- without the tenant column what the view shows must not change with the other tenant's row
		probe := format('view %s', item.view);
		IF NOT named THEN
			PERFORM tenant_guard_internal.probe_allow(role, relation, item.view);
		END IF;
		IF item.key IS NOT NULL THEN
			tried := tenant_guard_internal.probe_try(role, search_path, tenants[1], format('SELECT EXISTS (SELECT FROM %s WHERE %s::text <> %L::%s::text)', item.view, item.key, tenants[1], key_type), NOT preloaded);
			SELECT * INTO ok, detail FROM tenant_guard_internal.probe_verdict(tried.state, tried.refused, tried.message, tried.result = 't', 'another tenant''s rows are not seen', 'another tenant''s rows are seen');
		END IF;
		IF item.key IS NULL OR ok THEN
			told := format('SELECT count(*) || COALESCE(md5(string_agg(md5((v.*)::text), '''' ORDER BY md5((v.*)::text))), '''') FROM %s v', item.view);
			tried := tenant_guard_internal.probe_try(role, search_path, tenants[1], told, NOT preloaded);
			SELECT * INTO ok, detail FROM tenant_guard_internal.probe_verdict(tried.state, tried.refused, tried.message, false, 'another tenant''s rows are not seen', '');
			IF tried.state = '00000' THEN
				detail := tried.result;
				tried := tenant_guard_internal.probe_try(role, search_path, tenants[1], told, NOT preloaded, false, relation, format('DELETE FROM %s WHERE %s', relation, at_b));
				IF tried.state = '00000' AND tried.result = detail THEN
					detail := 'another tenant''s rows are not seen';
				ELSIF tried.state = '00000' AND (tenant_guard_internal.probe_try(role, search_path, tenants[1], told, NOT preloaded)).result = detail THEN
					ok := false; detail := 'what it shows depends on another tenant''s row';
				ELSE
					ok := NULL; detail := concat_ws(': ', 'not tried: what it shows changes by itself', tried.message);
				END IF;
			END IF;
		END IF;
		RETURN NEXT;

		FOR made IN
			SELECT v.probe, v.statement FROM (VALUES
				('update through', format('UPDATE %s SET %s = %s WHERE %s::text = %L::%s::text', item.view, item.key, item.key, item.key, tenants[2], key_type), 4, item.key IS NOT NULL),
				('update_all through', format('UPDATE %s SET %s = %L::%s', item.view, item.key, tenants[1], key_type), 4, item.key IS NOT NULL AND small),
				('delete through', format('DELETE FROM %s WHERE %s::text = %L::%s::text', item.view, item.key, tenants[2], key_type), 16, item.key IS NOT NULL),
				('delete_all through', format('DELETE FROM %s', item.view), 16, small),
				('insert through', format('INSERT INTO %1$s (%2$s) SELECT %2$s FROM jsonb_populate_record(NULL::%3$s, %4$L)', item.view, item.columns, relation, row_b.content), 8, item.key IS NOT NULL AND item.columns IS NOT NULL)) AS v (probe, statement, may, possible)
			WHERE item.may & v.may <> 0 AND v.possible AND v.statement IS NOT NULL
		LOOP
			probe := format('%s %s', made.probe, item.view);
			-- what was inserted, or was not, is told by what passed; the rest by the row of the other tenant
			look := CASE WHEN made.probe LIKE 'insert%' THEN format('SELECT count(*)::text FROM %s WHERE %s = %L::%s', relation, key, tenants[2], key_type) ELSE look_b END;
			told := tenant_guard_internal.execute_as_owner(relation, look);
			FOR way IN 0..CASE WHEN pg_relation_is_updatable(item.view, false) = 0 THEN 0 ELSE greatest(ways, 1) END LOOP
				tried := tenant_guard_internal.probe_try(role, search_path, tenants[1], made.statement, NOT preloaded, way > 0, relation, NULL, look, way = 2);
				EXIT WHEN tried.state = '00000' AND tried.seen IS DISTINCT FROM told OR ways = 0 AND (tried.state = '00000' OR tried.refused)
					OR made.probe LIKE 'insert%' AND tenant_guard_internal.passed_policies(tried.state, tried.culprit);
			END LOOP;
			-- what an INSTEAD OF trigger was refused, the table's own triggers aside, is what the view does
			tried.refused := tried.refused OR tried.state = '38002' AND ways < 2 AND pg_relation_is_updatable(item.view, false) = 0;
			IF made.probe LIKE 'insert%' THEN
				SELECT * INTO ok, detail FROM tenant_guard_internal.probe_verdict(CASE WHEN tenant_guard_internal.passed_policies(tried.state, tried.culprit) THEN '00000' ELSE tried.state END, tried.refused, tried.message,
					tried.seen IS DISTINCT FROM told, 'no row was inserted', 'a row is inserted for another tenant');
			ELSE
				SELECT * INTO ok, detail FROM tenant_guard_internal.probe_verdict(tried.state, tried.refused, tried.message, tried.seen IS DISTINCT FROM before_b, 'another tenant''s row is as it was', 'another tenant''s row is changed');
			END IF;
			RETURN NEXT;
		END LOOP;
	END LOOP;

	SELECT string_agg(quote_ident(g.tgname), ', ' ORDER BY g.tgname) INTO told
	FROM pg_trigger g WHERE g.tgrelid = relation AND NOT g.tgisinternal AND g.tgenabled <> 'D' AND g.tgtype & 28 <> 0;
	IF told IS NOT NULL THEN
		probe := 'triggers'; ok := true;
		detail := format('could fire, and what they do outside of the database is not undone: %s', told);
		RETURN NEXT;
	END IF;
END
$$;
COMMENT ON FUNCTION tenant_guard_internal.probe_table(regclass, oid, boolean, text) IS 'every probe of one table; a part of prove()';
REVOKE ALL ON FUNCTION tenant_guard_internal.probe_table(regclass, oid, boolean, text) FROM PUBLIC;

-- Raises an error for what prove() cannot look at: no rows would look like a success.
CREATE FUNCTION tenant_guard_internal.probe_able(relation regclass) RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	hint constant text := 'Name a table, or none for all guarded tables.';
	kind "char";
	temporary boolean;
	extension name;
BEGIN
	SELECT c.relkind, pg_is_other_temp_schema(c.relnamespace) INTO kind, temporary FROM pg_class c WHERE c.oid = relation;
	SELECT e.extname INTO extension FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
	WHERE d.classid = 'pg_class'::regclass AND d.objid = relation AND d.deptype = 'e';
	IF kind IS NULL THEN
		RAISE undefined_table USING MESSAGE = format('relation with OID %s does not exist', relation::oid), HINT = hint;
	ELSIF kind IN ('v', 'm') THEN
		RAISE wrong_object_type USING MESSAGE = format(CASE kind WHEN 'v' THEN '%s is a view' ELSE '%s is a materialized view' END, relation),
			HINT = CASE kind WHEN 'v' THEN 'Name a table that the view reads: what can be done through the view is tried with it.' ELSE hint END;
	ELSIF kind NOT IN ('r', 'p') THEN
		RAISE wrong_object_type USING MESSAGE = format('%s is not a table', relation), HINT = hint;
	ELSIF EXISTS (SELECT FROM tenant_guard.tables_and_partitions t WHERE t.relation = probe_able.relation) THEN
		RETURN;
	ELSIF extension IS NOT NULL THEN
		RAISE wrong_object_type USING MESSAGE = format('table %s belongs to extension "%s"', relation, extension),
			DETAIL = 'Tables of extensions are not guarded, but as parts of guarded ones.', HINT = hint;
	ELSE
		RAISE wrong_object_type USING MESSAGE = format(CASE WHEN temporary THEN '%s is a temporary table of another session' ELSE '%s is a table of the system' END, relation), HINT = hint;
	END IF;
END
$$;
COMMENT ON FUNCTION tenant_guard_internal.probe_able(regclass) IS 'raises an error for what is no table of a user; a part of prove()';
REVOKE ALL ON FUNCTION tenant_guard_internal.probe_able(regclass) FROM PUBLIC;

-- Rows like those of TAP: "ok" is null for what could not be tried, and the detail says why.
CREATE FUNCTION prove(INOUT relation regclass DEFAULT NULL, role name DEFAULT NULL,
					  search_path text DEFAULT pg_catalog.current_setting('search_path'),
					  OUT probe text, OUT ok boolean, OUT detail text)
RETURNS SETOF record
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	wanted regclass := relation;
	named boolean := role IS NOT NULL;
	prober oid := to_regrole(quote_ident(role));
	target record;
	found record;
BEGIN
	IF NOT (SELECT r.rolsuper FROM pg_roles r WHERE r.rolname = current_user) THEN
		RAISE insufficient_privilege USING MESSAGE = 'must be superuser to prove the isolation of tenants',
			DETAIL = 'The proof makes rows of two tenants, and changes roles.';
	ELSIF prober IS NULL AND role IS NOT NULL THEN
		RAISE undefined_object USING MESSAGE = format('role "%s" does not exist', role);
	ELSIF (SELECT r.rolsuper FROM pg_roles r WHERE r.oid = prober) THEN
		RAISE invalid_parameter_value USING MESSAGE = format('role "%s" is a superuser', role),
			DETAIL = 'Row-level security does not bind it, and what tables'' triggers and policies call would run as a superuser.',
			HINT = 'Name the role that the application connects as, or none.';
	ELSIF tenant_guard.has_tenant() THEN
		RAISE object_not_in_prerequisite_state USING MESSAGE = 'isolation cannot be proved while a tenant is set',
			DETAIL = 'The proof acts for tenants of its own.',
			HINT = 'Run SELECT * FROM tenant_guard.prove() in a transaction of its own.';
	END IF;
	PERFORM tenant_guard.check_library();
	IF wanted IS NOT NULL THEN
		PERFORM tenant_guard_internal.probe_able(wanted);
	END IF;
	RAISE LOG 'tenant_guard: role "%" proves the isolation of tenants in database "%"', current_user, current_database();

	BEGIN
		PERFORM set_config('tenant_guard.one_tenant_per_transaction', 'off', true),
				set_config('tenant_guard.bypass', 'on', true),
				set_config('tenant_guard.log_bypass', 'off', true),
				set_config('row_security', 'on', true),
				set_config('tenant_guard.type_mismatch', 'off', true), -- a view may show the tenant as text
				set_config('session_replication_role', 'origin', true),
				set_config('lc_messages', 'C', true),
				set_config('lock_timeout', '1s', true);
		-- What is deferred would be carried out after the statement, by the superuser. What the caller's own transaction has
		-- deferred is so here and when it commits: it is the caller who changed those tables.
		SET CONSTRAINTS ALL IMMEDIATE;
		-- one of such a name that someone has made may have any privileges, or none
		IF EXISTS (SELECT FROM pg_roles r WHERE starts_with(r.rolname, format('tenant_guard_probe_%s', pg_backend_pid()))) THEN
			RAISE duplicate_object USING MESSAGE = format('a role whose name begins with "tenant_guard_probe_%s" exists', pg_backend_pid()),
				DETAIL = 'The proof makes roles of that name, and takes them back.', HINT = 'Drop the role, or prove in another session.';
		END IF;
		prober := COALESCE(prober, tenant_guard_internal.probe_role());
		FOR target IN
			-- a temporary table's name stands without its schema, and is not to find another's
			SELECT t.relation, (SELECT c.relpersistence = 't' FROM pg_class c WHERE c.oid = t.relation) AS temporary FROM tenant_guard.tables_and_partitions t
			WHERE CASE WHEN wanted IS NULL THEN t.status IN ('guarded', 'damaged')
					   ELSE t.relation = wanted OR t.relation IN (SELECT d.relid FROM pg_partition_tree(wanted) d) END
			ORDER BY t.relation::text COLLATE "C"
		LOOP
			relation := target.relation;
			PERFORM tenant_guard_internal.probe_role((SELECT c.relowner FROM pg_class c WHERE c.oid = target.relation)); -- once an owner, not a table
			BEGIN
				FOR found IN SELECT * FROM tenant_guard_internal.probe_table(target.relation, prober, named, CASE WHEN target.temporary THEN concat_ws(', ', 'pg_temp', NULLIF(search_path, '')) ELSE search_path END) LOOP
					probe := found.probe; ok := found.ok; detail := found.detail;
					RETURN NEXT;
				END LOOP;
				RAISE EXCEPTION 'undo' USING ERRCODE = 'TGP01';
			EXCEPTION
				WHEN SQLSTATE 'TGP01' THEN
					NULL;
				WHEN SQLSTATE 'TGP02' THEN
					probe := 'proof'; ok := NULL; detail := format('not tried: %s', SQLERRM);
					RETURN NEXT;
				WHEN OTHERS THEN
					probe := 'proof'; ok := NULL; detail := format('not tried: %s: %s', SQLSTATE, SQLERRM);
					RETURN NEXT;
			END;
		END LOOP;
		RAISE EXCEPTION 'undo' USING ERRCODE = 'TGP01';
	EXCEPTION WHEN SQLSTATE 'TGP01' THEN
		NULL;
	END;
END
$$;
COMMENT ON FUNCTION prove(regclass, name, text) IS 'tries to break the isolation of each guarded table, and undoes what it tried';
REVOKE ALL ON FUNCTION prove(regclass, name, text) FROM PUBLIC;
