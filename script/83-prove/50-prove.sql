
--
-- prove() itself
--
-- Every probe of one table. Rows made here stay until the caller undoes them.
CREATE FUNCTION tenant_guard_internal.probe_table(relation regclass, role oid, named boolean, search_path text, OUT probe text, OUT ok boolean, OUT detail text, OUT ended timestamptz)
RETURNS SETOF record
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	subject tenant_guard_internal.probe_subject := tenant_guard_internal.probe_subject(relation, role, named, search_path);
	told text;
BEGIN
	-- row-level security does not bind them, and who knows what is undone there
	SELECT string_agg(c.oid::regclass::text, ', ' ORDER BY c.oid::regclass::text) INTO told
	FROM pg_class c WHERE c.oid = ANY (subject.relations) AND c.relkind = 'f' AND (c.oid = relation OR subject.status IN ('guarded', 'damaged'));
	IF told IS NOT NULL THEN
		probe := 'foreign_part'; ok := NULL; detail := format('not tried: row-level security does not bind foreign tables: %s', told);
	ELSIF subject.status NOT IN ('guarded', 'damaged') THEN
		probe := 'guard'; ok := false; detail := format('is %s: there is nothing to prove', subject.status);
	ELSIF subject.tenant_attnum IS NULL THEN
		probe := 'guard'; ok := false; detail := subject.detail;
	ELSE
		subject := tenant_guard_internal.probe_two_rows(subject);
		probe := 'rows'; ok := CASE WHEN subject.at_a IS NOT NULL THEN true END; detail := subject.origin;
	END IF;
	ended := clock_timestamp();
	RETURN NEXT;
	IF subject.at_a IS NULL THEN
		RETURN;
	END IF;

	IF NOT named THEN
		PERFORM tenant_guard_internal.probe_allow(role, relation);
	END IF;
	RETURN QUERY SELECT * FROM tenant_guard_internal.probe_reading(subject);
	IF subject.everyones AND NOT subject.alone THEN
		RETURN QUERY SELECT * FROM tenant_guard_internal.probe_everyones(subject);
	END IF;
	RETURN QUERY SELECT * FROM tenant_guard_internal.probe_inserting(subject);
	RETURN QUERY SELECT * FROM tenant_guard_internal.probe_changing(subject);
	RETURN QUERY SELECT * FROM tenant_guard_internal.probe_upserting(subject);
	RETURN QUERY SELECT * FROM tenant_guard_internal.probe_references(subject);
	RETURN QUERY SELECT * FROM tenant_guard_internal.probe_truncating(subject);
	RETURN QUERY SELECT * FROM tenant_guard_internal.probe_views(subject);

	SELECT string_agg(quote_ident(g.tgname), ', ' ORDER BY g.tgname) INTO told
	FROM pg_trigger g WHERE g.tgrelid = subject.relation AND NOT g.tgisinternal AND g.tgenabled <> 'D' AND g.tgtype & 28 <> 0;
	IF told IS NOT NULL THEN
		probe := 'triggers'; ok := true;
		detail := format('could fire, and what they do outside of the database is not undone: %s', told);
		ended := clock_timestamp();
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

-- Rows like those of TAP: "ok" is null for what could not be tried, or, if that is strict, false; and the detail says why.
-- "duration" is the time since the row before, or since the table was begun.
CREATE FUNCTION prove(INOUT relation regclass DEFAULT NULL, role name DEFAULT NULL,
					  search_path text DEFAULT pg_catalog.current_setting('search_path'), strict boolean DEFAULT false,
					  OUT probe text, OUT ok boolean, OUT duration interval, OUT detail text)
RETURNS SETOF record
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	wanted regclass := relation;
	named boolean := role IS NOT NULL;
	prober oid := to_regrole(quote_ident(role));
	untried constant boolean := CASE WHEN strict THEN false END;
	target record;
	found record;
	began timestamptz; -- the probe
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
			HINT = CASE WHEN (SELECT s.source FROM pg_settings s WHERE s.name = 'tenant_guard.tenant_id') = 'session'
						THEN 'Run SELECT * FROM tenant_guard.prove() in a transaction of its own.'
						ELSE 'A tenant is stored for the database, the role or the server. Run SELECT tenant_guard.clear_tenant(); and in the same session SELECT * FROM tenant_guard.prove().' END;
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
				set_config('session_replication_role', 'replica', true), -- but while a statement is tried
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
			SELECT t.relation, (SELECT c.relpersistence = 't' FROM pg_class c WHERE c.oid = t.relation) AS temporary,
				   row_number() OVER (ORDER BY t.relation::text COLLATE "C") AS n, count(*) OVER () AS tables FROM tenant_guard.tables_and_partitions t
			WHERE CASE WHEN wanted IS NULL THEN t.status IN ('guarded', 'damaged')
					   ELSE t.relation = wanted OR t.relation IN (SELECT d.relid FROM pg_partition_tree(wanted) d) END
			ORDER BY t.relation::text COLLATE "C"
		LOOP
			relation := target.relation; began := clock_timestamp();
			PERFORM tenant_guard_internal.probe_role((SELECT c.relowner FROM pg_class c WHERE c.oid = target.relation)); -- once an owner, not a table
			BEGIN
				FOR found IN SELECT * FROM tenant_guard_internal.probe_table(target.relation, prober, named, CASE WHEN target.temporary THEN concat_ws(', ', 'pg_temp', NULLIF(search_path, '')) ELSE search_path END) LOOP
					probe := found.probe; ok := COALESCE(found.ok, untried); detail := found.detail; duration := found.ended - began; began := found.ended;
					RETURN NEXT;
				END LOOP;
				RAISE EXCEPTION 'undo' USING ERRCODE = 'TGP01';
			EXCEPTION
				WHEN SQLSTATE 'TGP01' THEN
					NULL;
				WHEN SQLSTATE 'TGP02' THEN
					probe := 'proof'; ok := untried; detail := format('not tried: %s', SQLERRM); duration := clock_timestamp() - began;
					RETURN NEXT;
				WHEN OTHERS THEN
					probe := 'proof'; ok := untried; detail := format('not tried: %s: %s', SQLSTATE, SQLERRM); duration := clock_timestamp() - began;
					RETURN NEXT;
			END;
			IF target.n % 100 = 0 AND target.n < target.tables THEN
				RAISE NOTICE 'prove() has tried % of % tables', target.n, target.tables;
			END IF;
		END LOOP;
		RAISE EXCEPTION 'undo' USING ERRCODE = 'TGP01';
	EXCEPTION WHEN SQLSTATE 'TGP01' THEN
		NULL;
	END;
END
$$;
COMMENT ON FUNCTION prove(regclass, name, text, boolean) IS 'tries to break the isolation of each guarded table, and undoes what it tried';
REVOKE ALL ON FUNCTION prove(regclass, name, text, boolean) FROM PUBLIC;
